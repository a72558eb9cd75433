"""Ctrl-C and SIGTERM are never lost."""

import os
import signal
from threading import Thread

import pytest
from emotion_command import signals as module
from emotion_command.signals import QUIET_S, SIGNALS, HangUp, Interruption, hold_signals


@pytest.fixture
def interruption():
    installed = Interruption()
    installed.install()
    return installed


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_is_raised_where_the_program_is(number, interruption):
    interruption.check()
    with pytest.raises(KeyboardInterrupt):
        send(number)


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_while_an_object_is_deleted_is_raised_by_the_next_check(number, interruption):
    class Mortal:
        def __del__(self):
            send(number)

    Mortal()  # pytest fails on what a __del__ raises
    with pytest.raises(KeyboardInterrupt):
        interruption.check()


def test_ignore_discards_signals(interruption):
    interruption.ignore()
    for number in SIGNALS:
        send(number)
    interruption.check()


def test_install_leaves_an_ignored_signal_alone():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Interruption().install()
    send(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_several_signals_in_quick_succession_are_raised_once(interruption, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now_s[0])
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)
    now_s[0] += QUIET_S
    for number in SIGNALS:
        send(number)
    now_s[0] += 0.01
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


def test_hold_signals_discards_signals_until_its_end(interruption):
    with hold_signals():
        for number in SIGNALS:
            send(number)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGTERM)


def test_hold_signals_in_another_thread_does_nothing(interruption):
    handlers = []

    def work():
        with hold_signals():
            handlers.extend(map(signal.getsignal, SIGNALS))

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert signal.SIG_IGN not in handlers
    assert len(handlers) == len(SIGNALS)


@pytest.fixture
def terminal(monkeypatch):
    """Whether the command has a terminal, as a list that a test may empty."""
    found = [True]
    monkeypatch.setattr(module, "_has_terminal", lambda: bool(found))
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    yield found
    signal.signal(signal.SIGHUP, before)


def test_hang_up_is_a_wish_to_load_anew(terminal):
    interruption = Interruption()
    hang_up = HangUp(interruption)
    assert not hang_up.take()
    signal.raise_signal(signal.SIGHUP)
    assert (hang_up.take(), hang_up.take()) == (True, False)
    assert not interruption.is_wanted


def test_hang_up_of_the_terminal_stops(terminal):
    interruption = Interruption()
    HangUp(interruption)
    terminal.clear()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGHUP)
    assert interruption.is_wanted


def test_hang_up_without_a_terminal_is_a_wish_too(terminal):
    terminal.clear()
    hang_up = HangUp(Interruption())
    signal.raise_signal(signal.SIGHUP)
    assert hang_up.take()


def test_hang_up_ignored_from_outside_stays_ignored(terminal):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    hang_up = HangUp(Interruption())
    signal.raise_signal(signal.SIGHUP)
    assert not hang_up.take()
