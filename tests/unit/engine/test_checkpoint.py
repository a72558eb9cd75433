"""Reading a checkpoint folder."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from emotion_engine.checkpoint import (
    REVISION_FILES,
    compute_revision,
    read_checkpoint,
    read_labels,
    read_problem_type,
)
from emotion_engine.checksums import write_checksums
from emotion_engine.errors import CheckpointError

from checkpoints import LABELS, MAX_LENGTH, edit_json

FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
ALL_FILES = (*FILES, "labels.txt")


@pytest.fixture
def folder(tmp_path, prepared_of):
    """A prepared checkpoint that a test may change."""
    return Path(shutil.copytree(prepared_of("bert"), tmp_path / "checkpoint"))


def test_read_checkpoint_prepared_folder_gives_all_facts(folder):
    checkpoint = read_checkpoint(folder)
    assert checkpoint.folder == folder
    assert checkpoint.labels == LABELS
    assert checkpoint.max_length == MAX_LENGTH
    assert checkpoint.problem_type == "single_label_classification"
    assert checkpoint.vocab_size == json.loads((folder / "config.json").read_text())["vocab_size"]
    assert checkpoint.tokenizer_json() == (folder / "tokenizer.json").read_text(encoding="utf-8")
    assert checkpoint.revision == compute_revision(folder)


def test_revision_is_that_of_the_documented_shell_command(folder):
    stream = b"".join(name.encode() + (folder / name).read_bytes() for name in FILES)
    assert compute_revision(folder) == hashlib.sha256(stream).hexdigest()
    assert REVISION_FILES == FILES


@pytest.mark.parametrize("name", [*FILES, "labels.txt", "SHA256SUMS"])
def test_read_checkpoint_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=rf"{name} is missing; run scripts/prepare_model.py"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("config.json", b"{", "config.json is not JSON; run"),
        ("tokenizer_config.json", b"\xff\xfe", "tokenizer_config.json is not JSON; run"),
        ("config.json", b"[]", "config.json is not a JSON object; run"),
    ],
)
def test_read_checkpoint_broken_json_is_named(folder, name, content, sentence):
    (folder / name).write_bytes(content)
    write_checksums(folder, ALL_FILES)
    with pytest.raises(CheckpointError, match=sentence):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(..., id="missing"),
        pytest.param(0, id="zero"),
        pytest.param(-5, id="negative"),
        pytest.param(1e30, id="transformers-default"),
        pytest.param("128", id="string"),
    ],
)
def test_read_checkpoint_bad_max_length_is_refused(folder, value):
    edit_json(folder / "tokenizer_config.json", model_max_length=value)
    write_checksums(folder, ALL_FILES)
    with pytest.raises(CheckpointError, match=r"model_max_length is .*integer of at least 1"):
        read_checkpoint(folder)


def test_read_checkpoint_least_max_length_is_accepted(folder):
    edit_json(folder / "tokenizer_config.json", model_max_length=1)
    write_checksums(folder, ALL_FILES)
    assert read_checkpoint(folder).max_length == 1


def test_read_checkpoint_no_vocab_size_is_refused(folder):
    edit_json(folder / "config.json", vocab_size=...)
    write_checksums(folder, ALL_FILES)
    with pytest.raises(CheckpointError, match="vocab_size is None"):
        read_checkpoint(folder)


@pytest.mark.parametrize("name", ALL_FILES)
def test_read_checkpoint_changed_file_is_refused(folder, name):
    with (folder / name).open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    sentence = (
        rf"file {name} has changed since its preparation: its sha256 is [0-9a-f]{{12}}\.\.\., "
    )
    with pytest.raises(CheckpointError, match=sentence):
        read_checkpoint(folder)


@pytest.mark.parametrize("content", [b"", b"\xff\n", b"1234  other.json\n"])
def test_read_checkpoint_without_a_sum_is_refused(folder, content):
    (folder / "SHA256SUMS").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"SHA256SUMS has no config\.json; run"):
        read_checkpoint(folder)


def test_checksums_are_those_of_sha256sum(folder):
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0
    assert sorted(done.stdout.splitlines()) == [f"{name}: OK" for name in sorted(ALL_FILES)]


def test_read_labels_are_ordered_by_number():
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
        pytest.param({"id2label": {"0": "joy", "1": " "}}, id="blank"),
        pytest.param({"id2label": {"0": "joy", "1": "fe\nar"}}, id="two-lines"),
        pytest.param({"id2label": {"0": "joy", "1": "joy"}}, id="twice"),
    ],
)
def test_read_labels_bad_id2label_is_refused(config):
    with pytest.raises(CheckpointError, match="id2label"):
        read_labels(config)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "single_label_classification"),
        ({"problem_type": None}, "single_label_classification"),
        ({"problem_type": "single_label_classification"}, "single_label_classification"),
        ({"problem_type": "multi_label_classification"}, "multi_label_classification"),
    ],
)
def test_read_problem_type_of_a_classifier(config, expected):
    assert read_problem_type(config) == expected


@pytest.mark.parametrize("problem_type", ["regression", "ranking"])
def test_read_problem_type_another_is_refused(problem_type):
    with pytest.raises(CheckpointError, match=rf"'{problem_type}'.*multi_label_classification"):
        read_problem_type({"problem_type": problem_type})
