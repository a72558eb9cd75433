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

import sys
from argparse import ArgumentParser
from typing import Any

from locust.env import Environment

from emotion_client import EmotionError
from emotion_command.errors import Refusal
from emotion_command.output import open_missing_streams
from emotion_loadtest.locust_run import COMMAND, UNUSABLE, LoadTest
from emotion_loadtest.options import add_options
from emotion_loadtest.users import (
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
    open_missing_streams()
    options = environment.parsed_options
    if not options.user_classes and not options.class_picker:
        environment.user_classes = [TextUser]
    try:
        LoadTest(environment).prepare()
    except (EmotionError, Refusal) as error:
        COMMAND.complain(str(error))
        sys.exit(UNUSABLE)
