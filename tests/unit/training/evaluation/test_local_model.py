"""A checkpoint in this process answers as plain transformers does."""

import numpy as np
import pytest
from architectures import build_architecture
from emotion_command.checkout import ADAPTER
from emotion_engine.checkpoint import compute_revision, read_checkpoint
from emotion_training.checkpoint.prepare import prepare
from emotion_training.errors import ModelError, PrepareError
from emotion_training.evaluation import local_model
from emotion_training.evaluation.local_model import load
from transformers import AutoTokenizer

from checkpoints import KINDS, LABELS, MAX_LENGTH, TEXTS, edit_json, reference_probabilities


def predict(model, *, batch_size=64, advance=lambda num_done: None):
    return model.predict(TEXTS, batch_size=batch_size, advance=advance)


@pytest.mark.parametrize("kind", KINDS)
def test_predict_every_kind_is_plain_transformers(kind, source_of):
    model = load(str(source_of(kind)))
    assert (model.facts.labels, model.facts.max_length) == (LABELS, MAX_LENGTH)
    answer = predict(model)
    assert answer.dtype == np.float32
    expected = reference_probabilities(source_of(kind), TEXTS)
    np.testing.assert_allclose(answer, expected, atol=1e-5)


@pytest.mark.parametrize("padding_id", [None, 1])
def test_predict_decoder_without_a_padding_token_is_plain_transformers(padding_id, tmp_path):
    source = build_architecture("gpt2", tmp_path / "source")
    edit_json(source / "config.json", pad_token_id=padding_id)
    texts = [text for text in TEXTS if text]
    model = load(str(source))
    answer = model.predict(texts, batch_size=64, advance=lambda num_done: None)
    expected = [reference_probabilities(source, [text])[0] for text in texts]
    np.testing.assert_allclose(answer, expected, atol=1e-5)
    with pytest.raises(ModelError, match="makes no token of an empty text"):
        predict(model)


@pytest.mark.parametrize("batch_size", [1, 5, 12, 1000])
def test_predict_any_batch_size_keeps_the_order_and_reports_all(batch_size, source_of):
    model, reports = load(str(source_of("bert"))), []
    answer = predict(model, batch_size=batch_size, advance=reports.append)
    np.testing.assert_allclose(answer, predict(model), atol=1e-5)
    assert sum(reports) == len(TEXTS)
    assert max(reports) <= batch_size
    assert len(reports) >= model.count_steps(len(TEXTS), batch_size=batch_size)


def test_predict_tokenizes_in_parts(source_of, monkeypatch):
    model = load(str(source_of("bert")))
    expected = predict(model)
    monkeypatch.setattr(local_model, "NUM_TOKENIZED_AT_ONCE", 5)
    assert (predict(model) == expected).all()


def test_load_prepared_folder_has_the_revision_that_a_server_shows(prepared_of):
    facts = load(str(prepared_of("bert"))).facts
    assert facts.revision == compute_revision(prepared_of("bert"))
    assert (facts.name, facts.is_served) == ("bert", False)


def test_load_weights_in_half_precision_are_computed_in_float32(source):
    model = load(str(source))
    model.network.bfloat16().save_pretrained(source)
    assert {each.dtype.itemsize for each in load(str(source)).network.parameters()} == {4}


def test_load_shipped_adapter_is_merged_into_its_base():
    facts = load(str(ADAPTER)).facts
    assert (facts.labels, facts.max_length) == (LABELS, 128)
    assert (facts.name, facts.revision) == (ADAPTER.name, None)


def test_load_without_a_name_takes_what_the_repository_serves(prepared_of, monkeypatch):
    target = prepared_of("bert")
    monkeypatch.setattr(local_model, "ROOT", target.parents[1])
    monkeypatch.setattr(local_model, "CHECKPOINT", target)
    assert load(None).facts.name == f"{target.parent.name}/bert"


def test_load_without_a_name_and_a_prepared_checkpoint_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(local_model, "CHECKPOINT", tmp_path / "checkpoint")
    with pytest.raises(ModelError, match=r"/checkpoint; run scripts/prepare_model\.py$"):
        load(None)


def test_load_multi_label_checkpoint_is_refused(source):
    edit_json(source / "config.json", problem_type="multi_label_classification")
    with pytest.raises(ModelError, match=r"multi_label_classification .* needs one label per text"):
        load(str(source))


def test_load_without_label_names_is_refused(source, adapter):
    for folder in (source, adapter):
        edit_json(folder / "config.json", id2label=..., label2id=...)
        with pytest.raises(PrepareError, match="no label names"):
            load(str(folder))


def test_load_tokenizer_of_another_model_is_refused(source):
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.add_tokens([f"new{i}" for i in range(9)])
    tokenizer.save_pretrained(source)
    with pytest.raises(PrepareError, match="they are not from one checkpoint"):
        load(str(source))


# The same number of tokens as the served checkpoint.


def test_load_and_prepare_read_the_same_number_of_tokens_with_an_adapter(adapter, tmp_path):
    edit_json(adapter / "tokenizer_config.json", model_max_length=16)
    prepare(str(adapter), target=tmp_path / "checkpoint")
    assert load(str(adapter)).facts.max_length == 16
    assert read_checkpoint(tmp_path / "checkpoint").max_length == 16


@pytest.mark.parametrize(
    ("stated", "max_length"),
    [
        pytest.param(16, 16, id="short"),
        pytest.param(512, 128, id="long"),
        pytest.param(..., 128, id="not-stated"),
        pytest.param(None, 128, id="null"),
    ],
)
def test_load_and_prepare_read_the_same_number_of_tokens_with_a_classifier(
    stated, max_length, source, tmp_path
):
    edit_json(source / "tokenizer_config.json", model_max_length=stated)
    prepare(str(source), target=tmp_path / "checkpoint")
    assert read_checkpoint(tmp_path / "checkpoint").max_length == max_length
    assert load(str(source)).facts.max_length == max_length
