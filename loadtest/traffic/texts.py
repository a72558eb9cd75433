"""The texts that a load test asks for: lyrics made for it, or the lines of a file."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from emotion_client import ServerInfo
from emotion_client.command.errors import Refusal
from emotion_client.command.texts import read_files
from own_texts import count_with, read_own_texts
from text_mix import LYRIC_LIMIT, LYRICS, LengthStatistics, build_mix, make_lyrics, measure_lengths

NUM_LYRICS = 2000


class TextError(Exception):
    """There are no texts; the message is one sentence that says why and what to do."""


def read_lines(file: Path) -> list[str]:
    """Returns the texts of a file, one a line; blank lines are left out.

    Raises:
        TextError: it cannot be read, has a line that is no text, or has none.
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
    """Returns lyrics of the lengths that lyrics have, made of the project's own verses.

    Their lengths are right for this server's tokenizer, whatever its `max_length`.

    Raises:
        DataError: the verses are not there.
        MixError: they give no lyrics with this server's tokenizer.
    """
    count = count_with(info.tokenizer)
    rng = random.Random(seed)  # noqa: S311, for texts, not for secrets
    (texts,) = make_lyrics(read_own_texts("verses"), sizes=[NUM_LYRICS], count=count, rng=rng)
    if info.max_length == LYRIC_LIMIT:
        build_mix(LYRICS, [texts], count=count)  # checks their lengths
    return texts


def measure(info: ServerInfo, texts: Sequence[str]) -> LengthStatistics:
    """Returns how long the texts are for the server's model."""
    return measure_lengths(count_with(info.tokenizer)(texts), limit=info.max_length)
