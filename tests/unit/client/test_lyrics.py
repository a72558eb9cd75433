"""Lyrics are split into their parts in sung order."""

import pytest
from emotion_client.lyrics import MAX_REFERRED_SECTIONS, MAX_REPEATS, split_song
from hypothesis import given, settings
from hypothesis import strategies as st

SONG = """[Intro]
(Ooh) (x2)

[Verse 1: Mara]
The kettle hums, the window's grey
I fold your letters all away

[Chorus]
Oh, lantern, burn (x2)
Burn till the morning finds me

And when it finds me, burn

[Guitar solo]

[Verse 2: Mara & Ilo]
The tram goes by without a sound
[Chorus] x2

(Bridge)
No one knows, no one knows
x3

Outro:
Lantern, lantern [x4]
"""


def tell(sections):
    return [(section.name, section.repeats, section.text) for section in sections]


def test_song_with_marks_is_read_in_sung_order():
    burn = "Oh, lantern, burn\nBurn till the morning finds me"
    assert tell(split_song(SONG)) == [
        ("Intro", 2, "(Ooh)"),
        ("Verse 1", 1, "The kettle hums, the window's grey\nI fold your letters all away"),
        ("Chorus", 1, burn),
        ("Chorus", 1, "And when it finds me, burn"),
        ("Verse 2", 1, "The tram goes by without a sound"),
        ("Chorus", 2, burn),
        ("Chorus", 2, "And when it finds me, burn"),
        ("Bridge", 3, "No one knows, no one knows"),
        ("Outro", 4, "Lantern, lantern"),
    ]


def test_offsets_of_written_parts_slice_their_words():
    for section in split_song(SONG):
        if section.spans:
            lines = [SONG[start:end] for start, end in section.spans]
            assert "\n".join(lines) == section.text
            assert (section.start, section.end) == (section.spans[0][0], section.spans[-1][1])
    verse = split_song(SONG)[1]
    assert SONG[verse.start : verse.end] == verse.text


def test_offsets_of_a_repeated_part_slice_the_mark():
    repeated = [section for section in split_song(SONG) if not section.spans]
    assert [SONG[section.start : section.end] for section in repeated] == ["[Chorus] x2"] * 2


@pytest.mark.parametrize(
    "lyrics", ["", " ", "\n", "\r\n \t\r\n", "\u2028\u3000\u2029", "x2", "[x3]"]
)
def test_song_without_words_has_no_parts(lyrics):
    assert split_song(lyrics) == []


@pytest.mark.parametrize(
    "gap",
    [
        pytest.param("\n\n", id="unix"),
        pytest.param("\r\n\r\n", id="windows"),
        pytest.param("\r\r", id="old-mac"),
        pytest.param("\n \t\n", id="white-space"),
        pytest.param("\n\n\n\n", id="several"),
        pytest.param("\u2029\u2029", id="unicode-paragraphs"),
    ],
)
def test_blank_lines_of_any_convention_separate_parts(gap):
    lyrics = f"Salt on the pier{gap}Salt on my tongue"
    first, second = split_song(lyrics)
    assert tell([first, second]) == [(None, 1, "Salt on the pier"), (None, 1, "Salt on my tongue")]
    assert lyrics[second.start : second.end] == "Salt on my tongue"


def test_indentation_and_carriage_returns_are_not_text():
    lyrics = "  Salt on the pier \r\n\tSalt on my tongue\r\n"
    (section,) = split_song(lyrics)
    assert section.text == "Salt on the pier\nSalt on my tongue"
    assert lyrics[section.start : section.end] == "Salt on the pier \r\n\tSalt on my tongue"


@pytest.mark.parametrize(
    ("mark", "name"),
    [
        ("[Chorus]", "Chorus"),
        ("  [ CHORUS ]  ", "CHORUS"),
        ("[Verse 2: Somebody]", "Verse 2"),
        ("[Verse 2 – Somebody]", "Verse 2"),
        ("[Verse 2 (Somebody)]", "Verse 2"),
        ("[Verse 1] [Somebody]", "Verse 1"),
        ("[Pre-Chorus]", "Pre-Chorus"),
        ("[Whispered]", "Whispered"),
        ("[Припев]", "Припев"),
        ("[]", None),
        ("(Bridge)", "Bridge"),
        ("(pre chorus 2)", "pre chorus 2"),
        ("(Verse II: Somebody)", "Verse II"),
        ("(Middle 8)", "Middle 8"),
        ("(Last chorus)", "Last chorus"),
        ("(Repeat the hook)", "hook"),
        ("Chorus:", "Chorus"),
        ("VERSE 12 :", "VERSE 12"),
        ("Part B:", "Part B"),
    ],
)
def test_mark_names_the_part_below(mark, name):
    lyrics = f"Before\n{mark}\nSugar and smoke"
    assert tell(split_song(lyrics)) == [(None, 1, "Before"), (name, 1, "Sugar and smoke")]


@pytest.mark.parametrize(
    "line",
    [
        "(ooh, ooh)",
        "(Bridge over the water)",
        "(Hooked)",
        "(Verse) and (chorus)",
        "Chorus",
        "Verse: we sang it anyway",
        "Verse: we sang it anyway:",
        "(Hook - line and sinker)",
        "She said:",
        "Solo in the kitchen:",
        "[Chorus] is a word",
        "A [quiet] word",
        "[unclosed",
        "closed]",
        "[[",
    ],
)
def test_line_that_only_looks_like_a_mark_is_text(line):
    assert tell(split_song(f"Before\n{line}")) == [(None, 1, f"Before\n{line}")]


@pytest.mark.parametrize(
    ("lyrics", "repeats"),
    [
        pytest.param("[Hook]\nGo on x2", 2, id="last-line"),
        pytest.param("[Hook]\nGo on(x3)", 3, id="attached"),
        pytest.param("[Hook]\nGo on\n( 2X )", 2, id="own-line"),
        pytest.param("[Hook]\n×2\nGo on", 2, id="own-line-above"),
        pytest.param("[Hook]\nGo on\n\n[x2]", 2, id="own-line-after-a-gap"),
        pytest.param("[Hook]\n\n(x2)\n\nGo on", 2, id="own-line-between-gaps"),
        pytest.param("[Hook] × 2\nGo on", 2, id="after-the-mark"),
        pytest.param("[Hook] 2x\nGo on", 2, id="number-first-after-the-mark"),
        pytest.param("[Hook] [x2]\nGo on", 2, id="bracketed-after-the-mark"),
        pytest.param("[Hook x2]\nGo on", 2, id="in-the-mark"),
        pytest.param("(Hook x2)\nGo on", 2, id="in-a-round-mark"),
        pytest.param("Hook (x2):\nGo on", 2, id="before-the-colon"),
        pytest.param("Hook: x2\nGo on", 2, id="after-the-colon"),
        pytest.param("[Hook x2]\nGo on (x3)", 6, id="mark-times-part"),
        pytest.param("[Hook]\nGo on (x2) [x2]", 4, id="twice-in-a-line"),
        pytest.param("[Hook x0]\nGo on", 1, id="zero"),
        pytest.param("[Hook x99]\nGo on", MAX_REPEATS, id="above-the-limit"),
        pytest.param("[Hook x20]\nGo on x20", MAX_REPEATS, id="product-above-the-limit"),
    ],
)
def test_repeats_of_a_part_are_counted_and_not_text(lyrics, repeats):
    name = lyrics.strip("[(")[:4]
    assert tell(split_song(lyrics)) == [(name, repeats, "Go on")]


def test_repeats_of_an_inner_line_are_only_left_out():
    assert tell(split_song("Go on (x4)\nGo home")) == [(None, 1, "Go on\nGo home")]


def test_repeats_in_a_mark_apply_to_all_parts_under_it():
    assert tell(split_song("[Hook x2]\nGo on\n\nGo home x2")) == [
        ("Hook", 2, "Go on"),
        ("Hook", 4, "Go home"),
    ]


@pytest.mark.parametrize(
    "line", ["Project x2y", "Malcolmx2", "We were 2x", "x", "2 x two", "x" + "9" * 10, "2x2x2x"]
)
def test_words_that_only_look_like_repeats_are_text(line):
    assert tell(split_song(line)) == [(None, 1, line)]


def test_mark_alone_repeats_the_first_part_of_its_name():
    lyrics = "[Pre-Chorus]\nNearly\n\n[Pre-Chorus]\nAlmost\n\n[PRECHORUS]"
    sections = split_song(lyrics)
    assert tell(sections) == [
        ("Pre-Chorus", 1, "Nearly"),
        ("Pre-Chorus", 1, "Almost"),
        ("Pre-Chorus", 1, "Nearly"),
    ]
    assert lyrics[sections[2].start : sections[2].end] == "[PRECHORUS]"


def test_mark_alone_keeps_repeats_of_the_part_but_not_of_its_first_mark():
    lyrics = "[Hook x3]\nGo on x2\n\n[Hook]\n\n[Hook] x4"
    assert [section.repeats for section in split_song(lyrics)] == [6, 2, 8]


def test_mark_alone_leaves_the_next_part_without_a_name():
    assert tell(split_song("[Hook]\nGo on\n\n[Hook]\n\nAfter")) == [
        ("Hook", 1, "Go on"),
        ("Hook", 1, "Go on"),
        (None, 1, "After"),
    ]


@pytest.mark.parametrize("mark", ["[Instrumental]", "[Guitar solo]", "(Interlude)", "Solo:"])
def test_wordless_mark_yields_nothing(mark):
    lyrics = f"[Verse]\nGo on\n\n{mark}\n\nGo home\n\n{mark}"
    assert tell(split_song(lyrics)) == [("Verse", 1, "Go on"), (None, 1, "Go home")]


def test_marks_before_blank_lines_name_what_follows():
    lyrics = (
        "[Verse]\n\nGo on\n\n[Chorus]\n\nOh\n\nOh no\n\n[Verse]\n\nGo home\n\n[Chorus]\n\n[End]\n\n"
    )
    assert tell(split_song(lyrics)) == [
        ("Verse", 1, "Go on"),
        ("Chorus", 1, "Oh"),
        ("Chorus", 1, "Oh no"),
        ("Verse", 1, "Go home"),
        ("Chorus", 1, "Oh"),
        ("Chorus", 1, "Oh no"),
    ]


def test_marks_without_a_name_never_repeat_another_part():
    assert tell(split_song("[]\nGo on\n\n[]")) == [(None, 1, "Go on")]


HOSTILE = [
    pytest.param("[", 1, id="brackets"),
    pytest.param("[]", 0, id="pairs-of-brackets"),
    pytest.param("[] (", 1, id="unclosed-after-pairs"),
    pytest.param("\n", 0, id="blank-lines"),
    pytest.param("x2", 1, id="repeats"),
    pytest.param("x2 ", 0, id="repeats-apart"),
    pytest.param("(x2)", 0, id="repeats-in-brackets"),
    pytest.param("x2\n", 0, id="lines-of-repeats"),
    pytest.param("x2\n\n", 0, id="parts-of-repeats"),
    pytest.param("(repeat ", 1, id="round-brackets"),
    pytest.param("verse 1 :", 1, id="names"),
    pytest.param("[Verse]\n", 0, id="marks"),
    pytest.param("\N{NO-BREAK SPACE}\t ", 0, id="white-space"),
]


@pytest.mark.parametrize(("unit", "num_sections"), HOSTILE)
def test_song_of_a_mebibyte_of_one_thing_is_read(unit, num_sections):
    assert len(split_song(unit * ((1 << 20) // len(unit)))) == num_sections


FRAMES = ("[{}", "({}", "({})", "[{}]", "[{}x2]", "a {}b:", "[a]{}b", "verse{}:", "a{}x2")


@pytest.mark.parametrize("frame", [*FRAMES, "[Hook]\n{}\n[Hook]"])
def test_song_of_one_thing_in_a_frame_is_read(frame):
    for unit, num_sections in (param.values for param in HOSTILE):
        lyrics = frame.format(unit * ((1 << 16) // len(unit)))
        assert len(split_song(lyrics)) <= num_sections + 2


def test_song_with_a_huge_number_of_repeats_is_clamped():
    (section,) = split_song("Go on\n" + "x9\n" * 100_000)
    assert section.repeats == MAX_REPEATS


def test_song_whose_many_marks_repeat_many_parts_stays_small():
    lyrics = "[Hook]\n" + "Go on\n\n" * 50_000 + "[Hook]\n" * 50_000
    assert len(split_song(lyrics)) == 50_000 + MAX_REFERRED_SECTIONS


MARKS = ("[Chorus]", "[Verse 2: Ilo]", "(Bridge)", "Hook:", "[Solo]", "[]", "[x2]", "(Chorus x2)")
WORDS = ("la", "Salt", "été", "🌊", "(ooh)", "x2", "2x", "×3", "(x40)", *"[](:", "\ud800")
ENDS = ("\n", "\r\n", "\r", "\n\n", "\n \n", "\u2028", "", " ", "\t", "\x1c", "\0", "\ufeff")
BITS = st.sampled_from([*MARKS, *WORDS, *ENDS, *ENDS, *["\n"] * 12])


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(BITS, max_size=60).map("".join))
def test_song_of_random_marks_and_words_keeps_its_promises(lyrics):
    sections = split_song(lyrics)
    ends = [0]
    for section in sections:
        assert 0 <= section.start < section.end <= len(lyrics)
        assert 1 <= section.repeats <= MAX_REPEATS
        assert section.text.strip()
        assert not set(section.text.split("\n")) & {*MARKS, "x2", "2x", "×3", "(x40)", ""}
        if section.spans:
            lines = [lyrics[start:end] for start, end in section.spans]
            assert "\n".join(lines) == section.text
            assert ends[-1] <= section.start
            ends += [section.start, *(offset for span in section.spans for offset in span)]
    assert ends == sorted(ends)
