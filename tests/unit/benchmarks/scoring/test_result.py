"""What the laps of bulk scoring say."""

import pytest
from emotion_benchmarks.rounds import Lap
from emotion_benchmarks.scoring.measure import ENGINE, SCORING
from emotion_benchmarks.scoring.result import judge


@pytest.mark.parametrize(
    ("seconds", "is_met"), [(10.0, True), (10.5, True), (10.6, False)], ids=["as", "95%", "less"]
)
def test_judge_compares_with_the_engine(seconds, is_met):
    laps = {ENGINE: [Lap(1000, 10.0, 20.0)] * 3, SCORING: [Lap(1000, seconds, 22.0)] * 3}
    engine, scoring, share, processor, hours = judge(laps)
    assert engine.value == 100
    assert scoring.value == pytest.approx(1000 / seconds)
    assert share.is_met == is_met
    assert processor.value == pytest.approx(1.1)
    assert hours.value == pytest.approx(seconds * 1000 / 3600)
