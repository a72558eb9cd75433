"""What a training keeps, refuses and repairs on disk."""

import json
import os
import shutil
from pathlib import Path

import pytest
from emotion_command.signals import Interruption
from emotion_training.errors import DataError
from emotion_training.training import folder as folder_module
from emotion_training.training.folder import (
    TrainingFolder,
    build_card,
    has_card_of_user,
    write_json,
)
from safetensors import SafetensorError

RUN = {
    "arguments": {"train": ["mine.csv"], "output": "out", "epochs": 4, "class_weights": "none"},
    "data": [
        {"split": "train", "file": "mine.csv", "sha256": "aa" * 32, "rows": 9},
        {"split": "test", "file": "test.csv", "sha256": "bb" * 32, "rows": 3},
    ],
}
BASE = "sentence-transformers/all-MiniLM-L6-v2"
OWN_CARD = build_card(kind="Adapter", base="org/my-bert", labels=["fear", "joy (or so)"])
FULL_DISK = SafetensorError("Error while serializing: I/O error: No space left on device")


@pytest.fixture
def folder(tmp_path):
    return TrainingFolder(tmp_path / "out")


def save_epoch(folder, *, step, state="{}"):
    checkpoint = folder.states(1) / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text(state)


def begin(folder):
    folder.unfinished.mkdir()
    write_json(folder.unfinished / "run.json", RUN)


def fill_output(folder, **contents):
    folder.output.mkdir()
    for name, content in contents.items():
        (folder.output / name.replace("_", ".")).write_text(content)


def make_result(folder):
    (folder.make_result() / "config.json").write_text("new")
    (folder.result / "README.md").write_text("new card")


def read_output(folder):
    assert list(folder.output.parent.iterdir()) == [folder.output]
    return {path.name: path.read_text() for path in folder.output.iterdir()}


# The output.


@pytest.mark.parametrize(
    ("name", "create"),
    [
        pytest.param("notes.txt", Path.touch, id="file"),
        pytest.param("labels.txt", Path.mkdir, id="folder-of-a-known-name"),
    ],
)
def test_check_output_with_something_else_is_refused(folder, name, create):
    fill_output(folder, config_json="", training_json="")
    folder.check_output(base=BASE)
    create(folder.output / name)
    with pytest.raises(DataError, match=f"--output .*: holds '{name}'; name another folder"):
        folder.check_output(base=BASE)


def test_check_output_that_no_training_wrote_is_refused(folder):
    fill_output(folder, config_json="", model_safetensors="", README_md="")
    sentence = r"holds 'config\.json' but no training\.json, so train\.py did not write it; name an"
    with pytest.raises(DataError, match=f"--output {folder.output}: {sentence}"):
        folder.check_output(base=BASE)


def test_check_output_with_a_card_alone_passes(folder):
    fill_output(folder, README_md="my card")
    folder.check_output(base=BASE)


@pytest.mark.parametrize("below", ["out", "out/bases/mine", "out.unfinished/member-1"])
def test_check_output_that_has_the_base_is_refused(folder, below):
    base = folder.output.parent / below
    base.mkdir(parents=True)
    with pytest.raises(DataError, match=f"--base {base} is in it and would be replaced; name an"):
        folder.check_output(base=str(base))


@pytest.mark.parametrize("place", ["out2", "", "../out"])
def test_check_output_next_to_or_in_the_base_passes(folder, place):
    folder.check_output(base=str((folder.output.parent / place).resolve()))


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("/", "--output /: is a mount point; name a folder in it"),
        ("/proc", "--output /proc: is a mount point; name a folder in it"),
        (os.fsdecode(b"o\xff"), "is not UTF-8; name another folder"),
        ("file", "file: is a file; name a folder"),
        ("file/deeper/out", "cannot write in .*/file; name another"),
    ],
    ids=["root", "mount-point", "not-utf8", "file", "below-a-file"],
)
def test_check_output_that_cannot_be_written_is_refused(tmp_path, place, sentence):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=sentence):
        TrainingFolder(tmp_path / place).check_output(base=BASE)


def test_check_output_takes_back_one_that_was_moved_away(folder):
    begin(folder)
    save_epoch(folder, step=9)
    fill_output(folder, README_md="my card")
    folder.output.rename(folder.unfinished / "replaced")  # and killed before the next rename
    folder.check_output(base=BASE)
    assert (folder.output / "README.md").read_text() == "my card"


# The unfinished folder.


def test_check_run_unfinished_folder_is_refused_with_both_remedies(folder):
    begin(folder)
    with pytest.raises(DataError, match=r"out\.unfinished: .* add --resume .*, or delete it"):
        folder.check_run(RUN, is_resumed=False)
    folder.check_run(RUN, is_resumed=True)


@pytest.mark.parametrize("is_there", [False, True], ids=["no-folder", "folder-of-something-else"])
def test_check_run_nothing_to_resume_is_refused(folder, is_there):
    if is_there:
        folder.unfinished.mkdir()
    with pytest.raises(DataError, match=r"--resume: there is no training in .*out\.unfinished"):
        folder.check_run(RUN, is_resumed=True)


def test_check_run_of_another_training_names_the_differences(folder):
    begin(folder)
    other = {
        "arguments": {**RUN["arguments"], "epochs": 6, "train": ["moved.csv"]},
        "data": [{**RUN["data"][0], "file": "moved.csv", "sha256": "cc" * 32}],
    }
    with pytest.raises(DataError) as caught:
        folder.check_run(other, is_resumed=True)
    assert str(caught.value) == (
        "--resume: --epochs was 4 and is 6, --train had the sha256 aaaaaaaaaaaa and has"
        " cccccccccccc, --test had the sha256 bbbbbbbbbbbb and has none; give the same again, or"
        f" delete {folder.unfinished}"
    )


@pytest.mark.parametrize("content", ["{bad", "{}", "[]"])
def test_check_run_damaged_file_is_refused_with_the_remedy(folder, content):
    begin(folder)
    (folder.unfinished / "run.json").write_text(content)
    with pytest.raises(DataError, match=r"run\.json: is damaged; delete .*out\.unfinished"):
        folder.check_run(RUN, is_resumed=True)


def fail_in(folder, failure, *, state):
    with folder.open(RUN):
        assert json.loads((folder.unfinished / "run.json").read_text()) == RUN
        save_epoch(folder, step=4, state=state)
        raise failure


@pytest.mark.parametrize(("state", "is_kept"), [("{}", True), ('{"epo', False)])
def test_open_interrupted_keeps_only_a_whole_epoch(folder, state, is_kept):
    with pytest.raises(KeyboardInterrupt):
        fail_in(folder, KeyboardInterrupt(), state=state)
    assert folder.unfinished.exists() == is_kept
    expected = folder.states(1) / "checkpoint-4"
    assert folder.last_checkpoint(1) == (expected if is_kept else None)


def test_open_interrupted_again_during_cleanup_leaves_nothing(folder, monkeypatch):
    rmtree = shutil.rmtree

    def interrupt_and_remove(path, **options):
        os.kill(os.getpid(), 2)
        rmtree(path, **options)

    monkeypatch.setattr(folder_module.shutil, "rmtree", interrupt_and_remove)
    Interruption().install()
    with pytest.raises(KeyboardInterrupt):
        fail_in(folder, KeyboardInterrupt(), state='{"epo')
    assert not folder.unfinished.exists()


@pytest.mark.parametrize(
    ("state", "remedy"), [("{}", "add --resume"), ('{"epo', "start again")], ids=["whole", "half"]
)
def test_open_full_disk_is_one_sentence_with_the_remedy(folder, state, remedy):
    with pytest.raises(DataError) as caught:
        fail_in(folder, FULL_DISK, state=state)
    assert str(caught.value) == (
        f"{folder.unfinished}: cannot be written (is the disk full?); make room, then {remedy}"
    )
    assert folder.unfinished.exists() == (state == "{}")


def test_open_full_disk_at_the_start_leaves_nothing(folder, monkeypatch):
    def fail(path, document):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "write_json", fail)
    with pytest.raises(DataError, match="make room, then start again"), folder.open(RUN):
        pass
    assert list(folder.output.parent.iterdir()) == []


def test_open_other_errors_pass(folder):
    with pytest.raises(RuntimeError, match="shapes"):
        fail_in(folder, RuntimeError("shapes do not fit"), state="{}")


def test_open_again_removes_incomplete_epochs(folder):
    begin(folder)
    for step, state in ((9, "{}"), (18, "{}"), (27, '{"epo')):
        save_epoch(folder, step=step, state=state)
    (folder.states(1) / "checkpoint-36").mkdir()
    with folder.open(RUN):
        assert folder.last_checkpoint(1) == folder.states(1) / "checkpoint-18"
        names = sorted(path.name for path in folder.states(1).iterdir())
        assert names == ["checkpoint-18", "checkpoint-9"]


# The finished folder.


@pytest.mark.parametrize(
    ("content", "is_user"),
    [
        pytest.param(None, False, id="none"),
        pytest.param(OWN_CARD.encode(), False, id="own"),
        pytest.param(b"my card", True, id="of-a-user"),
        pytest.param(f"{OWN_CARD}\nIt is for ballads.\n".encode(), True, id="own-with-an-addition"),
        pytest.param(b"", True, id="empty"),
        pytest.param(b"\xff\xfe", True, id="not-utf8"),
    ],
)
def test_has_card_of_user_recognizes_own_cards(tmp_path, content, is_user):
    if content is not None:
        (tmp_path / "README.md").write_bytes(content)
    assert has_card_of_user(tmp_path) == is_user


@pytest.mark.parametrize(
    ("old", "card", "is_kept"),
    [
        pytest.param(None, "new card", False, id="no-folder"),
        pytest.param({"README_md": OWN_CARD, "training_json": "old"}, "new card", False, id="own"),
        pytest.param({"README_md": "my card", "labels_txt": "old"}, "my card", True, id="users"),
    ],
)
def test_publish_replaces_the_whole_folder_except_for_the_users_card(folder, old, card, is_kept):
    if old:
        fill_output(folder, **old)
    with folder.open(RUN):
        make_result(folder)
        assert folder.publish() == is_kept
    assert read_output(folder) == {"README.md": card, "config.json": "new"}


def test_make_result_is_empty_after_an_interrupted_one(folder):
    with folder.open(RUN):
        make_result(folder)
        assert list(folder.make_result().iterdir()) == []
