"""The options of `scripts/serve.py`; what it does is tested on a real server."""

from contextlib import nullcontext

import pytest
from emotion_command.signals import Interruption
from emotion_server.address import Address
from emotion_server.errors import StartError

from scripts import serve
from scripts.serve import build_server, parse_args


def test_serve_ends_after_a_ctrl_c_that_python_discarded(monkeypatch):
    def watch(server, *, complain, check_interruption):
        check_interruption()

    running = nullcontext()
    running.address = Address()
    monkeypatch.setattr(serve, "build_server", lambda args: running)
    monkeypatch.setattr(serve, "watch", watch)
    interruption = Interruption()
    assert serve.serve(parse_args([]), interruption=interruption) == 1
    interruption.is_wanted = True
    with pytest.raises(KeyboardInterrupt):
        serve.serve(parse_args([]), interruption=interruption)


def test_build_server_options_reach_triton(tmp_path):
    key = tmp_path / "key"
    key.write_text("0123456789abcdef\n")
    server = build_server(parse_args([f"--admin-key-file={key}", "--latency-summaries"]))
    assert (server.admin_key, server.has_summaries) == ("0123456789abcdef", True)
    assert server.admin_key not in repr(server)


def test_build_server_has_no_key_by_default():
    server = build_server(parse_args([]))
    assert (server.admin_key, server.has_summaries) == ("", False)


def test_build_server_file_without_a_key_is_refused(tmp_path):
    (tmp_path / "key").touch()
    with pytest.raises(StartError, match="--admin-key-file"):
        build_server(parse_args([f"--admin-key-file={tmp_path / 'key'}"]))
