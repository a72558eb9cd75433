"""A checkpoint in this process answers as plain transformers does."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion_engine.checkpoint import compute_revision, read_checkpoint
from evaluation import local_model
from evaluation.evaluated_model import ModelError
from evaluation.local_model import LocalModel, load
from prepare_model import prepare
from source_model import ADAPTER, PrepareError
from transformers import AutoTokenizer

from checkpoints import KINDS, LABELS, MAX_LENGTH, TEXTS, reference_probabilities


@dataclass
class Progress:
    """Counts what is reported done."""

    reports: list[int] = field(default_factory=list)

    def __call__(self, num_texts: int) -> None:
        self.reports.append(num_texts)


@pytest.fixture
def source(tmp_path: Path, source_of: Callable[[str], Path]) -> Path:
    """A small BERT that a test may spoil."""
    return Path(shutil.copytree(source_of("bert"), tmp_path / "source"))


def edit_json(path: Path, **changes: Any) -> None:
    """Sets keys of a JSON file; ... removes one."""
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not ...}))


def predict(model: LocalModel, *, batch_size: int = 64) -> np.ndarray[Any, Any]:
    return model.predict(TEXTS, batch_size=batch_size, advance=Progress())


@pytest.mark.parametrize("kind", KINDS)
def test_predict_every_kind_is_plain_transformers(
    kind: str, source_of: Callable[[str], Path]
) -> None:
    model = load(str(source_of(kind)))
    assert (model.facts.labels, model.facts.max_length) == (LABELS, MAX_LENGTH)
    expected = reference_probabilities(source_of(kind), TEXTS)
    answer = predict(model)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, expected, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 5, 12, 1000])
def test_predict_any_batch_size_keeps_the_order_and_reports_all(
    batch_size: int, source_of: Callable[[str], Path]
) -> None:
    model, progress = load(str(source_of("bert"))), Progress()
    answer = model.predict(TEXTS, batch_size=batch_size, advance=progress)
    np.testing.assert_allclose(answer, predict(model), atol=1e-5)
    assert sum(progress.reports) == len(TEXTS)
    assert len(progress.reports) == model.count_steps(len(TEXTS), batch_size=batch_size)


def test_predict_tokenizes_in_parts(
    source_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(str(source_of("bert")))
    expected = predict(model)
    monkeypatch.setattr(local_model, "NUM_TOKENIZED_AT_ONCE", 5)
    assert (predict(model) == expected).all()


def test_load_prepared_folder_has_the_revision_that_a_server_shows(
    prepared_of: Callable[[str], Path],
) -> None:
    facts = load(str(prepared_of("bert"))).facts
    assert facts.revision == compute_revision(prepared_of("bert"))
    assert (facts.name, facts.is_served) == ("bert", False)


def test_load_weights_in_half_precision_are_computed_in_float32(source: Path) -> None:
    model = load(str(source))
    model.network.bfloat16().save_pretrained(source)
    assert {each.dtype.itemsize for each in load(str(source)).network.parameters()} == {4}


def test_load_shipped_adapter_is_merged_into_its_base() -> None:
    facts = load(str(ADAPTER)).facts
    assert (facts.labels, facts.max_length) == (LABELS, 128)
    assert (facts.name, facts.revision) == (ADAPTER.name, None)


def test_load_without_a_name_takes_what_the_repository_serves(
    prepared_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = prepared_of("bert")
    monkeypatch.setattr(local_model, "ROOT", target.parents[1])
    monkeypatch.setattr(local_model, "TARGET", target)
    assert load(None).facts.name == f"{target.parent.name}/bert"


def test_load_without_a_name_and_a_prepared_checkpoint_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_model, "TARGET", tmp_path / "checkpoint")
    with pytest.raises(ModelError, match=r"/checkpoint; run scripts/prepare_model\.py$"):
        load(None)


def test_load_multi_label_checkpoint_is_refused(source: Path) -> None:
    edit_json(source / "config.json", problem_type="multi_label_classification")
    with pytest.raises(ModelError, match=r"multi_label_classification .* one label a text is need"):
        load(str(source))


def test_load_checkpoint_without_label_names_is_refused(source: Path) -> None:
    edit_json(source / "config.json", id2label=..., label2id=...)
    with pytest.raises(PrepareError, match="no id2label"):
        load(str(source))


def test_load_adapter_without_label_names_is_refused(tmp_path: Path) -> None:
    adapter = Path(shutil.copytree(ADAPTER, tmp_path / "adapter"))
    edit_json(adapter / "config.json", id2label=..., label2id=...)
    with pytest.raises(PrepareError, match="no id2label"):
        load(str(adapter))


def test_load_tokenizer_of_another_model_is_refused(source: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.add_tokens([f"new{i}" for i in range(9)])
    tokenizer.save_pretrained(source)
    with pytest.raises(PrepareError, match="they are not of one checkpoint"):
        load(str(source))


def test_load_folder_that_is_not_there_is_said() -> None:
    with pytest.raises(PrepareError, match=r"there is no folder \./missing"):
        load("./missing")


def make_adapter(folder: Path, *, stated: object) -> Path:
    shutil.copytree(ADAPTER, folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": stated}))
    return folder


def test_load_and_prepare_read_as_much_of_a_text_of_an_adapter(tmp_path: Path) -> None:
    folder, target = make_adapter(tmp_path / "adapter", stated=16), tmp_path / "checkpoint"
    prepare(str(folder), target=target)
    assert load(str(folder)).facts.max_length == read_checkpoint(target).max_length == 16


@pytest.mark.parametrize(
    ("stated", "is_ours", "max_length"),
    [
        pytest.param(16, True, 16, id="ours"),
        pytest.param(16, False, 16, id="foreign-short"),
        pytest.param(512, False, 128, id="foreign-long"),
        pytest.param(..., False, 128, id="foreign-not-stated"),
        pytest.param(None, False, 128, id="foreign-null"),
    ],
)
def test_load_and_prepare_read_as_much_of_a_text_of_a_classifier(
    stated: object, is_ours: bool, max_length: int, source: Path, tmp_path: Path
) -> None:
    edit_json(source / "tokenizer_config.json", model_max_length=stated)
    if is_ours:
        (source / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    prepare(str(source), target=tmp_path / "checkpoint")
    assert read_checkpoint(tmp_path / "checkpoint").max_length == max_length
    assert load(str(source)).facts.max_length == max_length


@pytest.mark.parametrize("stated", [None, "16", -1, 1.5], ids=repr)
def test_load_malformed_length_is_one_sentence(stated: object, tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "adapter", stated=stated)
    sentence = f"model_max_length in tokenizer_config.json is {json.dumps(stated)}; it must be a"
    with pytest.raises(PrepareError, match=re.escape(sentence)):
        load(str(folder))
