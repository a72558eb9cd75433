"""Labelled texts: read from a file, checked, and joined to verses."""

from __future__ import annotations

import dataclasses
import pathlib
import random


class TrainError(Exception):
    """The input or the configuration is wrong; the message is one sentence for the user."""


@dataclasses.dataclass(frozen=True)
class Example:
    """One text with its label."""

    text: str
    label: str


def read_examples(path: pathlib.Path) -> list[Example]:
    """Reads a TSV of `text<TAB>label` lines.

    Raises:
        TrainError: The file cannot be read or is empty, or a line is not an example.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise TrainError(f"{path}: cannot be read: {error.strerror}") from error
    if not lines:
        raise TrainError(f"{path}: has 0 lines; at least 1 is needed")
    return [_parse_line(line, where=f"{path}: line {i}") for i, line in enumerate(lines, start=1)]


def _parse_line(line: bytes, *, where: str) -> Example:
    try:
        fields = line.decode().split("\t")
    except UnicodeDecodeError as error:
        raise TrainError(f"{where}: byte {error.start + 1} is not UTF-8") from error
    if len(fields) != 2:
        raise TrainError(f"{where}: has {len(fields)} tab-separated fields; 2 are needed")
    example = Example(text=unquote(fields[0]).strip(), label=fields[1].strip())
    if not example.text or not example.label:
        raise TrainError(f"{where}: has an empty {'label' if example.text else 'text'}")
    return example


def unquote(text: str) -> str:
    """Unwraps a CSV-quoted text; a text that merely starts and ends with quotes stays."""
    inner = text[1:-1]
    is_wrapped = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if is_wrapped else text


def check_labels(examples: list[Example], *, labels: list[str], path: pathlib.Path) -> None:
    """Raises TrainError where an example's label is not among `labels`, or these are under 2."""
    if len(labels) < 2:
        raise TrainError(f"{path}: has {len(labels)} distinct label; at least 2 are needed")
    for i, example in enumerate(examples, start=1):
        if example.label not in labels:
            found, known = example.label[:40], ", ".join(labels)
            raise TrainError(f"{path}: line {i}: has the label {found!r}; training has {known}")


def join_verses(examples: list[Example], *, share: float, seed: int) -> list[Example]:
    """Makes `share` times as many examples, each 2 to 4 texts of one label joined as a verse.

    Every label is as likely as any other, which also helps the rare ones.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    texts: dict[str, list[str]] = {}
    for example in examples:
        texts.setdefault(example.label, []).append(example.text)
    labels = rng.choices(sorted(texts), k=round(share * len(examples)))
    return [Example("\n".join(rng.choices(texts[x], k=rng.randint(2, 4))), x) for x in labels]
