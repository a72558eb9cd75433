"""From the command line to a client."""

from __future__ import annotations

import argparse

from emotion_client.channel import TLS
from emotion_client.client import DEFAULT_URL, EmotionClient
from emotion_client.command.texts import check_files


def open_client(args: argparse.Namespace, *, timeout_s: float | None = None) -> EmotionClient:
    """Returns a client of the service that the command line names; it has not called yet.

    Args:
        args: as `options.parse_args` returns them.
        timeout_s: seconds of a call, where they are not the command line's.

    Raises:
        OSError: a file for TLS cannot be read.
        Refusal: it is a folder.
    """
    return EmotionClient(
        args.url or DEFAULT_URL,
        timeout_s=args.timeout if timeout_s is None else timeout_s,
        tls=_read_tls(args),
        headers=dict(args.header),
    )


def _read_tls(args: argparse.Namespace) -> TLS | None:
    files = [args.tls_ca, args.tls_key, args.tls_cert]
    given = [file for file in files if file is not None]
    check_files(given)
    return TLS(*files) if args.tls or given else None
