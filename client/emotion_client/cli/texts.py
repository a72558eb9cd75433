"""Texts from arguments, files and standard input."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO

from emotion_command.errors import Refusal
from emotion_command.terminal import reveal

from emotion_client.arguments import MAX_TEXT_BYTES

STDIN = "-"
# A text of the most bytes, with a byte order mark and a line end: no line is held beyond that.
MAX_LINE_BYTES = len(BOM_UTF8) + MAX_TEXT_BYTES + len("\r\n")


@dataclass(frozen=True)
class Text:
    """A text, or a line that is not one.

    Attributes:
        position: among all texts, from 0.
        content: the text; "" if there is a problem.
        file: as given, "-" for standard input; None for an argument.
        line: in the file, from 1; None for an argument.
        problem: why the line is not a text, without quoting it; None if it is a text.
    """

    position: int
    content: str
    file: str | None = None
    line: int | None = None
    problem: str | None = None


def read_arguments(words: Sequence[str]) -> Iterator[Text]:
    """Yields the texts of a command line."""
    for position, content in enumerate(words):
        yield Text(position, content)


def read_files(files: Sequence[str]) -> Iterator[Text]:
    """Yields the lines of one file after the other; blank lines are texts too.

    The line end (LF or CR LF) and a byte order mark are not part of a line. Only one line is held
    at a time, and no more of it than the limit of a text.

    Raises:
        OSError: a file cannot be read.
        Refusal: standard input is closed.
    """
    positions = count()
    for file in files:
        with open_file(file) as stream:
            for line, (content, problem) in enumerate(_read_lines(stream), start=1):
                if problem is not None:
                    problem = f"{name_file(file)}: line {line}: {problem}"
                yield Text(next(positions), content, file, line, problem)


def read_whole(file: str) -> str:
    """Returns the content of a file as one text.

    Raises:
        OSError: the file cannot be read.
        Refusal: it is too large or not UTF-8, or standard input is closed.
    """
    with open_file(file) as stream:
        content = stream.read(MAX_LINE_BYTES).removeprefix(BOM_UTF8)
    if len(content) > MAX_TEXT_BYTES:
        raise Refusal(
            f"{name_file(file)}: has more than {MAX_TEXT_BYTES} bytes, which is the limit"
        )
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        offset = error.start - (content.rfind(b"\n", 0, error.start) + 1)
        problem = _describe_byte(content[error.start], offset=offset)
        raise Refusal(f"{name_file(file)}: line {line}: {problem}") from None


def check_files(files: Iterable[str]) -> None:
    """Refuses files that cannot be read. Pipes are not tried: they open only once.

    Raises:
        OSError: a file does not exist, or may not be read.
        Refusal: a file is a folder.
    """
    for file in files:
        if file != STDIN and Path(file).is_dir():
            raise Refusal(f"{name_file(file)}: is a folder; name a file")
        if file != STDIN and not Path(file).is_fifo():
            open(file, "rb").close()


def open_file(file: str) -> AbstractContextManager[BinaryIO]:
    """Opens a file in binary mode; standard input stays open afterwards.

    Raises:
        OSError: the file cannot be opened.
        Refusal: standard input is closed.
    """
    if file != STDIN:
        return open(file, "rb")
    if sys.stdin is None or sys.stdin.closed:
        raise Refusal("standard input is closed")
    return nullcontext(sys.stdin.buffer)


def name_file(file: str) -> str:
    """Returns the name of a file in messages."""
    return "standard input" if file == STDIN else reveal(file)


def _read_lines(stream: BinaryIO) -> Iterator[tuple[str, str | None]]:
    """Yields the content and the problem of each line."""
    mark = BOM_UTF8
    while (found := _read_line(stream)) is not None:
        line, size_bytes = found
        start = len(mark) if line.startswith(mark) and mark else 0
        mark = b""
        if size_bytes - start > MAX_TEXT_BYTES:
            yield "", f"has {size_bytes - start} bytes; limit is {MAX_TEXT_BYTES}"
            continue
        try:
            yield line[start:].decode(), None
        except UnicodeDecodeError as error:
            offset = start + error.start
            yield "", _describe_byte(line[offset], offset=offset)


def _read_line(stream: BinaryIO) -> tuple[bytes, int] | None:
    """Returns the next line without its end, cut at the limit, and its size; None at the end."""
    line = more = stream.readline(MAX_LINE_BYTES)
    size_bytes, end = len(line), line[-2:]
    while len(more) == MAX_LINE_BYTES and not end.endswith(b"\n"):
        more = stream.readline(MAX_LINE_BYTES)
        size_bytes, end = size_bytes + len(more), (end + more)[-2:]
    if not line:
        return None
    size_bytes -= len(end) if end == b"\r\n" else end.endswith(b"\n")
    return line[:size_bytes], size_bytes


def _describe_byte(byte: int, *, offset: int) -> str:
    return f"byte 0x{byte:02x} at offset {offset} of the line is not UTF-8"
