#!/usr/bin/env python3
"""Compares this project's engine with other inference engines, without servers, on this machine.

Each engine runs in a process of its own with the same number of threads: ours, torch with padding,
OpenVINO, ONNX Runtime and CTranslate2, in each precision that they support. They get rows of token
ids: 1 of 32, 1 of 128, 8 and 64 with the lengths of lyrics. The other engines pad; for each
workload each uses the batch size and the sharing of threads that are its fastest here. Then they
compute in turn, one at a time, for --seconds each, round after round: the speed of a machine may
change within minutes. Rates are medians over the rounds. Models: the prepared checkpoint, and
random weights in the shape of BERT-base. All engines are loaded at once.

The error is the largest difference in probability from plain transformers in float32, for the label
that an engine gives. The last lines compare ours with the fastest engine whose error is at most
0.03 on every model, ours in float32 with those in float32, ours with AVX2 with torch in float32.

The other engines need virtual environments in .venv-peers (`make peers`).
Exit code: 0 measured, or stopped by Ctrl-C; 1 ours failed; 2 wrong usage, or it cannot start.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from emotion_benchmarks.engines.contenders import CONTENDERS, Contender
from emotion_benchmarks.engines.job import MODELS, prepare
from emotion_benchmarks.engines.measure import Bench, Plan, measure
from emotion_command.checkout import CHECKPOINT
from emotion_command.numbers import integer, number_above
from emotion_command.output import put
from emotion_command.output_file import output_file
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_engine.errors import CheckpointError
from emotion_engine.processor import count_cores
from emotion_loadtest.figure import to_json
from emotion_loadtest.server import describe_machine, find_processor

COMMAND = Command("engines", extra="load")


def main(argv: list[str] | None = None, *, contenders: Sequence[Contender] = CONTENDERS) -> int:
    """Runs the command on these engines; returns its exit code."""
    args = parse_args(argv, contenders=contenders)
    return COMMAND.run(
        lambda interruption: run(args, interruption, contenders=contenders),
        refusals=(CheckpointError,),
    )


def parse_args(argv: list[str] | None, *, contenders: Sequence[Contender]) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, keys = parser.add_argument, [each.key for each in contenders]
    some = "some of {} (all)".format
    only, models = some(", ".join(keys)), some(", ".join(MODELS))
    add("--only", nargs="+", choices=keys, default=keys, metavar="ENGINE", help=only)
    add("--models", nargs="+", choices=MODELS, default=MODELS, metavar="NAME", help=models)
    rounds, seconds = integer(1, 100), number_above(0, 600)
    turns = "turns of each on each workload (%(default)s)"
    add("--rounds", type=rounds, default=6, metavar="NUMBER", help=turns)
    use = "of a turn; a call that takes longer is timed once (%(default)s)"
    add("--seconds", type=seconds, default=1.0, metavar="SECONDS", help=use)
    threads = "of each engine; 0 is one per core (0)"
    add("--threads", type=integer(0, 1024), default=0, metavar="NUMBER", help=threads)
    add("--json", type=output_file, metavar="FILE", help="write all figures, for programs")
    return parser.parse_args(argv)


def run(
    args: argparse.Namespace, interruption: Interruption, *, contenders: Sequence[Contender]
) -> int:
    """Measures, prints and writes; returns the exit code."""
    load_average = os.getloadavg()[0]
    plan = Plan(args.rounds, args.seconds, args.threads or count_cores())
    chosen = [each for each in contenders if each.key in args.only]
    report, check = COMMAND.say, interruption.check
    with tempfile.TemporaryDirectory() as folder:
        jobs = prepare(args.models, checkpoint=CHECKPOINT, folder=Path(folder), report=report)
        comparison = measure(chosen, jobs=jobs, bench=Bench(plan, report, check))
    machine = f"{describe_machine()}, load average before {load_average:.2f}"
    put(f"\n{machine}, {plan.num_threads} threads\n\n{comparison.format()}")
    if args.json is not None:
        facts = {"processor": find_processor(), "num_cores": os.cpu_count(), **vars(plan)}
        facts["load_average_before"] = load_average
        document = {**facts, **comparison.build_document()}
        args.json.write_text(to_json(document), encoding="utf-8")
        report(f"wrote {args.json}")
    return 1 if any(each.error and each.contender.is_ours for each in comparison.outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
