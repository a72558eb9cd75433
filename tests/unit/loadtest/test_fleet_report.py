"""Simulated days as table, JSON and picture."""

import json

import pytest
from emotion_loadtest.autoscaler import Limits
from emotion_loadtest.fleet import Setting, simulate
from emotion_loadtest.fleet_plot import plot_fleet
from emotion_loadtest.fleet_report import build_json, format_outcomes, write_report

LIMITS = Limits(min_replicas=1, max_replicas=1)


@pytest.fixture(scope="module")
def outcomes():
    settings = [Setting(name, limits=LIMITS, waiting=each) for name, each in (("a", 1), ("b", 1e9))]
    return [simulate(setting, lambda _: 20.0, seconds=120) for setting in settings]


def test_table_has_a_line_for_each_setting(outcomes):
    head, *rows = format_outcomes(outcomes)
    assert head.split()[:4] == ["replicas", "most", "p99", "ms"]
    assert [row.split()[:3] for row in rows] == [["a", "1.0", "1"], ["b", "1.0", "1"]]
    assert all(row.split()[-2:] == ["0.000%", "0"] for row in rows)


def test_json_has_settings_results_and_minutes(outcomes):
    first, second = json.loads(build_json(outcomes), parse_constant=pytest.fail)
    assert first.keys() == {"setting", "p99_ms", "refused_share", "num_replicas", "minutes"}
    assert (first["setting"]["name"], second["setting"]["name"]) == ("a", "b")
    assert [minute["start_s"] for minute in first["minutes"]] == [0, 60]


def test_picture_names_the_settings_and_what_is_drawn(outcomes):
    axes = plot_fleet(outcomes).axes
    labels = [each.get_ylabel() for each in axes if each.get_ylabel()]
    assert labels == ["calls a second", "replicas", "p99, ms", "refused, %"]
    (legend,) = [each.get_legend() for each in axes if each.get_legend()]
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]


def test_write_report_has_json_and_picture(outcomes, tmp_path):
    write_report(outcomes, folder=tmp_path)
    assert (tmp_path / "autoscaling.json").read_text() == build_json(outcomes)
    assert (tmp_path / "autoscaling.png").read_bytes().startswith(b"\x89PNG")
