"""Measures one engine, alone in a process of its own: benchmarks/engines.py starts it.

The rows come from a JSON file, and the figures go to another one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from peers.batching_engine import Engine
from peers.padding import Row

MIN_CALLS = 3


def main(argv: Sequence[str] | None = None) -> None:
    """Loads the engine, and measures it on one workload after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", required=True, help="name of its folder")
    parser.add_argument("--kind", required=True, help="what it computes in, as it calls it")
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of the model")
    parser.add_argument("--rows", type=Path, required=True, help="file of workloads (JSON)")
    parser.add_argument("--seconds", type=float, required=True, help="of each workload")
    parser.add_argument("--threads", type=int, required=True, help="of the engine")
    parser.add_argument("--output", type=Path, required=True, help="file for the figures (JSON)")
    args = parser.parse_args(argv)
    job = json.loads(args.rows.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        engine = import_module(f"peers.{args.engine}.engine").open_engine(
            args.checkpoint,
            kind=args.kind,
            num_threads=args.threads,
            folder=Path(folder),
            calibration=job["calibration"],
        )
        figures = measure_all(engine, workloads=job["workloads"], seconds=args.seconds)
    args.output.write_text(json.dumps(figures), encoding="utf-8")


def measure_all(
    engine: Engine, *, workloads: Mapping[str, Sequence[Row]], seconds: float
) -> dict[str, Any]:
    """Returns the figures of each workload by its name."""
    return {name: measure(engine, rows, seconds=seconds) for name, rows in workloads.items()}


def measure(engine: Engine, rows: Sequence[Row], *, seconds: float) -> dict[str, Any]:
    """Tunes an engine for some rows, and calls it with them again and again.

    Returns:
        The seconds of each call, the probabilities, and the setting that was chosen.
    """
    engine.tune(rows)
    probabilities = engine.predict(rows)
    calls_s: list[float] = []
    while sum(calls_s) < seconds or len(calls_s) < MIN_CALLS:
        start = perf_counter()
        engine.predict(rows)
        calls_s.append(perf_counter() - start)
    return {"calls_s": calls_s, "probabilities": probabilities.tolist(), "setting": str(engine)}


if __name__ == "__main__":
    main()
