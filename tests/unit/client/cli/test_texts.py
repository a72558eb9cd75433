"""Arguments and lines become texts; a line that is not one is located."""

import io
import os
import sys
from threading import Thread

import pytest
from emotion_client.arguments import MAX_TEXT_BYTES
from emotion_client.cli.texts import Text, check_files, read_arguments, read_files, read_whole
from emotion_command.errors import Refusal

BOM = b"\xef\xbb\xbf"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "verses.txt"


def read(file):
    return list(read_files([str(file)]))


def type_in(content, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_read_arguments_numbers_them():
    assert list(read_arguments(["la", ""])) == [Text(0, "la"), Text(1, "")]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b"\n", [""], id="blank"),
        pytest.param(b"la", ["la"], id="no-end"),
        pytest.param(b"la\n\n so \n", ["la", "", " so "], id="blank-between"),
        pytest.param(b"la\r\nso\r\n", ["la", "so"], id="crlf"),
        pytest.param(b"la\rso\r\r\n", ["la\rso\r"], id="lone-cr"),
        pytest.param(b"la\x0b\xe2\x80\xa8so\n", ["la\x0b\u2028so"], id="other-separators"),
        pytest.param(BOM + b"la\n" + BOM + b"so", ["la", "\ufeffso"], id="byte-order-mark"),
        pytest.param("Ніч\n日本\n".encode(), ["Ніч", "日本"], id="scripts"),
    ],
)
def test_read_files_every_line_is_a_text(content, texts, file):
    file.write_bytes(content)
    assert read(file) == [Text(i, text, str(file), i + 1) for i, text in enumerate(texts)]


def test_read_files_positions_continue_over_files_and_standard_input(file, monkeypatch):
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
        pytest.param(b"la \xff la", "byte 0xff at offset 3", id="stray-byte"),
        pytest.param("é".encode() + b"\xc3", "byte 0xc3 at offset 2", id="cut-character"),
        pytest.param(b"\xed\xa0\x80", "byte 0xed at offset 0", id="surrogate"),
        pytest.param(BOM + b"\xfe", "byte 0xfe at offset 3", id="behind-byte-order-mark"),
    ],
)
def test_read_files_line_that_is_not_utf8_says_where_and_others_go_on(line, problem, file):
    file.write_bytes(line + b"\r\nso\n")
    bad, good = read(file)
    assert bad.problem == f"{file}: line 1: {problem} of the line is not UTF-8"
    assert bad.content == ""
    assert good == Text(1, "so", str(file), 2)


@pytest.mark.parametrize("start", [b"", BOM], ids=["plain", "byte-order-mark"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"], ids=["no-end", "lf", "crlf"])
def test_read_files_line_up_to_the_limit_is_a_text(start, end, file):
    file.write_bytes(start + b"a" * MAX_TEXT_BYTES + end)
    (text,) = read(file)
    assert (len(text.content), text.problem) == (MAX_TEXT_BYTES, None)


@pytest.mark.parametrize("num_more", [1, 2, 3, 4, 5, 6, 3 * MAX_TEXT_BYTES])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"], ids=["no-end", "lf", "crlf"])
@pytest.mark.parametrize("start", [b"", BOM], ids=["plain", "byte-order-mark"])
def test_read_files_line_over_the_limit_has_its_size(start, num_more, end, file):
    size_bytes = MAX_TEXT_BYTES + num_more
    file.write_bytes(start + b"a" * size_bytes + end + (b"so" if end else b""))
    long, *others = read(file)
    assert long.problem == f"{file}: line 1: has {size_bytes} bytes; limit is {MAX_TEXT_BYTES}"
    assert long.content == ""
    assert [text.content for text in others] == (["so"] if end else [])


def test_read_files_reads_a_pipe_line_by_line(file):
    os.mkfifo(file)
    check_files([str(file)])
    writer = Thread(target=file.write_bytes, args=(b"la\n",))
    writer.start()
    assert next(read_files([str(file)])).content == "la"
    writer.join()


def test_read_files_closed_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(Refusal, match="standard input is closed"):
        list(read_files(["-"]))


@pytest.mark.parametrize(
    ("content", "lyrics"),
    [(b"", ""), (b"la\r\n\r\nso\n", "la\r\n\r\nso\n"), (BOM + b"la", "la")],
    ids=["empty", "stanzas", "byte-order-mark"],
)
def test_read_whole_returns_all_of_it(content, lyrics, file):
    file.write_bytes(content)
    assert read_whole(str(file)) == lyrics


def test_read_whole_reads_standard_input(monkeypatch):
    type_in("Ніч\n".encode(), monkeypatch)
    assert read_whole("-") == "Ніч\n"


@pytest.mark.parametrize("start", [b"", BOM], ids=["plain", "byte-order-mark"])
def test_read_whole_has_a_limit(start, file):
    file.write_bytes(start + b"a" * MAX_TEXT_BYTES)
    assert len(read_whole(str(file))) == MAX_TEXT_BYTES
    file.write_bytes(start + b"a" * (MAX_TEXT_BYTES + 1))
    with pytest.raises(Refusal, match=f"txt: has more than {MAX_TEXT_BYTES} bytes"):
        read_whole(str(file))


@pytest.mark.parametrize(
    ("content", "place"),
    [(b"\xff", "line 1: byte 0xff at offset 0"), (b"la\nso \xff", "line 2: byte 0xff at offset 3")],
)
def test_read_whole_that_is_not_utf8_says_where(content, place, file):
    file.write_bytes(content)
    with pytest.raises(Refusal, match=f"txt: {place} of the line is not UTF-8"):
        read_whole(str(file))


def test_check_files_refuses_what_cannot_be_read(tmp_path):
    check_files(["-"])
    with pytest.raises(Refusal, match="is a folder; name a file"):
        check_files([str(tmp_path)])
    with pytest.raises(FileNotFoundError):
        check_files([str(tmp_path / "nothing")])
