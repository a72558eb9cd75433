"""The commands `loadtest/run.py` and `loadtest/capacity.py`, without Locust."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
from emotion_command.checkout import ROOT
from emotion_loadtest import capacity as search
from emotion_server.errors import StartError

from loadtest import capacity, run

URL = "127.0.0.1:1"
COMMANDS = pytest.mark.parametrize("command", [run, capacity], ids=["run", "capacity"])


class FakeLocust:
    """Keeps its options, and does what `work` does with them: 0 at once, unless told otherwise."""

    def __init__(self):
        self.calls: list[list[str]] = []
        self.work = lambda options: 0

    def __call__(self, options):
        self.calls.append(options)
        return self.work(options)


@pytest.fixture(autouse=True)
def locust(monkeypatch):
    fake = FakeLocust()
    monkeypatch.setattr(run, "run_locust", fake)
    monkeypatch.setattr(search, "run_locust", fake)
    return fake


def serve_40_per_s(options):
    """Writes the report of a server that is quick up to 40 calls a second."""
    named = dict(each[2:].split("=", 1) for each in options if "=" in each)
    arrivals_per_user = named.get("arrivals-per-user")
    rate = int(named["users"]) * float(arrivals_per_user) if arrivals_per_user else 44.0
    p99_ms = 8000.0 if arrivals_per_user and rate > 40 else 80.0
    callers = {
        "texts_per_s": rate,
        "due_per_s": rate,
        "error_share": 0.0,
        "percentiles_ms": {"p50": 20.0, "p95": 50.0, "p99": p99_ms},
    }
    report = {"problem": None, "saturation": None, "facts": {}, "callers": callers}
    (Path(named["report"]) / "report.json").write_text(json.dumps(report))
    return 0


def test_run_by_default_is_a_closed_loop_with_the_project_s_targets(locust):
    assert run.main(["--url", URL, "--quiet"]) == 0
    assert locust.calls == [
        [
            "TextUser",
            f"--host={URL}",
            "--users=16",
            "--spawn-rate=16",
            "--run-time=30s",
            "--warm-up=3",
            f"--targets={ROOT / 'loadtest' / 'targets.toml'}",
            "--quiet",
        ]
    ]


def test_run_options_of_the_caller_come_last_and_so_override(locust):
    run.main(["--url", URL, "--rate=50", "--call=raw", "--seconds=5", "--max-error-share", "0.5"])
    (options,) = locust.calls
    assert options[0] == "RawTextArrivals"
    assert options[1:3] == ["--arrivals-per-user=1", f"--host={URL}"]
    assert "--run-time=5s" in options
    assert options[-4:] == [
        "--min-answered-share=0.9",
        "--max-error-share=0.001",
        "--max-error-share",
        "0.5",
    ]


def test_run_takes_the_targets_of_a_file_instead(locust, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("min_rate = 1\n")
    run.main(["--url", URL, "--targets", str(file)])
    assert locust.calls[0][-1] == f"--targets={file}"


@pytest.mark.parametrize("code", [0, 1, 2])
def test_run_exit_code_is_that_of_locust(code, locust):
    locust.work = lambda options: code
    assert run.main(["--url", URL]) == code


def test_capacity_finds_the_highest_rate_and_writes_its_report(locust, tmp_path, capsys):
    locust.work = serve_40_per_s
    folder = tmp_path / "new" / "reports"
    arguments = ["--url", URL, "--report", str(folder), "--seconds=1", "--texts=songs.txt"]
    assert capacity.main(arguments) == 0
    held = json.loads((folder / "capacity.json").read_text(encoding="utf-8"))["held"]
    assert held["rate"] <= 40 <= 1.05 * held["rate"]
    out = capsys.readouterr().out
    assert f"holds {held['rate']:.1f} texts/s" in out
    assert f"report: {folder / 'capacity.html'} (and .png, .json)" in out
    assert all("--texts=songs.txt" in options for options in locust.calls)


def test_capacity_heeds_limit_and_precision(locust, tmp_path, capsys):
    locust.work = serve_40_per_s
    arguments = ["--url", URL, "--report", str(tmp_path)]
    assert capacity.main([*arguments, "--precision=0.6"]) == 0
    assert len(locust.calls) == 6  # closed loop; 11, 22, 33, 40 and 44/s: close enough
    assert capacity.main([*arguments, "--max-p99-ms=79"]) == 1
    assert "no rate holds p99 under 79 ms" in capsys.readouterr().out


def test_capacity_load_that_cannot_be_made_is_code_2(tmp_path, capsys):
    assert capacity.main(["--url", URL, "--report", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "loadtest: the load could not be made; see above\n"
    assert [*tmp_path.iterdir()] == []


def test_capacity_report_that_cannot_be_written_is_code_2_before_any_load(locust, capsys, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert capacity.main(["--url", URL, "--report", str(file)]) == 2
    assert f"--report {file}: File exists" in capsys.readouterr().err
    assert locust.calls == []


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        (run, ["--users", "0"], "expected an integer from 1 to 1000000, got '0'"),
        (run, ["--users", "1000001"], "expected an integer from 1 to 1000000, got '1000001'"),
        (run, ["--seconds", "0"], "expected an integer from 1 to 1000000, got '0'"),
        (run, ["--rate", "0"], "expected a number greater than 0 and at most 1000000, got '0'"),
        (run, ["--rate", "1000001"], "got '1000001'"),
        (run, ["--rate", "nan"], "got 'nan'"),
        (run, ["--rate", "5", "--users", "5"], "not allowed with argument"),
        (run, ["--call", "song"], "'song'"),
        (run, ["--targets", "no.toml"], "no.toml: No such file or directory"),
        (run, ["--url", "nowhere"], "argument --url"),
        (capacity, ["--max-p99-ms", "0"], "expected a number greater than 0 and at most"),
        (capacity, ["--max-p99-ms", "inf"], "got 'inf'"),
        (capacity, ["--seconds", "0"], "expected an integer from 1 to 1000000, got '0'"),
        (capacity, ["--precision", "0"], "expected a number greater than 0 and at most 1, got '0'"),
        (capacity, ["--precision", "1.1"], "got '1.1'"),
        (capacity, ["--precision", "nan"], "got 'nan'"),
        (capacity, ["--url", "nowhere"], "argument --url"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(command, arguments, message, locust, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert locust.calls == []


@COMMANDS
def test_help_fills_in_its_defaults(command, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(["--help"])
    assert stop.value.code == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "%(" not in out
    defaults = ["their answer (16)", "(30)"] if command is run else ["(500)", "(20)", "(0.05)"]
    assert all(default in out for default in defaults)


@COMMANDS
def test_ctrl_c_is_code_0(command, locust, tmp_path, capsys):
    def interrupt(options):
        raise KeyboardInterrupt

    locust.work = interrupt
    assert command.main(["--url", URL, "--report", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "loadtest: stopped\n"


@COMMANDS
def test_server_that_cannot_start_is_code_2(command, locust, monkeypatch, tmp_path, capsys):
    @contextmanager
    def open_none(url, *, report):
        assert url is None
        raise StartError("no checkpoint; run `make prepare`")
        yield

    monkeypatch.setattr(command, "open_server", open_none)
    assert command.main(["--report", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "loadtest: no checkpoint; run `make prepare`\n"
    assert locust.calls == []
