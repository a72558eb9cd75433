"""The command `loadtest/run.py`: what it makes of its options, and its exit codes."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import run
from run import CALLS, FOLDER, MAX_SPAWN_RATE, build_options, main, parse_args
from serving.start_error import StartError
from traffic.options import add_options, read_all_targets
from verdict.targets import Targets

URL = "127.0.0.1:1"


class Locust:
    """Stands in for Locust: it keeps its options.

    Args:
        end: what happens in the place of a run; returns the exit code.
    """

    def __init__(self, end: Callable[[], int] = lambda: 0) -> None:
        self.calls: list[list[str]] = []
        self.end = end

    def __call__(self, options: list[str]) -> int:
        self.calls.append(options)
        return self.end()


@pytest.fixture
def locust(monkeypatch: pytest.MonkeyPatch) -> Locust:
    fake = Locust()
    monkeypatch.setattr(run, "run_locust", fake)
    return fake


def build(*arguments: str) -> list[str]:
    args, others = parse_args([*arguments])
    return [*build_options(args, url=URL), *others]


def parse_as_locust(options: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns what the locustfile's own options are, and the rest."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_options(parser)
    return parser.parse_known_args(options)


def interrupt() -> int:
    raise KeyboardInterrupt


def test_options_by_default_are_a_closed_loop_with_the_project_s_targets() -> None:
    assert build() == [
        "TextUser",
        f"--host={URL}",
        "--users=16",
        "--spawn-rate=16",
        "--run-time=30s",
        "--warm-up=3",
        f"--targets={FOLDER / 'targets.toml'}",
    ]
    assert (FOLDER / "targets.toml").is_file()


def test_options_of_a_closed_loop_have_its_callers_and_seconds() -> None:
    options = build("--users", "64", "--seconds=5", "--call", "raw")
    assert options[:5] == [
        "RawTextUser",
        f"--host={URL}",
        "--users=64",
        "--spawn-rate=64",
        "--run-time=5s",
    ]


@pytest.mark.parametrize(
    ("rate", "num_users"), [("0.5", 1), ("50", 50), ("12.34", 12), ("3333", 200)]
)
def test_options_of_an_open_loop_make_the_rate_and_ask_that_answers_keep_up(
    rate: str, num_users: int
) -> None:
    options = build("--rate", rate)
    assert options[0] == "TextArrivals"
    assert f"--users={num_users}" in options
    assert f"--spawn-rate={min(num_users, MAX_SPAWN_RATE)}" in options
    parsed, _ = parse_as_locust(options)
    assert num_users * parsed.arrivals_per_user == pytest.approx(float(rate), rel=1e-5)
    assert read_all_targets(parsed) == Targets(min_answered_share=0.9, max_error_share=0.001)


def test_options_of_batches_ask_for_no_latency_of_single_texts() -> None:
    parsed, _ = parse_as_locust(build("--call=batch"))
    assert read_all_targets(parsed) == Targets(max_error_share=0.001)


def test_options_of_many_callers_leave_their_start_to_the_warm_up() -> None:
    assert "--warm-up=22" in build("--users=2000")


def test_options_targets_of_a_file_are_the_only_ones(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("min_rate = 1\n")
    for loop in ("--users=4", "--rate=4"):
        options = build(loop, "--targets", str(file))
        assert [each for each in options if "targets" in each] == [f"--targets={file}"]
        assert not any(each.startswith(("--min-rate", "--max-error")) for each in options)


def test_options_of_a_caller_go_behind_and_so_before_ours() -> None:
    options = build("--rate=50", "--min-rate=10", "--max-p99-ms", "300", "--processes", "4")
    parsed, rest = parse_as_locust(options)
    assert read_all_targets(parsed) == Targets(
        min_rate=10, min_answered_share=0.9, max_p99_ms=300, max_error_share=0.001
    )
    assert rest[-2:] == ["--processes", "4"]


def test_calls_are_the_user_classes_of_the_locustfile() -> None:
    # Read, not imported: Locust would patch this process.
    tree = ast.parse((FOLDER / "locustfile.py").read_text(encoding="utf-8"))
    (classes,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    made = {build(loop, "--call", call)[0] for call in CALLS for loop in ("--users=1", "--rate=1")}
    assert made == set(classes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--users", "0"], "'0' is no whole number of 1 to 1000000"),
        (["--users=-4"], "'-4' is no whole number of 1 to 1000000"),
        (["--users", "1000001"], "'1000001' is no whole number of 1 to 1000000"),
        (["--users", "four"], "'four' is no whole number"),
        (["--seconds", "1.5"], "'1.5' is no whole number"),
        (["--rate", "0"], "'0' is no number above 0, at most 1000000"),
        (["--rate=-1"], "'-1' is no number above 0, at most 1000000"),
        (["--rate", "nan"], "'nan' is no number above 0"),
        (["--rate", "inf"], "'inf' is no number above 0"),
        (["--rate", "fast"], "'fast' is no number above 0"),
        (["--rate", "5", "--users", "5"], "not allowed with argument"),
        (["--call", "song"], "'song'"),
        (["--url", "nowhere"], "argument --url"),
    ],
    ids=[
        "no-users",
        "negative-users",
        "too-many-users",
        "users-word",
        "part-of-a-second",
        "no-rate",
        "negative-rate",
        "rate-nan",
        "rate-infinite",
        "rate-word",
        "both-loops",
        "unknown-call",
        "no-address",
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(
    arguments: list[str], message: str, locust: Locust, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert locust.calls == []


def test_help_has_no_hole(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "call again when they have their answer (16)" in " ".join(out.split())
    assert "%(" not in out


@pytest.mark.parametrize("code", [0, 1, 2])
def test_exit_code_is_that_of_locust(code: int, locust: Locust) -> None:
    locust.end = lambda: code
    assert main(["--url", URL, "--users=3", "--quiet"]) == code
    (options,) = locust.calls
    assert (options[0], options[-1]) == ("TextUser", "--quiet")
    assert f"--host={URL}" in options


def test_interruption_is_code_0(locust: Locust, capsys: pytest.CaptureFixture[str]) -> None:
    locust.end = interrupt
    assert main(["--url", URL]) == 0
    assert capsys.readouterr().out == "loadtest: stopped\n"


def test_server_that_cannot_start_is_code_2(
    locust: Locust, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def open_none(url: str | None, *, report: Callable[[str], None]) -> Iterator[str]:
        assert url is None
        raise StartError("no checkpoint; run `make prepare`")
        yield

    monkeypatch.setattr(run, "open_server", open_none)
    assert main([]) == 2
    assert capsys.readouterr().err == "loadtest: no checkpoint; run `make prepare`\n"
    assert locust.calls == []


def test_folder_is_that_of_the_locustfile() -> None:
    assert Path(run.__file__).parent == FOLDER
    assert (FOLDER / "locustfile.py").is_file()
