"""The command line: what may be said, and what --help tells of it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from emotion_client.arguments import check_headers, check_timeout, check_url
from emotion_client.client import DEFAULT_TIMEOUT_S, DEFAULT_URL
from emotion_client.song import WAYS

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]

DESCRIPTION = """\
Asks a running server for the emotion of texts and songs, over gRPC.

  lyric-emotion classify "I danced all night"
  lyric-emotion song my-song.txt --plot arc.png
"""
EXIT_CODES = """\
Exit codes: 0 done, or stopped by Ctrl-C; 1 the service failed; 2 bad input, or wrong usage.
"""
CLASSIFY = """\
Says the emotion of each text: label, confidence, a bar for it, and how the text begins.

Texts are arguments, or the lines of files, or those of standard input where neither is given.
Files are UTF-8; every line is a text, a blank one too. Any number of texts will do: they are read
while answers come, up to 1,024 ahead, and answers keep their order. At a terminal each line is
answered at once.
"""
CLASSIFY_MORE = f"""\
examples:
  lyric-emotion classify "I adore you" "Get out of my house!"
  lyric-emotion classify --json --file verses.txt > answers.jsonl

With --json, each text is an object: position (from 0), for a line of a file also file and line
(from 1), then label, confidence, scores, num_tokens, truncated, revision. A text without an
answer has error and message instead, and the others go on. The text is not in it without
--with-text.

{EXIT_CODES}"""
SONG = """\
Says the emotion of a whole song and of its parts, in sung order.

Blank lines and marks such as "[Chorus]" and "(x2)" tell the parts. The song's probabilities are
the mean of its parts', each weighted by its tokens times its repeats.
"""
SONG_MORE = f"""\
examples:
  lyric-emotion song my-song.txt
  lyric-emotion song my-song.txt --by windows --plot arc.png

--plot needs matplotlib: pip install 'lyric-emotion[cli]'.

{EXIT_CODES}"""
INFO = """\
Says what a server serves: labels, how many tokens it reads of a text, and which checkpoint it is.
"""
INFO_MORE = """\
example:
  lyric-emotion info --url music-1:8001 --json
"""
READY = """\
Asks for a real answer and says whether one comes: exit code 0 or 1, also where it is stopped.
"""
HEADER_RULE = (
    "one cannot be sent; a header is NAME=VALUE: in the name letters, digits, '-', '_' and '.', "
    "no grpc- before and no -bin behind it; in the value printable ASCII"
)
READY_MORE = """\
example:
  lyric-emotion ready --url music-1:8001 --timeout 2 || echo "not yet"
"""


# What argparse says of words that it repeats, and what is said instead.
REPETITIONS = (
    (r"(invalid choice): .*(?= \(choose from)", r"\1"),
    (r"ignored explicit argument .*", "takes no value"),
    (
        r"unrecognized arguments: .*",
        "there is an argument too many, or an unknown option; "
        "a text that begins with '-' comes after '--'",
    ),
)


class Parser(argparse.ArgumentParser):
    """argparse's own, but what it complains of is not repeated: it may be a text or a secret."""

    def error(self, message: str) -> NoReturn:
        """Prints what is wrong with the command line and exits with code 2."""
        for pattern, replacement in REPETITIONS:
            message = re.sub(pattern, replacement, message, flags=re.DOTALL)
        super().error(message)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line; wrong usage exits with code 2."""
    parser = Parser(
        prog="lyric-emotion",
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


def parse_urls(text: str) -> list[str]:
    """Returns the addresses that the text lists."""
    try:
        return [check_url(url) for url in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parse_timeout(text: str) -> float:
    """Returns the seconds that the text says."""
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None
    try:
        return check_timeout(seconds)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parse_header(text: str) -> tuple[str, str]:
    """Returns name and value of a header; no message shows either, as they may be mixed up."""
    name, equals, value = text.partition("=")
    try:
        ((name, value),) = check_headers({name: value})
    except ValueError:
        equals = ""
    if not equals:
        raise argparse.ArgumentTypeError(HEADER_RULE)
    return name, value


def _find_contradiction(args: argparse.Namespace) -> str | None:
    """Returns what cannot be meant, though each option for itself could."""
    if (args.tls_key is None) != (args.tls_cert is None):
        return "--tls-key and --tls-cert belong together; give both or none"
    names = [name for name, _ in args.header]
    for name in names:
        if names.count(name) > 1:
            return "a header is given twice"
    if args.command == "classify" and args.texts and args.file:
        return "give texts or --file, not both"
    if args.command == "classify" and args.with_text and not args.json:
        return "--with-text needs --json"
    return None


def _add_classify(commands: Commands) -> None:
    parser = _add(commands, "classify", description=CLASSIFY, epilog=CLASSIFY_MORE)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="what to classify")
    parser.add_argument(
        "--file",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="files with one text a line; - is standard input",
    )
    _add_json(parser, what="an object for each text")
    parser.add_argument("--with-text", action="store_true", help="with --json: have the text in it")
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
        help="what the parts are: stanzas, or overlapping windows of as much as the model reads at "
        "once; auto: stanzas where there are two or more (%(default)s)",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="PNG",
        help="draw the song's emotional arc into this file, which is replaced",
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
    parser.add_argument("--json", action="store_true", help=f"print JSON: {what}, in a line")


def _add_service(parser: Parser) -> None:
    """Adds the options that say where the service is and how to reach it."""
    service = parser.add_argument_group("service")
    service.add_argument(
        "--url",
        type=parse_urls,
        action="extend",
        metavar="HOST:PORT",
        help="its gRPC port; replicas with commas between them, or --url several times "
        f"({DEFAULT_URL})",
    )
    service.add_argument(
        "--timeout",
        type=parse_timeout,
        default=DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="for one answer, retries included (%(default)s)",
    )
    service.add_argument(
        "--tls",
        action="store_true",
        help="encrypt, and trust public authorities; the three below encrypt too",
    )
    service.add_argument("--tls-ca", metavar="FILE", help="trust this authority instead (PEM)")
    service.add_argument("--tls-key", metavar="FILE", help="the client's own key (PEM), for mTLS")
    service.add_argument("--tls-cert", metavar="FILE", help="the certificate that goes with it")
    service.add_argument(
        "--header",
        type=parse_header,
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
