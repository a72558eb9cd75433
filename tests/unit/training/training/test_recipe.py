"""The options of a training, with every default resolved."""

import json
import os
from dataclasses import fields
from pathlib import Path

import pytest
from emotion_training.checkpoint.base_model import BASE_NAME
from emotion_training.errors import DataError
from emotion_training.training.options import parse_args
from emotion_training.training.recipe import Recipe, resolve


def read(*options):
    train = [] if "--train" in options else ["--train", "mine.csv"]
    return resolve(parse_args(["--output", "out", *train, *options]))


def test_resolve_defaults_are_those_of_the_shipped_adapter_and_plain():
    recipe = read()
    assert (recipe.base, recipe.base_name) == (BASE_NAME, BASE_NAME)
    assert (recipe.learning_rate, recipe.rank, recipe.epochs) == (1e-3, 16, 4)
    assert (recipe.patience, recipe.members, recipe.batch_size, recipe.seed) == (2, 1, 32, 0)
    assert (recipe.max_length, recipe.verses, recipe.label_smoothing) == (128, 0.0, 0.0)


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        pytest.param(("--full",), 5e-5, id="full"),
        pytest.param(("--learning-rate", "0.01"), 0.01, id="given"),
        pytest.param(("--full", "--learning-rate", "0.01"), 0.01, id="full-given"),
    ],
)
def test_resolve_learning_rate_is_that_of_the_kind_of_training(options, rate):
    assert read(*options).learning_rate == rate


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--train", "b.csv", "a.tsv"], id="one-option"),
        pytest.param(["--train", "b.csv", "--train", "a.tsv"], id="two-options"),
    ],
)
def test_files_several_are_kept_in_order(options):
    expected = [("train", Path("b.csv")), ("train", Path("a.tsv")), ("test", Path("c.jsonl"))]
    assert read(*options, "--test", "c.jsonl").files() == expected


def test_describe_is_json_and_has_no_folder(tmp_path):
    data = str(tmp_path / os.fsdecode(b"a\xff.csv"))
    described = read("--train", data, "--validation", data, "--test", data).describe()
    assert json.loads(json.dumps(described)) == described
    assert set(described) == {field.name for field in fields(Recipe)}
    assert str(tmp_path) not in str(described)
    assert described["train"] == ["a\ufffd.csv"]
    assert [described[key] for key in ("validation", "test")] == ["a\ufffd.csv"] * 2
    assert described["output"] == "out"


def test_resolve_teacher_is_absolute_and_described_by_its_name(tmp_path, monkeypatch):
    (tmp_path / "big").mkdir()
    monkeypatch.chdir(tmp_path)
    recipe = read("--teacher", "big", "--unlabelled", "a.jsonl", "b.csv", "--unlabelled", "c.tsv")
    assert recipe.teacher == tmp_path / "big"
    assert recipe.describe()["teacher"] == "big"
    assert recipe.describe()["unlabelled"] == ["a.jsonl", "b.csv", "c.tsv"]
    assert recipe.teacher_share == 0.5


def test_resolve_start_is_for_adapters(tmp_path):
    assert read("--start", str(tmp_path)).describe()["start"] == tmp_path.name
    with pytest.raises(DataError, match="--start: is for adapters; give --base with --full"):
        read("--start", str(tmp_path), "--full")


def test_resolve_share_of_the_start_needs_a_start(tmp_path):
    assert read("--start", str(tmp_path), "--start-share=0.3").start_share == 0.3
    with pytest.raises(DataError, match="--start-share: needs --start; add it"):
        read("--start-share=0.3")


def test_resolve_texts_without_labels_need_a_teacher():
    with pytest.raises(DataError, match="--unlabelled: needs --teacher, which labels the texts"):
        read("--unlabelled", "a.jsonl")


def test_resolve_base_folder_is_absolute_and_named_without_its_path(tmp_path, monkeypatch):
    (tmp_path / "my-bert").mkdir()
    monkeypatch.chdir(tmp_path)
    recipe = read("--base", "my-bert")
    assert (recipe.base, recipe.base_name) == (str(tmp_path / "my-bert"), "my-bert")


def test_resolve_output_that_leads_to_itself_is_refused(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(DataError, match=r"--output .*/loop: leads to itself; name another folder"):
        read("--output", str(tmp_path / "loop"))
