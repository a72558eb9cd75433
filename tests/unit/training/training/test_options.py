"""The command line of train.py."""

import pytest
from emotion_training.training.options import parse_args

NEEDED = ["--train=mine.csv", "--output=out"]
# Of each number: the lowest and the highest, and the nearest ones beyond them.
RANGES = [
    ("--validation-share", ("0.001", "0.9"), ("0.0009", "0.91")),
    ("--rank", ("1", "384"), ("0", "385")),
    ("--max-length", ("3", "8192"), ("2", "8193")),
    ("--epochs", ("1", "1000"), ("0", "1001")),
    ("--patience", ("1", "1000"), ("0", "1001")),
    ("--members", ("1", "16"), ("0", "17")),
    ("--learning-rate", ("1e-7", "1"), ("0.9e-7", "1.1")),
    ("--batch-size", ("1", "4096"), ("0", "4097")),
    ("--label-smoothing", ("0", "0.9"), ("-0.1", "0.91")),
    ("--verses", ("0", "10"), ("-0.1", "10.1")),
    ("--start-share", ("0", "1"), ("-0.1", "1.1")),
    ("--most-per-file", ("1", "1000000000"), ("0", "1000000001")),
    ("--teacher-share", ("0", "1"), ("-0.1", "1.1")),
    ("--seed", ("0", "4294967295"), ("-1", "4294967296")),
]


@pytest.mark.parametrize(("name", "inside", "outside"), RANGES)
def test_parse_args_number_out_of_range_exits_with_2(name, inside, outside, capsys):
    for value in inside:
        args = vars(parse_args([*NEEDED, f"{name}={value}"]))
        assert args[name[2:].replace("-", "_")] == float(value)
    for value in outside:
        with pytest.raises(SystemExit) as caught:
            parse_args([*NEEDED, f"{name}={value}"])
        assert caught.value.code == 2
        assert f"argument {name}: expected a" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (NEEDED[:1], "required: --output"),
        (NEEDED[1:], "required: --train"),
        ([*NEEDED, "--class-weights=some"], "--class-weights: invalid choice"),
        ([*NEEDED, "--base="], "--base: is empty; give a folder or a hub id"),
        ([*NEEDED, "--eval=x"], "unrecognized arguments"),
    ],
)
def test_parse_args_wrong_usage_exits_with_2(options, sentence, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_args(options)
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


def test_help_teaches_own_data(capsys):
    with pytest.raises(SystemExit):
        parse_args(["--help"])
    shown = capsys.readouterr().out
    for word in ("CSV, TSV, JSONL or Parquet", "--text-column lyrics", "--resume", "(default: 32)"):
        assert word in shown
    assert "is replaced, except for your README.md" in " ".join(shown.split())
