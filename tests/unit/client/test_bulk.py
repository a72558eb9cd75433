"""Windows of texts, their groups, and the order of results."""

from itertools import pairwise

import pytest
from emotion_client.bulk import FIRST_WINDOW, MAX_WINDOW, ROWS_PER_REQUEST, Window, group
from emotion_client.errors import InvalidInput
from emotion_client.prediction import Prediction
from emotion_client.protocol import ServerInfo
from emotion_client.tokenizer import TextTokenizer

from checkpoints import LABELS, MAX_LENGTH

REVISION = "a" * 64


@pytest.fixture
def info(read_tokenizer):
    tokenizer = TextTokenizer(read_tokenizer("bert"), max_length=MAX_LENGTH)
    return ServerInfo(LABELS, MAX_LENGTH, "single_label_classification", REVISION, tokenizer)


def predict(num):
    return Prediction("joy", 1.0, {"joy": 1.0}, num, False, REVISION)


def test_after_windows_grow_from_few_to_a_limit_and_follow_each_other():
    window, sizes = None, []
    for _ in range(6):
        window = Window.after(window)
        sizes.append((window.first, window.size))
        while window.add("la", is_returned=False):
            pass
    assert sizes[:3] == [(0, FIRST_WINDOW), (64, 128), (192, 256)]
    assert sizes[-1][1] == MAX_WINDOW


@pytest.mark.parametrize("is_returned", [False, True], ids=["raise", "return"])
def test_add_bad_text_is_an_error_with_its_position(is_returned):
    window = Window(first=10, size=8)
    assert window.add("la", is_returned=is_returned)
    assert window.add(None, is_returned=is_returned) is is_returned
    assert window.is_last is not is_returned
    assert isinstance(window.results[1], InvalidInput)
    assert str(window.results[1]) == "text 11 has type NoneType; it must be str"


def test_group_puts_like_lengths_together_and_settles_in_order(info):
    window = Window(first=0, size=MAX_WINDOW)
    lengths = [(i * 37) % 100 for i in range(100)]
    for length in lengths:
        window.add("la " * length, is_returned=True)
    window.add(7, is_returned=True)
    groups = group(window, info=info)
    assert sum(len(each.positions) for each in groups) == 100
    assert max(len(each.positions) for each in groups) == ROWS_PER_REQUEST
    spans = [sorted(lengths[i] for i in each.positions) for each in groups]
    assert all(one[-1] <= other[0] for one, other in pairwise(spans))
    for each in groups:
        each.settle([predict(lengths[i]) for i in each.positions])
    results = window.results[:100]
    assert [r.num_tokens for r in results if isinstance(r, Prediction)] == lengths


def test_group_of_another_checkpoint_tokenizes_again(info, read_tokenizer):
    tokenizer = TextTokenizer(read_tokenizer("roberta"), max_length=MAX_LENGTH)
    other = ServerInfo(LABELS, MAX_LENGTH, info.problem_type, "b" * 64, tokenizer)
    window = Window(first=0, size=8)
    window.add("the lamp is low", is_returned=True)
    (only,) = group(window, info=info)
    assert only.job.prepare(info).encodings == info.tokenizer.encode(["the lamp is low"])
    assert only.job.prepare(other).encodings == tokenizer.encode(["the lamp is low"])
