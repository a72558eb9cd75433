"""What the process of an engine measures and writes."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from peers import engine_process


class Halves:
    """An engine that gives every row the same answer."""

    def __init__(self):
        self.tuned, self.num_calls = [], 0

    def __str__(self):
        return f"tuned {len(self.tuned)} times"

    def tune(self, rows):
        self.tuned.append(rows)

    def predict(self, rows):
        self.num_calls += 1
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


def test_main_measures_every_workload_and_writes_the_figures(halves, tmp_path):
    rows, output = tmp_path / "rows.json", tmp_path / "figures.json"
    workloads = {"one": [[1, 2]], "two": [[1], [2]]}
    rows.write_text(json.dumps({"workloads": workloads, "calibration": [[7]]}))
    options = {"engine": "halves", "kind": "int8", "threads": 3, "seconds": 0.0001}
    files = {"checkpoint": tmp_path, "rows": rows, "output": output}
    engine_process.main([f"--{name}={value}" for name, value in (options | files).items()])
    found = json.loads(output.read_text())
    assert list(found) == ["one", "two"]
    assert found["two"]["probabilities"] == [[0.5, 0.5]] * 2
    assert [each["setting"] for each in found.values()] == ["tuned 1 times", "tuned 2 times"]
    assert all(len(each["calls_s"]) >= 3 for each in found.values())
    assert sum(len(each["calls_s"]) + 1 for each in found.values()) == halves.engine.num_calls
    assert halves.engine.tuned == list(workloads.values())
    opened = halves.opened
    assert (opened["kind"], opened["num_threads"], opened["calibration"]) == ("int8", 3, [[7]])
    assert not opened["folder"].exists()
