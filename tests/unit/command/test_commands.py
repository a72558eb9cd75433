"""Every command explains itself, refuses what it does not know, and is a thin file."""

import pytest
from emotion_client.cli.main import main as lyric_emotion
from emotion_command.checkout import ROOT
from emotion_training import goemotions

from benchmarks import client, compare, engine, engines, overhead, scoring
from loadtest import autoscaling, capacity, run
from scripts import demo, evaluate, healthcheck, prepare_model, score, serve, train

UNKNOWN = ["--no-such-option"]
MAX_COLUMNS, MAX_LINES = 100, 100
FILES = [
    file for name in ("scripts", "loadtest", "benchmarks") for file in (ROOT / name).glob("*.py")
]
# Of each command: what starts it, and arguments that it refuses.
COMMANDS = [
    pytest.param(serve.main, UNKNOWN, id="serve"),
    pytest.param(healthcheck.main, UNKNOWN, id="healthcheck"),
    pytest.param(demo.main, UNKNOWN, id="demo"),
    pytest.param(prepare_model.main, UNKNOWN, id="prepare_model"),
    pytest.param(train.main, ["data.csv", *UNKNOWN], id="train"),
    pytest.param(evaluate.main, ["data.csv", *UNKNOWN], id="evaluate"),
    pytest.param(score.main, ["songs.csv", "--output=scored", *UNKNOWN], id="score"),
    pytest.param(goemotions.main, ["a.tsv", "--output=a", *UNKNOWN], id="goemotions"),
    # These pass unknown options on to Locust.
    pytest.param(run.main, ["--seconds=0"], id="run"),
    pytest.param(capacity.main, ["--seconds=0"], id="capacity"),
    pytest.param(autoscaling.main, UNKNOWN, id="autoscaling"),
    pytest.param(client.main, UNKNOWN, id="client"),
    pytest.param(compare.main, UNKNOWN, id="compare"),
    pytest.param(engine.main, UNKNOWN, id="engine"),
    pytest.param(engines.main, UNKNOWN, id="engines"),
    pytest.param(overhead.main, UNKNOWN, id="overhead"),
    pytest.param(scoring.main, UNKNOWN, id="scoring"),
    pytest.param(lyric_emotion, UNKNOWN, id="lyric-emotion"),
    *(
        pytest.param(lambda argv, name=name: lyric_emotion([name, *argv]), UNKNOWN, id=name)
        for name in ("classify", "song", "info", "ready")
    ),
]


@pytest.mark.parametrize(("main", "refused"), COMMANDS)
def test_command_explains_itself_and_refuses_what_it_does_not_know(
    main, refused, monkeypatch, capsys
):
    monkeypatch.setenv("COLUMNS", str(MAX_COLUMNS))
    with pytest.raises(SystemExit) as exit_info:
        main(["--help"])
    shown, errors = capsys.readouterr()
    assert (exit_info.value.code, errors) == (0, "")
    usage, description, *_ = shown.split("\n\n")
    assert usage.startswith("usage: ")
    assert description[0].isupper(), "there is no description"
    assert [line for line in shown.splitlines() if len(line) > MAX_COLUMNS] == []

    with pytest.raises(SystemExit) as exit_info:
        main(refused)
    printed, errors = capsys.readouterr()
    assert (exit_info.value.code, printed) == (2, "")
    assert ": error: " in errors.splitlines()[-1]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_command_is_a_short_file(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) < MAX_LINES
