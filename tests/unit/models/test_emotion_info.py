"""The Triton shell of the checkpoint's facts, with a strict stand-in for Triton."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import fake_triton
import pytest
from emotion_client.protocol import PROTOCOL
from emotion_engine.checkpoint import compute_revision
from emotion_engine.errors import CheckpointError
from fake_triton import InferenceRequest, TritonError

from checkpoints import LABELS, MAX_LENGTH

MODEL = Path(__file__).parents[3] / "model_repository" / "emotion_info"
CONFIG = fake_triton.read_config(MODEL / "config.pbtxt")


@pytest.fixture(scope="module")
def module(load_model: Callable[[str], ModuleType]) -> ModuleType:
    return load_model("emotion_info")


@pytest.fixture
def model(module: ModuleType, repository: Path) -> Any:
    instance = module.TritonPythonModel()
    instance.initialize(fake_triton.build_args(repository / "emotion_info"))
    return instance


def test_execute_every_request_gets_the_facts(model: Any, repository: Path) -> None:
    responses = model.execute([InferenceRequest(), InferenceRequest()])
    checkpoint = repository / "emotion" / "1" / "checkpoint"
    assert len(responses) == 2
    for response in responses:
        outputs = fake_triton.check_answer(response, config=CONFIG)
        assert outputs["tokenizer_json"][0] == (checkpoint / "tokenizer.json").read_bytes()
        assert [label.decode() for label in outputs["labels"]] == list(LABELS)
        assert outputs["max_length"].tolist() == [MAX_LENGTH]
        assert outputs["problem_type"].tolist() == [b"single_label_classification"]
        assert outputs["revision"].tolist() == [compute_revision(checkpoint).encode()]
        assert outputs["protocol"].tolist() == [PROTOCOL]


def test_execute_unexpected_error_is_neutral_and_logged(
    model: Any, monkeypatch: pytest.MonkeyPatch, log: list[tuple[str, str]]
) -> None:
    monkeypatch.setitem(model.facts, "labels", None)
    (response,) = model.execute([InferenceRequest()])
    error = response.error()
    assert error.code() == TritonError.INTERNAL
    assert error.message() == "emotion_info failed on this request; the server's log says why"
    ((severity, line),) = log
    assert (severity, "Traceback" in line) == ("error", True)


def test_initialize_missing_checkpoint_stops_the_start(
    module: ModuleType, repository: Path
) -> None:
    args = fake_triton.build_args(
        repository / "emotion_info", parameters={"checkpoint": "../nothing"}
    )
    with pytest.raises(CheckpointError, match="missing"):
        module.TritonPythonModel().initialize(args)


def test_config_has_no_inputs_and_no_batches() -> None:
    assert (list(CONFIG.input), CONFIG.max_batch_size) == ([], 0)


def test_config_has_the_checkpoint_of_emotion_as_its_one_parameter() -> None:
    assert {name: value.string_value for name, value in CONFIG.parameters.items()} == {
        "checkpoint": "../emotion/1/checkpoint"
    }
