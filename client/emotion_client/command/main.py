"""The command from its arguments to its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

from emotion_client.command.classify import classify
from emotion_client.command.display import reveal
from emotion_client.command.errors import Refusal
from emotion_client.command.interruption import Interruption
from emotion_client.command.options import parse_args
from emotion_client.command.output import complain, silence, take_any_character
from emotion_client.command.server import check_ready, show_info
from emotion_client.command.song import show_song
from emotion_client.errors import EmotionError, InvalidInput

COMMANDS: dict[str, Callable[..., int]] = {
    "classify": classify,
    "song": show_song,
    "info": show_info,
    "ready": check_ready,
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    interruption = Interruption()
    interruption.install()
    take_any_character(is_json=getattr(args, "json", False))
    try:
        return COMMANDS[args.command](args, interruption=interruption)
    except KeyboardInterrupt:
        interruption.ignore()  # one more is no news
        complain("stopped")
        return int(args.command == "ready")  # whose 0 means an answer
    except BrokenPipeError:  # nobody reads on, as behind `| head -1`
        silence(sys.stdout)
        return 0
    except (Refusal, InvalidInput) as error:
        complain(str(error))
        return 2
    except OSError as error:
        complain(_describe(error))
        return 2
    except EmotionError as error:
        complain(str(error))
        return 1


def _describe(error: OSError) -> str:
    if error.filename is None:
        return error.strerror or str(error)
    return f"{reveal(str(error.filename))}: {error.strerror}"
