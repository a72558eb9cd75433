"""Texts of a file, and lyrics that are made for a server's tokenizer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import own_texts
import pytest
from emotion_client import EmotionClient, ServerInfo
from examples import DataError
from fake_server import FakeServer
from text_mix import LYRIC_STATISTICS, MixError, check_lyrics
from traffic.texts import NUM_LYRICS, TextError, make_texts, measure, read_lines


@pytest.fixture
def info(fake: FakeServer) -> ServerInfo:
    with EmotionClient(fake.url) as client:
        return client.connect()


def write(folder: Path, content: bytes) -> Path:
    file = folder / "songs.txt"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\n\n  \t\ntwo\n\n", ["one", "two"]),
        (b"one", ["one"]),
        (b"\xef\xbb\xbfone\r\ntwo\r\n", ["one", "two"]),
        (b"  one \n", ["  one "]),
        ("ça va\n歌\n".encode(), ["ça va", "歌"]),
    ],
    ids=["plain", "blank-lines", "no-last-end", "windows", "spaces-kept", "other-scripts"],
)
def test_read_lines_each_is_a_text(content: bytes, lines: list[str], tmp_path: Path) -> None:
    assert read_lines(write(tmp_path, content)) == lines


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", " has no text; write one a line"),
        (b"\n \n\t\r\n", " has no text; write one a line"),
        (b"good\nb\xe4d\n", ": line 2: byte 0xe4 at offset 1 of the line is not UTF-8"),
    ],
    ids=["empty", "blank", "not-utf-8"],
)
def test_read_lines_without_texts_says_why(content: bytes, problem: str, tmp_path: Path) -> None:
    file = write(tmp_path, content)
    with pytest.raises(TextError) as caught:
        read_lines(file)
    assert str(caught.value) == f"{file}{problem}"


@pytest.mark.parametrize(
    ("name", "problem"),
    [("missing.txt", "No such file or directory"), ("", "Is a directory")],
    ids=["missing", "folder"],
)
def test_read_lines_of_no_file_says_what_to_name(name: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / name
    with pytest.raises(TextError) as caught:
        read_lines(file)
    assert str(caught.value) == f"{file}: {problem}; name a file with one text a line"


def test_make_texts_have_the_lengths_of_lyrics(info: ServerInfo) -> None:
    texts = make_texts(info, seed=1)
    assert len(texts) == NUM_LYRICS
    check_lyrics(measure(info, texts))


def test_make_texts_same_seed_makes_the_same_texts(info: ServerInfo) -> None:
    first, second, other = (make_texts(info, seed=seed) for seed in (1, 1, 2))
    assert first == second != other


def test_make_texts_for_a_model_that_reads_more_are_the_same(info: ServerInfo) -> None:
    longer = replace(info, max_length=512)
    texts = make_texts(longer, seed=1)
    assert texts == make_texts(info, seed=1)
    assert measure(longer, texts).p90 > LYRIC_STATISTICS.p90


def test_make_texts_without_verses_is_an_error(
    info: ServerInfo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(own_texts, "DATA", tmp_path)
    with pytest.raises(DataError, match=r"verses\.jsonl"):
        make_texts(info, seed=1)


def test_make_texts_of_verses_that_give_no_lyrics_is_an_error_where_lyrics_are_known(
    info: ServerInfo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    verse = tmp_path / "verses.jsonl"
    verse.write_text(json.dumps({"text": " ".join(["la"] * 60), "label": "joy"}), encoding="utf-8")
    monkeypatch.setattr(own_texts, "DATA", tmp_path)
    with pytest.raises(MixError, match="with this server's tokenizer"):
        make_texts(info, seed=1)
    assert len(make_texts(replace(info, max_length=512), seed=1)) == NUM_LYRICS


def test_measure_counts_after_truncation(info: ServerInfo) -> None:
    lengths = measure(info, ["la " * 300, "la " * 62])
    assert (lengths.mean, lengths.share_at_limit) == ((128 + 64) / 2, 0.5)
