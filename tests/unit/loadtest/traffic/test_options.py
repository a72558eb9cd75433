"""What a load test adds to Locust's command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from traffic.options import MAX_BATCH_ROWS, TARGET_HELP, add_options, read_all_targets
from traffic.shapes import SHAPES
from verdict.targets import NAMES, Targets


def parse(*arguments: str) -> argparse.Namespace:
    """Parses without Locust, whose parser is one of argparse too."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_options(parser)
    return parser.parse_args(arguments)


def read_help(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        parse("--help")
    return " ".join(capsys.readouterr().out.split())


def test_defaults_are_plain_text_and_numbers() -> None:
    options = vars(parse())
    # A master sends them to its workers as a message.
    assert all(isinstance(value, str | int | float | None) for value in options.values())
    assert (options["texts"], options["seed"], options["shape"]) == ("", 1, "")
    assert (options["batch_rows"], options["arrivals_per_user"]) == (32, 1.0)
    assert (options["call_timeout"], options["warm_up"]) == (10.0, 3.0)


def test_web_page_and_master_listen_on_this_machine_only() -> None:
    options = parse()
    assert (options.web_host, options.master_bind_host) == ("127.0.0.1", "127.0.0.1")


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--batch-rows", "1"], "batch_rows", 1),
        (["--batch-rows", str(MAX_BATCH_ROWS)], "batch_rows", MAX_BATCH_ROWS),
        (["--arrivals-per-user", "0.001"], "arrivals_per_user", 0.001),
        (["--warm-up", "0"], "warm_up", 0.0),
        (["--max-error-share", "1"], "max_error_share", 1.0),
        (["--min-rate", "0"], "min_rate", 0.0),
        (["--max-p99-ms", "1e3"], "max_p99_ms", 1000.0),
        (["--targets", ""], "targets", ""),
        *[(["--shape", name], "shape", name) for name in SHAPES],
    ],
    ids=[
        "one-row",
        "most-rows",
        "slow-user",
        "no-warm-up",
        "any-error",
        "any-rate",
        "exponent",
        "no-file",
        *SHAPES,
    ],
)
def test_value_at_a_limit_is_taken(arguments: list[str], name: str, value: object) -> None:
    assert getattr(parse(*arguments), name) == value


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--batch-rows", "0", "'0' is no whole number of 1 to 10000"),
        ("--batch-rows", "10001", "'10001' is no whole number of 1 to 10000"),
        ("--batch-rows", "-1", "'-1' is no whole number of 1 to 10000"),
        ("--batch-rows", "1.5", "'1.5' is no whole number of 1 to 10000"),
        ("--batch-rows", "٣", "'٣' is no whole number of 1 to 10000"),
        ("--batch-rows", "", "'' is no whole number of 1 to 10000"),
        ("--arrivals-per-user", "0", "0 must be above 0"),
        ("--arrivals-per-user", "nan", "'nan' is no number"),
        ("--arrivals-per-user", "inf", "'inf' is no number"),
        ("--call-timeout", "-3", "-3 must be above 0"),
        ("--call-timeout", "soon", "'soon' is no number"),
        ("--warm-up", "-0.5", "-0.5 must be at least 0"),
        ("--warm-up", "", "'' is no number"),
        ("--seed", "one", "'one'"),
        ("--shape", "wave", "'wave'"),
        ("--min-rate", "-1", "-1 is no limit: it must be at least 0"),
        ("--max-error-share", "1.1", "1.1 is no limit: it must be at most 1"),
        ("--max-error-share", "5%", "'5%' is no number"),
        ("--max-p50-ms", "nan", "'nan' is no number"),
        ("--min-mean-batch", "many", "'many' is no number"),
    ],
    ids=[
        "no-rows",
        "too-many-rows",
        "negative-rows",
        "part-of-a-row",
        "foreign-digit",
        "no-rows-said",
        "no-arrivals",
        "arrivals-nan",
        "arrivals-infinite",
        "negative-timeout",
        "timeout-word",
        "negative-warm-up",
        "no-warm-up-said",
        "seed-word",
        "unknown-shape",
        "negative-target",
        "share-above-1",
        "percent",
        "target-nan",
        "target-word",
    ],
)
def test_bad_value_is_code_2_and_names_option_and_value(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(f"{option}={value}")
    assert stop.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"argument {option}: " in last
    assert message in last


def test_negative_number_behind_a_space_is_refused_as_such(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        parse("--max-p99-ms", "-500")
    assert stop.value.code == 2
    assert "-500 is no limit: it must be at least 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("max_p98_ms = 1", "max_p98_ms is no target; choose of min_rate, min_answered_share"),
        ("min_rate = -1", "min_rate is -1; it must be at least 0"),
        ("min_rate", "no TOML"),
        (None, "No such file or directory; name a file of targets"),
    ],
    ids=["unknown-key", "negative", "no-toml", "missing"],
)
def test_bad_file_of_targets_is_code_2_and_named(
    content: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        parse("--targets", str(file))
    assert stop.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"argument --targets: {file}: " in last
    assert message in last


def test_targets_without_any_ask_for_nothing() -> None:
    assert read_all_targets(parse()) == Targets()


def test_targets_options_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("min_rate = 40\nmax_p99_ms = 500\n", encoding="utf-8")
    options = parse("--min-rate", "0", "--max-p50-ms=20", "--targets", str(file))
    assert read_all_targets(options) == Targets(min_rate=0, max_p99_ms=500, max_p50_ms=20)


def test_help_tells_every_target_and_shape(capsys: pytest.CaptureFixture[str]) -> None:
    assert [*TARGET_HELP] == [*NAMES]
    shown = read_help(capsys)
    assert all(f"--{name.replace('_', '-')} LIMIT" in shown for name in NAMES)
    assert all(f"{name}: " in shown for name in SHAPES)
