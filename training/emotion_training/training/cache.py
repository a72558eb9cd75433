"""Arrays computed from texts, kept on disk: a stopped computation goes on where it stopped.

A file holds the array of `CHUNK` texts. Its name is a fingerprint of them and of what computed it,
so it is found again in whatever order files are given, and never for another text or model.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK = 256


@dataclass(frozen=True)
class Cache:
    """A folder of arrays.

    Attributes:
        folder: made with the first array.
        key: identifies what computes them, such as the sha256 of a model.
    """

    folder: Path
    key: str

    def compute(
        self,
        texts: Sequence[str],
        *,
        compute: Callable[[Sequence[str]], NDArray[Any]],
        advance: Callable[[int], object] = int,
    ) -> NDArray[Any]:
        """Returns what `compute` returns for all texts; calls it for those not known yet.

        Args:
            texts: at least one; in any order, which the result keeps.
            compute: returns an array with a row for each of at most `CHUNK` texts.
            advance: called with the number of texts that are done since the last call.
        """
        arrays = []
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            arrays.append(self._look_up(chunk, compute=compute))
            advance(len(chunk))
        return np.concatenate(arrays)

    def _look_up(
        self, chunk: Sequence[str], *, compute: Callable[[Sequence[str]], NDArray[Any]]
    ) -> NDArray[Any]:
        path = self.folder / f"{fingerprint([self.key, *chunk])}.npz"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                found: NDArray[Any] = arrays["array"]
                return found
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            array = compute(chunk)  # it is missing, or damaged
        self.folder.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new.npz")
        np.savez(new, array=array)
        new.replace(path)
        return array


def fingerprint(texts: Sequence[str]) -> str:
    """Returns 64 hex digits that are the same for the same texts in the same order only."""
    digest = hashlib.sha256()
    for part in _prefix_lengths(texts):
        digest.update(part)
    return digest.hexdigest()


def _prefix_lengths(texts: Sequence[str]) -> Iterator[bytes]:
    """Yields each text after its length, so that no two lists of texts read the same."""
    for text in texts:
        content = text.encode("utf-8", errors="surrogatepass")
        yield f"{len(content)}:".encode()
        yield content
