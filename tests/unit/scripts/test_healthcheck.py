"""The command line of `scripts/healthcheck.py`; its answers are tested on a real server."""

from __future__ import annotations

import sys

import healthcheck
import pytest


@pytest.mark.parametrize(
    "option",
    ["--timeout=-1", "--timeout=nan", "--timeout=1e20", "--timeout=x", "--url=", "--url=host"],
)
def test_main_bad_usage_exits_with_two(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["healthcheck.py", option])
    with pytest.raises(SystemExit) as caught:
        healthcheck.main()
    assert caught.value.code == 2


def test_main_stopped_without_an_answer_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["healthcheck.py"])
    monkeypatch.setattr(healthcheck, "check", interrupt)
    monkeypatch.setattr(healthcheck.signal, "signal", lambda number, handler: None)
    assert healthcheck.main() == 1
