"""The command line of `scripts/healthcheck.py`; its answers are tested on a real server."""

import pytest

from scripts import healthcheck

WRONG = ["-1", "0", "nan", "1e20", "x"]


@pytest.mark.parametrize(
    "option", [*(f"--timeout={value}" for value in WRONG), "--url=", "--url=host"]
)
def test_main_wrong_usage_exits_with_two(option):
    with pytest.raises(SystemExit) as caught:
        healthcheck.main([option])
    assert caught.value.code == 2


def test_main_stopped_without_an_answer_is_not_healthy(monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(healthcheck, "check", interrupt)
    assert healthcheck.main([]) == 1
