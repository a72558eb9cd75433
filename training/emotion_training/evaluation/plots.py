"""Plots of scores and of a training, each in one PNG.

matplotlib is imported only to draw, and its global state (pyplot, rcParams) stays as it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from emotion_training.evaluation.scores import Bin, Scores

DPI = 150
MARGIN_IN = 0.1
# Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE, PALE_BLUE, ORANGE, GREY = "#0072B2", "#B2D4E8", "#D55E00", "#8C8C8C"
SHADES = "Blues"
# A cell of the confusion matrix and the size of its text: for up to 12 labels, and for more.
LARGE_CELL_IN, LARGE_POINTS = 0.62, 9
SMALL_CELL_IN, SMALL_POINTS = 0.46, 7
MAX_LARGE_LABELS = 12
# With more labels the plot stops growing, cells have no text, and not every label is named.
MAX_WRITTEN_LABELS = 40
MAX_TICK_CHARS = 24


def draw_confusion(scores: Scores, *, path: Path) -> None:
    """Draws texts by true and predicted label, with each row's percentages.

    Args:
        scores: of 2 labels or more.
        path: the PNG to write.
    """
    num_labels = len(scores.labels)
    is_large = num_labels <= MAX_LARGE_LABELS
    side_in = min(max(num_labels, 4), MAX_WRITTEN_LABELS) * (
        LARGE_CELL_IN if is_large else SMALL_CELL_IN
    )
    figure = _figure(width_in=side_in + 2.6, height_in=side_in + 1.6)
    axes = figure.add_subplot()
    num_texts = scores.confusion.sum(axis=1, keepdims=True)  # (num_labels, 1)
    shares = scores.confusion / num_texts.clip(1)  # (num_labels, num_labels)
    image = axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1)
    if num_labels <= MAX_WRITTEN_LABELS:
        _write_cells(axes, scores, shares=shares, points=LARGE_POINTS if is_large else SMALL_POINTS)
    _name_labels(axes, scores.labels)
    f1 = f"macro F1 {scores.macro_f1:.3f}"
    axes.set_title(f"{num_texts.sum()} texts · accuracy {scores.accuracy:.3f} · {f1}", pad=10)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format=lambda share, _: f"{share:.0%}")
    bar.set_label("share of the true label's texts")
    bar.outline.set_visible(False)
    _save(figure, path=path)


def draw_reliability(scores: Scores, *, path: Path) -> None:
    """Draws accuracy over confidence, and below it how many texts have that confidence."""
    figure = _figure(width_in=5.2, height_in=6.2)
    upper, lower = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    _draw_accuracy(upper, scores.bins)
    _draw_bars(lower, scores.bins, heights=[each.count for each in scores.bins], color=BLUE)
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    upper.set_title(f"expected calibration error {scores.calibration_error:.3f}", pad=10)
    upper.legend(loc="upper left", frameon=False)
    lower.set(xlabel="confidence", ylabel="texts")
    for axes in (upper, lower):
        _make_plain(axes)
    figure.align_ylabels()
    _save(figure, path=path)


def draw_curves(histories: Sequence[Sequence[dict[str, float]]], *, path: Path) -> None:
    """Draws loss and macro F1 over the epochs, a line for each training.

    Args:
        histories: of each training Hugging Face Trainer's `state.log_history`: entries with "epoch"
            and any of "loss", "eval_loss" and "eval_macro_f1"; others are ignored.
        path: the PNG to write.
    """
    figure = _figure(width_in=9, height_in=3.6)
    left, right = figure.subplots(1, 2)
    for i, history in enumerate(histories):
        hidden = "_" * (i > 0)  # labels that begin with _ are not in the legend
        _draw_curve(left, history, key="loss", color=ORANGE, label=f"{hidden}training")
        _draw_curve(left, history, key="eval_loss", color=BLUE, label=f"{hidden}validation")
        _draw_curve(right, history, key="eval_macro_f1", color=BLUE, label=f"{hidden}validation")
    left.set_title("loss", pad=10)
    right.set_title(_describe_best([x for history in histories for x in history]), pad=10)
    for axes in (left, right):
        _make_plain(axes)
        axes.set_xlabel("epoch")
        axes.set_xlim(left=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if axes.lines:
            axes.legend(frameon=False)
        else:
            axes.text(0.5, 0.5, "not measured", ha="center", color=GREY, transform=axes.transAxes)
    _save(figure, path=path)


def _draw_curve(
    axes: Axes, history: Sequence[dict[str, float]], *, key: str, color: str, label: str
) -> None:
    points = [(entry["epoch"], entry[key]) for entry in history if key in entry]
    if points:
        marker = "o" if len(points) <= 30 else ""
        epochs, values = zip(*points, strict=True)
        axes.plot(epochs, values, color=color, marker=marker, markersize=4, label=label)


def _describe_best(history: Sequence[dict[str, float]]) -> str:
    points = [(x["eval_macro_f1"], x["epoch"]) for x in history if "eval_macro_f1" in x]
    if not points:
        return "macro F1"
    f1, epoch = max(points, key=lambda point: point[0])
    return f"macro F1, best {f1:.3f} at epoch {epoch:.3g}"


def _write_cells(axes: Axes, scores: Scores, *, shares: NDArray[np.float64], points: float) -> None:
    for (row, column), count in np.ndenumerate(scores.confusion):
        share = shares[row, column]
        percentage = f"{share:.0%}" if share >= 0.005 else "<1%"
        text = f"{count}\n{percentage}" if count else "0"
        color = "white" if share > 0.5 else "black" if count else GREY
        axes.text(column, row, text, ha="center", va="center", size=points, color=color)


def _name_labels(axes: Axes, labels: Sequence[str]) -> None:
    ticks = range(0, len(labels), -(-len(labels) // MAX_WRITTEN_LABELS))
    names = [_shorten(labels[i]) for i in ticks]
    # With parse_math a $ in a name would begin a formula.
    axes.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(ticks, names, parse_math=False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw_accuracy(axes: Axes, bins: Sequence[Bin]) -> None:
    points = [
        (each.confidence, each.accuracy)
        for each in bins
        if each.confidence is not None and each.accuracy is not None
    ]
    confidences, accuracies = zip(*points, strict=True)
    _draw_bars(axes, bins, heights=[each.accuracy or 0 for each in bins], color=PALE_BLUE)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="calibrated")
    axes.plot(
        confidences, accuracies, color=BLUE, marker="o", ms=5, clip_on=False, label="measured"
    )


def _draw_bars(axes: Axes, bins: Sequence[Bin], *, heights: Sequence[float], color: str) -> None:
    lows = [each.low for each in bins]
    width = bins[0].high - bins[0].low
    axes.bar(lows, heights, width=width, align="edge", color=color, edgecolor="white")


def _shorten(label: str) -> str:
    return label if len(label) <= MAX_TICK_CHARS else f"{label[: MAX_TICK_CHARS - 1]}…"


def _make_plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)


def _figure(*, width_in: float, height_in: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    margins = ConstrainedLayoutEngine(w_pad=MARGIN_IN, h_pad=MARGIN_IN)
    figure = Figure(figsize=(width_in, height_in), layout=margins)
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, *, path: Path) -> None:
    # Without date and version, so that the same scores give the same bytes.
    metadata: dict[str, Any] = {"Software": None}
    with warnings.catch_warnings():
        # A label in a script that matplotlib's font lacks becomes boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(path, dpi=DPI, format="png", metadata=metadata)
