"""The Triton shell of the checkpoint's facts, with a strict fake of Triton."""

import fake_triton
import pytest
from emotion_client.protocol import PROTOCOL
from emotion_command.checkout import REPOSITORY
from emotion_engine.checkpoint import compute_revision
from emotion_engine.errors import CheckpointError
from fake_triton import InferenceRequest, TritonError, error_of

from checkpoints import LABELS, MAX_LENGTH

CONFIG = fake_triton.read_config(REPOSITORY / "emotion_info" / "config.pbtxt")


@pytest.fixture(scope="module")
def module(load_model):
    return load_model("emotion_info")


@pytest.fixture
def model(module, repository):
    instance = module.TritonPythonModel()
    instance.initialize(fake_triton.build_args(repository / "emotion_info"))
    return instance


def test_execute_every_request_gets_the_facts(model, repository):
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


def test_execute_unexpected_error_is_neutral_and_logged(model, monkeypatch, log):
    monkeypatch.setitem(model.facts, "labels", None)
    (response,) = model.execute([InferenceRequest()])
    sentence = "emotion_info failed on this request; the server's log says why"
    assert error_of(response) == (TritonError.INTERNAL, sentence)
    ((severity, line),) = log
    assert (severity, "Traceback" in line) == ("error", True)


def test_initialize_missing_checkpoint_stops_the_start(module, repository):
    args = fake_triton.build_args(
        repository / "emotion_info", parameters={"checkpoint": "../nothing"}
    )
    with pytest.raises(CheckpointError, match="missing"):
        module.TritonPythonModel().initialize(args)


def test_config_has_no_inputs_and_no_batches():
    assert (list(CONFIG.input), CONFIG.max_batch_size) == ([], 0)
