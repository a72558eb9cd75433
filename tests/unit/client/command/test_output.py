"""Standard output and standard error take what they get, whoever reads them."""

from __future__ import annotations

import io
import os
import sys

import pytest
from emotion_client.command.output import complain, put, take_any_character


@pytest.mark.parametrize(
    ("encoding", "is_json", "written"),
    [
        ("utf-8", False, "Ніч".encode()),
        ("ascii", False, rb"\u041d\u0456\u0447"),
        ("ascii", True, "Ніч".encode()),
    ],
    ids=["utf-8", "ascii", "json"],
)
def test_put_prints_in_any_encoding(
    encoding: str, is_json: bool, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding=encoding))
    take_any_character(is_json=is_json)
    put("Ніч")
    assert buffer.getvalue() == written + b"\n"


def test_put_lone_surrogate_is_json_again(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="utf-8"))
    take_any_character(is_json=True)
    put('"\udcff"')
    assert buffer.getvalue() == b'"\\udcff"\n'


def test_closed_standard_output_takes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    take_any_character(is_json=True)
    put("la")


def test_complain_nobody_reads_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stderr", pipe)
        complain("la")
        complain("so")


def test_complain_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    complain("stopped")
    assert capsys.readouterr() == ("", "lyric-emotion: stopped\n")
