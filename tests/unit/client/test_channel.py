"""How a connection is made."""

import subprocess
import sys

import pytest
from emotion_client import TLS
from emotion_client.channel import complete_headers
from opentelemetry import trace


@pytest.mark.parametrize("name", ["private_key", "certificate_chain"])
def test_tls_half_of_the_own_certificate_is_refused(name):
    with pytest.raises(ValueError, match="belong together; give both or none"):
        TLS(**{name: "file.pem"})


def test_tls_missing_file_is_found_at_the_first_call_and_named(tmp_path):
    tls = TLS(root_certificates=tmp_path / "ca.pem")
    with pytest.raises(FileNotFoundError, match=r"ca\.pem"):
        tls.credentials()


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
