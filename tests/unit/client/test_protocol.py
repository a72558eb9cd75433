"""What goes over the wire, without any I/O."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion_client.errors import WrongServer
from emotion_client.protocol import (
    PROTOCOL,
    build_inputs,
    parse_info,
    parse_prediction,
)
from emotion_client.tokenizer import Encoding
from numpy.typing import NDArray

from checkpoints import LABELS

REVISION = "ab" * 32


class Result:
    """An answer of Triton, as tritonclient gives it."""

    def __init__(self, **outputs: NDArray[Any]) -> None:
        self.outputs = outputs

    def as_numpy(self, name: str) -> NDArray[Any] | None:
        return self.outputs.get(name)


def strings(*values: str, shape: tuple[int, ...] = (-1,)) -> NDArray[Any]:
    return np.array([value.encode() for value in values], dtype=object).reshape(shape)


def build_info(folder: Path, *, protocol: int = PROTOCOL) -> Result:
    return Result(
        tokenizer_json=strings((folder / "tokenizer.json").read_text(encoding="utf-8")),
        labels=strings(*LABELS),
        max_length=np.array([6], dtype=np.int32),
        problem_type=strings("single_label_classification"),
        revision=strings(REVISION),
        protocol=np.array([protocol], dtype=np.int32),
    )


def test_build_inputs_are_one_row_of_int64() -> None:
    ids, mask = build_inputs(Encoding([5, 6, 7], 3, False))
    assert [(x.name(), x.datatype(), x.shape()) for x in (ids, mask)] == [
        ("input_ids", "INT64", [1, 3]),
        ("attention_mask", "INT64", [1, 3]),
    ]
    content = [np.frombuffer(x._get_content(), dtype=np.int64).tolist() for x in (ids, mask)]
    assert content == [[5, 6, 7], [1, 1, 1]]


def test_parse_info_gives_tokenizer_labels_and_revision(
    prepared_of: Callable[[str], Path],
) -> None:
    info = parse_info(build_info(prepared_of("bert")), url="host:1")
    assert (info.labels, info.revision) == (LABELS, REVISION)
    (encoding,) = info.tokenizer.encode(["the " * 9])
    assert (len(encoding.input_ids), encoding.num_tokens) == (6, 11)


def test_parse_info_other_protocol_is_refused_with_both(
    prepared_of: Callable[[str], Path],
) -> None:
    with pytest.raises(WrongServer, match=r"host:1: .* protocol 2; this client 1"):
        parse_info(build_info(prepared_of("bert"), protocol=2), url="host:1")


def test_parse_prediction_gives_plain_python_values() -> None:
    result = Result(
        label=strings("joy", shape=(1, 1)),
        confidence=np.array([[0.75]], dtype=np.float32),
        probabilities=np.array([[0.25, 0.75]], dtype=np.float32),
        revision=strings(REVISION, shape=(1, 1)),
    )
    prediction = parse_prediction(
        result, encoding=Encoding([5], 300, True), labels=("anger", "joy")
    )
    assert (prediction.label, prediction.confidence) == ("joy", 0.75)
    assert type(prediction.confidence) is float
    assert prediction.scores == {"anger": 0.25, "joy": 0.75}
    assert {type(score) for score in prediction.scores.values()} == {float}
    assert (prediction.num_tokens, prediction.truncated) == (300, True)
    assert prediction.revision == REVISION
