"""What the process of an engine answers."""

import os
import sys
from multiprocessing import Pipe
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest
from peers import engine_process

TIMEOUT_S = 10


class Halves:
    """An engine that gives every row the same answer."""

    def __init__(self):
        self.tuned, self.predicted = [], []

    def __str__(self):
        return f"tuned {len(self.tuned)} times"

    def tune(self, rows):
        self.tuned.append(rows)

    def predict(self, rows):
        self.predicted.append(rows)
        return np.full((len(rows), 2), 0.5, dtype=np.float32)


@pytest.fixture
def halves(monkeypatch):
    engine, opened = Halves(), {}

    def open_engine(checkpoint, **options):
        opened.update(options, checkpoint=checkpoint)
        return engine

    module = SimpleNamespace(open_engine=open_engine)
    monkeypatch.setitem(sys.modules, "peers.halves.engine", module)
    return SimpleNamespace(engine=engine, opened=opened)


def test_main_obeys_until_the_connection_ends(halves, tmp_path):
    connection, other = Pipe()
    options = {"engine": "halves", "kind": "int8", "threads": 3, "checkpoint": tmp_path}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    with other:
        arguments.append(f"--connection={os.dup(other.fileno())}")
    thread = Thread(target=engine_process.main, args=(arguments,), daemon=True)
    thread.start()

    def ask(order):
        connection.send(order)
        assert connection.poll(TIMEOUT_S)
        return connection.recv()

    assert ask([[7]]) == "ready"
    opened = halves.opened
    assert (opened["kind"], opened["num_threads"], opened["calibration"]) == ("int8", 3, [[7]])
    for i, rows in enumerate(([[1, 2]], [[1], [2]]), start=1):
        assert ask(rows) == {
            "probabilities": [[0.5, 0.5]] * len(rows),
            "setting": f"tuned {i} times",
        }
        assert halves.engine.tuned[-1] == rows
        halves.engine.predicted.clear()
        calls_s = ask(0.001)
        assert sum(calls_s) >= 0.001
        assert halves.engine.predicted == [rows] * len(calls_s)
    connection.close()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert not opened["folder"].exists()
