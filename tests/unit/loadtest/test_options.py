"""What a load test adds to Locust's command line."""

import argparse

import pytest
from emotion_command.errors import Refusal
from emotion_loadtest.arrivals import SHAPES
from emotion_loadtest.options import (
    MAX_BATCH_ROWS,
    TARGET_HELP,
    add_options,
    check_seconds,
    read_all_targets,
    read_host,
)
from emotion_loadtest.targets import NAMES, Targets

ROWS = "expected an integer from 1 to 10000, got"
LIMIT = "expected a number from 0 to 1000000000000, got"


def parse(*arguments):
    """Parses without Locust, whose parser is an argparse one too."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_options(parser)
    return parser.parse_args(arguments)


def refuse(argument, capsys):
    """Returns the last line of what is said to a refused argument."""
    with pytest.raises(SystemExit) as stop:
        parse(*argument)
    assert stop.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_defaults_are_plain_text_and_numbers():
    options = vars(parse())
    # A master sends them to its workers as a message.
    assert all(isinstance(value, str | int | float | None) for value in options.values())
    assert (options["texts"], options["seed"], options["shape"]) == ("", 1, "")
    assert (options["batch_rows"], options["arrivals_per_user"]) == (32, 1.0)
    assert (options["call_timeout"], options["warm_up"]) == (10.0, 3.0)


def test_web_page_and_master_listen_on_this_machine_only():
    options = parse()
    assert (options.web_host, options.master_bind_host) == ("127.0.0.1", "127.0.0.1")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--batch-rows", 1),
        ("--batch-rows", MAX_BATCH_ROWS),
        ("--arrivals-per-user", 0.001),
        ("--call-timeout", 86400.0),
        ("--warm-up", 0.0),
        ("--max-error-share", 1.0),
        ("--min-rate", 0.0),
        ("--max-p99-ms", 1e3),
        ("--targets", ""),
        *[("--shape", name) for name in SHAPES],
    ],
)
def test_value_at_a_limit_is_taken(option, value):
    name = option.removeprefix("--").replace("-", "_")
    assert getattr(parse(option, str(value)), name) == value


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--batch-rows", "0", f"{ROWS} '0'"),
        ("--batch-rows", "10001", f"{ROWS} '10001'"),
        (
            "--arrivals-per-user",
            "0",
            "expected a number greater than 0 and at most 1000000, got '0'",
        ),
        ("--arrivals-per-user", "nan", "got 'nan'"),
        ("--arrivals-per-user", "inf", "got 'inf'"),
        ("--call-timeout", "0", "expected a number greater than 0 and at most 86400, got '0'"),
        ("--call-timeout", "86401", "got '86401'"),
        ("--warm-up", "-0.5", "expected a number from 0 to 1000000, got '-0.5'"),
        ("--warm-up", "inf", "got 'inf'"),
        ("--seed", "one", "'one'"),
        ("--shape", "wave", "'wave'"),
        ("--min-rate", "-1", f"{LIMIT} '-1'"),
        ("--max-p50-ms", "nan", f"{LIMIT} 'nan'"),
        ("--max-p99-ms", "inf", f"{LIMIT} 'inf'"),
        ("--min-mean-batch", "many", f"{LIMIT} 'many'"),
        ("--max-error-share", "1.1", "expected a number from 0 to 1, got '1.1'"),
        ("--min-answered-share", "5%", "expected a number from 0 to 1, got '5%'"),
    ],
)
def test_bad_value_is_code_2_and_names_option_and_value(option, value, message, capsys):
    last = refuse([f"{option}={value}"], capsys)
    assert f"argument {option}: " in last
    assert message in last


def test_negative_number_after_a_space_is_refused_as_such(capsys):
    assert f"{LIMIT} '-500'" in refuse(["--max-p99-ms", "-500"], capsys)


@pytest.mark.parametrize("content", ["max_p98_ms = 1", None])
def test_bad_file_of_targets_is_code_2_and_named(content, tmp_path, capsys):
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert f"argument --targets: {file}: " in refuse(["--targets", str(file)], capsys)


def test_targets_without_any_ask_for_nothing():
    assert read_all_targets(parse()) == Targets()


def test_targets_options_override_the_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("min_rate = 40\nmax_p99_ms = 500\n", encoding="utf-8")
    options = parse("--min-rate", "0", "--max-p50-ms=20", "--targets", str(file))
    assert read_all_targets(options) == Targets(min_rate=0, max_p99_ms=500, max_p50_ms=20)


def test_help_lists_every_target_and_shape(capsys):
    assert [*TARGET_HELP] == [*NAMES]
    with pytest.raises(SystemExit):
        parse("--help")
    shown = " ".join(capsys.readouterr().out.split())
    assert all(f"--{name.replace('_', '-')} LIMIT" in shown for name in NAMES)
    assert all(f"{name}: " in shown for name in SHAPES)


@pytest.mark.parametrize(
    "text", ["h:8001", "http://h:8001", "http://h:8001/", "grpc://h:8001", "grpc://h:8001//"]
)
def test_host_is_read_with_and_without_the_scheme_that_locusts_users_write(text):
    assert read_host(text) == "h:8001"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://h:8001", "the load test has no TLS, so give a plain host:port"),
        ("ftp://h:8001", "must be the gRPC address host:port, such as 127.0.0.1:8001"),
        ("h", "must be the gRPC address host:port"),
        ("http://h", "must be the gRPC address host:port"),
        ("http://h:8001/v2", "must be the gRPC address host:port"),
    ],
)
def test_host_that_is_no_grpc_address_is_refused(text, words):
    with pytest.raises(Refusal) as caught:
        read_host(text)
    assert str(caught.value).startswith(f"--host is {text!r}; ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "warm_up", "is_enough"),
    [(4, 3.0, True), (3, 3.0, False), (3, 0.0, True), (None, 3.0, True), (1, 0.5, False)],
)
def test_run_must_be_longer_than_its_warm_up(seconds, warm_up, is_enough):
    options = argparse.Namespace(run_time=seconds, warm_up=warm_up)
    if is_enough:
        check_seconds(options)
        return
    with pytest.raises(Refusal) as caught:
        check_seconds(options)
    assert f"a run of {seconds} s leaves too little after {warm_up:g} s" in str(caught.value)
    least = {3.0: 4, 0.5: 2}[warm_up]
    assert f"make it {least} s or longer, or shorten --warm-up" in str(caught.value)
