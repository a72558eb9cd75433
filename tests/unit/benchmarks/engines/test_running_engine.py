"""The process of an engine from outside."""

import sys
from pathlib import Path

import pytest
from emotion_benchmarks.comparison.peers import PeerError
from emotion_benchmarks.engines import running_engine
from emotion_benchmarks.engines.running_engine import start

PYTHON = Path(sys.executable)
DOUBLE = """
import sys
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1].partition("=")[2]))
while True:
    connection.send(2 * connection.recv())
"""


def start_code(code, *, scratch):
    return start([sys.executable, "-c", code], python=PYTHON, scratch=scratch)


def test_process_answers_until_the_end_of_the_context(tmp_path):
    with start_code(DOUBLE, scratch=tmp_path) as engine:
        assert (engine.ask(3), engine.ask([1])) == (6, [1, 1])
        assert engine.process.poll() is None
    assert engine.process.poll() is not None


def test_time_is_the_median_of_the_calls(tmp_path):
    code = DOUBLE.replace("2 * connection.recv()", "[9.0, connection.recv(), 0.1]")
    with start_code(code, scratch=tmp_path) as engine:
        assert engine.time(0.5) == 0.5


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('no such kind')", "code 1: ValueError: no such kind"),
        ("raise SystemExit(3)", "code 3: it left no message"),
    ],
)
def test_process_that_fails_says_why(code, message, tmp_path):
    with start_code(code, scratch=tmp_path) as engine, pytest.raises(PeerError, match=message):
        engine.ask("anything")


def test_process_that_hangs_is_stopped(monkeypatch, tmp_path):
    monkeypatch.setattr(running_engine, "TIMEOUT_S", 0.3)
    with (
        start_code("import time; time.sleep(60)", scratch=tmp_path) as engine,
        pytest.raises(PeerError, match="not answer within 0 s"),
    ):
        engine.ask("anything")
    assert engine.process.poll() is not None
