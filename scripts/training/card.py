"""The README.md that a training writes, told from one that a user wrote or changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

CARD = "README.md"
OWN_CARD = re.compile(
    r"# .* of .*\n\nMade by `scripts/train\.py` for the labels .*; how, and its figures, are in"
    r" `training\.json`\.\n"
)


def build_card(*, kind: str, base: str, labels: Sequence[str]) -> str:
    """Returns the card of a `kind` of training ("Adapter") on `base`."""
    return (
        f"# {kind} of {base}\n\nMade by `scripts/train.py` for the labels {', '.join(labels)};"
        " how, and its figures, are in `training.json`.\n"
    )


def has_card_of_user(folder: Path) -> bool:
    """Tells whether the folder has a card that is worth keeping."""
    path = folder / CARD
    return path.is_file() and not OWN_CARD.fullmatch(
        path.read_text(encoding="utf-8", errors="replace")
    )
