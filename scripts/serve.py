#!/usr/bin/env python3
"""Serves the model repository on NVIDIA Triton until Ctrl-C or SIGTERM.

Callers connect to a door, which checks each request and passes it on when Triton can answer it in
time. What dies or hangs is started again, and requests wait for it. After five restarts in five
minutes the exit code is 1.

SIGHUP (kill -HUP) starts a second Triton on the repository as it is now; once that answers,
requests go to it, and the first one stops.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from emotion_command.checkout import REPOSITORY
from emotion_command.numbers import number_above
from emotion_command.runner import Command
from emotion_command.signals import HangUp, Interruption
from emotion_server.address import Address, add_address_options
from emotion_server.admin_calls import HEADER, read_key
from emotion_server.door_process import MAX_WAIT_S
from emotion_server.service import Service
from emotion_server.triton_binary import check_exposure

COMMAND = Command("serve", extra="serve")
LONGEST_WAIT_S = 60.0


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    return COMMAND.run(lambda interruption: serve(args, interruption=interruption))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model-repository",
        type=Path,
        default=REPOSITORY,
        metavar="FOLDER",
        help="a repository like this project's (%(default)s)",
    )
    add_address_options(parser)
    parser.add_argument(
        "--admin-key-file",
        type=Path,
        metavar="FILE",
        help="a file with the key that opens Triton's administrative calls (docs/operations.md) to "
        f"callers that send it in the header {HEADER}; without it these calls are locked",
    )
    parser.add_argument(
        "--max-wait",
        type=number_above(0, LONGEST_WAIT_S),
        default=MAX_WAIT_S,
        metavar="SECONDS",
        help="a request that would wait longer for its turn is refused at once (%(default)g)",
    )
    for name, use in (
        ("latency-summaries", "also publish quantiles, which costs a tenth of the rate"),
        ("allow-old-triton", "let other machines call the old Triton of the PyPI package"),
        ("verbose", "show all of Triton's log"),
    ):
        parser.add_argument(f"--{name}", action="store_true", help=use)
    return parser.parse_args(argv)


def serve(args: argparse.Namespace, *, interruption: Interruption) -> int:
    """Serves until a restart does not help any more; returns the exit code."""
    check_exposure(args.host, is_allowed=args.allow_old_triton)
    service, hang_up = build_service(args), HangUp(interruption)
    COMMAND.say("starting Triton")
    with service:
        COMMAND.say(f"ready. {service.address.describe()} (Ctrl-C stops)")
        service.supervise(COMMAND.complain, interruption.check, is_reload_wanted=hang_up.take)
    return 1


def build_service(args: argparse.Namespace) -> Service:
    """Returns what the command line asks for, not started yet."""
    return Service(
        args.model_repository.resolve(),
        address=Address(args.host, args.http_port, args.grpc_port, args.metrics_port),
        is_verbose=args.verbose,
        admin_key=read_key(args.admin_key_file) if args.admin_key_file else "",
        has_summaries=args.latency_summaries,
        max_wait_s=args.max_wait,
        report=COMMAND.say,
    )


if __name__ == "__main__":
    sys.exit(main())
