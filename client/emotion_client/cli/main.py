"""The command from its arguments to its exit code."""

from __future__ import annotations

from collections.abc import Callable

from emotion_command.output import take_any_character

from emotion_client.cli.classify import classify
from emotion_client.cli.options import COMMAND, parse_args
from emotion_client.cli.server import check_ready, show_info
from emotion_client.cli.song import show_song
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
    take_any_character(is_json=getattr(args, "json", False))
    return COMMAND.run(
        lambda interruption: COMMANDS[args.command](args, interruption=interruption),
        refusals=(InvalidInput,),
        failures=(EmotionError,),
        stopped_code=int(args.command == "ready"),  # where 0 means that the server answered
    )
