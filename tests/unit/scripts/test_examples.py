"""Reading of labelled texts by `scripts/examples.py`."""

from __future__ import annotations

import csv
import errno
import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from examples import DataError, Example, check_labels, count_conflicts, join_verses, read_examples
from pyarrow import parquet

SECRET = "my own unpublished refrain"


def write(path: Path, *, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_parquet(path: Path, **columns: list[Any]) -> Path:
    parquet.write_table(pyarrow.table(columns), path)
    return path


def read_pairs(path: Path, **columns: str) -> list[tuple[str, str]]:
    return [(example.text, example.label) for example in read_examples(path, **columns)]


def refuse(path: Path, **columns: str) -> str:
    """Returns the sentence that a file is refused with, without the name of the file."""
    with pytest.raises(DataError) as caught:
        read_examples(path, **columns)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert SECRET not in sentence
    assert sentence.startswith(f"{path}: ")
    return sentence.removeprefix(f"{path}: ")


# Good files.


def test_read_examples_every_format_gives_the_same(tmp_path: Path) -> None:
    rows = [("I miss you", "sadness"), ('She said "no", again', "anger"), ("日 😘 ü", "joy")]
    files = [tmp_path / f"data{suffix}" for suffix in (".csv", ".tsv", ".jsonl", ".parquet")]
    with files[0].open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    files[1].write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    files[2].write_text("".join(json.dumps({"text": x, "label": y}) + "\n" for x, y in rows))
    write_parquet(files[3], text=[x for x, _ in rows], label=[y for _, y in rows])
    for file in files:
        assert read_pairs(file) == rows, file.name


@pytest.mark.parametrize(
    ("name", "wheres"),
    [
        pytest.param("data.csv", ["line 2", "line 3", "line 6"], id="csv"),
        pytest.param("data.jsonl", ["line 1", "line 2", "line 4"], id="jsonl"),
        pytest.param("data.parquet", ["row 1", "row 2", "row 3"], id="parquet"),
    ],
)
def test_read_examples_where_is_the_line_that_a_row_begins_at(
    tmp_path: Path, name: str, wheres: list[str]
) -> None:
    path = tmp_path / name
    if name == "data.csv":
        write(path, content='text,label\na,joy\n"b\nb",joy\n\nc,joy\n')
    elif name == "data.jsonl":
        line = '{"text": "a", "label": "joy"}\n'
        write(path, content=f"{line}{line}\n{line}")
    else:
        write_parquet(path, text=["a", "b", "c"], label=["joy"] * 3)
    assert [x.where for x in read_examples(path)] == [f"{path}: {where}" for where in wheres]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        pytest.param("I miss you", "I miss you", id="plain"),
        pytest.param('"She said ""no"" again"', 'She said "no" again', id="wrapped"),
        pytest.param('"No" is not "yes"', '"No" is not "yes"', id="quotes-at-both-ends"),
        pytest.param('"', '"', id="one-quote"),
        pytest.param("one\u2028line 😘", "one\u2028line 😘", id="unicode-line-separator"),
        pytest.param("  a  ", "a", id="white-space-around"),
    ],
)
def test_read_examples_tsv_field_gives_text(tmp_path: Path, field: str, text: str) -> None:
    path = write(tmp_path / "data.tsv", content=f"{field}\tsadness\r\n")
    assert read_pairs(path, text_column="1", label_column="2") == [(text, "sadness")]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        pytest.param("id,mood,song\n7,joy,a\n", ("song", "mood"), id="names-in-any-order"),
        pytest.param(" song , mood \na,joy\n", ("song", "mood"), id="space-around-names"),
        pytest.param("\ufeffsong,mood\na,joy\n", ("song", "mood"), id="byte-order-mark"),
        pytest.param("a,joy\n", ("1", "2"), id="numbers-without-header"),
        pytest.param("joy,7,a\n", ("3", "1"), id="numbers-in-any-order"),
        pytest.param("2,1\njoy,a\n", ("1", "2"), id="numbers-that-are-names"),
        pytest.param('song,mood\r\n"a",joy', ("song", "mood"), id="windows-and-no-end"),
        pytest.param("song,mood\n\na,joy\n\n", ("song", "mood"), id="blank-lines"),
        pytest.param(" \nsong,mood\n \t \na,joy\n ", ("song", "mood"), id="white-space-lines"),
    ],
)
def test_read_examples_columns_are_found(
    tmp_path: Path, content: str, columns: tuple[str, str]
) -> None:
    path = write(tmp_path / "data.csv", content=content)
    assert read_pairs(path, text_column=columns[0], label_column=columns[1]) == [("a", "joy")]


def test_read_examples_csv_field_may_have_newlines_quotes_and_any_length(tmp_path: Path) -> None:
    text = 'la "la"\n' * 40_000 + "la"
    quoted = text.replace('"', '""')
    path = write(tmp_path / "data.csv", content=f'text,label\n"{quoted}",joy\n')
    limit = csv.field_size_limit()
    assert len(text) > limit
    assert read_pairs(path) == [(text, "joy")]
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_read_examples_whole_number_as_label_is_its_digits(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data{suffix}"
    if suffix == ".jsonl":
        write(path, content='{"text": "a", "label": 3, "id": null}\n')
    else:
        write_parquet(path, text=["a"], label=[3], id=[None])
    assert read_pairs(path) == [("a", "3")]


def test_read_examples_suffix_in_capitals_is_known(tmp_path: Path) -> None:
    assert read_pairs(write(tmp_path / "DATA.CSV", content="text,label\na,joy\n")) == [("a", "joy")]


def test_example_equality_and_repr_leave_out_place_and_text() -> None:
    example = Example(SECRET, "joy", where="mine.csv: line 3")
    assert example == Example(SECRET, "joy")
    assert SECRET not in repr(example)


# Bad files.


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        pytest.param("a.csv", "", "has 0 rows of data; at least 1 is needed", id="empty-csv"),
        pytest.param("a.tsv", "", "has 0 rows of data; at least 1 is needed", id="empty-tsv"),
        pytest.param("a.jsonl", "", "has 0 rows of data; at least 1 is needed", id="empty-jsonl"),
        pytest.param("a.csv", "text,label\n", "has 0 rows of data", id="header-alone"),
        pytest.param("a.csv.gz", "", "its suffix is '.gz'; give a file of .csv, .tsv, .jsonl, .pa"),
        pytest.param("a", "", "its suffix is ''; give a file of .csv", id="no-suffix"),
        pytest.param(
            "a.csv",
            "lyrics,label\na,joy\n",
            "line 1: has no column 'text'; it has 'lyrics', 'label': choose with --text-column",
            id="no-text-column",
        ),
        pytest.param(
            "a.tsv",
            "text\tmood\na\tjoy\n",
            "line 1: has no column 'label'; it has 'text', 'mood': choose with --label-column",
            id="no-label-column",
        ),
        pytest.param(
            "a.csv",
            f"{SECRET},joy\n",
            "line 1: has no column 'text'; it has 2 columns: choose with --text-column; if there is"
            " no header, give --text-column 1",
            id="no-header-is-not-shown",
        ),
        pytest.param(
            "a.csv",
            "encore,jamais plus\n",
            "line 1: has no column 'text'; it has 2 columns: choose with",
            id="header-of-two-words",
        ),
        pytest.param(
            "a.csv",
            "été,joy\n",
            "line 1: has no column 'text'; it has 2 columns: choose with",
            id="header-not-ascii",
        ),
        pytest.param(
            "a.csv",
            "a,3\n",
            "line 1: has no column 'text'; it has 2 columns: choose with",
            id="header-with-a-number",
        ),
        pytest.param(
            "a.jsonl",
            f'{{"{SECRET}": "joy"}}\n',
            "line 1: has no column 'text'; it has 1 column: choose with --text-column",
            id="text-as-key",
        ),
        pytest.param(
            "a.jsonl",
            json.dumps({f"k{i}": i for i in range(12)}),
            "line 1: has no column 'text'; it has 'k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7',"
            " 'k8', 'k9' and 2 more: choose with --text-column",
            id="many-keys",
        ),
        pytest.param(
            "a.jsonl", "{}", "line 1: has no column 'text'; it has 0 columns: choose", id="no-keys"
        ),
        pytest.param(
            "a.csv",
            f'text,label\njoy,"{SECRET}\n{SECRET}"\n',
            "line 2: has a label of 53 characters; it must be one line",
            id="text-in-the-label-column",
        ),
        pytest.param("a.csv", "text,label,text\na,joy,b\n", "line 1: has 2 columns 'text'"),
        pytest.param(
            "a.csv",
            f"text,label\n{SECRET},and,joy\n",
            "line 2: has 3 fields; 2 are needed as in line 1",
            id="too-many-fields",
        ),
        pytest.param(
            "a.tsv",
            f"text\tlabel\na\tjoy\n{SECRET}\n",
            "line 3: has 1 field; 2 are needed",
            id="too-few-fields",
        ),
        pytest.param(
            "a.csv",
            f'text,label\n"{SECRET}" she said,joy\n',
            "line 2: is no CSV: ',' expected after '\"'",
            id="text-after-quote",
        ),
        pytest.param(
            "a.csv",
            f'text,label\na,joy\n"{SECRET},joy\n' + "b,joy\n" * 9,
            "line 3: is no CSV: unexpected end of data",
            id="open-quote",
        ),
        pytest.param("a.csv", "text,label\n ,joy\n", "line 2: has an empty text", id="empty-text"),
        pytest.param(
            "a.csv", f"text,label\n{SECRET}, \n", "line 2: has an empty label", id="empty-label"
        ),
        pytest.param(
            "a.csv",
            'text,label\na,"jo\ny"\n',
            "line 2: has the label 'jo\\ny'; it must be one line",
            id="label-of-two-lines",
        ),
        pytest.param(
            "a.csv",
            "text,label\na,jo\u2028y\n",
            "line 2: has the label 'jo\\u2028y'; it must be one line",
            id="label-with-a-line-separator",
        ),
        pytest.param(
            "a.csv",
            "text,label\na,jo\u202ey\n",
            "line 2: has the label 'jo\\u202ey'; it has the unprintable character U+202E: remove",
            id="label-that-turns-the-direction",
        ),
        pytest.param(
            "a.jsonl",
            '{"text": "a", "label": "jo\\udc80y"}\n',
            "line 1: has the label 'jo\\udc80y'; it has a lone surrogate: write whole characters",
            id="label-with-a-lone-surrogate",
        ),
        pytest.param(
            "a.csv",
            f"text,label\na,joy\n{'a' * 101},{'joy' * 34}\n",
            "line 3: has a label of 102 characters; limit is 100: choose the column with",
            id="long-label",
        ),
        pytest.param(
            "a.csv",
            "text;label\na;joy\n",
            "line 1: has no column 'text'; it has 1 column: choose with --text-column; if ';' is"
            " what separates its fields, save it as CSV with commas",
            id="semicolons",
        ),
        pytest.param(
            "a.csv",
            b"text,label\na,joy\nb\0,joy\n",
            "line 3: byte 19 is NUL; save it as UTF-8 text",
            id="nul",
        ),
        pytest.param(
            "a.csv", "text,label\na,joy\n".encode("utf-16-le"), "line 1: byte 2 is NUL", id="utf-16"
        ),
        pytest.param(
            "a.csv",
            b"text,label\na,joy\nb\xff,joy\n",
            "line 3: byte 19 is not UTF-8; save it as UTF-8",
            id="not-utf8",
        ),
        pytest.param(
            "a.csv",
            b"\xef\xbb\xbftext,label\nb\xff,joy\n",
            "line 2: byte 16 is not UTF-8",
            id="not-utf8-after-byte-order-mark",
        ),
        pytest.param(
            "a.jsonl",
            f'{{"text": "{SECRET}" "label"}}\n',
            "line 1: character 39: is no JSON: Expecting ',' delimiter",
            id="broken-json",
        ),
        pytest.param("a.jsonl", "[" * 100_000, "line 1: is no JSON", id="deep-json"),
        pytest.param("a.jsonl", "9" * 5000, "line 1: is no JSON that can be read", id="long-json"),
        pytest.param("a.jsonl", "[1]\n", "line 1: is of type list; an object is needed"),
        pytest.param(
            "a.jsonl",
            f'{{"lyrics": "{SECRET}", "label": "joy"}}\n',
            "line 1: has no column 'text'; it has 'lyrics', 'label'",
            id="object-without-text",
        ),
        pytest.param(
            "a.jsonl",
            '{"text": 7, "label": "joy"}\n',
            "line 1: has a text of type int",
            id="number",
        ),
        pytest.param(
            "a.jsonl", '{"text": null, "label": "joy"}\n', "line 1: has a text of type null"
        ),
        pytest.param(
            "a.jsonl", '{"text": "a", "label": 0.5}\n', "line 1: has a label of type float"
        ),
        pytest.param(
            "a.jsonl", '{"text": "a", "label": true}\n', "line 1: has a label of type bool"
        ),
        pytest.param(
            "a.jsonl", '{"text": "a\\u0000", "label": "joy"}\n', "line 1: has a text with a NUL"
        ),
        pytest.param(
            "a.jsonl", '{"text": "\\ud800", "label": "joy"}\n', "line 1: has a text with a lone sur"
        ),
        pytest.param("a.parquet", "PAR1 no more", "is no whole Parquet file", id="broken-parquet"),
    ],
)
def test_read_examples_bad_file_names_line_and_problem(
    tmp_path: Path, name: str, content: bytes | str, sentence: str
) -> None:
    assert refuse(write(tmp_path / name, content=content)).startswith(sentence)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        pytest.param(("1", "3"), "line 1: has no column 3; they are 1 to 2", id="too-high"),
        pytest.param(("0", "1"), "line 1: has no column 0; they are 1 to 2", id="zero"),
        pytest.param(
            ("1", "label"),
            "line 1: has no header to find column 'label' in; give its number",
            id="number-and-name",
        ),
        pytest.param(("2", "2"), "text and label are both column '2'", id="the-same"),
        pytest.param(("1", "01"), "text and label are both column '1'", id="the-same-number"),
        pytest.param(("9" * 5000, "1"), "line 1: has no header to find column", id="very-long"),
    ],
)
def test_read_examples_bad_column_number_is_refused(
    tmp_path: Path, columns: tuple[str, str], sentence: str
) -> None:
    path = write(tmp_path / "a.tsv", content=f"{SECRET}\tjoy\n")
    found = refuse(path, text_column=columns[0], label_column=columns[1])
    assert found.startswith(sentence)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        pytest.param(
            {SECRET: ["a"], "label": ["joy"]},
            "has no column 'text'; it has 2 columns: choose with --text-column",
            id="text-as-name",
        ),
        pytest.param(
            {"text": pyarrow.array([1], pyarrow.timestamp("us")), "label": ["joy"]},
            "has a column 'text' of type timestamp[us]; give strings",
            id="timestamps-as-text",
        ),
        pytest.param(
            {"text": [{SECRET: 1}], "label": ["joy"]},
            "has a column 'text' of type struct; give strings",
            id="nested-text",
        ),
        pytest.param(
            {"text": [7], "label": ["joy"]},
            "has a column 'text' of type int64; give strings",
            id="numbers-as-text",
        ),
        pytest.param(
            {"text": ["a"], "label": [True]},
            "has a column 'label' of type bool; give strings or whole numbers",
            id="bool-label",
        ),
        pytest.param(
            {"lyrics": ["a"], "label": ["joy"]},
            "has no column 'text'; it has 'lyrics', 'label': choose with --text-column",
            id="no-text-column",
        ),
        pytest.param(
            {"text": ["a", None], "label": ["joy", "joy"]},
            "row 2: has a text of type null; a string is needed",
            id="null",
        ),
        pytest.param(
            {"text": ["a", "b"], "label": [1.0, 2.0]},
            "has a column 'label' of type double (whole numbers become it where a value is missing"
            ": fill that); give strings or whole numbers",
            id="float-label",
        ),
        pytest.param(
            {
                "text": pyarrow.array([], pyarrow.string()),
                "label": pyarrow.array([], pyarrow.int8()),
            },
            "has 0 rows of data",
            id="no-rows",
        ),
    ],
)
def test_read_examples_bad_parquet_names_row_and_problem(
    tmp_path: Path, columns: dict[str, Any], sentence: str
) -> None:
    assert refuse(write_parquet(tmp_path / "a.parquet", **columns)).startswith(sentence)


def test_read_examples_parquet_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    texts = pyarrow.array([b"a", b"\xff"], pyarrow.binary()).view(pyarrow.string())
    path = write_parquet(tmp_path / "a.parquet", text=texts, label=["joy"] * 2)
    assert refuse(path) == "has a string that is not UTF-8; save it as UTF-8"


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(pyarrow.array(["joy", "fear"], pyarrow.large_string()), id="large-strings"),
        pytest.param(pyarrow.array(["joy", "fear"]).dictionary_encode(), id="categories"),
    ],
)
def test_read_examples_parquet_label_may_be_any_kind_of_string(
    tmp_path: Path, labels: pyarrow.Array
) -> None:
    path = write_parquet(tmp_path / "a.parquet", text=["a", "b"], label=labels)
    assert read_pairs(path) == [("a", "joy"), ("b", "fear")]


@pytest.mark.parametrize("name", ["missing.csv", "missing.parquet"])
def test_read_examples_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    assert refuse(tmp_path / name) == "there is no such file; check its name"


def test_read_examples_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").mkdir()
    assert refuse(tmp_path / "data.csv") == "is a folder; name a file in it"


def test_read_examples_forbidden_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", forbid)
    assert refuse(tmp_path / "data.csv") == "cannot be read: Permission denied"


# Labels and verses.


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        pytest.param("hope", "the label 'hope'", id="label"),
        pytest.param("mixed up feelings", "the label 'mixed up feelings'", id="three-words"),
        pytest.param("oh my my my", "a label of 11 characters", id="four-words"),
        pytest.param("h" * 41, "a label of 41 characters", id="long"),
    ],
)
def test_check_labels_unknown_label_is_shown_where_it_is_no_text(label: str, shown: str) -> None:
    examples = [Example("a", "joy"), Example("b", label, where="dev.tsv: line 2")]
    with pytest.raises(DataError) as caught:
        check_labels(examples, labels=["joy", SECRET])
    known = f"the known labels are joy, one of {len(SECRET)} characters"
    assert str(caught.value) == f"dev.tsv: line 2: has {shown}; {known}"


def test_check_labels_very_many_labels_are_cut() -> None:
    labels = [f"{i:02}" for i in range(99)]
    with pytest.raises(DataError, match=r"labels are 00, 01, .* 29 and 69 more$"):
        check_labels([Example("a", "joy")], labels=labels)


def test_check_labels_known_labels_pass() -> None:
    check_labels([Example("a", "joy"), Example("b", "fear")], labels=("fear", "joy", "love"))


def test_join_verses_joins_texts_of_one_label() -> None:
    examples = [Example(text="a", label="joy"), Example(text="b", label="fear")]
    verses = join_verses(examples, share=5, seed=0)
    assert len(verses) == 10
    for verse in verses:
        lines = verse.text.split("\n")
        assert 2 <= len(lines) <= 4
        assert set(lines) == {"a" if verse.label == "joy" else "b"}


def test_join_verses_leaves_texts_of_several_lines_out() -> None:
    examples = [Example(text="a", label="joy"), Example(text="b\nc", label="fear")]
    verses = join_verses(examples, share=5, seed=0)
    assert len(verses) == 5
    assert {verse.label for verse in verses} == {"joy"}


def test_join_verses_without_texts_of_one_line_makes_none() -> None:
    assert join_verses([Example(text="b\nc", label="fear")], share=5, seed=0) == []


def test_count_conflicts_counts_texts_and_not_rows() -> None:
    examples = [Example(text, label) for text in ("a", "A ") for label in ("fear", "joy")]
    assert count_conflicts([*examples, Example("b", "joy"), Example("b", "joy")]) == 1
    assert count_conflicts([]) == 0
