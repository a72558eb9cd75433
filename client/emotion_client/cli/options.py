"""The command line, and the client that it describes."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from emotion_command.numbers import checked, number_above
from emotion_command.output_file import output_file
from emotion_command.runner import Command

from emotion_client.arguments import MAX_TIMEOUT_S, check_headers, check_url
from emotion_client.channel import TLS
from emotion_client.cli.texts import check_files
from emotion_client.client import DEFAULT_TIMEOUT_S, DEFAULT_URL, EmotionClient
from emotion_client.song import WAYS

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]

COMMAND = Command("lyric-emotion", extra="cli")
DESCRIPTION = """\
Asks a running server for the emotion of texts and songs, over gRPC.

  lyric-emotion classify "I danced all night"
  lyric-emotion song my-song.txt --plot arc.png
"""
EXIT_CODES = """\
Exit codes: 0 done, or stopped by Ctrl-C; 1 the service failed; 2 bad input or wrong usage.
"""
CLASSIFY = """\
Prints the emotion of each text: label, confidence, a bar, and the beginning of the text.

Texts are arguments, or lines of files, or, if neither is given, lines of standard input. Files are
UTF-8; every line is a text, even a blank one. The number of texts is unlimited: they are read while
answers arrive, up to 1,024 ahead, and answers keep the order of the texts. At a terminal, each line
is answered at once.
"""
CLASSIFY_MORE = f"""\
examples:
  lyric-emotion classify "I adore you" "Get out of my house!"
  lyric-emotion classify --json --file verses.txt > answers.jsonl

With --json, each text is an object: position (from 0); for a line of a file also file and line
(from 1); then label, confidence, scores, num_tokens, truncated, revision. A text without an answer
has error and message instead, and the other texts are still classified. The text itself is included
only with --with-text.

{EXIT_CODES}"""
SONG = """\
Prints the emotion of a whole song and of its parts, in sung order.

Blank lines and marks such as "[Chorus]" and "(x2)" separate the parts. The probabilities of the
song are the mean of those of its parts, weighted by tokens times repeats.
"""
SONG_MORE = f"""\
examples:
  lyric-emotion song my-song.txt
  lyric-emotion song my-song.txt --by windows --plot arc.png

--plot needs matplotlib: pip install 'lyric-emotion[cli]'.

{EXIT_CODES}"""
INFO = """\
Prints what a server serves: its labels, the most tokens it reads of a text, and its checkpoint.
"""
INFO_MORE = """\
example:
  lyric-emotion info --url music-1:8001 --json
"""
READY = """\
Checks with a real request that a server answers: exit code 0, or 1 if not (or if stopped).
"""
READY_MORE = """\
example:
  lyric-emotion ready --url music-1:8001 --timeout 2 || echo "not yet"
"""
HEADER_RULE = (
    "expected NAME=VALUE: a name of letters, digits, '-', '_' and '.' that does not begin with "
    "grpc- or end with -bin, and a value of printable ASCII"
)
PICTURE = ".png"

# Where argparse's errors repeat what was typed, and what they say instead. Numbers may be repeated.
REPETITIONS = (
    (r"(invalid choice): .*(?= \(choose from)", r"\1"),
    (r"ignored explicit argument .*", "takes no value"),
    (r", got (?!'[-+.e0-9]*'$).*", ""),
    (
        r"unrecognized arguments: .*",
        "too many arguments, or an unknown option; a text that begins with '-' must follow '--'",
    ),
)


class Parser(argparse.ArgumentParser):
    """argparse's parser, but its errors do not repeat what was typed: a text or a secret."""

    def error(self, message: str) -> NoReturn:
        """Prints what is wrong with the command line and exits with code 2."""
        for pattern, replacement in REPETITIONS:
            message = re.sub(pattern, replacement, message, flags=re.DOTALL)
        super().error(message)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line; wrong usage exits with code 2."""
    parser = Parser(
        prog=COMMAND.name,
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_add_classify, _add_song, _add_info, _add_ready):
        add(commands)
    args = parser.parse_args(argv)
    problem = _find_contradiction(args)
    if problem is not None:
        commands.choices[args.command].error(problem)
    return args


def open_client(args: argparse.Namespace, *, timeout_s: float | None = None) -> EmotionClient:
    """Returns a client of the service that the command line names; it has not connected yet.

    Args:
        args: from `parse_args`.
        timeout_s: overrides the timeout of the command line, in seconds.

    Raises:
        OSError: a file for TLS cannot be read.
        Refusal: a file for TLS is a folder.
    """
    return EmotionClient(
        args.url or DEFAULT_URL,
        timeout_s=args.timeout if timeout_s is None else timeout_s,
        tls=_read_tls(args),
        headers=dict(args.header),
    )


def _read_tls(args: argparse.Namespace) -> TLS | None:
    files = [args.tls_ca, args.tls_key, args.tls_cert]
    given = [file for file in files if file is not None]
    check_files(given)
    return TLS(*files) if args.tls or given else None


def _find_contradiction(args: argparse.Namespace) -> str | None:
    """Returns what is wrong with the options together, though each alone is fine."""
    if (args.tls_key is None) != (args.tls_cert is None):
        return "--tls-key and --tls-cert belong together; give both or none"
    names = [name for name, _ in args.header]
    if len(names) > len(set(names)):
        return "a header is given twice"
    if args.command == "classify" and args.texts and args.file:
        return "give texts or --file, not both"
    if args.command == "classify" and args.with_text and not args.json:
        return "--with-text needs --json"
    return None


def _parse_urls(text: str) -> list[str]:
    return [check_url(url) for url in text.split(",")]


def _parse_header(text: str) -> tuple[str, str]:
    """Returns name and value; errors show neither, since a user may swap them."""
    name, equals, value = text.partition("=")
    try:
        ((name, value),) = check_headers({name: value})
    except ValueError:
        equals = ""
    if not equals:
        raise argparse.ArgumentTypeError(HEADER_RULE)
    return name, value


def _parse_picture(text: str) -> Path:
    if Path(text).suffix.lower() != PICTURE:
        raise argparse.ArgumentTypeError(f"expected a file name that ends with {PICTURE}")
    return output_file(text)


def _add_classify(commands: Commands) -> None:
    parser = _add(commands, "classify", description=CLASSIFY, epilog=CLASSIFY_MORE)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="what to classify")
    parser.add_argument(
        "--file",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="files with one text per line; - is standard input",
    )
    _add_json(parser, what="an object for each text")
    parser.add_argument("--with-text", action="store_true", help="with --json: include the text")
    _add_service(parser)


def _add_song(commands: Commands) -> None:
    parser = _add(commands, "song", description=SONG, epilog=SONG_MORE)
    parser.add_argument(
        "file", metavar="FILE", help="the lyrics, UTF-8, up to 1 MiB; - is standard input"
    )
    parser.add_argument(
        "--by",
        choices=WAYS,
        default=WAYS[0],
        help="what the parts are: stanzas, or overlapping windows as long as the model's limit; "
        "auto: stanzas if there are at least two (%(default)s)",
    )
    parser.add_argument(
        "--plot",
        type=_parse_picture,
        metavar="PNG",
        help="draw the song's emotional arc into this file; an existing file is replaced",
    )
    _add_json(parser, what="one object")
    _add_service(parser)


def _add_info(commands: Commands) -> None:
    parser = _add(commands, "info", description=INFO, epilog=INFO_MORE)
    _add_json(parser, what="one object")
    _add_service(parser)


def _add_ready(commands: Commands) -> None:
    _add_service(_add(commands, "ready", description=READY, epilog=READY_MORE))


def _add_json(parser: Parser, *, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=f"print JSON: {what}, on one line")


def _add_service(parser: Parser) -> None:
    """Adds the options for the address of the service and the connection to it."""
    service = parser.add_argument_group("service")
    service.add_argument(
        "--url",
        type=checked(_parse_urls),
        action="extend",
        metavar="HOST:PORT",
        help="its gRPC port; for replicas, separate addresses by commas or repeat --url "
        f"({DEFAULT_URL})",
    )
    service.add_argument(
        "--timeout",
        type=number_above(0, MAX_TIMEOUT_S),
        default=DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="for one answer, retries included (%(default)s)",
    )
    service.add_argument(
        "--tls",
        action="store_true",
        help="encrypt, and trust public authorities; each of the next three also encrypts",
    )
    service.add_argument("--tls-ca", metavar="FILE", help="trust this authority instead (PEM)")
    service.add_argument("--tls-key", metavar="FILE", help="the client's own key (PEM), for mTLS")
    service.add_argument("--tls-cert", metavar="FILE", help="the certificate of that key (PEM)")
    service.add_argument(
        "--header",
        type=_parse_header,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="sent with every call; may be repeated; values are never shown",
    )


def _add(commands: Commands, name: str, *, description: str, epilog: str) -> Parser:
    summary, _, _ = description.partition("\n")
    return commands.add_parser(
        name,
        help=summary.rstrip(".:"),
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
