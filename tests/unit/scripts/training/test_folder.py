"""What `scripts/training/folder.py` keeps, refuses and mends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from examples import DataError
from training.folder import TrainingFolder, list_differences, write_json

RUN: dict[str, Any] = {
    "arguments": {"train": ["mine.csv"], "output": "out", "epochs": 4, "class_weights": "none"},
    "data": [
        {"split": "train", "file": "mine.csv", "sha256": "aa" * 32, "rows": 9},
        {"split": "test", "file": "test.csv", "sha256": "bb" * 32, "rows": 3},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> TrainingFolder:
    return TrainingFolder(tmp_path / "out")


def save_epoch(folder: TrainingFolder, *, step: int, state: str = "{}") -> Path:
    checkpoint = folder.states(1) / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text(state)
    return checkpoint


def begin(folder: TrainingFolder) -> None:
    folder.unfinished.mkdir()
    write_json(folder.unfinished / "run.json", RUN)


def fill_output(folder: TrainingFolder, **contents: str) -> None:
    folder.output.mkdir()
    for name, content in contents.items():
        (folder.output / name.replace("_", ".")).write_text(content)


def make_result(folder: TrainingFolder) -> None:
    (folder.make_result() / "config.json").write_text("new")
    (folder.result / "README.md").write_text("new card")


# What is refused.


def test_check_new_folder_passes(folder: TrainingFolder) -> None:
    folder.check(RUN, is_resumed=False)
    assert list(folder.output.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["notes.txt", "checkpoint-7"])
def test_check_output_with_something_else_is_refused(folder: TrainingFolder, name: str) -> None:
    folder.output.mkdir()
    (folder.output / "config.json").touch()
    folder.check(RUN, is_resumed=False)
    (folder.output / name).touch()
    with pytest.raises(DataError, match=f"--output .*: holds '{name}'; name another folder"):
        folder.check(RUN, is_resumed=False)


def test_check_output_that_is_a_file_is_refused(folder: TrainingFolder) -> None:
    folder.output.touch()
    with pytest.raises(DataError, match="is a file; name a folder"):
        folder.check(RUN, is_resumed=False)


def test_check_output_below_a_file_is_refused(folder: TrainingFolder) -> None:
    folder.output.touch()
    with pytest.raises(DataError, match=r"cannot write in .*out; name another"):
        TrainingFolder(folder.output / "deeper" / "out").check(RUN, is_resumed=False)


def test_check_unfinished_folder_is_refused_with_both_remedies(folder: TrainingFolder) -> None:
    begin(folder)
    with pytest.raises(DataError, match=r"out\.unfinished: .* add --resume .*, or delete it"):
        folder.check(RUN, is_resumed=False)
    folder.check(RUN, is_resumed=True)


@pytest.mark.parametrize("is_there", [False, True], ids=["no-folder", "folder-of-something-else"])
def test_check_nothing_to_resume_is_refused(folder: TrainingFolder, is_there: bool) -> None:
    if is_there:
        folder.unfinished.mkdir()
    with pytest.raises(DataError, match=r"--resume: there is no training in .*out\.unfinished"):
        folder.check(RUN, is_resumed=True)


def test_check_resume_of_another_training_names_what_differs(folder: TrainingFolder) -> None:
    begin(folder)
    other = {
        "arguments": {**RUN["arguments"], "epochs": 6, "train": ["moved.csv"]},
        "data": [{**RUN["data"][0], "file": "moved.csv", "sha256": "cc" * 32}, RUN["data"][1]],
    }
    with pytest.raises(DataError) as caught:
        folder.check(other, is_resumed=True)
    assert str(caught.value) == (
        "--resume: --epochs was 4 and is 6, --train had the sha256 aaaaaaaaaaaa and has"
        f" cccccccccccc; give the same again, or delete {folder.unfinished}"
    )


def test_list_differences_a_file_more_or_less_is_one() -> None:
    fewer = {**RUN, "data": RUN["data"][:1]}
    assert list_differences(RUN, fewer) == ["--test had the sha256 bbbbbbbbbbbb and has none"]
    assert list_differences(RUN, RUN) == []


# What is kept.


def be_interrupted(folder: TrainingFolder, *, state: str) -> None:
    with folder.open(RUN):
        assert json.loads((folder.unfinished / "run.json").read_text()) == RUN
        save_epoch(folder, step=4, state=state)
        raise KeyboardInterrupt


def test_open_without_a_whole_epoch_leaves_nothing(folder: TrainingFolder) -> None:
    with pytest.raises(KeyboardInterrupt):
        be_interrupted(folder, state='{"epo')
    assert list(folder.output.parent.iterdir()) == []


def test_open_with_a_whole_epoch_leaves_it(folder: TrainingFolder) -> None:
    with pytest.raises(KeyboardInterrupt):
        be_interrupted(folder, state="{}")
    assert folder.last_checkpoint(1) == folder.states(1) / "checkpoint-4"


def test_open_again_removes_what_was_half_written(folder: TrainingFolder) -> None:
    begin(folder)
    for step, state in ((9, "{}"), (18, "{}"), (27, '{"epo')):
        save_epoch(folder, step=step, state=state)
    (folder.states(1) / "checkpoint-36").mkdir()
    with folder.open(RUN):
        assert folder.last_checkpoint(1) == folder.states(1) / "checkpoint-18"
        names = sorted(path.name for path in folder.states(1).iterdir())
        assert names == ["checkpoint-18", "checkpoint-9"]


def test_check_takes_back_an_output_that_was_moved_away(folder: TrainingFolder) -> None:
    begin(folder)
    save_epoch(folder, step=9)
    fill_output(folder, README_md="my card")
    folder.output.rename(folder.unfinished / "replaced")  # and killed before the next rename
    folder.check(RUN, is_resumed=True)
    assert (folder.output / "README.md").read_text() == "my card"


@pytest.mark.parametrize("content", ["{bad", "{}", "[]"])
def test_check_damaged_run_is_refused_with_the_remedy(folder: TrainingFolder, content: str) -> None:
    begin(folder)
    (folder.unfinished / "run.json").write_text(content)
    with pytest.raises(DataError, match=r"run\.json: is damaged; delete .*out\.unfinished"):
        folder.check(RUN, is_resumed=True)


# What is published.


def test_publish_new_folder_is_moved_whole(folder: TrainingFolder) -> None:
    with folder.open(RUN):
        make_result(folder)
        assert not folder.publish()
    assert list(folder.output.parent.iterdir()) == [folder.output]
    assert (folder.output / "README.md").read_text() == "new card"


def test_publish_older_folder_is_replaced_but_for_its_card(folder: TrainingFolder) -> None:
    fill_output(folder, README_md="my card", config_json="old", model_safetensors="old")
    with folder.open(RUN):
        make_result(folder)
        assert folder.publish()
    assert list(folder.output.parent.iterdir()) == [folder.output]
    contents = {path.name: path.read_text() for path in folder.output.iterdir()}
    assert contents == {"README.md": "my card", "config.json": "new"}


def test_make_result_is_empty_after_an_interrupted_one(folder: TrainingFolder) -> None:
    with folder.open(RUN):
        make_result(folder)
        assert list(folder.make_result().iterdir()) == []
