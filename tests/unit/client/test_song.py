"""A song is split into pieces, and their answers become one."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from emotion_client.prediction import Prediction
from emotion_client.song import WAYS, Part, Piece, check_by, combine, plan_song
from emotion_client.tokenizer import Encoding, TextTokenizer, Window
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints import KINDS

REVISION = "0" * 64
MAX_LENGTH = 50
NUM_SPECIAL_TOKENS = 2
VERSE = "\n".join(f"Line {i} goes over the river (x2)" for i in range(20))
READ_VERSE = VERSE.replace(" (x2)", "")
SONG = f"""[Verse 1]
The kettle hums, the window's grey

[Chorus x2]
Oh, lantern, burn

[Verse 2]
{VERSE}

[Chorus]
"""


class FakeTokenizer(TextTokenizer):
    """One token per word: its length. Refuses to read a text twice."""

    def __init__(self):
        self.max_length = MAX_LENGTH
        self.texts: list[str] = []

    def encode_windows(self, text, *, overlap):
        assert text not in self.texts
        assert 0 < overlap < MAX_LENGTH / 2
        self.texts.append(text)
        words = list(re.finditer(r"\S+", text))
        num_words = MAX_LENGTH - NUM_SPECIAL_TOKENS
        rows = [words[:num_words]]
        for start in range(num_words - overlap, len(words) - overlap, num_words - overlap):
            rows.append(words[start : start + num_words])
        return [self._build_window(row) for row in rows]

    def _build_window(self, words):
        ids = [0, *(len(word[0]) for word in words), 0]
        start, end = (words[0].start(), words[-1].end()) if words else (0, 0)
        return Window(Encoding(ids, len(ids), False), start, end)


class LineFeedTokenizer(FakeTokenizer):
    """One window per character, also for line feeds."""

    def encode_windows(self, text, *, overlap):
        return [Window(Encoding([1], 1, False), i, i + 1) for i in range(len(text))]


def plan(lyrics, *, by="auto"):
    return plan_song(lyrics, by=by, tokenizer=FakeTokenizer())


def build_piece(num_tokens, *, repeats=1):
    return Piece("Verse", repeats, 0, 9, Encoding([1] * num_tokens, num_tokens, False))


def build_prediction(*scores, revision=REVISION):
    named = dict(zip(("anger", "joy", "sadness"), scores, strict=False))
    label = max(named, key=named.__getitem__)
    return Prediction(label, named[label], named, 5, False, revision)


def test_plan_stanzas_reads_part_by_part():
    pieces = plan("Salt on the pier\n\n[Chorus x3]\nOh, lantern", by="stanzas")
    assert [(piece.name, piece.repeats) for piece in pieces] == [(None, 1), ("Chorus", 3)]
    assert [piece.encoding.input_ids for piece in pieces] == [[0, 4, 2, 3, 4, 0], [0, 3, 7, 0]]


def test_plan_stanzas_cuts_a_long_part_in_windows():
    pieces = plan(SONG, by="stanzas")
    names = [piece.name for piece in pieces]
    num_windows = names.count("Verse 2")
    assert num_windows > 2
    assert names == ["Verse 1", "Chorus", *["Verse 2"] * num_windows, "Chorus"]
    assert all(piece.encoding.num_tokens <= MAX_LENGTH for piece in pieces)


def test_plan_offsets_slice_what_each_piece_reads():
    pieces = plan(SONG, by="stanzas")
    for piece in pieces[:-1]:
        read = SONG[piece.start : piece.end].replace("(x2)", "").split()
        assert piece.encoding.input_ids == [0, *map(len, read), 0]
    assert SONG[pieces[-1].start : pieces[-1].end] == "[Chorus]"


def test_plan_equal_parts_share_one_encoding():
    pieces = plan("[Hook]\nGo on\n\n[Verse]\nSalt\n\n[Hook]\n\n[Outro]\nGo on", by="stanzas")
    assert [piece.name for piece in pieces] == ["Hook", "Verse", "Hook", "Outro"]
    assert pieces[0].encoding is pieces[2].encoding is pieces[3].encoding


def test_plan_long_part_repeated_by_its_mark_shares_encodings_and_spans_the_mark():
    pieces = plan(f"[Hook]\n{VERSE}\n\n[Hook] x2", by="stanzas")
    written, referred = pieces[: len(pieces) // 2], pieces[len(pieces) // 2 :]
    assert len(written) > 1
    assert all(a.encoding is b.encoding for a, b in zip(written, referred, strict=True))
    lyrics = f"[Hook]\n{VERSE}\n\n[Hook] x2"
    assert {lyrics[piece.start : piece.end] for piece in referred} == {"[Hook] x2"}


def test_plan_windows_reads_the_written_words_in_a_row():
    tokenizer = FakeTokenizer()
    pieces = plan_song(SONG, by="windows", tokenizer=tokenizer)
    verse = "The kettle hums, the window's grey"
    assert tokenizer.texts == [f"{verse}\n\nOh, lantern, burn\n\n{READ_VERSE}"]
    assert {(piece.name, piece.repeats) for piece in pieces} == {(None, 1)}
    assert SONG[pieces[0].start :].startswith(verse)
    assert SONG[: pieces[-1].end].endswith(READ_VERSE.splitlines()[-1])
    for piece in pieces:
        read = re.sub(r"\(x2\)|\[.*\]", "", SONG[piece.start : piece.end]).split()
        assert piece.encoding.input_ids == [0, *map(len, read), 0]


def test_plan_windows_overlap():
    pieces = plan(VERSE, by="windows")
    assert len(pieces) > 2
    for before, after in pairwise(pieces):
        assert before.start < after.start < before.end < after.end


def test_plan_windows_that_break_at_line_feeds_stay_in_the_lyrics():
    lyrics = "ab x2\r\n cd\n\n\nef"
    pieces = plan_song(lyrics, by="windows", tokenizer=LineFeedTokenizer())
    read = [lyrics[piece.start : piece.end] for piece in pieces]
    assert read == ["a", "b", "", "c", "d", "", "", "e", "f"]


@pytest.mark.parametrize(
    ("lyrics", "same_as"),
    [
        pytest.param("Salt on the pier\nSalt on my tongue", "windows", id="one-part"),
        pytest.param("[Chorus x2]\nSalt on the pier", "windows", id="one-named-part"),
        pytest.param("Salt on the pier\n\nSalt on my tongue", "stanzas", id="two-parts"),
        pytest.param("[Hook]\nSalt on the pier\n[Hook]", "stanzas", id="one-part-and-its-mark"),
        pytest.param("", "windows", id="empty"),
    ],
)
def test_plan_auto_reads_stanzas_where_there_are_two(lyrics, same_as):
    assert plan(lyrics) == plan(lyrics, by=same_as)


@pytest.mark.parametrize("lyrics", ["", " \n\n ", "[Instrumental]", "x2"])
def test_plan_song_without_words_is_one_empty_piece(lyrics):
    for by in WAYS:
        assert plan(lyrics, by=by) == [Piece(None, 1, 0, 0, Encoding([0, 0], 2, False))]


def test_plan_unknown_way_raises_before_anything_is_read():
    tokenizer = FakeTokenizer()
    with pytest.raises(ValueError, match="by is 'lines'"):
        plan_song("Salt", by="lines", tokenizer=tokenizer)
    assert tokenizer.texts == []


BITS = ("[Hook]", "(Bridge)", "x2", "la", "Salt on", "\n", "\n", "\r\n\r\n", " ", "ahoy " * 60)


@pytest.mark.parametrize("by", WAYS)
@settings(derandomize=True, deadline=None, max_examples=40)
@given(lyrics=st.lists(st.sampled_from(BITS), max_size=50).map("".join))
def test_plan_random_song_keeps_offsets_in_the_lyrics(lyrics, by):
    pieces = plan(lyrics, by=by)
    assert pieces
    assert all(0 <= piece.start <= piece.end <= len(lyrics) for piece in pieces)
    if by == "windows":
        assert [piece.start for piece in pieces] == sorted(piece.start for piece in pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_plan_with_a_real_tokenizer_cuts_and_places_windows(kind, read_tokenizer):
    tokenizer = TextTokenizer(read_tokenizer(kind), max_length=MAX_LENGTH)
    for by in ("stanzas", "windows"):
        pieces = plan_song(SONG, by=by, tokenizer=tokenizer)
        assert len(pieces) > 4
        assert all(len(piece.encoding.input_ids) <= MAX_LENGTH for piece in pieces)
        assert all(0 < piece.start < piece.end <= len(SONG) for piece in pieces)
        last = max(piece.end for piece in pieces if piece.name != "Chorus")
        assert SONG[:last].endswith("Line 19 goes over the river")
    (empty,) = plan_song("", by="auto", tokenizer=tokenizer)
    assert empty.encoding == tokenizer.encode([""])[0]


@pytest.mark.parametrize("by", ["", "Stanzas", None, ["auto"]])
def test_check_by_unknown_way_raises_with_value_and_choice(by):
    with pytest.raises(ValueError, match=re.escape(f"{by!r}; it must be one of auto, stanzas")):
        check_by(by)


def test_combine_weights_scores_by_tokens_and_repeats():
    pieces = [build_piece(10), build_piece(5, repeats=4)]
    song = combine(pieces, predictions=[build_prediction(0.75, 0.25), build_prediction(0.0, 1.0)])
    assert song.scores == {"anger": 0.25, "joy": 0.75}
    assert tuple(song) == ("joy", 0.75)
    assert (song.num_tokens, song.revision) == (15, REVISION)


def test_combine_parts_carry_their_piece_and_prediction():
    pieces = plan(SONG)
    predictions = [build_prediction(i / 8, 1 - i / 8) for i in range(len(pieces))]
    song = combine(pieces, predictions=predictions)
    assert song.parts == tuple(
        Part(piece.name, piece.repeats, piece.start, piece.end, prediction)
        for piece, prediction in zip(pieces, predictions, strict=True)
    )


def test_combine_tie_goes_to_the_first_label():
    song = combine([build_piece(5)], predictions=[build_prediction(0.125, 0.4375, 0.4375)])
    assert tuple(song) == ("joy", 0.4375)


@pytest.mark.parametrize("num_tokens", [3, 127])
def test_combine_one_piece_has_exactly_its_scores(num_tokens):
    scores = np.random.default_rng(num_tokens).dirichlet([1, 1, 1]).astype(np.float32).tolist()
    prediction = build_prediction(*scores)
    song = combine([build_piece(num_tokens, repeats=3)], predictions=[prediction])
    assert (song.scores, song.label, song.confidence) == (
        prediction.scores,
        prediction.label,
        prediction.confidence,
    )


def test_combine_certain_pieces_stay_at_most_certain():
    pieces = [build_piece(n, repeats=n % 5 + 1) for n in range(2, 99)]
    assert combine(pieces, predictions=[build_prediction(0.0, 1.0)] * 97).confidence == 1.0


@pytest.mark.parametrize(
    ("predictions", "error"),
    [
        pytest.param([build_prediction(1.0)], ValueError, id="too-few-predictions"),
        pytest.param(
            [build_prediction(1.0), build_prediction(1.0, revision="1" * 64)],
            AssertionError,
            id="two-revisions",
        ),
        pytest.param([], AssertionError, id="no-predictions"),
    ],
)
def test_combine_answers_that_do_not_fit_raise(predictions, error):
    with pytest.raises(error):
        combine([build_piece(5), build_piece(5)], predictions=predictions)
