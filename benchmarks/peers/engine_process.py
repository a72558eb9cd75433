"""One engine, alone in a process of its own: benchmarks/engines.py starts it, and asks it.

It tunes itself for a workload and takes its time whenever it is told to, until the other end of the
connection is closed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

from peers.batching_engine import Engine
from peers.padding import Row


def main(argv: Sequence[str] | None = None) -> None:
    """Loads the engine, and does what it is told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", required=True, help="name of its folder")
    parser.add_argument("--kind", required=True, help="what it computes in, as it calls it")
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of the model")
    parser.add_argument("--threads", type=int, required=True, help="of the engine")
    parser.add_argument("--connection", type=int, required=True, help="file descriptor")
    args = parser.parse_args(argv)
    os.set_inheritable(args.connection, False)
    with Connection(args.connection) as connection, tempfile.TemporaryDirectory() as folder:
        calibration = connection.recv()
        engine = import_module(f"peers.{args.engine}.engine").open_engine(
            args.checkpoint,
            kind=args.kind,
            num_threads=args.threads,
            folder=Path(folder),
            calibration=calibration,
        )
        connection.send("ready")
        obey(engine, connection)


def obey(engine: Engine, connection: Connection) -> None:
    """Answers rows with how the engine computes them, and seconds with how long that takes.

    Rows stay those of the workload until the next ones come.
    """
    rows: Sequence[Row] = []
    while True:
        try:
            order = connection.recv()
        except EOFError:
            return
        if isinstance(order, list):
            rows = order
            connection.send(tune(engine, rows))
        else:
            connection.send(time_calls(engine, rows, seconds=order))


def tune(engine: Engine, rows: Sequence[Row]) -> dict[str, Any]:
    """Tunes an engine for some rows; returns the probabilities, and the setting that was chosen."""
    engine.tune(rows)
    return {"probabilities": engine.predict(rows).tolist(), "setting": str(engine)}


def time_calls(engine: Engine, rows: Sequence[Row], *, seconds: float) -> list[float]:
    """Calls an engine again and again; returns the seconds of each call."""
    calls_s: list[float] = []
    while sum(calls_s) < seconds:
        start = perf_counter()
        engine.predict(rows)
        calls_s.append(perf_counter() - start)
    return calls_s


if __name__ == "__main__":
    main()
