"""`scripts/score.py --ray` with workers of this machine, and the scorer in Ray Data."""

import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec

import psutil
import pyarrow
import pytest
from emotion_command.checkout import DATA, ROOT
from emotion_training.data import read_examples
from pyarrow import parquet

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed"),
]
TEXTS = [each.text for each in read_examples(DATA / "verses.jsonl")][:500] * 12
PART_ROWS = 100
WORKER = "ray::EngineScorer"
RAY_DATA = """
import sys
import ray
from emotion_scoring import EngineScorer

ray.init("local", include_dashboard=False, num_cpus=2)
scored = ray.data.read_parquet(sys.argv[1]).map_batches(
    EngineScorer,
    fn_constructor_kwargs={"checkpoint": sys.argv[2], "num_threads": 1},
    compute=ray.data.ActorPoolStrategy(size=1),  # the other core is the reader's
    batch_size=64,
)
scored.write_parquet(sys.argv[3])
"""


@pytest.fixture
def lyrics(tmp_path):
    path = tmp_path / "lyrics.parquet"
    parquet.write_table(pyarrow.table({"id": range(len(TEXTS)), "text": TEXTS}), path)
    return path


@pytest.fixture
def start(lyrics, default_repository):
    """Starts the command as a context, and ends it."""
    checkpoint = default_repository / "emotion" / "1" / "checkpoint"
    output = lyrics.parent / "scored"
    command = [sys.executable, str(ROOT / "scripts" / "score.py"), str(lyrics)]
    command += [f"--checkpoint={checkpoint}", f"--output={output}", f"--part-rows={PART_ROWS}"]

    @contextmanager
    def start(option):
        pipe = subprocess.PIPE
        with subprocess.Popen([*command, option], stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    return start


def count_parts(folder):
    return sum(1 for _ in folder.rglob("part-*"))


def wait_for_parts(folder, *, least, process):
    while count_parts(folder) < least:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def find_workers(process):
    """Returns the processes of Ray that score, by the title that Ray gives them."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [each for each in children if each.name().startswith(WORKER[:15])]


def measure_cpu(workers):
    return [sum(worker.cpu_times()[:2]) for worker in workers]


def read_ids(path):
    return parquet.read_table(path).column("id").to_pylist()


def test_two_workers_share_the_work_and_one_that_is_killed_costs_only_time(start, tmp_path):
    scored = tmp_path / "scored"
    with start("--ray") as process:
        wait_for_parts(scored, least=1, process=process)
        workers = find_workers(process)
        assert len(workers) == 2, "each has a process of its own"
        before = measure_cpu(workers)
        wait_for_parts(scored, least=20, process=process)
        one, other = (now - then for now, then in zip(measure_cpu(workers), before, strict=True))
        assert 0.4 < one / other < 2.5, "both work"
        workers[0].kill()
        printed, errors = process.communicate(timeout=200)
    assert (process.returncode, errors) == (0, "")
    assert "2 workers on Ray" in printed
    assert f"scored {len(TEXTS):,} rows" in printed
    assert read_ids(scored / "lyrics.parquet") == list(range(len(TEXTS)))


def test_ctrl_c_stops_with_0_and_leaves_no_process(start, tmp_path):
    scored = tmp_path / "scored"
    with start("--ray") as process:
        wait_for_parts(scored, least=1, process=process)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == "score: stopped; run the same command again to resume\n"
    assert not psutil.wait_procs(children, timeout=20)[1]
    assert count_parts(scored) < len(TEXTS) / PART_ROWS


def test_no_cluster_at_the_address_is_said_at_once(start):
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with start(f"--ray={address}") as process:
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith(f"score: no Ray cluster answers at '{address}': ")
    assert errors.count("\n") == 1


def test_scorer_in_ray_data_gives_each_row_once(lyrics, tmp_path, default_repository):
    checkpoint = default_repository / "emotion" / "1" / "checkpoint"
    command = [sys.executable, "-c", RAY_DATA, str(lyrics), str(checkpoint), str(tmp_path / "out")]
    subprocess.run(command, check=True, timeout=240, capture_output=True)
    table = parquet.read_table(tmp_path / "out")
    assert sorted(table.column("id").to_pylist()) == list(range(len(TEXTS)))
    assert table.column("error").null_count == len(TEXTS)
