"""scripts/score.py as a command: killed at any moment, stopped, and refused."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from emotion_command.checkout import ROOT
from fake_behaviours import Hang

from scripts import score

SCRIPT = ROOT / "scripts" / "score.py"
NUM_ROWS, PART_ROWS, NUM_KILLS = 16_000, 500, 2
TIMEOUT_S = 60


@pytest.fixture
def start(prepared_of, run):
    """Starts the command on files, with a small model."""
    running = []

    def start(*arguments):
        command = [sys.executable, str(SCRIPT), *map(str, arguments)]
        command += [f"--output={run.output}", f"--checkpoint={prepared_of('bert')}"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def count_parts(run):
    return len(list(run.output.rglob("part-*")))


def wait_for_parts(run, process, *, more_than):
    end = time.monotonic() + TIMEOUT_S
    while count_parts(run) <= more_than and process.poll() is None:
        assert time.monotonic() < end, "no part is written"
        time.sleep(0.005)


def finish(process):
    printed, errors = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, printed, errors


def test_killed_again_and_again_each_row_is_once_in_the_output(start, run, write, read):
    path = write("songs.jsonl", [{"id": i, "text": f"la {i}"} for i in range(NUM_ROWS)])
    for _ in range(NUM_KILLS):
        before = count_parts(run)
        process = start(path, f"--part-rows={PART_ROWS}")
        wait_for_parts(run, process, more_than=before)
        assert process.poll() is None, "it was done before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert count_parts(run) > before
    num_done = PART_ROWS * count_parts(run)
    code, printed, errors = finish(start(path, f"--part-rows={PART_ROWS}"))
    assert (code, errors) == (0, "")
    assert f"1 file, {NUM_ROWS:,} rows, {num_done:,} of them in an earlier run" in printed
    rows = read(run.output / "songs.jsonl")
    assert [row["id"] for row in rows] == list(range(NUM_ROWS))
    assert {row["error"] for row in rows} == {None}
    assert list(run.output.rglob("*.unfinished")) == []


def test_ctrl_c_stops_it_cleanly(start, run, write):
    path = write("songs.jsonl", [{"text": f"la {i}"} for i in range(NUM_ROWS)])
    process = start(path, f"--part-rows={PART_ROWS}")
    wait_for_parts(run, process, more_than=0)
    process.send_signal(signal.SIGINT)
    code, _, errors = finish(process)
    assert (code, errors) == (0, "score: stopped; run the same command again to resume\n")
    assert 0 < count_parts(run) < NUM_ROWS / PART_ROWS
    assert list(run.output.rglob("*.unfinished")) == []


def test_file_that_cannot_be_read_gives_2_after_the_others_and_no_text_is_printed(
    start, run, write, read
):
    secret = "my own unpublished refrain"
    lines = [json.dumps({"text": text}) for text in (secret, None, f"{secret}\ud800")]
    good, bad = write("good.jsonl", "\n".join(lines)), write("bad.csv", "lyrics\nla\n")
    code, printed, errors = finish(start(bad, good))
    assert code == 2
    assert secret not in printed
    assert errors == (
        f"score: {bad}: line 1: has no column 'text'; it has 'lyrics': choose with --column; if "
        "there is no header, give its number, such as --column 1\n"
    )
    assert "score: scored 3 rows in" in printed
    assert "score: 2 rows could not be scored; column error says why" in printed
    assert len(read(run.output / "good.jsonl")) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.csv"], "none.csv: there is no such file; check its name"),
        (["none*.csv"], "none*.csv: no file matches; one of .parquet, .csv, .jsonl is needed"),
    ],
    ids=["file", "pattern"],
)
def test_nothing_to_score_gives_2(arguments, sentence, start):
    code, _, errors = finish(start(*arguments))
    assert code == 2
    assert sentence in errors


def test_server_that_does_not_answer_gives_1(start, write):
    path = write("songs.csv", [{"text": "la"}])
    code, _, errors = finish(start(path, "--url=127.0.0.1:1", "--timeout=1"))
    assert code == 1
    assert errors.startswith("score: 127.0.0.1:1: ")


def test_ctrl_c_does_not_wait_for_a_server_that_hangs(start, start_server, write):
    server = start_server()
    server.always = Hang()
    path = write("songs.jsonl", [{"text": f"la {i}"} for i in range(2000)])
    process = start(path, f"--url={server.url}")
    server.wait_until_active(4, timeout_s=TIMEOUT_S)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    code, _, errors = finish(process)
    assert (code, errors) == (0, "score: stopped; run the same command again to resume\n")
    assert time.monotonic() - started < 10


def test_ray_that_is_missing_names_its_own_extra(prepared_of, run, write, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    arguments = [str(write("songs.csv", "text\nla\n")), f"--output={run.output}", "--ray"]
    assert score.main([*arguments, f"--checkpoint={prepared_of('bert')}"]) == 2
    error = capsys.readouterr().err
    assert error == "score: ray is missing; run: pip install 'lyric-emotion[ray]'\n"
