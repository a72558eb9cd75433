"""How a connection is made."""

import subprocess
import sys
import time

import pytest
from emotion_client import TLS, Unavailable, channel
from emotion_client.channel import complete_headers, open_triton
from opentelemetry import trace
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException


@pytest.mark.parametrize("name", ["private_key", "certificate_chain"])
def test_tls_half_of_the_own_certificate_is_refused(name):
    with pytest.raises(ValueError, match="belong together; give both or none"):
        TLS(**{name: "file.pem"})


def test_tls_missing_file_is_found_at_the_first_call_and_named(tmp_path):
    tls = TLS(root_certificates=tmp_path / "ca.pem")
    with pytest.raises(FileNotFoundError, match=r"ca\.pem"):
        tls.credentials()


@pytest.mark.parametrize("num_dead", [0, 1, 2])
def test_open_triton_takes_the_first_address_with_a_live_server(
    num_dead, start_server, monkeypatch
):
    server, dead = start_server(), [f"127.0.0.{i + 2}" for i in range(num_dead)]
    monkeypatch.setattr(channel, "look_up", lambda url, timeout_s: [*dead, "127.0.0.1", "::1"])
    with open_triton(server.url.replace("127.0.0.1", "fleet.example")) as triton:
        assert triton.is_server_live(client_timeout=5)


def test_open_triton_finds_a_server_that_comes_later_at_any_address(start_server, monkeypatch):
    server = start_server()
    server.stop()
    monkeypatch.setattr(channel, "look_up", lambda url, timeout_s: ["127.0.0.1", "::1"])
    with open_triton(f"localhost:{server.port}") as triton:
        with pytest.raises(InferenceServerException):
            triton.is_server_live(client_timeout=1)
        server.start()
        deadline = time.monotonic() + 10
        while not is_live(triton):
            assert time.monotonic() < deadline


def test_open_triton_names_the_server_as_the_caller_did(start_server, monkeypatch):
    options = []

    def connect(target, channel_args):
        options.append(dict(channel_args))
        return InferenceServerClient(target, channel_args=channel_args)

    monkeypatch.setattr(channel, "InferenceServerClient", connect)
    url = start_server().url.replace("127.0.0.1", "localhost")
    with open_triton(url):
        assert options[-1]["grpc.default_authority"] == url


def is_live(triton):
    try:
        return triton.is_server_live(client_timeout=1)
    except InferenceServerException:
        return False


def test_open_triton_unknown_name_is_unavailable():
    with pytest.raises(Unavailable, match=r"no-such-host\.invalid:1: cannot resolve the host: .+"):
        open_triton("no-such-host.invalid:1")


def test_complete_headers_of_the_caller_is_sent_as_traceparent():
    span = trace.NonRecordingSpan(
        trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(1))
    )
    with trace.use_span(span):
        headers = complete_headers((("authorization", "secret"),), is_bulk=False)
    assert headers == (
        ("authorization", "secret"),
        ("traceparent", f"00-{0xABC:032x}-{0xDEF:016x}-01"),
    )
    assert complete_headers((), is_bulk=False) == ()


def test_complete_headers_without_opentelemetry_adds_and_imports_nothing():
    code = (
        "import sys; from emotion_client.channel import complete_headers as add; "
        "print(add((('a', 'b'),), is_bulk=False), "
        "any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(('a', 'b'),) False"
