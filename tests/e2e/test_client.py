"""The client against the real server."""

from __future__ import annotations

import doctest
import json
from concurrent.futures import ThreadPoolExecutor

import emotion_client
import pytest
from emotion_client import EmotionError, async_client, channel, lyrics, prediction, song
from emotion_client import client as blocking_client
from emotion_command.checkout import DATA

MODULES = (blocking_client, async_client, channel, prediction, song, lyrics)
SONG = """[Verse 1]
The chair you liked still faces the window
and I cry alone at night

[Chorus] (x2)
I love you, I love you
with all of my heart

[Verse 2]
You lied to my face and I hate you for that
get out of my house

[Chorus]
"""

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


@pytest.fixture
def client(open_client, server):
    return open_client(server.address.url)


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
def test_predict_clear_emotion_gets_its_label(client, text, label):
    assert client.predict(text).label == label


def test_predict_from_many_threads_gives_the_same_answers(client):
    texts = list(TEXTS.values()) * 8
    with ThreadPoolExecutor(32) as pool:
        check_answers(client, texts, pool.map(client.predict, texts))


def test_predict_many_equals_predict(client):
    texts = list(TEXTS.values()) * 20
    check_answers(client, texts, client.predict_many(texts))


def check_answers(client, texts, answers):
    """Fails unless each text has the answer that it gets alone."""
    alone = {text: client.predict(text) for text in TEXTS.values()}
    for text, answer in zip(texts, answers, strict=True):
        assert answer.num_tokens == alone[text].num_tokens
        assert answer.scores == pytest.approx(alone[text].scores, abs=2e-2)


def test_predict_song_has_the_arc_of_its_parts(client):
    song = client.predict_song(SONG)
    arc = [(part.name, part.repeats, part.prediction.label) for part in song.parts]
    assert arc == [
        ("Verse 1", 1, "sadness"),
        ("Chorus", 2, "love"),
        ("Verse 2", 1, "anger"),
        ("Chorus", 1, "love"),
    ]
    assert sum(song.scores.values()) == pytest.approx(1, abs=1e-3)
    assert client.predict_song(SONG, by="windows").parts[0].name is None


def read_songs():
    """Yields long songs, each of five stanzas of one emotion; nothing was trained on them."""
    lines = (DATA / "held_out.jsonl").read_text(encoding="utf-8").splitlines()
    stanzas = {}
    for row in map(json.loads, lines):
        if row["kind"] == "song":
            stanzas.setdefault(row["label"], []).append(row["text"])
    for label, texts in stanzas.items():
        yield label, "\n\n".join(texts[:5])
        yield label, "\n\n".join(texts[5:])


def test_predict_song_of_a_plain_emotion_has_it(client):
    songs = list(read_songs())
    assert len(songs) == 12
    assert min(len(text.split()) for _, text in songs) > 150
    wrong = [label for label, text in songs if client.predict_song(text).label != label]
    assert wrong == []


def test_predict_song_of_4000_words_is_read_to_its_end(client):
    song = client.predict_song("and the river ran on " * 800)
    assert len(song.parts) > 20
    assert not any(part.prediction.truncated for part in song.parts)


def test_is_ready_and_info_of_the_real_server(client):
    assert client.is_ready()
    info = client.connect()
    assert set(info.labels) == {"anger", "fear", "joy", "love", "sadness", "surprise"}
    assert (info.max_length, info.problem_type) == (128, "single_label_classification")
    assert client.info is info


@pytest.mark.parametrize(
    ("port", "sentence"),
    [
        ("http_port", "Trying to connect an http1.x server"),
        ("metrics_port", "Trying to connect an http1.x server"),
    ],
)
def test_predict_other_port_of_triton_is_a_typed_error(open_client, server, port, sentence):
    own = open_client(f"127.0.0.1:{getattr(server.address, port)}")
    with pytest.raises(EmotionError, match=sentence):
        own.predict("la")
    assert not own.is_ready()


@pytest.mark.parametrize("module", [emotion_client, *MODULES], ids=lambda each: each.__name__)
def test_examples_of_the_docstrings_run(module, server):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        for example in test.examples:
            example.source = example.source.replace("127.0.0.1:8001", server.address.url)
        printed: list[str] = []
        assert runner.run(test, out=printed.append).failed == 0, "".join(printed)
