#!/usr/bin/env python3
"""Runs a load test against a Triton of its own, or a running one, and says whether targets are met.

  run.py                          16 callers for 30 s, against loadtest/targets.toml
  run.py --users 64 --seconds 60 --max-p99-ms 500
  run.py --rate 50                an open loop: 50 calls a second at Poisson arrivals
  run.py --url gpu-host:8001 --users 256 --processes 4
  run.py --call batch             calls of 32 texts by predict_many

It runs Locust with loadtest/locustfile.py, headless; every other option is Locust's or that file's:
`locust -f loadtest/locustfile.py --help` lists them. Report and figures go to loadtest/reports.
Exit code: 0 targets met, or stopped by Ctrl-C; 1 a target missed; 2 wrong usage, no server, or a
load that this machine cannot make.
"""

from __future__ import annotations

import argparse
import sys

from emotion_client.arguments import check_url
from emotion_command.numbers import checked, integer, number_above
from emotion_command.runner import Command
from emotion_loadtest.locust_process import CALLS, build_options, build_targets, run_locust
from emotion_loadtest.options import MAX_RATE, MAX_SECONDS, MAX_USERS, parse_targets
from emotion_loadtest.server import open_server

COMMAND = Command("loadtest", extra="load")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args, others = parse_args(argv)
    return COMMAND.run(lambda _: run(args, others))


def parse_args(argv: list[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """Parses the command line; returns the options of this command, and those of Locust."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--url",
        type=checked(check_url),
        metavar="HOST:PORT",
        help="gRPC of a running server (starts one)",
    )
    load = parser.add_mutually_exclusive_group()
    load.add_argument(
        "--users",
        type=integer(1, MAX_USERS),
        default=16,
        metavar="NUMBER",
        help="closed loop: callers that call again when they have their answer (%(default)s)",
    )
    load.add_argument(
        "--rate",
        type=number_above(0, MAX_RATE),
        metavar="CALLS",
        help="open loop: calls a second, whether or not earlier ones are answered",
    )
    seconds = integer(1, MAX_SECONDS)
    parser.add_argument("--seconds", type=seconds, default=30, metavar="NUMBER", help="(30)")
    parser.add_argument(
        "--call",
        choices=[*CALLS],
        default="text",
        help="a text, a batch of texts, or a text that the server tokenizes (%(default)s)",
    )
    parser.add_argument(
        "--targets",
        type=parse_targets,
        metavar="FILE",
        help="what must be shown (loadtest/targets.toml; in an open loop, answers that keep up "
        "with nine tenths of the calls; of batches, that at most one of a thousand fails)",
    )
    return parser.parse_known_args(argv)


def run(args: argparse.Namespace, others: list[str]) -> int:
    """Runs Locust; returns its exit code.

    Raises:
        StartError: no server was named, and none can be started.
    """
    load = {"call": args.call, "rate": args.rate}
    with open_server(args.url, report=COMMAND.say) as url:
        options = build_options(url, users=args.users, seconds=args.seconds, **load)
        return run_locust([*options, *build_targets(args.targets, **load), *others])


if __name__ == "__main__":
    sys.exit(main())
