"""Reads docs/protocol.md: its tables and its code blocks."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "protocol.md"
EXAMPLES = DOCS / "examples"


def read_blocks(language: str) -> list[str]:
    """Returns the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def read_table(first_column: str) -> list[list[str]]:
    """Returns the rows of the table whose first column has this name, without backticks."""
    head = re.search(rf"^\| {re.escape(first_column)} \|.*\n\|[-|]+\|\n", PAGE.read_text(), re.M)
    assert head is not None, first_column
    rows = re.match(r"(\|.*\n)*", PAGE.read_text()[head.end() :])
    assert rows is not None
    lines = rows[0].replace("`", "").splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
