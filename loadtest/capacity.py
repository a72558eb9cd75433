#!/usr/bin/env python3
"""Finds the highest rate of single texts that holds a p99 limit, and draws latency over rate.

First 64 callers in a closed loop show what the server does at most. Then calls come at Poisson
arrivals: at a quarter, a half, three quarters, ... of that, and from the first rate that does not
hold by bisection. A rate holds when p99 (from when a call was due) is under the limit, at most one
call of a thousand failed, and answers keep up with arrivals.

It starts a Triton of its own, or asks a running one (--url) that nobody else should use meanwhile.
capacity.png, capacity.html and capacity.json go to loadtest/reports. Exit code: 0 found, or stopped
by Ctrl-C; 1 no rate holds the limit; 2 wrong usage, no server, or a generator that is itself the
limit.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from counts import count_up_to
from emotion_client.command.interruption import Interruption
from measured_server import open_server
from run import FOLDER, MAX_COUNT, MAX_SPAWN_RATE, parse_rate, run_locust, say
from traffic.arrivals import divide
from verdict.capacity_page import Capacity, build_json, build_page, draw_png, format_steps
from verdict.search import Step, choose_rate

# What starts Triton is no installed package; the commands beside it find it by their own folder.
sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from healthcheck import parse_url
from serving.start_error import StartError

DEFAULT_P99_MS, DEFAULT_SECONDS, DEFAULT_PRECISION = 500.0, 20, 0.05
NUM_CALLERS = 64
MIN_CALLS = 500  # a 99th percentile of fewer is that of five calls
MAX_SECONDS = 120
MAX_STEPS = 20


class CannotMeasure(Exception):
    """The figures would not be the server's; the message says why and what to do."""


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args, others = parse_args(argv)
    interruption = Interruption()
    interruption.install()
    try:
        make_folder(args.report)
        with open_server(args.url, report=say) as url, tempfile.TemporaryDirectory() as scratch:
            bench = Bench(
                url,
                scratch=Path(scratch),
                seconds=args.seconds,
                max_p99_ms=args.max_p99_ms,
                options=others,
            )
            capacity = search(bench, args)
        return conclude(capacity, folder=args.report)
    except KeyboardInterrupt:
        interruption.ignore()  # one more is no news
        say("stopped")
        return 0
    except (StartError, CannotMeasure, OSError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2


def parse_args(argv: list[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """Parses the command line; returns the options of this command, and those of Locust."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--url", type=parse_url, metavar="HOST:PORT", help="gRPC of a running server (starts one)"
    )
    parser.add_argument(
        "--max-p99-ms",
        type=parse_rate,
        default=DEFAULT_P99_MS,
        metavar="LIMIT",
        help="(%(default)g)",
    )
    parser.add_argument(
        "--seconds",
        type=count_up_to(MAX_COUNT),
        default=DEFAULT_SECONDS,
        metavar="NUMBER",
        help=f"of each rate; low rates take as long as {MIN_CALLS} calls need, at most "
        f"{MAX_SECONDS} (%(default)s)",
    )
    parser.add_argument(
        "--precision",
        type=parse_share,
        default=DEFAULT_PRECISION,
        metavar="SHARE",
        help="how close the answer must be (%(default)g)",
    )
    parser.add_argument(
        "--report",
        type=Path,
        default=FOLDER / "reports",
        metavar="FOLDER",
        help="where the files go (%(default)s)",
    )
    return parser.parse_known_args(argv)


def parse_share(text: str) -> float:
    """Returns the share that the text says."""
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share above 0, at most 1")
    return share


def make_folder(folder: Path) -> None:
    """Makes the folder of the report, before all is measured for nothing.

    Raises:
        OSError: it cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"--report {folder} cannot be written; name another folder")


class Bench:
    """Runs one load after the other against a server.

    Args:
        url: its gRPC address.
        scratch: folder for the reports of the runs.
        seconds: of a run, at least.
        max_p99_ms: what a rate is to hold.
        options: more of Locust's.
    """

    def __init__(
        self, url: str, *, scratch: Path, seconds: int, max_p99_ms: float, options: list[str]
    ) -> None:
        self._url = url
        self._scratch = scratch
        self._seconds = seconds
        self._max_p99_ms = max_p99_ms
        self._options = options

    def measure_most(self) -> tuple[float, dict[str, str]]:
        """Returns the answers a second to many callers in a closed loop, and the facts."""
        say(f"{NUM_CALLERS} callers in a closed loop")
        report = self._run("TextUser", users=NUM_CALLERS, seconds=self._seconds)
        most_per_s = report["callers"]["texts_per_s"]
        if not most_per_s or report["callers"]["error_share"] > 0.5:
            raise CannotMeasure(f"{self._url} answers too little: {report['callers']['failures']}")
        return most_per_s, report["facts"]

    def measure(self, rate: float) -> Step:
        """Returns what the server does at a rate."""
        num_users, arrivals_per_user = divide(rate)
        seconds = max(self._seconds, min(MAX_SECONDS, round(MIN_CALLS / rate)))
        say(f"{rate:,.1f} calls a second for {seconds} s")
        report = self._run(
            "TextArrivals",
            f"--arrivals-per-user={arrivals_per_user:g}",
            f"--max-p99-ms={self._max_p99_ms:g}",
            users=num_users,
            seconds=seconds,
        )
        if report["saturation"] and report["problem"]:
            raise CannotMeasure(report["saturation"])
        callers = report["callers"]
        p50_ms, p95_ms, p99_ms = (
            float("inf") if value is None else value
            for value in (callers["percentiles_ms"][name] for name in ("p50", "p95", "p99"))
        )
        return Step(
            rate=rate,
            due_per_s=callers["due_per_s"],
            done_per_s=callers["texts_per_s"],
            p50_ms=p50_ms,
            p95_ms=p95_ms,
            p99_ms=p99_ms,
            error_share=callers["error_share"],
            problem=report["problem"],
        )

    def _run(self, *options: str, users: int, seconds: int) -> dict[str, Any]:
        (self._scratch / "report.json").unlink(missing_ok=True)
        run_locust(
            [
                *options,
                f"--host={self._url}",
                f"--users={users}",
                f"--spawn-rate={min(users, MAX_SPAWN_RATE)}",
                f"--run-time={seconds}s",
                f"--report={self._scratch}",
                "--quiet",
                *self._options,
            ]
        )
        try:
            report = json.loads((self._scratch / "report.json").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise CannotMeasure("the load could not be made; see above") from error
        return dict(report)


def search(bench: Bench, args: argparse.Namespace) -> Capacity:
    """Measures rate after rate until the answer is close enough.

    Raises:
        CannotMeasure: the generator is the limit, or the server answers nothing.
    """
    most_per_s, facts = bench.measure_most()
    say(f"at most {most_per_s:,.1f} texts/s")
    steps: list[Step] = []
    while len(steps) < MAX_STEPS:
        rate = choose_rate(
            steps, most_per_s=most_per_s, max_p99_ms=args.max_p99_ms, precision=args.precision
        )
        if rate is None:
            break
        step = bench.measure(rate)
        if step.problem is not None and step.p99_ms <= args.max_p99_ms:
            raise CannotMeasure(step.problem)
        steps.append(step)
        verdict = "holds" if step.holds(max_p99_ms=args.max_p99_ms) else "does not hold"
        say(f"p50 {step.p50_ms:,.0f} ms, p99 {step.p99_ms:,.0f} ms: {verdict}")
    return Capacity(args.max_p99_ms, most_per_s, steps, facts)


def conclude(capacity: Capacity, *, folder: Path) -> int:
    """Prints and writes what was found; returns the exit code."""
    (folder / "capacity.json").write_text(build_json(capacity), encoding="utf-8")
    (folder / "capacity.html").write_text(build_page(capacity), encoding="utf-8")
    (folder / "capacity.png").write_bytes(draw_png(capacity))
    print("", *format_steps(capacity.steps, max_p99_ms=capacity.max_p99_ms), "", sep="\n")
    print(capacity.sentence)
    print(f"report: {folder / 'capacity.html'} (and .png, .json)")
    return 0 if capacity.held else 1


if __name__ == "__main__":
    sys.exit(main())
