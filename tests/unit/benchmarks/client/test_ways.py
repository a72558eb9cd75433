"""The ways to ask that are compared with each other."""

import pytest
from emotion_benchmarks.client.ways import BARE, PREDICT_MANY, open_ways
from emotion_client import Overloaded
from fake_behaviours import QUEUE_FULL

TEXTS = [" ".join(["la"] * (1 + 7 * i % 30)) for i in range(150)]
NAMES = [
    "predict_many",
    "predict, 64 threads",
    "tritonclient loop",
    "async predict_many",
    "async predict, 64 tasks",
]


def find_requests(calls):
    """Returns what the calls sent to the classifier, sorted."""
    return sorted(
        (call.parameters["revision"], call.outputs, name, array.shape, array.tobytes())
        for call in calls
        if call.model == "emotion"
        for name, array in call.inputs.items()
    )


def test_every_way_answers_every_text_and_can_be_used_again(fake):
    with open_ways(fake.url) as ways:
        assert [way.name for way in ways] == NAMES
        for way in [*ways, *ways]:
            assert way.prepare(TEXTS)() == len(TEXTS), way.name


def test_bare_loop_sends_what_predict_many_sends(fake):
    sent = {}
    with open_ways(fake.url) as ways:
        for way in ways:
            if way.name in (PREDICT_MANY, BARE):
                num_before = len(fake.calls)
                way.prepare(TEXTS)()
                sent[way.name] = find_requests(fake.calls[num_before:])
    assert sent[BARE] == sent[PREDICT_MANY]
    assert sum(shape[0] for *_, shape, _ in sent[BARE]) == 2 * len(TEXTS)  # ids and mask


def test_bare_loop_sends_one_at_a_time_and_nothing_before_the_clock_starts(fake):
    with open_ways(fake.url) as ways:
        (bare,) = (way for way in ways if way.name == BARE)
        ask = bare.prepare(TEXTS)
        assert {call.model for call in fake.calls} <= {"emotion_info"}
        ask()
    assert fake.most_active == 1


@pytest.mark.parametrize("place", range(len(NAMES)), ids=NAMES)
def test_every_way_ends_when_the_server_fails(place, fake):
    with open_ways(fake.url, timeout_s=1.0) as ways:
        ways[place].prepare(TEXTS[:1])()  # it knows the server
        ask = ways[place].prepare(TEXTS)
        fake.always = QUEUE_FULL
        with pytest.raises(Overloaded):
            ask()
