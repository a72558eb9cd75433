"""What a picture of a song shows, and that every song has one."""

import struct
import sys

import matplotlib
import pytest
from emotion_client import Prediction
from emotion_client.cli.plot import (
    DPI,
    HEIGHT_IN,
    MAX_LAYERS,
    OTHERS,
    SINGLE_LABEL,
    WIDTH_IN,
    Run,
    build_arc,
    choose_names,
    draw_arc,
    find_runs,
)
from emotion_client.song import Part
from fake_client import REVISION, build_song, predict

MULTI_LABEL = "multi_label_classification"


def part(name="Verse", *, repeats=1, share=0.75, num_tokens=20):
    return Part(name, repeats, 0, 1, predict(share, num_tokens=num_tokens))


def build(*parts, problem_type=SINGLE_LABEL):
    return build_arc(build_song(*parts), problem_type=problem_type)


def many_labels(num_labels, *, names=()):
    """Returns a prediction of labels that are more probable the later they come."""
    total = sum(range(1, num_labels + 1))
    labels = [*names, *(f"label {i}" for i in range(len(names) + 1, num_labels + 1))]
    scores = {label: i / total for i, label in enumerate(labels, start=1)}
    return Prediction(labels[-1], num_labels / total, scores, 8, False, REVISION)


@pytest.fixture
def arc():
    return build(
        part(share=0.25), part("Chorus", repeats=3, share=0.75), part(None, repeats=1, share=0.5)
    )


def test_build_arc_parts_are_as_wide_as_they_are_sung(arc):
    assert [stretch.start for stretch in arc.stretches] == [0, 0.2, 0.8]
    assert [stretch.width for stretch in arc.stretches] == pytest.approx([0.2, 0.6, 0.2])
    assert arc.stretches[-1].end == pytest.approx(1)
    assert arc.stretches[1].middle == pytest.approx(0.5)
    assert [stretch.repeats for stretch in arc.stretches] == [1, 3, 1]


def test_build_arc_names_everything(arc):
    assert (arc.title, arc.subtitle) == ("joy 0.60", "3 parts in sung order, 60 tokens")
    assert [stretch.name for stretch in arc.stretches] == ["Verse", "Chorus ×3", "part 3"]
    assert [stretch.label for stretch in arc.stretches] == ["sadness", "joy", "joy"]


def test_build_arc_layers_are_the_probabilities_of_the_labels(arc):
    assert arc.layers == ("joy", "sadness")
    assert arc.values == pytest.approx((0.6, 0.4))
    assert [stretch.values for stretch in arc.stretches] == [(0.25, 0.75), (0.75, 0.25), (0.5, 0.5)]
    assert arc.is_stacked


def test_build_arc_of_one_part_is_the_whole_song():
    arc = build(part(None, num_tokens=8))
    (stretch,) = arc.stretches
    assert (stretch.name, stretch.start, stretch.width) == ("whole song", 0, 1)
    assert arc.subtitle == "1 part in sung order, 8 tokens"


def test_build_arc_of_many_labels_keeps_the_best_and_sums_the_others():
    arc = build(Part(None, 1, 0, 1, many_labels(10)))
    assert arc.layers == (*(f"label {i}" for i in range(4, 11)), OTHERS)
    assert sum(arc.values) == pytest.approx(1)
    assert arc.values[-1] == pytest.approx(6 / 55)
    assert sum(arc.stretches[0].values) == pytest.approx(1)


def test_build_arc_of_as_many_labels_as_colours_has_no_others():
    arc = build(Part(None, 1, 0, 1, many_labels(MAX_LAYERS)))
    assert arc.layers == tuple(f"label {i}" for i in range(1, MAX_LAYERS + 1))


def test_build_arc_of_several_labels_per_text_is_not_stacked_and_has_no_others():
    arc = build(Part(None, 1, 0, 1, many_labels(10)), problem_type=MULTI_LABEL)
    assert not arc.is_stacked
    assert len(arc.layers) == len(arc.values) == len(arc.stretches[0].values) == MAX_LAYERS


def test_build_arc_escapes_control_characters_and_shortens_names():
    (stretch,) = build(part("\x1b" + "Chorus" * 9, repeats=2)).stretches
    assert stretch.name == r"\x1bChorusChorusCho… ×2"


def test_find_runs_joins_neighbours_with_one_label(arc):
    first, second = find_runs(arc.stretches)
    assert first == Run("sadness", 0, 0.2)
    assert (second.label, second.start, second.end) == ("joy", 0.2, pytest.approx(1))


@pytest.mark.parametrize(
    ("min_gap", "names"),
    [(0, ["Verse", "Chorus ×3", "part 3"]), (0.41, ["Verse", "part 3"]), (2, ["Verse"])],
    ids=["all", "some", "first"],
)
def test_choose_names_leaves_out_what_is_too_near(min_gap, names, arc):
    assert [each.name for each in choose_names(arc.stretches, min_gap=min_gap)] == names


STRANGE = many_labels(28, names=["$x_1$ and $", "_hidden", "合唱", "a" * 80])


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([part(None)], id="one-part"),
        pytest.param([part(), part("Chorus", repeats=2, share=0.1), part(num_tokens=1)], id="song"),
        pytest.param(
            [part(None, repeats=1 + i % 32, share=i % 2) for i in range(300)], id="many-parts"
        ),
        pytest.param(
            [Part("$ 合唱 \x1b_", 2, 0, 1, STRANGE), Part("_", 1, 0, 1, STRANGE)],
            id="strange-names",
        ),
    ],
)
@pytest.mark.parametrize("problem_type", [SINGLE_LABEL, MULTI_LABEL], ids=["stacked", "lines"])
def test_draw_arc_is_a_png_of_one_size(parts, problem_type):
    picture = draw_arc(build(*parts, problem_type=problem_type))
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (round(WIDTH_IN * DPI), round(HEIGHT_IN * DPI))


def test_draw_arc_gives_the_same_bytes_for_the_same_song():
    assert draw_arc(build(part(), part("Chorus"))) == draw_arc(build(part(), part("Chorus")))
    assert draw_arc(build(part())) != draw_arc(build(part(share=0.7)))


def test_draw_arc_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    draw_arc(build(part()))
    assert dict(matplotlib.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
