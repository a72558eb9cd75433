#!/usr/bin/env python3
"""Measures the engine without Triton: its rate, its useful work, and where the time goes.

Models: the prepared checkpoint, and random weights in the shapes of BERT-base and DistilBERT.
Workloads: a lone row of 32 tokens, 64 rows of 128, and 8 and 64 rows with the lengths of lyrics.
Useful work is what the answers need: real tokens, and in the last layer only what the head reads.
The peak is that of torch's matmul at the model's own shapes, in the same run and dtype.
Figures of different runs cannot be compared directly. To compare two engines, run one right after
the other on an idle machine; --encoder padded is plain transformers.
With --by-length instead: 64 equal rows of 8 to 512 tokens (or as many as the model takes), and how
far each cost is from a straight line.
Exit code: 0 measured, or stopped by Ctrl-C; 2 wrong usage, or it cannot start.
"""

from __future__ import annotations

import argparse
import sys

import torch
from emotion_benchmarks.engine.measure import MODELS, Bench
from emotion_benchmarks.engine.result import (
    build_document,
    format_costs,
    format_measurements,
    judge_costs,
)
from emotion_benchmarks.engine.stopwatch import Stopwatch, find_device
from emotion_command.checkout import CHECKPOINT
from emotion_command.numbers import checked, integer, number_above
from emotion_command.output import put
from emotion_command.output_file import output_file
from emotion_command.runner import Command
from emotion_engine.errors import CheckpointError, SettingsError
from emotion_engine.settings import CUDA_GRAPHS, DTYPES, ENCODERS, EngineSettings
from emotion_loadtest.figure import format_figures, to_json

COMMAND = Command("bench", extra="load")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    return COMMAND.run(lambda _: run(args), refusals=(CheckpointError, SettingsError))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    models = f"some of {', '.join(MODELS)} (all)"
    add("--models", nargs="+", choices=MODELS, default=MODELS, metavar="NAME", help=models)
    add("--device", type=checked(find_device), default="cpu", help="such as cuda:0 (%(default)s)")
    add("--dtype", choices=DTYPES, default="auto", help="(%(default)s)")
    add("--encoder", choices=ENCODERS, default="auto", help="(%(default)s)")
    graphs = "whole forward passes as CUDA graphs (%(default)s)"
    add("--cuda-graphs", choices=CUDA_GRAPHS, default="off", help=graphs)
    threads = "CPU threads, at most one per core; 0 is one per core (0)"
    add("--threads", type=integer(0, 1024), default=0, metavar="NUMBER", help=threads)
    seconds = "of each measurement, at least (%(default)g)"
    add("--seconds", type=number_above(0, 3600), default=3.0, metavar="NUMBER", help=seconds)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--by-length", action="store_true", help="measure cost by number of tokens")
    what.add_argument(
        "--json", type=output_file, metavar="FILE", help="write all figures, for programs"
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> int:
    """Measures, prints and writes; returns the exit code."""
    settings = EngineSettings(
        dtype=args.dtype,
        encoder=args.encoder,
        num_threads=args.threads,
        cuda_graphs=args.cuda_graphs,
    )
    stopwatch = Stopwatch(args.device, seconds=args.seconds)
    bench = Bench(CHECKPOINT, settings, stopwatch, report=COMMAND.say)
    COMMAND.say(bench.describe())
    if args.by_length:
        costs = bench.measure_lengths(args.models)
        put(f"\n{format_costs(costs)}\n\n{format_figures(judge_costs(costs))}")
        return 0
    measurements = bench.measure(args.models)
    put(f"\n{format_measurements(measurements)}")
    if args.json is not None:
        facts = {"device": str(args.device), "dtype": str(bench.dtype), "torch": torch.__version__}
        document = {**facts, "measurements": build_document(measurements)}
        args.json.write_text(to_json(document), encoding="utf-8")
        COMMAND.say(f"wrote {args.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
