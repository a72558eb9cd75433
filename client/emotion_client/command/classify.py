"""The command `classify`: the emotion of many texts, in order, with a bounded memory."""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import cast

from emotion_client.client import EmotionClient
from emotion_client.command.connection import open_client
from emotion_client.command.errors import Refusal
from emotion_client.command.interruption import Interruption
from emotion_client.command.output import complain, put
from emotion_client.command.progress import show_progress
from emotion_client.command.record import build_answer, build_failure, encode
from emotion_client.command.screen import find_screen, is_terminal
from emotion_client.command.table import format_answer, format_failure, measure_labels
from emotion_client.command.tally import Tally
from emotion_client.command.texts import STDIN, Text, check_files, read_arguments, read_files
from emotion_client.errors import EmotionError, InvalidInput
from emotion_client.prediction import Prediction

Answer = Prediction | EmotionError
Answers = Generator[tuple[Text, Answer], None, None]
# Goes in the place of what is no text: the client refuses it without a call.
LONE_SURROGATE = "\ud800"
# As many as are under way at a time; by then the service had more than a timeout to recover.
MAX_FAILURES_IN_A_ROW = 1024


def classify(args: argparse.Namespace, *, interruption: Interruption) -> int:
    """Prints an answer for each text; returns the exit code.

    Raises:
        EmotionError: the service does not answer from the start.
        OSError: a file cannot be read.
        Refusal: there is no text at all.
    """
    files = args.file or ([] if args.texts else [STDIN])
    check_files(files)
    is_typed = STDIN in files and is_terminal(sys.stdin)
    texts = read_files(files) if files else read_arguments(args.texts)
    tally = Tally()
    with open_client(args) as client:
        format_row = _choose_format(args, labels=client.connect().labels)
        if is_typed:
            complain("type one text a line; Ctrl-D ends")
        answers = ask_one_by_one(client, texts) if is_typed else ask(client, texts)
        with closing(answers), show_progress(len(args.texts) or None) as advance:
            for text, answer in answers:
                interruption.check()
                tally.add(answer)
                put(format_row(text, answer))
                advance(1)
                if tally.num_failed_in_a_row == MAX_FAILURES_IN_A_ROW:
                    complain(f"gave up after {MAX_FAILURES_IN_A_ROW} texts in a row had no answer")
                    break
    if not tally.num_texts:
        raise Refusal("there is nothing to classify: the input is empty")
    for sentence in tally.describe():
        complain(sentence)
    return tally.exit_code()


def ask(client: EmotionClient, texts: Iterator[Text]) -> Answers:
    """Yields texts and their answers in order, reading ahead as `predict_many` does."""
    waiting: deque[Text] = deque()

    def send() -> Iterator[str]:
        for text in texts:
            waiting.append(text)
            yield LONE_SURROGATE if text.problem else text.content

    answers = client.predict_many(send(), on_error="return")
    # To close it, before the client is closed, is to end the calls that are still to come.
    with closing(cast("Generator[Answer, None, None]", answers)):
        for answer in answers:
            text = waiting.popleft()
            yield text, InvalidInput(text.problem) if text.problem else answer


def ask_one_by_one(client: EmotionClient, texts: Iterator[Text]) -> Answers:
    """Yields each text and its answer before it reads the next one, as who types them expects."""
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
