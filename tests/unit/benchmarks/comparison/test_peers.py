"""The servers that are compared, against the files that start them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from emotion_benchmarks.comparison import peers
from emotion_benchmarks.comparison.peers import (
    OURS,
    OURS_TEXT,
    PEERS,
    PEERS_FOLDER,
    PeerError,
    Place,
    build_command,
    find_python,
)
from emotion_command.checkout import REPOSITORY, ROOT

KEYS = [peer.key for peer in PEERS]


def test_keys_are_unique_and_ours_come_first():
    assert len(set(KEYS)) == len(KEYS)
    assert KEYS[:2] == [OURS, OURS_TEXT]


@pytest.mark.parametrize("peer", PEERS, ids=KEYS)
def test_command_starts_a_file_that_is_there_on_loopback(peer, tmp_path):
    place = Place(
        python=Path("/venv/bin/python"),
        port=1234,
        grpc_port=2345,
        repository=REPOSITORY,
        dtype="bfloat16",
        num_workers=2,
        scratch=tmp_path,
    )
    command = build_command(peer, place=place)
    assert "1234" in " ".join(command)
    assert not [part for part in command if "{" in part or "0.0.0.0" in part]
    for part in command:
        if part.endswith(".py"):
            assert Path(part).is_file()


@pytest.mark.parametrize("peer", [each for each in PEERS if each.folder], ids=lambda each: each.key)
def test_requirements_are_exact_and_have_the_same_torch(peer):
    text = (PEERS_FOLDER / peer.folder / "requirements.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(line.count("==") == 1 for line in lines)
    (torch,) = [line for line in lines if line.startswith("torch==")]
    assert torch in (ROOT / "constraints.txt").read_text().splitlines()


def test_every_server_file_listens_on_loopback():
    for path in PEERS_FOLDER.rglob("*serve*.py"):
        if path.name == "server_options.py":
            continue
        assert "127.0.0.1" in path.read_text() or path.parent.name == "mosec", path


def test_page_names_every_peer():
    page = (ROOT / "docs" / "comparison.md").read_text()
    names = {peer.name for peer in PEERS if peer.form != "ours"}
    assert {name for name in names if name not in page} == set()


@pytest.mark.parametrize("installed_s", [None, 999, 1000])
def test_python_is_that_of_a_virtual_environment_as_new_as_its_requirements(
    installed_s, tmp_path, monkeypatch
):
    monkeypatch.setattr(peers, "PEERS_FOLDER", tmp_path)
    monkeypatch.setattr(peers, "VENVS", tmp_path / ".venv-peers")
    installed = tmp_path / ".venv-peers" / "mosec" / ".installed"
    for file, time_s in ((tmp_path / "mosec" / "requirements.txt", 1000), (installed, installed_s)):
        if time_s:
            file.parent.mkdir(parents=True)
            file.touch()
            os.utime(file, (time_s, time_s))
    if installed_s == 1000:
        assert find_python("mosec") == installed.parent / "bin" / "python"
    else:
        with pytest.raises(PeerError, match=r"run `make \.venv-peers/mosec/\.installed`"):
            find_python("mosec")
    assert find_python(None) == Path(sys.executable)


def test_make_installs_each_peer():
    command = ["make", "--dry-run", "--always-make", "peers"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for folder in {peer.folder for peer in PEERS if peer.folder}:
        assert f"-r benchmarks/peers/{folder}/requirements.txt\n" in lines
        assert f"touch .venv-peers/{folder}/.installed\n" in lines
