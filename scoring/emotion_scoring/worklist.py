"""The parts of a job that are not written yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emotion_training.errors import DataError

from emotion_scoring.input_file import InputFile
from emotion_scoring.output_folder import OutputFolder
from emotion_scoring.source import Part


@dataclass(frozen=True)
class PartToDo:
    """A part that is not written yet, and where it will be."""

    file: InputFile
    part: Part
    path: Path


@dataclass(frozen=True)
class Worklist:
    """The parts that are not written yet.

    Attributes:
        files: all files of the job.
        output: where the finished parts are.
        rows_per_part: rows of each part but the last of a file.
        format: of the output, such as "parquet"; None for that of each file.
    """

    files: list[InputFile]
    output: OutputFolder
    rows_per_part: int
    format: str | None

    def find_path(self, file: InputFile, *, number: int) -> Path:
        """Returns where a part is when it is finished."""
        suffix = f".{self.format}" if self.format else Path(file.name).suffix.lower()
        return self.output.find_part(file.name, number=number, suffix=suffix)

    def list_unfinished(self, file: InputFile) -> set[int]:
        """Returns the numbers of the parts that are not written."""
        num_parts = -(-file.contents.num_rows // self.rows_per_part)
        return {i for i in range(num_parts) if not self.find_path(file, number=i).exists()}

    def count_unfinished_rows(self) -> int:
        """Returns how many rows are not written."""
        return sum(
            file.count_rows(number, rows_per_part=self.rows_per_part)
            for file in self.files
            for number in self.list_unfinished(file)
        )

    def read(self, *, fail: Callable[[str, DataError], object]) -> Iterator[PartToDo]:
        """Yields the parts, one file after another.

        Args:
            fail: called with the name of a file that cannot be read any more, and the reason: a
                page of it is broken, or it has changed since it was inspected.
        """
        for file in self.files:
            wanted = self.list_unfinished(file)
            try:
                parts = file.source.read(rows_per_part=self.rows_per_part, wanted=frozenset(wanted))
                for part in parts:
                    self._check_size(file, part)
                    wanted.discard(part.number)
                    yield PartToDo(file, part, self.find_path(file, number=part.number))
                if wanted:
                    raise DataError(f"{file.name}: has lost rows meanwhile; start over")
            except DataError as error:
                fail(file.name, error)

    def _check_size(self, file: InputFile, part: Part) -> None:
        if len(part.texts) != file.count_rows(part.number, rows_per_part=self.rows_per_part):
            raise DataError(f"{file.name}: has changed meanwhile; start over")
