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

from emotion_client.errors import DeadlineExceeded, EmotionError, Overloaded
from healthcheck import check, count_executions
from serving.address import Address
from serving.admin_calls import HEADER, read_key
from serving.start_error import StartError
from serving.triton_server import REPOSITORY, TritonServer
from tritonclient.grpc import InferenceServerClient

MODELS = ("emotion_info", "emotion_tokenizer", "emotion")
WATCH_INTERVAL_S = 3.0
WATCH_TIMEOUT_S = 5.0
MAX_FAILURES = 3


def main() -> int:
    """Runs the command; returns its exit code."""
    args = parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as at Ctrl-C
    try:
        server = build_server(args)
        say("starting Triton")
        with server:
            print_address(server.address)
            return watch(server)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one more is no news
        say("stopped")
        return 0
    except StartError as error:
        complain(str(error))
        return 2


def parse_args() -> argparse.Namespace:
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
    parser.add_argument(
        "--admin-key-file",
        type=Path,
        metavar="FILE",
        help="a file with the key that opens Triton's model-repository, shared-memory, trace and "
        f"logging calls to whoever sends it in the header {HEADER} (gRPC: "
        f"triton-grpc-protocol-{HEADER}); without it nobody can make them",
    )
    parser.add_argument(
        "--latency-summaries",
        action="store_true",
        help="publish quantiles of request and queue time as well (nv_inference_*_summary_us); "
        "they cost an eighth of the rate on two cores",
    )
    parser.add_argument("--verbose", action="store_true", help="show all of Triton's log")
    return parser.parse_args()


def build_server(args: argparse.Namespace) -> TritonServer:
    """Returns the server that the command line asks for, not started yet.

    Raises:
        StartError: there is no key in the file that should hold one.
    """
    return TritonServer(
        args.model_repository.resolve(),
        address=Address(args.host, args.http_port, args.grpc_port, args.metrics_port),
        is_verbose=args.verbose,
        admin_key=read_key(args.admin_key_file) if args.admin_key_file else "",
        has_summaries=args.latency_summaries,
        report=say,
    )


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
    num_executions = dict.fromkeys(MODELS, 0)
    with InferenceServerClient(server.address.url) as connection:
        while True:
            time.sleep(WATCH_INTERVAL_S)
            if not server.is_running():
                complain(f"Triton died: {server.describe_exit()}")
                return 1
            counts = {model: count_executions(connection, model=model) for model in MODELS}
            is_busy = all(counts[model] > num_executions[model] for model in MODELS)
            num_executions = {model: max(num_executions[model], counts[model]) for model in MODELS}
            error = probe(connection, url=server.address.url, is_busy=is_busy)
            num_failures = num_failures + 1 if error else 0
            if error:
                complain(f"no answer ({num_failures} of {MAX_FAILURES}): {error}")
            if num_failures == MAX_FAILURES:
                complain("the models are dead; stopping Triton")
                server.mark_broken()
                return 1


def probe(connection: InferenceServerClient, *, url: str, is_busy: bool) -> EmotionError | None:
    """Asks for a real answer; returns what went wrong.

    A server under more load than it can take refuses the probe as it refuses everybody. As long as
    every one of its models computes batches meanwhile, it is busy, not dead. (The probe itself is
    work for those that come before the overloaded one.)
    """
    try:
        check(connection, url=url, timeout_s=WATCH_TIMEOUT_S)
    except (Overloaded, DeadlineExceeded) as error:
        return None if is_busy else error
    except EmotionError as error:
        return error
    return None


def complain(line: str) -> None:
    """Prints one line of what is wrong."""
    print(f"serve: {line}", file=sys.stderr, flush=True)


def say(line: str) -> None:
    """Prints one line of progress."""
    print(f"serve: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
