"""How Locust is called."""

import argparse
import ast

import pytest
from emotion_command.checkout import ROOT
from emotion_loadtest.locust_process import CALLS, LOCUSTFILE, build_options, build_targets
from emotion_loadtest.options import add_options, read_all_targets
from emotion_loadtest.targets import Targets, read_targets

URL = "127.0.0.1:1"


def build(call="text", users=16, rate=None, seconds=30):
    return build_options(URL, call=call, users=users, rate=rate, seconds=seconds)


def parse_as_locust(options):
    """Returns the locustfile's own options, parsed, and the rest."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_options(parser)
    return parser.parse_known_args(options)


@pytest.mark.parametrize(
    ("users", "spawn_rate", "warm_up"), [(16, 16, "3"), (100, 100, "3"), (2000, 100, "22")]
)
def test_options_of_a_closed_loop_leave_the_start_of_its_callers_to_the_warm_up(
    users, spawn_rate, warm_up
):
    assert build("raw", users=users, seconds=5) == [
        "RawTextUser",
        f"--host={URL}",
        f"--users={users}",
        f"--spawn-rate={spawn_rate}",
        "--run-time=5s",
        f"--warm-up={warm_up}",
    ]


@pytest.mark.parametrize(("rate", "num_users"), [(0.5, 1), (12.34, 12), (3333.0, 200)])
def test_options_of_an_open_loop_make_the_rate(rate, num_users):
    options = build(rate=rate)
    assert options[0] == "TextArrivals"
    assert f"--users={num_users}" in options
    parsed, _ = parse_as_locust(options)
    assert num_users * parsed.arrivals_per_user == pytest.approx(rate, rel=1e-5)


@pytest.mark.parametrize(
    ("call", "rate", "expected"),
    [
        ("text", 5.0, Targets(min_answered_share=0.9, max_error_share=0.001)),
        ("batch", 5.0, Targets(min_answered_share=0.9, max_error_share=0.001)),
        ("batch", None, Targets(max_error_share=0.001)),
        ("text", None, read_targets(ROOT / "loadtest" / "targets.toml")),
        ("raw", None, read_targets(ROOT / "loadtest" / "targets.toml")),
    ],
)
def test_targets_fit_the_load(call, rate, expected):
    parsed, _ = parse_as_locust(build_targets(None, call=call, rate=rate))
    assert read_all_targets(parsed) == expected


@pytest.mark.parametrize("rate", [None, 5.0])
def test_targets_of_a_file_are_the_only_ones(rate):
    assert build_targets("mine.toml", call="batch", rate=rate) == ["--targets=mine.toml"]


def test_targets_are_overridden_by_later_options():
    options = [*build_targets(None, call="text", rate=50.0), "--max-error-share=1", "--min-rate=9"]
    parsed, _ = parse_as_locust(options)
    assert read_all_targets(parsed) == Targets(
        min_rate=9, min_answered_share=0.9, max_error_share=1
    )


def test_calls_are_the_user_classes_of_the_locustfile():
    # Read, not imported: Locust would patch this process.
    tree = ast.parse(LOCUSTFILE.read_text(encoding="utf-8"))
    (classes,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    assert {build(call, rate=rate)[0] for call in CALLS for rate in (None, 1.0)} == set(classes)
