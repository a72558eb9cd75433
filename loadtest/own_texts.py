"""The project's own verses and messages, of which the texts of every measurement are made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from emotion_client.tokenizer import TextTokenizer
from text_mix import Count

# What reads labelled texts is no installed package; the commands find it by their own folder.
sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from examples import read_examples

DATA = Path(__file__).resolve().parents[1] / "data"


def read_own_texts(name: Literal["verses", "messages"]) -> list[str]:
    """Returns the texts of one file.

    Raises:
        DataError: it is not there, or not as it should be.
    """
    return [example.text for example in read_examples(DATA / f"{name}.jsonl")]


def count_with(tokenizer: TextTokenizer) -> Count:
    """Returns what counts the tokens of each text, special tokens included, before truncation."""

    def count(texts: Sequence[str]) -> list[int]:
        return [encoding.num_tokens for encoding in tokenizer.encode(texts)]

    return count
