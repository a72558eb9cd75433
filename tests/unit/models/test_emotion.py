"""The Triton shell of the classifier, with a strict fake of Triton."""

import gc
import re

import fake_triton
import numpy as np
import pytest
from emotion_command.checkout import REPOSITORY
from emotion_engine.errors import OutOfMemory, SettingsError
from emotion_engine.settings import EngineSettings
from fake_triton import InferenceRequest, Metric, MetricFamily, TritonError, error_of

from checkpoints import LABELS, MAX_LENGTH

MODEL = REPOSITORY / "emotion"
CONFIG = fake_triton.read_config(MODEL / "config.pbtxt")
PARAMETERS = {"dtype": "float32", "encoder": "torch", "max_batch_tokens": "256", "num_threads": "1"}
HISTOGRAMS = (
    "emotion_batch_rows",
    "emotion_batch_tokens",
    "emotion_computed_tokens",
    "emotion_forward_seconds",
)
NEUTRAL = "the classifier failed on this request; the server's log says why"


@pytest.fixture(scope="module")
def module(load_model):
    return load_model("emotion")


@pytest.fixture
def model(module, repository, log):
    """A fresh instance: its metrics count from zero."""
    instance = module.TritonPythonModel()
    instance.initialize(fake_triton.build_args(repository / "emotion", parameters=PARAMETERS))
    ((severity, line),) = log
    assert severity == "info"
    assert re.search(
        r"emotion on cpu: .*max_batch_tokens=256.*num_threads=1.*encoder in torch \(chosen\)", line
    )
    log.clear()
    yield instance
    instance.finalize()
    del instance.metrics
    gc.collect()


def build_request(*row_lens, seed=0, parameters=None):
    mask = (np.arange(max(row_lens)) < np.array(row_lens)[:, None]).astype(np.int64)
    ids = np.random.default_rng(seed).integers(5, 200, size=mask.shape)
    return InferenceRequest(input_ids=ids, attention_mask=mask, parameters=parameters)


def build_bad_request():
    ids = np.array([[5, 6], [7, -8]])
    return InferenceRequest(input_ids=ids, attention_mask=np.ones_like(ids))


def rows_of(request):
    ids, mask = (tensor.as_numpy() for tensor in request.inputs())
    return [row[: keep.sum()] for row, keep in zip(ids, mask, strict=True)]


def observed(name):
    (metric,) = MetricFamily.alive[name].metrics
    return metric.values


def count_requests(kind):
    family = MetricFamily.alive[f"emotion_{kind}_requests_total"]
    return {metric.labels["reason"]: sum(metric.values) for metric in family.metrics}


def check_good(model, request, response):
    """Compares a response with the engine's answer to the same rows."""
    rows = rows_of(request)
    outputs = fake_triton.check_answer(response, config=CONFIG, num_rows=len(rows))
    expected = model.classifier.predict(rows).probabilities
    assert np.abs(outputs["probabilities"] - expected).max() <= 1e-5
    best = outputs["probabilities"].argmax(axis=1)
    assert outputs["label"].ravel().tolist() == [LABELS[i].encode() for i in best]
    assert np.array_equal(outputs["confidence"][:, 0], outputs["probabilities"].max(axis=1))
    assert set(outputs["revision"].ravel()) == {model.checkpoint.revision.encode()}


def test_model_file_has_at_most_100_lines():
    assert len((MODEL / "1" / "model.py").read_text().splitlines()) <= 100


def test_config_parameters_are_those_of_the_engine():
    parameters = {name: value.string_value for name, value in CONFIG.parameters.items()}
    assert set(parameters) == set(EngineSettings.__dataclass_fields__)
    EngineSettings.from_parameters(parameters)


def test_config_inputs_are_ragged():
    assert [(x.name, list(x.dims), x.allow_ragged_batch) for x in CONFIG.input] == [
        ("input_ids", [-1], True),
        ("attention_mask", [-1], True),
    ]
    assert CONFIG.max_batch_size == 64


def test_initialize_unknown_parameter_stops_the_start(module, repository):
    args = fake_triton.build_args(repository / "emotion", parameters={"max_tokens": "5"})
    with pytest.raises(SettingsError, match="unknown parameter 'max_tokens'"):
        module.TritonPythonModel().initialize(args)


def test_initialize_warm_up_is_not_observed(model):
    assert all(observed(name) == [] for name in HISTOGRAMS)


def test_execute_requests_of_different_lengths_are_answered_in_order(model):
    shapes = [(5,), (MAX_LENGTH, 3), (1,), (2, 40, 17, 40), range(1, 65)]
    requests = [build_request(*row_lens, seed=i) for i, row_lens in enumerate(shapes)]
    responses = model.execute(requests)
    for request, response in zip(requests, responses, strict=True):
        check_good(model, request, response)


def test_execute_bad_requests_get_their_sentences_and_do_not_affect_the_others(model):
    too_long = build_request(MAX_LENGTH + 1)
    good = [build_request(5), build_request(9, 2, seed=1), build_request(30, seed=2)]
    requests = [build_bad_request(), good[0], too_long, good[1], good[2], build_bad_request()]
    responses = model.execute(requests)
    sentence = "row 1: input_ids has the id -8 at position 1; limit is 0 to "
    for i in (0, 5):
        code, message = error_of(responses[i])
        assert code == TritonError.INVALID_ARG
        assert message.startswith(sentence)
    assert error_of(responses[2]) == (
        TritonError.INVALID_ARG,
        "input_ids has 129 tokens a row, padding included; limit is 128",
    )
    for request, i in zip(good, (1, 3, 4), strict=True):
        check_good(model, request, responses[i])


@pytest.mark.parametrize("asked", ["0" * 64, 7])
def test_execute_wrong_revision_is_refused_before_computing(model, asked):
    (response,) = model.execute([build_request(5, parameters={"revision": asked})])
    code, message = error_of(response)
    assert code == TritonError.INVALID_ARG
    assert "revision mismatch" in message
    assert str(asked) in message
    assert model.checkpoint.revision in message
    assert observed("emotion_batch_rows") == []


def test_execute_right_revision_and_other_parameters_are_accepted(model):
    parameters = {"revision": model.checkpoint.revision, "other": 1, "flag": True}
    request = build_request(5, parameters=parameters)
    (response,) = model.execute([request])
    check_good(model, request, response)


def test_execute_unreadable_request_fails_alone_with_a_neutral_sentence(model, log):
    good, broken = build_request(5), InferenceRequest(input_ids=np.array([[5]]))
    responses = model.execute([broken, good])
    assert error_of(responses[0]) == (TritonError.INTERNAL, NEUTRAL)
    check_good(model, good, responses[1])
    assert count_requests("failed") == {"internal": 1, "out_of_memory": 0}
    ((severity, line),) = log
    assert severity == "error"
    assert line.startswith("Traceback (most recent call last)")
    assert "AttributeError" in line


def test_execute_broken_classifier_fails_valid_requests_with_a_neutral_sentence(
    model, monkeypatch, log
):
    def fail(rows):
        raise RuntimeError("kernel went wrong")

    monkeypatch.setattr(model.classifier, "predict", fail)
    responses = model.execute([build_request(5), build_bad_request(), build_request(6)])
    assert error_of(responses[0]) == error_of(responses[2]) == (TritonError.INTERNAL, NEUTRAL)
    assert error_of(responses[1])[0] == TritonError.INVALID_ARG
    assert count_requests("failed") == {"internal": 2, "out_of_memory": 0}
    ((severity, line),) = log
    assert severity == "error"
    assert "RuntimeError: kernel went wrong" in line


def test_execute_answer_that_is_no_number_fails_its_request_and_is_logged(model, monkeypatch, log):
    compute = model.classifier.encoder.compute_logits

    def break_long_rows(batch):
        logits = compute(batch)
        logits[batch.row_lens > 100] = np.nan
        return logits

    good = build_request(5)
    with monkeypatch.context() as patch:
        patch.setattr(model.classifier.encoder, "compute_logits", break_long_rows)
        responses = model.execute([good, build_request(3, 4, 120, seed=1)])
    check_good(model, good, responses[0])
    sentence = (
        "row 2: the model's answer is not a number; try dtype float32, or check the checkpoint"
    )
    assert error_of(responses[1]) == (TritonError.INTERNAL, sentence)
    assert count_requests("failed") == {"internal": 1, "out_of_memory": 0}
    assert log == [("error", f"{sentence} ({model.classifier})")]


def test_execute_out_of_memory_fails_only_its_requests_as_unavailable(model, monkeypatch, log):
    compute = model.classifier.encoder.compute_logits

    def run_out_beyond_100(batch):
        if batch.row_lens.max() > 100:
            raise OutOfMemory(f"the device has no memory for {batch}")
        return compute(batch)

    requests = [build_request(5), build_request(120, seed=1), build_request(128, seed=2)]
    with monkeypatch.context() as patch:
        patch.setattr(model.classifier.encoder, "compute_logits", run_out_beyond_100)
        responses = model.execute([*requests, build_request(7, 128, seed=3)])
    check_good(model, requests[0], responses[0])
    for response in responses[1:]:
        code, message = error_of(response)
        assert code == TritonError.UNAVAILABLE
        assert message.startswith("the device has no memory for ")
    assert count_requests("failed") == {"internal": 0, "out_of_memory": 3}
    assert [severity for severity, _ in log] == ["error"] * 3


def test_metrics_have_one_observation_per_forward(model):
    model.execute([build_request(100), build_request(100, 100)])  # 300 tokens, 256 per forward
    model.finalize()
    assert observed("emotion_batch_rows") == [2, 1]
    assert observed("emotion_batch_tokens") == [200, 100]
    assert observed("emotion_computed_tokens") == [208, 112]
    seconds = observed("emotion_forward_seconds")
    assert len(seconds) == 2
    assert all(0 < value < 60 for value in seconds)


def test_metrics_invalid_requests_are_counted_by_reason(model):
    wrong = build_request(5, parameters={"revision": "x"})
    model.execute([build_bad_request(), wrong, build_request(5), build_bad_request()])
    assert count_requests("invalid") == {"vocabulary": 2, "revision": 1}


def test_metrics_live_as_long_as_the_model(model):
    gc.collect()
    model.execute([build_request(5), build_bad_request()])
    model.finalize()
    counters = {f"emotion_{kind}_requests_total" for kind in ("failed", "invalid")}
    assert set(MetricFamily.alive) == {*HISTOGRAMS, *counters}
    assert observed("emotion_batch_rows") == [1]


def test_metrics_failure_costs_no_request_its_answer(model, monkeypatch, log):
    def fail(self, value):
        raise RuntimeError("the pipe is broken")

    monkeypatch.setattr(Metric, "observe", fail)
    monkeypatch.setattr(Metric, "increment", fail)
    request = build_request(5)
    responses = model.execute([request, build_bad_request()])
    model.finalize()
    check_good(model, request, responses[0])
    assert error_of(responses[1])[0] == TritonError.INVALID_ARG
    assert [severity for severity, _ in log] == ["warn", "warn"]
    assert all("the pipe is broken" in line for _, line in log)
