"""Texts get the ids that AutoTokenizer gives them."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from emotion_client.tokenizer import TextTokenizer
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from checkpoints import KINDS, MAX_LENGTH, TEXTS, VERSES

UNICODE_TEXTS = (
    " ",
    "\n\t\r\n",
    "\0",
    "la\0la",
    "\ufeffbom \u202eright to left\u202c",
    "ÀÉÎõü ÀÉÎõü",
    "𝔊𝔬𝔱𝔥𝔦𝔠 ｆｕｌｌ ①②③ Ⅷ",
    "हम साथ हैं, 안녕, שלום, مرحبا, สวัสดี, γειά",
    "👩‍👩‍👧‍👦🏳️‍🌈👍🏽",
    "\ud7ff\ue000\U0010ffff",
    "x" * 300,
    "don't stop!!!... (oh-oh) «la» “la” —la",
    "[CLS] <s> [SEP] </s> [UNK] <unk> [PAD] <pad>",
    "la " * 126,
    "la " * 127,
    "la " * 4000,
)


@pytest.fixture(params=KINDS)
def kind(request):
    return str(request.param)


@pytest.fixture
def written(kind, read_tokenizer):
    return TextTokenizer(read_tokenizer(kind), max_length=MAX_LENGTH)


@pytest.fixture
def reference(kind, source_of):
    return AutoTokenizer.from_pretrained(source_of(kind))


def test_encode_any_text_equals_autotokenizer(written, reference):
    texts = [*TEXTS, *VERSES, *UNICODE_TEXTS]
    for text, encoding in zip(texts, written.encode(texts), strict=True):
        expected = reference(text, truncation=True, max_length=MAX_LENGTH).input_ids
        num_tokens = len(reference(text).input_ids)
        assert encoding.input_ids == expected
        assert encoding.num_tokens == num_tokens
        assert encoding.truncated is (num_tokens > MAX_LENGTH)


def test_encode_at_and_above_the_limit_tells_them_apart(read_tokenizer):
    tokenizer = TextTokenizer(read_tokenizer("bert"), max_length=6)
    fits, over = tokenizer.encode(["the " * 4, "the " * 5])
    assert (fits.num_tokens, fits.truncated, len(fits.input_ids)) == (6, False, 6)
    assert (over.num_tokens, over.truncated, len(over.input_ids)) == (7, True, 6)


def test_encode_no_texts_gives_no_encodings(written):
    assert written.encode([]) == []


def test_encode_many_threads_give_the_same_ids(read_tokenizer):
    tokenizer = TextTokenizer(read_tokenizer("bert"), max_length=MAX_LENGTH)
    expected = tokenizer.encode(VERSES)
    with ThreadPoolExecutor(4) as pool:
        assert all(result == expected for result in pool.map(tokenizer.encode, [VERSES] * 16))


def test_tokenizer_padding_and_truncation_of_the_document_are_ignored(read_tokenizer):
    backend = Tokenizer.from_str(read_tokenizer("bert"))
    backend.enable_padding(length=128)
    backend.enable_truncation(5)
    (encoding,) = TextTokenizer(backend.to_str(), max_length=10).encode(["the the the the the"])
    assert (len(encoding.input_ids), encoding.truncated) == (7, False)


def test_encode_windows_of_a_long_text_cover_it_and_overlap(written):
    text = " ".join(VERSES)
    windows = written.encode_windows(text, overlap=4)
    assert len(windows) > 1
    assert all(len(window.encoding.input_ids) <= MAX_LENGTH for window in windows)
    assert not any(window.encoding.truncated for window in windows)
    assert (windows[0].start, windows[-1].end) == (0, len(text))
    for one, other in pairwise(windows):
        assert one.start < other.start < one.end


def test_encode_windows_of_a_short_text_are_one_as_encode_gives_it(written):
    for text in ("", " ", VERSES[0]):
        (window,) = written.encode_windows(text, overlap=4)
        assert [window.encoding] == written.encode([text])
        assert 0 <= window.start <= window.end <= len(text)
