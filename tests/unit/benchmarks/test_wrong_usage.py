"""The command lines of all benchmarks."""

import pytest
from emotion_benchmarks.comparison.peers import PEERS
from emotion_benchmarks.overhead.lone_requests import PAIRS_AT_A_TIME
from emotion_benchmarks.rounds import check_rounds

from benchmarks import client, compare, engine, engines, overhead, scoring

COUNT = "expected an integer from 1 to 10000000, got "
SECONDS = "expected a number greater than 0 and at most "


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        (client, ["--rounds=0"], f"{COUNT}'0'"),
        (client, ["--lines=many"], f"{COUNT}'many'"),
        (client, ["--texts=10000001"], f"{COUNT}'10000001'"),
        (client, ["--url=nowhere"], "argument --url"),
        (client, ["--json=/"], "argument --json: / is a folder; name a file"),
        (overhead, ["--rounds=0"], f"{COUNT}'0'"),
        (overhead, ["--texts=99"], "expected an integer from 100 to 10000000, got '99'"),
        (overhead, ["--pairs=99"], "expected an integer from 100 to 10000000, got '99'"),
        (overhead, ["--json=/nowhere/x.json"], "/nowhere does not exist; make it first"),
        (overhead, ["--url=127.0.0.1:8001"], "unrecognized arguments"),
        (scoring, ["--texts=99"], "expected an integer from 100 to 10000000, got '99'"),
        (scoring, ["--rounds=0"], "expected an integer from 1 to 1000, got '0'"),
        (engine, ["--seconds=0"], f"{SECONDS}3600, got '0'"),
        (engine, ["--seconds=3601"], f"{SECONDS}3600, got '3601'"),
        (engine, ["--threads=-1"], "expected an integer from 0 to 1024, got '-1'"),
        (engine, ["--device=abacus"], "argument --device: abacus: "),
        (engine, ["--by-length", "--json=x"], "not allowed with argument --by-length"),
        (engine, ["--models", "gpt"], "invalid choice: 'gpt'"),
        (engine, ["--json=/"], "argument --json: / is a folder; name a file"),
        (engines, ["--only", "nothing"], "invalid choice: 'nothing'"),
        (engines, ["--models", "distilbert"], "invalid choice: 'distilbert'"),
        (engines, ["--rounds=0"], "expected an integer from 1 to 100, got '0'"),
        (engines, ["--seconds=0"], f"{SECONDS}600, got '0'"),
        (engines, ["--threads=1025"], "expected an integer from 0 to 1024, got '1025'"),
        (engines, ["--json=/"], "argument --json: / is a folder; name a file"),
        (compare, ["--only", "nothing"], "invalid choice: 'nothing'"),
        (compare, ["--rounds=0"], "expected an integer from 1 to 100, got '0'"),
        (compare, ["--rounds=101"], "expected an integer from 1 to 100, got '101'"),
        (compare, ["--seconds=0"], f"{SECONDS}600, got '0'"),
        (compare, ["--warm-up=nan"], f"{SECONDS}600, got 'nan'"),
        (compare, ["--json=/"], "argument --json: / is a folder; name a file"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(command, arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "option"), [(client, "lines"), (client, "texts"), (overhead, "requests")]
)
def test_too_few_for_the_rounds_is_code_2(command, option, capsys):
    assert command.main([f"--{option}=499"]) == 2
    sentence = f"--{option} is 499; 5 rounds need at least 500, or give fewer --rounds\n"
    assert capsys.readouterr().err.endswith(f": {sentence}")


def test_the_least_that_is_enough_and_the_defaults_are_not_refused():
    check_rounds(5, lines=500, texts=501)
    args = client.parse_args([])
    check_rounds(args.rounds, lines=args.lines, texts=args.texts)
    args = overhead.parse_args([])
    check_rounds(args.rounds, requests=args.requests)
    assert args.pairs % PAIRS_AT_A_TIME == 0
    args = overhead.parse_args(["--texts=100", "--pairs=100"])
    assert (args.texts, args.pairs) == (100, 100)
    args = compare.parse_args(["--rounds=100", "--seconds=600"], peers=PEERS)
    assert (args.rounds, args.seconds, args.only) == (100, 600, [peer.key for peer in PEERS])


def test_compare_repository_without_checkpoint_is_code_2(tmp_path, capsys):
    assert compare.main([f"--model-repository={tmp_path}"]) == 2
    assert "config.pbtxt is missing" in capsys.readouterr().err
