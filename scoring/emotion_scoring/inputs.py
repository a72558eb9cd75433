"""The files that the arguments of a command mean."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotion_scoring.errors import InputError
from emotion_scoring.sources import SUFFIXES

WILDCARDS = frozenset("*?[")


@dataclass(frozen=True)
class Input:
    """A file to score.

    Attributes:
        path: where it is.
        name: its path within the folder or pattern that was given; its place in the output.
    """

    path: Path
    name: str


def find_inputs(arguments: Sequence[str], *, output: Path) -> list[Input]:
    """Returns the files, sorted by name.

    Args:
        arguments: files, folders (all files with a known suffix in them, also in their folders,
            except hidden ones), and patterns such as "songs/*.csv".
        output: where nothing is read.

    Raises:
        InputError: one of them means no file, or two files have the same name.
    """
    found: dict[str, Input] = {}
    for argument in arguments:
        own = [each for each in _find(argument) if not _is_within(each.path, folder=output)]
        if not own:
            raise InputError(f"{argument}: {_explain_nothing(argument, output=output)}")
        for each in own:
            other = found.setdefault(each.name, each)
            if not _is_same(each.path, other.path):
                raise InputError(
                    f"{each.path} and {other.path} would both be written to {output / each.name}; "
                    "score them into two folders, or give the folder that both are in"
                )
    return [found[name] for name in sorted(found)]


def _find(argument: str) -> Iterator[Input]:
    path = Path(argument)
    if path.is_dir():
        yield from _walk(path, base=path)
    elif path.exists():
        yield Input(path, path.name)
    elif not WILDCARDS.isdisjoint(argument):
        base = _find_base(path)
        for match in map(Path, sorted(glob.glob(argument, recursive=True))):
            if match.is_dir():
                yield from _walk(match, base=base)
            elif match.suffix.lower() in SUFFIXES:
                yield Input(match, str(match.relative_to(base)))


def _walk(folder: Path, *, base: Path) -> Iterator[Input]:
    """Yields the files below a folder, but no hidden ones, nor those that Spark hides (_name)."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        is_hidden = any(part.startswith((".", "_")) for part in parts)
        if path.suffix.lower() in SUFFIXES and path.is_file() and not is_hidden:
            yield Input(path, str(path.relative_to(base)))


def _find_base(pattern: Path) -> Path:
    """Returns the last folder of a pattern before its first wildcard."""
    parts = pattern.parts
    first = next(i for i, part in enumerate(parts) if not WILDCARDS.isdisjoint(part))
    return Path(*parts[:first])


def _is_within(path: Path, *, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _is_same(path: Path, other: Path) -> bool:
    return os.path.abspath(path) == os.path.abspath(other)


def _explain_nothing(argument: str, *, output: Path) -> str:
    known = ", ".join(SUFFIXES)
    if _is_within(Path(argument), folder=output):
        return "is in the output; name another folder with --output"
    if Path(argument).is_dir():
        return f"this folder has no file to score; one of {known} is needed"
    if WILDCARDS.isdisjoint(argument):
        return "there is no such file; check its name"
    return f"no file matches; one of {known} is needed"
