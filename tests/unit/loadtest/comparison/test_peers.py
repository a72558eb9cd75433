"""The servers that are compared, against the files that start them."""

from __future__ import annotations

from pathlib import Path

import pytest
from comparison.peer import PEERS_FOLDER, Peer, Place, build_command
from comparison.peers import OURS, OURS_TEXT, PEERS
from serving.triton_server import REPOSITORY

ROOT = REPOSITORY.parent
KEYS = [peer.key for peer in PEERS]


def test_keys_are_unique_and_ours_come_first() -> None:
    assert len(set(KEYS)) == len(KEYS)
    assert KEYS[:2] == [OURS, OURS_TEXT]


@pytest.mark.parametrize("peer", PEERS, ids=KEYS)
def test_command_starts_a_file_that_is_there_on_loopback(peer: Peer, tmp_path: Path) -> None:
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
def test_requirements_are_exact_and_have_the_same_torch(peer: Peer) -> None:
    assert peer.folder is not None
    text = (PEERS_FOLDER / peer.folder / "requirements.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(line.count("==") == 1 for line in lines)
    (torch,) = [line for line in lines if line.startswith("torch==")]
    assert torch in (ROOT / "constraints.txt").read_text().splitlines()


def test_every_server_file_listens_on_loopback() -> None:
    for path in PEERS_FOLDER.glob("*/*.py"):
        assert "127.0.0.1" in path.read_text() or path.parent.name == "mosec", path


def test_page_names_every_peer() -> None:
    page = (ROOT / "docs" / "comparison.md").read_text()
    names = {peer.name for peer in PEERS if peer.form != "ours"}
    assert {name for name in names if name not in page} == set()
