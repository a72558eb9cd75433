"""What the laps of bulk scoring say."""

import pytest
from emotion_benchmarks.rounds import Lap
from emotion_benchmarks.scoring.result import judge
from emotion_benchmarks.scoring.ways import ENGINE, IN_PROCESS, PREDICT_MANY, RAY, SERVER


def make_laps(**seconds):
    return {name: [Lap(1000, each, 20.0)] * 3 for name, each in seconds.items()}


@pytest.mark.parametrize(
    ("seconds", "is_met"), [(10.0, True), (10.5, True), (10.6, False)], ids=["as", "95%", "less"]
)
def test_judge_compares_a_job_with_the_engine(seconds, is_met):
    engine, job, share, hours = judge(make_laps(**{ENGINE: 10.0, IN_PROCESS: seconds}))
    assert engine.value == 100
    assert job.value == pytest.approx(1000 / seconds)
    assert share.is_met == is_met
    assert hours.value == pytest.approx(seconds * 1000 / 3600)


@pytest.mark.parametrize(("server", "ray"), [(19.0, 14.0), (21.0, 15.0)], ids=["met", "missed"])
def test_judge_compares_servers_with_the_client_and_ray_with_a_process(server, ray):
    seconds = {ENGINE: 9.9, IN_PROCESS: 10.0, PREDICT_MANY: 20.0, SERVER: server, RAY: ray}
    figures = {figure.name: figure for figure in judge(make_laps(**seconds))}
    assert figures[f"{SERVER} / {PREDICT_MANY}"].value == pytest.approx(20.0 / server)
    assert figures[f"{SERVER} / {PREDICT_MANY}"].is_met == (server < 20)
    assert figures[f"{RAY} / {IN_PROCESS}"].value == pytest.approx(10.0 / ray)
    assert figures[f"{RAY} / {IN_PROCESS}"].is_met == (ray < 14.2)
