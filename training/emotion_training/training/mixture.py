"""The mixture of kinds of text that a network learns from. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar


class Sourced(Protocol):
    """Anything that was read from a file."""

    @property
    def source(self) -> str:
        """The file."""


Item = TypeVar("Item", bound=Sourced)


def mix(items: Sequence[Item], *, most: int | None, seed: int) -> list[Item]:
    """Returns at most `most` random items of each file, so that no kind of text rules the others.

    Args:
        items: in any order, which the result keeps.
        most: None takes all.
        seed: the same seed takes the same of the same items.
    """
    places: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(item.source, []).append(place)
    rng = random.Random(seed)  # noqa: S311 - not a secret
    taken = [
        place
        for found in places.values()
        for place in (found if most is None or len(found) <= most else rng.sample(found, most))
    ]
    return [items[place] for place in sorted(taken)]
