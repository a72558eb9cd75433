"""Lyrics by the million: a job that is killed twice ends whole, in memory that does not grow."""

import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise

import psutil
import pyarrow
import pytest
from emotion_client.tokenizer import TextTokenizer
from emotion_command.checkout import ROOT
from emotion_engine.checkpoint import read_checkpoint
from emotion_loadtest.texts import count_with, make_lyrics, read_own_texts
from pyarrow import parquet

pytestmark = [pytest.mark.long, pytest.mark.timeout(4 * 3600)]

SCRIPT = ROOT / "scripts" / "score.py"
NUM_FILES, NUM_KINDS = 10, 2000  # of lyrics; more are these in another order
KILL_AT = (0.2, 0.5)  # share of the parts that are finished by then
MAX_GROWTH_MIB = 48
SAMPLE_S = 0.2


@pytest.fixture(scope="module")
def checkpoint(default_repository):
    return default_repository / "emotion" / "1" / "checkpoint"


@pytest.fixture
def songs(checkpoint, num_lyrics, tmp_path):
    """Writes lyrics of real lengths into a folder, with an id that counts on over its files."""
    found = read_checkpoint(checkpoint)
    tokenizer = TextTokenizer(found.tokenizer_json(), max_length=found.max_length)
    rng = random.Random(1)
    (kinds,) = make_lyrics(
        read_own_texts("verses"), sizes=[NUM_KINDS], count=count_with(tokenizer), rng=rng
    )
    (tmp_path / "songs").mkdir()
    bounds = [num_lyrics * i // NUM_FILES for i in range(NUM_FILES + 1)]
    for i, (start, end) in enumerate(pairwise(bounds)):
        texts = [rng.choice(kinds) for _ in range(start, end)]
        table = pyarrow.table({"id": range(start, end), "text": texts})
        parquet.write_table(table, tmp_path / "songs" / f"songs-{i:02}.parquet")
    return tmp_path / "songs"


@pytest.fixture
def start(songs, checkpoint, num_lyrics, tmp_path):
    """Starts the command."""
    part_rows = max(num_lyrics // 100, 10)
    command = [sys.executable, str(SCRIPT), str(songs), f"--output={tmp_path / 'scored'}"]
    command += [f"--checkpoint={checkpoint}", f"--part-rows={part_rows}"]
    running = []

    def start():
        process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def count_parts(folder):
    return sum(1 for _ in folder.rglob("part-*"))


def run_until(process, *, folder, num_parts):
    """Waits until so many parts are written, or to the end; returns (parts, MiB) on the way."""
    samples = []
    while process.poll() is None:
        try:
            samples.append((count_parts(folder), process.memory_full_info().uss / 2**20))
        except psutil.NoSuchProcess:
            break
        if samples[-1][0] >= num_parts:
            break
        time.sleep(SAMPLE_S)
    return samples


def test_lyrics_killed_twice_are_each_once_in_the_output(start, num_lyrics, tmp_path):
    scored = tmp_path / "scored"
    num_parts = 100
    for share in KILL_AT:
        process = start()
        run_until(process, folder=scored, num_parts=share * num_parts)
        assert process.poll() is None, process.communicate()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        print(f"killed with {count_parts(scored)} parts written")
    num_before, process = count_parts(scored), start()
    samples = run_until(process, folder=scored, num_parts=num_parts + 1)
    printed, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    print(printed)
    assert not list(scored.rglob("*.unfinished"))
    check_rows(scored, num_lyrics=num_lyrics)
    middle = (num_before + num_parts) / 2
    early = max(mib for parts, mib in samples if num_before < parts <= middle)
    late = max(mib for parts, mib in samples if parts > middle)
    print(f"{early:.0f} MiB at most in the first half of the last run, {late:.0f} in the second")
    assert late - early < MAX_GROWTH_MIB


def check_rows(folder, *, num_lyrics):
    """Checks that every row is once in the output, with a label and the text of its id."""
    before = parquet.read_table(folder.parent / "songs").sort_by("id")
    after = parquet.read_table(folder).sort_by("id")
    assert after.num_rows == num_lyrics
    assert after.select(["id", "text"]).equals(before)
    assert after.column("label").null_count == 0
    assert after.column("error").null_count == num_lyrics
