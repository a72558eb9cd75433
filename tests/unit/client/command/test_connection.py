"""The client that a command line asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from emotion_client import TLS
from emotion_client.command.connection import open_client
from emotion_client.command.errors import Refusal
from emotion_client.command.options import parse_args
from fake_client import Service


def test_open_client_passes_everything_on(service: Service, tmp_path: Path) -> None:
    for name in ("ca", "key", "cert"):
        (tmp_path / name).touch()
    files = [f"--tls-{name}={tmp_path / name}" for name in ("ca", "key", "cert")]
    args = parse_args(["info", "--url=a:1,b:2", "--timeout=3", "--header=X-Key=abc", *files])
    open_client(args)
    (client,) = service.clients
    assert (client.urls, client.timeout_s) == (["a:1", "b:2"], 3.0)
    assert client.headers == {"x-key": "abc"}
    assert client.tls == TLS(*(str(tmp_path / name) for name in ("ca", "key", "cert")))


def test_open_client_default_is_plain_and_local(service: Service) -> None:
    open_client(parse_args(["info"]), timeout_s=1)
    (client,) = service.clients
    assert (client.urls, client.timeout_s, client.tls) == (["127.0.0.1:8001"], 1, None)
    assert client.headers == {}


def test_open_client_tls_alone_trusts_public_authorities(service: Service) -> None:
    open_client(parse_args(["info", "--tls"]))
    assert service.clients[0].tls == TLS()


def test_open_client_missing_file_is_noticed_before_any_call(
    service: Service, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        open_client(parse_args(["info", f"--tls-ca={tmp_path / 'nothing'}"]))
    with pytest.raises(Refusal, match="is a folder"):
        open_client(parse_args(["info", f"--tls-ca={tmp_path}"]))
    assert not service.clients
