"""The command `song`, with a fake client."""

import io
import json
import os
import sys
from pathlib import Path

import pytest
from emotion_client import Unavailable
from emotion_client.cli import song as module
from emotion_client.cli.main import main
from emotion_command.signals import SIGNALS
from fake_client import predict

LYRICS = "[Verse]\nla la\n\nso so\n"


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "song.txt"
    path.write_text(LYRICS)
    return path


@pytest.fixture
def plot(tmp_path):
    return tmp_path / "arc.png"


def run(*arguments):
    return main(["song", *map(str, arguments)])


def test_song_is_a_table(service, song, capsys):
    service.answers = {LYRICS: predict(1.0, num_tokens=24)}
    assert run(song) == 0
    assert capsys.readouterr() == (
        "joy  0.70  2 parts, 32 tokens\n"
        "\n"
        "part 1      joy      1.00  ██████████  [Verse] / la la / so so\n"
        "auto    x2  sadness  0.75  ████████    [Verse] / la la / so so\n",
        "",
    )
    assert service.texts == [LYRICS]


def test_song_json_is_one_object(service, song, capsys):
    assert run(song, "--json", "--by=windows") == 0
    (line,) = capsys.readouterr().out.splitlines()
    record = json.loads(line)
    assert [part["name"] for part in record["parts"]] == [None, "windows"]
    assert "la la" not in line


def test_song_is_read_from_standard_input(service, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LYRICS.encode())))
    assert run("-") == 0
    assert service.texts == [LYRICS]


def test_song_plot_is_a_picture_in_addition_to_the_table(service, song, plot, capsys):
    plot.write_bytes(b"an older one")
    assert run(song, "--plot", plot) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    printed, errors = capsys.readouterr()
    assert len(printed.splitlines()) == 4
    assert errors == f"lyric-emotion: wrote {plot}\n"


def test_song_plot_without_matplotlib_is_refused_before_any_call(
    service, song, plot, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert run(song, "--plot", plot) == 2
    check_refusal(capsys, "matplotlib is missing; run: pip install 'lyric-emotion[cli]'")
    assert not service.clients
    assert run(song) == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"", "song.txt: has no words", id="empty"),
        pytest.param(b" \n\n", "song.txt: has no words", id="blank"),
        pytest.param(b"\xff", "song.txt: line 1: byte 0xff at offset 0 of the", id="not-utf-8"),
        pytest.param(None, "song.txt: No such file or directory", id="missing"),
    ],
)
def test_song_without_words_is_refused_before_any_call(content, sentence, service, song, capsys):
    song.unlink() if content is None else song.write_bytes(content)
    assert run(song) == 2
    check_refusal(capsys, sentence)
    assert not service.clients


def test_song_service_that_fails_is_one_sentence(service, song, plot, capsys):
    service.answers = {LYRICS: Unavailable("h:1: gone")}
    assert run(song, "--plot", plot) == 1
    check_refusal(capsys, "h:1: gone")
    assert not plot.exists()


def test_song_full_disk_still_prints_the_table(service, song, plot, monkeypatch, capsys):
    def fail(path, content):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert run(song, "--plot", plot) == 2
    printed, errors = capsys.readouterr()
    assert len(printed.splitlines()) == 4
    assert errors == f"lyric-emotion: {plot}: No space left on device\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_song_stopped_while_it_draws_writes_nothing(
    number, service, song, plot, monkeypatch, capsys
):
    monkeypatch.setattr(module, "draw_arc", lambda arc: os.kill(os.getpid(), number))
    assert run(song, "--plot", plot) == 0
    assert capsys.readouterr().err == "lyric-emotion: stopped\n"
    assert not plot.exists()


@pytest.mark.parametrize("number", SIGNALS)
def test_song_stopped_while_it_writes_finishes_the_file(number, service, song, plot, monkeypatch):
    write = Path.write_bytes

    def interrupt_and_write(path, content):
        os.kill(os.getpid(), number)
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", interrupt_and_write)
    assert run(song, "--plot", plot) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_song_typed_at_a_terminal_has_a_prompt(service, song, monkeypatch, capsys):
    class Keyboard(io.BytesIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Keyboard(LYRICS.encode())))
    assert run("-") == 0
    assert capsys.readouterr().err == "lyric-emotion: type the song; Ctrl-D ends\n"
    assert run(song) == 0
    assert capsys.readouterr().err == ""


def check_refusal(capsys, sentence):
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert errors.startswith("lyric-emotion: ")
    assert errors.count("\n") == 1
    assert sentence in errors
