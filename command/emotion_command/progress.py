"""A progress bar for long work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emotion_command.output import mute_when_closed
from emotion_command.terminal import is_terminal

DELAY_S = 2.0


@contextmanager
def show_progress(
    total: int | None,
    *,
    name: str,
    unit: str = "text",
    beside_results: bool = False,
    num_done: int = 0,
) -> Iterator[Callable[[int], None]]:
    """Shows a bar on standard error if the work takes longer than `DELAY_S`.

    There is no bar if standard error is not a terminal. If standard output is a terminal too,
    results on it already show the progress, unless `beside_results` says otherwise.

    Args:
        total: steps of the whole work; None if unknown.
        name: of the command, shown before the bar.
        unit: what one step is, in the singular.
        beside_results: show the bar even where standard output is a terminal.
        num_done: steps that an earlier run has done; they do not count for the rate.

    Yields:
        A function to call with the number of steps just done.
    """
    if not is_terminal(sys.stderr) or (is_terminal(sys.stdout) and not beside_results):
        yield lambda num_done: None
        return
    from tqdm import tqdm  # type: ignore[import-untyped] # a dependency of huggingface-hub

    bar = tqdm(
        total=total,
        initial=num_done,
        desc=name,
        unit=f" {unit}s",
        delay=DELAY_S,
        dynamic_ncols=True,
    )

    def advance(num_done: int) -> None:
        with mute_when_closed(sys.stderr):
            bar.update(num_done)

    try:
        yield advance
    finally:
        with mute_when_closed(sys.stderr):
            bar.close()
