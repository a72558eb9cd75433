"""Architectures that cannot run packed: a row's answer does not depend on its company."""

import numpy as np
import pytest
import torch
from architectures import build_architecture
from emotion_client.tokenizer import TextTokenizer
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.classifier import Classifier
from emotion_engine.errors import ForwardRefused
from emotion_engine.settings import EngineSettings
from emotion_training.checkpoint.prepare import prepare
from transformers import AutoModelForSequenceClassification

from checkpoints import TEXTS

# Those where padding changes the answer, for each reason, and one where it does not.
BY_LENGTH = {
    "fnet": "it has no attention mask",
    "gpt2": "it has no padding token",
    "llama": "it has no padding token",
    "xlnet": "it reads the last position",
}
PADDED = ("bart", "electra")
SETTINGS = EngineSettings(dtype="float32", max_batch_tokens=256)


@pytest.fixture(scope="module", params=[*BY_LENGTH, *PADDED])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def source(kind, tmp_path_factory):
    return build_architecture(kind, tmp_path_factory.mktemp("source") / kind)


@pytest.fixture(scope="module")
def checkpoint(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / "checkpoint"
    prepare(str(source), target=folder, max_length=64)
    return read_checkpoint(folder)


@pytest.fixture(scope="module")
def rows(checkpoint):
    """The ids of texts of many lengths, without those that have no token."""
    tokenizer = TextTokenizer(checkpoint.tokenizer_json(), max_length=checkpoint.max_length)
    found = [np.array(each.input_ids, dtype=np.int64) for each in tokenizer.encode(TEXTS)]
    return [row for row in found if len(row)]


def ask_plainly(source, row):
    model = AutoModelForSequenceClassification.from_pretrained(source, dtype=torch.float32).eval()
    with torch.inference_mode():
        return model(input_ids=torch.tensor(row[None])).logits.softmax(dim=1)[0].numpy()


def test_rows_together_answer_as_plain_transformers_alone(kind, source, checkpoint, rows):
    classifier = Classifier.load(checkpoint, settings=SETTINGS)
    assert classifier.encoder.is_padded is (kind in PADDED)
    outcome = classifier.predict(rows)
    assert not outcome.failures
    for row, answer in zip(rows, outcome.probabilities, strict=True):
        np.testing.assert_allclose(answer, ask_plainly(source, row), atol=1e-5)


def test_computed_tokens_are_those_of_the_forwards(kind, checkpoint):
    classifier = Classifier.load(checkpoint, settings=SETTINGS)
    rows = [np.full(size, 7, dtype=np.int64) for size in (3, 3, 10)]
    (forward,) = classifier.predict([np.append(row, 2) for row in rows]).forwards
    assert forward.num_tokens == 4 + 4 + 11
    assert forward.num_computed_tokens == (3 * 11 if kind in PADDED else 4 + 4 + 11)


def test_warm_up_of_a_model_that_cannot_compute_anything_raises(checkpoint, monkeypatch):
    classifier = Classifier.load(checkpoint, settings=SETTINGS)
    classifier.warm_up()

    def fail(**_):
        raise RuntimeError("no kernel")

    monkeypatch.setattr(classifier.encoder, "model", fail)
    with pytest.raises(ForwardRefused, match="no kernel"):
        classifier.warm_up()


def test_row_that_the_model_cannot_compute_fails_alone(tmp_path):
    prepare(
        str(build_architecture("bart", tmp_path / "source")),
        target=tmp_path / "checkpoint",
        max_length=64,
    )
    classifier = Classifier.load(read_checkpoint(tmp_path / "checkpoint"), settings=SETTINGS)
    # BART reads the last end of text: all rows of a batch must have as many, and one at least.
    one, two, none = (np.array(ids, dtype=np.int64) for ids in ([0, 7, 2], [0, 2, 2], [0, 7, 7]))
    outcome = classifier.predict([one, two, none])
    assert [*outcome.failures] == [2]
    assert isinstance(outcome.failures[2], ForwardRefused)
    with pytest.raises(ForwardRefused, match=r"^row 1: the model cannot compute 1 rows of 3 tok"):
        outcome.take(slice(1, 3))
    for row, answer in ((one, outcome.take(slice(0, 1))), (two, outcome.take(slice(1, 2)))):
        np.testing.assert_allclose(answer, classifier.predict([row]).probabilities, atol=1e-6)
