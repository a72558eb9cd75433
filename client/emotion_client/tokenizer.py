"""From text to token ids, as the checkpoint's own tokenizer does it.

The server's model `emotion_tokenizer` uses this module too, so a text becomes the same ids on
either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer


@dataclass(frozen=True)
class Encoding:
    """One tokenized text.

    Attributes:
        input_ids: at most max_length ids, special tokens included.
        num_tokens: tokens before truncation, special tokens included.
        truncated: whether the text was longer than max_length.
    """

    input_ids: list[int]
    num_tokens: int
    truncated: bool


class TextTokenizer:
    """The tokenizer of a checkpoint, truncating to its max_length.

    Args:
        tokenizer_json: the tokenizer as one JSON document, as `emotion_info` serves it.
        max_length: most tokens a text may have, special tokens included.
    """

    def __init__(self, tokenizer_json: str, *, max_length: int) -> None:
        self._tokenizer = Tokenizer.from_str(tokenizer_json)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)
        self._num_special_tokens = self._tokenizer.num_special_tokens_to_add(False)

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokenizes texts; safe to call from several threads."""
        return [self._measure(encoding) for encoding in self._tokenizer.encode_batch(texts)]

    def _measure(self, encoding: object) -> Encoding:
        # A truncated text comes back in pieces, each with its own special tokens.
        rest = encoding.overflowing  # type: ignore[attr-defined]
        num_tokens = len(encoding) + sum(len(piece) - self._num_special_tokens for piece in rest)  # type: ignore[arg-type]
        return Encoding(encoding.ids, num_tokens, bool(rest))  # type: ignore[attr-defined]
