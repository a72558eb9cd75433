#!/usr/bin/env python3
"""Asks a running server for real answers and says whether it is healthy (exit code 0 or 1).

Triton's own health endpoints still answer 200 after the process of a Python model died, so this
asks emotion_info, and sends one text through emotion_text, which needs emotion_tokenizer and
emotion.
"""

from __future__ import annotations

import argparse
import signal
import sys

import numpy as np
from emotion_client.arguments import check_timeout, check_url
from emotion_client.client import DEFAULT_URL, PROBE_TEXT
from emotion_client.errors import EmotionError, translate
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

DEFAULT_TIMEOUT_S = 5.0
STATISTICS_TIMEOUT_S = 1.0


def main() -> int:
    """Runs the command; returns its exit code."""
    args = parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as at Ctrl-C
    try:
        with InferenceServerClient(args.url) as server:
            check(server, url=args.url, timeout_s=args.timeout)
    except EmotionError as error:
        print(f"healthcheck: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("healthcheck: stopped before there was an answer", file=sys.stderr)
        return 1  # not the 0 of other commands, which here means healthy
    print(f"healthcheck: {args.url} answers")
    return 0


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--url", type=parse_url, default=DEFAULT_URL, metavar="HOST:PORT", help="gRPC (%(default)s)"
    )
    parser.add_argument(
        "--timeout",
        type=parse_timeout,
        default=DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="for each of the two questions (%(default)s)",
    )
    return parser.parse_args()


def parse_url(text: str) -> str:
    """Returns the text where it is an address."""
    try:
        return check_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parse_timeout(text: str) -> float:
    """Returns the seconds that the text says."""
    try:
        return check_timeout(float(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def check(server: InferenceServerClient, *, url: str, timeout_s: float) -> None:
    """Asks every model of the deployment for a real answer.

    Args:
        server: a connection to the server.
        url: its "host:port", for messages.
        timeout_s: seconds to wait for each of the two answers.

    Raises:
        EmotionError: one of the models does not answer; the subclass says in which way.
    """
    text = InferInput("text", [1, 1], "BYTES")
    text.set_data_from_numpy(np.array([[PROBE_TEXT.encode()]], dtype=object))
    revision = [InferRequestedOutput("revision")]  # the tokenizer would be much to send each time
    try:
        server.infer("emotion_info", [], outputs=revision, client_timeout=timeout_s)
        server.infer("emotion_text", [text], client_timeout=timeout_s)
    except InferenceServerException as error:
        raise translate(error.status(), error.message(), url=url) from error


def count_executions(server: InferenceServerClient, *, model: str) -> int:
    """Returns how many batches a model computed so far; -1 when Triton does not say."""
    try:
        statistics = server.get_inference_statistics(model, client_timeout=STATISTICS_TIMEOUT_S)
    except InferenceServerException:
        return -1
    return int(statistics.model_stats[0].execution_count)


if __name__ == "__main__":
    sys.exit(main())
