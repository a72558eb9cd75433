"""What a picture of a song shows."""

from __future__ import annotations

import pytest
from emotion_client import Prediction
from emotion_client.command.arc import (
    MAX_LAYERS,
    OTHERS,
    SINGLE_LABEL,
    Arc,
    Run,
    build_arc,
    choose_names,
    find_runs,
)
from emotion_client.song import Part
from fake_client import REVISION, build_song, predict

MULTI_LABEL = "multi_label_classification"


@pytest.fixture
def arc() -> Arc:
    song = build_song(
        Part("Verse", 1, 0, 1, predict(0.25, num_tokens=20)),
        Part("Chorus", 3, 0, 1, predict(0.75, num_tokens=20)),
        Part(None, 1, 0, 1, predict(0.5, num_tokens=20)),
    )
    return build_arc(song, problem_type=SINGLE_LABEL)


def test_build_arc_parts_are_as_wide_as_they_are_sung(arc: Arc) -> None:
    assert [stretch.start for stretch in arc.stretches] == [0, 0.2, 0.8]
    assert [stretch.width for stretch in arc.stretches] == pytest.approx([0.2, 0.6, 0.2])
    assert arc.stretches[-1].end == pytest.approx(1)
    assert arc.stretches[1].middle == pytest.approx(0.5)
    assert [stretch.repeats for stretch in arc.stretches] == [1, 3, 1]


def test_build_arc_names_everything(arc: Arc) -> None:
    assert (arc.title, arc.subtitle) == ("joy 0.60", "3 parts in sung order, 60 tokens")
    assert [stretch.name for stretch in arc.stretches] == ["Verse", "Chorus ×3", "part 3"]
    assert [stretch.label for stretch in arc.stretches] == ["sadness", "joy", "joy"]


def test_build_arc_layers_are_the_probabilities_of_the_labels(arc: Arc) -> None:
    assert arc.layers == ("joy", "sadness")
    assert arc.values == pytest.approx((0.6, 0.4))
    assert [stretch.values for stretch in arc.stretches] == [(0.25, 0.75), (0.75, 0.25), (0.5, 0.5)]
    assert arc.is_stacked


def test_build_arc_of_one_part_is_the_whole_song() -> None:
    arc = build_arc(build_song(Part(None, 1, 0, 1, predict())), problem_type=SINGLE_LABEL)
    (stretch,) = arc.stretches
    assert (stretch.name, stretch.start, stretch.width) == ("whole song", 0, 1)
    assert arc.subtitle == "1 part in sung order, 8 tokens"


def many_labels(num_labels: int) -> Prediction:
    total = sum(range(1, num_labels + 1))
    scores = {f"label {i}": i / total for i in range(1, num_labels + 1)}
    return Prediction(f"label {num_labels}", num_labels / total, scores, 8, False, REVISION)


def test_build_arc_of_many_labels_keeps_the_best_and_sums_the_others() -> None:
    song = build_song(Part(None, 1, 0, 1, many_labels(10)))
    arc = build_arc(song, problem_type=SINGLE_LABEL)
    assert arc.layers == (*(f"label {i}" for i in range(4, 11)), OTHERS)
    assert sum(arc.values) == pytest.approx(1)
    assert arc.values[-1] == pytest.approx(6 / 55)
    assert sum(arc.stretches[0].values) == pytest.approx(1)


def test_build_arc_of_several_labels_a_text_is_not_stacked_and_has_no_others() -> None:
    song = build_song(Part(None, 1, 0, 1, many_labels(10)))
    arc = build_arc(song, problem_type=MULTI_LABEL)
    assert not arc.is_stacked
    assert len(arc.layers) == len(arc.values) == len(arc.stretches[0].values) == MAX_LAYERS


def test_build_arc_shows_no_control_characters_and_no_long_names() -> None:
    song = build_song(Part("\x1b" + "Chorus" * 9, 2, 0, 1, predict()))
    (stretch,) = build_arc(song, problem_type=SINGLE_LABEL).stretches
    assert stretch.name == r"\x1bChorusChorusCho… ×2"


def test_find_runs_joins_neighbours_of_one_label(arc: Arc) -> None:
    first, second = find_runs(arc.stretches)
    assert first == Run("sadness", 0, 0.2)
    assert (second.label, second.start, second.end) == ("joy", 0.2, pytest.approx(1))


@pytest.mark.parametrize(
    ("min_gap", "names"),
    [
        (0, ["Verse", "Chorus ×3", "part 3"]),
        (0.41, ["Verse", "part 3"]),
        (2, ["Verse"]),
    ],
    ids=["all", "some", "first"],
)
def test_choose_names_leaves_out_what_is_too_near(
    min_gap: float, names: list[str], arc: Arc
) -> None:
    assert [each.name for each in choose_names(arc.stretches, min_gap=min_gap)] == names
