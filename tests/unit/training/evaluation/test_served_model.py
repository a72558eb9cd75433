"""A served model, whose client is a small class here."""

import threading
import time

import numpy as np
import pytest
from emotion_client import (
    Prediction,
    RevisionChanged,
    ServerError,
    ServerInfo,
    Unavailable,
    WrongServer,
)
from emotion_training.errors import ModelError
from emotion_training.evaluation.served_model import connect

REVISION = "a" * 64
LABELS = ("anger", "joy")


class Client:
    """A client whose texts are the probability of anger.

    Attributes:
        problem_type: of the checkpoint.
        revision: of the answers.
        label: of the answers; None is the most probable.
        failure: raised by the first call for a text that is not empty; later ones hang.
        is_released: ends the hanging.
        most_at_a_time: of the calls so far.
    """

    url = "host:1"

    def __init__(self):
        self.problem_type = "single_label_classification"
        self.revision = REVISION
        self.label = self.failure = None
        self.is_released = threading.Event()
        self.num_calls = self.most_at_a_time = self._num_inside = 0
        self._lock, self._first = threading.Lock(), threading.Semaphore(1)

    def connect(self):
        if self.failure:
            raise self.failure
        return ServerInfo(LABELS, 128, self.problem_type, self.revision, tokenizer=None)

    def predict(self, text):
        with self._lock:
            self.num_calls += 1
            self._num_inside += 1
            self.most_at_a_time = max(self.most_at_a_time, self._num_inside)
        if text and self.failure:
            if not self._first.acquire(blocking=False):
                self.is_released.wait(60)
            raise self.failure
        anger = float(text or 0.5)
        time.sleep(0.02 * anger)  # answers come in another order than requests
        with self._lock:
            self._num_inside -= 1
        label = self.label or ("anger" if anger >= 0.5 else "joy")
        return Prediction(
            label,
            max(anger, 1 - anger),
            {"anger": anger, "joy": 1 - anger},
            3,
            False,
            self.revision,
        )


@pytest.fixture
def client():
    return Client()


def predict(client, *texts, batch_size=8):
    model, reports = connect(client), []
    return model.predict(texts, batch_size=batch_size, advance=reports.append), reports


def test_connect_says_what_is_served(client):
    facts = connect(client).facts
    assert (facts.name, facts.is_served) == ("host:1", True)
    assert (facts.labels, facts.max_length, facts.revision) == (LABELS, 128, REVISION)


def test_connect_multi_label_server_is_refused(client):
    client.problem_type = "multi_label_classification"
    with pytest.raises(ModelError, match="host:1 is a multi_label_classification checkpoint"):
        connect(client)


def test_connect_server_that_does_not_answer_is_one_sentence(client):
    client.failure = WrongServer("host:1: not found")
    with pytest.raises(ModelError, match=r"^host:1: not found$"):
        connect(client)


def test_predict_answers_are_in_the_order_of_the_texts(client):
    texts = [f"{i / 40:.3f}" for i in range(40, 0, -1)]
    answer, reports = predict(client, *texts)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer[:, 0], [float(text) for text in texts], rtol=1e-6)
    np.testing.assert_allclose(answer.sum(axis=1), 1, rtol=1e-6)
    assert reports == [1] * 40


@pytest.mark.parametrize("batch_size", [1, 4])
def test_predict_batch_size_is_the_most_requests_at_a_time(client, batch_size):
    predict(client, *["1"] * 30, batch_size=batch_size)
    assert min(2, batch_size) <= client.most_at_a_time <= batch_size


def test_count_steps_is_one_a_text(client):
    assert connect(client).count_steps(100, batch_size=64) == 100


def test_predict_after_another_checkpoint_came_is_an_error(client):
    model = connect(client)
    client.revision = "b" * 64
    with pytest.raises(RevisionChanged, match=f"from {REVISION} to {'b' * 64} meanwhile"):
        model.predict(["1"], batch_size=1, advance=print)


def test_predict_label_that_is_not_the_most_probable_is_an_error(client):
    client.label = "joy"
    with pytest.raises(ServerError, match="answered 'joy', which is not its most probable label"):
        predict(client, "0.9")


def test_predict_label_as_probable_as_another_is_right(client):
    client.label = "joy"
    predict(client, "0.5")


def test_predict_server_gone_stops_at_once(client):
    model = connect(client)
    client.failure = Unavailable("host:1: gone")
    with pytest.raises(Unavailable, match="gone"):
        model.predict(["1"] * 1000, batch_size=2, advance=print)
    client.is_released.set()
    assert client.num_calls <= 4  # connect's, the one that failed, one more in either thread
