#!/usr/bin/env python3
"""Finds the highest rate of single texts that holds a p99 limit, and draws latency over rate.

First 64 callers in a closed loop show what the server does at most. Then calls come at Poisson
arrivals: at a quarter, a half, three quarters, ... of that, and from the first rate that does not
hold by bisection. A rate holds when p99 (from when a call was due) is under the limit, at most one
call of a thousand failed, and answers keep up with arrivals.

It starts a Triton of its own, or asks a running one (--url) that nothing else should use meanwhile.
capacity.png, capacity.html and capacity.json go to loadtest/reports. Exit code: 0 found, or stopped
by Ctrl-C; 1 no rate holds the limit; 2 wrong usage, no server, or a generator that is itself the
limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from emotion_client.arguments import check_url
from emotion_command.numbers import checked, integer, number_above
from emotion_command.output import put
from emotion_command.runner import Command
from emotion_loadtest.capacity import MAX_STEP_S, MIN_CALLS, Bench, find_capacity
from emotion_loadtest.capacity_report import format_steps, write_report
from emotion_loadtest.options import MAX_SECONDS, REPORTS
from emotion_loadtest.report import make_folder
from emotion_loadtest.server import open_server
from emotion_loadtest.targets import MAX_LIMIT

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
    limit = number_above(0, MAX_LIMIT)
    parser.add_argument(
        "--max-p99-ms", type=limit, default=500.0, metavar="LIMIT", help="(%(default)g)"
    )
    parser.add_argument(
        "--seconds",
        type=integer(1, MAX_SECONDS),
        default=20,
        metavar="NUMBER",
        help=f"of each rate; low rates take as long as {MIN_CALLS} calls need, at most "
        f"{MAX_STEP_S} (%(default)s)",
    )
    parser.add_argument(
        "--precision",
        type=number_above(0, 1),
        default=0.05,
        metavar="SHARE",
        help="how close the answer must be (%(default)g)",
    )
    where = "where the files go (%(default)s)"
    parser.add_argument("--report", type=Path, default=REPORTS, metavar="FOLDER", help=where)
    return parser.parse_known_args(argv)


def run(args: argparse.Namespace, others: list[str]) -> int:
    """Searches and reports; returns the exit code."""
    make_folder(args.report)
    with open_server(args.url, report=COMMAND.say) as url, tempfile.TemporaryDirectory() as scratch:
        bench = Bench(
            url,
            scratch=Path(scratch),
            seconds=args.seconds,
            max_p99_ms=args.max_p99_ms,
            options=others,
            report=COMMAND.say,
        )
        capacity = find_capacity(bench, precision=args.precision)
    write_report(capacity, folder=args.report)
    put("\n".join(["", *format_steps(capacity), "", capacity.sentence]))
    put(f"report: {args.report / 'capacity.html'} (and .png, .json)")
    return 0 if capacity.held else 1


if __name__ == "__main__":
    sys.exit(main())
