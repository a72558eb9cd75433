"""The client against the real server."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from emotion_client import DeadlineExceeded, EmotionClient, InvalidInput, Prediction, Unavailable

TEXTS = {
    "empty": "",
    "plain": "I love you so much, my heart is yours",
    "emoji": "🎸🔥💔",
    "other script": "Слёзы капают на письмо",
    "no spaces": "夜の海はとても静かだ",
    "right to left": "قلبي حزين",
    "combining": "cafe\u0301 na\u0308ive",
    "control": "a\x00b\tc\u200b",
    "special tokens": "[CLS] [SEP] [PAD] [MASK]",
    "4,000 words": "and the river ran on " * 800,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_predict_any_text_returns_a_prediction(client, text):
    prediction = client.predict(text)
    label, confidence = prediction
    assert label == max(prediction.scores, key=prediction.scores.__getitem__)
    assert confidence == pytest.approx(prediction.scores[label])
    assert sum(prediction.scores.values()) == pytest.approx(1, abs=1e-3)
    assert prediction.truncated == (prediction.num_tokens > 128)
    assert len(prediction.revision) == 64


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I hate you, you lied to me and I am furious", "anger"),
        ("I'm scared of the dark and terrified of tomorrow", "fear"),
        ("I'm so happy that I could dance all day", "joy"),
        ("I love you with all my heart", "love"),
        ("I cry alone, I miss you and my heart is broken", "sadness"),
        ("Wow, I never saw that coming, what a surprise", "surprise"),
    ],
    ids=lambda value: value if " " not in value else "",
)
def test_predict_plain_emotion_gets_its_label(client, text, label):
    assert client.predict(text).label == label


def test_predict_from_many_threads_gives_the_same_answers(client):
    texts = list(TEXTS.values()) * 8
    alone = {text: client.predict(text) for text in TEXTS.values()}
    with ThreadPoolExecutor(32) as pool:
        for text, prediction in zip(texts, pool.map(client.predict, texts), strict=True):
            assert list(prediction.scores.values()) == pytest.approx(
                list(alone[text].scores.values()), abs=2e-2
            )


def test_predict_after_a_model_change_fetches_the_tokenizer_again(server):
    with EmotionClient(server.address.url) as own:
        fresh = own.predict("la")
        own._info = replace(own._info, revision="0" * 64)  # as if the server had another one before
        assert own.predict("la").revision == fresh.revision


def test_predict_on_a_silent_server_meets_the_deadline():
    with socket.socket() as silent:  # accepts, never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with (
            EmotionClient(f"127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.5) as own,
            pytest.raises(DeadlineExceeded),
        ):
            own.predict("la")


def test_predict_where_nobody_listens_is_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused
        with (
            EmotionClient(f"127.0.0.1:{taken.getsockname()[1]}") as own,
            pytest.raises(Unavailable),
        ):
            own.predict("la")


@pytest.mark.parametrize("text", [None, 3, b"bytes", "lone \ud800"], ids=repr)
def test_predict_no_text_is_refused_before_sending(text):
    with pytest.raises(InvalidInput):
        EmotionClient("127.0.0.1:1").predict(text)


def test_predict_returns_a_prediction_that_can_be_used_again_after_close(server):
    own = EmotionClient(server.address.url)
    assert isinstance(own.predict("la"), Prediction)
    own.close()
    assert isinstance(own.predict("la"), Prediction)
    own.close()
