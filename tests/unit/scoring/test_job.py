"""A whole job with a fake scorer: every row once, whatever happens on the way."""

import json
import os

import pyarrow
import pytest
from emotion_scoring import parquet_source
from emotion_scoring.errors import InputError, OutputError, ScorerError
from fake_scorer import REVISION, FakeScorer, find_joy
from pyarrow import parquet

ROWS = [{"id": i, "text": "la" * (i % 9 + 1) + "!" * (i % 2)} for i in range(35)]
ADDED = ["label", "confidence", "score_joy", "score_sadness", "truncated", "revision", "error"]
FORMATS = ["parquet", "csv", "jsonl"]
SECRET = "my own unpublished refrain"


def read_ids(rows):
    return [int(row["id"]) for row in rows]


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_keeps_its_rows_and_gets_scores(form, write, run, read):
    tally = run(write(f"songs.{form}", ROWS))
    rows = read(run.output / f"songs.{form}")
    assert list(rows[0]) == ["id", "text", *ADDED]
    assert read_ids(rows) == [row["id"] for row in ROWS]
    for row, before in zip(rows, ROWS, strict=True):
        joy = find_joy(before["text"])
        assert row["text"] == before["text"]
        assert float(row["score_joy"]) == pytest.approx(joy, abs=1e-6)
        assert row["label"] == ("joy" if joy >= 0.5 else "sadness")
        assert float(row["confidence"]) == pytest.approx(max(joy, 1 - joy), abs=1e-6)
        assert row["revision"] == REVISION
        assert row["error"] in (None, "")
    assert tally.num_rows == len(ROWS)
    assert len(list((run.output / f"songs.{form}").iterdir())) == 4


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_any_format_can_be_written_from_any_other(source, form, write, run, read):
    run(write(f"songs.{source}", ROWS), format=form)
    rows = read(run.output / f"songs.{source}")
    assert {path.suffix for path in (run.output / f"songs.{source}").iterdir()} == {f".{form}"}
    assert read_ids(rows) == [row["id"] for row in ROWS]
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS]


def test_rows_without_a_text_carry_their_error_and_stop_nothing(write, run, read, capsys):
    texts = ["la la", None, 7, ["la"], "", "\ud800", "x" * (1 << 20) + "x"]
    lines = [json.dumps({"text": text}) for text in texts] + ["{}", '{"text": "la"}']
    tally = run(write("songs.jsonl", "\n".join(lines) + "\n"))
    rows = read(run.output / "songs.jsonl")
    assert [row["error"] for row in rows] == [
        None,
        "text is null",
        "text has type int; it must be str",
        "text has type list; it must be str",
        None,
        "text has the lone surrogate U+D800 at position 0; it must be encodable as UTF-8",
        "text has 1048577 bytes as UTF-8; limit is 1048576",
        "text is null",
        None,
    ]
    for row in rows:
        if row["error"]:
            assert {row[name] for name in ADDED[:-1]} == {None}
    assert tally.num_errors == 6
    assert [row.get("text") for row in rows] == [*texts, None, "la"]


def test_empty_text_is_null_in_csv_and_stays_as_it_was(write, run, read):
    run(write("songs.csv", 'id,text\n0,la\n1,\n2,""\n3, \n'))
    rows = read(run.output / "songs.csv")
    assert [row["error"] for row in rows] == ["", "text is null", "text is null", ""]
    assert [row["label"] != "" for row in rows] == [True, False, False, True]
    assert [row["text"] for row in rows] == ["la", "", "", " "]


@pytest.mark.parametrize("form", FORMATS)
def test_job_that_stopped_goes_on_and_does_nothing_twice(form, write, run, read):
    path = write(f"songs.{form}", ROWS)
    first, second, third = FakeScorer(max_texts=25), FakeScorer(), FakeScorer()
    with pytest.raises(ScorerError):
        run(path, scorer=first)
    assert read_ids(read(run.output / path.name)) == [row["id"] for row in ROWS[:20]]
    assert run(path, scorer=second).num_rows == 15
    assert run(path, scorer=third).num_rows == 0
    assert len(second.texts) == 15
    assert third.texts == []
    assert read_ids(read(run.output / path.name)) == [row["id"] for row in ROWS]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("missing", [{0}, {1}, {3}, {0, 2}, {1, 2, 3}], ids=str)
def test_only_missing_parts_are_done(form, missing, write, run, read):
    path = write(f"songs.{form}", ROWS)
    run(path)
    before = read(run.output / path.name)
    for number in missing:
        (run.output / path.name / f"part-{number:05}.{form}").unlink()
    scorer = FakeScorer()
    run(path, scorer=scorer)
    wanted = [row["text"] for i, row in enumerate(ROWS) if i // 10 in missing]
    assert scorer.texts == wanted
    assert read(run.output / path.name) == before


def test_what_a_kill_left_unfinished_is_removed(write, run):
    path = write("songs.csv", ROWS)
    run(path)
    left = run.output / "songs.csv" / ".part-00000.csv.0123abcd.unfinished"
    left.write_text("half a")
    run(path)
    assert not left.exists()


def test_folder_is_scored_with_its_folders_and_new_files_join(write, run, read):
    write("songs/a.csv", ROWS[:3])
    write("songs/more/a.csv", ROWS[3:5])
    for hidden in ("songs/_old/b.csv", "songs/.b.csv", "songs/notes.txt"):
        write(hidden, "text\nno\n")
    folder = run.output.parent / "songs"
    run(folder)
    write("songs/c.jsonl", ROWS[5:7])
    assert run(folder).num_rows == 2
    assert read_ids(read(run.output / "a.csv")) == [0, 1, 2]
    assert read_ids(read(run.output / "more" / "a.csv")) == [3, 4]
    assert read_ids(read(run.output / "c.jsonl")) == [5, 6]
    assert len(list(run.output.rglob("part-*"))) == 3


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({"rows_per_part": 5}, "--part-rows was 10 and is 5"),
        ({"prefix": "x_"}, "--prefix was not given and is x_"),
        ({"format": "jsonl"}, "--format was not given and is jsonl"),
        ({"column": "id"}, "--column was text and is id"),
        (
            {"scorer": FakeScorer(revision="cd" * 32)},
            f"the checkpoint was {'ab' * 6} and is {'cd' * 6}",
        ),
    ],
)
def test_rerun_of_something_else_is_refused_unless_it_starts_over(
    options, change, write, run, read
):
    path = write("songs.csv", ROWS)
    run(path)
    with pytest.raises(OutputError) as caught:
        run(path, **options)
    assert str(caught.value) == (
        f"--output {run.output}: {change}; name another --output, or start over with --overwrite"
    )
    assert run(path, **options, is_new=True).num_rows == len(ROWS)
    assert read_ids(read(run.output / "songs.csv")) == [row["id"] for row in ROWS]


def test_changed_file_is_refused_unless_the_job_starts_over(write, run, read):
    path = write("songs.csv", ROWS)
    run(path)
    write("songs.csv", ROWS[:12])
    with pytest.raises(OutputError, match=r"songs\.csv had the sha256 \w{12} and has \w{12}"):
        run(path)
    run(path, is_new=True)
    assert read_ids(read(run.output / "songs.csv")) == list(range(12))


def test_missing_file_is_refused(write, run):
    paths = [write("a.csv", ROWS), write("b.csv", ROWS)]
    run(*paths)
    with pytest.raises(OutputError, match=r"b[.]csv was among the files and is not any more"):
        run(paths[0])


BAD_FILES = [
    ("bad.csv", 'text\n"la', "line 2: is not CSV: unexpected end of data; quote the field"),
    ("bad.csv", f"text,x\n{SECRET},1,2\n", "line 2: has 3 fields; 2 are needed as in the first"),
    ("bad.csv", "lyrics\nla\n", "line 1: has no column 'text'; it has 'lyrics': choose with"),
    ("bad.csv", "text,text\nla,la\n", "line 1: has two columns of the same name; rename one"),
    ("bad.csv", "", "is empty; a header is needed"),
    ("bad.csv", b"text\n\xff\n", "is not UTF-8; save it as UTF-8"),
    ("bad.jsonl", '{"text": "la"}\n{"text"', "line 2: character 8: is not JSON"),
    ("bad.jsonl", '["la"]\n', "line 1: is of type list; an object is needed"),
    ("bad.jsonl", '{"lyrics": "la"}\n', "has no 'text'; it has 'lyrics': choose with --column"),
    ("bad.jsonl", '{"text": "la", "label": 1}\n', "has a column 'label', which would be added"),
    ("bad.parquet", b"PAR1 no", "is not a whole Parquet file; write it again"),
    ("bad.parquet", [{"lyrics": "la"}], "has no column 'text'; it has 'lyrics': choose with"),
    ("bad.parquet", [{"text": 1}], "has a column 'text' of type int64; give strings"),
]


@pytest.mark.parametrize(("name", "content", "reason"), BAD_FILES)
def test_file_that_cannot_be_read_is_named_and_the_others_are_scored(
    name, content, reason, write, run, read, capsys
):
    good, bad = write("good.csv", ROWS), write(name, content)
    tally = run(bad, good)
    errors = capsys.readouterr().err
    assert errors.startswith(f"score: {bad}: ")
    assert reason in errors
    assert SECRET not in errors
    assert errors.count("\n") == 1
    assert tally.failed_files == {name}
    assert read_ids(read(run.output / "good.csv")) == [row["id"] for row in ROWS]
    assert not (run.output / name).exists()


def test_broken_page_of_parquet_keeps_what_was_before_it(write, run, read, capsys, monkeypatch):
    monkeypatch.setattr(parquet_source, "PIECE_ROWS", 5)
    rows = [{"text": os.urandom(40).hex()} for _ in range(35)]
    path = write("songs.parquet", rows)
    content = bytearray(path.read_bytes())
    at = content.find(rows[30]["text"].encode()[:20])
    content[at - 40 : at + 40] = b"\xff" * 80
    path.write_bytes(content)
    good = write("zzz.csv", ROWS)
    tally = run(path, good)
    assert "songs.parquet: " in capsys.readouterr().err
    assert tally.failed_files == {"songs.parquet"}
    assert [row["text"] for row in read(run.output / "songs.parquet")] == [
        row["text"] for row in rows[:20]
    ]
    assert len(read(run.output / "zzz.csv")) == len(ROWS)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_file_that_changes_meanwhile_fails_and_is_not_mixed_up(form, write, run, read, capsys):
    rows = [{"id": i, "text": "la" * 9} for i in range(5000)]
    path = write(f"songs.{form}", rows)
    scorer = FakeScorer(on_batch=lambda: write(f"songs.{form}", rows[:1500]))
    assert run(path, scorer=scorer, rows_per_part=1000).failed_files == {path.name}
    assert capsys.readouterr().err.count("\n") == 1
    found = read(run.output / path.name)
    assert read_ids(found) == list(range(len(found)))
    with pytest.raises(OutputError, match="had the sha256"):
        run(path, rows_per_part=1000)


def test_parquet_keeps_types_and_metadata(write, run):
    table = pyarrow.table(
        {
            "text": pyarrow.array(["la", None, "lo"]).dictionary_encode(),
            "at": pyarrow.array([1, 2, None], pyarrow.timestamp("ns", "UTC")),
            "tags": pyarrow.array([["a"], [], None]),
            "raw": pyarrow.array([b"\xff", b"", None]),
        }
    ).replace_schema_metadata({"owner": "us"})
    path = run.output.parent / "songs.parquet"
    parquet.write_table(table, path)
    run(path)
    found = parquet.read_table(run.output / "songs.parquet" / "part-00000.parquet")
    assert found.select(table.column_names).equals(table)
    assert found.schema.field("at").type == table.schema.field("at").type
    assert found.schema.metadata[b"owner"] == b"us"
    assert str(found.schema.field("score_joy").type) == "float"
    assert found.column("error").to_pylist() == [None, "text is null", None]


def test_values_of_any_type_reach_any_format(write, run, read):
    table = pyarrow.table(
        {
            "text": ["la", "lo"],
            "day": pyarrow.array([1, None], pyarrow.date32()),
            "raw": [b"\xff", None],
            "nan": [float("nan"), 1.5],
            "tags": [["a", None], []],
            "ok": [True, None],
            "times": pyarrow.array([[1], None], pyarrow.list_(pyarrow.timestamp("ns"))),
        }
    )
    path = run.output.parent / "songs.parquet"
    parquet.write_table(table, path)
    run(path, format="jsonl")
    rows = read(run.output / "songs.parquet")
    names = ("day", "raw", "nan", "tags", "ok", "times")
    times = ["1970-01-01 00:00:00.000000001"]
    assert [rows[0][name] for name in names] == [
        "1970-01-02",
        "/w==",
        None,
        ["a", None],
        True,
        times,
    ]
    run(path, format="csv", is_new=True)
    rows = read(run.output / "songs.parquet")
    assert [rows[0][name] for name in names] == [
        "1970-01-02",
        "/w==",
        "",
        '["a", null]',
        "true",
        json.dumps(times),
    ]


def test_json_values_of_several_types_are_json_in_parquet(write, run, read):
    lines = [
        {"text": "la", "n": 1, "x": 1.5, "any": {"a": 1}, "long": 2**70, "half": "\ud800"},
        {"text": "lo", "n": 2, "x": 2, "any": "b", "more": True},
    ]
    run(write("songs.jsonl", "".join(json.dumps(x) + "\n" for x in lines)), format="parquet")
    rows = read(run.output / "songs.jsonl")
    assert [row["n"] for row in rows] == [1, 2]
    assert [row["x"] for row in rows] == [1.5, 2.0]
    assert [row["any"] for row in rows] == ['{"a": 1}', "b"]
    assert [row["long"] for row in rows] == [str(2**70), None]
    assert [row["half"] for row in rows] == ["\\ud800", None]
    assert [row["more"] for row in rows] == [None, True]


def test_csv_without_a_header_gets_one(write, run, read):
    run(write("songs.csv", "1,la la\n2,lo\n"), column="2")
    rows = read(run.output / "songs.csv")
    assert list(rows[0])[:3] == ["column_1", "column_2", "label"]
    assert [row["column_2"] for row in rows] == ["la la", "lo"]


def test_prefix_names_what_is_added(write, run, read):
    run(write("songs.jsonl", [{"text": "la", "label": "joy"}]), prefix="predicted_")
    (row,) = read(run.output / "songs.jsonl")
    assert list(row) == ["text", "label", *(f"predicted_{name}" for name in ADDED)]
    assert row["label"] == "joy"


def test_output_of_something_else_is_left_alone(write, run):
    (run.output / "thesis").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"holds 'thesis' but no _plan[.]json"):
        run(write("songs.csv", ROWS), is_new=True)
    assert (run.output / "thesis").exists()


def test_output_within_the_input_is_not_read_again(write, run, tmp_path):
    write("songs.csv", ROWS)
    run(tmp_path)
    assert run(tmp_path).num_rows == 0


def test_second_job_on_the_same_output_is_refused(write, run):
    path = write("songs.csv", ROWS)

    def start_another():
        with pytest.raises(OutputError, match=r"another score[.]py writes into it"):
            run(path)

    run(path, scorer=FakeScorer(on_batch=start_another))


def test_files_with_the_same_place_in_the_output_are_refused(write, run):
    paths = [write("x/a.csv", ROWS), write("y/a.csv", ROWS)]
    with pytest.raises(InputError, match="would both be written to"):
        run(*paths)


def test_damaged_plan_is_refused(write, run):
    path = write("songs.csv", ROWS)
    run(path)
    (run.output / "_plan.json").write_text("{")
    with pytest.raises(OutputError, match=r"_plan[.]json: "):
        run(path)


def test_part_that_cannot_be_written_ends_the_job_and_leaves_nothing_half(write, run, read):
    path = write("songs.csv", ROWS)

    def block():
        (run.output / "songs.csv" / "part-00001.csv").mkdir(parents=True, exist_ok=True)

    with pytest.raises(OSError, match=r"part-00001[.]csv"):
        run(path, scorer=FakeScorer(on_batch=block))
    assert list(run.output.rglob("*.unfinished")) == []
    (run.output / "songs.csv" / "part-00001.csv").rmdir()
    run(path)
    assert read_ids(read(run.output / "songs.csv")) == [row["id"] for row in ROWS]
