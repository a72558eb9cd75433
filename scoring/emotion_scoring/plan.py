"""What a job was asked for: kept in its output, so that a rerun does the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

VERSION = 1
NUM_SHOWN_HEX = 12


@dataclass(frozen=True)
class Settings:
    """What all files of a job have in common.

    Attributes:
        column: the text column.
        format: of the output, such as "parquet"; None for that of each file.
        prefix: of the names of the columns that are added.
        rows_per_part: rows that are written together.
        revision: of the checkpoint, 64 hex digits.
        labels: in the order of the scores.
    """

    column: str
    format: str | None
    prefix: str
    rows_per_part: int
    revision: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class PlannedFile:
    """A file of a job.

    Attributes:
        sha256: of its bytes, 64 hex digits.
        num_rows: number of rows.
    """

    sha256: str
    num_rows: int


@dataclass(frozen=True)
class Plan:
    """A whole job.

    Attributes:
        settings: what its files have in common.
        files: by name.
    """

    settings: Settings
    files: Mapping[str, PlannedFile]

    def to_json(self) -> str:
        """Returns it as a document for `from_json`."""
        files = {name: asdict(self.files[name]) for name in sorted(self.files)}
        document = {"version": VERSION, "settings": asdict(self.settings), "files": files}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Reads what `to_json` returned.

        Raises:
            ValueError: it is something else.
        """
        document: dict[str, Any] = json.loads(text)
        try:
            if document["version"] != VERSION:
                raise ValueError(f"version is {document['version']}; it must be {VERSION}")
            settings = dict(document["settings"])
            settings["labels"] = tuple(settings["labels"])
            files = {name: PlannedFile(**each) for name, each in document["files"].items()}
            return cls(Settings(**settings), files)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("is not a plan") from error

    def find_changes(self, now: Plan) -> Iterator[str]:
        """Yields, in words, what makes the parts of this plan useless for another one.

        More files are no such change: they are scored too.
        """
        before = asdict(self.settings)
        for name, value in asdict(now.settings).items():
            if before[name] != value:
                yield f"{_spell(name)} was {_show(before[name])} and is {_show(value)}"
        for name, file in self.files.items():
            if name not in now.files:
                yield f"{name} was among the files and is not any more"
            elif now.files[name] != file:
                old, new = file.sha256[:NUM_SHOWN_HEX], now.files[name].sha256[:NUM_SHOWN_HEX]
                yield f"{name} had the sha256 {old} and has {new}"


def _spell(name: str) -> str:
    options = {"rows_per_part": "--part-rows", "revision": "the checkpoint", "labels": "the labels"}
    return options.get(name, f"--{name}")


def _show(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(value)
    return str(value)[:NUM_SHOWN_HEX] if value else "not given"
