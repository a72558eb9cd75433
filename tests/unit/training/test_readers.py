"""Reading of labelled texts from CSV, TSV, JSONL and Parquet."""

import csv
import errno
import json
from pathlib import Path

import pyarrow
import pytest
from emotion_training.data import read_examples, read_texts
from emotion_training.errors import DataError
from pyarrow import parquet

SECRET = "my own unpublished refrain"
HEADER = "text,label\n"


@pytest.fixture
def write(tmp_path):
    """Writes a file, whose suffix says how."""

    def write(name, content):
        path = tmp_path / name
        if isinstance(content, dict):
            parquet.write_table(pyarrow.table(content), path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def read_pairs(path, **columns):
    return [(example.text, example.label) for example in read_examples(path, **columns)]


def refuse(path, **columns):
    """Returns the message that a file is refused with, without the name of the file."""
    with pytest.raises(DataError) as caught:
        read_examples(path, **columns)
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


# Good files.


def test_read_examples_every_format_gives_the_same(tmp_path, write):
    rows = [("I miss you", "sadness"), ('She said "no", again', "anger"), ("日 😘 ü", "joy")]
    with (tmp_path / "data.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    write("data.tsv", "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    write("data.jsonl", "".join(json.dumps({"text": x, "label": y}) + "\n" for x, y in rows))
    write("data.parquet", {"text": [x for x, _ in rows], "label": [y for _, y in rows]})
    for path in sorted(tmp_path.iterdir()):
        assert read_pairs(path) == rows, path.name


@pytest.mark.parametrize(
    ("name", "content", "column"),
    [
        pytest.param("a.csv", 'text,other\n" I miss you",1\nlá,2\n', "text", id="csv"),
        pytest.param("a.tsv", "1\tI miss you\n2\tlá\n", "2", id="tsv-without-header"),
        pytest.param(
            "a.jsonl", '{"text": "I miss you"}\n{"text": "lá", "a": 1}', "text", id="jsonl"
        ),
        pytest.param("a.parquet", {"text": ["I miss you", "lá"]}, "text", id="parquet"),
    ],
)
def test_read_texts_needs_no_label(write, name, content, column):
    assert read_texts(write(name, content), text_column=column) == ["I miss you", "lá"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("label\njoy\n", r"line 1: has no column 'text'"),
        ("text\n", "has 0 rows of data; at least 1 is needed"),
        ('text,a\n" ",1\n', "line 2: has an empty text"),
    ],
)
def test_read_texts_bad_file_is_refused(write, content, message):
    with pytest.raises(DataError, match=message):
        read_texts(write("a.csv", content))


LINE = '{"text": "a", "label": "joy"}\n'


@pytest.mark.parametrize(
    ("name", "content", "wheres"),
    [
        ("a.CSV", HEADER + 'a,joy\n"b\nb",joy\n\nc,joy\n', ["line 2", "line 3", "line 6"]),
        ("a.jsonl", f"{LINE}{LINE}\n{LINE}", ["line 1", "line 2", "line 4"]),
        ("a.parquet", {"text": ["a", "b"], "label": ["joy"] * 2}, ["row 1", "row 2"]),
    ],
)
def test_read_examples_where_is_the_line_that_a_row_begins_at(write, name, content, wheres):
    path = write(name, content)
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
def test_read_examples_tsv_field_gives_text(write, field, text):
    path = write("data.tsv", f"{field}\tsadness\r\n")
    assert read_pairs(path, text_column="1", label_column="2") == [(text, "sadness")]


@pytest.mark.parametrize(
    ("content", "text_column", "label_column"),
    [
        pytest.param("id,mood,song\n7,joy,a\n", "song", "mood", id="names-in-any-order"),
        pytest.param(" song , mood \na,joy\n", "song", "mood", id="space-around-names"),
        pytest.param("\ufeffsong,mood\na,joy\n", "song", "mood", id="byte-order-mark"),
        pytest.param("a,joy\n", "1", "2", id="numbers-without-header"),
        pytest.param("joy,7,a\n", "3", "1", id="numbers-in-any-order"),
        pytest.param("2,1\njoy,a\n", "1", "2", id="numbers-that-are-names"),
        pytest.param('song,mood\r\n"a",joy', "song", "mood", id="windows-and-no-end"),
        pytest.param(" \nsong,mood\n\n \t \na,joy\n ", "song", "mood", id="blank-lines"),
    ],
)
def test_read_examples_columns_are_found(write, content, text_column, label_column):
    path = write("data.csv", content)
    columns = {"text_column": text_column, "label_column": label_column}
    assert read_pairs(path, **columns) == [("a", "joy")]


def test_read_examples_csv_field_may_have_newlines_quotes_and_any_length(write):
    text = 'la "la"\n' * 40_000 + "la"
    quoted = text.replace('"', '""')
    limit = csv.field_size_limit()
    assert len(text) > limit
    assert read_pairs(write("data.csv", f'{HEADER}"{quoted}",joy\n')) == [(text, "joy")]
    assert csv.field_size_limit() == limit


VIEW = pyarrow.array(["a"], pyarrow.string_view())  # as polars writes strings


@pytest.mark.parametrize(
    ("name", "content", "label"),
    [
        ("a.csv", f"{HEADER}a,{'j' * 100}\n", "j" * 100),
        ("a.jsonl", '{"text": "a", "label": 3, "id": null}\n', "3"),
        ("a.parquet", {"text": ["a"], "label": [3], "id": [None]}, "3"),
        ("a.parquet", {"text": ["a"], "label": pyarrow.array(["b"], pyarrow.large_string())}, "b"),
        ("a.parquet", {"text": ["a"], "label": pyarrow.array(["b"]).dictionary_encode()}, "b"),
        ("a.parquet", {"text": VIEW, "label": pyarrow.array(["b"], pyarrow.string_view())}, "b"),
    ],
    ids=["longest", "json-integer", "parquet-integer", "large-strings", "categories", "views"],
)
def test_read_examples_label_may_be_an_integer_or_any_kind_of_string(write, name, content, label):
    assert read_pairs(write(name, content)) == [("a", label)]


# Bad files.


def row(**values):
    return json.dumps({"text": "a", "label": "joy", **values})


UNPRINTABLE = "it has the unprintable character U+202E: remove it"
HALF = "it has a lone surrogate: write whole characters"
NO_HEADER = "if there is no header, give --text-column 1 --label-column 2"
SEMICOLONS = "has no commas between its fields, but ';'; save it as CSV with commas, or as TSV"
NO_TEXT = "line 1: has no column 'text'; it has"
MANY = json.dumps({f"k{i}": i for i in range(11)})
NOT_UTF8 = pyarrow.array([b"a", b"\xff"], pyarrow.binary()).view(pyarrow.string())
NONE = pyarrow.array([], pyarrow.string())
TIMES = pyarrow.array([1], pyarrow.timestamp("us"))
JOY = ["joy"]
NO_COLUMN = "has no column 'text'; it has"
OF_TYPE = "has a column 'label' of type"
FLOATS = "(integers become floats if a value is missing: fill it); give strings or integers"
TEN = "'k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8', 'k9'"


BAD_FILES = [
    ("a.csv", "", "has 0 rows of data; at least 1 is needed"),
    ("a.csv", HEADER, "has 0 rows of data; at least 1 is needed"),
    ("a.csv.gz", "", "its suffix is '.gz'; give a file of .csv, .tsv, .jsonl, .parquet"),
    ("a", "", "its suffix is ''; give a file of .csv"),
    # Columns.
    ("a.csv", "lyrics,label\na,b\n", f"{NO_TEXT} 'lyrics', 'label': choose with --text-column"),
    ("a.tsv", "text\tm\na\tb\n", "line 1: has no column 'label'; it has 'text', 'm': choose"),
    ("a.csv", f"{SECRET},b\n", f"{NO_TEXT} 2 columns: choose with --text-column; {NO_HEADER}"),
    ("a.csv", "encore,jamais plus\n", f"{NO_TEXT} 2 columns: choose with"),
    ("a.csv", "été,joy\n", f"{NO_TEXT} 2 columns: choose with"),
    ("a.csv", "a,3\n", f"{NO_TEXT} 2 columns: choose with"),
    ("a.csv", f"{'a' * 40},b\n", f"{NO_TEXT} '{'a' * 40}', 'b': choose with"),
    ("a.csv", f"{'a' * 41},b\n", f"{NO_TEXT} 2 columns: choose with"),
    (
        "a.csv",
        "text;label\na;joy\n",
        f"line 1: {SEMICOLONS}",
    ),
    ("a.csv", "text,label,text\na,joy,b\n", "line 1: has 2 columns 'text'; rename one"),
    ("a.jsonl", f'{{"{SECRET}": "joy"}}\n', f"{NO_TEXT} 1 column: choose with --text-column"),
    ("a.jsonl", MANY, f"{NO_TEXT} {TEN} and 1 more: choose with --text-column"),
    ("a.jsonl", MANY.replace(', "k10": 10', ""), f"{NO_TEXT} {TEN}: choose with"),
    ("a.jsonl", "{}", f"{NO_TEXT} 0 columns: choose"),
    ("a.jsonl", f'{{"lyrics": "{SECRET}", "m": 1}}\n', f"{NO_TEXT} 'lyrics', 'm': choose"),
    # Rows.
    ("a.csv", f"{HEADER}{SECRET},and,joy\n", "line 2: has 3 fields; 2 are needed as in line 1"),
    ("a.tsv", f"text\tlabel\na\tjoy\n{SECRET}\n", "line 3: has 1 field; 2 are needed"),
    ("a.csv", f'{HEADER}"{SECRET}" he,joy\n', "line 2: is not CSV: ',' expected after '\"'"),
    ("a.csv", f'{HEADER}a,joy\n"{SECRET},b\nc,d\n', "line 3: is not CSV: unexpected end"),
    ("a.jsonl", f'{{"text": "{SECRET}" "label"}}', "line 1: character 39: is not JSON: E"),
    ("a.jsonl", "[" * 100_000, "line 1: is JSON that cannot be read; simplify it"),
    ("a.jsonl", "9" * 5000, "line 1: is JSON that cannot be read; simplify it"),
    ("a.jsonl", "[1]\n", "line 1: is of type list; an object is needed"),
    # Texts and labels.
    ("a.csv", f"{HEADER} ,joy\n", "line 2: has an empty text; fill it or remove the row"),
    ("a.csv", f"{HEADER}{SECRET}, \n", "line 2: has an empty label; fill it or remove the row"),
    ("a.csv", f'{HEADER}a,"{SECRET}\nb"\n', "line 2: has a label of 28 characters; it must be"),
    ("a.csv", f'{HEADER}a,"jo\ny"\n', r"line 2: has the label 'jo\ny'; it must be one line"),
    ("a.csv", f"{HEADER}a,jo\u2028y\n", r"line 2: has the label 'jo\u2028y'; it must be one"),
    ("a.csv", f"{HEADER}a,jo\u202ey\n", rf"line 2: has the label 'jo\u202ey'; {UNPRINTABLE}"),
    ("a.csv", f"{HEADER}a,{'j' * 101}\n", "line 2: has a label of 101 characters; limit is"),
    ("a.jsonl", row(label="\udc80"), rf"line 1: has the label '\udc80'; {HALF}"),
    ("a.jsonl", row(text=7), "line 1: has a text of type int; a string is needed"),
    ("a.jsonl", row(text=None), "line 1: has a text of type null; a string"),
    ("a.jsonl", row(label=0.5), "line 1: has a label of type float; a string or"),
    ("a.jsonl", row(label=True), "line 1: has a label of type bool; a string or"),
    ("a.jsonl", row(text="a\0"), "line 1: has a text with a NUL; remove it"),
    ("a.jsonl", row(text="\ud800"), "line 1: has a text with a lone surrogate;"),
    # Encodings.
    ("a.csv", b"text,label\na,joy\nb\0,joy\n", "line 3: byte 19 is NUL; save it as UTF-8 text"),
    ("a.csv", "text,label\na,joy\n".encode("utf-16-le"), "line 1: byte 2 is NUL"),
    ("a.csv", b"text,label\na,b\n\xff,j\n", "line 3: byte 16 is not UTF-8; save it as UTF-8"),
    ("a.csv", b"\xef\xbb\xbftext,label\nb\xff,joy\n", "line 2: byte 16 is not UTF-8"),
    # Parquet.
    ("a.parquet", "PAR1 no more", "is not a whole Parquet file;"),
    ("a.parquet", {SECRET: ["a"], "label": ["joy"]}, f"{NO_COLUMN} 2 columns: choose with --text"),
    ("a.parquet", {"m": ["a"], "label": ["joy"]}, f"{NO_COLUMN} 'm', 'label': choose with --text"),
    ("a.parquet", {"text": TIMES, "label": JOY}, "has a column 'text' of type timestamp[us]; give"),
    ("a.parquet", {"text": [{SECRET: 1}], "label": JOY}, "has a column 'text' of type struct; giv"),
    ("a.parquet", {"text": [7], "label": JOY}, "has a column 'text' of type int64; give strings"),
    ("a.parquet", {"text": ["a"], "label": [True]}, f"{OF_TYPE} bool; give strings or integers"),
    ("a.parquet", {"text": ["a"], "label": [1.0]}, f"{OF_TYPE} double {FLOATS}"),
    ("a.parquet", {"text": ["a", None], "label": JOY * 2}, "row 2: has a text of type null; a st"),
    ("a.parquet", {"text": NONE, "label": NONE}, "has 0 rows of data"),
    ("a.parquet", {"text": NOT_UTF8, "label": JOY * 2}, "has a string that is not UTF-8; save it"),
]


@pytest.mark.parametrize(
    ("name", "content", "message"), BAD_FILES, ids=[message for *_, message in BAD_FILES]
)
def test_read_examples_bad_file_names_line_and_problem(write, name, content, message):
    assert refuse(write(name, content)).startswith(message)


@pytest.mark.parametrize(
    ("text_column", "label_column", "message"),
    [
        pytest.param("1", "3", "line 1: has no column 3; they are 1 to 2", id="too-high"),
        pytest.param("0", "1", "line 1: has no column 0; they are 1 to 2", id="zero"),
        pytest.param("1", "label", "line 1: has no header to find column 'label' in", id="name"),
        pytest.param("2", "2", "text and label are both column '2'; name two", id="the-same"),
        pytest.param("1", "01", "text and label are both column '1'; name two", id="same-number"),
        pytest.param("9" * 10, "1", "line 1: has no header to find column '9999", id="very-long"),
    ],
)
def test_read_examples_bad_column_number_is_refused(write, text_column, label_column, message):
    path = write("a.tsv", f"{SECRET}\tjoy\n")
    columns = {"text_column": text_column, "label_column": label_column}
    assert refuse(path, **columns).startswith(message)


@pytest.mark.parametrize("name", ["missing.csv", "missing.parquet"])
def test_read_examples_missing_file_is_refused(tmp_path, name):
    assert refuse(tmp_path / name) == "there is no such file; check its name"


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (IsADirectoryError(errno.EISDIR, "Is a directory"), "is a folder; name a file in it"),
        (PermissionError(errno.EACCES, "Permission denied"), "cannot be read: Permission denied"),
    ],
)
def test_read_examples_unreadable_file_is_refused(tmp_path, monkeypatch, failure, message):
    def fail(_):
        raise failure

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert refuse(tmp_path / "data.csv") == message
