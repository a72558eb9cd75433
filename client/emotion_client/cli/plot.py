"""The emotional arc of a song as a picture.

`build_arc` computes what the picture shows, `draw_arc` draws it with matplotlib. matplotlib is
imported only to draw, and its global state (pyplot, rcParams) is never touched.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any

from emotion_command.terminal import shorten

from emotion_client.cli.answers import count_parts, name_parts
from emotion_client.song import Part, SongPrediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OTHERS = "others"
SINGLE_LABEL = "single_label_classification"
MAX_NAME_WIDTH, MAX_LABEL_WIDTH = 20, 24
DPI = 150
WIDTH_IN, HEIGHT_IN = 11.0, 5.2
MARGIN_IN = 0.12
POINTS_PER_IN = 72
# Okabe and Ito's palette for colour-blind readers: vermilion, green, yellow, purple, blue, orange,
# sky blue. In this order neighbours in the stack differ most, and the labels of the default
# checkpoint, which are sorted, get colours that suit them.
PALETTE = ("#D55E00", "#009E73", "#F0E442", "#CC79A7", "#0072B2", "#E69F00", "#56B4E9")
MAX_LAYERS = len(PALETTE)  # further labels are summed up in one layer
FIGURE_SPACE = "\u2007"  # as wide as a digit
GREY, DARK, MIDDLE = "#BBBBBB", "#222222", "#666666"
# The strip above the stack with the most probable label, in shares of the stack's height.
STRIP_BOTTOM, STRIP_HEIGHT = 1.025, 0.045
NAME_POINTS, TITLE_POINTS = 9.0, 16.0
# The space of a slanted name along the axis, and the least gap between horizontal ones.
SLANTED_POINTS, GAP_POINTS = 13.0, 4.0
# Narrower stretches have no white line between them: it would cover them.
MIN_LINED_POINTS = 4.0


@dataclass(frozen=True)
class Stretch:
    """A part with its repeats, on an axis from 0 to 1 for the whole song.

    Attributes:
        name: of the part.
        start: where the part begins.
        width: of all repeats together, greater than 0.
        repeats: how often the part is sung in a row.
        values: (num_layers,) probability of each layer, 0 to 1.
        label: the most probable label.
    """

    name: str
    start: float
    width: float
    repeats: int
    values: tuple[float, ...]
    label: str

    @property
    def end(self) -> float:
        """Where the part ends."""
        return self.start + self.width

    @property
    def middle(self) -> float:
        """The middle of the part."""
        return self.start + self.width / 2


@dataclass(frozen=True)
class Arc:
    """What the picture of a song shows.

    Attributes:
        title: label and confidence of the song.
        subtitle: number of parts and tokens.
        layers: labels in the model's order, then `OTHERS` if there are too many.
        values: (num_layers,) probability of each layer in the whole song, 0 to 1.
        is_stacked: whether the probabilities of a part sum to 1.
        stretches: the parts in sung order, without gaps.
    """

    title: str
    subtitle: str
    layers: tuple[str, ...]
    values: tuple[float, ...]
    is_stacked: bool
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class Run:
    """Consecutive parts with the same most probable label."""

    label: str
    start: float
    end: float


def build_arc(song: SongPrediction, *, problem_type: str) -> Arc:
    """Returns what to draw of a song; `problem_type` is that of `ServerInfo`."""
    is_stacked = problem_type == SINGLE_LABEL
    kept = _choose_labels(song.scores)
    has_others = is_stacked and len(kept) < len(song.scores)
    label, confidence = song
    return Arc(
        title=f"{_name_label(label)} {confidence:.2f}",
        subtitle=f"{count_parts(song)} in sung order, {song.num_tokens} tokens",
        layers=(*map(_name_label, kept), *[OTHERS] * has_others),
        values=_pick(song.scores, labels=kept, has_others=has_others),
        is_stacked=is_stacked,
        stretches=tuple(_lay_out(song.parts, labels=kept, has_others=has_others)),
    )


def find_runs(stretches: Sequence[Stretch]) -> list[Run]:
    """Returns the runs of parts with the same most probable label."""
    groups = [list(group) for _, group in groupby(stretches, key=lambda each: each.label)]
    return [Run(group[0].label, group[0].start, group[-1].end) for group in groups]


def choose_names(stretches: Sequence[Stretch], *, min_gap: float) -> list[Stretch]:
    """Returns the parts whose names are written: the first, and each far enough from the last.

    Args:
        stretches: in sung order.
        min_gap: between the middles of two named parts, as a share of the song.
    """
    chosen: list[Stretch] = []
    for stretch in stretches:
        if not chosen or stretch.middle - chosen[-1].middle >= min_gap:
            chosen.append(stretch)
    return chosen


def draw_arc(arc: Arc) -> bytes:
    """Returns the picture of a song as a PNG.

    The horizontal axis has the parts in sung order, as wide as their number of tokens. The vertical
    axis has the probabilities of the labels. The strip on top has the colour of the most probable
    label.
    """
    with warnings.catch_warnings():
        # A name in a script that matplotlib's font lacks becomes boxes; the table shows it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        return _render(_draw(arc))


def _choose_labels(scores: Mapping[str, float]) -> list[str]:
    """Returns the labels that get a colour of their own, in the model's order."""
    best = set(sorted(scores, key=scores.__getitem__, reverse=True)[:MAX_LAYERS])
    return [label for label in scores if label in best]


def _pick(
    scores: Mapping[str, float], *, labels: Sequence[str], has_others: bool
) -> tuple[float, ...]:
    picked = [scores[label] for label in labels]
    return (*picked, max(0.0, sum(scores.values()) - sum(picked))) if has_others else (*picked,)


def _lay_out(parts: Sequence[Part], *, labels: Sequence[str], has_others: bool) -> list[Stretch]:
    tokens = [part.prediction.num_tokens * part.repeats for part in parts]
    starts = list(accumulate(tokens, initial=0))[:-1]
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
            parts, name_parts(parts), starts, tokens, strict=True
        )
    ]


def _name_label(label: str) -> str:
    return shorten(label, width=MAX_LABEL_WIDTH)


def _name_stretch(name: str, *, repeats: int) -> str:
    shown = shorten(name, width=MAX_NAME_WIDTH)
    return f"{shown} ×{repeats}" if repeats > 1 else shown


def _draw(arc: Arc) -> Figure:
    figure = _new_figure()
    axes = figure.add_subplot()
    draw = _draw_stack if arc.is_stacked else _draw_lines
    draw(axes, arc)
    _make_plain(axes)
    _write_title(axes, arc)
    _write_legend(axes, arc)
    figure.draw_without_rendering()  # this sets the size of the axes
    _draw_borders(axes, arc)
    _draw_strip(axes, arc)
    _write_names(axes, arc)
    return figure


def _draw_stack(axes: Axes, arc: Arc) -> None:
    bottoms = [0.0] * len(arc.stretches)
    for i, color in enumerate(_colors(arc)):
        tops = [
            bottom + stretch.values[i]
            for bottom, stretch in zip(bottoms, arc.stretches, strict=True)
        ]
        axes.stairs(tops, _edges(arc), baseline=bottoms, fill=True, color=color, linewidth=0)
        bottoms = tops
    axes.set_ylabel("probability")


def _draw_lines(axes: Axes, arc: Arc) -> None:
    for i, color in enumerate(_colors(arc)):
        values = [stretch.values[i] for stretch in arc.stretches]
        axes.stairs(values, _edges(arc), baseline=None, color=color, linewidth=2.5, clip_on=False)
    axes.set_ylabel("probability of each label")


def _make_plain(axes: Axes) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[])
    shares = [0, 0.25, 0.5, 0.75, 1]
    axes.set_yticks(shares, [f"{share:.0%}" for share in shares], size=NAME_POINTS)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=MIDDLE)
    axes.yaxis.label.set_color(MIDDLE)


def _write_title(axes: Axes, arc: Arc) -> None:
    axes.set_title(
        arc.title,
        loc="left",
        pad=44,
        size=TITLE_POINTS,
        weight="bold",
        color=DARK,
        parse_math=False,
    )
    axes.set_title(arc.subtitle, loc="right", pad=44, size=NAME_POINTS + 1, color=MIDDLE)


def _write_legend(axes: Axes, arc: Arc) -> None:
    """Lists the layers next to the stack in its order, the topmost first."""
    from matplotlib.patches import Patch

    rows = list(zip(arc.layers, arc.values, _colors(arc), strict=True))[::-1]
    legend = axes.legend(
        [Patch(color=color) for _, _, color in rows],
        [f"{value:{FIGURE_SPACE}>4.0%}  {label}" for label, value, _ in rows],
        title="whole song",
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        frameon=False,
        labelcolor=DARK,
        handlelength=1.0,
        handleheight=1.0,
        alignment="left",
    )
    legend.get_title().set_color(MIDDLE)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _draw_borders(axes: Axes, arc: Arc) -> None:
    """Draws lines between parts, and finer ones between repeats."""
    min_width = MIN_LINED_POINTS / _width_points(axes)
    between, within = [], []
    for stretch in arc.stretches:
        one = stretch.width / stretch.repeats
        if stretch.start > 0 and stretch.width >= min_width:
            between.append(stretch.start)
        if one >= min_width:
            within += [stretch.start + i * one for i in range(1, stretch.repeats)]
    color, zorder = ("white", 2) if arc.is_stacked else (GREY, 0)
    axes.vlines(between, 0, 1, color=color, linewidth=1.6, zorder=zorder)
    axes.vlines(within, 0, 1, color=color, linewidth=0.8, linestyle=(0, (4, 3)), zorder=zorder)


def _draw_strip(axes: Axes, arc: Arc) -> None:
    """Marks the most probable label along the song, by colour and, if it fits, by name."""
    colors = dict(zip(arc.layers, _colors(arc), strict=True))
    runs = find_runs(arc.stretches)
    axes.broken_barh(
        [(run.start, run.end - run.start) for run in runs],
        (STRIP_BOTTOM, STRIP_HEIGHT),
        facecolors=[colors.get(run.label, GREY) for run in runs],
        edgecolors="white",
        linewidths=[0.8 * _fits(axes, run, points=MIN_LINED_POINTS) for run in runs],
        clip_on=False,
    )
    widths = {label: _measure(axes, label) for label in {run.label for run in runs}}
    for run in runs:
        if _fits(axes, run, points=widths[run.label] + GAP_POINTS):
            axes.text(
                (run.start + run.end) / 2,
                STRIP_BOTTOM + STRIP_HEIGHT + 0.015,
                run.label,
                ha="center",
                va="bottom",
                size=NAME_POINTS,
                color=DARK,
                parse_math=False,
            )


def _write_names(axes: Axes, arc: Arc) -> None:
    """Writes the names of the parts below the axis: horizontal if all fit, slanted otherwise."""
    width_points = _width_points(axes)
    are_level = all(
        _fits(axes, each, points=_measure(axes, each.name) + GAP_POINTS) for each in arc.stretches
    )
    named = choose_names(arc.stretches, min_gap=0 if are_level else SLANTED_POINTS / width_points)
    style: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(
        [stretch.middle for stretch in named],
        [stretch.name for stretch in named],
        size=NAME_POINTS,
        parse_math=False,
        **({} if are_level else style),
    )
    axes.tick_params(axis="x", labelcolor=DARK)


def _colors(arc: Arc) -> list[str]:
    return [GREY if label == OTHERS else PALETTE[i] for i, label in enumerate(arc.layers)]


def _edges(arc: Arc) -> list[float]:
    return [*(stretch.start for stretch in arc.stretches), 1.0]


def _fits(axes: Axes, span: Stretch | Run, *, points: float) -> bool:
    return (span.end - span.start) * _width_points(axes) >= points


def _measure(axes: Axes, text: str) -> float:
    """Returns the width of a name in points."""
    artist = axes.text(0, 0, text, size=NAME_POINTS, parse_math=False)
    width_points = artist.get_window_extent().width
    artist.remove()
    return width_points


def _width_points(axes: Axes) -> float:
    return axes.get_window_extent().width


def _new_figure() -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    margins = ConstrainedLayoutEngine(w_pad=MARGIN_IN, h_pad=MARGIN_IN)
    # During the layout a pixel is a point; `_render` uses more pixels.
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=POINTS_PER_IN, layout=margins)
    FigureCanvasAgg(figure)
    return figure


def _render(figure: Figure) -> bytes:
    # Without a date and a version, the same answer gives the same bytes.
    metadata: dict[str, Any] = {"Software": None}
    image = BytesIO()
    figure.savefig(image, dpi=DPI, format="png", metadata=metadata)
    return image.getvalue()
