#!/usr/bin/env python3
"""Measures the engine by itself, without Triton: rate, useful work, and where the time goes.

Models: the prepared checkpoint, and random weights in the shapes of BERT-base and DistilBERT.
Workloads: a lone row of 32 tokens, 64 rows of 128, and 8 and 64 rows with the lengths of lyrics.
Useful work is what the answers need: real tokens, and of the last layer what the head reads.
The peak beside it is that of torch's matmul at the model's own shapes, in the same run and dtype.
Figures of different runs do not compare: the ratio of two engines is that of two runs one after the
other on a quiet machine; --encoder padded is plain transformers.
With --by-length instead: 64 equal rows of 8 to 512 tokens (as long as the model takes), and how far
each cost is from a straight line.
Exit code: 0 measured, or stopped by Ctrl-C; 2 wrong usage, or cannot start.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmark.by_length import (
    LengthCost,
    build_lengths,
    format_length_head,
    format_length_row,
    format_length_verdict,
)
from benchmark.operators import split, split_native
from benchmark.peak import measure_peak
from benchmark.result import Measurement, build_json, format_head, format_row
from benchmark.shape import build_config, read_shape
from benchmark.stopwatch import Stopwatch
from benchmark.workload import build_workloads
from emotion_client.command.interruption import Interruption
from emotion_engine.checkpoint import Checkpoint, read_checkpoint
from emotion_engine.classifier import Classifier, choose_dtype
from emotion_engine.encoder import build_encoder
from emotion_engine.errors import CheckpointError, SettingsError
from emotion_engine.native import NativeEncoder
from emotion_engine.settings import DTYPES, ENCODERS, EngineSettings
from numpy.typing import NDArray
from printing import put
from serving.triton_server import REPOSITORY
from transformers import AutoConfig, AutoModelForSequenceClassification

CHECKPOINT = REPOSITORY / "emotion" / "1" / "checkpoint"
DEFAULT, RANDOM = "default", ("bert-base", "distilbert")
DEFAULT_SECONDS = 3.0


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    interruption = Interruption()
    interruption.install()
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler's own lines
    try:
        run(args)
    except KeyboardInterrupt:
        interruption.ignore()  # one more is no news
        put("bench: stopped", stream=sys.stderr)
    except (CheckpointError, SettingsError, OSError) as error:
        put(f"bench: {error}", stream=sys.stderr)
        return 2
    return 0


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line; wrong usage exits with code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models",
        nargs="+",
        choices=[DEFAULT, *RANDOM],
        default=[DEFAULT, *RANDOM],
        metavar="NAME",
        help=f"of {DEFAULT}, {', '.join(RANDOM)} (all)",
    )
    parser.add_argument("--device", default="cpu", help="such as cuda:0 (%(default)s)")
    parser.add_argument("--dtype", choices=DTYPES, default="auto", help="(%(default)s)")
    parser.add_argument(
        "--by-length", action="store_true", help="what a text costs by its number of tokens"
    )
    parser.add_argument("--encoder", choices=ENCODERS, default="auto", help="(%(default)s)")
    parser.add_argument(
        "--threads", type=int, default=0, metavar="NUMBER", help="CPU threads; 0 is one a core (0)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=DEFAULT_SECONDS,
        metavar="NUMBER",
        help="of each measurement, at least (%(default)g)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where to write all figures, for programs"
    )
    args = parser.parse_args(argv)
    if not 0 < args.seconds <= 3600:
        parser.error(f"--seconds is {args.seconds:g}; it must be above 0, at most 3600")
    if args.by_length and args.json is not None:
        parser.error("--json is of the other measurements; leave out --by-length or --json")
    if args.threads < 0:
        parser.error(f"--threads is {args.threads}; it must be 0 or more")
    try:
        args.device = torch.device(args.device)
        torch.zeros(1, device=args.device)
    except (RuntimeError, AssertionError) as error:
        parser.error(f"--device {args.device}: {str(error).splitlines()[0]}")
    return args


def run(args: argparse.Namespace) -> None:
    """Measures every model on every workload, and prints as it goes.

    Raises:
        CheckpointError: there is no prepared checkpoint.
        SettingsError: it cannot be served like this.
        OSError: the figures cannot be written.
    """
    stopwatch = Stopwatch(args.device, seconds=args.seconds)
    dtype = choose_dtype(args.dtype, device=args.device)
    put(f"{args.device}, {str(dtype).removeprefix('torch.')}, {torch.get_num_threads()} threads")
    if args.by_length:
        for name in args.models:
            put(name)
            _, classifier = load(name, args=args, dtype=dtype)
            put(format_length_head())
            costs = []
            for cost in measure_by_length(classifier, stopwatch):
                put(format_length_row(cost))
                costs.append(cost)
            put(format_length_verdict(costs))
        return
    put(format_head())
    measurements = []
    for name in args.models:
        config, classifier = load(name, args=args, dtype=dtype)
        for one in measure(name, config, classifier, dtype=dtype, stopwatch=stopwatch):
            put(format_row(one))
            measurements.append(one)
    if args.json is not None:
        facts = {"device": str(args.device), "dtype": str(dtype), "torch": torch.__version__}
        args.json.write_text(build_json(measurements, facts=facts), encoding="utf-8")


def load(name: str, *, args: argparse.Namespace, dtype: torch.dtype) -> tuple[Any, Classifier]:
    """Returns a model's configuration, and the model, warmed up."""
    checkpoint = read_checkpoint(CHECKPOINT)
    settings = EngineSettings(dtype=args.dtype, encoder=args.encoder, num_threads=args.threads)
    if name == DEFAULT:
        config = AutoConfig.from_pretrained(CHECKPOINT, local_files_only=True)
        classifier = Classifier.load(checkpoint, settings=settings, device=str(args.device))
    else:
        config = build_config(name)
        classifier = build_random(config, checkpoint, args=args, dtype=dtype)
    classifier.warm_up()
    return config, classifier


def build_random(
    config: Any, checkpoint: Checkpoint, *, args: argparse.Namespace, dtype: torch.dtype
) -> Classifier:
    """Returns a classifier with random weights that reads rows as the checkpoint's does."""
    model = AutoModelForSequenceClassification.from_config(config).eval()
    encoder = build_encoder(model, device=args.device, dtype=dtype, wanted=args.encoder)
    return Classifier(
        replace(
            checkpoint,
            vocab_size=config.vocab_size,
            max_length=config.max_position_embeddings,
        ),
        encoder=encoder,
        max_batch_tokens=encoder.default_batch_tokens,
    )


def measure(
    name: str, config: Any, classifier: Classifier, *, dtype: torch.dtype, stopwatch: Stopwatch
) -> Iterator[Measurement]:
    """Measures one model on one workload after the other."""
    shape = read_shape(config)
    checkpoint = classifier.checkpoint
    for workload in build_workloads(max_length=checkpoint.max_length):
        rows = workload.make_rows(vocab_size=checkpoint.vocab_size)
        num_tokens = min(sum(workload.row_lens), classifier.max_batch_tokens)
        peak = measure_peak(shape, num_tokens=num_tokens, dtype=dtype, stopwatch=stopwatch)
        seconds = stopwatch.measure(lambda rows=rows: classifier.predict(rows))  # type: ignore[misc]
        yield Measurement(
            model=name,
            workload=workload.name,
            num_rows=len(rows),
            seconds=seconds,
            flops_per_s=shape.count_flops(workload.row_lens) / seconds,
            peak_flops_per_s=peak,
            operators=where_time_goes(classifier, rows, device=stopwatch.device),
        )


def measure_by_length(classifier: Classifier, stopwatch: Stopwatch) -> Iterator[LengthCost]:
    """Measures equal rows of one length after the other."""
    for workload in build_lengths(max_length=classifier.checkpoint.max_length):
        rows = workload.make_rows(vocab_size=classifier.checkpoint.vocab_size)
        seconds = stopwatch.measure(lambda rows=rows: classifier.predict(rows))  # type: ignore[misc]
        yield LengthCost(len(rows[0]), seconds)


def where_time_goes(
    classifier: Classifier, rows: list[NDArray[np.int64]], *, device: torch.device
) -> dict[str, float]:
    """Returns kind of work to its share of the time."""
    if isinstance(classifier.encoder, NativeEncoder):
        return split_native(
            lambda: classifier.predict(rows),
            encoder=classifier.encoder,
            num_threads=torch.get_num_threads(),
        )
    return split(lambda: classifier.predict(rows), device=device)


if __name__ == "__main__":
    sys.exit(main())
