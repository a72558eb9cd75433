"""Texts of known lengths, cut out of and joined from the project's own verses and messages.

No I/O: texts come in, and with them what counts their tokens.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

# Tokens of each text, special tokens included, before truncation.
Count = Callable[[Sequence[str]], list[int]]
SEPARATOR = "\n\n"
MIN_LINE_LEN, MAX_LINE_LEN = 8, 20


LINES, LYRICS = "single lines", "lyrics"


class MixError(Exception):
    """The texts cannot be made; the message says why."""


@dataclass(frozen=True)
class LengthStatistics:
    """How long texts are, in tokens after truncation, special tokens included.

    Attributes:
        p10: a tenth of the texts is shorter.
        p50: the median.
        p90: nine tenths are shorter.
        mean: of all.
        share_at_limit: share of the texts that reach the limit, 0 to 1.
    """

    p10: float
    p50: float
    p90: float
    mean: float
    share_at_limit: float


LYRIC_LIMIT = 128
LYRIC_STATISTICS = LengthStatistics(p10=38, p50=104, p90=128, mean=92, share_at_limit=0.45)
TOLERANCE = LengthStatistics(p10=3, p50=3, p90=0, mean=2, share_at_limit=0.02)
# Quantiles of the lengths before truncation that give these statistics. 400 tokens are a song of
# some 300 words; what is beyond the limit costs the client's tokenizer alone.
LYRIC_QUANTILES = {0.0: 3, 0.1: 38, 0.3: 62, 0.5: 104, 0.55: 128, 1.0: 400}


@dataclass(frozen=True)
class Pieces:
    """Texts to join, the shortest first.

    Attributes:
        texts: not empty.
        lens: tokens of each behind a separator, special tokens left out.
    """

    texts: list[str]
    lens: list[int]

    def pick(self, *, max_len: int, rng: random.Random) -> tuple[str, int] | None:
        """Returns one of those that are short enough, with its length; None if none is."""
        num_fitting = bisect_right(self.lens, max_len)
        if num_fitting == 0:
            return None
        i = rng.randrange(num_fitting)
        return self.texts[i], self.lens[i]


@dataclass(frozen=True)
class LyricMaker:
    """Makes texts as long as lyrics are.

    Attributes:
        stanzas: joined as long as one fits.
        lines: what the rest is filled with.
        num_special_tokens: that the tokenizer adds to every text.
    """

    stanzas: Pieces
    lines: Pieces
    num_special_tokens: int

    def make(self, num_texts: int, *, rng: random.Random) -> list[str]:
        """Returns texts whose lengths lie on `LYRIC_QUANTILES`, in any order."""
        ranks = (np.arange(num_texts) + 0.5) / num_texts
        lens = np.interp(ranks, list(LYRIC_QUANTILES), list(LYRIC_QUANTILES.values()))
        texts = [self._join(round(each), rng=rng) for each in lens.tolist()]
        rng.shuffle(texts)
        return texts

    def _join(self, num_tokens: int, *, rng: random.Random) -> str:
        parts, room = [], num_tokens - self.num_special_tokens
        for pieces in (self.stanzas, self.lines):
            while (found := pieces.pick(max_len=room, rng=rng)) is not None:
                parts.append(found[0])
                room -= found[1]
        return SEPARATOR.join(parts)


@dataclass(frozen=True)
class Mix:
    """Texts to classify.

    Attributes:
        name: for tables.
        rounds: the texts of each round.
        lengths: of all texts together.
    """

    name: str
    rounds: list[list[str]]
    lengths: LengthStatistics

    @property
    def num_texts(self) -> int:
        """How many texts there are in all rounds."""
        return sum(map(len, self.rounds))

    def describe(self) -> str:
        """Returns one line on the texts."""
        lengths, num_rounds = self.lengths, len(self.rounds)
        return (
            f"{self.name}: {self.num_texts:,} in {num_rounds} round{'s' * (num_rounds != 1)}; "
            f"tokens p10 {lengths.p10:.0f}, p50 {lengths.p50:.0f}, p90 {lengths.p90:.0f}, "
            f"mean {lengths.mean:.1f}, {lengths.share_at_limit:.0%} reach {LYRIC_LIMIT}"
        )


def build_mix(name: str, rounds: list[list[str]], *, count: Count) -> Mix:
    """Returns the mix of these texts.

    Raises:
        MixError: they are to be lyrics, and are not as long as lyrics are.
    """
    num_tokens = count([text for texts in rounds for text in texts])
    lengths = measure_lengths(num_tokens, limit=LYRIC_LIMIT)
    if name == LYRICS:
        check_lyrics(lengths)
    return Mix(name, rounds, lengths)


def make_lyrics(
    verses: Sequence[str], *, sizes: Sequence[int], count: Count, rng: random.Random
) -> list[list[str]]:
    """Returns as many groups of texts as there are sizes, all with the lengths of lyrics.

    Args:
        verses: what they are joined of.
        sizes: texts of each group.
        count: tells lengths.
        rng: the same one makes the same texts.
    """
    maker = learn_lyrics(verses, count=count)
    return [maker.make(size, rng=rng) for size in sizes]


def learn_lyrics(verses: Sequence[str], *, count: Count) -> LyricMaker:
    """Returns what makes lyrics of these verses."""
    (num_special_tokens,) = count([""])
    stanzas = _sort(verses, count=count, num_special_tokens=num_special_tokens)
    lines = _sort(_split_lines(verses), count=count, num_special_tokens=num_special_tokens)
    return LyricMaker(stanzas, lines, num_special_tokens)


def make_lines(
    texts: Sequence[str], *, num_lines: int, count: Count, rng: random.Random
) -> list[str]:
    """Returns lines of 8 to 20 tokens that stand in the texts, repeated where there are too few.

    Raises:
        MixError: there is no such line.
    """
    lines = _split_lines(texts)
    own = [
        line
        for line, num_tokens in zip(lines, count(lines), strict=True)
        if MIN_LINE_LEN <= num_tokens <= MAX_LINE_LEN
    ]
    if not own:
        raise MixError(f"no line of the texts has {MIN_LINE_LEN} to {MAX_LINE_LEN} tokens")
    rng.shuffle(own)
    num_copies = -(-num_lines // len(own))
    return (own * num_copies)[:num_lines]


def measure_lengths(num_tokens: Sequence[int], *, limit: int) -> LengthStatistics:
    """Returns the statistics of texts with so many tokens, truncated at a limit."""
    lens = np.minimum(num_tokens, limit)
    p10, p50, p90 = np.percentile(lens, [10, 50, 90]).tolist()
    return LengthStatistics(p10, p50, p90, float(lens.mean()), float((lens == limit).mean()))


def check_lyrics(found: LengthStatistics) -> None:
    """Refuses texts that are not as long as lyrics are.

    Raises:
        MixError: a figure is further from `LYRIC_STATISTICS` than `TOLERANCE`.
    """
    for field in fields(LengthStatistics):
        is_value, wanted, tolerance = (
            getattr(each, field.name) for each in (found, LYRIC_STATISTICS, TOLERANCE)
        )
        if abs(is_value - wanted) > tolerance:
            raise MixError(
                f"the lyrics have {field.name} {is_value:g} with this server's tokenizer; "
                f"it must be {wanted:g}, {tolerance:g} more or less"
            )


def _split_lines(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in text.splitlines() if line.strip()]


def _sort(texts: Sequence[str], *, count: Count, num_special_tokens: int) -> Pieces:
    # Behind a separator, which some tokenizers make tokens of.
    lens = [each - num_special_tokens for each in count([SEPARATOR + text for text in texts])]
    pairs = sorted(zip(lens, texts, strict=True))
    return Pieces([text for _, text in pairs], [length for length, _ in pairs])
