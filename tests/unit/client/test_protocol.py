"""What goes over the wire, without any I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion_client.errors import ServerError, WrongServer
from emotion_client.protocol import (
    PROTOCOL,
    ServerInfo,
    build_info_request,
    build_request,
    parse_info,
    parse_predictions,
    read_revision,
)
from emotion_client.tokenizer import Encoding, TextTokenizer
from numpy.typing import NDArray
from tritonclient.grpc.service_pb2 import ModelInferRequest, ModelInferResponse

from checkpoints import LABELS

REVISION = "ab" * 32
ENCODINGS = [Encoding([5], 300, True), Encoding([5, 6], 2, False)]


def pack_strings(values: Sequence[str | bytes]) -> bytes:
    raw = [value.encode() if isinstance(value, str) else value for value in values]
    return b"".join(len(value).to_bytes(4, "little") + value for value in raw)


def build_response(**outputs: tuple[str, list[int], bytes]) -> Any:
    """Returns an answer with these outputs: datatype, shape, bytes."""
    response = ModelInferResponse()
    for name, (datatype, shape, raw) in outputs.items():
        response.outputs.add(name=name, datatype=datatype, shape=shape)
        response.raw_output_contents.append(raw)
    return response


def info_outputs(folder: Path) -> dict[str, tuple[str, list[int], bytes]]:
    document = (folder / "tokenizer.json").read_text(encoding="utf-8")
    return {
        "tokenizer_json": ("BYTES", [1], pack_strings([document])),
        "labels": ("BYTES", [len(LABELS)], pack_strings(LABELS)),
        "max_length": ("INT32", [1], (6).to_bytes(4, "little")),
        "problem_type": ("BYTES", [1], pack_strings(["single_label_classification"])),
        "revision": ("BYTES", [1], pack_strings([REVISION])),
        "protocol": ("INT32", [1], PROTOCOL.to_bytes(4, "little")),
    }


def prediction_outputs() -> dict[str, tuple[str, list[int], bytes]]:
    """Returns the outputs of `emotion` for two rows and the labels anger and joy."""
    return {
        "label": ("BYTES", [2, 1], pack_strings(["joy", "anger"])),
        "confidence": ("FP32", [2, 1], floats(0.75, 0.5)),
        "probabilities": ("FP32", [2, 2], floats(0.25, 0.75, 0.5, 0.5)),
        "revision": ("BYTES", [2, 1], pack_strings([REVISION, REVISION])),
    }


def floats(*values: float) -> bytes:
    return np.array(values, dtype="<f4").tobytes()


def read_input(request: ModelInferRequest, index: int) -> NDArray[np.int64]:
    tensor = request.inputs[index]
    raw = request.raw_input_contents[index]
    return np.frombuffer(raw, dtype="<i8").reshape(tuple(tensor.shape))


@pytest.fixture
def info(prepared_of: Callable[[str], Path]) -> ServerInfo:
    document = (prepared_of("bert") / "tokenizer.json").read_text(encoding="utf-8")
    tokenizer = TextTokenizer(document, max_length=6)
    return ServerInfo(("anger", "joy"), 6, "single_label_classification", REVISION, tokenizer)


def test_build_request_is_a_rectangle_padded_on_the_right() -> None:
    rows = [Encoding([5, 6, 7], 3, False), Encoding([8], 1, False)]
    request = build_request(rows, revision=REVISION)
    assert request.model_name == "emotion"
    assert request.parameters["revision"].string_param == REVISION
    assert [(x.name, x.datatype, list(x.shape)) for x in request.inputs] == [
        ("input_ids", "INT64", [2, 3]),
        ("attention_mask", "INT64", [2, 3]),
    ]
    assert read_input(request, 0).tolist() == [[5, 6, 7], [8, 0, 0]]
    assert read_input(request, 1).tolist() == [[1, 1, 1], [1, 0, 0]]


def test_build_info_request_asks_for_the_outputs_that_are_named() -> None:
    assert list(build_info_request().outputs) == []
    request = build_info_request("revision", "protocol")
    assert request.model_name == "emotion_info"
    assert [output.name for output in request.outputs] == ["revision", "protocol"]


def test_parse_info_gives_everything_that_is_told(prepared_of: Callable[[str], Path]) -> None:
    info = parse_info(build_response(**info_outputs(prepared_of("bert"))), url="host:1")
    assert (info.labels, info.revision, info.max_length) == (LABELS, REVISION, 6)
    assert info.problem_type == "single_label_classification"
    (encoding,) = info.tokenizer.encode(["the " * 9])
    assert (len(encoding.input_ids), encoding.num_tokens) == (6, 11)
    assert "tokenizer" not in repr(info)


def test_read_revision_of_the_short_answer(prepared_of: Callable[[str], Path]) -> None:
    outputs = info_outputs(prepared_of("bert"))
    short = build_response(**{name: outputs[name] for name in ("revision", "protocol")})
    assert read_revision(short, url="host:1") == REVISION


def test_parse_info_other_protocol_is_refused_with_both(
    prepared_of: Callable[[str], Path],
) -> None:
    outputs = info_outputs(prepared_of("bert"))
    outputs["protocol"] = ("INT32", [1], (2).to_bytes(4, "little"))
    with pytest.raises(WrongServer, match=r"host:1: .* protocol 2; this client 1"):
        parse_info(build_response(**outputs), url="host:1")


@pytest.mark.parametrize(
    "name", ["tokenizer_json", "labels", "max_length", "problem_type", "revision", "protocol"]
)
def test_parse_info_without_an_output_is_no_server_of_ours(
    name: str, prepared_of: Callable[[str], Path]
) -> None:
    outputs = info_outputs(prepared_of("bert"))
    del outputs[name]
    with pytest.raises(WrongServer, match=f"host:1: .*emotion_info lacks the output {name}"):
        parse_info(build_response(**outputs), url="host:1")


def test_parse_info_tokenizer_of_another_age_is_named(prepared_of: Callable[[str], Path]) -> None:
    outputs = info_outputs(prepared_of("bert"))
    outputs["tokenizer_json"] = ("BYTES", [1], pack_strings(['{"version": "9.0"}']))
    with pytest.raises(WrongServer, match="cannot be read by tokenizers here; install a newer"):
        parse_info(build_response(**outputs), url="host:1")


def test_parse_predictions_give_plain_python_values(info: ServerInfo) -> None:
    response = build_response(**prediction_outputs())
    first, second = parse_predictions(response, encodings=ENCODINGS, info=info, url="host:1")
    assert (first.label, first.confidence) == ("joy", 0.75)
    assert type(first.confidence) is float
    assert first.scores == {"anger": 0.25, "joy": 0.75}
    assert {type(score) for score in first.scores.values()} == {float}
    assert (first.num_tokens, first.truncated, first.revision) == (300, True, REVISION)
    assert (second.label, second.num_tokens, second.truncated) == ("anger", 2, False)


BAD_OUTPUTS = {
    "no-probabilities": ("probabilities", None, "lacks the output probabilities"),
    "a-row-too-few": (
        "probabilities",
        ("FP32", [1, 2], floats(0.5, 0.5)),
        r"has probabilities as FP32 \[1, 2\]; it must be FP32 \[2, 2\]",
    ),
    "a-label-too-many": ("probabilities", ("FP32", [2, 3], floats(*[0.1] * 6)), r"\[2, 3\]"),
    "another-rank": ("confidence", ("FP32", [2], floats(0.75, 0.5)), r"as FP32 \[2\]"),
    "another-datatype": ("confidence", ("FP64", [2, 1], b"\0" * 16), "as FP64"),
    "half-of-the-bytes": ("probabilities", ("FP32", [2, 2], floats(0.2, 0.8)), "has 8 bytes of"),
    "half-of-a-number": ("probabilities", ("FP32", [2, 2], b"\0" * 15), "has 15 bytes of"),
    "nan": (
        "probabilities",
        ("FP32", [2, 2], floats(float("nan"), 1, 0, 1)),
        "probabilities that are none",
    ),
    "above-one": ("probabilities", ("FP32", [2, 2], floats(0, 2, 0, 1)), "that are none"),
    "unknown-label": ("label", ("BYTES", [2, 1], pack_strings(["joy", "envy"])), "does not name"),
    "a-label-too-few": ("label", ("BYTES", [2, 1], pack_strings(["joy"])), "other bytes of label"),
    "string-cut-short": (
        "label",
        ("BYTES", [2, 1], pack_strings(["joy", "anger"])[:-1]),
        "other bytes of label",
    ),
    "length-beyond-the-end": ("label", ("BYTES", [2, 1], b"\xff" * 9), "other bytes of label"),
    "label-not-utf8": (
        "label",
        ("BYTES", [2, 1], pack_strings([b"\xff", b"joy"])),
        "a label that is not UTF-8",
    ),
}


@pytest.mark.parametrize(
    ("name", "output", "sentence"), BAD_OUTPUTS.values(), ids=BAD_OUTPUTS.keys()
)
def test_parse_predictions_answer_that_does_not_fit_is_a_server_error(
    name: str, output: Any, sentence: str, info: ServerInfo
) -> None:
    outputs = {**prediction_outputs(), name: output}
    response = build_response(**{key: each for key, each in outputs.items() if each})
    with pytest.raises(ServerError, match=f"^host:1: the answer .*{sentence}"):
        parse_predictions(response, encodings=ENCODINGS, info=info, url="host:1")


def test_parse_predictions_answer_whose_bytes_are_missing_is_a_server_error(
    info: ServerInfo,
) -> None:
    response = build_response(**prediction_outputs())
    del response.raw_output_contents[1:]
    with pytest.raises(ServerError, match="lacks the output"):
        parse_predictions(response, encodings=ENCODINGS, info=info, url="host:1")
