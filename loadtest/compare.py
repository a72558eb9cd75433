#!/usr/bin/env python3
"""Compares this project with what one would pick instead, on this machine.

The same weights, the same texts in the same order, the same load: 64 callers, each of which asks
for one text, waits for its answer and asks again. Each server has its turn alone: it starts, its
answers are checked against plain transformers in float32, the callers warm it up, and go on while
it is measured. A measurement during which other processes were at work is repeated, twice at most,
and the quietest one counts. Each round takes the servers in another order, so that what else the
machine does hits all alike.

"tuned" is a server at its best documented setting, "example" as its own example stands; both stand
in loadtest/peers, and docs/comparison.md says what they are. Each has a virtual environment of its
own in .venv-peers, made at first use: some gigabytes and minutes. A server that cannot be installed
or run is named with its error.

The table has medians of the rates over the rounds, and percentiles of all latencies together.
"Server CPU" is the processor time of all processes of a server, "caller CPU" that of this process,
which for EmotionClient includes the tokenizing; all share the cores. "Memory" is the PSS of a
server's processes (shared pages counted once). The last columns say how many times as fast ours
is: with EmotionClient, and with text over HTTP, as the others take it.

Exit code: 0 measured, or stopped by Ctrl-C; 1 with --check a target missed, or ours failed;
2 wrong usage, or cannot start.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from counts import count_up_to
from emotion_client.command.interruption import Interruption
from output_file import find_problem
from rounds import rotate
from text_mix import MixError

# What starts Triton is no installed package; the commands beside it find it by their own folder.
sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from base_model import BaseModelError
from comparison.figures import Lap, Outcome, Verdict, find, judge
from comparison.job import NUM_CHECKED, CannotStart, Job, prepare
from comparison.machine import describe_machine, find_processor
from comparison.peer import Peer
from comparison.peer_error import PeerError
from comparison.peers import OURS, PEERS
from comparison.report import build_json, describe, format_table, format_verdict
from comparison.turn import NUM_CALLERS, run_lap
from comparison.venvs import make_venv
from evaluation.evaluated_model import ModelError
from examples import DataError
from serving.start_error import StartError
from serving.triton_server import REPOSITORY
from source_model import PrepareError

DEFAULT_NUM_ROUNDS, DEFAULT_S, DEFAULT_WARM_UP_S, DEFAULT_SEED = 2, 10.0, 5.0, 1
MAX_NUM_ROUNDS, MAX_S = 100, 600.0
LIMITS = {"tuned": 2.0, "example": 5.0}


def main(argv: list[str] | None = None, *, peers: Sequence[Peer] = PEERS) -> int:
    """Runs the command on these servers; returns its exit code."""
    args = parse_args(argv, peers=peers)
    interruption = Interruption()
    interruption.install()
    try:
        return run(args, peers=peers, check=interruption.check)
    except KeyboardInterrupt:
        interruption.ignore()  # one more is no news
        say("stopped")
        return 0
    except (
        *(CannotStart, StartError, MixError, DataError, OSError),
        *(ModelError, PrepareError, BaseModelError),
    ) as error:
        complain(str(error))
        return 2


def parse_args(argv: list[str] | None, *, peers: Sequence[Peer]) -> argparse.Namespace:
    """Parses the command line; wrong usage exits with code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    keys = [peer.key for peer in peers]
    parser.add_argument(
        "--only",
        nargs="+",
        choices=keys,
        default=keys,
        metavar="SERVER",
        help=f"some of: {', '.join(keys)} (all)",
    )
    parser.add_argument(
        "--rounds",
        type=count_up_to(MAX_NUM_ROUNDS),
        default=DEFAULT_NUM_ROUNDS,
        metavar="NUMBER",
        help="turns of each server (%(default)s)",
    )
    for option, default, what in (
        ("--seconds", DEFAULT_S, "of each measurement"),
        ("--warm-up", DEFAULT_WARM_UP_S, "of load before each measurement"),
    ):
        parser.add_argument(
            option,
            type=parse_seconds,
            default=default,
            metavar="SECONDS",
            help=f"{what} (%(default)s)",
        )
    parser.add_argument(
        "--seed",
        type=int,
        default=DEFAULT_SEED,
        metavar="NUMBER",
        help="another one makes other texts (%(default)s)",
    )
    parser.add_argument(
        "--model-repository",
        type=Path,
        default=REPOSITORY,
        metavar="FOLDER",
        help="whose checkpoint all of them serve (%(default)s)",
    )
    parser.add_argument(
        "--torch-index", metavar="URL", help="where to look for torch, too, when installing"
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 where a target is missed")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where to write all figures, for programs"
    )
    args = parser.parse_args(argv)
    if args.json is not None and (problem := find_problem(args.json)):
        parser.error(f"--json {args.json}: {problem}")
    return args


def parse_seconds(text: str) -> float:
    """Returns the seconds that the text says."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0 and up to {MAX_S:g}")
    return seconds


def run(args: argparse.Namespace, *, peers: Sequence[Peer], check: Callable[[], None]) -> int:
    """Measures, prints and writes; returns the exit code.

    Args:
        args: the command line.
        peers: the servers that there are.
        check: called between turns; raises where a Ctrl-C got lost.

    Raises:
        CannotStart: the model reads another number of tokens than the texts are made for.
        DataError: the texts are not there.
        MixError: they are not as long as lyrics are.
        StartError: the checkpoint is missing or broken.
        OSError: the figures cannot be written.
    """
    chosen = [peer for peer in peers if peer.key in args.only]
    load_average = os.getloadavg()[0]
    say("asking plain transformers for the right answers")
    job = prepare(
        args.model_repository.resolve(),
        seed=args.seed,
        warm_up_s=args.warm_up,
        seconds=args.seconds,
    )
    put(
        "",
        job.mix.describe(),
        f"{describe_machine()}, load average before {load_average:.2f}",
        "",
    )
    outcomes = run_rounds(chosen, job=job, args=args, check=check)
    put("", format_table(outcomes, num_checked=NUM_CHECKED), "")
    verdicts = judge(find(outcomes, OURS), outcomes, limits=LIMITS)
    put(*map(format_verdict, verdicts))
    if args.json is not None:
        facts: dict[str, object] = {
            "processor": find_processor(),
            "num_cores": os.cpu_count(),
            "load_average_before": load_average,
            "dtype": job.dtype,
            "seed": args.seed,
            "num_callers": NUM_CALLERS,
            "rounds": args.rounds,
            "seconds": args.seconds,
            "warm_up_s": args.warm_up,
            "num_checked": NUM_CHECKED,
        }
        args.json.write_text(build_json(outcomes, verdicts=verdicts, facts=facts), encoding="utf-8")
        say(f"wrote {args.json}")
    return choose_exit_code(outcomes, verdicts=verdicts, is_judged=args.check)


def choose_exit_code(
    outcomes: Sequence[Outcome], *, verdicts: Sequence[Verdict], is_judged: bool
) -> int:
    """Returns 2 where ours did not start or a verdict that is wanted is missing, else 0 or 1.

    1 is for one of ours that failed or answered wrongly, and, where verdicts are wanted, for a
    missed target.
    """
    ours = [each for each in outcomes if each.peer.form == "ours"]
    if any(each.error and not each.laps for each in ours):
        return 2
    if is_judged and len(verdicts) < len(outcomes) - len(ours):
        return 2
    is_wrong = any(each.error or any(lap.num_wrong for lap in each.laps) for each in ours)
    is_missed = is_judged and not all(verdict.is_met for verdict in verdicts)
    return 1 if is_wrong or is_missed else 0


def run_rounds(
    peers: Sequence[Peer], *, job: Job, args: argparse.Namespace, check: Callable[[], None]
) -> list[Outcome]:
    """Gives every server its turn in every round; one that failed has no more."""
    errors: dict[str, str] = {}
    pythons = find_pythons(peers, index=args.torch_index, errors=errors)
    laps: dict[str, list[Lap]] = {peer.key: [] for peer in peers}
    gc.collect()
    gc.freeze()  # what is loaded by now is not for the collector to walk again under load
    for i in range(args.rounds):
        for peer in rotate_peers(peers, round_number=i, num_rounds=args.rounds):
            check()
            if peer.key in errors:
                continue
            try:
                lap = run_lap(peer, python=pythons[peer.key], job=job)
            except (PeerError, TimeoutError) as error:
                errors[peer.key] = str(error)
                say(f"{describe(peer)}: {errors[peer.key]}")
            else:
                laps[peer.key].append(lap)
                say(f"round {i + 1} of {args.rounds}: {describe(peer)} {lap.texts_per_s:,.1f}/s")
    return [Outcome(peer, tuple(laps[peer.key]), errors.get(peer.key)) for peer in peers]


def rotate_peers(peers: Sequence[Peer], *, round_number: int, num_rounds: int) -> list[Peer]:
    """Returns the order of a round; over all rounds, each server's places lie far apart."""
    return rotate(peers, round_number=round_number * len(peers) // num_rounds)


def find_pythons(
    peers: Sequence[Peer], *, index: str | None, errors: dict[str, str]
) -> dict[str, Path]:
    """Returns the interpreter that each server runs on; where there is none, notes why.

    Args:
        peers: the servers.
        index: a source of packages beside PyPI.
        errors: gets, by key, why a server cannot be installed.
    """
    pythons = {}
    for folder in {peer.folder: None for peer in peers}:
        own = [peer.key for peer in peers if peer.folder == folder]
        try:
            python = make_venv(folder, index=index, report=say) if folder else Path(sys.executable)
        except PeerError as error:
            errors.update(dict.fromkeys(own, str(error)))
            say(f"{folder}: {error}")
        else:
            pythons.update(dict.fromkeys(own, python))
    return pythons


def say(line: str) -> None:
    """Prints one line of progress."""
    put(f"compare: {line}")


def put(*lines: str) -> None:
    """Prints lines."""
    if lines:
        print(*lines, sep="\n", flush=True)


def complain(sentence: str) -> None:
    """Prints one sentence on standard error."""
    print(f"compare: {sentence}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
