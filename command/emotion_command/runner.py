"""Runs a command, and turns errors and signals into its exit code.

Every command has the same exit codes: 0 done, or stopped by Ctrl-C or SIGTERM; 1 a target was
missed, or the server does not answer or died; 2 bad input, wrong usage, or it cannot start.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from emotion_command.errors import Refusal
from emotion_command.output import open_missing_streams, put, settle, take_any_character
from emotion_command.signals import Interruption
from emotion_command.terminal import reveal


@dataclass(frozen=True)
class Command:
    """A command as its user sees it.

    Attributes:
        name: prefix of every line about the work itself.
        extra: the extra of the distribution that installs what the command needs; "" for none.
    """

    name: str
    extra: str = ""

    def say(self, line: str) -> None:
        """Prints a line of progress on standard output."""
        put(f"{self.name}: {line}", is_result=False)

    def complain(self, sentence: str) -> None:
        """Prints what is wrong on standard error."""
        put(f"{self.name}: {sentence}", stream=sys.stderr, is_result=False)

    def report_loss(self) -> bool:
        """Says why results did not reach standard output; returns whether some did not."""
        lost = settle(sys.stdout)
        if lost is not None:
            self.complain(f"standard output: {lost.strerror}")
        return lost is not None

    def run(
        self,
        work: Callable[[Interruption], int],
        *,
        refusals: tuple[type[Exception], ...] = (),
        failures: tuple[type[Exception], ...] = (),
        describe_stop: Callable[[], str] = lambda: "stopped",
        stopped_code: int = 0,
    ) -> int:
        """Does the work; returns the exit code.

        Args:
            work: gets the handler of Ctrl-C and SIGTERM; returns the exit code.
            refusals: errors besides `Refusal` and OSError that end the command with 2.
            failures: errors of a server that does not answer; they end the command with 1. An
                error that is also a refusal is a refusal.
            describe_stop: returns the sentence after Ctrl-C or SIGTERM.
            stopped_code: exit code after Ctrl-C or SIGTERM.

        Raises:
            ModuleNotFoundError: the command has no extra that would install the package.
        """
        open_missing_streams()
        take_any_character()
        try:
            code = self._try(
                work,
                refusals=(Refusal, *refusals),
                failures=failures,
                describe_stop=describe_stop,
                stopped_code=stopped_code,
            )
            if code == 0:
                return 2 if self.report_loss() else 0
            settle(sys.stdout)
            return code
        finally:
            settle(sys.stderr)

    def _try(
        self,
        work: Callable[[Interruption], int],
        *,
        refusals: tuple[type[Exception], ...],
        failures: tuple[type[Exception], ...],
        describe_stop: Callable[[], str],
        stopped_code: int,
    ) -> int:
        interruption = Interruption()
        interruption.install()
        try:
            return work(interruption)
        except KeyboardInterrupt:
            interruption.ignore()  # ignore further Ctrl-C during cleanup
            self.complain(describe_stop())
            return stopped_code
        except BrokenPipeError:  # the reader of the results is gone, as with `| head -1`
            return 0
        except ModuleNotFoundError as error:
            if not self.extra:
                raise
            missing = (error.name or str(error)).partition(".")[0]
            self.complain(f"{missing} is missing; run: pip install 'lyric-emotion[{self.extra}]'")
            return 2
        except refusals as error:
            self.complain(str(error))
            return 2
        except failures as error:
            self.complain(str(error))
            return 1
        except OSError as error:
            self.complain(describe_os_error(error))
            return 2


def describe_os_error(error: OSError) -> str:
    """Returns a sentence about a file that cannot be read or written."""
    if error.filename is None:
        return error.strerror or str(error)
    return f"{reveal(str(error.filename))}: {error.strerror}"
