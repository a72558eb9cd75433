"""Retries, deadlines and errors of one call, for both clients."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from emotion_client import (
    DeadlineExceeded,
    EmotionError,
    Overloaded,
    RevisionChanged,
    ServerError,
    Unavailable,
    WrongServer,
)
from emotion_client.calls import MAX_FIRST_ATTEMPTS
from fake_behaviours import (
    CANCELLED,
    MISMATCH,
    MODEL_FAILED,
    NOT_FOUND,
    QUEUE_FULL,
    STOPPING,
    STUB_DEAD,
    Answer,
    HalfAnswer,
    Hang,
    Late,
    Refuse,
    Reload,
    Reset,
)
from foreign_servers import (
    closing_server,
    empty_grpc_server,
    garbage_server,
    http_server,
    silent_server,
)
from grpc import StatusCode
from relay import Relay

SLACK_S = 2.0  # beyond a deadline, on a busy machine
SOON_S = 8.0  # before the deadline of 10 s
VERSE = "the lamp is low, the street is wet"


def drop_first_output(response):
    del response.outputs[0], response.raw_output_contents[0]


# --- the checkpoint changes -----------------------------------------------------------------------


def test_changed_checkpoint_gets_ids_of_its_own_vocabulary(client, server, read_tokenizer):
    client.predict(VERSE)
    server.behave(Reload("b" * 64, read_tokenizer("roberta")))
    assert client.predict(VERSE).revision == "b" * 64
    assert server.models[2:4] == ["emotion", "emotion_info"]
    before, after = server.calls[1].inputs["input_ids"], server.calls[-1].inputs["input_ids"]
    assert before.tolist() != after.tolist()
    assert client.info.revision == "b" * 64
    assert client.predict(VERSE).revision == "b" * 64
    assert server.calls[-1].inputs["input_ids"].tolist() == after.tolist()


def test_changed_checkpoint_is_asked_for_by_one_of_many_calls(client, server):
    client.predict(VERSE)
    server.reload(revision="b" * 64)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(client.predict, [VERSE] * 64))
    assert {answer.revision for answer in answers} == {"b" * 64}
    assert server.models.count("emotion_info") <= 3  # the first, then a short and a whole one


def test_checkpoint_that_changes_again_and_again_is_followed(client, server):
    client.predict(VERSE)
    server.behave(*[Reload(letter * 64) for letter in "bcdef"])
    assert client.predict(VERSE).revision == "f" * 64


def test_server_that_refuses_the_checkpoint_that_it_names_is_asked_until_the_deadline(
    open_client, server
):
    client = open_client(server.url, timeout_s=0.5)
    client.predict(VERSE)
    server.behave(*[MISMATCH] * 500, model="emotion")
    # On a busy machine the deadline may pass during the last of these requests.
    with pytest.raises((RevisionChanged, DeadlineExceeded), match=f"{server.url}: "):
        client.predict(VERSE)
    assert server.models.count("emotion") > 2


def test_known_tokenizer_is_not_sent_again(client, server):
    client.predict(VERSE)
    server.behave(STUB_DEAD)
    assert client.predict(VERSE).revision == "a" * 64
    asked = [sorted(call.outputs) for call in server.calls if call.model == "emotion_info"]
    assert asked == [[], ["protocol", "revision"]]


# --- retries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [STUB_DEAD, CANCELLED], ids=["dead-model", "cancelled"])
def test_passing_failure_is_retried(failure, client, server):
    client.connect()
    server.behave(failure, failure)
    assert client.predict(VERSE).revision == "a" * 64
    assert server.models.count("emotion") == 3


def test_lost_connection_is_retried(open_client, server):
    with Relay(server.port) as relay:
        client = open_client(relay.url)
        client.connect()
        for failure in (Reset(relay), HalfAnswer(relay, 100)):
            server.behave(failure)
            assert client.predict(VERSE).revision == "a" * 64
        assert relay.num_connections == 3
        client.close()


def test_call_waits_for_a_server_that_restarts(client, server):
    client.connect()
    server.stop()
    timer = threading.Timer(0.3, server.start)
    timer.start()
    assert client.predict(VERSE).revision == "a" * 64
    timer.join()


def test_server_that_stays_away_is_unavailable_within_the_deadline(open_client, server):
    client = open_client(server.url, timeout_s=1.0)
    client.connect()
    server.stop()
    start = time.monotonic()
    with pytest.raises(Unavailable, match=server.url):
        client.predict(VERSE)
    assert time.monotonic() - start < 1.0 + SLACK_S


def test_many_calls_do_not_hammer_a_dead_server(open_client, server):
    client = open_client(server.url, timeout_s=1.0)
    client.connect()
    server.always = server.always_info = STOPPING

    def ask(_):
        with pytest.raises((Unavailable, DeadlineExceeded)):
            client.predict(VERSE)

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(ask, range(32)))
    # 32 first attempts, then one call at a time after 0.1, 0.2, 0.4 s ...
    assert len(server.calls) < 32 + 12


def test_attempts_before_the_first_answer_are_few(client, server):
    server.always_info = STOPPING
    with pytest.raises(Unavailable, match="no server has answered yet; is it the gRPC port"):
        client.predict(VERSE)
    assert len(server.calls) == MAX_FIRST_ATTEMPTS


REFUSALS = [
    pytest.param(QUEUE_FULL, Overloaded, "Exceeds maximum queue size", id="queue-full"),
    pytest.param(MODEL_FAILED, ServerError, "the classifier failed on this", id="model-failed"),
    pytest.param(NOT_FOUND, WrongServer, "Request for .* is not found", id="no-such-model"),
    pytest.param(
        Refuse(StatusCode.DEADLINE_EXCEEDED, "upstream request timeout"),
        DeadlineExceeded,
        "upstream request timeout",
        id="proxy-timeout",
    ),
    pytest.param(Answer(drop_first_output), ServerError, "the answer lacks", id="bad-answer"),
]


@pytest.mark.parametrize(("behaviour", "kind", "sentence"), REFUSALS)
def test_final_failure_is_raised_at_once(behaviour, kind, sentence, client, server):
    client.connect()
    server.behave(behaviour)
    with pytest.raises(kind, match=f"^{server.url}: {sentence}") as caught:
        client.predict(VERSE)
    assert VERSE not in str(caught.value)
    assert caught.value.__cause__ is not None
    assert server.models.count("emotion") == 1
    assert client.predict(VERSE).revision == "a" * 64


def test_overloaded_server_stays_ready_after_a_failure(client, server):
    client.connect()
    server.behave(STUB_DEAD, QUEUE_FULL)
    with pytest.raises(Overloaded):
        client.predict(VERSE)
    num_before = server.models.count("emotion_info")
    for _ in range(5):
        client.predict(VERSE)
    assert server.models.count("emotion_info") == num_before


# --- wrong servers and addresses ------------------------------------------------------------------

BAD_INFO = [
    pytest.param(NOT_FOUND, "'emotion_info' is not found", id="not-found"),
    pytest.param(Answer(drop_first_output), "emotion_info lacks the output", id="bad-answer"),
    pytest.param(
        Refuse(StatusCode.INVALID_ARGUMENT, "unexpected input"), "unexpected input", id="refused"
    ),
]


@pytest.mark.parametrize(("behaviour", "sentence"), BAD_INFO)
def test_server_without_a_valid_info_is_wrong_at_every_call(behaviour, sentence, client, server):
    server.always_info = behaviour
    for num_calls in (1, 2):
        with pytest.raises(WrongServer, match=f"^{server.url}: .*{sentence}"):
            client.predict(VERSE)
        assert server.models == ["emotion_info"] * num_calls
    assert not client.is_ready()


def test_server_put_aside_is_described_by_its_own_error(open_client, server):
    client = open_client(server.url, timeout_s=0.5)
    server.always_info = NOT_FOUND
    for _ in range(8):
        with pytest.raises(WrongServer, match="is not found"):
            client.predict(VERSE)


FOREIGN = [
    pytest.param(http_server, EmotionError, id="http"),
    pytest.param(closing_server, Unavailable, id="closes-at-once"),
    pytest.param(garbage_server, EmotionError, id="garbage"),
    pytest.param(empty_grpc_server, WrongServer, id="grpc-without-triton"),
]


@pytest.mark.parametrize(("foreign", "kind"), FOREIGN)
def test_foreign_server_is_a_typed_error_soon(foreign, kind, open_client):
    with foreign() as url:
        client = open_client(url)
        start = time.monotonic()
        with pytest.raises(kind, match=f"^{url}: "):
            client.predict(VERSE)
        assert time.monotonic() - start < SOON_S
        client.close()


def test_port_without_a_server_is_unavailable_soon_and_says_what_to_check(open_client):
    client = open_client("127.0.0.1:1")
    start = time.monotonic()
    with pytest.raises(Unavailable, match=r"^127\.0\.0\.1:1: .*refused; no server has answered"):
        client.predict(VERSE)
    assert time.monotonic() - start < SOON_S
    assert not client.is_ready()


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        pytest.param("no-such-host.invalid", "", id="unknown"),
        pytest.param("a..b", "not a valid host name", id="empty-label"),
        pytest.param("x" * 64, "not a valid host name", id="long-label"),
    ],
)
def test_host_that_cannot_be_resolved_is_unavailable_at_once(host, sentence, open_client):
    client = open_client(f"{host}:8001")
    for _ in range(2):
        with pytest.raises(Unavailable, match=f"^{host}:8001: cannot resolve the host: {sentence}"):
            client.predict(VERSE)
        assert not client.is_ready()


# --- deadlines ------------------------------------------------------------------------------------


def test_hanging_server_meets_the_deadline_and_is_told(open_client, server):
    client = open_client(server.url, timeout_s=0.5)
    client.connect()
    server.behave(Hang())
    with pytest.raises(DeadlineExceeded, match=rf"^{server.url}: no answer within 0\.5 s"):
        client.predict(VERSE)
    server.wait_until_active(0)
    assert server.calls[-1].ending in ("expired", "cancelled")
    assert client.predict(VERSE).revision == "a" * 64
    server.behave(Hang())
    assert not client.is_ready()


def test_silent_server_meets_the_deadline(open_client):
    with silent_server() as url:
        client = open_client(url, timeout_s=0.5)
        start = time.monotonic()
        with pytest.raises(DeadlineExceeded, match=rf"^{url}: no answer within 0\.5 s"):
            client.predict(VERSE)
        assert time.monotonic() - start < 0.5 + SLACK_S
        client.close()


def test_all_requests_of_one_call_share_its_deadline(open_client, server):
    client = open_client(server.url, timeout_s=5.0)
    server.behave(STOPPING, Late(0.3), model="emotion_info")
    client.predict(VERSE)
    times = [call.time_remaining_s for call in server.calls]
    assert times[-1] < 4.8
    assert all(later <= earlier + 0.1 for earlier, later in pairwise(times))
