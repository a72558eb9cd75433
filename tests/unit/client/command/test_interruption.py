"""No Ctrl-C and no SIGTERM gets lost."""

from __future__ import annotations

import os
import signal

import pytest
from emotion_client.command import interruption as module
from emotion_client.command.interruption import QUIET_S, SIGNALS, Interruption, hold_signals


@pytest.fixture
def interruption() -> Interruption:
    installed = Interruption()
    installed.install()
    return installed


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_raises_where_the_program_is(number: int, interruption: Interruption) -> None:
    interruption.check()
    with pytest.raises(KeyboardInterrupt):
        send(number)


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_while_an_object_is_deleted_is_raised_by_the_next_check(
    number: int, interruption: Interruption
) -> None:
    class Mortal:
        def __del__(self) -> None:
            send(number)

    Mortal()  # pytest fails on what a __del__ raises
    with pytest.raises(KeyboardInterrupt):
        interruption.check()


def test_ignore_lets_nothing_through(interruption: Interruption) -> None:
    interruption.ignore()
    for number in SIGNALS:
        send(number)
    interruption.check()


def test_install_leaves_an_ignored_signal_alone() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Interruption().install()
    send(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_several_in_quick_succession_are_raised_once(
    interruption: Interruption, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_hold_signals_lets_nothing_through_until_its_end(interruption: Interruption) -> None:
    with hold_signals():
        for number in SIGNALS:
            send(number)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGTERM)
