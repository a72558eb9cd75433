"""An encrypted connection to a real Triton that requires a certificate and a header."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import trustme
from conftest import FREE_PORTS
from emotion_client import TLS, EmotionClient, EmotionError, Unavailable, WrongServer
from emotion_server.triton_server import TritonServer

HEADER = {"triton-grpc-protocol-infer-key": "open sesame"}


@dataclass
class SecureTriton(TritonServer):
    """Triton whose gRPC port requires mutual TLS, and a header for inference."""

    files: dict[str, str]
    tls: TLS

    def _options(self):
        return [
            *super()._options(),
            "--grpc-use-ssl=1",
            "--grpc-use-ssl-mutual=1",
            f"--grpc-server-cert={self.files['certificate']}",
            f"--grpc-server-key={self.files['key']}",
            f"--grpc-root-cert={self.files['ca']}",
            "--grpc-restricted-protocol=inference:infer-key=open sesame",
        ]

    def _try(self, server):
        with EmotionClient(self.address.url, tls=self.tls, headers=HEADER, timeout_s=5) as client:
            return None if client.is_ready() else Unavailable("not yet")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths of a certificate authority, a server's certificate and a client's, in PEM."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    paths = {"ca": folder / "ca.pem", "strange_ca": folder / "strange.pem"}
    authority.cert_pem.write_to_path(paths["ca"])
    trustme.CA().cert_pem.write_to_path(paths["strange_ca"])
    for prefix, identity in (("", "127.0.0.1"), ("client_", "client@example.org")):
        issued = authority.issue_cert(identity)
        paths[f"{prefix}key"] = folder / f"{prefix}key.pem"
        paths[f"{prefix}certificate"] = folder / f"{prefix}certificate.pem"
        issued.private_key_pem.write_to_path(paths[f"{prefix}key"])
        issued.cert_chain_pems[0].write_to_path(paths[f"{prefix}certificate"])
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture(scope="module")
def tls(files):
    return TLS(
        root_certificates=files["ca"],
        private_key=files["client_key"],
        certificate_chain=files["client_certificate"],
    )


@pytest.fixture(scope="module")
def secure(default_repository, files, tls):
    with SecureTriton(default_repository, files=files, tls=tls, address=FREE_PORTS) as running:
        yield running


def test_certificate_and_header_give_access(secure, tls, open_client):
    client = open_client(secure.address.url, tls=tls, headers=HEADER)
    assert client.predict("I love you").label == "love"
    assert len(list(client.predict_many(["la"] * 100))) == 100


def test_missing_header_is_a_wrong_server_at_once(secure, tls, open_client):
    client = open_client(secure.address.url, tls=tls)
    with pytest.raises(WrongServer, match="This protocol is restricted"):
        client.predict("la")


@pytest.mark.parametrize("name", ["strange-authority", "no-client-certificate", "plain"])
def test_wrong_certificates_give_no_access(name, secure, tls, files, open_client):
    wrong = {
        "strange-authority": replace(tls, root_certificates=files["strange_ca"]),
        "no-client-certificate": TLS(root_certificates=files["ca"]),
        "plain": None,
    }[name]
    client = open_client(secure.address.url, tls=wrong, headers=HEADER)
    with pytest.raises(EmotionError, match=f"^{secure.address.url}: "):
        client.predict("la")
    assert not client.is_ready()


def test_tls_to_a_plain_server_is_a_wrong_server(server, tls, open_client):
    client = open_client(server.address.url, tls=tls, timeout_s=5)
    with pytest.raises(WrongServer):
        client.predict("la")
