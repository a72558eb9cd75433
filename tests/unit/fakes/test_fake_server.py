"""The fake deployment does what it says: asked with a bare tritonclient, never with ours."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import answer_changes as changes
import fake_behaviours
import numpy as np
import pytest
from emotion_client.protocol import PROTOCOL
from fake_behaviours import Answer, Behaviour, HalfAnswer, Hang, Honest, Late, Refuse, Reload, Reset
from fake_contract import expected_probabilities
from fake_server import Call, FakeServer
from foreign_servers import (
    closing_server,
    empty_grpc_server,
    garbage_server,
    http_server,
    silent_server,
)
from grpc import StatusCode
from relay import Relay
from tokenizers import Tokenizer
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from checkpoints import LABELS

TIMEOUT_S = 5.0
SHORT_S = 0.3
REVISION = "a" * 64
ROWS = ([2, 9, 3], [2, 7, 8, 9, 3])
REFUSALS = {
    name: value for name, value in vars(fake_behaviours).items() if isinstance(value, Refuse)
}


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """The names of gRPC's own threads: they end a moment after a channel is closed."""
    before = set(threading.enumerate())
    yield
    ours = [thread for thread in threading.enumerate() if thread not in before]
    for thread in ours:
        thread.join(2)
    assert not [thread for thread in ours if thread.is_alive()]


@pytest.fixture(scope="session")
def document(prepared_of: Callable[[str], Path]) -> str:
    return (prepared_of("bert") / "tokenizer.json").read_text(encoding="utf-8")


@pytest.fixture
def server(document: str) -> Iterator[FakeServer]:
    with FakeServer(tokenizer_json=document, labels=LABELS, max_length=12) as running:
        yield running


@pytest.fixture
def triton(server: FakeServer) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(server.url) as connected:
        yield connected


def tensor(name: str, values: Any, *, datatype: str = "INT64") -> InferInput:
    array = np.asarray(values, dtype=datatype.lower())
    built = InferInput(name, list(array.shape), datatype)
    built.set_data_from_numpy(array)
    return built


def rectangle(rows: Any = ROWS) -> list[InferInput]:
    length = max(map(len, rows))
    ids = [[*row, *[0] * (length - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (length - len(row)) for row in rows]
    return [tensor("input_ids", ids), tensor("attention_mask", mask)]


def classify(
    triton: InferenceServerClient, inputs: list[InferInput] | None = None, **options: Any
) -> Any:
    given = {"client_timeout": TIMEOUT_S, "parameters": {"revision": REVISION}, **options}
    return triton.infer("emotion", inputs or rectangle(), **given)


def tell(triton: InferenceServerClient, **options: Any) -> Any:
    return triton.infer("emotion_info", [], client_timeout=TIMEOUT_S, **options)


def ask(url: str, *, timeout_s: float = TIMEOUT_S) -> Any:
    """Classifies over a connection of its own."""
    with InferenceServerClient(url) as triton:
        return classify(triton, client_timeout=timeout_s)


def last_ending(server: FakeServer) -> str | None:
    server.wait_until_active(0)
    return server.calls[-1].ending


@pytest.fixture
def caller() -> Iterator[Callable[..., Future[Any]]]:
    """Returns a function that asks in a thread of its own."""
    with ThreadPoolExecutor(16) as pool:
        yield lambda *args, **options: pool.submit(ask, *args, **options)


def test_emotion_answers_what_each_row_alone_decides(server, triton):
    result = classify(triton)
    expected = np.stack([expected_probabilities(row, num_labels=len(LABELS)) for row in ROWS])
    np.testing.assert_array_equal(result.as_numpy("probabilities"), expected)
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-6)
    assert result.as_numpy("confidence").tolist() == expected.max(axis=1, keepdims=True).tolist()
    best = [[LABELS[i].encode()] for i in expected.argmax(axis=1)]
    assert result.as_numpy("label").tolist() == best
    assert result.as_numpy("revision").tolist() == [[REVISION.encode()]] * 2
    assert server.violations == []


def test_emotion_wanted_outputs_come_alone_in_the_models_order(triton):
    wanted = [InferRequestedOutput("revision"), InferRequestedOutput("label")]
    response = classify(triton, outputs=wanted, request_id="q7").get_response()
    assert [output.name for output in response.outputs] == ["label", "revision"]
    assert (response.model_version, response.id) == ("1", "q7")


def test_emotion_info_tells_all(server, triton, document):
    result = tell(triton)
    assert result.as_numpy("tokenizer_json").tolist() == [document.encode()]
    assert result.as_numpy("labels").tolist() == [label.encode() for label in LABELS]
    assert result.as_numpy("max_length").tolist() == [12]
    assert result.as_numpy("problem_type").tolist() == [b"single_label_classification"]
    assert result.as_numpy("revision").tolist() == [REVISION.encode()]
    assert result.as_numpy("protocol").tolist() == [PROTOCOL]
    assert (server.calls[0].model, server.calls[0].parameters) == ("emotion_info", {})
    alone = tell(triton, outputs=[InferRequestedOutput("revision")]).get_response()
    assert [output.name for output in alone.outputs] == ["revision"]


def test_calls_record_what_was_sent_and_how_it_ended(server, triton):
    classify(triton, headers={"x-tenant": "t1"}, client_timeout=2.0)
    (call,) = server.calls
    assert isinstance(call, Call)
    assert (call.model, call.parameters) == ("emotion", {"revision": REVISION})
    assert call.metadata["x-tenant"] == "t1"
    assert call.inputs["input_ids"].tolist() == [[2, 9, 3, 0, 0], [2, 7, 8, 9, 3]]
    assert call.inputs["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    assert 1.5 < call.time_remaining_s <= 2.01
    assert call.ending == "answered"


VIOLATIONS = {
    "one input": (rectangle()[:1], "expected 2 inputs but got 1 inputs"),
    "other name": ([rectangle()[0], tensor("mask", [[1]])], "expected 2 inputs but got 2"),
    "int32": ([tensor("input_ids", [[2]], datatype="INT32"), rectangle()[1]], "is 'INT32'"),
    "rank 1": ([tensor("input_ids", [2]), tensor("attention_mask", [1])], "got [1]"),
    "other shapes": ([rectangle([[2, 3]])[0], rectangle()[1]], "has the shape [2, 5]"),
    "65 rows": (rectangle([[2, 3]] * 65), "batch-size must be <= 64"),
    "no rows": ([tensor("input_ids", np.ones((0, 3))), rectangle()[1]], "batch-size must be"),
    "no tokens": ([tensor(x.name(), np.ones((1, 0))) for x in rectangle()], "has 0 tokens a row"),
    "too long": (rectangle([[2] * 13]), "has 13 tokens a row, padding included; limit is 12"),
    "left-padded": ([rectangle([[2, 3]])[0], tensor("attention_mask", [[0, 1]])], "row 0: "),
    "hole": ([rectangle([[2, 5, 3]])[0], tensor("attention_mask", [[1, 0, 1]])], "row 0: "),
    "mask of 2": ([rectangle([[2, 3]])[0], tensor("attention_mask", [[1, 2]])], "row 0: "),
    "empty row": (rectangle([[2, 3], []]), "row 1: "),
    "negative id": (rectangle([[2, -1]]), "ids from -1 to 2"),
    "id beyond the vocabulary": (rectangle([[2, 10**6]]), "ids from 2 to 1000000"),
}


@pytest.mark.parametrize(("inputs", "sentence"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_emotion_broken_contract_is_refused_and_noted(server, triton, inputs, sentence):
    with pytest.raises(InferenceServerException) as caught:
        classify(triton, inputs)
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert sentence in caught.value.message()
    assert server.violations == [caught.value.message()]
    assert server.calls[0].ending == "refused"


def test_emotion_highest_id_of_the_vocabulary_is_accepted(server, triton, document):
    last = Tokenizer.from_str(document).get_vocab_size() - 1
    classify(triton, rectangle([[last]]))
    with pytest.raises(InferenceServerException, match=f"limit is 0 to {last}"):
        classify(triton, rectangle([[last + 1]]))


def test_emotion_contents_of_another_size_are_refused(server, triton):
    ids, mask = rectangle()
    ids._raw_content = ids._get_content()[:-8]
    with pytest.raises(InferenceServerException, match="Expected 80, got 72"):
        classify(triton, [ids, mask])
    assert len(server.violations) == 1


def test_call_without_revision_deadline_or_place_is_a_violation(server, triton):
    for options in ({"parameters": {}}, {"parameters": {"revision": 7}}, {"client_timeout": None}):
        with pytest.raises(InferenceServerException):
            classify(triton, **options)
    with pytest.raises(InferenceServerException, match="unexpected inference output 'nope'"):
        classify(triton, outputs=[InferRequestedOutput("nope")])
    with pytest.raises(InferenceServerException, match="expected 0 inputs but got 2"):
        triton.infer("emotion_info", rectangle(), client_timeout=TIMEOUT_S)
    assert len(server.violations) == 5


def test_emotion_other_revision_is_refused_without_a_violation(server, triton):
    with pytest.raises(InferenceServerException, match="revision mismatch") as caught:
        classify(triton, parameters={"revision": "beef"})
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert "'beef'" in caught.value.message()
    assert REVISION in caught.value.message()
    assert server.violations == []


@pytest.mark.parametrize(
    ("model", "version", "what"), [("x", "", "'x'"), ("emotion", "9", "'emotion' version 9")]
)
def test_unknown_model_is_not_found(server, triton, model, version, what):
    with pytest.raises(InferenceServerException) as caught:
        triton.infer(model, rectangle(), model_version=version, client_timeout=TIMEOUT_S)
    assert caught.value.status() == "StatusCode.NOT_FOUND"
    assert caught.value.message() == f"Request for unknown model: {what} is not found"
    assert server.calls[0].model == model


def test_behave_steps_are_used_up_in_order_and_then_always(server, triton):
    busy = fake_behaviours.QUEUE_FULL
    server.behave(Honest(), busy)
    server.behave(busy, model="emotion_info")
    classify(triton)
    assert server.num_steps_left == 2
    for call in (classify, tell):
        with pytest.raises(InferenceServerException, match="Exceeds maximum queue size"):
            call(triton)
        call(triton)
    server.always = busy
    for _ in range(2):
        with pytest.raises(InferenceServerException):
            classify(triton)
    tell(triton)
    server.always, server.always_info = None, busy
    classify(triton)
    with pytest.raises(InferenceServerException):
        tell(triton)
    assert server.num_steps_left == 0


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_refuse_sends_status_and_sentence(server, triton, refusal: Refuse):
    server.behave(refusal)
    with pytest.raises(InferenceServerException) as caught:
        classify(triton)
    assert caught.value.status() == f"StatusCode.{refusal.code.name}"
    if refusal.code is not StatusCode.CANCELLED:  # tritonclient has a sentence of its own
        assert caught.value.message() == refusal.message.replace("{model}", "emotion")
    assert server.calls[0].ending == "refused"


def test_hang_lasts_until_the_deadline(server, triton):
    server.behave(Hang())
    with pytest.raises(InferenceServerException) as caught:
        classify(triton, client_timeout=SHORT_S)
    assert caught.value.status() == "StatusCode.DEADLINE_EXCEEDED"
    assert last_ending(server) == "expired"
    classify(triton)


def test_hang_ends_when_the_caller_gives_up(server, triton):
    server.behave(Hang())
    call = triton.async_infer(
        "emotion",
        rectangle(),
        callback=lambda result, error: None,
        client_timeout=TIMEOUT_S,
        parameters={"revision": REVISION},
    )
    server.wait_until_active(1)
    call.cancel()
    assert last_ending(server) == "cancelled"


def test_late_answers_late(server, triton):
    server.behave(Late(SHORT_S))
    start = time.monotonic()
    classify(triton)
    assert time.monotonic() - start >= SHORT_S
    assert server.calls[0].ending == "answered"


def test_reload_serves_another_revision_from_this_call_on(server, triton):
    server.behave(Reload("b" * 64))
    with pytest.raises(InferenceServerException, match=f"revision mismatch.*{'b' * 64}"):
        classify(triton)
    assert tell(triton).as_numpy("revision").tolist() == [b"b" * 64]
    classify(triton, parameters={"revision": "b" * 64})


def test_behaviour_that_fails_is_seen(server, triton):
    server.behave(Answer(changes.drop_output("nope")))
    with pytest.raises(InferenceServerException, match="Exception calling application"):
        classify(triton)
    assert server.calls[0].ending == "failed"


def spoil(server: FakeServer, triton: InferenceServerClient, change: changes.Change) -> Any:
    server.behave(Answer(change))
    return classify(triton)


def test_answer_changed_array_has_its_own_shape_and_dtype(server, triton):
    change = changes.change_array("probabilities", lambda array: array[:, :2].astype(np.int32))
    array = spoil(server, triton, change).as_numpy("probabilities")
    assert (array.dtype, array.shape) == (np.int32, (2, 2))
    change = changes.change_array("probabilities", lambda array: array * np.float32("nan"))
    assert np.isnan(spoil(server, triton, change).as_numpy("probabilities")).all()
    for name in (b"boredom", b"\xff\xfe"):
        change = changes.change_array("label", lambda array, name=name: np.full_like(array, name))
        assert spoil(server, triton, change).as_numpy("label").tolist() == [[name]] * 2


def test_answer_changed_rows_are_fewer_or_in_another_order(server, triton):
    right = classify(triton)
    fewer = spoil(server, triton, changes.change_rows(lambda rows: rows[:-1]))
    turned = spoil(server, triton, changes.change_rows(lambda rows: rows[::-1]))
    for name in ("label", "confidence", "probabilities", "revision"):
        expected = right.as_numpy(name).tolist()
        assert fewer.as_numpy(name).tolist() == expected[:-1]
        assert turned.as_numpy(name).tolist() == expected[::-1]


def test_answer_without_an_output_or_contents_has_none(server, triton):
    result = spoil(server, triton, changes.drop_output("confidence"))
    assert result.as_numpy("confidence") is None
    assert result.as_numpy("probabilities").shape == (2, len(LABELS))
    result = spoil(server, triton, changes.drop_contents)
    assert not result.get_response().raw_output_contents


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(changes.truncate("probabilities", size_bytes=20), id="half an array"),
        pytest.param(changes.claim_shape("probabilities", [2, 7]), id="shape"),
        pytest.param(changes.claim_datatype("probabilities", "INT64"), id="datatype"),
        pytest.param(changes.truncate("label", size_bytes=6), id="half a string"),
    ],
)
def test_answer_that_contradicts_itself_cannot_be_read(server, triton, change):
    result = spoil(server, triton, change)
    with pytest.raises((ValueError, struct.error)):
        [result.as_numpy(name) for name in ("label", "probabilities")]


def test_answer_of_emotion_info_is_changed_too(server, triton):
    other = changes.change_array("protocol", lambda array: array + 1)
    server.behave(Answer(other), model="emotion_info")
    assert tell(triton).as_numpy("protocol").tolist() == [PROTOCOL + 1]


def test_most_active_counts_calls_at_a_time(server, caller):
    server.always = Hang()
    futures = [caller(server.url, timeout_s=1.0) for _ in range(12)]
    server.wait_until_active(12)
    for future in futures:
        with pytest.raises(InferenceServerException):
            future.result()
    server.wait_until_active(0)
    assert (server.num_active, server.most_active) == (0, 12)
    assert {call.ending for call in server.calls} == {"expired"}
    with pytest.raises(TimeoutError, match="0 calls are inside, not 1"):
        server.wait_until_active(1, timeout_s=0.01)


def test_many_threads_get_their_own_answers(server, triton):
    rows = [[2, i, 3] for i in range(100)]
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda row: classify(triton, rectangle([row])), rows))
    for row, result in zip(rows, results, strict=True):
        expected = expected_probabilities(row, num_labels=len(LABELS))
        np.testing.assert_array_equal(result.as_numpy("probabilities")[0], expected)
    assert len(server.calls) == 100


def test_stop_drops_calls_at_once_and_restart_serves_at_the_same_address(server, caller):
    server.behave(Hang())
    future = caller(server.url)
    server.wait_until_active(1)
    start, url = time.monotonic(), server.url
    server.stop()
    server.stop()
    with pytest.raises(InferenceServerException) as caught:
        future.result()
    assert caught.value.status() == "StatusCode.UNAVAILABLE"
    assert time.monotonic() - start < 1
    assert server.calls[0].ending == "stopped"
    with pytest.raises(InferenceServerException, match="refused"):
        ask(url, timeout_s=1.0)
    server.restart(revision="b" * 64)
    assert server.url == url
    with pytest.raises(InferenceServerException, match="revision mismatch"):
        ask(url)


def test_start_port_taken_raises(server, document):
    second = FakeServer(tokenizer_json=document, labels=LABELS, port=server.port)
    with pytest.raises(RuntimeError):
        second.start()


@pytest.fixture
def relay(server: FakeServer) -> Iterator[Relay]:
    with Relay(server.port) as running:
        yield running


def test_relay_forwards_and_counts_connections(server, relay):
    with InferenceServerClient(relay.url) as triton:
        classify(triton)
        classify(triton)
        assert (relay.num_connections, relay.num_live) == (1, 1)
    assert len(server.calls) == 2


def test_reset_drops_the_connection_inside_a_call(server, relay, caller):
    server.behave(Reset(relay))
    start = time.monotonic()
    with pytest.raises(InferenceServerException) as caught:
        caller(relay.url).result()
    assert caught.value.status() == "StatusCode.UNAVAILABLE"
    assert time.monotonic() - start < 1
    assert last_ending(server) == "cancelled"
    ask(relay.url)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_relay_cut_is_a_reset(relay):
    with socket.create_connection(("127.0.0.1", relay.port)) as connection:
        connection.settimeout(TIMEOUT_S)
        assert connection.recv(1)  # the server's settings: the way is open
        relay.cut()
        with pytest.raises(ConnectionResetError):
            read_all(connection)


def test_relay_frozen_holds_calls_until_it_thaws(server, relay, caller):
    relay.freeze()
    with pytest.raises(InferenceServerException) as caught:
        ask(relay.url, timeout_s=SHORT_S)
    assert caught.value.status() == "StatusCode.DEADLINE_EXCEEDED"
    assert server.calls == []
    future = caller(relay.url)
    time.sleep(0.05)
    relay.thaw()
    future.result()


def test_relay_refusing_is_restored_at_the_same_address(relay):
    with InferenceServerClient(relay.url) as triton:
        classify(triton)
        relay.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", relay.port))
        classify(triton)  # its connection stays
    relay.restore()
    ask(relay.url)


@pytest.mark.parametrize("num_bytes", [0, 30, 200])
def test_relay_half_an_answer_ends_the_call(server, relay, num_bytes):
    with InferenceServerClient(relay.url) as triton:
        classify(triton)
        server.behave(HalfAnswer(relay, num_bytes))
        with pytest.raises(InferenceServerException) as caught:
            classify(triton)
    assert caught.value.status() == "StatusCode.UNAVAILABLE"
    assert len(server.calls) == 2
    ask(relay.url)


def test_relay_half_close_lets_so_many_bytes_through(relay):
    relay.half_close_after(5)
    with socket.create_connection(("127.0.0.1", relay.port)) as connection:
        connection.settimeout(TIMEOUT_S)
        assert len(connection.recv(1 << 16, socket.MSG_WAITALL)) == 5
        with pytest.raises(ConnectionResetError):
            read_all(connection)
    ask(relay.url)


def test_relay_without_a_server_resets(server, relay):
    server.stop()
    with pytest.raises(InferenceServerException) as caught:
        ask(relay.url, timeout_s=1.0)
    assert caught.value.status() == "StatusCode.UNAVAILABLE"


@pytest.mark.parametrize(
    ("start", "status"),
    [
        pytest.param(http_server, "UNAVAILABLE", id="http"),
        pytest.param(closing_server, "UNAVAILABLE", id="closing"),
        pytest.param(garbage_server, "UNAVAILABLE", id="garbage"),
        pytest.param(silent_server, "DEADLINE_EXCEEDED", id="silent"),
        pytest.param(empty_grpc_server, "UNIMPLEMENTED", id="empty gRPC"),
    ],
)
def test_foreign_servers_never_answer(start, status):
    with start() as url, pytest.raises(InferenceServerException) as caught:
        ask(url, timeout_s=1.0)
    assert caught.value.status() == f"StatusCode.{status}"


def test_behaviours_are_frozen_nouns() -> None:
    behaviours: list[Behaviour] = [Hang(), Honest(), Late(1.0), Reload("b"), *REFUSALS.values()]
    assert len(set(behaviours)) == len(behaviours)
