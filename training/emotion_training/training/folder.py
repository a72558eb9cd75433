"""What a training leaves on disk: the finished folder, and next to it the unfinished one.

`<output>.unfinished` holds what was asked for (`run.json`) and, for each member of the training,
Trainer's state after each epoch (`member-1/checkpoint-*`). The finished folder is made inside it
and moved out as a whole. `<output>.teacher` holds what a teacher computed, and is kept.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotion_command.signals import hold_signals

from emotion_training.checkpoint.writing import is_write_error
from emotion_training.errors import DataError

CARD = "README.md"
OWN_CARD = re.compile(
    r"# .* of .*\n\nMade by `scripts/train\.py` for the labels .*; how, and its figures, are in"
    r" `training\.json`\.\n"
)

RESULT_FILE = "training.json"  # in every folder that a training has written
FILES = {
    CARD,
    "adapter_config.json",
    "adapter_model.safetensors",
    "config.json",
    "labels.txt",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    RESULT_FILE,
    "training.png",
}
RUN_FILE = "run.json"
STATE_FILE = "trainer_state.json"  # the last file that Trainer writes of a checkpoint
NUM_SHOWN_HEX = 12


@dataclass(frozen=True)
class TrainingFolder:
    """The folder that a training is asked to write.

    Attributes:
        output: its absolute path.
    """

    output: Path

    @property
    def unfinished(self) -> Path:
        """Where the state is kept until the training is done."""
        return self.output.with_name(f"{self.output.name}.unfinished")

    @property
    def teacher(self) -> Path:
        """Where a teacher's arrays are kept, also after the training."""
        return self.output.with_name(f"{self.output.name}.teacher")

    @property
    def result(self) -> Path:
        """Where the finished folder is made."""
        return self.unfinished / "result"

    def check_output(self, *, base: str) -> None:
        """Refuses a place that cannot be written, and a folder that a training did not write.

        Args:
            base: absolute path of the base's folder, or a hub id.

        Raises:
            DataError: the output is one of them, or has the base in it.
        """
        if os.path.ismount(self.output):
            raise DataError(f"--output {self.output}: is a mount point; name a folder in it")
        if not is_utf8(self.output):
            raise DataError(f"--output {self.output}: is not UTF-8; name another folder")
        if {self.output, self.unfinished} & {Path(base), *Path(base).parents}:
            raise DataError(
                f"--output {self.output}: --base {base} is in it and would be replaced;"
                " name another folder"
            )
        self._take_back()
        self._check_place()
        self._check_content()

    def check_run(self, run: dict[str, Any], *, is_resumed: bool) -> None:
        """Refuses to resume another training, and to overwrite an unfinished one.

        Args:
            run: what is asked for: "arguments" by name and "data", a list of the files.
            is_resumed: whether to continue with the unfinished folder.

        Raises:
            DataError: there is nothing to resume, or another training, or --resume is missing.
        """
        if not is_resumed:
            if self.unfinished.exists():
                raise DataError(
                    f"{self.unfinished}: a training was not finished; add --resume to continue"
                    " it, or delete it"
                )
        elif not (self.unfinished / RUN_FILE).is_file():
            raise DataError(f"--resume: there is no training in {self.unfinished}; leave it out")
        else:
            differences = list_differences(self._read_run(), run)
            if differences:
                raise DataError(
                    f"--resume: {', '.join(differences)}; give the same again, or delete"
                    f" {self.unfinished}"
                )

    def _read_run(self) -> dict[str, Any]:
        path = self.unfinished / RUN_FILE
        try:
            run: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return {"arguments": dict(run["arguments"]), "data": list(run["data"])}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: is damaged; delete {self.unfinished}") from error

    def _check_place(self) -> None:
        if self.output.exists() and not self.output.is_dir():
            raise DataError(f"--output {self.output}: is a file; name a folder")
        nearest = next(path for path in self.output.parents if path.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise DataError(f"--output {self.output}: cannot write in {nearest}; name another")

    def _check_content(self) -> None:
        found = list(self.output.iterdir()) if self.output.exists() else []
        foreign = {path.name for path in found if path.name not in FILES or not path.is_file()}
        if foreign:
            raise DataError(f"--output {self.output}: holds {min(foreign)!r}; name another folder")
        replaced = {path.name for path in found} - {CARD}
        if replaced and RESULT_FILE not in replaced:
            raise DataError(
                f"--output {self.output}: holds {min(replaced)!r} but no {RESULT_FILE}, so train.py"
                " did not write it; name another folder"
            )

    @contextmanager
    def open(self, run: dict[str, Any]) -> Iterator[None]:
        """Makes the unfinished folder; removes it at the end if it holds no whole epoch.

        Raises:
            DataError: something could not be written into it.
        """
        try:
            self._mend()
            self.unfinished.mkdir(parents=True, exist_ok=True)
            write_json(self.unfinished / RUN_FILE, run)
            yield
        except Exception as error:
            if not is_write_error(error):
                raise
            remedy = "add --resume" if self._list_whole("*") else "start again"
            raise DataError(
                f"{self.unfinished}: cannot be written (is the disk full?); make room, then"
                f" {remedy}"
            ) from error
        finally:
            with hold_signals():
                if self.unfinished.exists() and not self._list_whole("*"):
                    shutil.rmtree(self.unfinished)

    def _mend(self) -> None:
        """Removes checkpoints that a kill left incomplete."""
        for path in self.unfinished.glob("member-*/checkpoint-*"):
            if not is_whole(path):
                shutil.rmtree(path)

    def _take_back(self) -> None:
        """Puts the old output back if a kill came between the two renames of `publish`."""
        replaced = self.unfinished / "replaced"
        if replaced.exists() and not self.output.exists():
            replaced.rename(self.output)

    def states(self, member: int) -> Path:
        """Returns where Trainer keeps the states of a member, counted from 1."""
        return self.unfinished / f"member-{member}"

    def last_checkpoint(self, member: int) -> Path | None:
        """Returns the folder of a member's last epoch with a whole state."""
        whole = self._list_whole(str(member))
        return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)

    def count_epochs(self) -> int:
        """Returns how many epochs are done, of all members together."""
        folders = self.unfinished.glob("member-*")
        members = [int(path.name.rpartition("-")[2]) for path in folders]
        last = [self.last_checkpoint(member) for member in members]
        return sum(round(read_state(path)["epoch"]) for path in last if path)

    def _list_whole(self, member: str) -> list[Path]:
        found = self.unfinished.glob(f"member-{member}/checkpoint-*")
        return [path for path in found if is_whole(path)]

    def make_result(self) -> Path:
        """Returns an empty folder to make the finished one in."""
        shutil.rmtree(self.result, ignore_errors=True)
        self.result.mkdir()
        return self.result

    def publish(self) -> bool:
        """Moves the result to the output and removes the unfinished folder.

        Returns:
            Whether the output had the user's own README.md, which stays.
        """
        replaced = self.unfinished / "replaced"
        has_card = has_card_of_user(self.output)
        if has_card:
            shutil.copyfile(self.output / CARD, self.result / CARD)
        shutil.rmtree(replaced, ignore_errors=True)
        if self.output.exists():
            self.output.rename(replaced)
        self.result.rename(self.output)
        shutil.rmtree(self.unfinished)
        return has_card


def build_card(*, kind: str, base: str, labels: Sequence[str]) -> str:
    """Returns the README.md of a `kind` of training ("Adapter") on `base`."""
    return (
        f"# {kind} of {base}\n\nMade by `scripts/train.py` for the labels {', '.join(labels)};"
        " how, and its figures, are in `training.json`.\n"
    )


def has_card_of_user(folder: Path) -> bool:
    """Tells whether the folder has a README.md that the user wrote or changed."""
    path = folder / CARD
    return path.is_file() and not OWN_CARD.fullmatch(
        path.read_text(encoding="utf-8", errors="replace")
    )


def is_utf8(path: Path) -> bool:
    """Tells whether safetensors can read from a path."""
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_whole(checkpoint: Path) -> bool:
    """Tells a checkpoint from an incomplete one."""
    try:
        read_state(checkpoint)
    except (OSError, ValueError):
        return False
    return True


def read_state(checkpoint: Path) -> dict[str, Any]:
    """Returns the state that Trainer wrote."""
    state: dict[str, Any] = json.loads((checkpoint / STATE_FILE).read_text(encoding="utf-8"))
    return state


def list_differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Returns what differs between two runs, in words; names of files do not count."""
    names_of_files = {"train", "validation", "test", "unlabelled", "output"}
    found = [
        f"--{name.replace('_', '-')} was {before['arguments'].get(name)!r} and is {value!r}"
        for name, value in now["arguments"].items()
        if name not in names_of_files and before["arguments"].get(name) != value
    ]
    for split in ("train", "validation", "test", "unlabelled"):
        old, new = (_digests(run, split=split) for run in (before, now))
        if old != new:
            found.append(f"--{split} had the sha256 {old} and has {new}")
    return found


def _digests(run: dict[str, Any], *, split: str) -> str:
    digests = [each["sha256"][:NUM_SHOWN_HEX] for each in run["data"] if each["split"] == split]
    return " + ".join(digests) or "none"


def write_json(path: Path, document: Any) -> None:
    """Writes a file that is complete or not there."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)
