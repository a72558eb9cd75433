"""What a network learns from."""

import numpy as np
import pytest
from emotion_training.data import Example
from emotion_training.training.lessons import teach

EXAMPLES = [Example("a", "joy"), Example("b", "fear")]
ANSWERS = np.array([[0.5, 0.5], [0.9, 0.1]], dtype=np.float32)


@pytest.mark.parametrize(
    ("smoothing", "share", "targets"),
    [
        pytest.param(0.0, 0.0, [[0, 1], [1, 0]], id="labels"),
        pytest.param(0.2, 0.0, [[0.1, 0.9], [0.9, 0.1]], id="smooth-labels"),
        pytest.param(0.2, 1.0, [[0.5, 0.5], [0.9, 0.1]], id="answers"),
        pytest.param(0.0, 0.5, [[0.25, 0.75], [0.95, 0.05]], id="half-half"),
    ],
)
def test_teach_mixes_labels_and_answers(smoothing, share, targets):
    lessons = teach(
        EXAMPLES, labels=("fear", "joy"), smoothing=smoothing, answers=ANSWERS, share=share
    )
    assert [lesson.text for lesson in lessons] == ["a", "b"]
    assert np.stack([lesson.target for lesson in lessons]) == pytest.approx(np.array(targets))


def test_teach_keeps_the_file_and_shows_no_text():
    example = Example("a secret", "joy", where="a.csv: line 2")
    (lesson,) = teach(
        [example], labels=("fear", "joy"), smoothing=0, answers=ANSWERS[:1], share=0.5
    )
    assert (lesson.text, lesson.source) == ("a secret", "a.csv")
    assert lesson.target.dtype == np.float32
    assert "secret" not in repr(lesson)
