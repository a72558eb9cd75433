#!/usr/bin/env python3
"""Compares this project with other servers, on this machine.

The same weights, texts and load for all: 64 callers, each of which asks for one text, waits for its
answer and asks again. Each server has its turn alone: it starts, its answers are checked against
plain transformers in float32, the callers warm it up, and continue while it is measured. If other
processes disturb a measurement, it is repeated up to twice, and the least disturbed one counts. The
order of the servers changes from round to round.

"tuned" is a server at its best documented setting, "engine" an inference engine at its best setting
behind one batching server, "example" a server's own example (benchmarks/peers, docs/comparison.md).
Each has a virtual environment in .venv-peers, which `make peers` creates (some gigabytes and
minutes). A server that cannot be started is listed with its error.

The table has medians of the rates over the rounds, percentiles of all latencies together, and the
largest error in probability; above 0.03 there is no target. "CPU" is processor time: of a server's
processes, and of this one as the caller, which tokenizes for EmotionClient. "Memory" is PSS: shared
pages count once. The last columns say how many times as fast ours is: with EmotionClient, and with
text over HTTP, as the other servers take it.
Exit code: 0 measured, or stopped by Ctrl-C; 1 with --check a target missed, or ours failed;
2 wrong usage, or it cannot start.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from emotion_benchmarks.comparison.job import prepare
from emotion_benchmarks.comparison.measure import measure
from emotion_benchmarks.comparison.peers import PEERS, Peer
from emotion_benchmarks.comparison.turn import NUM_CALLERS
from emotion_command.checkout import REPOSITORY
from emotion_command.numbers import integer, number_above
from emotion_command.output import put
from emotion_command.output_file import output_file
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_loadtest.figure import to_json
from emotion_loadtest.server import describe_machine, find_processor

COMMAND = Command("compare", extra="load")


def main(argv: list[str] | None = None, *, peers: Sequence[Peer] = PEERS) -> int:
    """Runs the command on these servers; returns its exit code."""
    args = parse_args(argv, peers=peers)
    return COMMAND.run(lambda interruption: run(args, interruption, peers=peers))


def parse_args(argv: list[str] | None, *, peers: Sequence[Peer]) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, keys, seconds = parser.add_argument, [peer.key for peer in peers], number_above(0, 600)
    some = f"some of {', '.join(keys)} (all)"
    add("--only", nargs="+", choices=keys, default=keys, metavar="SERVER", help=some)
    for option, kind, default, unit, use in (
        ("--rounds", integer(1, 100), 2, "NUMBER", "turns of each server"),
        ("--seconds", seconds, 10.0, "SECONDS", "of each measurement"),
        ("--warm-up", seconds, 5.0, "SECONDS", "of load before each measurement"),
        ("--seed", int, 1, "NUMBER", "another one makes other texts"),
        ("--model-repository", Path, REPOSITORY, "FOLDER", "whose checkpoint all of them serve"),
    ):
        use = f"{use} (%(default)s)"
        add(option, type=kind, default=default, metavar=unit, help=use)
    add("--check", action="store_true", help="exit with 1 if a target is missed")
    add("--json", type=output_file, metavar="FILE", help="write all figures, for programs")
    return parser.parse_args(argv)


def run(args: argparse.Namespace, interruption: Interruption, *, peers: Sequence[Peer]) -> int:
    """Measures, prints and writes; returns the exit code."""
    load_average = os.getloadavg()[0]
    COMMAND.say("asking plain transformers for the right answers")
    plan = {"seed": args.seed, "warm_up_s": args.warm_up, "seconds": args.seconds}
    job = prepare(args.model_repository.resolve(), **plan)
    machine = f"{describe_machine()}, load average before {load_average:.2f}"
    put(f"\n{job.mix.describe()}\n{machine}\n")
    chosen = [peer for peer in peers if peer.key in args.only]
    comparison = measure(
        chosen, job=job, num_rounds=args.rounds, report=COMMAND.say, check=interruption.check
    )
    put(f"\n{comparison.format()}")
    if args.json is not None:
        facts = {"processor": find_processor(), "num_cores": os.cpu_count(), **plan}
        facts |= {"load_average_before": load_average, "dtype": job.dtype, "rounds": args.rounds}
        facts |= {"num_callers": NUM_CALLERS, **comparison.build_document()}
        args.json.write_text(to_json(facts), encoding="utf-8")
        COMMAND.say(f"wrote {args.json}")
    return comparison.choose_exit_code(is_judged=args.check)


if __name__ == "__main__":
    sys.exit(main())
