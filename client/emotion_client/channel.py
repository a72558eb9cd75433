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
from tritonclient.grpc import InferenceServerClient
from tritonclient.grpc.service_pb2 import ModelInferRequest, ModelInferResponse
from tritonclient.utils import InferenceServerException

from emotion_client.addresses import Address, is_literal, list_addresses
from emotion_client.errors import Unavailable
from emotion_client.lookup import look_up

METHOD = "/inference.GRPCInferenceService/ModelInfer"
FORK_SUPPORT = "GRPC_ENABLE_FORK_SUPPORT"
NAME_TIMEOUT_S, LIVE_TIMEOUT_S = 5.0, 2.0
Headers = tuple[tuple[str, str], ...]
BULK_HEADER = ("request-priority", "bulk")
_OPTIONS: tuple[tuple[str, Any], ...] = (
    # A tokenizer with 250,000 words takes 17 MB; gRPC's default limit is 4 MB.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A connection that a router has forgotten, or that a proxy keeps open without a server behind
    # it, is found while a call waits, soon enough to try another one within the same call.
    ("grpc.keepalive_time_ms", 4_000),
    ("grpc.keepalive_timeout_ms", 3_000),  # TCP_USER_TIMEOUT
    ("grpc.http2.ping_timeout_ms", 3_000),
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
        Unavailable: in the child of a process that has already used the module, if gRPC would
            hang or abort here.
    """

    _processes: ClassVar[dict[Any, int]] = {}  # the first one that used each module

    def __init__(self, address: Address, *, tls: TLS | None, module: Any) -> None:
        self._check_process(address, module=module)
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
    def _check_process(cls, address: Address, *, module: Any) -> None:
        if cls._processes.setdefault(module, os.getpid()) == os.getpid():
            return
        if module is grpc.aio:
            raise Unavailable(
                f"{address}: AsyncEmotionClient was in use before this process was forked; "
                "use EmotionClient here, or fork before the first call"
            )
        if os.environ.get(FORK_SUPPORT, "1").lower() not in ("1", "true", "yes"):
            raise Unavailable(
                f"{address}: EmotionClient was in use before this process was forked, and "
                f"{FORK_SUPPORT} forbids gRPC to follow; unset it, or fork before the first call"
            )


def open_triton(url: str) -> InferenceServerClient:
    """Returns tritonclient's own client of a server, with the options of our connections.

    Args:
        url: "host:port". Of a name's addresses, it is the first one where a server is live now;
            where none is, gRPC goes on looking.

    Raises:
        Unavailable: the name cannot be resolved.
    """
    try:
        ips = [] if is_literal(url) else look_up(url, timeout_s=NAME_TIMEOUT_S)
    except OSError as error:
        raise Unavailable(f"{url}: cannot resolve the host: {error}") from error
    for address in list_addresses(url, ips=ips):
        options = [*_OPTIONS, ("grpc.default_authority", address.url)]
        triton = InferenceServerClient(address.target, channel_args=options)
        if _is_live(triton):
            return triton
        triton.close()
    return InferenceServerClient(url, channel_args=[*_OPTIONS])


def _is_live(triton: InferenceServerClient) -> bool:
    try:
        return bool(triton.is_server_live(client_timeout=LIVE_TIMEOUT_S))
    except InferenceServerException:
        return False


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
