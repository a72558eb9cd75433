"""Connections to a server: options, TLS and headers, for both clients."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import grpc
from tritonclient.grpc.service_pb2 import ModelInferRequest, ModelInferResponse

from emotion_client.addresses import Address
from emotion_client.errors import Unavailable

METHOD = "/inference.GRPCInferenceService/ModelInfer"
Headers = tuple[tuple[str, str], ...]
BULK_HEADER = ("request-priority", "bulk")
_OPTIONS: tuple[tuple[str, Any], ...] = (
    # A tokenizer with 250,000 words takes 17 MB; gRPC's default limit is 4 MB.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Triton closes connections that ping more often than every 300 s.
    ("grpc.keepalive_time_ms", 330_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Clients do not share connections: after a fork, those of the parent are unusable.
    ("grpc.use_local_subchannel_pool", 1),
    # Finds a restarted server within a second; gRPC's default goes up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # also the timeout for connecting
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # The pool does the retries, and the environment must not change the settings.
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
)


@dataclass(frozen=True)
class TLS:
    """PEM files for an encrypted connection. They are read at each new connection.

    Args:
        root_certificates: authorities to trust; None means gRPC's list of public ones.
        private_key: key of this client, if the server asks for a certificate (mTLS).
        certificate_chain: certificate of this client, for `private_key`.

    Raises:
        ValueError: only one of key and certificate is given.

    Example:
        >>> tls = TLS(root_certificates="ca.pem")
    """

    root_certificates: str | PathLike[str] | None = None
    private_key: str | PathLike[str] | None = None
    certificate_chain: str | PathLike[str] | None = None

    def __post_init__(self) -> None:
        if (self.private_key is None) != (self.certificate_chain is None):
            raise ValueError("private_key and certificate_chain belong together; give both or none")

    def credentials(self) -> grpc.ChannelCredentials:
        """Reads the files.

        Raises:
            OSError: one cannot be read.
        """
        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.root_certificates),
            private_key=_read(self.private_key),
            certificate_chain=_read(self.certificate_chain),
        )


class Connection:
    """A channel to one server.

    gRPC's awaited channels work only in the process that made the first one; they abort a child.

    Args:
        address: of the server.
        tls: None for a plain connection.
        module: `grpc`, or `grpc.aio` for a channel whose calls are awaited.

    Raises:
        OSError: a file of `tls` cannot be read.
        Unavailable: `grpc.aio` in the child of a process that has already used it.
    """

    _awaiting_process: ClassVar[int | None] = None

    def __init__(self, address: Address, *, tls: TLS | None, module: Any) -> None:
        if module is grpc.aio:
            self._check_process(address)
        options = [*_OPTIONS]
        if address.authority is not None:
            options.append(("grpc.default_authority", address.url))
        if tls is None:
            self.channel = module.insecure_channel(address.target, options=options)
        else:
            self.channel = module.secure_channel(address.target, tls.credentials(), options=options)
        self.infer: Callable[..., Any] = self.channel.unary_unary(
            METHOD,
            request_serializer=ModelInferRequest.SerializeToString,
            response_deserializer=ModelInferResponse.FromString,
        )

    @classmethod
    def _check_process(cls, address: Address) -> None:
        cls._awaiting_process = cls._awaiting_process or os.getpid()
        if cls._awaiting_process != os.getpid():
            raise Unavailable(
                f"{address}: AsyncEmotionClient was in use before this process was forked; "
                "use EmotionClient here, or fork before the first call"
            )


def complete_headers(headers: Headers, *, is_bulk: bool) -> Headers:
    """Returns the headers of one request.

    Args:
        headers: those of every call.
        is_bulk: adds the mark of bulk requests.
    """
    if is_bulk:
        headers = (*headers, BULK_HEADER)
    if "opentelemetry.trace" not in sys.modules:  # else the caller's trace context goes along
        return headers
    from opentelemetry.propagate import inject

    carrier: dict[str, str] = {}
    inject(carrier)
    return (*headers, *((name.lower(), value) for name, value in carrier.items()))


def _read(path: str | PathLike[str] | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()
