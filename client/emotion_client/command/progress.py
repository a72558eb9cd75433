"""How far a long work is, for the person who waits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emotion_client.command.screen import is_terminal

DELAY_S = 2.0


@contextmanager
def show_progress(num_texts: int | None) -> Iterator[Callable[[int], object]]:
    """Shows a bar on standard error where it takes longer than `DELAY_S`.

    Only where a person sees it, and where results do not show on the same terminal how far it is;
    and where tqdm is installed.

    Args:
        num_texts: all of them; None where nobody knows.

    Yields:
        What to call with a number of texts when that many more are done.
    """
    if not is_terminal(sys.stderr) or is_terminal(sys.stdout):
        yield _ignore
        return
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        yield _ignore
        return
    with tqdm(
        total=num_texts, desc="lyric-emotion", unit=" texts", delay=DELAY_S, dynamic_ncols=True
    ) as bar:
        yield bar.update


def _ignore(num_texts: int) -> None:
    pass
