"""A million lyrics: killed twice, in bounded memory; and on Ray, where a worker is killed."""

import os
import random
import re
import signal
import subprocess
import sys
import time

import psutil
import pyarrow
import pytest
from emotion_command.checkout import DATA, ROOT
from emotion_training.checkpoint.prepare import prepare
from emotion_training.data import read_examples
from pyarrow import parquet

from checkpoints import build_checkpoint

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

SCRIPT = ROOT / "scripts" / "score.py"
NUM_FILES, ROWS_PER_FILE, PART_ROWS = 10, 100_000, 10_000
KILL_AT = (0.2, 0.5)  # share of the parts that are finished by then
MAX_GROWTH_MIB = 64
SAMPLE_S = 0.5


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A small model: what is proven here is the way of the rows, not the model."""
    folder = tmp_path_factory.mktemp("checkpoint")
    source = build_checkpoint(folder / "source", kind="bert")
    prepare(str(source), target=folder / "prepared")
    return folder / "prepared"


@pytest.fixture
def start(checkpoint, tmp_path):
    """Starts the command, whose output is in the folder `scored`."""
    running = []

    def start(*arguments):
        command = [sys.executable, str(SCRIPT), *map(str, arguments)]
        command += [f"--output={tmp_path / 'scored'}", f"--checkpoint={checkpoint}"]
        process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def write_songs(folder, *, num_files, rows_per_file):
    """Writes lyrics of one to eight verses, with an id that counts on from file to file."""
    folder.mkdir()
    verses = [each.text for each in read_examples(DATA / "verses.jsonl")]
    rng = random.Random(1)
    for i in range(num_files):
        ids = range(i * rows_per_file, (i + 1) * rows_per_file)
        texts = ["\n\n".join(rng.choices(verses, k=rng.randint(1, 8))) for _ in ids]
        table = pyarrow.table({"id": ids, "text": texts})
        parquet.write_table(table, folder / f"songs-{i:02}.parquet")
    return folder


def count_parts(folder):
    return len(list((folder / "scored").rglob("part-*")))


def check_rows(folder, *, num_rows):
    """Every row is once in the output, with a label."""
    table = parquet.read_table(folder / "scored")
    assert sorted(table.column("id").to_pylist()) == list(range(num_rows))
    assert table.column("label").null_count == 0
    assert table.column("error").null_count == num_rows


def test_million_lyrics_killed_twice_are_whole_in_bounded_memory(start, tmp_path):
    songs = write_songs(tmp_path / "songs", num_files=NUM_FILES, rows_per_file=ROWS_PER_FILE)
    num_parts = NUM_FILES * ROWS_PER_FILE // PART_ROWS
    for share in KILL_AT:
        process = start(songs, f"--part-rows={PART_ROWS}")
        while count_parts(tmp_path) < share * num_parts:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    samples, process = [], start(songs, f"--part-rows={PART_ROWS}")
    while process.poll() is None:
        try:
            samples.append((count_parts(tmp_path), process.memory_full_info().uss / 2**20))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            break
        time.sleep(SAMPLE_S)
    printed, errors = process.communicate()
    assert (process.wait(), errors) == (0, "")
    print(printed)
    check_rows(tmp_path, num_rows=NUM_FILES * ROWS_PER_FILE)
    early = max(mib for parts, mib in samples if parts <= 0.6 * num_parts)
    late = max(mib for parts, mib in samples if parts > 0.6 * num_parts)
    print(f"{early:.0f} MiB at most until 60 % of the parts, {late:.0f} afterwards")
    assert late - early < MAX_GROWTH_MIB


def find_workers(process):
    """Returns the processes of Ray that score."""
    found = []
    for each in process.children(recursive=True):
        try:
            if "EngineScorer" in "".join(each.cmdline()):
                found.append(each)
        except psutil.NoSuchProcess:
            continue
    return found


def test_ray_finishes_the_job_after_a_worker_was_killed(start, tmp_path):
    pytest.importorskip("ray", reason="pip install 'lyric-emotion[ray]'")
    songs = write_songs(tmp_path / "songs", num_files=2, rows_per_file=60_000)
    process = start(songs, "--part-rows=4000", "--ray")
    while count_parts(tmp_path) < 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    workers = find_workers(process)
    assert len(workers) >= 2, "two processes share the work"
    workers[0].kill()
    printed, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    print(printed)
    workers_then = re.search(r"score: (\d+) workers on Ray", printed)
    assert int(workers_then[1]) >= 2
    check_rows(tmp_path, num_rows=120_000)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # Ray's own
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_ray_data_uses_the_engine_as_a_class(checkpoint):
    ray = pytest.importorskip("ray", reason="pip install 'lyric-emotion[ray]'")
    from emotion_scoring import EngineScorer

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        rows = [{"id": i, "text": None if i % 7 == 3 else f"la {i}"} for i in range(500)]
        scored = ray.data.from_items(rows).map_batches(
            EngineScorer,
            fn_constructor_kwargs={"checkpoint": str(checkpoint), "num_threads": 1},
            compute=ray.data.ActorPoolStrategy(size=1),  # the other core reads
            batch_size=64,
        )
        found = sorted(scored.take_all(), key=lambda row: row["id"])
    finally:
        ray.shutdown()
    assert [row["id"] for row in found] == list(range(500))
    for row in found:
        assert (row["error"] is None) == (row["label"] is not None) == (row["id"] % 7 != 3)
