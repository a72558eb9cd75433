"""Arguments and lines become texts, and what is none says where it is."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from threading import Thread

import pytest
from emotion_client.arguments import MAX_TEXT_BYTES
from emotion_client.command.errors import Refusal
from emotion_client.command.texts import (
    Text,
    check_files,
    read_arguments,
    read_files,
    read_whole,
)

BOM = b"\xef\xbb\xbf"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "verses.txt"


def read(file: Path) -> list[Text]:
    return list(read_files([str(file)]))


def type_in(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_read_arguments_numbers_them() -> None:
    assert list(read_arguments(["la", ""])) == [Text(0, "la"), Text(1, "")]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"la", ["la"]),
        (b"la\n", ["la"]),
        (b"la\n\n so \n", ["la", "", " so "]),
        (b"la\r\nso\r\n", ["la", "so"]),
        (b"la\rso\r\r\n", ["la\rso\r"]),
        (b"la\x0b\xe2\x80\xa8so\n", ["la\x0b\u2028so"]),
        (BOM + b"la\n" + BOM + b"so", ["la", "\ufeffso"]),
        ("Ніч\n日本\n".encode(), ["Ніч", "日本"]),
    ],
    ids=[
        "empty",
        "blank",
        "no-end",
        "line",
        "blank-between",
        "crlf",
        "lone-cr",
        "other-separators",
        "byte-order-mark",
        "scripts",
    ],
)
def test_read_files_every_line_is_a_text(content: bytes, texts: list[str], file: Path) -> None:
    file.write_bytes(content)
    assert read(file) == [Text(i, text, str(file), i + 1) for i, text in enumerate(texts)]


def test_read_files_counts_on_over_files_and_standard_input(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(b"la\nso\n")
    type_in(b"fa\n", monkeypatch)
    found = read_files([str(file), "-", str(file)])
    assert [(text.position, text.file, text.line, text.content) for text in found] == [
        (0, str(file), 1, "la"),
        (1, str(file), 2, "so"),
        (2, "-", 1, "fa"),
        (3, str(file), 1, "la"),
        (4, str(file), 2, "so"),
    ]
    assert not sys.stdin.closed


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"la \xff la", "byte 0xff at offset 3"),
        ("é".encode() + b"\xc3", "byte 0xc3 at offset 2"),
        (b"\xed\xa0\x80", "byte 0xed at offset 0"),
        (BOM + b"\xfe", "byte 0xfe at offset 3"),
    ],
    ids=["stray-byte", "cut-character", "surrogate", "behind-byte-order-mark"],
)
def test_read_files_line_that_is_not_utf8_says_where_and_others_go_on(
    line: bytes, problem: str, file: Path
) -> None:
    file.write_bytes(line + b"\r\nso\n")
    bad, good = read(file)
    assert bad.problem == f"{file}: line 1: {problem} of the line is not UTF-8"
    assert bad.content == ""
    assert good == Text(1, "so", str(file), 2)


@pytest.mark.parametrize("start", [b"", BOM], ids=["plain", "byte-order-mark"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"], ids=["no-end", "lf", "crlf"])
def test_read_files_line_up_to_the_limit_is_a_text(start: bytes, end: bytes, file: Path) -> None:
    file.write_bytes(start + b"a" * MAX_TEXT_BYTES + end)
    (text,) = read(file)
    assert (len(text.content), text.problem) == (MAX_TEXT_BYTES, None)


@pytest.mark.parametrize("num_more", [1, 2, 3, 4, 5, 6, 3 * MAX_TEXT_BYTES], ids=str)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_read_files_line_over_the_limit_has_its_size(num_more: int, end: bytes, file: Path) -> None:
    size_bytes = MAX_TEXT_BYTES + num_more
    file.write_bytes(b"a" * size_bytes + end + b"so")
    long, good = read(file)
    assert long.problem == f"{file}: line 1: has {size_bytes} bytes; limit is {MAX_TEXT_BYTES}"
    assert long.content == ""
    assert good.content == "so"


def test_read_files_line_without_end_is_read_away(file: Path) -> None:
    file.write_bytes(b"a" * (MAX_TEXT_BYTES + 100))
    assert [text.problem is None for text in read(file)] == [False]


def test_read_files_reads_a_line_when_it_is_wanted(file: Path) -> None:
    os.mkfifo(file)
    check_files([str(file)])
    writer = Thread(target=file.write_bytes, args=(b"la\n",))
    writer.start()
    assert next(read_files([str(file)])).content == "la"
    writer.join()


def test_read_files_closed_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(Refusal, match="standard input is closed"):
        list(read_files(["-"]))


@pytest.mark.parametrize(
    ("content", "lyrics"),
    [(b"", ""), (b"la\r\n\r\nso\n", "la\r\n\r\nso\n"), (BOM + b"la", "la")],
    ids=["empty", "stanzas", "byte-order-mark"],
)
def test_read_whole_returns_all_of_it(content: bytes, lyrics: str, file: Path) -> None:
    file.write_bytes(content)
    assert read_whole(str(file)) == lyrics


def test_read_whole_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    type_in("Ніч\n".encode(), monkeypatch)
    assert read_whole("-") == "Ніч\n"


@pytest.mark.parametrize("start", [b"", BOM], ids=["plain", "byte-order-mark"])
def test_read_whole_has_a_limit(start: bytes, file: Path) -> None:
    file.write_bytes(start + b"a" * MAX_TEXT_BYTES)
    assert len(read_whole(str(file))) == MAX_TEXT_BYTES
    file.write_bytes(start + b"a" * (MAX_TEXT_BYTES + 1))
    with pytest.raises(Refusal, match=f"txt: has more than {MAX_TEXT_BYTES} bytes"):
        read_whole(str(file))


@pytest.mark.parametrize(
    ("content", "place"),
    [(b"\xff", "line 1: byte 0xff at offset 0"), (b"la\nso \xff", "line 2: byte 0xff at offset 3")],
    ids=["first-line", "second-line"],
)
def test_read_whole_that_is_not_utf8_says_where(content: bytes, place: str, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(Refusal, match=f"txt: {place} of the line is not UTF-8"):
        read_whole(str(file))


def test_check_files_refuses_what_cannot_be_read(tmp_path: Path) -> None:
    check_files(["-"])
    with pytest.raises(Refusal, match="is a folder; name a file"):
        check_files([str(tmp_path)])
    with pytest.raises(FileNotFoundError):
        check_files([str(tmp_path / "nothing")])
