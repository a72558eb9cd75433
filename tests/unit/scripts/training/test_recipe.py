"""The command line of `scripts/train.py`, read by `scripts/training/recipe.py`."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

import pytest
from base_model import BASE_NAME
from training.recipe import Recipe, parse_args, resolve

NEEDED = ["--train", "mine.csv", "--output", "out"]


def read(*options: str) -> Recipe:
    needed = NEEDED[2:] if "--train" in options else NEEDED
    return resolve(parse_args([*needed, *options]))


def test_resolve_defaults_are_those_of_the_shipped_adapter_and_plain() -> None:
    recipe = read()
    assert (recipe.base, recipe.base_name) == (BASE_NAME, BASE_NAME)
    assert (recipe.learning_rate, recipe.rank, recipe.epochs) == (1e-3, 16, 4)
    assert (recipe.max_length, recipe.verses, recipe.label_smoothing) == (128, 0.0, 0.0)


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        pytest.param(("--full",), 5e-5, id="full"),
        pytest.param(("--learning-rate", "0.01"), 0.01, id="given"),
        pytest.param(("--full", "--learning-rate", "0.01"), 0.01, id="full-given"),
    ],
)
def test_resolve_learning_rate_is_that_of_the_way_of_training(
    options: tuple[str, ...], rate: float
) -> None:
    assert read(*options).learning_rate == rate


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--train", "b.csv", "a.tsv"], id="one-option"),
        pytest.param(["--train", "b.csv", "--train", "a.tsv"], id="two-options"),
    ],
)
def test_resolve_several_files_are_kept_in_order(options: list[str]) -> None:
    recipe = read(*options, "--test", "c.jsonl")
    expected = [("train", Path("b.csv")), ("train", Path("a.tsv")), ("test", Path("c.jsonl"))]
    assert recipe.files() == expected


def test_describe_is_json_and_has_no_folder(tmp_path: Path) -> None:
    recipe = read("--train", str(tmp_path / "a.csv"), "--test", str(tmp_path / "b.csv"))
    described = recipe.describe()
    assert json.loads(json.dumps(described)) == described
    assert set(described) == {field.name for field in fields(Recipe)}
    assert str(tmp_path) not in str(described)
    assert (described["train"], described["test"], described["output"]) == (
        ["a.csv"],
        "b.csv",
        "out",
    )


def test_describe_name_that_is_no_utf8_is_spelled() -> None:
    name = os.fsdecode(b"a\xff.csv")
    described = read("--train", name, "--validation", name, "--test", name).describe()
    assert [described[key] for key in ("validation", "test")] == ["a\ufffd.csv"] * 2
    assert described["train"] == ["a\ufffd.csv"]


def test_resolve_base_folder_is_absolute_and_named_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my-bert").mkdir()
    monkeypatch.chdir(tmp_path)
    recipe = read("--base", "my-bert")
    assert (recipe.base, recipe.base_name) == (str(tmp_path / "my-bert"), "my-bert")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(["--epochs", "0"], "--epochs: 0 is outside 1 to 1000", id="too-low"),
        pytest.param(["--epochs", "four"], "--epochs: invalid int value: 'four'", id="word"),
        pytest.param(["--learning-rate", "nan"], "--learning-rate: nan is outside", id="nan"),
        pytest.param(["--class-weights", "some"], "--class-weights: invalid choice", id="choice"),
        pytest.param(["--base", ""], "--base: is empty; give a folder or a hub id", id="no-base"),
        pytest.param(["--evaluation", "x"], "unrecognized arguments", id="unknown"),
        pytest.param(["--eval", "x"], "unrecognized arguments", id="old-name"),
    ],
)
def test_parse_args_wrong_usage_exits_with_2(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_args([*NEEDED, *options])
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["--train", "--output"])
def test_parse_args_train_and_output_are_needed(
    missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    at = NEEDED.index(missing)
    with pytest.raises(SystemExit):
        parse_args(NEEDED[:at] + NEEDED[at + 2 :])
    assert missing in capsys.readouterr().err


def test_help_teaches_own_data(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_args(["--help"])
    shown = capsys.readouterr().out
    for word in ("CSV, TSV, JSONL or Parquet", "--text-column lyrics", "--resume", "(default: 32)"):
        assert word in shown
    assert "is replaced, but for your README.md" in " ".join(shown.split())
