"""How results look, for people and for programs. Nothing is measured or judged here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from comparison.figures import (
    MAX_OTHERS_CPU,
    Figures,
    Outcome,
    Ratio,
    Verdict,
    compare,
    find,
    summarize,
)
from comparison.peer import Peer
from comparison.peers import OURS, OURS_TEXT

# Above this the calling process may be what limits the rate.
BUSY_CALLER_SHARE = 0.9
HEAD = (
    ("texts/s", "", 9),
    ("p50", "ms", 8),
    ("p99", "ms", 8),
    ("server CPU", "s per 1,000", 13),
    ("caller CPU", "s per 1,000", 13),
    ("memory", "MiB", 8),
    ("client", "is ours x", 11),
    ("text", "is ours x", 11),
)
NAME_WIDTH = 28


def describe(peer: Peer) -> str:
    """Returns a server's name with its form."""
    return peer.name if peer.form == "ours" else f"{peer.name}, {peer.form}"


def format_table(outcomes: Sequence[Outcome], *, num_checked: int) -> str:
    """Returns a line for each server, measured or not, and what is to be said of them.

    Args:
        outcomes: of all servers.
        num_checked: answers of each that were compared with the model's.
    """
    lines = [
        f"  {'':<{NAME_WIDTH}}" + "".join(f"{each[i]:>{each[2]}}" for each in HEAD)
        for i in range(2)
    ]
    own, own_text = find(outcomes, OURS), find(outcomes, OURS_TEXT)
    for each in outcomes:
        if each.error is None:
            ratios = [compare(own, each), compare(own_text, each)]
            lines.append(_format_row(each, summarize(each.laps), ratios=ratios))
        else:
            lines.append(f"  {describe(each.peer):<{NAME_WIDTH}}  not measured: {each.error}")
    return "\n".join([*lines, *_list_remarks(outcomes, num_checked=num_checked)])


def format_verdict(verdict: Verdict) -> str:
    """Returns one line on a target and whether it is met."""
    ratio = verdict.ratio
    word = "met   " if verdict.is_met else "MISSED"
    return (
        f"{word}  ours has {ratio.of_medians:.2f} x the rate of {describe(verdict.peer)} "
        f"({ratio.lowest:.2f} to {ratio.highest:.2f}); "
        f"at least {verdict.limit:.2f}"
    )


def build_json(
    outcomes: Sequence[Outcome], *, verdicts: Sequence[Verdict], facts: dict[str, object]
) -> str:
    """Returns all figures as a JSON document; units stand in the names.

    Args:
        outcomes: of all servers.
        verdicts: on the targets.
        facts: what else to write, in front.
    """
    own, own_text = find(outcomes, OURS), find(outcomes, OURS_TEXT)
    document = {
        **facts,
        "peers": {
            each.peer.key: {
                "name": describe(each.peer),
                "form": each.peer.form,
                "error": each.error,
                "figures": None if each.error else asdict(summarize(each.laps)),
                "laps": [asdict(summarize([lap])) for lap in each.laps],
                "ratio_of_ours": _to_dict(compare(own, each)),
                "ratio_of_ours_text": _to_dict(compare(own_text, each)),
            }
            for each in outcomes
        },
        "targets": [
            {
                "peer": verdict.peer.key,
                "limit": verdict.limit,
                "ratio": verdict.ratio.of_medians,
                "is_met": verdict.is_met,
            }
            for verdict in verdicts
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _format_row(outcome: Outcome, figures: Figures, *, ratios: Sequence[Ratio | None]) -> str:
    cells = [
        f"{figures.texts_per_s:,.0f}",
        f"{figures.p50_ms:,.0f}",
        f"{figures.p99_ms:,.0f}",
        f"{figures.server_cpu_s_per_1000:.1f}",
        f"{figures.caller_cpu_s_per_1000:.2f}",
        f"{figures.memory_mib:,.0f}",
        *("-" if ratio is None else f"{ratio.of_medians:.2f}" for ratio in ratios),
    ]
    row = "".join(f"{cell:>{width}}" for cell, (_, _, width) in zip(cells, HEAD, strict=True))
    return f"  {describe(outcome.peer):<{NAME_WIDTH}}{row}"


def _list_remarks(outcomes: Sequence[Outcome], *, num_checked: int) -> list[str]:
    remarks = []
    for each in outcomes:
        if each.error is not None:
            continue
        figures, name = summarize(each.laps), describe(each.peer)
        if figures.num_wrong:
            remarks.append(
                f"  WRONG: {name}: {figures.num_wrong} of {num_checked} answers are not the model's"
            )
        if figures.others_cpu > MAX_OTHERS_CPU:
            remarks.append(
                f"  {name}: other processes kept {figures.others_cpu:.1f} cores busy meanwhile; "
                "measure again in a quiet hour"
            )
        if figures.caller_share > BUSY_CALLER_SHARE:
            remarks.append(
                f"  {name}: the calling process used {figures.caller_share:.0%} of a core, and may "
                "be what limits the rate"
            )
    return remarks


def _to_dict(ratio: Ratio | None) -> dict[str, float] | None:
    return None if ratio is None else asdict(ratio)
