"""The options of `scripts/serve.py`; what it does is tested on a real server."""

import pytest
from emotion_command.signals import Interruption
from emotion_server.errors import StartError
from emotion_server.service import Service

from scripts import serve
from scripts.serve import build_service, parse_args


def test_serve_ends_after_a_ctrl_c_that_python_discarded(monkeypatch):
    def supervise(self, complain, check_interruption, *, is_reload_wanted):
        assert not is_reload_wanted()
        check_interruption()

    monkeypatch.setattr(Service, "__enter__", lambda self: self)
    monkeypatch.setattr(Service, "__exit__", lambda self, *_: None)
    monkeypatch.setattr(Service, "supervise", supervise)
    interruption = Interruption()
    assert serve.serve(parse_args([]), interruption=interruption) == 1
    interruption.is_wanted = True
    with pytest.raises(KeyboardInterrupt):
        serve.serve(parse_args([]), interruption=interruption)


def test_build_service_takes_the_options(tmp_path):
    key = tmp_path / "key"
    key.write_text("0123456789abcdef\n")
    options = [f"--admin-key-file={key}", "--latency-summaries", "--max-wait=0.5"]
    service = build_service(parse_args(options))
    assert (service.admin_key, service.has_summaries) == ("0123456789abcdef", True)
    assert service.max_wait_s == 0.5
    assert service.admin_key not in repr(service)


def test_build_service_has_no_key_by_default():
    service = build_service(parse_args([]))
    assert (service.admin_key, service.has_summaries) == ("", False)


def test_build_service_file_without_a_key_is_refused(tmp_path):
    (tmp_path / "key").touch()
    with pytest.raises(StartError, match="--admin-key-file"):
        build_service(parse_args([f"--admin-key-file={tmp_path / 'key'}"]))


@pytest.mark.parametrize("value", ["0", "-1", "61", "x", "nan"])
def test_max_wait_out_of_range_is_wrong_usage(value):
    with pytest.raises(SystemExit) as caught:
        parse_args([f"--max-wait={value}"])
    assert caught.value.code == 2
