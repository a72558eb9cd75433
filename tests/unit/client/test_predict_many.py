"""Both clients on many texts: order, read-ahead and errors."""

import signal
import time
from collections import Counter
from threading import Timer

import pytest
from emotion_client import (
    EmotionClient,
    InvalidInput,
    Overloaded,
    Prediction,
    ServerError,
    Unavailable,
)
from emotion_client.bulk import FIRST_WINDOW, MAX_IN_FLIGHT, MAX_WINDOW_CHARS, ROWS_PER_REQUEST
from fake_behaviours import MODEL_FAILED, QUEUE_FULL, Hang, Late
from fake_contract import expected_probabilities

from checkpoints import LABELS

VERSE = "the lamp is low, the street is wet"


class Source:
    """Texts that count how many were read."""

    def __init__(self, text, *, num_texts=None):
        self.num_read, self._text, self._num_texts = 0, text, num_texts

    def __iter__(self):
        while self.num_read != self._num_texts:
            self.num_read += 1
            yield self._text


def test_each_text_gets_its_answer_in_order(client, server):
    texts = [f"{'la ' * (i * 7 % 40)}{i}" for i in range(1000)]
    tokenizer = client.connect().tokenizer
    server.behave(*[Late(0.05 * (i % 3)) for i in range(10)])  # answers come out of order
    found = list(client.predict_many(iter(texts)))
    for encoding, prediction in zip(tokenizer.encode(texts), found, strict=True):
        expected = expected_probabilities(encoding.input_ids, num_labels=len(LABELS))
        assert list(prediction.scores.values()) == pytest.approx(expected.tolist(), rel=1e-6)
        assert prediction.label == LABELS[int(expected.argmax())]
        assert prediction.num_tokens == encoding.num_tokens
    rows = [len(call.inputs["input_ids"]) for call in server.calls if call.inputs]
    assert max(rows) == ROWS_PER_REQUEST
    assert sum(rows) == 1000
    assert 2 <= server.most_active <= MAX_IN_FLIGHT


def test_at_most_two_windows_are_read_ahead(client, server):
    texts = Source(VERSE)
    many = client.predict_many(texts)
    assert texts.num_read == 0
    for i in range(3000):
        next(many)
        assert texts.num_read <= i + 1 + 1024
    many.close()
    server.wait_until_active(0)


def test_first_results_come_after_the_first_few_texts(client):
    texts = Source(VERSE, num_texts=500)
    next(client.predict_many(texts))
    assert texts.num_read == FIRST_WINDOW


def test_fewer_texts_are_read_ahead_if_they_are_long(client):
    texts = Source("la " * 20_000, num_texts=20)
    many = client.predict_many(texts)
    next(many)
    assert texts.num_read <= 2 * (1 + MAX_WINDOW_CHARS // 60_000)
    assert len(list(many)) == 19


def test_no_texts_yield_nothing_and_call_nothing(open_client):
    assert list(open_client("127.0.0.1:1").predict_many([])) == []


def test_raise_stops_at_the_bad_text_after_those_before(client):
    many = client.predict_many([VERSE, "", None, VERSE])
    assert isinstance(next(many), Prediction)
    assert isinstance(next(many), Prediction)
    with pytest.raises(InvalidInput, match="text 2 has type NoneType"):
        next(many)
    with pytest.raises(StopIteration):
        next(many)


def test_return_puts_errors_in_their_places(client):
    texts = [VERSE, None, "\ud800", VERSE] * 100
    found = list(client.predict_many(texts, on_error="return"))
    kinds = [type(result) for result in found]
    assert kinds == [Prediction, InvalidInput, InvalidInput, Prediction] * 100
    assert str(found[398]).startswith("text 398 has the lone surrogate U+D800")


def test_failed_request_fails_only_its_own_texts(client, server):
    server.behave(MODEL_FAILED)
    found = list(client.predict_many([VERSE] * 200, on_error="return"))
    counts = Counter(type(result) for result in found)
    assert counts == {ServerError: ROWS_PER_REQUEST, Prediction: 200 - ROWS_PER_REQUEST}
    server.behave(MODEL_FAILED)
    with pytest.raises(ServerError):
        list(client.predict_many([VERSE] * 200))


def test_overloaded_server_is_asked_again_in_bulk_until_the_deadline(open_client, server):
    client = open_client(server.url, timeout_s=2)
    server.behave(QUEUE_FULL, QUEUE_FULL)
    assert [type(each) for each in client.predict_many([VERSE])] == [Prediction]
    client = open_client(server.url, timeout_s=1)
    server.always = QUEUE_FULL
    assert [type(each) for each in client.predict_many([VERSE], on_error="return")] == [Overloaded]


def test_requests_in_bulk_are_marked_and_others_are_not(client, server):
    client.predict(VERSE)
    list(client.predict_many([VERSE]))
    marks = [call.metadata.get("request-priority") for call in server.calls]
    assert (marks[-2:], set(marks[:-1])) == ([None, "bulk"], {None})


def test_unreachable_server_is_an_error_for_every_text(open_client):
    client = open_client("127.0.0.1:1")
    found = list(client.predict_many([VERSE, None, VERSE], on_error="return"))
    assert [type(result) for result in found] == [Unavailable, InvalidInput, Unavailable]
    with pytest.raises(Unavailable):
        next(client.predict_many([VERSE]))


def test_error_of_the_iterable_is_raised_after_the_results(client):
    def broken():
        yield VERSE
        raise KeyError("mine")

    many = client.predict_many(broken())
    assert isinstance(next(many), Prediction)
    with pytest.raises(KeyError, match="mine"):
        next(many)


def test_bad_arguments_are_refused_at_the_call(client):
    with pytest.raises(InvalidInput, match="it must be an iterable of str"):
        client.predict_many("la")
    with pytest.raises(ValueError, match="on_error is 'ignore'"):
        client.predict_many([], on_error="ignore")


def test_iterator_closed_early_stops_asking(client, server):
    many = client.predict_many([VERSE] * 5000)
    next(many)
    many.close()
    server.wait_until_active(0)
    assert len(server.calls) < 5000 / ROWS_PER_REQUEST / 2


def test_ctrl_c_ends_a_wait_that_it_does_not_reach(start_server):
    server = start_server()
    server.always = Hang()
    with EmotionClient(server.url, timeout_s=30) as client:
        client.connect()
        started = time.monotonic()
        # Raised in a thread that waits for nothing, so it wakes no other.
        Timer(1, signal.raise_signal, [signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            list(client.predict_many([VERSE]))
        assert time.monotonic() - started < 20


def test_checkpoint_changes_midway_and_no_vocabularies_mix(client, server, read_tokenizer):
    many = client.predict_many([f"{VERSE} {i}" for i in range(300)])
    found = [next(many)]
    server.reload(revision="b" * 64, tokenizer_json=read_tokenizer("roberta"))
    found += many  # the fake notes ids beyond the vocabulary as violations
    assert len(found) == 300
    assert {answer.revision for answer in found} == {"a" * 64, "b" * 64}
