#!/usr/bin/env python3
"""Serves the model repository on NVIDIA Triton until Ctrl-C or SIGTERM.

While it serves, it asks Triton for a real answer every few seconds. After three failures in a row
it stops Triton and exits with 1, so that a supervisor can start it again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from emotion_command.checkout import REPOSITORY
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_server.address import Address
from emotion_server.admin_calls import HEADER, read_key
from emotion_server.triton_server import TritonServer
from emotion_server.watch import watch

COMMAND = Command("serve", extra="serve")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    return COMMAND.run(lambda interruption: serve(args, interruption=interruption))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Address()
    parser.add_argument(
        "--model-repository",
        type=Path,
        default=REPOSITORY,
        metavar="FOLDER",
        help="a repository like this project's (%(default)s)",
    )
    parser.add_argument(
        "--host",
        default=default.host,
        help="address to bind; 0.0.0.0 lets other machines call, without authentication "
        "(%(default)s)",
    )
    for name, use in (("http", "HTTP"), ("grpc", "gRPC"), ("metrics", "Prometheus metrics")):
        parser.add_argument(
            f"--{name}-port",
            type=int,
            default=getattr(default, f"{name}_port"),
            metavar="PORT",
            help=f"{use}; 0 takes a free port (%(default)s)",
        )
    parser.add_argument(
        "--admin-key-file",
        type=Path,
        metavar="FILE",
        help="a file with the key that opens Triton's model-repository, shared-memory, trace and "
        f"logging calls to callers that send it in the header {HEADER} (gRPC: "
        f"triton-grpc-protocol-{HEADER}); without it these calls are locked",
    )
    parser.add_argument(
        "--latency-summaries",
        action="store_true",
        help="also publish quantiles of request and queue time (nv_inference_*_summary_us); "
        "this costs an eighth of the rate on two cores",
    )
    parser.add_argument("--verbose", action="store_true", help="show all of Triton's log")
    return parser.parse_args(argv)


def serve(args: argparse.Namespace, *, interruption: Interruption) -> int:
    """Serves until the server is dead; returns the exit code."""
    server = build_server(args)
    COMMAND.say("starting Triton")
    with server:
        COMMAND.say(f"ready. {server.address.describe()} (Ctrl-C stops)")
        watch(server, complain=COMMAND.complain, check_interruption=interruption.check)
    return 1


def build_server(args: argparse.Namespace) -> TritonServer:
    """Returns the server that the command line asks for, not started yet."""
    return TritonServer(
        args.model_repository.resolve(),
        address=Address(args.host, args.http_port, args.grpc_port, args.metrics_port),
        is_verbose=args.verbose,
        admin_key=read_key(args.admin_key_file) if args.admin_key_file else "",
        has_summaries=args.latency_summaries,
        report=COMMAND.say,
    )


if __name__ == "__main__":
    sys.exit(main())
