"""Lines on standard output, which carries results, and on standard error, which has the rest."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO
from weakref import WeakKeyDictionary

# Why a result on a stream could not be written.
_failures: WeakKeyDictionary[TextIO, OSError] = WeakKeyDictionary()


def open_missing_streams() -> None:
    """Opens the standard streams that are closed (`2>&-`), on /dev/null.

    Otherwise the next file or connection would become standard error, and get its lines.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.set_inheritable(number, True)
            errors = None if mode == "r" else "backslashreplace"
            setattr(sys, name, open(number, mode, errors=errors, closefd=False))  # noqa: SIM115


def take_any_character(*, is_json: bool = False) -> None:
    """Makes standard output accept any character.

    Characters that the terminal's encoding lacks are escaped. JSON is UTF-8 regardless of the
    terminal (RFC 8259, section 8.1). There, only lone surrogates of a file name need an escape,
    and it is the same as JSON's own.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding = "utf-8" if is_json else None
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")


def put(line: str, *, stream: TextIO | None = None, is_result: bool = True) -> None:
    """Prints a line at once; the work goes on if it cannot be written.

    Args:
        line: what to print.
        stream: default is standard output.
        is_result: whether the command has failed if a full disk does not take it; see `settle`.
    """
    stream = sys.stdout if stream is None else stream
    if stream is None:  # as Python does after `>&-`
        return
    try:
        _print(line, stream=stream)
    except BrokenPipeError:
        silence(stream)
    except OSError as error:
        if is_result:
            _failures[stream] = error


def put_result(line: str) -> None:
    """Prints a line of results at once.

    Raises:
        BrokenPipeError: the reader is gone (`| head -1`), so the work can end.
        OSError: it cannot be written.
    """
    try:
        _print(line, stream=sys.stdout)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from error


@contextmanager
def mute_when_closed(stream: TextIO) -> Iterator[None]:
    """Ends the block if the stream cannot be written; drops all later output without a reader."""
    try:
        yield
    except BrokenPipeError:
        silence(stream)
    except OSError:
        pass


def settle(stream: TextIO | None) -> OSError | None:
    """Writes what is left at the end of a command, and drops it if that fails.

    Returns:
        Why a result could not be written; None where all were, or nobody reads them.
    """
    if stream is None:
        return None
    try:
        stream.flush()
    except OSError:
        silence(stream)
    return _failures.pop(stream, None)


def silence(stream: Any) -> None:
    """Drops all later output; otherwise Python's last flush would raise again."""
    with open(os.devnull, "wb") as devnull:
        os.dup2(devnull.fileno(), stream.fileno())


def _print(line: str, *, stream: TextIO) -> None:
    print(f"{line}\n", end="", file=stream, flush=True)  # one write: Ctrl-C does not cut the line
