"""Locust as a process of its own, headless: how it is called, and how it ends."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from emotion_command.checkout import ROOT

from emotion_loadtest.arrivals import divide
from emotion_loadtest.options import DEFAULT_WARM_UP_S

LOCUSTFILE = ROOT / "loadtest" / "locustfile.py"
TARGETS = ROOT / "loadtest" / "targets.toml"
CALLS = {"text": "Text", "batch": "Batch", "raw": "RawText"}
MAX_SPAWN_RATE = 100  # users a second; Locust advises against more
STOP_TIMEOUT_S = 30.0


def run_locust(options: Sequence[str]) -> int:
    """Runs Locust to its end; returns its exit code. A Ctrl-C reaches it too."""
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless"]
    quiet = ["--only-summary", "--loglevel=WARNING"]
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory())
        own_summary = f"--json-file={scratch}/summary"  # instead of a table on standard output
        locust = stack.enter_context(subprocess.Popen([*command, *quiet, own_summary, *options]))
        try:
            return locust.wait()
        except KeyboardInterrupt:
            locust.terminate()
            with suppress(subprocess.TimeoutExpired):
                locust.wait(STOP_TIMEOUT_S)
            locust.kill()
            raise


def build_options(
    url: str, *, call: str, users: int, rate: float | None, seconds: int
) -> list[str]:
    """Returns Locust's options for a load.

    Args:
        url: gRPC address of the server.
        call: one of `CALLS`.
        users: callers of a closed loop.
        rate: calls a second of an open loop; None makes a closed loop.
        seconds: of the run.
    """
    options = [f"{CALLS[call]}User"]
    if rate is not None:
        users, arrivals_per_user = divide(rate)
        options = [f"{CALLS[call]}Arrivals", f"--arrivals-per-user={arrivals_per_user:g}"]
    return [
        *options,
        f"--host={url}",
        f"--users={users}",
        f"--spawn-rate={min(users, MAX_SPAWN_RATE)}",
        f"--run-time={seconds}s",
        f"--warm-up={max(DEFAULT_WARM_UP_S, 2 + users / MAX_SPAWN_RATE):g}",
    ]


def build_targets(file: str | None, *, call: str, rate: float | None) -> list[str]:
    """Returns Locust's options for what a load must show; later options override them.

    Args:
        file: of targets; None takes what fits the load.
        call: one of `CALLS`.
        rate: of an open loop, or None.
    """
    if file is not None:
        return [f"--targets={file}"]
    if rate is not None:
        return ["--min-answered-share=0.9", "--max-error-share=0.001"]
    if call == "batch":
        return ["--max-error-share=0.001"]
    return [f"--targets={TARGETS}"]
