"""What is read from a checkpoint folder without torch."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from emotion_engine.checkpoint import (
    REVISION_FILES,
    compute_revision,
    read_checkpoint,
    read_labels,
    read_problem_type,
)
from emotion_engine.errors import CheckpointError

from checkpoints import LABELS, MAX_LENGTH

FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


@pytest.fixture
def folder(tmp_path: Path, prepared_of: Callable[[str], Path]) -> Path:
    """A prepared checkpoint that a test may change."""
    return Path(shutil.copytree(prepared_of("bert"), tmp_path / "checkpoint"))


def edit_json(path: Path, **changes: Any) -> None:
    document = json.loads(path.read_text())
    document.update(changes)
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not ...}))


def test_read_checkpoint_prepared_folder_gives_all_facts(folder: Path) -> None:
    checkpoint = read_checkpoint(folder)
    assert checkpoint.folder == folder
    assert checkpoint.labels == LABELS
    assert checkpoint.max_length == MAX_LENGTH
    assert checkpoint.problem_type == "single_label_classification"
    assert checkpoint.vocab_size == json.loads((folder / "config.json").read_text())["vocab_size"]
    assert checkpoint.tokenizer_json() == (folder / "tokenizer.json").read_text(encoding="utf-8")
    assert checkpoint.revision == compute_revision(folder)


def test_revision_equals_the_documented_shell_recipe(folder: Path) -> None:
    stream = b"".join(name.encode() + (folder / name).read_bytes() for name in FILES)
    assert compute_revision(folder) == hashlib.sha256(stream).hexdigest()


def test_revision_files_are_sorted_and_the_four_of_the_design() -> None:
    assert REVISION_FILES == FILES


@pytest.mark.parametrize("name", FILES)
def test_revision_changed_file_changes_it(folder: Path, name: str) -> None:
    before = compute_revision(folder)
    with (folder / name).open("ab") as file:
        file.write(b"\n")
    assert compute_revision(folder) != before


def test_revision_other_file_does_not_change_it(folder: Path) -> None:
    before = compute_revision(folder)
    (folder / "README.md").write_text("notes")
    assert compute_revision(folder) == before


@pytest.mark.parametrize("name", FILES)
def test_read_checkpoint_missing_file_is_named_with_remedy(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=rf"{name} is missing; run scripts/prepare_model.py"):
        read_checkpoint(folder)


def test_read_checkpoint_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="missing"):
        read_checkpoint(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    "content", [pytest.param(b"{", id="cut"), pytest.param(b"\xff\xfe", id="not-utf8")]
)
def test_read_checkpoint_broken_json_is_named(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{name} is no JSON"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(..., id="missing"),
        pytest.param(0, id="zero"),
        pytest.param(-5, id="negative"),
        pytest.param(1e30, id="transformers-very-large-number"),
        pytest.param("128", id="string"),
    ],
)
def test_read_checkpoint_bad_max_length_is_refused(folder: Path, value: object) -> None:
    edit_json(folder / "tokenizer_config.json", model_max_length=value)
    with pytest.raises(CheckpointError, match=r"model_max_length is .*whole number of 1 or more"):
        read_checkpoint(folder)


def test_read_checkpoint_no_vocab_size_is_refused(folder: Path) -> None:
    edit_json(folder / "config.json", vocab_size=...)
    with pytest.raises(CheckpointError, match="vocab_size is None"):
        read_checkpoint(folder)


def test_read_labels_keys_in_any_order_gives_the_order_of_the_logits() -> None:
    assert read_labels({"id2label": {"2": "joy", "0": "anger", "1": "fear"}}) == (
        "anger",
        "fear",
        "joy",
    )


def test_read_labels_eleven_labels_are_ordered_as_numbers() -> None:
    id2label = {str(i): f"label {i}" for i in reversed(range(11))}
    assert read_labels({"id2label": id2label}) == tuple(f"label {i}" for i in range(11))


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({}, id="missing"),
        pytest.param({"id2label": {}}, id="empty"),
        pytest.param({"id2label": None}, id="null"),
        pytest.param({"id2label": {"1": "joy", "2": "fear"}}, id="from-one"),
        pytest.param({"id2label": {"0": "joy", "2": "fear"}}, id="with-a-hole"),
        pytest.param({"id2label": {"joy": "0", "fear": "1"}}, id="keys-are-words"),
        pytest.param({"id2label": ["joy", "fear"]}, id="list"),
    ],
)
def test_read_labels_bad_id2label_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="id2label"):
        read_labels(config)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({}, "single_label_classification", id="none"),
        pytest.param({"problem_type": None}, "single_label_classification", id="null"),
        pytest.param(
            {"problem_type": "single_label_classification"},
            "single_label_classification",
            id="single-label",
        ),
        pytest.param(
            {"problem_type": "multi_label_classification"},
            "multi_label_classification",
            id="multi-label",
        ),
    ],
)
def test_read_problem_type_classifier_is_taken(config: dict[str, Any], expected: str) -> None:
    assert read_problem_type(config) == expected


@pytest.mark.parametrize("problem_type", ["regression", "ranking"])
def test_read_problem_type_other_is_refused_with_the_known_ones(problem_type: str) -> None:
    with pytest.raises(CheckpointError, match=rf"'{problem_type}'.*multi_label_classification"):
        read_problem_type({"problem_type": problem_type})
