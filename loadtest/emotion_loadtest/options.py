"""What a load test adds to Locust's command line."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from emotion_client.arguments import MAX_TIMEOUT_S, check_url
from emotion_command.checkout import ROOT
from emotion_command.errors import Refusal
from emotion_command.numbers import integer, number, number_above

from emotion_loadtest.arrivals import SHAPES
from emotion_loadtest.measurements import MIN_MEASURED_S
from emotion_loadtest.targets import NAMES, TargetError, Targets, find_highest, read_targets

DEFAULT_WARM_UP_S = 3.0
MAX_BATCH_ROWS = 10_000
MAX_RATE = 1_000_000
MAX_SECONDS = 1_000_000
MAX_USERS = 1_000_000
REPORTS = ROOT / "loadtest" / "reports"
TARGET_HELP = {
    "min_rate": "answered texts a second, at least",
    "min_answered_share": "answered texts as a share of those that were due, as in 0.9",
    "max_p50_ms": "median latency, from when a call was due; a failed one counts as infinite",
    "max_p95_ms": "95th percentile of it",
    "max_p99_ms": "99th percentile of it",
    "max_error_share": "share of the calls that fail, 0 to 1",
    "min_mean_batch": "mean rows of Triton's batches, at least",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options; paths stay text, since a master sends its options to its workers."""
    # Locust's own default is every interface of the machine.
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")
    load = parser.add_argument_group("Load of the emotion classifier")
    load.add_argument(
        "--texts", metavar="FILE", default="", help="texts to ask for, one a line (made lyrics)"
    )
    rows, rate = integer(1, MAX_BATCH_ROWS), number_above(0, MAX_RATE)
    timeout, warm_up = number_above(0, MAX_TIMEOUT_S), number(0, MAX_SECONDS)
    users = "each user of an open loop (TextArrivals, BatchArrivals, RawTextArrivals)"
    for option, kind, default, unit, use in (
        ("--seed", int, 1, "NUMBER", "of made lyrics and of the texts' order"),
        ("--batch-rows", rows, 32, "NUMBER", "texts in a call of BatchUser and BatchArrivals"),
        ("--arrivals-per-user", rate, 1.0, "RATE", f"calls a second that {users} stands for"),
        ("--call-timeout", timeout, 10.0, "SECONDS", "deadline of a call"),
        ("--warm-up", warm_up, DEFAULT_WARM_UP_S, "SECONDS", "at the start, which do not count"),
    ):
        use = f"{use} (%(default)g)"
        load.add_argument(option, type=kind, default=default, metavar=unit, help=use)
    load.add_argument(
        "--shape",
        choices=[*SHAPES],
        default="",
        help="how the users move over --run-time, with --users as the peak: "
        + "; ".join(f"{name}: {(shape.__doc__ or '').lower()}" for name, shape in SHAPES.items()),
    )
    _add_verdict(parser)


def read_host(text: str) -> str:
    """Returns the gRPC address that --host names; Locust's users write a scheme before it.

    Raises:
        Refusal: it names none.
    """
    scheme, _, address = text.rpartition("://")
    if scheme == "https":
        raise Refusal(f"--host is {text!r}; the load test has no TLS, so give a plain host:port")
    try:
        return check_url(address.rstrip("/") if scheme in ("", "http", "grpc") else text)
    except ValueError as error:
        raise Refusal(
            f"--host is {text!r}; it must be the gRPC address host:port, such as 127.0.0.1:8001"
        ) from error


def check_seconds(options: argparse.Namespace) -> None:
    """Refuses a run that ends before there is something to measure.

    Raises:
        Refusal: says how long it must be.
    """
    seconds, warm_up = options.run_time, options.warm_up
    if seconds and warm_up and seconds < warm_up + MIN_MEASURED_S:
        raise Refusal(
            f"a run of {seconds:g} s leaves too little after {warm_up:g} s of warm-up; make it "
            f"{math.ceil(warm_up + MIN_MEASURED_S)} s or longer, or shorten --warm-up"
        )


def read_all_targets(options: argparse.Namespace) -> Targets:
    """Returns the targets of file and options."""
    targets = read_targets(Path(options.targets)) if options.targets else Targets()
    return targets.override({name: getattr(options, name) for name in NAMES})


def parse_targets(text: str) -> str:
    """Returns the name of a file of targets, once it was read; "" is no file."""
    try:
        _ = read_targets(Path(text)) if text else None
    except TargetError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _add_verdict(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Verdict")
    group.add_argument(
        "--targets", type=parse_targets, default="", metavar="FILE", help="TOML file of targets"
    )
    group.add_argument(
        "--quiet", action="store_true", help="print nothing but errors; the report has it all"
    )
    for name in NAMES:
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=number(0, find_highest(name)),
            metavar="LIMIT",
            help=f"{TARGET_HELP[name]}; overrides the file",
        )
    group.add_argument(
        "--report",
        default=str(REPORTS),
        metavar="FOLDER",
        help="where report.html and report.json go (%(default)s)",
    )
