"""Scores files: the parts that are not written yet, one after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import cast

from emotion_client.waiting import wait_for
from emotion_command.progress import show_progress
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_training.errors import DataError
from emotion_training.wording import count

from emotion_scoring.input_file import InputFile, inspect
from emotion_scoring.inputs import Input
from emotion_scoring.output_folder import OutputFolder
from emotion_scoring.pace import Pace
from emotion_scoring.part_writer import PartWriter
from emotion_scoring.plan import Plan, PlannedFile, Settings
from emotion_scoring.scorer import Scorer, Texts
from emotion_scoring.scores import Scores, name_columns
from emotion_scoring.tally import Tally
from emotion_scoring.worklist import PieceToDo, Worklist

Scored = Generator[tuple[PieceToDo, Scores], None, None]


@dataclass(frozen=True)
class Options:
    """What to score; `score.py --help` explains each option.

    Attributes:
        inputs: files, from `find_inputs`.
        format: of the output, such as "parquet"; None for that of each file.
        is_new: whether to start over.
    """

    inputs: list[Input]
    output: Path
    column: str
    format: str | None
    prefix: str
    rows_per_part: int
    is_new: bool


class Job:
    """Scores files.

    Args:
        options: what to score.
        scorer: what gives the texts their scores.
        command: prints a line on each step, and a sentence on each file that cannot be read.
        interruption: raises what Ctrl-C left behind.
    """

    def __init__(
        self,
        options: Options,
        *,
        scorer: Scorer,
        command: Command,
        interruption: Interruption,
    ) -> None:
        self.options, self.scorer = options, scorer
        self.command, self.interruption = command, interruption
        self.tally = Tally()

    def run(self) -> Tally:
        """Scores what is not scored yet; returns what was done.

        Raises:
            OutputError: the output cannot be used, or was begun with something else.
            EmotionError: the servers do not answer.
            OutOfMemory: the engine's device has no memory.
            ScorerError: the scorer stopped, or has another checkpoint than before.
        """
        options, facts = self.options, self.scorer.facts
        self.command.say(f"{facts.name}, revision {facts.revision[:12]}")
        output = OutputFolder(options.output)
        with output.open():
            files = list(self._inspect())
            output.prepare(self._plan(files), is_new=options.is_new)
            work = Worklist(files, output, options.rows_per_part, options.format)
            self._score(work)
        for sentence in self.tally.describe():
            self.command.say(sentence)
        return self.tally

    def _inspect(self) -> Iterator[InputFile]:
        added = name_columns(self.scorer.facts.labels, prefix=self.options.prefix)
        found = self.options.inputs
        with show_progress(
            len(found), name=self.command.name, unit="file", beside_results=True
        ) as show:
            for each in found:
                self.interruption.check()
                try:
                    yield inspect(each, column=self.options.column, added=added)
                except DataError as error:
                    self._fail(each.name, error)
                show(1)

    def _plan(self, files: list[InputFile]) -> Plan:
        options, facts = self.options, self.scorer.facts
        settings = Settings(
            column=options.column,
            format=options.format,
            prefix=options.prefix,
            rows_per_part=options.rows_per_part,
            revision=facts.revision,
            labels=facts.labels,
        )
        planned = {file.name: PlannedFile(file.sha256, file.contents.num_rows) for file in files}
        return Plan(settings, planned)

    def _score(self, work: Worklist) -> None:
        num_rows = sum(file.contents.num_rows for file in work.files)
        num_done = num_rows - work.count_unfinished_rows()
        done = f", {num_done:,} of them in an earlier run" if num_done else ""
        rows = count(num_rows, "row", separator=",")
        self.command.say(f"{count(len(work.files), 'file')}, {rows}{done}")
        start, pace = perf_counter(), Pace(num_rows, num_done=num_done, say=self.command.say)
        with show_progress(
            num_rows, name=self.command.name, unit="row", beside_results=True, num_done=num_done
        ) as show:

            def advance(num_done: int) -> None:
                self.interruption.check()
                show(num_done)
                pace.advance(num_done)

            self._write_all(self._score_all(work, advance=advance))
        self.tally.seconds = perf_counter() - start

    def _score_all(self, work: Worklist, *, advance: Callable[[int], object]) -> Scored:
        """Yields each piece with its scores; the scorer reads ahead."""
        waiting: deque[PieceToDo] = deque()

        def read() -> Iterator[Texts]:
            for each in work.read(fail=self._fail, check=self.interruption.check):
                waiting.append(each)
                yield each.piece.texts

        scored = self.scorer.score_all(read(), advance=advance)
        with closing(cast("Generator[Scores, None, None]", scored)):
            for scores in scored:
                yield waiting.popleft(), scores

    def _write_all(self, scored: Scored) -> None:
        """Writes each piece in another thread, while the next one is scored."""
        writer = PartWriter(prefix=self.options.prefix, tally=self.tally)
        with writer, ThreadPoolExecutor(1, thread_name_prefix="write") as thread, closing(scored):
            under_way: Future[None] | None = None
            for todo, scores in scored:
                if under_way is not None:
                    wait_for(under_way)
                under_way = thread.submit(writer.add, todo, scores)
            if under_way is not None:
                wait_for(under_way)

    def _fail(self, name: str, error: DataError) -> None:
        self.tally.failed_files.add(name)
        self.command.complain(str(error))
