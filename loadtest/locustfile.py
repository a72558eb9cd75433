"""Load tests of the emotion classifier, for Locust: `locust -f loadtest/locustfile.py --help`.

Every way of running Locust works: with its web page, `--headless`, and as `--master` with
`--worker`s. `TextUser` runs where no class is named. Each run ends with a verdict: a table,
report.html and report.json in --report, and, headless, the exit code: 0 targets met, or stopped by
Ctrl-C; 1 a target missed; 2 wrong usage, no server, or a load that the generator cannot make.
"""

# ruff: noqa: E402, I001, since Locust must be first: it patches what the others import
from __future__ import annotations

from locust import events
import grpc.experimental.gevent

grpc.experimental.gevent.init_gevent()

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from locust.env import Environment

# What reads examples is no installed package.
sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from emotion_client import EmotionError
from examples import DataError
from text_mix import MixError
from traffic.load_test import UNUSABLE, LoadTest, Shape, complain
from traffic.options import add_options
from traffic.texts import TextError
from traffic.users import (
    BatchArrivals,
    BatchUser,
    RawTextArrivals,
    RawTextUser,
    TextArrivals,
    TextUser,
)

__all__ = [
    "BatchArrivals",
    "BatchUser",
    "RawTextArrivals",
    "RawTextUser",
    "TextArrivals",
    "TextUser",
]


@events.init_command_line_parser.add_listener
def extend(parser: ArgumentParser) -> None:
    """Adds the options of this load test."""
    add_options(parser)


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Sets a process up; what cannot run ends here, with a sentence and exit code 2."""
    options = environment.parsed_options
    test = LoadTest(environment)
    if not options.user_classes and not options.class_picker:
        environment.user_classes = [TextUser]
    if test.is_worker:
        return
    if options.shape:
        if not options.run_time:
            stop("--shape needs --run-time")
        environment.shape_class = Shape()
        environment.shape_class.runner = environment.runner
    try:
        Path(options.report).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        stop(f"--report {options.report}: {error.strerror}; name a folder that can be written")
    if not os.access(options.report, os.W_OK):
        stop(f"--report {options.report} cannot be written; name another folder")
    try:
        test.open()
    except (EmotionError, DataError, MixError, TextError) as error:
        stop(str(error))


def stop(sentence: str) -> NoReturn:
    """Ends the process for wrong usage."""
    complain(sentence)
    sys.exit(UNUSABLE)
