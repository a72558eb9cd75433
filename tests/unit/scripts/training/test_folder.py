"""What `scripts/training/folder.py` keeps, refuses and mends."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emotion_client.command.interruption import Interruption
from examples import DataError
from safetensors import SafetensorError
from training import folder as folder_module
from training.card import build_card
from training.folder import TrainingFolder, list_differences, write_json

RUN: dict[str, Any] = {
    "arguments": {"train": ["mine.csv"], "output": "out", "epochs": 4, "class_weights": "none"},
    "data": [
        {"split": "train", "file": "mine.csv", "sha256": "aa" * 32, "rows": 9},
        {"split": "test", "file": "test.csv", "sha256": "bb" * 32, "rows": 3},
    ],
}


BASE = "sentence-transformers/all-MiniLM-L6-v2"


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
    folder.check_output(base=BASE)
    folder.check_run(RUN, is_resumed=False)
    assert list(folder.output.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["notes.txt", "checkpoint-7"])
def test_check_output_with_something_else_is_refused(folder: TrainingFolder, name: str) -> None:
    fill_output(folder, config_json="", training_json="")
    folder.check_output(base=BASE)
    (folder.output / name).touch()
    with pytest.raises(DataError, match=f"--output .*: holds '{name}'; name another folder"):
        folder.check_output(base=BASE)


def test_check_output_with_a_folder_of_a_known_name_is_refused(folder: TrainingFolder) -> None:
    fill_output(folder, training_json="")
    (folder.output / "config.json").mkdir()
    with pytest.raises(DataError, match=r"holds 'config\.json'; name another folder"):
        folder.check_output(base=BASE)


def test_check_output_that_no_training_wrote_is_refused(folder: TrainingFolder) -> None:
    fill_output(folder, config_json="", model_safetensors="", README_md="")
    sentence = r"holds 'config\.json' and no training\.json, so it is not of train\.py"
    with pytest.raises(DataError, match=f"--output {folder.output}: {sentence} .*; name another"):
        folder.check_output(base=BASE)


def test_check_output_with_a_card_alone_passes(folder: TrainingFolder) -> None:
    fill_output(folder, README_md="my card")
    folder.check_output(base=BASE)


@pytest.mark.parametrize("below", ["out", "out/bases/mine", "out.unfinished/member-1"])
def test_check_output_that_has_the_base_is_refused(folder: TrainingFolder, below: str) -> None:
    base = folder.output.parent / below
    base.mkdir(parents=True)
    with pytest.raises(DataError, match=f"--base {base} is there and would be replaced; name an"):
        folder.check_output(base=str(base))


@pytest.mark.parametrize("beside", ["out2", "", "../out"])
def test_check_output_beside_or_in_the_base_passes(folder: TrainingFolder, beside: str) -> None:
    folder.check_output(base=str((folder.output.parent / beside).resolve()))


@pytest.mark.parametrize("place", ["/", "/proc"])
def test_check_output_that_is_a_mount_point_is_refused(place: str) -> None:
    with pytest.raises(DataError, match=f"--output {place}: is a mount point; name a folder in it"):
        TrainingFolder(Path(place)).check_output(base=BASE)


def test_check_output_that_is_no_utf8_is_refused(folder: TrainingFolder) -> None:
    output = folder.output.with_name(os.fsdecode(b"o\xff"))
    with pytest.raises(DataError, match="is no UTF-8; name another folder"):
        TrainingFolder(output).check_output(base=BASE)


def test_check_output_that_is_a_file_is_refused(folder: TrainingFolder) -> None:
    folder.output.touch()
    with pytest.raises(DataError, match="is a file; name a folder"):
        folder.check_output(base=BASE)


def test_check_output_below_a_file_is_refused(folder: TrainingFolder) -> None:
    folder.output.touch()
    with pytest.raises(DataError, match=r"cannot write in .*out; name another"):
        TrainingFolder(folder.output / "deeper" / "out").check_output(base=BASE)


def test_check_unfinished_folder_is_refused_with_both_remedies(folder: TrainingFolder) -> None:
    begin(folder)
    with pytest.raises(DataError, match=r"out\.unfinished: .* add --resume .*, or delete it"):
        folder.check_run(RUN, is_resumed=False)
    folder.check_run(RUN, is_resumed=True)


@pytest.mark.parametrize("is_there", [False, True], ids=["no-folder", "folder-of-something-else"])
def test_check_nothing_to_resume_is_refused(folder: TrainingFolder, is_there: bool) -> None:
    if is_there:
        folder.unfinished.mkdir()
    with pytest.raises(DataError, match=r"--resume: there is no training in .*out\.unfinished"):
        folder.check_run(RUN, is_resumed=True)


def test_check_resume_of_another_training_names_what_differs(folder: TrainingFolder) -> None:
    begin(folder)
    other = {
        "arguments": {**RUN["arguments"], "epochs": 6, "train": ["moved.csv"]},
        "data": [{**RUN["data"][0], "file": "moved.csv", "sha256": "cc" * 32}, RUN["data"][1]],
    }
    with pytest.raises(DataError) as caught:
        folder.check_run(other, is_resumed=True)
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


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sends a Ctrl-C whenever a folder is about to be removed."""
    before = signal.getsignal(signal.SIGINT)
    rmtree = shutil.rmtree

    def interrupt_and_remove(path: Path, **options: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        rmtree(path, **options)

    monkeypatch.setattr(folder_module.shutil, "rmtree", interrupt_and_remove)
    Interruption().install()
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupted")
def test_open_interrupted_again_while_it_cleans_up_leaves_nothing(folder: TrainingFolder) -> None:
    with pytest.raises(KeyboardInterrupt):
        be_interrupted(folder, state='{"epo')
    assert not folder.unfinished.exists()


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        pytest.param("{}", "add --resume", id="after-an-epoch"),
        pytest.param('{"epo', "start again", id="in-the-first-epoch"),
    ],
)
def test_open_full_disk_is_one_sentence_with_the_remedy(
    folder: TrainingFolder, state: str, remedy: str
) -> None:
    def fill_disk() -> None:
        with folder.open(RUN):
            save_epoch(folder, step=4, state=state)
            raise SafetensorError("Error while serializing: I/O error: No space left on device")

    with pytest.raises(DataError) as caught:
        fill_disk()
    assert str(caught.value) == (
        f"{folder.unfinished}: cannot be written (is the disk full?); make room, then {remedy}"
    )
    assert folder.unfinished.exists() == (state == "{}")


def test_open_full_disk_at_the_start_leaves_nothing(
    folder: TrainingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, document: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "write_json", fail)
    with pytest.raises(DataError, match="make room, then start again"), folder.open(RUN):
        pass
    assert list(folder.output.parent.iterdir()) == []


def test_open_other_errors_pass(folder: TrainingFolder) -> None:
    with pytest.raises(RuntimeError, match="shapes"), folder.open(RUN):
        raise RuntimeError("shapes do not fit")


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
    folder.check_output(base=BASE)
    assert (folder.output / "README.md").read_text() == "my card"


@pytest.mark.parametrize("content", ["{bad", "{}", "[]"])
def test_check_damaged_run_is_refused_with_the_remedy(folder: TrainingFolder, content: str) -> None:
    begin(folder)
    (folder.unfinished / "run.json").write_text(content)
    with pytest.raises(DataError, match=r"run\.json: is damaged; delete .*out\.unfinished"):
        folder.check_run(RUN, is_resumed=True)


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


def test_publish_own_card_is_replaced(folder: TrainingFolder) -> None:
    card = build_card(kind="Adapter", base="bert", labels=["fear", "joy"])
    fill_output(folder, README_md=card, training_json="old")
    with folder.open(RUN):
        make_result(folder)
        assert not folder.publish()
    assert (folder.output / "README.md").read_text() == "new card"


def test_make_result_is_empty_after_an_interrupted_one(folder: TrainingFolder) -> None:
    with folder.open(RUN):
        make_result(folder)
        assert list(folder.make_result().iterdir()) == []
