"""Where the texts to classify come from: arguments, or the lines of files."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO

from emotion_client.arguments import MAX_TEXT_BYTES
from emotion_client.command.display import reveal
from emotion_client.command.errors import Refusal

STDIN = "-"
# The longest text between a byte order mark and the end of its line: more is not held of any.
MAX_LINE_BYTES = len(BOM_UTF8) + MAX_TEXT_BYTES + len("\r\n")


@dataclass(frozen=True)
class Text:
    """One text, or what stands where one should be.

    Attributes:
        position: its place among all texts, from 0.
        content: the text; "" where there is a problem.
        file: the file as it was named, "-" for standard input; None for an argument.
        line: its place in the file, from 1; None for an argument.
        problem: why it is no text, without a word of it; None where it is one.
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
    """Yields the lines of files, one after the other; blank lines are texts too.

    Lines end with LF or CR LF, which are no part of them, and so is a byte order mark. Of each
    file, one line is held at a time, and not more of it than a text may have.

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
    """Returns a file as one text.

    Raises:
        OSError: it cannot be read.
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
    """Refuses files that cannot be read, without opening them: a pipe opens only once.

    Raises:
        OSError: one is not there, or may not be read.
        Refusal: one is a folder.
    """
    for file in files:
        if file != STDIN and Path(file).is_dir():
            raise Refusal(f"{name_file(file)}: is a folder; name a file")
        if file != STDIN and not Path(file).is_fifo():
            open(file, "rb").close()


def open_file(file: str) -> AbstractContextManager[BinaryIO]:
    """Opens a file for its bytes; standard input stays open afterwards.

    Raises:
        OSError: it cannot be opened.
        Refusal: it is standard input, and closed.
    """
    if file != STDIN:
        return open(file, "rb")
    if sys.stdin is None or sys.stdin.closed:
        raise Refusal("standard input is closed")
    return nullcontext(sys.stdin.buffer)


def name_file(file: str) -> str:
    """Returns how messages call a file."""
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
    """Returns the next line, or its beginning, without its end, and its size; None at the end."""
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
