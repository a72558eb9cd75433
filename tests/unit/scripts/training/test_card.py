"""Whose README.md it is, as `scripts/training/card.py` tells."""

from __future__ import annotations

from pathlib import Path

import pytest
from training.card import build_card, has_card_of_user

OWN = build_card(kind="Adapter", base="org/my-bert", labels=["fear", "joy (or so)"])


@pytest.mark.parametrize(
    ("content", "is_user"),
    [
        pytest.param(None, False, id="none"),
        pytest.param(OWN.encode(), False, id="own"),
        pytest.param(
            build_card(kind="Fine-tune", base="bert", labels=["страх", "joy"]).encode(),
            False,
            id="own-of-a-fine-tune",
        ),
        pytest.param(b"my card", True, id="of-a-user"),
        pytest.param(f"{OWN}\nIt is for ballads.\n".encode(), True, id="own-with-an-addition"),
        pytest.param(b"", True, id="empty"),
        pytest.param(b"\xff\xfe", True, id="no-utf8"),
    ],
)
def test_has_card_of_user_tells_own_cards_from_others(
    tmp_path: Path, content: bytes | None, is_user: bool
) -> None:
    if content is not None:
        (tmp_path / "README.md").write_bytes(content)
    assert has_card_of_user(tmp_path) == is_user
