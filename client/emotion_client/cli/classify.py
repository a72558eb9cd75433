"""The command `classify`: the emotion of many texts, in order, in bounded memory."""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import cast

from emotion_command.errors import Refusal
from emotion_command.output import put_result
from emotion_command.progress import show_progress
from emotion_command.signals import Interruption
from emotion_command.terminal import find_screen, is_terminal

from emotion_client.cli.answers import (
    build_answer,
    build_failure,
    encode,
    format_answer,
    format_failure,
    measure_labels,
)
from emotion_client.cli.options import COMMAND, open_client
from emotion_client.cli.texts import STDIN, Text, check_files, read_arguments, read_files
from emotion_client.client import EmotionClient
from emotion_client.errors import EmotionError, InvalidInput
from emotion_client.prediction import Prediction

Answer = Prediction | EmotionError
Answers = Generator[tuple[Text, Answer], None, None]
# Sent in place of a line that is not a text: the client rejects it without a call.
LONE_SURROGATE = "\ud800"
# As many as can be in flight: by then the service had more than one timeout to recover.
MAX_FAILURES_IN_A_ROW = 1024


@dataclass
class Tally:
    """Counts texts, and those without an answer.

    Attributes:
        num_texts: all texts so far.
        num_bad: texts that can never be classified.
        num_failed: texts that the service did not answer.
        num_failed_in_a_row: such texts since the last answer.
        first_bad: what was wrong with the first bad text.
        first_failure: why the first failed text had no answer.
    """

    num_texts: int = 0
    num_bad: int = 0
    num_failed: int = 0
    num_failed_in_a_row: int = 0
    first_bad: str = ""
    first_failure: str = ""

    def add(self, answer: Answer) -> None:
        """Counts one more text."""
        self.num_texts += 1
        if isinstance(answer, InvalidInput):
            self.num_bad += 1
            self.first_bad = self.first_bad or str(answer)
        elif isinstance(answer, EmotionError):
            self.num_failed += 1
            self.num_failed_in_a_row += 1
            self.first_failure = self.first_failure or str(answer)
        else:
            self.num_failed_in_a_row = 0

    def describe(self) -> Iterator[str]:
        """Yields a sentence for each kind of text without an answer."""
        if self.num_bad:
            share = f"{self.num_bad} of {self.num_texts}"
            yield f"bad input: {share} texts; the first: {self.first_bad}"
        if self.num_failed:
            share = f"{self.num_failed} of {self.num_texts}"
            yield f"no answer: {share} texts; the first: {self.first_failure}"

    def exit_code(self) -> int:
        """Returns 2 for bad input, else 1 if the service failed, else 0."""
        return 2 if self.num_bad else 1 if self.num_failed else 0


def classify(args: argparse.Namespace, *, interruption: Interruption) -> int:
    """Prints an answer for each text; returns the exit code.

    Raises:
        EmotionError: the service does not answer from the start.
        OSError: a file cannot be read.
        Refusal: there are no texts at all.
    """
    files = args.file or ([] if args.texts else [STDIN])
    check_files(files)
    is_typed = STDIN in files and is_terminal(sys.stdin)
    texts = read_files(files) if files else read_arguments(args.texts)
    num_texts = len(args.texts) or None
    tally = Tally()
    with open_client(args) as client:
        format_row = _choose_format(args, labels=client.connect().labels)
        if is_typed:
            COMMAND.complain("type one text per line; Ctrl-D ends")
        answers = ask_one_by_one(client, texts) if is_typed else ask(client, texts)
        with closing(answers), show_progress(num_texts, name=COMMAND.name) as advance:
            for text, answer in answers:
                interruption.check()
                tally.add(answer)
                put_result(format_row(text, answer))
                advance(1)
                if tally.num_failed_in_a_row == MAX_FAILURES_IN_A_ROW:
                    COMMAND.complain(
                        f"gave up: {MAX_FAILURES_IN_A_ROW} texts in a row had no answer"
                    )
                    break
    if not tally.num_texts:
        raise Refusal("there is nothing to classify: the input is empty")
    for sentence in tally.describe():
        COMMAND.complain(sentence)
    return tally.exit_code()


def ask(client: EmotionClient, texts: Iterator[Text]) -> Answers:
    """Yields texts and their answers in order; reads ahead as `predict_many` does."""
    waiting: deque[Text] = deque()

    def send() -> Iterator[str]:
        for text in texts:
            waiting.append(text)
            yield LONE_SURROGATE if text.problem else text.content

    answers = client.predict_many(send(), on_error="return")
    # Closing it cancels the calls in flight, which must happen before the client is closed.
    with closing(cast("Generator[Answer, None, None]", answers)):
        for answer in answers:
            text = waiting.popleft()
            yield text, InvalidInput(text.problem) if text.problem else answer


def ask_one_by_one(client: EmotionClient, texts: Iterator[Text]) -> Answers:
    """Yields each text and its answer before it reads the next one, for typed texts."""
    for text in texts:
        yield text, InvalidInput(text.problem) if text.problem else _ask_one(client, text)


def _ask_one(client: EmotionClient, text: Text) -> Answer:
    try:
        return client.predict(text.content)
    except EmotionError as error:
        return error


def _choose_format(
    args: argparse.Namespace, *, labels: tuple[str, ...]
) -> Callable[[Text, Answer], str]:
    screen, label_width = find_screen(), measure_labels(labels)

    def format_record(text: Text, answer: Answer) -> str:
        if isinstance(answer, EmotionError):
            return encode(build_failure(text, answer))
        return encode(build_answer(text, answer, has_text=args.with_text))

    def format_row(text: Text, answer: Answer) -> str:
        if isinstance(answer, EmotionError):
            return format_failure(str(answer), label_width=label_width)
        return format_answer(answer, words=text.content, label_width=label_width, screen=screen)

    return format_record if args.json else format_row
