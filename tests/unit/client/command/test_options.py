"""The command line: what it means, and what is refused without being repeated."""

from __future__ import annotations

import pytest
from emotion_client.command.options import parse_args

SECRET = "hush-hush"


def test_parse_args_without_options_has_the_defaults() -> None:
    args = parse_args(["classify"])
    assert (args.texts, args.file, args.json, args.with_text) == ([], [], False, False)
    assert (args.url, args.timeout, args.tls, args.header) == (None, 10.0, False, [])
    assert (args.tls_ca, args.tls_key, args.tls_cert) == (None, None, None)
    song = parse_args(["song", "-"])
    assert (song.file, song.by, song.plot, song.json) == ("-", "auto", None, False)


def test_parse_args_lists_may_be_written_in_either_way() -> None:
    args = parse_args(["classify", "--url=a:1,b:2", "--url", "c:3", "--file", "x", "-", "--file=y"])
    assert args.url == ["a:1", "b:2", "c:3"]
    assert args.file == ["x", "-", "y"]


def test_parse_args_headers_keep_what_is_behind_the_first_equals_sign() -> None:
    args = parse_args(["info", "--header", "X-Key=a=b", "--header", "other="])
    assert args.header == [("x-key", "a=b"), ("other", "")]


def test_parse_args_text_with_a_dash_comes_after_two() -> None:
    assert parse_args(["classify", "--json", "--", "-la", "--json"]).texts == ["-la", "--json"]
    assert parse_args(["classify", "- la la"]).texts == ["- la la"]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "the following arguments are required: COMMAND"),
        ([SECRET], "invalid choice (choose from "),
        (["classify", f"-x{SECRET}"], "a text that begins with '-' comes after '--'"),
        (["classify", "la", f"--heder=x={SECRET}"], "or an unknown option"),
        (["song", "a.txt", SECRET], "an argument too many"),
        (["classify", f"--json={SECRET}", "la"], "argument --json: takes no value"),
        (["song", "a.txt", f"--by={SECRET}"], "--by: invalid choice (choose from "),
        (["info", f"--header={SECRET}"], "--header: one cannot be sent"),
        (["info", f"--header={SECRET.upper()}+/="], "--header: one cannot be sent"),
        (["info", f"--header=a={SECRET}\n"], "--header: one cannot be sent"),
        (["info", f"--header=a={SECRET}", f"--header=A={SECRET}"], "a header is given twice"),
        (["info", "--tls-key=a.pem"], "--tls-key and --tls-cert belong together"),
        (["info", "--tls-cert=a.pem"], "--tls-key and --tls-cert belong together"),
        (["info", "--url=nowhere"], "url is 'nowhere'; it must be host:port"),
        (["info", "--url=a:1,"], "url is ''; it must be host:port"),
        (["info", "--timeout=0"], "timeout is 0.0; it must be above 0"),
        (["info", "--timeout=soon"], "'soon' is no number of seconds"),
        (["classify", SECRET, "--file=a.txt"], "give texts or --file, not both"),
        (["classify", SECRET, "--with-text"], "--with-text needs --json"),
        (["classify", "--js", SECRET], "unknown option"),
    ],
    ids=[
        "nothing",
        "no-command",
        "text-with-dash",
        "unknown-option",
        "argument-too-many",
        "flag-with-value",
        "unknown-way",
        "header-without-value",
        "header-that-is-a-secret",
        "header-of-two-lines",
        "header-twice",
        "key-without-certificate",
        "certificate-without-key",
        "no-address",
        "no-address-behind-comma",
        "no-time",
        "no-number",
        "texts-and-files",
        "text-without-json",
        "abbreviation",
    ],
)
def test_parse_args_wrong_usage_exits_with_2_and_repeats_nothing(
    argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse_args(argv)
    assert exit_info.value.code == 2
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert sentence in errors.splitlines()[-1]
    assert SECRET not in errors.lower()


@pytest.mark.parametrize("command", ["classify", "song", "info", "ready"])
def test_parse_args_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse_args([command, "--help"])
    assert exit_info.value.code == 0
    printed = capsys.readouterr().out
    assert "(127.0.0.1:8001)" in printed
    assert "SECONDS" in printed
    assert "(10.0)" in printed
    assert f"lyric-emotion {command} " in printed.partition("example")[2]
