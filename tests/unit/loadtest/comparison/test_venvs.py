"""The virtual environments of peers; pip installs from this disk, or fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from comparison import venvs
from comparison.peer_error import PeerError
from comparison.venvs import choose_cause, make_venv


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The requirements of a peer that needs nothing; its environment goes beside it."""
    monkeypatch.setattr(venvs, "PEERS_FOLDER", tmp_path)
    monkeypatch.setattr(venvs, "VENVS", tmp_path / "venvs")
    (tmp_path / "fake").mkdir()
    path = tmp_path / "fake" / "requirements.txt"
    path.write_text("# nothing\n")
    return path


def test_environment_is_made_once(requirements: Path) -> None:
    lines: list[str] = []
    python = make_venv("fake", index=None, report=lines.append)
    assert python.is_file()
    assert lines == ["fake: installing its requirements into venvs/fake"]
    assert make_venv("fake", index=None, report=lines.append) == python
    assert len(lines) == 1


def test_what_cannot_be_installed_is_named_and_not_taken_for_made(requirements: Path) -> None:
    requirements.write_text("./no-such-folder\n")
    with pytest.raises(PeerError, match=r"it cannot be installed: ERROR: .*no-such-folder"):
        make_venv("fake", index=None, report=lambda _: None)
    assert not (venvs.VENVS / "fake" / venvs.STAMP).exists()


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (["start", "ValueError: no such model", "bye"], "ValueError: no such model"),
        (["ERROR: first", "  ERROR: last  ", ""], "ERROR: last"),
        (["one", "two", ""], "two"),
        ([], ""),
    ],
    ids=["exception", "last-error", "last-line", "nothing"],
)
def test_choose_cause_takes_the_line_that_says_most(lines: list[str], cause: str) -> None:
    assert choose_cause(lines) == cause
