"""Writes parts, each whole or not at all."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from emotion_scoring.scores import Scores
from emotion_scoring.tally import Tally
from emotion_scoring.whole_file import WholeFile, named
from emotion_scoring.worklist import PieceToDo
from emotion_scoring.writers import WRITERS, Writer


class PartWriter:
    """Writes the pieces of one part after the other; a part has its name after its last piece.

    A part whose last piece never comes, since its file cannot be read to the end, is discarded.

    Args:
        prefix: of the names of the columns that are added.
        tally: counts the rows of the parts that are finished.
    """

    def __init__(self, *, prefix: str, tally: Tally) -> None:
        self._prefix, self._tally = prefix, tally
        self._whole: WholeFile | None = None
        self._writer: Writer
        self._num_rows = self._num_errors = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._discard()

    def add(self, todo: PieceToDo, scores: Scores) -> None:
        """Writes a piece.

        Raises:
            OSError: it cannot be written.
        """
        with named(todo.path):
            if todo.piece.is_first:
                self._discard()
                self._open(todo)
            self._writer.write(todo.piece.rows, scores)
            self._num_rows += len(scores)
            self._num_errors += int(scores.is_bad.sum())
            if todo.piece.is_last:
                self._keep()

    def _open(self, todo: PieceToDo) -> None:
        whole, open_writer = WholeFile(todo.path), WRITERS[todo.path.suffix]
        schema = todo.file.contents.schema
        self._writer = open_writer(whole.file, schema=schema, prefix=self._prefix)
        self._whole, self._num_rows, self._num_errors = whole, 0, 0

    def _keep(self) -> None:
        assert self._whole is not None, "the first piece has opened it"
        self._writer.end()
        self._whole.keep()
        self._whole = None
        self._tally.num_rows += self._num_rows
        self._tally.num_errors += self._num_errors

    def _discard(self) -> None:
        if self._whole is not None:
            self._writer.abandon()
            self._whole.discard()
            self._whole = None
