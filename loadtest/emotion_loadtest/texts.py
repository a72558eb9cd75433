"""The texts of a load test or a benchmark: lyrics and lines of known lengths, or those of a file.

Lyrics are joined from the project's own verses, so that their lengths are right for any tokenizer.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
from emotion_client import ServerInfo
from emotion_client.cli.texts import read_files
from emotion_client.tokenizer import TextTokenizer
from emotion_command.checkout import DATA
from emotion_command.errors import Refusal
from emotion_training.data import read_examples

# Tokens of each text, special tokens included, before truncation.
Count = Callable[[Sequence[str]], list[int]]
SEPARATOR = "\n\n"
MIN_LINE_LEN, MAX_LINE_LEN = 8, 20
LINES, LYRICS = "single lines", "lyrics"
NUM_LYRICS = 2000  # of a load test


class TextError(Refusal):
    """There are no such texts; the message is one sentence: why, and what to do."""


@dataclass(frozen=True)
class LengthStatistics:
    """How long texts are, in tokens after truncation, special tokens included.

    Attributes:
        p10: a tenth of the texts is shorter.
        p50: the median.
        p90: nine tenths are shorter.
        mean: over all texts.
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
        lens: tokens that each adds after a separator, special tokens left out.
    """

    texts: list[str]
    lens: list[int]

    def pick(self, *, max_len: int, rng: random.Random) -> tuple[str, int] | None:
        """Returns one that is short enough, with its length; None if all are too long."""
        num_fitting = bisect_right(self.lens, max_len)
        if num_fitting == 0:
            return None
        i = rng.randrange(num_fitting)
        return self.texts[i], self.lens[i]


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
        """Number of texts in all rounds."""
        return sum(map(len, self.rounds))

    def describe(self) -> str:
        """Returns one line on the texts."""
        lengths, num_rounds = self.lengths, len(self.rounds)
        return (
            f"{self.name}: {self.num_texts:,} in {num_rounds} round{'s' * (num_rounds != 1)}; "
            f"tokens p10 {lengths.p10:.0f}, p50 {lengths.p50:.0f}, p90 {lengths.p90:.0f}, "
            f"mean {lengths.mean:.1f}, {lengths.share_at_limit:.0%} reach {LYRIC_LIMIT}"
        )


def read_own_texts(name: Literal["verses", "messages"]) -> list[str]:
    """Returns the texts of one of the project's own files.

    Raises:
        DataError: it is missing or malformed.
    """
    return [example.text for example in read_examples(DATA / f"{name}.jsonl")]


def read_lines(file: Path) -> list[str]:
    """Returns the texts of a file, one a line; blank lines are left out.

    Raises:
        TextError: it cannot be read, has a line that is not a text, or has no texts.
    """
    try:
        texts = list(read_files([str(file)]))
    except OSError as error:
        raise TextError(f"{file}: {error.strerror}; name a file with one text a line") from error
    except Refusal as error:
        raise TextError(str(error)) from error
    for text in texts:
        if text.problem is not None:
            raise TextError(text.problem)
    lines = [text.content for text in texts if text.content.strip()]
    if not lines:
        raise TextError(f"{file} has no text; write one a line")
    return lines


def make_texts(info: ServerInfo, *, seed: int) -> list[str]:
    """Returns the lyrics of a load test, for this server's tokenizer.

    Raises:
        DataError: the project's verses are missing.
        TextError: they give no lyrics with this tokenizer.
    """
    count = count_with(info.tokenizer)
    rng = random.Random(seed)  # noqa: S311, for texts, not for secrets
    (texts,) = make_lyrics(read_own_texts("verses"), sizes=[NUM_LYRICS], count=count, rng=rng)
    if info.max_length == LYRIC_LIMIT:
        build_mix(LYRICS, [texts], count=count)  # checks their lengths
    return texts


def make_lyrics(
    verses: Sequence[str], *, sizes: Sequence[int], count: Count, rng: random.Random
) -> list[list[str]]:
    """Returns as many groups of texts as there are sizes, each with the lengths of lyrics.

    Args:
        verses: of which whole stanzas and lines are joined.
        sizes: number of texts in each group.
        count: counts tokens.
        rng: the same one makes the same texts.
    """
    (num_special_tokens,) = count([""])
    stanzas_and_lines = [
        _sort(texts, count=count, num_special_tokens=num_special_tokens)
        for texts in (verses, _split_lines(verses))
    ]
    groups = []
    for size in sizes:
        ranks = (np.arange(size) + 0.5) / size
        lens = np.interp(ranks, list(LYRIC_QUANTILES), list(LYRIC_QUANTILES.values())).tolist()
        texts = [
            _join(stanzas_and_lines, max_len=round(each) - num_special_tokens, rng=rng)
            for each in lens
        ]
        rng.shuffle(texts)
        groups.append(texts)
    return groups


def make_lines(
    texts: Sequence[str], *, num_lines: int, count: Count, rng: random.Random
) -> list[str]:
    """Returns lines of 8 to 20 tokens from the texts, repeated where there are too few.

    Raises:
        TextError: no line has that length.
    """
    lines = _split_lines(texts)
    own = [
        line
        for line, num_tokens in zip(lines, count(lines), strict=True)
        if MIN_LINE_LEN <= num_tokens <= MAX_LINE_LEN
    ]
    if not own:
        raise TextError(f"no line of the texts has {MIN_LINE_LEN} to {MAX_LINE_LEN} tokens")
    rng.shuffle(own)
    num_copies = -(-num_lines // len(own))
    return (own * num_copies)[:num_lines]


def build_mix(name: str, rounds: list[list[str]], *, count: Count) -> Mix:
    """Returns the mix of these texts.

    Raises:
        TextError: the name is `LYRICS`, and they are not as long as lyrics are.
    """
    num_tokens = count([text for texts in rounds for text in texts])
    lengths = measure_lengths(num_tokens, limit=LYRIC_LIMIT)
    if name == LYRICS:
        check_lyrics(lengths)
    return Mix(name, rounds, lengths)


def check_lyrics(found: LengthStatistics) -> None:
    """Refuses texts that are not as long as lyrics are.

    Raises:
        TextError: a figure is further from `LYRIC_STATISTICS` than `TOLERANCE`.
    """
    for field in fields(LengthStatistics):
        value, wanted, tolerance = (
            getattr(each, field.name) for each in (found, LYRIC_STATISTICS, TOLERANCE)
        )
        if abs(value - wanted) > tolerance:
            raise TextError(
                f"the lyrics have {field.name} {value:g} with this server's tokenizer; "
                f"expected {wanted:g}, {tolerance:g} more or less"
            )


def count_with(tokenizer: TextTokenizer) -> Count:
    """Returns a function that counts tokens, special ones included, before truncation."""

    def count(texts: Sequence[str]) -> list[int]:
        return [encoding.num_tokens for encoding in tokenizer.encode(texts)]

    return count


def measure_lengths(num_tokens: Sequence[int], *, limit: int) -> LengthStatistics:
    """Returns the statistics of texts with these numbers of tokens, truncated at a limit."""
    lens = np.minimum(num_tokens, limit)
    p10, p50, p90 = np.percentile(lens, [10, 50, 90]).tolist()
    return LengthStatistics(p10, p50, p90, float(lens.mean()), float((lens == limit).mean()))


def _join(stanzas_and_lines: Sequence[Pieces], *, max_len: int, rng: random.Random) -> str:
    """Joins stanzas as long as one fits, then lines."""
    parts, room = [], max_len
    for pieces in stanzas_and_lines:
        while (found := pieces.pick(max_len=room, rng=rng)) is not None:
            parts.append(found[0])
            room -= found[1]
    return SEPARATOR.join(parts)


def _split_lines(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in text.splitlines() if line.strip()]


def _sort(texts: Sequence[str], *, count: Count, num_special_tokens: int) -> Pieces:
    # Counted after a separator, which some tokenizers make tokens of.
    lens = [each - num_special_tokens for each in count([SEPARATOR + text for text in texts])]
    pairs = sorted(zip(lens, texts, strict=True))
    return Pieces([text for _, text in pairs], [length for length, _ in pairs])
