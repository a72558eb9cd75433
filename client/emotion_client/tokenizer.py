"""From text to token ids, with the checkpoint's own tokenizer.

The server's model `emotion_tokenizer` uses this module too, so a text gets the same ids on both
sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

EMPTY = "has no token; this model's tokenizer makes none of it"
"""What is wrong with a text that cannot be asked, such as an empty one for GPT-2."""


@dataclass(frozen=True)
class Encoding:
    """One tokenized text.

    Attributes:
        input_ids: at most max_length ids, including special tokens.
        num_tokens: tokens before truncation, including special tokens.
        truncated: whether the text was longer than max_length.
    """

    input_ids: list[int]
    num_tokens: int
    truncated: bool


@dataclass(frozen=True)
class Window:
    """A part of a text that fits into max_length.

    Attributes:
        encoding: its tokens; never truncated.
        start: where it starts in the text, in characters.
        end: where it ends, exclusive.
    """

    encoding: Encoding
    start: int
    end: int


class TextTokenizer:
    """The tokenizer of a checkpoint, which truncates to max_length.

    Args:
        tokenizer_json: the tokenizer as one JSON document, as `emotion_info` serves it.
        max_length: maximum tokens of a text, including special tokens.

    Raises:
        Exception: `tokenizer_json` is not a tokenizer.
    """

    def __init__(self, tokenizer_json: str, *, max_length: int) -> None:
        self.max_length = max_length
        self._json = tokenizer_json
        self._tokenizer = self._load(overlap=0)
        # From tokenizers 0.20 on: without the places of tokens in the text, which take a fifth.
        self._encode_batch = getattr(
            self._tokenizer, "encode_batch_fast", self._tokenizer.encode_batch
        )
        self._num_special_tokens = self._tokenizer.num_special_tokens_to_add(False)
        self._windowing: dict[int, Tokenizer] = {}  # by overlap

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokenizes texts. Thread-safe."""
        if len(texts) == 1:  # a batch would start the tokenizer's thread pool
            return [self._measure(self._tokenizer.encode(texts[0]))]
        return [self._measure(encoding) for encoding in self._encode_batch(texts)]

    def encode_windows(self, text: str, *, overlap: int) -> list[Window]:
        """Tokenizes a text of any length, cut into windows of at most max_length tokens.

        Args:
            text: what to tokenize; "" has one window.
            overlap: tokens shared with the window before, less than half of max_length.
        """
        if overlap not in self._windowing:
            self._windowing[overlap] = self._load(overlap=overlap)
        first = self._windowing[overlap].encode(text)
        return [_window(piece) for piece in (first, *first.overflowing)]

    def _load(self, *, overlap: int) -> Tokenizer:
        tokenizer = Tokenizer.from_str(self._json)
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_length, stride=overlap)
        return tokenizer

    def _measure(self, encoding: Any) -> Encoding:
        # A truncated text comes back in pieces, each with its own special tokens.
        rest = encoding.overflowing
        num_tokens = len(encoding) + sum(len(piece) - self._num_special_tokens for piece in rest)
        return Encoding(encoding.ids, num_tokens, bool(rest))


def _window(piece: Any) -> Window:
    is_special = piece.special_tokens_mask
    spans = [span for span, special in zip(piece.offsets, is_special, strict=True) if not special]
    start, end = (spans[0][0], spans[-1][1]) if spans else (0, 0)
    return Window(Encoding(piece.ids, len(piece), False), start, end)
