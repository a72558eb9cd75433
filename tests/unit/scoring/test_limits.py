"""Memory, disk and time are limited, whatever the files are."""

import os
import resource
from contextlib import contextmanager

import pyarrow
import pytest
from emotion_command.signals import Interruption
from emotion_scoring import csv_source, parquet_source, source, text_lines
from emotion_scoring.errors import OutputError
from emotion_scoring.pace import EVERY_S, Pace
from emotion_scoring.parquet_source import ParquetSource
from fake_scorer import FakeScorer
from pyarrow import parquet

FORMATS = ["parquet", "csv", "jsonl"]
ROWS = [{"id": i, "text": "la" * (i % 9 + 1)} for i in range(35)]
MAX_CHARS = 100


@pytest.fixture
def short_lines(monkeypatch):
    monkeypatch.setattr(text_lines, "MAX_LINE_CHARS", MAX_CHARS)
    monkeypatch.setattr(csv_source, "MAX_LINE_CHARS", MAX_CHARS)


@contextmanager
def max_file_size(size_bytes):
    """Makes files that grow beyond it fail, as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("limit", ["rows", "bytes"])
def test_part_is_scored_in_small_pieces_and_written_as_one(
    form, limit, write, run, read, monkeypatch
):
    if limit == "rows":
        monkeypatch.setattr(source, "PIECE_ROWS", 4)
        monkeypatch.setattr(parquet_source, "PIECE_ROWS", 4)
    else:
        monkeypatch.setattr(source, "PIECE_CHARS", 60)
        monkeypatch.setattr(parquet_source, "PIECE_BYTES", 60)
    sizes = []

    class Counting(FakeScorer):
        def score_all(self, batches, **options):
            return super().score_all((sizes.append(len(x)) or x for x in batches), **options)

    path = write(f"songs.{form}", ROWS)
    tally = run(path, scorer=Counting(), rows_per_part=20)
    assert max(sizes) <= 4 if limit == "rows" else max(sizes) < 10
    assert sum(sizes) == tally.num_rows == len(ROWS)
    assert len(list((run.output / path.name).iterdir())) == 2
    assert [int(row["id"]) for row in read(run.output / path.name)] == list(range(len(ROWS)))


def test_parquet_row_group_of_any_size_is_read_in_pieces(run):
    size, num_rows = 1000, 24_000
    path = run.output.parent / "songs.parquet"
    texts = [os.urandom(size // 2).hex() for _ in range(num_rows)]
    parquet.write_table(pyarrow.table({"text": texts}), path, row_group_size=num_rows)
    before, most = pyarrow.total_allocated_bytes(), 0
    for _ in ParquetSource(path, "text").read(rows_per_part=num_rows, wanted={0}):
        most = max(most, pyarrow.total_allocated_bytes() - before)
    assert most < size * num_rows / 3


def test_parquet_part_has_one_row_group_however_small_those_of_the_file(write, run):
    run(write("songs.parquet", ROWS), rows_per_part=30)
    (first, second) = sorted((run.output / "songs.parquet").iterdir())
    assert parquet.ParquetFile(first).num_row_groups == 1
    assert parquet.ParquetFile(second).metadata.num_rows == 5


ENDLESS = [
    ("a.jsonl", '{"text": "' + "x" * MAX_CHARS, "line 1: has more than 100 characters"),
    ("a.csv", "text\nla\n" + "x" * MAX_CHARS + "yz", "line 3: has more than 100 characters"),
    ("a.csv", 'text\n"la\n' + "lo\n" * MAX_CHARS, "line 2: is not CSV: field larger than field"),
]


@pytest.mark.parametrize(("name", "content", "reason"), ENDLESS, ids=["JSONL", "CSV", "quote"])
def test_line_or_field_without_an_end_is_named_and_not_read(
    name, content, reason, short_lines, write, run, capsys
):
    tally = run(write(name, content), write("good.csv", "text\nla\n"))
    assert tally.failed_files == {name}
    assert tally.num_rows == 1
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("form", FORMATS)
def test_full_disk_ends_the_job_and_a_rerun_goes_on(form, write, run, read):
    rows = [{"id": i, "text": f"{i * 7919:x}" * 40} for i in range(2000)]
    path = write(f"songs.{form}", rows)
    with max_file_size(20_000), pytest.raises(OSError, match="too large") as caught:
        run(path, rows_per_part=1500)
    assert caught.value.filename == str(run.output / path.name / f"part-00000.{form}")
    assert list(run.output.rglob("*part*")) == []
    run(path, rows_per_part=1500)
    assert [int(row["id"]) for row in read(run.output / path.name)] == list(range(2000))


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_strings_that_are_not_utf_8_have_an_error_and_are_kept(form, run, read):
    raw = pyarrow.array([b"la", b"l\xff", None, b"lo"], pyarrow.binary())
    table = pyarrow.table({"text": raw.view(pyarrow.string()), "more": raw.view(pyarrow.string())})
    path = run.output.parent / "songs.parquet"
    parquet.write_table(table, path)
    assert run(path, format=form).num_errors == 2
    if form == "parquet":
        found = parquet.read_table(run.output / path.name)
        assert found.column("text").cast(pyarrow.binary()).to_pylist() == raw.to_pylist()
        assert found.column("error")[1].as_py() == "text has type bytes; it must be str"
        return
    rows = read(run.output / path.name)
    assert rows[1]["error"] == "text has type bytes; it must be str"
    assert rows[1]["text"] == rows[1]["more"] == "l\\xff"
    assert rows[3]["label"] in ("joy", "sadness")


def test_whole_numbers_keep_their_digits_in_parquet(write, run, read):
    lines = '{"text": "la", "n": 9007199254740993, "x": 0.5}\n{"text": "lo", "n": 1, "x": 3}\n'
    more = '{"text": "lu", "n": 0.5, "x": 1}\n'
    run(write("a.jsonl", lines), write("b.jsonl", lines + more), format="parquet")
    assert [row["n"] for row in read(run.output / "a.jsonl")] == [2**53 + 1, 1]
    assert [row["n"] for row in read(run.output / "b.jsonl")] == ["9007199254740993", "1", "0.5"]
    assert [row["x"] for row in read(run.output / "b.jsonl")] == [0.5, 3.0, 1.0]


@pytest.mark.parametrize("form", FORMATS)
def test_file_that_is_replaced_by_one_with_as_many_rows_fails(form, write, run, capsys):
    rows = [{"id": i, "text": "la" * 9} for i in range(5000)]
    path = write(f"songs.{form}", rows)

    def replace():
        new = write(f"new.{form}", [{"id": row["id"], "text": "lo" * 9} for row in rows])
        new.replace(path)

    tally = run(path, scorer=FakeScorer(on_batch=replace), rows_per_part=5000)
    assert tally.failed_files == {path.name}
    assert "changed while it was scored" in capsys.readouterr().err
    assert list(run.output.rglob("part-*")) == []
    with pytest.raises(OutputError, match="had the sha256"):
        run(path, rows_per_part=5000)


@pytest.mark.parametrize("form", FORMATS)
def test_ctrl_c_does_not_wait_until_finished_rows_are_skipped(form, write, run, monkeypatch):
    path = write(f"songs.{form}", [{"text": "la"} for _ in range(5000)])
    run(path, rows_per_part=2500)
    next(iter(run.output.rglob("part-00001*"))).unlink()
    scorer, read = FakeScorer(), []
    monkeypatch.setattr(Interruption, "check", lambda self: read.append(1) or stop(read))
    with pytest.raises(KeyboardInterrupt):
        run(path, scorer=scorer, rows_per_part=2500)
    assert scorer.texts == []


def stop(read):
    """Is a Ctrl-C after the first piece was read."""
    if len(read) == 3:
        raise KeyboardInterrupt


def test_pace_says_each_minute_how_long_it_takes(capsys):
    lines, seconds = [], iter([0.0, 1.0, EVERY_S, EVERY_S + 1, 2 * EVERY_S + 1])
    pace = Pace(10_000, num_done=1000, say=lines.append, now=lambda: next(seconds))
    for _ in range(4):
        pace.advance(600)
    assert lines == [
        "2,200 of 10,000 rows, 20 per second, 0:06:30 left",
        "3,400 of 10,000 rows, 20 per second, 0:05:33 left",
    ]
