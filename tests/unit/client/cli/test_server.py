"""The commands `info` and `ready`, with a fake client."""

import json

import pytest
from emotion_client import Unavailable
from emotion_client.cli.main import main

REFUSED = Unavailable("127.0.0.1:8001: connection refused")


def test_info_is_a_row_for_each_fact(service, capsys):
    assert main(["info", "--url=h:1,h:2"]) == 0
    printed, errors = capsys.readouterr()
    assert printed.splitlines()[0] == "address       h:1,h:2"
    assert len(printed.splitlines()) == 6
    assert errors == ""


def test_info_json_is_one_object(service, capsys):
    assert main(["info", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["address"] == "127.0.0.1:8001"
    assert record["labels"] == ["joy", "sadness"]


def test_ready_server_answers_one_client(service, capsys):
    assert main(["ready", "--url=h:1"]) == 0
    assert capsys.readouterr() == ("h:1 answers\n", "")
    assert len(service.clients) == 1


@pytest.mark.parametrize(("timeout", "reason_timeout_s"), [("5", 1.0), ("0.5", 0.5)])
def test_ready_no_answer_has_a_reason_within_a_second(timeout, reason_timeout_s, service, capsys):
    service.is_ready, service.failure = False, REFUSED
    assert main(["ready", "--timeout", timeout]) == 1
    assert capsys.readouterr() == ("", f"lyric-emotion: {REFUSED}\n")
    assert [client.timeout_s for client in service.clients] == [float(timeout), reason_timeout_s]


def test_ready_answer_at_the_second_attempt_is_ready(service, capsys):
    service.is_ready = False
    assert main(["ready"]) == 0
    assert capsys.readouterr().out == "127.0.0.1:8001 answers\n"
