#!/usr/bin/env python3
"""Scores millions of texts: the rows of files get their label, confidence and scores.

Texts are scored in this process (on a GPU if there is one), with --url by running servers, or with
--ray on a cluster. The output has a folder for each file, with parts of --part-rows rows. A job
that was stopped or killed resumes when the same command runs again. It adds the columns label,
confidence, score_<label> for each label, truncated, revision and error. A row that cannot be scored
has its error there, and does not stop the others.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from emotion_client import EmotionError
from emotion_client.arguments import MAX_TIMEOUT_S, check_url
from emotion_command.checkout import CHECKPOINT
from emotion_command.numbers import checked, integer, number_above
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_engine.errors import CheckpointError, OutOfMemory, SettingsError
from emotion_scoring.errors import ScorerError
from emotion_scoring.inputs import find_inputs
from emotion_scoring.job import Job, Options
from emotion_scoring.opening import open_scorer
from emotion_scoring.ray_scorer import LOCAL
from emotion_scoring.server_scorer import RESTART_TIMEOUT_S

COMMAND = Command("score", extra="score")
EPILOG = """\
Exit codes: 0 done or stopped; 1 the servers or the cluster do not answer or have another
checkpoint, or the GPU is out of memory; 2 wrong usage, bad input, or cannot write. A file that
cannot be read gives 2 after the others are scored."""


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)

    def work(interruption: Interruption) -> int:
        options = Options(
            inputs=find_inputs(args.inputs, output=args.output),
            output=args.output,
            column=args.column,
            format=args.format,
            prefix=args.prefix,
            rows_per_part=args.part_rows,
            is_new=args.overwrite,
        )
        places = {"urls": args.url, "ray": args.ray, "timeout_s": args.timeout}
        with open_scorer(args.checkpoint, **places) as it:
            job = Job(options, scorer=it, command=COMMAND, interruption=interruption)
            return 2 if job.run().failed_files else 0

    return COMMAND.run(
        work,
        refusals=(CheckpointError, SettingsError),
        failures=(EmotionError, OutOfMemory, ScorerError),
        describe_stop=lambda: "stopped; run the same command again to resume",
    )


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    inputs = "Parquet, CSV or JSONL: files, folders, and quoted patterns such as 'songs/*.csv'"
    add("inputs", nargs="+", metavar="INPUT", help=inputs)
    add("--output", type=Path, required=True, metavar="FOLDER", help="where to write")
    text = "of the texts: its name, or its number from 1 if a CSV has no header (%(default)s)"
    add("--column", default="text", metavar="NAME", help=text)
    formats = "of the output (that of each file)"
    add("--format", choices=("parquet", "csv", "jsonl"), help=formats)
    prefix = "of the names of the added columns (none)"
    add("--prefix", default="", metavar="TEXT", help=prefix)
    rows = "of each file of the output (%(default)s)"
    size = integer(1, 10_000_000)
    add("--part-rows", type=size, default=10_000, metavar="ROWS", help=rows)
    add("--overwrite", action="store_true", help="start over; remove finished parts")
    checkpoint = "a prepared one, for this process or Ray (the one that this repository serves)"
    add("--checkpoint", type=Path, default=CHECKPOINT, metavar="FOLDER", help=checkpoint)
    where = parser.add_mutually_exclusive_group().add_argument
    url = "gRPC addresses of running servers to ask instead, separated by commas"
    urls = checked(lambda text: [check_url(each) for each in text.split(",")])
    where("--url", type=urls, metavar="HOST:PORT", help=url)
    ray = "a Ray cluster to use instead (without an address: one on this machine)"
    where("--ray", nargs="?", const=LOCAL, metavar="ADDRESS", help=ray)
    wait = "with --url: of a request, a server's restart included (%(default)g)"
    seconds = number_above(0, MAX_TIMEOUT_S)
    add("--timeout", type=seconds, default=RESTART_TIMEOUT_S, metavar="SECONDS", help=wait)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
