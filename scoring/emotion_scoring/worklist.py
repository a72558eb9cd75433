"""The parts of a job that are not written yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emotion_training.errors import DataError

from emotion_scoring.input_file import InputFile
from emotion_scoring.output_folder import OutputFolder
from emotion_scoring.source import Piece


@dataclass(frozen=True)
class PieceToDo:
    """A piece of a part that is not written yet, and where the part will be."""

    file: InputFile
    piece: Piece
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
        return {i for i in range(num_parts) if not self.find_path(file, number=i).is_file()}

    def count_unfinished_rows(self) -> int:
        """Returns how many rows are not written."""
        return sum(
            file.count_rows(number, rows_per_part=self.rows_per_part)
            for file in self.files
            for number in self.list_unfinished(file)
        )

    def read(
        self, *, fail: Callable[[str, DataError], object], check: Callable[[], object]
    ) -> Iterator[PieceToDo]:
        """Yields the parts in pieces, one file after another.

        Args:
            fail: called with the name of a file that cannot be read any more, and the reason: a
                page of it is broken, or it has changed since it was inspected. The part that was
                begun stays without its last piece.
            check: called now and then, also while rows are skipped; what it raises is raised.
        """
        for file in self.files:
            wanted = frozenset(self.list_unfinished(file))
            if not wanted:
                continue
            try:
                yield from self._read_file(file, wanted=wanted, check=check)
            except DataError as error:
                fail(file.name, error)

    def _read_file(
        self, file: InputFile, *, wanted: frozenset[int], check: Callable[[], object]
    ) -> Iterator[PieceToDo]:
        num_rows = num_finished = 0
        for piece in file.source.read(rows_per_part=self.rows_per_part, wanted=wanted):
            check()
            if piece.part not in wanted:
                continue
            file.check_unchanged()
            num_rows = num_rows * (not piece.is_first) + len(piece.texts)
            if piece.is_last:
                self._check_size(file, part=piece.part, num_rows=num_rows)
                num_finished += 1
            yield PieceToDo(file, piece, self.find_path(file, number=piece.part))
        if num_finished < len(wanted):
            raise file.changed()

    def _check_size(self, file: InputFile, *, part: int, num_rows: int) -> None:
        if num_rows != file.count_rows(part, rows_per_part=self.rows_per_part):
            raise file.changed()
