#!/usr/bin/env python3
"""Serves the model repository on NVIDIA Triton until Ctrl-C or SIGTERM.

While it serves, it asks for a real answer every few seconds. After three failures in a row it stops
Triton and exits with 1, so that whatever started it can start it again.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from address import Address
from emotion_client.errors import DeadlineExceeded, EmotionError, Overloaded
from healthcheck import check
from start_error import StartError
from triton_server import TritonServer
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

REPOSITORY = Path(__file__).resolve().parents[1] / "model_repository"
WATCH_INTERVAL_S = 3.0
WATCH_TIMEOUT_S = 5.0
MAX_FAILURES = 3


def main() -> int:
    """Runs the command; returns its exit code."""
    args = parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as at Ctrl-C
    address = Address(args.host, args.http_port, args.grpc_port, args.metrics_port)
    server = TritonServer(
        args.model_repository.resolve(), address=address, is_verbose=args.verbose, report=say
    )
    try:
        say("starting Triton")
        with server:
            print_address(server.address)
            return watch(server)
    except KeyboardInterrupt:
        say("stopped")
        return 0
    except StartError as error:
        print(f"serve: {error}", file=sys.stderr)
        return 2


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Address()
    parser.add_argument(
        "--model-repository", type=Path, default=REPOSITORY, metavar="FOLDER", help="(%(default)s)"
    )
    parser.add_argument(
        "--host",
        default=default.host,
        help="address to bind; 0.0.0.0 lets other machines call, without any access control "
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
    parser.add_argument("--verbose", action="store_true", help="show all of Triton's log")
    return parser.parse_args()


def print_address(address: Address) -> None:
    """Prints where the server listens."""
    say(
        f"ready. gRPC {address.host}:{address.grpc_port}, "
        f"HTTP {address.host}:{address.http_port}, "
        f"metrics http://{address.host}:{address.metrics_port}/metrics (Ctrl-C stops)"
    )


def watch(server: TritonServer) -> int:
    """Asks for a real answer every few seconds; returns 1 when the server is dead."""
    num_failures = 0
    with InferenceServerClient(server.address.url) as connection:
        num_executions = 0
        while True:
            time.sleep(WATCH_INTERVAL_S)
            if not server.is_running():
                print(f"serve: Triton died: {server.last_error()}", file=sys.stderr)
                return 1
            count = count_executions(connection)
            error = probe(connection, url=server.address.url, is_busy=count > num_executions)
            num_executions = max(num_executions, count)
            num_failures = num_failures + 1 if error else 0
            if error:
                print(
                    f"serve: no answer ({num_failures} of {MAX_FAILURES}): {error}", file=sys.stderr
                )
            if num_failures == MAX_FAILURES:
                print("serve: the models are dead; stopping Triton", file=sys.stderr)
                server.mark_broken()
                return 1


def probe(connection: InferenceServerClient, *, url: str, is_busy: bool) -> EmotionError | None:
    """Asks for a real answer; returns what went wrong.

    A server under more load than it can take refuses the probe as it refuses everybody. As long as
    it computes batches meanwhile, it is busy, not dead.
    """
    try:
        check(connection, url=url, timeout_s=WATCH_TIMEOUT_S)
    except (Overloaded, DeadlineExceeded) as error:
        return None if is_busy else error
    except EmotionError as error:
        return error
    return None


def count_executions(connection: InferenceServerClient) -> int:
    """Returns how many batches `emotion` computed; -1 when Triton does not say."""
    try:
        statistics = connection.get_inference_statistics("emotion", client_timeout=WATCH_TIMEOUT_S)
    except InferenceServerException:
        return -1
    return int(statistics.model_stats[0].execution_count)


def say(line: str) -> None:
    """Prints one line of progress."""
    print(f"serve: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
