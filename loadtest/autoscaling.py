#!/usr/bin/env python3
"""Simulates a day of a fleet on Kubernetes: how many replicas, how slow, how many calls refused.

Compares the chart's two ways to scale (docs/fleet.md): KEDA on the busy time of the models and on
the requests that wait, and a HorizontalPodAutoscaler on CPU. The day has a wave, a slow peak, a
fast one, and a jump to three times the rate within 15 s. Nothing is started or measured: it
takes about a minute, and autoscaling.png and autoscaling.json go to loadtest/reports.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from emotion_command.numbers import integer, number, number_above
from emotion_command.output import put
from emotion_command.runner import Command
from emotion_loadtest.autoscaler import Limits
from emotion_loadtest.fleet import Outcome, Setting, build_settings, simulate
from emotion_loadtest.fleet_report import format_outcomes, write_report
from emotion_loadtest.options import REPORTS
from emotion_loadtest.replica import ServiceTime
from emotion_loadtest.report import make_folder
from emotion_loadtest.traffic import DAY, DAY_S

COMMAND = Command("autoscaling", extra="load")
MAX_REPLICAS, MAX_START_UP_S, MAX_RATE = 100, 3600, 5_000


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    return COMMAND.run(lambda _: run(args))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--busy",
        type=number_above(0, 1),
        nargs="+",
        default=[0.7, 0.5],
        metavar="SECONDS",
        help="busy time a second and replica, one or two; the first is also that of CPU (0.7 0.5)",
    )
    default, limits, rate = Setting(""), Limits(), ServiceTime().max_rate
    replicas = integer(1, MAX_REPLICAS)
    for option, kind, value, unit, use in (
        ("waiting", number_above(0, 1e6), default.waiting, "NUMBER", "waiting requests a replica"),
        ("start-up", number(0, MAX_START_UP_S), default.start_up_s, "SECONDS", "of a replica"),
        ("min-replicas", replicas, limits.min_replicas, "NUMBER", "at least"),
        ("max-replicas", replicas, limits.max_replicas, "NUMBER", "at most"),
        ("rate", number_above(0, MAX_RATE), rate, "NUMBER", "texts a second of a replica, at most"),
        ("traffic", number_above(0, 100), 1.0, "FACTOR", "times the calls of the day"),
    ):
        help_ = f"{use} (%(default).4g)"
        parser.add_argument(f"--{option}", type=kind, default=value, metavar=unit, help=help_)
    where = "where the files go (%(default)s)"
    parser.add_argument("--report", type=Path, default=REPORTS, metavar="FOLDER", help=where)
    args = parser.parse_args(argv)
    if len(args.busy) > 2:
        parser.error(f"--busy: expected one or two numbers, got {len(args.busy)}")
    if args.min_replicas > args.max_replicas:
        parser.error(f"--min-replicas is {args.min_replicas}; it must be at most --max-replicas")
    return args


def run(args: argparse.Namespace) -> int:
    """Simulates and reports; returns the exit code."""
    make_folder(args.report)
    limits = Limits(min_replicas=args.min_replicas, max_replicas=args.max_replicas)
    settings = build_settings(
        args.busy, waiting=args.waiting, start_up_s=args.start_up, limits=limits
    )
    outcomes = [simulate_day(setting, args) for setting in settings]
    write_report(outcomes, folder=args.report)
    put("\n".join(["", *format_outcomes(outcomes)]))
    put(f"report: {args.report / 'autoscaling.png'} (and .json)")
    return 0


def simulate_day(setting: Setting, args: argparse.Namespace) -> Outcome:
    """Simulates one of them."""
    COMMAND.say(f"a day of {setting.name}")
    return simulate(
        setting,
        lambda now_s: args.traffic * DAY.rate_at(now_s),
        seconds=DAY_S,
        time=ServiceTime.of_rate(args.rate),
    )


if __name__ == "__main__":
    sys.exit(main())
