"""Reading of training data by `scripts/examples.py`."""

import pathlib

import pytest
from examples import Example, TrainError, check_labels, join_verses, read_examples


def write(path: pathlib.Path, *, content: bytes) -> pathlib.Path:
    file = path / "data.tsv"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param("I miss you", "I miss you", id="plain"),
        pytest.param('"She said ""no"" again"', 'She said "no" again', id="wrapped"),
        pytest.param('"No" is not "yes"', '"No" is not "yes"', id="quotes-at-both-ends"),
        pytest.param('"', '"', id="one-quote"),
        pytest.param("one\u2028line 😘", "one\u2028line 😘", id="unicode-line-separator"),
    ],
)
def test_read_examples_good_line_gives_text_and_label(
    tmp_path: pathlib.Path, line: str, text: str
) -> None:
    path = write(tmp_path, content=f"{line}\tsadness\r\n".encode())
    assert read_examples(path) == [Example(text=text, label="sadness")]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(b"no label", "has 1 tab-separated fields; 2 are needed", id="no-tab"),
        pytest.param(b"a\tb\tjoy", "has 3 tab-separated fields; 2 are needed", id="two-tabs"),
        pytest.param(b"", "has 1 tab-separated fields; 2 are needed", id="blank"),
        pytest.param(b" \tjoy", "has an empty text", id="no-text"),
        pytest.param(b"text\t ", "has an empty label", id="no-label"),
        pytest.param(b"ab\xff\tjoy", "byte 3 is not UTF-8", id="not-utf8"),
    ],
)
def test_read_examples_bad_line_names_file_line_and_problem(
    tmp_path: pathlib.Path, line: bytes, problem: str
) -> None:
    path = write(tmp_path, content=b"good\tjoy\n" + line + b"\n")
    with pytest.raises(TrainError) as caught:
        read_examples(path)
    assert str(caught.value) == f"{path}: line 2: {problem}"


@pytest.mark.parametrize(
    "content", [pytest.param(b"", id="empty"), pytest.param(None, id="missing")]
)
def test_read_examples_no_data_is_refused(tmp_path: pathlib.Path, content: bytes | None) -> None:
    path = tmp_path / "missing.tsv" if content is None else write(tmp_path, content=content)
    with pytest.raises(TrainError, match=r"cannot be read|has 0 lines"):
        read_examples(path)


def test_check_labels_unknown_label_names_line_and_known_labels() -> None:
    examples = [Example(text="a", label="joy"), Example(text="b", label="hope")]
    with pytest.raises(TrainError, match=r"dev\.tsv: line 2: has the label 'hope'.* fear, joy"):
        check_labels(examples, labels=["fear", "joy"], path=pathlib.Path("dev.tsv"))


def test_join_verses_joins_texts_of_one_label() -> None:
    examples = [Example(text="a", label="joy"), Example(text="b", label="fear")]
    verses = join_verses(examples, share=5, seed=0)
    assert len(verses) == 10
    for verse in verses:
        lines = verse.text.split("\n")
        assert 2 <= len(lines) <= 4
        assert set(lines) == {"a" if verse.label == "joy" else "b"}
