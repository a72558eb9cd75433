"""Texts in, labels out, against transformers."""

import sys
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from emotion_engine.checkpoint import read_checkpoint
from peers.text_classifier import encode, join_texts, load_classifier, load_tokenizer
from transformers import AutoTokenizer

from checkpoints import TEXTS, reference_probabilities

OPTIONS = {"num_threads": 2, "folder": None, "calibration": []}


@pytest.fixture
def checkpoint(prepared_of):
    return prepared_of("bert")


@pytest.fixture
def verses(tmp_path):
    file = tmp_path / "verses.jsonl"
    file.write_text('{"text": "la la"}\n{"text": "rain on the window"}\n')
    return file


def test_encode_gives_the_ids_of_transformers_truncated(checkpoint):
    wanted = AutoTokenizer.from_pretrained(checkpoint)(list(TEXTS), truncation=True)["input_ids"]
    assert encode(load_tokenizer(checkpoint), TEXTS) == wanted
    assert max(map(len, wanted)) == read_checkpoint(checkpoint).max_length


@pytest.mark.parametrize("name", ["padded_torch", "lyric_emotion"])
def test_engines_in_this_environment_give_the_answers_of_transformers(name, checkpoint):
    engine = import_module(f"peers.{name}.engine").open_engine(
        checkpoint, kind="float32", **OPTIONS
    )
    rows = encode(load_tokenizer(checkpoint), TEXTS)
    engine.tune(rows)
    wanted = reference_probabilities(checkpoint, TEXTS)
    np.testing.assert_allclose(engine.predict(rows), wanted, atol=1e-5)


def test_classifier_calibrates_tunes_and_names_the_labels(checkpoint, verses, monkeypatch):
    seen = {}

    class Engine:
        def tune(self, rows):
            seen["tuned"] = rows

        def drop_unused(self):
            seen["dropped"] = True

        def predict(self, rows):
            return np.eye(6, dtype=np.float32)[[len(row) % 6 for row in rows]]

    def open_engine(checkpoint, **options):
        seen.update(options)
        return Engine()

    monkeypatch.setitem(sys.modules, "peers.fake.engine", SimpleNamespace(open_engine=open_engine))
    classifier = load_classifier(
        checkpoint, engine="fake", kind="int8", calibration=verses, folder=verses.parent
    )
    assert (seen["kind"], seen["dropped"], len(seen["calibration"])) == ("int8", True, 2)
    assert len(seen["tuned"]) == 64
    labels = read_checkpoint(checkpoint).labels
    lens = [len(row) for row in encode(classifier.tokenizer, TEXTS)]
    wanted = [{"label": labels[each % 6], "score": 1.0} for each in lens]
    assert classifier.predict(TEXTS) == wanted


def test_join_texts_makes_short_and_long_ones():
    lens = [len(text.split("\n\n")) for text in join_texts(["a", "b"])]
    assert lens == [1, 2, 3, 4] * 16
