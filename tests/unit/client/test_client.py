"""Both clients against a server that misbehaves when told to."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

import answer_changes as changes
import fake_behaviours as behaviours
import numpy as np
import pytest
from clients import AwaitedClient
from emotion_client import (
    DeadlineExceeded,
    EmotionError,
    InvalidInput,
    Overloaded,
    Prediction,
    RevisionChanged,
    ServerError,
    Unavailable,
    WrongServer,
)
from emotion_client import pool as pool_module
from emotion_client.bulk import FIRST_WINDOW, MAX_IN_FLIGHT, MAX_WINDOW_CHARS, ROWS_PER_REQUEST
from emotion_client.calls import MAX_FIRST_ATTEMPTS
from fake_behaviours import Answer, HalfAnswer, Hang, Late, Refuse, Reload, Reset
from fake_contract import expected_probabilities
from fake_server import FakeServer
from foreign_servers import (
    closing_server,
    empty_grpc_server,
    garbage_server,
    http_server,
    silent_server,
)
from grpc import StatusCode
from opentelemetry import propagate, trace
from relay import Relay

from checkpoints import LABELS, MAX_LENGTH

OpenClient = Callable[..., Any]
StartServer = Callable[..., FakeServer]
SLACK_S = 2.0  # of a busy machine, beyond a deadline
SOON_S = 8.0  # without waiting for the deadline of 10 s
VERSE = "the lamp is low, the street is wet"
SONG = "[Verse]\nthe lamp is low\n\n[Chorus] (x2)\nla la la, la la"


def client_of(client: Any) -> Any:
    """Returns the client itself, where it is behind the blocking face of the tests."""
    return getattr(client, "client", client)


def models(server: FakeServer) -> list[str]:
    return [call.model for call in server.calls]


def check_answer(prediction: Prediction, ids: Any) -> None:
    """Fails unless the prediction is the fake's answer to these ids."""
    expected = expected_probabilities(ids, num_labels=len(LABELS))
    np.testing.assert_allclose(list(prediction.scores.values()), expected, rtol=1e-6)
    assert prediction.label == LABELS[int(expected.argmax())]
    assert prediction.confidence == pytest.approx(float(expected.max()))


def test_constructor_does_no_input_or_output(open_client: OpenClient, server: FakeServer) -> None:
    client = open_client(server.url)
    assert client.info is None
    client.close()
    assert server.calls == []


def test_defaults_are_this_machine_and_ten_seconds(open_client: OpenClient) -> None:
    client = open_client()
    assert (client.url, client.urls) == ("127.0.0.1:8001", ("127.0.0.1:8001",))
    assert client.timeout_s == 10


def test_predict_first_call_asks_what_is_served_once(client: Any, server: FakeServer) -> None:
    first, second = client.predict(VERSE), client.predict("")
    assert models(server) == ["emotion_info", "emotion", "emotion"]
    label, confidence = first
    assert (label, confidence) == (first.label, first.confidence)
    assert tuple(first.scores) == LABELS
    assert first.revision == server.served.revision
    assert (second.num_tokens, second.truncated) == (2, False)
    for prediction, call in zip((first, second), server.calls[1:], strict=True):
        check_answer(prediction, call.inputs["input_ids"][0])


def test_predict_long_text_says_that_it_was_cut(client: Any, server: FakeServer) -> None:
    prediction = client.predict("the " * 500)
    assert (prediction.num_tokens, prediction.truncated) == (502, True)
    assert server.calls[-1].inputs["input_ids"].shape == (1, MAX_LENGTH)


@pytest.mark.parametrize("text", [None, 3, b"la", "lone \ud800", "a" * (1 << 21)], ids=range(5))
def test_predict_bad_text_is_refused_before_any_call(
    text: Any, client: Any, server: FakeServer
) -> None:
    with pytest.raises(InvalidInput):
        client.predict(text)
    assert server.calls == []


def test_connect_tells_what_is_served(client: Any, server: FakeServer) -> None:
    info = client.connect()
    assert (info.labels, info.max_length, info.revision) == (LABELS, MAX_LENGTH, "a" * 64)
    assert client.info is info
    assert client.connect() is info
    assert models(server) == ["emotion_info"]


def test_predict_many_threads_at_first_share_one_question(client: Any, server: FakeServer) -> None:
    server.behave(Late(0.2), model="emotion_info")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(client.predict, [VERSE] * 64))
    assert len({answer.confidence for answer in answers}) == 1
    assert Counter(models(server)) == {"emotion_info": 1, "emotion": 64}


# --- the checkpoint changes -----------------------------------------------------------------------


def test_predict_changed_checkpoint_is_tokenized_again_for_it(
    client: Any, server: FakeServer, read_tokenizer: Callable[[str], str]
) -> None:
    client.predict(VERSE)
    server.behave(Reload("b" * 64, read_tokenizer("roberta")))
    assert client.predict(VERSE).revision == "b" * 64
    assert models(server)[2:4] == ["emotion", "emotion_info"]
    before, after = server.calls[1].inputs["input_ids"], server.calls[-1].inputs["input_ids"]
    assert before.tolist() != after.tolist()
    assert client.info.revision == "b" * 64
    assert client.predict(VERSE).revision == "b" * 64
    assert server.calls[-1].inputs["input_ids"].tolist() == after.tolist()


def test_predict_changed_checkpoint_is_asked_for_by_one_of_many_calls(
    client: Any, server: FakeServer
) -> None:
    client.predict(VERSE)
    server.reload(revision="b" * 64)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(client.predict, [VERSE] * 64))
    assert {answer.revision for answer in answers} == {"b" * 64}
    assert Counter(models(server))["emotion_info"] <= 3  # the first, and a short and a whole one


def test_predict_checkpoint_changed_twice_raises_and_recovers(
    client: Any, server: FakeServer
) -> None:
    client.predict(VERSE)
    server.behave(Reload("b" * 64), Reload("c" * 64))
    with pytest.raises(RevisionChanged, match=f"{server.url}: .*revision mismatch"):
        client.predict(VERSE)
    assert client.predict(VERSE).revision == "c" * 64


def test_predict_server_back_with_the_same_checkpoint_sends_no_tokenizer(
    client: Any, server: FakeServer
) -> None:
    client.predict(VERSE)
    server.behave(behaviours.STUB_DEAD)
    assert client.predict(VERSE).revision == "a" * 64
    asked = [call.outputs for call in server.calls if call.model == "emotion_info"]
    assert [sorted(names) for names in asked] == [[], ["protocol", "revision"]]


def test_predict_many_checkpoint_changes_midway_and_no_vocabularies_mix(
    client: Any, server: FakeServer, read_tokenizer: Callable[[str], str]
) -> None:
    texts = [f"{VERSE} {i}" for i in range(300)]
    many = client.predict_many(texts)
    found = [next(many)]
    server.reload(revision="b" * 64, tokenizer_json=read_tokenizer("roberta"))
    found += many
    assert len(found) == 300
    assert {answer.revision for answer in found} == {"a" * 64, "b" * 64}
    # The fake itself refuses ids beyond the vocabulary and records them as violations.


# --- what is tried again --------------------------------------------------------------------------

TRANSIENT = {
    "stub-is-dead": behaviours.STUB_DEAD,
    "stopping": behaviours.STOPPING,
    "no-versions": behaviours.NO_VERSIONS,
    "not-ready": behaviours.NOT_READY,
    "freed-memory": behaviours.MUMBLING,
    "cancelled": behaviours.CANCELLED,
}


@pytest.mark.parametrize("behaviour", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_predict_passing_failure_is_tried_again(
    behaviour: Any, client: Any, server: FakeServer
) -> None:
    client.connect()
    server.behave(behaviour, behaviour)
    check_answer(client.predict(VERSE), server.calls[-1].inputs["input_ids"][0])
    assert Counter(models(server))["emotion"] == 3


def test_predict_lost_connection_is_tried_again(
    open_client: OpenClient, server: FakeServer
) -> None:
    with Relay(server.port) as relay:
        client = open_client(relay.url)
        client.connect()
        server.behave(Reset(relay))
        assert client.predict(VERSE).revision == "a" * 64
        server.behave(HalfAnswer(relay, 100))
        assert client.predict(VERSE).revision == "a" * 64
        assert relay.num_connections == 3
        client.close()


def test_predict_server_restarts_under_the_call_and_it_waits_for_it(
    client: Any, server: FakeServer
) -> None:
    client.connect()
    server.stop()
    timer = threading.Timer(1.0, server.start)
    timer.start()
    assert client.predict(VERSE).revision == "a" * 64
    timer.join()


def test_predict_server_that_stays_away_is_unavailable_within_the_deadline(
    open_client: OpenClient, server: FakeServer
) -> None:
    client = open_client(server.url, timeout_s=1.0)
    client.connect()
    server.stop()
    start = time.monotonic()
    with pytest.raises(Unavailable, match=server.url):
        client.predict(VERSE)
    assert time.monotonic() - start < 1.0 + SLACK_S


def test_predict_many_calls_on_a_dead_server_do_not_hammer_it(
    open_client: OpenClient, server: FakeServer
) -> None:
    client = open_client(server.url, timeout_s=1.0)
    client.connect()
    server.always = server.always_info = behaviours.STOPPING

    def ask(_: int) -> type[EmotionError] | None:
        try:
            client.predict(VERSE)
        except EmotionError as error:
            return type(error)
        return None

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(ask, range(32))) <= {Unavailable, DeadlineExceeded}
    # 32 first attempts, then one call at a time after 0.1, 0.2, 0.4 s ...
    assert len(server.calls) < 32 + 12


REFUSALS = {
    "queue-is-full": (behaviours.QUEUE_FULL, Overloaded, "Exceeds maximum queue size"),
    "out-of-memory": (behaviours.OUT_OF_MEMORY, Overloaded, "has no memory for"),
    "queue-timeout": (behaviours.QUEUE_TIMEOUT, Overloaded, "Request timeout expired"),
    "model-failed": (behaviours.MODEL_FAILED, ServerError, "the classifier failed on this"),
    "no-such-model": (behaviours.NOT_FOUND, WrongServer, "is not found"),
}


@pytest.mark.parametrize(("behaviour", "kind", "sentence"), REFUSALS.values(), ids=REFUSALS.keys())
def test_predict_refusal_is_raised_at_once_without_the_servers_prefixes(
    behaviour: Any, kind: type[EmotionError], sentence: str, client: Any, server: FakeServer
) -> None:
    client.connect()
    server.behave(behaviour)
    with pytest.raises(kind, match=f"^{server.url}: .*{sentence}") as caught:
        client.predict(VERSE)
    assert "[request id" not in str(caught.value)
    assert caught.value.__cause__ is not None
    assert Counter(models(server))["emotion"] == 1
    assert client.predict(VERSE).revision == "a" * 64


ODD_ANSWERS = {
    "a-row-too-few": changes.change_rows(lambda rows: rows[:-1]),
    "no-probabilities": changes.drop_output("probabilities"),
    "no-contents": changes.drop_contents,
    "half-a-response": changes.truncate("probabilities", size_bytes=5),
    "half-a-string": changes.truncate("label", size_bytes=5),
    "wrong-shape": changes.claim_shape("confidence", [1, 6]),
    "wrong-datatype": changes.claim_datatype("confidence", "INT64"),
    "nan": changes.change_array("probabilities", lambda array: array * np.nan),
    "unknown-label": changes.change_array("label", lambda array: np.full_like(array, b"boredom")),
    "confidence-of-seven": changes.change_array("confidence", lambda array: array + 7),
    "another-revision": changes.change_array(
        "revision", lambda array: np.full_like(array, b"c" * 64)
    ),
    "label-not-utf8": changes.change_array("label", lambda array: np.full_like(array, b"\xff")),
}


@pytest.mark.parametrize("change", ODD_ANSWERS.values(), ids=ODD_ANSWERS.keys())
def test_predict_answer_that_makes_no_sense_is_a_server_error(
    change: Any, client: Any, server: FakeServer
) -> None:
    server.behave(Answer(change))
    with pytest.raises(ServerError, match=f"^{server.url}: the answer ") as caught:
        client.predict(VERSE)
    assert VERSE not in str(caught.value)


def test_predict_many_rows_out_of_order_are_not_noticed_but_labels_fit_their_scores(
    client: Any, server: FakeServer
) -> None:
    server.behave(Answer(changes.change_rows(lambda rows: rows[::-1])))
    for prediction in client.predict_many([f"{VERSE} {i}" for i in range(8)]):
        assert prediction.label == max(prediction.scores, key=prediction.scores.__getitem__)


ODD_FACTS = {
    "another-protocol": (
        changes.change_array("protocol", lambda array: array + 1),
        "speaks protocol 2; this client 1",
    ),
    "no-protocol": (changes.drop_output("protocol"), "lacks the output protocol"),
    "no-tokenizer": (changes.drop_output("tokenizer_json"), "lacks the output tokenizer_json"),
    "no-length": (changes.change_array("max_length", lambda array: array * 0), "max_length is 0"),
    "odd-tokenizer": (
        changes.change_array("tokenizer_json", lambda array: np.full_like(array, b"{}")),
        "cannot be read by tokenizers",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), ODD_FACTS.values(), ids=ODD_FACTS.keys())
def test_predict_server_of_another_kind_is_refused_at_every_call(
    change: Any, sentence: str, client: Any, server: FakeServer
) -> None:
    server.always_info = Answer(change)
    for _ in range(2):
        with pytest.raises(WrongServer, match=f"^{server.url}: .*{sentence}"):
            client.predict(VERSE)
    assert set(models(server)) == {"emotion_info"}


# --- wrong addresses ------------------------------------------------------------------------------

FOREIGN: dict[str, tuple[Callable[[], AbstractContextManager[str]], type[EmotionError]]] = {
    "http": (http_server, EmotionError),
    "closes-at-once": (closing_server, Unavailable),
    "garbage": (garbage_server, EmotionError),
    "grpc-without-triton": (empty_grpc_server, WrongServer),
}


@pytest.mark.parametrize(("foreign", "kind"), FOREIGN.values(), ids=FOREIGN.keys())
def test_predict_foreign_server_is_a_typed_error_soon(
    foreign: Callable[[], AbstractContextManager[str]],
    kind: type[EmotionError],
    open_client: OpenClient,
) -> None:
    with foreign() as url:
        client = open_client(url)
        start = time.monotonic()
        with pytest.raises(kind, match=f"^{url}: "):
            client.predict(VERSE)
        assert time.monotonic() - start < SOON_S
        client.close()


def test_predict_silent_server_meets_the_deadline(open_client: OpenClient) -> None:
    with silent_server() as url:
        client = open_client(url, timeout_s=0.5)
        start = time.monotonic()
        with pytest.raises(DeadlineExceeded, match=rf"^{url}: no answer within 0\.5 s"):
            client.predict(VERSE)
        assert time.monotonic() - start < 1.0 + SLACK_S
        client.close()


def test_predict_nobody_listens_is_unavailable_soon_and_says_what_to_check(
    open_client: OpenClient,
) -> None:
    client = open_client("127.0.0.1:1")
    start = time.monotonic()
    with pytest.raises(Unavailable, match=r"^127\.0\.0\.1:1: .*refused; nothing answered there"):
        client.predict(VERSE)
    assert time.monotonic() - start < SOON_S


def test_predict_unknown_host_is_unavailable_at_once(open_client: OpenClient) -> None:
    client = open_client("no-such-host.invalid:8001")
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"^no-such-host\.invalid:8001: its host is not"):
            client.predict(VERSE)


def test_predict_triton_without_these_models_is_wrong(client: Any, server: FakeServer) -> None:
    server.always_info = behaviours.NOT_FOUND
    with pytest.raises(WrongServer, match="'emotion_info' is not found"):
        client.predict(VERSE)
    assert len(server.calls) == 1


# --- deadlines and cancelling ---------------------------------------------------------------------


def test_predict_hanging_server_meets_the_deadline_and_is_told(
    open_client: OpenClient, server: FakeServer
) -> None:
    client = open_client(server.url, timeout_s=0.5)
    client.connect()
    server.behave(Hang())
    with pytest.raises(DeadlineExceeded, match=rf"^{server.url}: no answer within 0\.5 s"):
        client.predict(VERSE)
    server.wait_until_active(0)
    assert server.calls[-1].ending in ("expired", "cancelled")
    assert client.predict(VERSE).revision == "a" * 64


def test_predict_all_calls_of_one_text_share_one_deadline(
    open_client: OpenClient, server: FakeServer
) -> None:
    client = open_client(server.url, timeout_s=5.0)
    server.behave(behaviours.STOPPING, Late(0.3), model="emotion_info")
    client.predict(VERSE)
    times = [call.time_remaining_s for call in server.calls]
    assert times[-1] < 4.8
    assert all(later <= earlier + 0.1 for earlier, later in pairwise(times))


def test_predict_late_answer_within_the_deadline_is_taken(client: Any, server: FakeServer) -> None:
    server.behave(Late(0.5))
    assert client.predict(VERSE).revision == "a" * 64


def test_predict_awaited_call_that_is_cancelled_is_cancelled_on_the_server(
    server: FakeServer,
) -> None:
    with AwaitedClient(server.url) as client:
        client.connect()
        server.behave(Hang())
        call = client.start(VERSE)
        server.wait_until_active(1)
        call.cancel()
        server.wait_until_active(0)
        assert server.calls[-1].ending == "cancelled"
        assert client.predict(VERSE).revision == "a" * 64


def test_close_during_a_call_ends_it_with_a_sentence(client: Any, server: FakeServer) -> None:
    client.connect()
    server.behave(Hang())
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.predict, VERSE)
        server.wait_until_active(1)
        client.close()
        with pytest.raises(Unavailable, match="the client was closed during the call"):
            call.result()
    assert client.predict(VERSE).revision == "a" * 64


def test_close_twice_and_then_predict_connects_again(client: Any, server: FakeServer) -> None:
    client.predict(VERSE)
    client.close()
    client.close()
    assert client.info is None
    client.predict(VERSE)
    assert models(server) == ["emotion_info", "emotion"] * 2


# --- replicas -------------------------------------------------------------------------------------


def test_replicas_are_asked_in_turn(open_client: OpenClient, start_server: StartServer) -> None:
    servers = [start_server() for _ in range(3)]
    client = open_client([server.url for server in servers])
    for _ in range(30):
        client.predict(VERSE)
    counts = [Counter(models(server))["emotion"] for server in servers]
    assert sum(counts) == 30
    assert min(counts) >= 8


def test_replica_that_dies_costs_no_call(
    open_client: OpenClient, start_server: StartServer
) -> None:
    one, other = start_server(), start_server()
    client = open_client([one.url, other.url])
    for _ in range(4):
        client.predict(VERSE)
    other.stop()
    num_before = len(one.calls)
    for _ in range(20):
        client.predict(VERSE)
    assert Counter(models(one)[num_before:])["emotion"] == 20
    other.start()
    deadline = time.monotonic() + 10
    num_before = len(other.calls)
    while Counter(models(other)[num_before:])["emotion"] < 3:
        client.predict(VERSE)
        assert time.monotonic() < deadline


def test_replica_that_hangs_gives_the_other_half_of_the_time(
    open_client: OpenClient, start_server: StartServer
) -> None:
    one, other = start_server(), start_server()
    client = open_client([one.url, other.url], timeout_s=2.0)
    for _ in range(4):
        client.predict(VERSE)
    one.always = Hang()
    for _ in range(6):
        client.predict(VERSE)
    assert Counter(call.ending for call in one.calls)["expired"] <= 2


def test_replica_of_another_checkpoint_gets_ids_of_its_own_vocabulary(
    open_client: OpenClient, start_server: StartServer
) -> None:
    one, other = start_server(), start_server("roberta", revision="b" * 64)
    client = open_client([one.url, other.url])
    answers = [client.predict(VERSE) for _ in range(10)]
    assert {answer.revision for answer in answers} == {"a" * 64, "b" * 64}
    assert len(list(client.predict_many([VERSE] * 200))) == 200


def test_replica_that_is_no_triton_is_left_out(open_client: OpenClient, server: FakeServer) -> None:
    with closing_server() as foreign:
        client = open_client([foreign, server.url])
        assert all(client.predict(VERSE).revision == "a" * 64 for _ in range(6))
        client.close()


def test_host_name_stands_for_its_addresses(open_client: OpenClient, server: FakeServer) -> None:
    client = open_client(f"localhost:{server.port}")  # ::1, too, where nobody listens
    assert [client.predict(VERSE).revision for _ in range(4)] == ["a" * 64] * 4
    server.behave(behaviours.QUEUE_FULL)
    with pytest.raises(Overloaded, match=f"^localhost:{server.port} at 127.0.0.1:{server.port}: "):
        client.predict(VERSE)


def test_replica_that_is_silent_from_the_start_costs_half_of_the_time(
    open_client: OpenClient, server: FakeServer
) -> None:
    with silent_server() as silent:
        client = open_client([server.url, silent], timeout_s=2.0)
        assert [client.predict(VERSE).revision for _ in range(4)] == ["a" * 64] * 4
        client.close()


def test_replica_of_another_kind_from_the_start_costs_no_call(
    open_client: OpenClient, server: FakeServer
) -> None:
    with empty_grpc_server() as foreign:
        client = open_client([server.url, foreign])
        assert [client.predict(VERSE).revision for _ in range(4)] == ["a" * 64] * 4
        client.close()


@pytest.mark.parametrize("is_first", [True, False])
def test_replica_whose_name_is_unknown_costs_no_call(
    is_first: bool, open_client: OpenClient, server: FakeServer
) -> None:
    urls = ["no-such-host.invalid:8001", server.url]
    client = open_client(urls if is_first else urls[::-1], timeout_s=5.0)
    assert [client.predict(VERSE).revision for _ in range(4)] == ["a" * 64] * 4


def test_replicas_whose_names_are_all_but_one_unknown_cost_no_call(
    open_client: OpenClient, server: FakeServer
) -> None:
    client = open_client(["no-such-host.invalid:8001", f"localhost:{server.port}"])
    assert client.predict(VERSE).revision == "a" * 64


def test_replicas_that_stay_dead_do_not_use_up_the_retries(
    open_client: OpenClient, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "MAX_RETRIES", 3.0)
    client = open_client([server.url, *(f"127.0.0.1:{port}" for port in range(1, 8))])
    for _ in range(20):
        client.predict(VERSE)
        for replica in client_of(client)._pool.replicas:
            replica.retry_at = 0.0  # as if its time had come


def test_server_that_is_out_of_patience_first_is_believed(
    open_client: OpenClient, server: FakeServer
) -> None:
    client = open_client(server.url)
    client.connect()
    server.behave(Refuse(StatusCode.DEADLINE_EXCEEDED, "upstream request timeout"))
    with pytest.raises(DeadlineExceeded, match="upstream request timeout"):
        client.predict(VERSE)
    assert Counter(models(server))["emotion"] == 1


def test_server_that_is_put_aside_is_described_by_its_own_error(
    open_client: OpenClient, server: FakeServer
) -> None:
    client = open_client(server.url, timeout_s=0.5)
    server.always_info = behaviours.NOT_FOUND
    for _ in range(8):
        with pytest.raises(WrongServer, match="is not found"):
            client.predict(VERSE)


def test_server_that_is_overloaded_after_a_failure_stays_ready(
    client: Any, server: FakeServer
) -> None:
    client.connect()
    server.behave(behaviours.STUB_DEAD, behaviours.QUEUE_FULL)
    with pytest.raises(Overloaded):
        client.predict(VERSE)
    num_before = Counter(models(server))["emotion_info"]
    for _ in range(5):
        client.predict(VERSE)
    assert Counter(models(server))["emotion_info"] == num_before


def test_facts_that_are_refused_as_bad_input_mean_a_wrong_server(
    client: Any, server: FakeServer
) -> None:
    server.always_info = Refuse(StatusCode.INVALID_ARGUMENT, "unexpected inference input")
    with pytest.raises(WrongServer, match="unexpected inference input"):
        client.predict(VERSE)
    assert not client.is_ready()


@pytest.mark.parametrize("host", ["a..b", "x" * 64], ids=["empty-label", "long-label"])
def test_host_that_is_no_name_is_unavailable_at_once(host: str, open_client: OpenClient) -> None:
    with pytest.raises(Unavailable, match="its host is not found: that is no host name"):
        open_client(f"{host}:8001").predict(VERSE)


def test_replicas_all_dead_are_unavailable_soon(open_client: OpenClient) -> None:
    client = open_client(["127.0.0.1:1", "127.0.0.1:2"])
    start = time.monotonic()
    with pytest.raises(Unavailable):
        client.predict(VERSE)
    assert time.monotonic() - start < SOON_S


# --- readiness ------------------------------------------------------------------------------------


def test_is_ready_asks_for_a_real_answer(client: Any, server: FakeServer) -> None:
    assert client.is_ready()
    assert models(server) == ["emotion_info", "emotion"]
    server.behave(behaviours.STUB_DEAD)
    assert not client.is_ready()
    assert client.is_ready()


def test_is_ready_one_of_two_is_enough(open_client: OpenClient, server: FakeServer) -> None:
    assert open_client(["127.0.0.1:1", server.url]).is_ready()
    assert open_client([server.url, "127.0.0.1:1"]).is_ready()


@pytest.mark.parametrize("url", ["127.0.0.1:1", "no-such-host.invalid:1"])
def test_is_ready_nobody_there_is_false(url: str, open_client: OpenClient) -> None:
    client = open_client(url)
    assert not client.is_ready()
    assert not client.is_ready()


def test_is_ready_hanging_server_is_false_within_the_deadline(
    open_client: OpenClient, server: FakeServer
) -> None:
    client = open_client(server.url, timeout_s=0.5)
    server.always = Hang()
    assert not client.is_ready()
    server.always = None


# --- many texts -----------------------------------------------------------------------------------


def test_predict_many_gives_each_text_its_answer_in_order(client: Any, server: FakeServer) -> None:
    texts = [f"{'la ' * (i * 7 % 40)}{i}" for i in range(1000)]
    tokenizer = client.connect().tokenizer
    server.behave(*[Late(0.05 * (i % 3)) for i in range(10)])  # answers come out of order
    found = list(client.predict_many(iter(texts)))
    for encoding, prediction in zip(tokenizer.encode(texts), found, strict=True):
        check_answer(prediction, encoding.input_ids)
        assert prediction.num_tokens == encoding.num_tokens
    rows = [len(call.inputs["input_ids"]) for call in server.calls if call.inputs]
    assert max(rows) == ROWS_PER_REQUEST
    assert sum(rows) == 1000
    assert 2 <= server.most_active <= MAX_IN_FLIGHT


def test_predict_many_reads_no_further_than_two_windows(client: Any, server: FakeServer) -> None:
    num_read = 0

    def endless() -> Any:
        nonlocal num_read
        while True:
            num_read += 1
            yield VERSE

    many = client.predict_many(endless())
    assert num_read == 0
    for i in range(3000):
        next(many)
        assert num_read <= i + 1 + 1024
    many.close()
    server.wait_until_active(0)


def test_predict_many_first_results_come_after_the_first_few_texts(client: Any) -> None:
    num_read = 0

    def slow() -> Any:
        nonlocal num_read
        for _ in range(500):
            num_read += 1
            yield VERSE

    next(client.predict_many(slow()))
    assert num_read == FIRST_WINDOW


def test_predict_many_reads_fewer_texts_ahead_where_they_are_long(client: Any) -> None:
    num_read = 0

    def long() -> Any:
        nonlocal num_read
        for _ in range(40):
            num_read += 1
            yield "la " * 20_000

    many = client.predict_many(long())
    next(many)
    assert num_read <= 2 * (1 + MAX_WINDOW_CHARS // 60_000)
    assert len(list(many)) == 39


def test_predict_many_nothing_yields_nothing_and_asks_nobody(open_client: OpenClient) -> None:
    assert list(open_client("127.0.0.1:1").predict_many([])) == []


def test_predict_many_raise_stops_at_the_bad_text_after_those_before(client: Any) -> None:
    many = client.predict_many([VERSE, "", None, VERSE])
    assert isinstance(next(many), Prediction)
    assert isinstance(next(many), Prediction)
    with pytest.raises(InvalidInput, match="text 2 has the type NoneType"):
        next(many)
    with pytest.raises(StopIteration):
        next(many)


def test_predict_many_return_puts_errors_in_their_places(client: Any) -> None:
    texts = [VERSE, None, "\ud800", VERSE] * 100
    found = list(client.predict_many(texts, on_error="return"))
    kinds = [type(result) for result in found]
    assert kinds == [Prediction, InvalidInput, InvalidInput, Prediction] * 100
    assert str(found[398]).startswith("text 398 has the lone surrogate U+D800")


def test_predict_many_request_that_fails_fails_its_own_texts_alone(
    client: Any, server: FakeServer
) -> None:
    server.behave(behaviours.QUEUE_FULL)
    found = list(client.predict_many([VERSE] * 200, on_error="return"))
    counts = Counter(type(result) for result in found)
    assert counts == {Overloaded: ROWS_PER_REQUEST, Prediction: 200 - ROWS_PER_REQUEST}
    server.behave(behaviours.QUEUE_FULL)
    with pytest.raises(Overloaded):
        list(client.predict_many([VERSE] * 200))


def test_predict_many_unreachable_server_is_an_error_for_every_text(
    open_client: OpenClient,
) -> None:
    client = open_client("127.0.0.1:1")
    found = list(client.predict_many([VERSE, None, VERSE], on_error="return"))
    assert [type(result) for result in found] == [Unavailable, InvalidInput, Unavailable]
    with pytest.raises(Unavailable):
        next(client.predict_many([VERSE]))


def test_predict_many_iterable_that_raises_is_passed_on_after_the_results(client: Any) -> None:
    def broken() -> Any:
        yield VERSE
        raise KeyError("mine")

    many = client.predict_many(broken())
    assert isinstance(next(many), Prediction)
    with pytest.raises(KeyError, match="mine"):
        next(many)


@pytest.mark.parametrize("texts", ["la", b"la", None, 3], ids=repr)
def test_predict_many_of_no_iterable_is_refused_at_the_call(texts: Any, client: Any) -> None:
    with pytest.raises(InvalidInput, match="it must be an iterable of str"):
        client.predict_many(texts)


def test_predict_many_other_on_error_is_refused_at_the_call(client: Any) -> None:
    with pytest.raises(ValueError, match="on_error is 'ignore'"):
        client.predict_many([], on_error="ignore")


def test_predict_many_left_early_stops_asking(client: Any, server: FakeServer) -> None:
    many = client.predict_many([VERSE] * 5000)
    next(many)
    many.close()
    server.wait_until_active(0)
    assert len(server.calls) < 5000 / ROWS_PER_REQUEST / 2


# --- songs ----------------------------------------------------------------------------------------


def test_predict_song_sends_its_parts_in_one_request(client: Any, server: FakeServer) -> None:
    song = client.predict_song(SONG)
    assert [(part.name, part.repeats) for part in song.parts] == [("Verse", 1), ("Chorus", 2)]
    assert [SONG[part.start : part.end] for part in song.parts] == [
        "the lamp is low",
        "la la la, la la",
    ]
    assert models(server) == ["emotion_info", "emotion"]
    label, confidence = song
    assert confidence == song.scores[label] == max(song.scores.values())


def test_predict_song_repeated_chorus_is_sent_once(client: Any, server: FakeServer) -> None:
    song = client.predict_song(f"{SONG}\n\n[Verse 2]\nthe end\n\n[Chorus]")
    assert [part.name for part in song.parts] == ["Verse", "Chorus", "Verse 2", "Chorus"]
    assert song.parts[1].prediction == song.parts[3].prediction
    assert len(server.calls[-1].inputs["input_ids"]) == 3


def test_predict_song_of_four_thousand_words_is_read_to_its_end(
    client: Any, server: FakeServer
) -> None:
    lyrics = "the river ran on " * 1000
    song = client.predict_song(lyrics)
    assert len(song.parts) > 1
    assert song.parts[0].start == 0
    assert song.parts[-1].end == len(lyrics.rstrip())
    assert not any(part.prediction.truncated for part in song.parts)
    rows = [len(call.inputs["input_ids"]) for call in server.calls if call.inputs]
    assert sum(rows) == len({part.start for part in song.parts})
    assert max(rows) <= 64


def test_predict_song_empty_has_an_answer(client: Any) -> None:
    assert len(client.predict_song("").parts) == 1


def test_predict_song_bad_input_is_refused_before_any_call(client: Any, server: FakeServer) -> None:
    with pytest.raises(InvalidInput, match="lyrics has the type list"):
        client.predict_song([SONG])
    with pytest.raises(ValueError, match="by is 'lines'"):
        client.predict_song(SONG, by="lines")
    assert server.calls == []


def test_predict_song_all_parts_are_of_one_checkpoint(client: Any, server: FakeServer) -> None:
    client.connect()
    lyrics = "\n\n".join(f"the river ran on, number {i}" for i in range(150))
    server.behave(behaviours.Honest(), Reload("b" * 64))  # in the second of three requests
    song = client.predict_song(lyrics)
    assert {part.prediction.revision for part in song.parts} == {"b" * 64}
    assert len(song.parts) == 150


# --- headers --------------------------------------------------------------------------------------


def test_trace_of_the_caller_is_sent_with_every_call(
    client: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = ContextVar("caller", default="nobody")

    def inject(carrier: dict[str, str]) -> None:
        carrier["traceparent"] = caller.get()

    monkeypatch.setattr(propagate, "inject", inject)
    assert trace.__name__ in sys.modules  # which is how a caller has one
    caller.set("somebody")
    client.predict(VERSE)
    assert len(list(client.predict_many([VERSE] * 100))) == 100
    assert {call.metadata["traceparent"] for call in server.calls} == {"somebody"}


def test_headers_are_sent_with_every_call(open_client: OpenClient, server: FakeServer) -> None:
    client = open_client(server.url, headers={"Authorization": "Bearer secret"})
    client.predict(VERSE)
    client.is_ready()
    assert {call.metadata["authorization"] for call in server.calls} == {"Bearer secret"}


def test_attempts_before_the_first_answer_are_few(client: Any, server: FakeServer) -> None:
    server.always_info = behaviours.STOPPING
    with pytest.raises(Unavailable, match="nothing answered there yet"):
        client.predict(VERSE)
    assert len(server.calls) == MAX_FIRST_ATTEMPTS
