"""How servers are asked over HTTP: the request for a text, and where the answer is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

JSON, PLAIN = "application/json", "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """The emotion of one text.

    Attributes:
        label: the most probable one.
        confidence: its probability, 0 to 1.
    """

    label: str
    confidence: float


@dataclass(frozen=True)
class Exchange:
    """A request and its answer.

    Attributes:
        path: of the URL.
        content_type: of the request.
        build: makes the body for a text.
        parse: reads the body of the answer; raises KeyError, ValueError, IndexError or TypeError
            if it is malformed.
    """

    path: str
    content_type: str
    build: Callable[[str], bytes]
    parse: Callable[[bytes], Answer]


def text_field(path: str) -> Exchange:
    """Returns `{"text": ...}` for `{"label": ..., "score": ...}`."""
    return Exchange(path, JSON, lambda text: _to_json({"text": text}), _parse_label)


def plain_text(path: str, *, parse: Callable[[bytes], Answer] | None = None) -> Exchange:
    """Returns the bare text for `{"label": ..., "score": ...}`, or for what `parse` reads."""
    return Exchange(path, PLAIN, lambda text: text.encode(), parse or _parse_label)


def parse_pair(body: bytes) -> Answer:
    """Reads `label=confidence`."""
    label, confidence = body.decode().rsplit("=", 1)
    return Answer(label, float(confidence))


def infinity(path: str) -> Exchange:
    """Returns infinity's request to classify, which takes several texts."""
    return Exchange(path, JSON, lambda text: _to_json({"input": [text]}), _parse_infinity)


def triton(model: str, *, tensor: str, shape: list[int], outputs: tuple[str, str]) -> Exchange:
    """Returns Triton's JSON (KServe v2).

    Args:
        model: its name.
        tensor: name of the input.
        shape: of the input; one text fills it.
        outputs: names of label and confidence.
    """
    wanted = [{"name": name} for name in outputs]

    def build(text: str) -> bytes:
        value = {"name": tensor, "shape": shape, "datatype": "BYTES", "data": [text]}
        return _to_json({"inputs": [value], "outputs": wanted})

    def parse(body: bytes) -> Answer:
        found = {each["name"]: each["data"][0] for each in json.loads(body)["outputs"]}
        return Answer(str(found[outputs[0]]), float(found[outputs[1]]))

    return Exchange(f"/v2/models/{model}/infer", JSON, build, parse)


def _parse_label(body: bytes) -> Answer:
    found = json.loads(body)
    return Answer(str(found["label"]), float(found["score"]))


def _parse_infinity(body: bytes) -> Answer:
    (classes,) = json.loads(body)["data"]
    best = max(classes, key=lambda each: each["score"])
    return Answer(str(best["label"]), float(best["score"]))


def _to_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
