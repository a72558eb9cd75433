"""Measures servers in rounds, in which each has its turn alone."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path

from emotion_benchmarks.comparison.job import Job
from emotion_benchmarks.comparison.peers import Peer, find_python, noted
from emotion_benchmarks.comparison.result import Comparison, Outcome, ServerLap
from emotion_benchmarks.comparison.turn import run_lap
from emotion_benchmarks.rounds import spread


def measure(
    peers: Sequence[Peer],
    *,
    job: Job,
    num_rounds: int,
    report: Callable[[str], None],
    check: Callable[[], None],
) -> Comparison:
    """Gives every server its turn in every round, until it fails.

    Args:
        peers: the servers.
        job: what they are asked.
        num_rounds: turns of each.
        report: gets lines of progress.
        check: called between turns; raises if a Ctrl-C was discarded.
    """
    errors: dict[str, str] = {}
    pythons: dict[str, Path] = {}
    laps: dict[str, list[ServerLap]] = {peer.key: [] for peer in peers}
    for peer in peers:
        with noted(peer.key, name=str(peer), errors=errors, report=report):
            pythons[peer.key] = find_python(peer.folder)
    gc.collect()
    gc.freeze()  # what is loaded by now need not be scanned again under load
    for i in range(num_rounds):
        for peer in spread(peers, round_number=i, num_rounds=num_rounds):
            check()
            if peer.key in errors:
                continue
            with noted(peer.key, name=str(peer), errors=errors, report=report):
                lap = run_lap(peer, python=pythons[peer.key], job=job)
                laps[peer.key].append(lap)
                report(f"round {i + 1} of {num_rounds}: {peer} {lap.texts_per_s:,.1f}/s")
    return Comparison(
        [Outcome(peer, tuple(laps[peer.key]), errors.get(peer.key)) for peer in peers]
    )
