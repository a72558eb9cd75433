"""What both clients give their callers, against a fake server."""

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import numpy as np
import pytest
from clients import AwaitedClient
from emotion_client import InvalidInput, Unavailable
from fake_behaviours import QUEUE_FULL, STUB_DEAD, Hang, Honest, Late, Reload
from fake_contract import expected_probabilities
from opentelemetry import propagate, trace

from checkpoints import LABELS, MAX_LENGTH

VERSE = "the lamp is low, the street is wet"
SONG = "[Verse]\nthe lamp is low\n\n[Chorus] (x2)\nla la la, la la"


def test_constructor_does_no_input_or_output(open_client, server):
    client = open_client(server.url)
    assert client.info is None
    client.close()
    assert server.calls == []


def test_defaults_are_this_machine_and_ten_seconds(open_client):
    client = open_client()
    assert (client.url, client.urls) == ("127.0.0.1:8001", ("127.0.0.1:8001",))
    assert client.timeout_s == 10


def test_predict_first_call_asks_what_is_served_once(client, server):
    first, second = client.predict(VERSE), client.predict("")
    assert server.models == ["emotion_info", "emotion", "emotion"]
    assert tuple(first) == (first.label, first.confidence)
    assert tuple(first.scores) == LABELS
    assert first.revision == server.served.revision
    assert (second.num_tokens, second.truncated) == (2, False)
    for prediction, call in zip((first, second), server.calls[1:], strict=True):
        expected = expected_probabilities(call.inputs["input_ids"][0], num_labels=len(LABELS))
        np.testing.assert_allclose(list(prediction.scores.values()), expected, rtol=1e-6)
        assert prediction.label == LABELS[int(expected.argmax())]
        assert prediction.confidence == pytest.approx(float(expected.max()))


def test_predict_long_text_is_marked_as_truncated(client, server):
    prediction = client.predict("the " * 500)
    assert (prediction.num_tokens, prediction.truncated) == (502, True)
    assert server.calls[-1].inputs["input_ids"].shape == (1, MAX_LENGTH)


def test_predict_bad_text_is_refused_before_any_call(client, server):
    with pytest.raises(InvalidInput, match="text has type NoneType"):
        client.predict(None)
    assert server.calls == []


def test_connect_returns_what_is_served(client, server):
    info = client.connect()
    assert (info.labels, info.max_length, info.revision) == (LABELS, MAX_LENGTH, "a" * 64)
    assert client.info is info
    assert client.connect() is info
    assert server.models == ["emotion_info"]


def test_predict_many_threads_share_the_first_question(client, server):
    server.behave(Late(0.2), model="emotion_info")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(client.predict, [VERSE] * 64))
    assert len({answer.confidence for answer in answers}) == 1
    assert Counter(server.models) == {"emotion_info": 1, "emotion": 64}


def test_cancelled_awaited_call_is_cancelled_on_the_server(server):
    with AwaitedClient(server.url) as client:
        client.connect()
        server.behave(Hang())
        call = client.start(VERSE)
        server.wait_until_active(1)
        call.cancel()
        server.wait_until_active(0)
        assert server.calls[-1].ending == "cancelled"
        assert client.predict(VERSE).revision == "a" * 64


def test_close_during_a_call_ends_it_with_a_sentence(client, server):
    client.connect()
    server.behave(Hang())
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.predict, VERSE)
        server.wait_until_active(1)
        client.close()
        with pytest.raises(Unavailable, match="the client was closed during the call"):
            call.result()
    assert client.predict(VERSE).revision == "a" * 64


def test_close_twice_and_then_predict_connects_again(client, server):
    client.predict(VERSE)
    client.close()
    client.close()
    assert client.info is None
    client.predict(VERSE)
    assert server.models == ["emotion_info", "emotion"] * 2


def test_predict_song_sends_its_parts_in_one_request(client, server):
    song = client.predict_song(SONG)
    assert [(part.name, part.repeats) for part in song.parts] == [("Verse", 1), ("Chorus", 2)]
    texts = [SONG[part.start : part.end] for part in song.parts]
    assert texts == ["the lamp is low", "la la la, la la"]
    assert server.models == ["emotion_info", "emotion"]
    label, confidence = song
    assert confidence == song.scores[label] == max(song.scores.values())


def test_predict_song_repeated_chorus_is_sent_once(client, server):
    song = client.predict_song(f"{SONG}\n\n[Verse 2]\nthe end\n\n[Chorus]")
    assert [part.name for part in song.parts] == ["Verse", "Chorus", "Verse 2", "Chorus"]
    assert song.parts[1].prediction == song.parts[3].prediction
    assert len(server.calls[-1].inputs["input_ids"]) == 3


def test_predict_song_of_four_thousand_words_is_read_to_its_end(client, server):
    lyrics = "the river ran on " * 1000
    song = client.predict_song(lyrics)
    assert (song.parts[0].start, song.parts[-1].end) == (0, len(lyrics.rstrip()))
    assert not any(part.prediction.truncated for part in song.parts)
    rows = [len(call.inputs["input_ids"]) for call in server.calls if call.inputs]
    assert sum(rows) == len({part.start for part in song.parts}) > 1
    assert max(rows) <= 64


def test_predict_song_empty_has_an_answer(client):
    assert len(client.predict_song("").parts) == 1


def test_predict_song_bad_input_is_refused_before_any_call(client, server):
    with pytest.raises(InvalidInput, match="lyrics has type list"):
        client.predict_song([SONG])
    with pytest.raises(ValueError, match="by is 'lines'"):
        client.predict_song(SONG, by="lines")
    assert server.calls == []


def test_predict_song_all_parts_are_of_one_checkpoint(client, server):
    client.connect()
    lyrics = "\n\n".join(f"the river ran on, number {i}" for i in range(150))
    server.behave(Honest(), Reload("b" * 64))  # in the second of three requests
    song = client.predict_song(lyrics)
    assert {part.prediction.revision for part in song.parts} == {"b" * 64}
    assert len(song.parts) == 150


def test_is_ready_asks_for_a_real_answer(client, server):
    assert client.is_ready()
    assert server.models == ["emotion_info", "emotion"]
    for failure in (STUB_DEAD, QUEUE_FULL):
        server.behave(failure)
        assert not client.is_ready()
        assert client.is_ready()


def test_trace_of_the_caller_is_sent_with_every_call(client, server, monkeypatch):
    caller = ContextVar("caller", default="default")

    def inject(carrier):
        carrier["traceparent"] = caller.get()

    monkeypatch.setattr(propagate, "inject", inject)
    assert trace.__name__ in sys.modules  # which is how a caller has one
    caller.set("test")
    client.predict(VERSE)
    assert len(list(client.predict_many([VERSE] * 100))) == 100
    assert {call.metadata["traceparent"] for call in server.calls} == {"test"}


def test_headers_are_sent_with_every_call(open_client, server):
    client = open_client(server.url, headers={"Authorization": "Bearer secret"})
    client.predict(VERSE)
    client.is_ready()
    assert {call.metadata["authorization"] for call in server.calls} == {"Bearer secret"}
