#!/usr/bin/env python3
"""Asks a running server for real answers and says whether it is healthy (exit code 0 or 1).

A server that refuses because it is overloaded is healthy.
"""

from __future__ import annotations

import argparse
import sys

from emotion_client.arguments import MAX_TIMEOUT_S, check_url
from emotion_client.channel import open_triton
from emotion_client.client import DEFAULT_URL
from emotion_client.errors import EmotionError, Overloaded
from emotion_command.numbers import checked, number_above
from emotion_command.runner import Command
from emotion_server.probe import check

COMMAND = Command("healthcheck")
DEFAULT_TIMEOUT_S = 5.0


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 0 only if the server answered."""
    args = parse_args(argv)
    return COMMAND.run(
        lambda _: ask(args),
        failures=(EmotionError,),
        describe_stop=lambda: "stopped before the server answered",
        stopped_code=1,  # other commands return 0, which here means healthy
    )


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--url",
        type=checked(check_url),
        default=DEFAULT_URL,
        metavar="HOST:PORT",
        help="gRPC (%(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=number_above(0, MAX_TIMEOUT_S),
        default=DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="for each of the two calls (%(default)s)",
    )
    return parser.parse_args(argv)


def ask(args: argparse.Namespace) -> int:
    """Asks the server for real answers.

    Raises:
        EmotionError: it does not answer.
    """
    with open_triton(args.url) as server:
        try:
            check(server, url=args.url, timeout_s=args.timeout)
        except Overloaded as error:
            COMMAND.say(f"{error}; it is busy, not ill")
        else:
            COMMAND.say(f"{args.url} answers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
