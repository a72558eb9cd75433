"""The comparison on a real Triton with small peers; with all peers: a long proof."""

import json
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from emotion_benchmarks.comparison.exchange import plain_text
from emotion_benchmarks.comparison.job import MAX_ERROR
from emotion_benchmarks.comparison.peers import OURS, PEERS, Peer
from emotion_command.checkout import ROOT

from benchmarks.compare import main

FAKE = Path(__file__).resolve().parents[1] / "fakes" / "fake_peer.py"
SHORT = ("--rounds=1", "--seconds=1", "--warm-up=0.5")


def build_fake(key, *options):
    command = ("{python}", str(FAKE), "--port={port}", *options)
    return Peer(key, key, "tuned", command, plain_text("/"))


@pytest.fixture
def keep_signals():
    """The command takes over the signals of its process, which here is pytest's."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_compare_measures_ours_and_lists_what_is_wrong_or_broken(
    default_repository, tmp_path, capsys, keep_signals
):
    ours = next(peer for peer in PEERS if peer.key == OURS)
    peers = [ours, build_fake("parrot"), build_fake("broken", "--fail")]
    path = tmp_path / "compare.json"
    options = [*SHORT, "--check", f"--model-repository={default_repository}", f"--json={path}"]
    code = main(options, peers=peers)
    out = capsys.readouterr().out
    assert code == 2, out  # there is no verdict on the broken one
    assert "WRONG: parrot, tuned: " in out
    (line,) = re.findall(r"^broken, tuned  .*$", out, re.MULTILINE)
    assert line.endswith("not measured: it ended with code 1: RuntimeError: there is no model here")
    assert "parrot, tuned: error 0." in out
    # There is a ratio, but no target for answers that are not the model's own.
    assert re.search(r"^ +rate of ours / parrot, tuned ", out, re.MULTILINE), out
    found = json.loads(path.read_text())["peers"]
    assert found[OURS]["figures"]["num_wrong"] == 0
    assert found[OURS]["figures"]["texts_per_s"] > 0
    assert found[OURS]["figures"]["server_cpu_s_per_1000"] > 0
    assert found[OURS]["figures"]["memory_mib"] > 100
    assert found["parrot"]["figures"]["num_wrong"] > 0
    assert find_scratch(OURS) == []


def test_ctrl_c_under_load_is_code_0_and_leaves_nothing(default_repository, capsys, keep_signals):
    num_asked = 0

    def build(text):
        nonlocal num_asked
        num_asked += 1
        if num_asked == 500:
            signal.raise_signal(signal.SIGINT)
        return text.encode()

    parrot = build_fake("parrot")
    peer = replace(parrot, exchange=replace(parrot.exchange, build=build))
    options = ["--rounds=1", "--seconds=60", f"--model-repository={default_repository}"]
    assert main(options, peers=[peer]) == 0
    assert num_asked < 1000
    assert capsys.readouterr().err == "compare: stopped\n"
    assert find_scratch("parrot") == []
    assert not [each for each in psutil.process_iter(["cmdline"]) if is_fake(each)]


def find_scratch(key):
    """Returns what a server of the comparison left of its scratch folder."""
    return list(Path(tempfile.gettempdir()).glob(f"emotion-*-{key}"))


def is_fake(process):
    return str(FAKE) in (process.info["cmdline"] or [])


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_compare_every_peer_answers(tmp_path):
    path = tmp_path / "compare.json"
    subprocess.run(["make", "peers"], cwd=ROOT, check=True, timeout=1800)
    command = [sys.executable, str(ROOT / "benchmarks" / "compare.py"), *SHORT, f"--json={path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    peers = json.loads(path.read_text())["peers"]
    assert {key: each["error"] for key, each in peers.items() if each["error"]} == {}
    coarse = {key for key, each in peers.items() if each["figures"]["max_error"] > MAX_ERROR}
    quantized = {each.key for each in PEERS if "int8" in each.name}
    assert coarse <= {"mosec-example", *quantized}
    wrong = {key for key, each in peers.items() if each["figures"]["num_wrong"]}
    assert wrong <= coarse
    assert "mosec-example" in wrong  # it pads without a mask
