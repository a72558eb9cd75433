"""The traffic of a day."""

import pytest
from emotion_loadtest.traffic import DAY, DAY_S, Peak, Traffic

HOUR_S = 3600


def test_wave_is_lowest_in_the_morning_and_highest_in_the_evening():
    traffic = Traffic(low=10, high=50)
    assert traffic.rate_at(8 * HOUR_S) == pytest.approx(10)
    assert traffic.rate_at(14 * HOUR_S) == pytest.approx(30)
    assert traffic.rate_at(20 * HOUR_S) == pytest.approx(50)


@pytest.mark.parametrize(
    ("now_s", "expected"),
    [(99, 0), (100, 0), (105, 50), (110, 100), (130, 100), (135, 50), (141, 0)],
)
def test_peak_rises_holds_and_falls(now_s, expected):
    assert Peak(start_s=100, rise_s=10, hold_s=20, rate=100).rate_at(now_s) == expected


def test_day_has_a_wave_and_peaks_within_it():
    for peak in DAY.peaks:
        top_s = peak.start_s + peak.rise_s
        assert 0 < peak.start_s < peak.start_s + 2 * peak.rise_s + peak.hold_s < DAY_S
        assert DAY.rate_at(top_s) > DAY.rate_at(peak.start_s - 1) + 0.9 * peak.rate
