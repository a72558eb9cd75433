"""The command line: what it means, and what is refused without being repeated."""

import pytest
from emotion_client import TLS
from emotion_client.cli.options import open_client, parse_args
from emotion_command.errors import Refusal

SECRET = "hush-hush"


def test_parse_args_without_options_has_the_defaults():
    args = parse_args(["classify"])
    assert (args.texts, args.file, args.json, args.with_text) == ([], [], False, False)
    assert (args.url, args.timeout, args.tls, args.header) == (None, 10.0, False, [])
    assert (args.tls_ca, args.tls_key, args.tls_cert) == (None, None, None)
    song = parse_args(["song", "-"])
    assert (song.file, song.by, song.plot, song.json) == ("-", "auto", None, False)


def test_parse_args_lists_may_be_written_in_either_way():
    args = parse_args(["classify", "--url=a:1,b:2", "--url", "c:3", "--file", "x", "-", "--file=y"])
    assert args.url == ["a:1", "b:2", "c:3"]
    assert args.file == ["x", "-", "y"]


def test_parse_args_header_ends_its_name_at_the_first_equals_sign():
    args = parse_args(["info", "--header", "X-Key=a=b", "--header", "other="])
    assert args.header == [("x-key", "a=b"), ("other", "")]


def test_parse_args_text_with_a_dash_follows_two_dashes():
    assert parse_args(["classify", "--json", "--", "-la", "--json"]).texts == ["-la", "--json"]
    assert parse_args(["classify", "- la la"]).texts == ["- la la"]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "the following arguments are required: COMMAND"),
        ([SECRET], "invalid choice (choose from "),
        (["classify", f"-x{SECRET}"], "a text that begins with '-' must follow '--'"),
        (["classify", "la", f"--heder=x={SECRET}"], "or an unknown option"),
        (["classify", "--js", SECRET], "or an unknown option"),
        (["song", "a.txt", SECRET], "too many arguments"),
        (["classify", f"--json={SECRET}", "la"], "argument --json: takes no value"),
        (["song", "a.txt", f"--by={SECRET}"], "--by: invalid choice (choose from "),
        (["song", "a.txt", f"--plot={SECRET}"], "--plot: expected a file name that ends with .png"),
        (["song", "a.txt", "--plot=no/a.PNG"], "--plot: no does not exist; make it first"),
        (["info", f"--header={SECRET}"], "--header: expected NAME=VALUE"),
        (["info", f"--header={SECRET.upper()}+/="], "--header: expected NAME=VALUE"),
        (["info", f"--header=a={SECRET}\n"], "--header: expected NAME=VALUE"),
        (["info", f"--header=a={SECRET}", f"--header=A={SECRET}"], "a header is given twice"),
        (["info", "--tls-key=a.pem"], "--tls-key and --tls-cert belong together"),
        (["info", "--tls-cert=a.pem"], "--tls-key and --tls-cert belong together"),
        (["info", "--url=nowhere"], "argument --url: url is 'nowhere'; it must be host:port"),
        (["info", "--url=a:1,"], "argument --url: url is ''; it must be host:port"),
        (["info", "--timeout=0"], "expected a number greater than 0 and at most 86400, got '0'"),
        (["info", "--timeout=9e4"], "greater than 0 and at most 86400, got '9e4'"),
        (["info", f"--timeout={SECRET}"], "expected a number greater than 0 and at most 86400"),
        (["info", f"--timeout=1\n{SECRET}"], "expected a number greater than 0 and at most 86400"),
        (["classify", SECRET, "--file=a.txt"], "give texts or --file, not both"),
        (["classify", SECRET, "--with-text"], "--with-text needs --json"),
    ],
)
def test_parse_args_wrong_usage_exits_with_2_and_repeats_nothing(argv, sentence, capsys):
    with pytest.raises(SystemExit) as exit_info:
        parse_args(argv)
    assert exit_info.value.code == 2
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert sentence in errors.splitlines()[-1]
    assert SECRET not in errors.lower()


@pytest.mark.parametrize("command", ["classify", "song", "info", "ready"])
def test_parse_args_help_has_defaults_and_examples(command, capsys):
    with pytest.raises(SystemExit) as exit_info:
        parse_args([command, "--help"])
    assert exit_info.value.code == 0
    printed = capsys.readouterr().out
    assert "(127.0.0.1:8001)" in printed
    assert "SECONDS" in printed
    assert "(10.0)" in printed
    assert f"lyric-emotion {command} " in printed.partition("example")[2]


def test_open_client_gets_every_option(service, tmp_path):
    for name in ("ca", "key", "cert"):
        (tmp_path / name).touch()
    files = [f"--tls-{name}={tmp_path / name}" for name in ("ca", "key", "cert")]
    args = parse_args(["info", "--url=a:1,b:2", "--timeout=3", "--header=X-Key=abc", *files])
    open_client(args)
    (client,) = service.clients
    assert (client.urls, client.timeout_s) == (["a:1", "b:2"], 3.0)
    assert client.headers == {"x-key": "abc"}
    assert client.tls == TLS(*(str(tmp_path / name) for name in ("ca", "key", "cert")))


def test_open_client_default_is_plain_and_local(service):
    open_client(parse_args(["info"]), timeout_s=1)
    (client,) = service.clients
    assert (client.urls, client.timeout_s, client.tls) == (["127.0.0.1:8001"], 1, None)
    assert client.headers == {}


def test_open_client_tls_alone_trusts_public_authorities(service):
    open_client(parse_args(["info", "--tls"]))
    assert service.clients[0].tls == TLS()


def test_open_client_file_that_cannot_be_read_is_refused_before_any_call(service, tmp_path):
    with pytest.raises(FileNotFoundError):
        open_client(parse_args(["info", f"--tls-ca={tmp_path / 'nothing'}"]))
    with pytest.raises(Refusal, match="is a folder"):
        open_client(parse_args(["info", f"--tls-ca={tmp_path}"]))
    assert not service.clients
