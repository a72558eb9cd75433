"""What happens when a server fails."""

from dataclasses import replace

from emotion_benchmarks.comparison import measure
from emotion_benchmarks.comparison.peers import PeerError


def test_server_that_fails_has_no_more_turns(make_peer, make_lap, monkeypatch):
    errors = {"b": PeerError("it ended"), "c": TimeoutError("it hangs")}
    asked, lines = [], []

    def run_lap(peer, *, python, job):
        asked.append(peer.key)
        if peer.key in errors:
            raise errors[peer.key]
        return make_lap(100)

    monkeypatch.setattr(measure, "run_lap", run_lap)
    peers = [*map(make_peer, "abc"), replace(make_peer("d"), folder="nowhere")]
    options = {"num_rounds": 2, "report": lines.append, "check": lambda: asked.append("check")}
    outcomes = measure.measure(peers, job=None, **options).outcomes
    assert [key for key in asked if key != "check"] == ["a", "b", "c", "a"]
    assert asked.count("check") == 8
    assert [(len(each.laps), each.error) for each in outcomes[:3]] == [
        (2, None),
        (0, "it ended"),
        (0, "it hangs"),
    ]
    assert outcomes[3].error.endswith("run `make .venv-peers/nowhere/.installed`")
    assert lines[1:] == [
        "round 1 of 2: A, tuned 100.0/s",
        "B, tuned: it ended",
        "C, tuned: it hangs",
        "round 2 of 2: A, tuned 100.0/s",
    ]
