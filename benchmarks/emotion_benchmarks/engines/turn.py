"""One engine's turn: a process of its own, which measures it and ends."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion_benchmarks.comparison.peers import PEERS_FOLDER, PeerError
from emotion_benchmarks.comparison.server_process import (
    LOG,
    build_peer_environment,
    choose_cause,
    start_process,
    stop_tree,
)
from emotion_benchmarks.engines.contenders import Contender
from emotion_benchmarks.engines.job import EngineJob

PROCESS = PEERS_FOLDER / "engine_process.py"
TIMEOUT_S = 1200.0


@dataclass(frozen=True)
class EngineLap:
    """An engine on a workload, in one round.

    Attributes:
        num_rows: of a call.
        call_s: seconds of a call, the median.
        max_error: largest error in probability, of the label that it gives.
        num_wrong: rows that get another label than transformers in float32 give.
        setting: the lanes and batches that were fastest.
    """

    num_rows: int
    call_s: float
    max_error: float
    num_wrong: int
    setting: str

    @property
    def rows_per_s(self) -> float:
        """The rate."""
        return self.num_rows / self.call_s


def run_turn(
    contender: Contender,
    *,
    python: Path,
    job: EngineJob,
    seconds: float,
    num_threads: int,
    scratch: Path,
) -> dict[str, EngineLap]:
    """Measures an engine in a new process; returns its lap on each workload.

    Args:
        contender: the engine.
        python: the interpreter that it runs on.
        job: what it computes.
        seconds: of each workload, at least.
        num_threads: of the engine.
        scratch: a folder for temporary files.

    Raises:
        PeerError: it failed, or took too long.
    """
    output = scratch / f"{contender.key}-{job.model}.json"
    options = {
        "engine": contender.engine,
        "kind": contender.kind,
        "checkpoint": job.checkpoint,
        "rows": job.rows_file,
        "seconds": seconds,
        "threads": num_threads,
        "output": output,
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    run_process([str(python), str(PROCESS), *arguments], python=python, scratch=scratch)
    return read_laps(json.loads(output.read_text(encoding="utf-8")), wanted=job.wanted)


def run_process(command: list[str], *, python: Path, scratch: Path) -> None:
    """Runs a command to its end; nothing of it is left, however this ends.

    Raises:
        PeerError: it failed, or took too long.
    """
    log_file = scratch / LOG
    process = start_process(
        command,
        folder=scratch,
        environment=build_peer_environment(python, scratch=scratch, extra={}),
        log_file=log_file,
    )
    try:
        code = process.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise PeerError(f"it was not done within {TIMEOUT_S:.0f} s") from None
    finally:
        stop_tree(process, number=signal.SIGTERM)
    if code != 0:
        lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        cause = choose_cause(lines) or "it left no message"
        raise PeerError(f"it ended with code {code}: {cause}")


def read_laps(
    document: dict[str, Any], *, wanted: dict[str, NDArray[np.float32]]
) -> dict[str, EngineLap]:
    """Returns the laps from what the process of an engine wrote."""
    laps = {}
    for name, found in document.items():
        probabilities = np.array(found["probabilities"], dtype=np.float32)
        given = probabilities.argmax(axis=1, keepdims=True)
        own, right = (np.take_along_axis(each, given, 1) for each in (probabilities, wanted[name]))
        laps[name] = EngineLap(
            num_rows=len(probabilities),
            call_s=median(found["calls_s"]),
            max_error=float(np.abs(own - right).max()),
            num_wrong=int((given[:, 0] != wanted[name].argmax(axis=1)).sum()),
            setting=found["setting"],
        )
    return laps
