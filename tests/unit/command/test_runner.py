"""A command's errors become exit codes and sentences."""

import io
import os
import resource
import signal
import sys

import pytest
from emotion_command.errors import Refusal
from emotion_command.output import put, put_result
from emotion_command.runner import Command
from emotion_command.signals import SIGNALS

COMMAND = Command("sing", extra="voice")


class NoAnswer(Exception):
    """What a server fails with."""


class BadInput(NoAnswer):
    """Both a failure and a refusal."""


class StartError(Refusal):
    """Derived by a package."""


def run(error, *, command=COMMAND, **options):
    def work(interruption):
        raise error

    return command.run(work, refusals=(BadInput,), failures=(NoAnswer,), **options)


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        pytest.param(Refusal("no key; give one"), 2, "no key; give one", id="refusal"),
        pytest.param(StartError("no Triton"), 2, "no Triton", id="derived-refusal"),
        pytest.param(BadInput("too long"), 2, "too long", id="refusal-of-the-command"),
        pytest.param(NoAnswer("h:1: gone"), 1, "h:1: gone", id="failure"),
        pytest.param(
            ModuleNotFoundError("No module named 'a'", name="a.b"),
            2,
            "a is missing; run: pip install 'lyric-emotion[voice]'",
            id="missing-package",
        ),
        pytest.param(
            FileNotFoundError(2, "No such file or directory", "a\x1b.txt"),
            2,
            r"a\x1b.txt: No such file or directory",
            id="file",
        ),
        pytest.param(OSError(28, "No space left"), 2, "No space left", id="no-file-name"),
        pytest.param(OSError("folder is full"), 2, "folder is full", id="no-error-number"),
        pytest.param(KeyboardInterrupt(), 0, "stopped", id="stopped"),
    ],
)
def test_run_error_is_one_sentence_and_an_exit_code(error, code, sentence, capsys):
    assert run(error) == code
    assert capsys.readouterr() == ("", f"sing: {sentence}\n")


def test_run_stopped_has_the_code_and_sentence_of_the_command(capsys):
    assert run(KeyboardInterrupt(), stopped_code=1, describe_stop=lambda: "half done") == 1
    assert capsys.readouterr() == ("", "sing: half done\n")


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named 'a'"), ValueError("bug")])
def test_run_unexpected_error_is_raised(error):
    with pytest.raises(type(error)) as caught:
        run(error, command=Command("sing"))
    assert caught.value is error


@pytest.mark.parametrize("number", SIGNALS)
def test_run_signal_stops_the_work_and_cleanup_ignores_more(number, capsys):
    def work(interruption):
        os.kill(os.getpid(), number)
        raise AssertionError("not stopped")

    def describe_stop():
        assert all(signal.getsignal(each) is signal.SIG_IGN for each in SIGNALS)
        return "stopped cleanly"

    assert COMMAND.run(work, describe_stop=describe_stop) == 0
    assert capsys.readouterr().err == "sing: stopped cleanly\n"


def test_run_gives_the_work_the_handler_of_signals():
    def work(interruption):
        interruption.ignore()
        os.kill(os.getpid(), signal.SIGTERM)
        return 7

    assert COMMAND.run(work) == 7


def test_run_unread_results_end_the_work_quietly(unread, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", unread)

    def work(interruption):
        put_result("la")
        raise AssertionError("not ended")

    assert COMMAND.run(work) == 0
    print("muted", flush=True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("act", "code", "expected"),
    [
        pytest.param(put_result, 0, 2, id="result"),
        pytest.param(put, 0, 2, id="line-by-the-way"),
        pytest.param(put, 1, 1, id="line-of-a-failure"),
        pytest.param(COMMAND.say, 0, 0, id="progress"),
    ],
)
def test_run_full_disk_is_one_sentence(act, code, expected, monkeypatch, capsys):
    def work(interruption):
        act("la")
        return code

    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert COMMAND.run(work) == expected
        print("muted", flush=True)
    sentence = "sing: standard output: No space left on device\n"
    assert capsys.readouterr().err == (sentence if expected == 2 else "")


def test_run_disk_that_was_full_for_a_while_is_told_at_the_end(tmp_path, monkeypatch, capsys):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def work(interruption):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        put("one")
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        COMMAND.say("two")
        return 0

    with (tmp_path / "log").open("wb", buffering=0) as file:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, write_through=True))
        assert COMMAND.run(work) == 2
    assert "sing: two" in (tmp_path / "log").read_text()
    assert capsys.readouterr().err == "sing: standard output: File too large\n"


def test_run_prints_any_character(monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="ascii"))
    assert COMMAND.run(lambda interruption: print("é", flush=True) or 3) == 3
    assert buffer.getvalue() == b"\\xe9\n"


def test_say_and_complain_name_the_command(capsys):
    COMMAND.say("starting")
    COMMAND.complain("no voice")
    assert capsys.readouterr() == ("sing: starting\n", "sing: no voice\n")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_say_and_complain_without_a_reader_continue(stream, unread, monkeypatch):
    monkeypatch.setattr(sys, stream, unread)
    for _ in range(2):
        COMMAND.say("starting")
        COMMAND.complain("no voice")
