"""A virtual environment for each peer, made at first use and kept."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from comparison.peer import PEERS_FOLDER
from comparison.peer_error import PeerError

VENVS = Path(__file__).resolve().parents[2] / ".venv-peers"
STAMP = ".requirements-sha256"
SHOWN = ("Collecting ", "Downloading ", "Building ", "Installing ")
NUM_KEPT_LINES = 50
MAX_LINE_LEN = 100


def make_venv(folder: str, *, index: str | None, report: Callable[[str], None]) -> Path:
    """Returns the interpreter of a peer's virtual environment, which is made unless it is there.

    Args:
        folder: the peer's, in loadtest/peers; its requirements.txt is what is installed.
        index: a source of packages beside PyPI; None for none.
        report: gets lines of progress.

    Raises:
        PeerError: it cannot be installed.
    """
    requirements = PEERS_FOLDER / folder / "requirements.txt"
    home = VENVS / folder
    python = home / "bin" / "python"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = home / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    report(f"{folder}: installing its requirements into {home.parent.name}/{folder}")
    shutil.rmtree(home, ignore_errors=True)
    source = ["--extra-index-url", index] if index else []
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *source]
    _run([sys.executable, "-m", "venv", str(home)], folder=folder, report=report)
    _run([*pip, "-r", str(requirements)], folder=folder, report=report)
    stamp.write_text(wanted)  # last: what was cut short is made anew
    return python


def choose_cause(lines: Sequence[str]) -> str:
    """Returns the line of a log that says best why it ended; "" where there is none."""
    filled = [line.strip() for line in lines if line.strip()]
    errors = [line for line in filled if "error" in line.split(":")[0].lower()]
    return (errors or filled or [""])[-1]


def _run(command: list[str], *, folder: str, report: Callable[[str], None]) -> None:
    lines = deque[str](maxlen=NUM_KEPT_LINES)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line)
                if line.startswith(SHOWN):
                    report(f"{folder}: {line.strip()[:MAX_LINE_LEN]}")
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise PeerError(f"it cannot be installed: {choose_cause(lines)}")
