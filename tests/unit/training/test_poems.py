"""Joining labels to the texts of a collection of poems."""

import json

import pytest
from emotion_training import poems

TABLE = "poem\tlabel\tsplit\na.txt\tjoy\ttrain\nb.txt\tfear\ttest\n"
WORDS = "the sea and the land are in my heart and all of it is for the one that i love on the way"


@pytest.fixture
def collection(tmp_path):
    """A folder of poems with headers, of which c is English and not labelled, and d is not."""
    folder = tmp_path / "poems"
    folder.mkdir()
    for name, text in (
        ("a", "\nO  joy,\n  joy!\n\n\n\nAgain.\n\n"),
        ("b", "Dread -\n---\nnight\n"),
        ("c", f"\n{WORDS}\n"),
        ("d", "\n" + "le vent se lève il faut tenter de vivre " * 5),
        ("e", "\nthe end\n"),
    ):
        header = f"---\nauthor: A\ntitle: {name}\n---\n"
        (folder / f"{name}.txt").write_text(header + text, encoding="utf-8")
    (tmp_path / "labels.tsv").write_text(TABLE, encoding="utf-8")
    return folder


def run(collection, *more):
    table, output = collection.parent / "labels.tsv", collection.parent / "out"
    return poems.main([str(collection), str(table), f"--output={output}", *more])


def read(collection, name):
    lines = (collection.parent / "out" / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_main_joins_labels_to_texts_and_takes_others_without(collection, capsys):
    assert run(collection) == 0
    assert read(collection, "train.jsonl") == [{"text": "O joy,\njoy!\n\nAgain.", "label": "joy"}]
    assert read(collection, "test.jsonl") == [{"text": "Dread -\n---\nnight", "label": "fear"}]
    assert read(collection, "unlabelled.jsonl") == [{"text": WORDS}]
    assert capsys.readouterr().out.count("\n") == 3


def test_main_poem_that_is_missing_is_refused(collection, capsys):
    (collection / "b.txt").unlink()
    assert run(collection) == 2
    assert "b.txt: cannot be read: No such file or directory" in capsys.readouterr().err


def test_main_split_of_another_name_is_refused(collection, capsys):
    (collection.parent / "labels.tsv").write_text(TABLE.replace("test", "dev"), encoding="utf-8")
    assert run(collection) == 2
    assert "labels.tsv: line 3: expected the split test or train" in capsys.readouterr().err


def test_main_takes_as_many_unlabelled_as_asked_for(collection):
    for i in range(5):
        (collection / f"more{i}.txt").write_text(f"---\n\n---\n{i} {WORDS}", encoding="utf-8")
    assert run(collection, "--unlabelled=3") == 0
    assert len(read(collection, "unlabelled.jsonl")) == 3
