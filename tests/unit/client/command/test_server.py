"""The commands `info` and `ready`, with a service that is a small class."""

from __future__ import annotations

import json

import pytest
from emotion_client import Unavailable
from emotion_client.client import PROBE_TEXT
from emotion_client.command.main import main
from fake_client import Service

REFUSED = Unavailable("127.0.0.1:8001: connection refused")


def test_info_is_a_line_for_each_fact(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--url=h:1,h:2"]) == 0
    printed, errors = capsys.readouterr()
    assert printed.splitlines()[0] == "address       h:1,h:2"
    assert len(printed.splitlines()) == 6
    assert errors == ""


def test_info_json_is_one_object(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["address"] == "127.0.0.1:8001"
    assert record["labels"] == ["joy", "sadness"]


def test_info_no_service_is_one_sentence(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.failure = REFUSED
    assert main(["info"]) == 1
    assert capsys.readouterr() == ("", f"lyric-emotion: {REFUSED}\n")


def test_ready_says_that_it_answers(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ready", "--url=h:1"]) == 0
    assert capsys.readouterr() == ("h:1 answers\n", "")
    assert len(service.clients) == 1


@pytest.mark.parametrize(
    ("timeout", "reason_timeout_s"), [("5", 1.0), ("0.5", 0.5)], ids=["long", "short"]
)
def test_ready_that_is_not_says_why_within_a_second(
    timeout: str,
    reason_timeout_s: float,
    service: Service,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service.is_ready, service.failure = False, REFUSED
    assert main(["ready", "--timeout", timeout]) == 1
    assert capsys.readouterr() == ("", f"lyric-emotion: {REFUSED}\n")
    assert [client.timeout_s for client in service.clients] == [float(timeout), reason_timeout_s]


def test_ready_that_answers_the_second_time_is(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.is_ready = False
    assert main(["ready"]) == 0
    assert capsys.readouterr().out == "127.0.0.1:8001 answers\n"


def test_ready_stopped_is_not(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.is_ready, service.answers = False, {PROBE_TEXT: KeyboardInterrupt()}
    assert main(["ready"]) == 1
    assert capsys.readouterr() == ("", "lyric-emotion: stopped\n")
