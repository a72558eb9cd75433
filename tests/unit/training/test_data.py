"""Labelled texts: their labels, their joined verses, and their files."""

import hashlib
import os

import pytest
from emotion_training.data import (
    DataFile,
    Example,
    check_labels,
    count_by_label,
    count_conflicts,
    identify,
    join_verses,
)
from emotion_training.errors import DataError

SECRET = "my own unpublished refrain"


def test_example_equality_and_repr_leave_out_place_and_text():
    example = Example(SECRET, "joy", where="mine.csv: line 3")
    assert example == Example(SECRET, "joy")
    assert (example.source, Example(SECRET, "joy").source) == ("mine.csv", "")
    assert SECRET not in repr(example)


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        pytest.param("hope", "the label 'hope'", id="label"),
        pytest.param("mixed up feelings", "the label 'mixed up feelings'", id="three-words"),
        pytest.param("oh my my my", "a label of 11 characters", id="four-words"),
        pytest.param("h" * 40, f"the label '{'h' * 40}'", id="longest"),
        pytest.param("h" * 41, "a label of 41 characters", id="too-long"),
    ],
)
def test_check_labels_unknown_label_is_shown_unless_it_may_be_a_text(label, shown):
    examples = [Example("a", "joy"), Example("b", label, where="dev.tsv: line 2")]
    with pytest.raises(DataError) as caught:
        check_labels(examples, labels=["joy", SECRET])
    known = f"the known labels are joy, one of {len(SECRET)} characters"
    assert str(caught.value) == f"dev.tsv: line 2: has {shown}; {known}"


@pytest.mark.parametrize(("number", "end"), [(30, "28, 29"), (31, "28, 29 and 1 more")])
def test_check_labels_lists_at_most_30_labels(number, end):
    labels = [f"{i:02}" for i in range(number)]
    with pytest.raises(DataError, match=f"labels are 00, 01, .* {end}$"):
        check_labels([Example("a", "joy")], labels=labels)


def test_join_verses_joins_texts_of_one_label():
    examples = [Example("a", "joy"), Example("b", "fear")]
    verses = join_verses(examples, share=5, seed=0)
    assert len(verses) == 10
    assert {verse.text.count("\n") + 1 for verse in verses} == {2, 3, 4}
    for verse in verses:
        assert set(verse.text.split("\n")) == {"a" if verse.label == "joy" else "b"}


def test_join_verses_leaves_texts_of_several_lines_out():
    examples = [Example("a", "joy"), Example("b\nc", "fear")]
    assert [verse.label for verse in join_verses(examples, share=5, seed=0)] == ["joy"] * 5
    assert join_verses(examples[1:], share=5, seed=0) == []


def test_count_conflicts_counts_texts_and_not_rows():
    examples = [Example(text, label) for text in ("a", "A ") for label in ("fear", "joy")]
    assert count_conflicts([*examples, Example("b", "joy"), Example("b", "joy")]) == 1
    assert count_conflicts([]) == 0
    assert count_by_label(examples[1:]) == "fear 1, joy 2"


def test_identify_names_the_file_and_its_bytes(tmp_path):
    path, content = tmp_path / os.fsdecode(b"m\xff.csv"), b"text,label\n"
    path.write_bytes(content)
    expected = DataFile("m\ufffd.csv", hashlib.sha256(content).hexdigest(), 3)
    assert identify(path, num_rows=3) == expected
