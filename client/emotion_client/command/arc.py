"""The emotional arc of a song: what a picture of it shows, without drawing anything. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from emotion_client.command.display import reveal, shorten
from emotion_client.command.parts import name_parts
from emotion_client.song import Part, SongPrediction

# As many as there are colours that everybody can tell apart; the others become one layer.
MAX_LAYERS = 7
OTHERS = "others"
SINGLE_LABEL = "single_label_classification"
MAX_NAME_WIDTH, MAX_LABEL_WIDTH = 20, 24


@dataclass(frozen=True)
class Stretch:
    """One part as it is sung.

    Attributes:
        name: of the part.
        start: where it begins, 0 to 1 of the song.
        width: how much of the song it is, all repeats together, above 0 and up to 1.
        repeats: how often it is sung in a row.
        values: (num_layers,) probability of each layer, 0 to 1.
        label: its most probable label.
    """

    name: str
    start: float
    width: float
    repeats: int
    values: tuple[float, ...]
    label: str

    @property
    def end(self) -> float:
        """Where it ends, 0 to 1 of the song."""
        return self.start + self.width

    @property
    def middle(self) -> float:
        """Its middle, 0 to 1 of the song."""
        return self.start + self.width / 2


@dataclass(frozen=True)
class Arc:
    """A song as a picture shows it.

    Attributes:
        title: label and confidence of the song.
        subtitle: how much of a song it is.
        layers: labels in the model's order, and `OTHERS` where there are too many.
        values: (num_layers,) probability of each layer in the whole song, 0 to 1.
        is_stacked: whether the probabilities of a part sum to 1.
        stretches: the parts in sung order, without gaps from 0 to 1.
    """

    title: str
    subtitle: str
    layers: tuple[str, ...]
    values: tuple[float, ...]
    is_stacked: bool
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class Run:
    """Parts in a row with the same most probable label; start and end are 0 to 1 of the song."""

    label: str
    start: float
    end: float


def build_arc(song: SongPrediction, *, problem_type: str) -> Arc:
    """Returns what to draw of a song.

    Args:
        song: the answer.
        problem_type: as `ServerInfo` has it.
    """
    is_stacked = problem_type == SINGLE_LABEL
    kept = _choose_labels(song.scores)
    has_others = is_stacked and len(kept) < len(song.scores)
    num_parts = f"{len(song.parts)} part{'s' if len(song.parts) > 1 else ''}"
    label, confidence = song
    return Arc(
        title=f"{_name_label(label)} {confidence:.2f}",
        subtitle=f"{num_parts} in sung order, {song.num_tokens} tokens",
        layers=(*map(_name_label, kept), *[OTHERS] * has_others),
        values=_pick(song.scores, labels=kept, has_others=has_others),
        is_stacked=is_stacked,
        stretches=tuple(_lay_out(song.parts, labels=kept, has_others=has_others)),
    )


def find_runs(stretches: Sequence[Stretch]) -> list[Run]:
    """Returns parts in a row with the same label as one."""
    groups = [list(group) for _, group in groupby(stretches, key=lambda each: each.label)]
    return [Run(group[0].label, group[0].start, group[-1].end) for group in groups]


def choose_names(stretches: Sequence[Stretch], *, min_gap: float) -> list[Stretch]:
    """Returns the parts whose names are written: the first one, and all that are not too near.

    Args:
        stretches: in sung order.
        min_gap: between the middles of two parts with a name, as a share of the song.
    """
    chosen: list[Stretch] = []
    for stretch in stretches:
        if not chosen or stretch.middle - chosen[-1].middle >= min_gap:
            chosen.append(stretch)
    return chosen


def _choose_labels(scores: Mapping[str, float]) -> list[str]:
    """Returns the labels that get a colour, in the model's order."""
    if len(scores) <= MAX_LAYERS:
        return list(scores)
    best = set(sorted(scores, key=scores.__getitem__, reverse=True)[:MAX_LAYERS])
    return [label for label in scores if label in best]


def _pick(
    scores: Mapping[str, float], *, labels: Sequence[str], has_others: bool
) -> tuple[float, ...]:
    picked = [scores[label] for label in labels]
    return (*picked, max(0.0, sum(scores.values()) - sum(picked))) if has_others else (*picked,)


def _lay_out(parts: Sequence[Part], *, labels: Sequence[str], has_others: bool) -> list[Stretch]:
    tokens = [part.prediction.num_tokens * part.repeats for part in parts]
    starts = accumulate(tokens, initial=0)
    return [
        Stretch(
            name=_name_stretch(name, repeats=part.repeats),
            start=start / sum(tokens),
            width=num_tokens / sum(tokens),
            repeats=part.repeats,
            values=_pick(part.prediction.scores, labels=labels, has_others=has_others),
            label=_name_label(part.prediction.label),
        )
        for part, name, start, num_tokens in zip(
            parts, name_parts(parts), starts, tokens, strict=False
        )
    ]


def _name_label(label: str) -> str:
    return shorten(reveal(label), width=MAX_LABEL_WIDTH)


def _name_stretch(name: str, *, repeats: int) -> str:
    shown = shorten(name, width=MAX_NAME_WIDTH)
    return f"{shown} ×{repeats}" if repeats > 1 else shown
