#!/usr/bin/env python3
"""Runs a load test against a Triton of its own, or a running one, and says whether targets are met.

  run.py                          16 callers for 30 s, against loadtest/targets.toml
  run.py --users 64 --seconds 60 --max-p99-ms 500
  run.py --rate 50                an open loop: 50 calls a second at Poisson arrivals
  run.py --url gpu-host:8001 --users 256 --processes 4
  run.py --call batch             calls of 32 texts by predict_many

It runs Locust with loadtest/locustfile.py, headless; every other option is Locust's or that file's:
`locust -f loadtest/locustfile.py --help` lists them. Report and figures go to loadtest/reports.
Exit code: 0 targets met, or stopped by Ctrl-C; 1 a target missed; 2 wrong usage, no server, or a
load that this machine cannot make.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from counts import count_up_to
from emotion_client.command.interruption import Interruption
from measured_server import open_server

# What starts Triton is no installed package; the commands beside it find it by their own folder.
sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from healthcheck import parse_url
from serving.start_error import StartError
from traffic.arrivals import divide
from traffic.options import DEFAULT_WARM_UP_S, parse_targets

FOLDER = Path(__file__).resolve().parent
MAX_COUNT = 1_000_000
MAX_RATE = 1_000_000
MAX_SPAWN_RATE = 100  # users a second; Locust advises against more
DEFAULT_USERS, DEFAULT_SECONDS = 16, 30
CALLS = {"text": "Text", "batch": "Batch", "raw": "RawText"}
STOP_TIMEOUT_S = 30.0


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args, others = parse_args(argv)
    interruption = Interruption()
    interruption.install()
    try:
        with open_server(args.url, report=say) as url:
            return run_locust([*build_options(args, url=url), *others])
    except KeyboardInterrupt:
        interruption.ignore()  # one more is no news
        say("stopped")
        return 0
    except StartError as error:
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
    load = parser.add_mutually_exclusive_group()
    load.add_argument(
        "--users",
        type=count_up_to(MAX_COUNT),
        default=DEFAULT_USERS,
        metavar="NUMBER",
        help="closed loop: callers that call again when they have their answer (%(default)s)",
    )
    load.add_argument(
        "--rate",
        type=parse_rate,
        metavar="CALLS",
        help="open loop: calls a second, whether or not earlier ones are answered",
    )
    parser.add_argument(
        "--seconds",
        type=count_up_to(MAX_COUNT),
        default=DEFAULT_SECONDS,
        metavar="NUMBER",
        help="(%(default)s)",
    )
    parser.add_argument(
        "--call",
        choices=[*CALLS],
        default="text",
        help="a text, a batch of texts, or a text that the server tokenizes (%(default)s)",
    )
    parser.add_argument(
        "--targets",
        type=parse_targets,
        metavar="FILE",
        help="what must be shown (loadtest/targets.toml; in an open loop, answers that keep up "
        "with nine tenths of the calls; of batches, that at most one of a thousand fails)",
    )
    return parser.parse_known_args(argv)


def parse_rate(text: str) -> float:
    """Returns the rate that the text says, calls a second."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate <= MAX_RATE:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0, at most {MAX_RATE}")
    return rate


def build_options(args: argparse.Namespace, *, url: str) -> list[str]:
    """Returns Locust's options for this command's."""
    users, options = args.users, [f"{CALLS[args.call]}User"]
    if args.rate:
        users, arrivals_per_user = divide(args.rate)
        options = [f"{CALLS[args.call]}Arrivals", f"--arrivals-per-user={arrivals_per_user:g}"]
    return [
        *options,
        f"--host={url}",
        f"--users={users}",
        f"--spawn-rate={min(users, MAX_SPAWN_RATE)}",
        f"--run-time={args.seconds}s",
        f"--warm-up={max(DEFAULT_WARM_UP_S, 2 + users / MAX_SPAWN_RATE):g}",
        *build_targets(args),
    ]


def build_targets(args: argparse.Namespace) -> list[str]:
    """Returns Locust's options for what must be shown; an option of the user's goes before them."""
    if args.targets is not None:
        return [f"--targets={args.targets}"]
    if args.rate:
        return ["--min-answered-share=0.9", "--max-error-share=0.001"]
    if args.call == "batch":
        return ["--max-error-share=0.001"]
    return [f"--targets={FOLDER / 'targets.toml'}"]


def run_locust(options: list[str]) -> int:
    """Runs Locust to its end; returns its exit code. A Ctrl-C reaches it too."""
    command = [sys.executable, "-m", "locust", "-f", str(FOLDER / "locustfile.py"), "--headless"]
    quiet = ["--only-summary", "--loglevel=WARNING", "--json-file=/dev/null"]
    with subprocess.Popen([*command, *quiet, *options]) as locust:
        try:
            return locust.wait()
        except KeyboardInterrupt:
            locust.terminate()
            with suppress(subprocess.TimeoutExpired):
                locust.wait(STOP_TIMEOUT_S)
            locust.kill()
            raise


def say(line: str) -> None:
    """Prints one line of progress."""
    print(f"loadtest: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
