"""The command `song`, with a service that is a small class."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from emotion_client import Unavailable
from emotion_client.command import song as module
from emotion_client.command.main import main
from fake_client import Service, predict

LYRICS = "[Verse]\nla la\n\nso so\n"


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.txt"
    path.write_text(LYRICS)
    return path


@pytest.fixture
def plot(tmp_path: Path) -> Path:
    return tmp_path / "arc.png"


def run(*arguments: object) -> int:
    return main(["song", *map(str, arguments)])


def test_song_is_a_table(service: Service, song: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_song_json_is_one_object(
    service: Service, song: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(song, "--json", "--by=windows") == 0
    (line,) = capsys.readouterr().out.splitlines()
    record = json.loads(line)
    assert [part["name"] for part in record["parts"]] == [None, "windows"]
    assert "la la" not in line


def test_song_is_read_from_standard_input(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LYRICS.encode())))
    assert run("-") == 0
    assert service.texts == [LYRICS]


def test_song_plot_is_a_picture_beside_the_table(
    service: Service, song: Path, plot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot.write_bytes(b"an older one")
    assert run(song, "--plot", plot) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    printed, errors = capsys.readouterr()
    assert len(printed.splitlines()) == 4
    assert errors == f"lyric-emotion: wrote {plot}\n"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("arc.svg", "the picture is a PNG; its name must end with .png"),
        ("arc", "the picture is a PNG; its name must end with .png"),
        ("nowhere/arc.png", "nowhere is no folder; make it first"),
        ("song.txt/arc.png", "song.txt is no folder; make it first"),
        ("folder.png", "is a folder; name a file"),
    ],
    ids=["other-ending", "no-ending", "no-folder", "file-as-folder", "folder"],
)
def test_song_plot_that_cannot_be_is_refused_before_any_call(
    name: str,
    sentence: str,
    service: Service,
    song: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "folder.png").mkdir()
    assert run(song, "--plot", tmp_path / name) == 2
    check_refusal(capsys, sentence)
    assert not service.clients


@pytest.mark.parametrize("is_there", [False, True], ids=["folder", "file"])
def test_song_plot_that_is_not_ours_to_write_is_refused_before_any_call(
    is_there: bool,
    service: Service,
    song: Path,
    plot: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if is_there:
        plot.touch()
    place = plot if is_there else plot.parent
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != place)
    assert run(song, "--plot", plot) == 2
    check_refusal(capsys, f"{place} cannot be written")
    assert not service.clients


@pytest.mark.parametrize("name", ["matplotlib", "matplotlib.figure"])
def test_song_plot_without_matplotlib_says_what_to_install_before_any_call(
    name: str,
    service: Service,
    song: Path,
    plot: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    assert run(song, "--plot", plot) == 2
    assert capsys.readouterr() == (
        "",
        "lyric-emotion: song: matplotlib is missing; run: pip install 'lyric-emotion[cli]'\n",
    )
    assert not service.clients
    assert run(song) == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "song.txt: has no words"),
        (b" \n\n", "song.txt: has no words"),
        (b"la\n\xff", "song.txt: line 2: byte 0xff at offset 0 of the line is not UTF-8"),
        (b"la\n" * 400_000, "song.txt: has more than 1048576 bytes"),
    ],
    ids=["empty", "blank", "not-utf-8", "too-large"],
)
def test_song_that_is_none_is_refused(
    content: bytes,
    sentence: str,
    service: Service,
    song: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    song.write_bytes(content)
    assert run(song) == 2
    check_refusal(capsys, sentence)
    assert not service.clients


def test_song_that_is_missing_is_refused(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "nothing.txt") == 2
    check_refusal(capsys, "nothing.txt: No such file or directory")


def test_song_service_that_fails_is_one_sentence(
    service: Service, song: Path, plot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers = {LYRICS: Unavailable("h:1: gone")}
    assert run(song, "--plot", plot) == 1
    check_refusal(capsys, "h:1: gone")
    assert not plot.exists()


def test_song_full_disk_takes_nothing_from_the_table(
    service: Service,
    song: Path,
    plot: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert run(song, "--plot", plot) == 2
    printed, errors = capsys.readouterr()
    assert len(printed.splitlines()) == 4
    assert errors == f"lyric-emotion: {plot}: No space left on device\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_song_interrupted_while_it_draws_writes_nothing(
    number: int,
    service: Service,
    song: Path,
    plot: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, "draw_arc", lambda arc: os.kill(os.getpid(), number))
    assert run(song, "--plot", plot) == 0
    assert capsys.readouterr().err == "lyric-emotion: stopped\n"
    assert not plot.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_song_interrupted_while_it_writes_ends_the_writing(
    number: int,
    service: Service,
    song: Path,
    plot: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = Path.write_bytes

    def interrupt_and_write(path: Path, content: bytes) -> int:
        os.kill(os.getpid(), number)
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", interrupt_and_write)
    assert run(song, "--plot", plot) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_song_at_a_terminal_says_what_to_type(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Keyboard(io.BytesIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Keyboard(LYRICS.encode())))
    assert run("-") == 0
    assert capsys.readouterr().err == "lyric-emotion: type the song; Ctrl-D ends\n"


def check_refusal(capsys: pytest.CaptureFixture[str], sentence: str) -> None:
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert errors.startswith("lyric-emotion: ")
    assert errors.count("\n") == 1
    assert sentence in errors
