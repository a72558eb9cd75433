"""A picture comes of every song, whatever its parts and labels are called."""

from __future__ import annotations

import struct
import sys

import matplotlib
import pytest
from emotion_client import Prediction
from emotion_client.command.arc import SINGLE_LABEL, build_arc
from emotion_client.command.picture import DPI, HEIGHT_IN, WIDTH_IN, draw_arc
from emotion_client.song import Part
from fake_client import REVISION, build_song, predict

MULTI_LABEL = "multi_label_classification"
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def draw(*parts: Part, problem_type: str = SINGLE_LABEL) -> bytes:
    return draw_arc(build_arc(build_song(*parts), problem_type=problem_type))


def part(
    name: str | None = "Verse", *, repeats: int = 1, share: float = 0.75, num_tokens: int = 30
) -> Part:
    return Part(name, repeats, 0, 1, predict(share, num_tokens=num_tokens))


def foreign(num_labels: int) -> Prediction:
    names = ["$x_1$ and $", "_hidden", "合唱", "a" * 80, *map(str, range(num_labels - 4))]
    scores = dict.fromkeys(names, 1 / num_labels)
    return Prediction(names[0], 1 / num_labels, scores, 8, False, REVISION)


@pytest.mark.parametrize(
    "parts",
    [
        [part(None)],
        [part(), part("Chorus", repeats=2, share=0.1), part(num_tokens=1), part("Outro")],
        [part(None, repeats=1 + i % 32, share=i % 2) for i in range(300)],
        [Part("$ 合唱 \x1b_", 2, 0, 1, foreign(28)), Part("_", 1, 0, 1, foreign(28))],
    ],
    ids=["one-part", "song", "many-parts", "strange-names"],
)
@pytest.mark.parametrize("problem_type", [SINGLE_LABEL, MULTI_LABEL], ids=["stacked", "lines"])
def test_draw_arc_is_a_png_of_one_size(parts: list[Part], problem_type: str) -> None:
    picture = draw(*parts, problem_type=problem_type)
    assert picture.startswith(SIGNATURE)
    assert struct.unpack(">II", picture[16:24]) == (round(WIDTH_IN * DPI), round(HEIGHT_IN * DPI))


def test_draw_arc_is_the_same_for_the_same_song() -> None:
    assert draw(part(), part("Chorus")) == draw(part(), part("Chorus"))
    assert draw(part(), part("Chorus")) != draw(part(), part("Chorus", share=0.7))


def test_draw_arc_leaves_matplotlib_as_it_was() -> None:
    before = dict(matplotlib.rcParams)
    draw(part())
    assert dict(matplotlib.rcParams) == before
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )
