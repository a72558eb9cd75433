"""Both clients with several servers."""

import time
from collections import Counter
from contextlib import nullcontext

import pytest
from emotion_client import Overloaded, Unavailable, retry_budget
from fake_behaviours import QUEUE_FULL, Hang
from foreign_servers import closing_server, empty_grpc_server, silent_server

SOON_S = 8.0  # before the deadline of 10 s
VERSE = "the lamp is low, the street is wet"


def test_replicas_are_asked_in_turn(open_client, start_server):
    servers = [start_server() for _ in range(3)]
    client = open_client([server.url for server in servers])
    for _ in range(30):
        client.predict(VERSE)
    counts = [server.models.count("emotion") for server in servers]
    assert sum(counts) == 30
    assert min(counts) >= 8


def test_replica_that_dies_fails_no_call_and_comes_back(open_client, start_server):
    one, other = start_server(), start_server()
    client = open_client([one.url, other.url])
    for _ in range(4):
        client.predict(VERSE)
    other.stop()
    num_before = one.models.count("emotion")
    for _ in range(20):
        client.predict(VERSE)
    assert one.models.count("emotion") == num_before + 20
    other.start()
    deadline = time.monotonic() + 10
    num_before = other.models.count("emotion")
    while other.models.count("emotion") < num_before + 3:
        client.predict(VERSE)
        assert time.monotonic() < deadline


def test_replica_that_hangs_leaves_half_of_the_time_to_the_other(open_client, start_server):
    one, other = start_server(), start_server()
    client = open_client([one.url, other.url], timeout_s=2.0)
    for _ in range(4):
        client.predict(VERSE)
    one.always = Hang()
    for _ in range(6):
        client.predict(VERSE)
    assert Counter(call.ending for call in one.calls)["expired"] <= 2


def test_replica_of_another_checkpoint_gets_ids_of_its_own_vocabulary(open_client, start_server):
    one, other = start_server(), start_server("roberta", revision="b" * 64)
    client = open_client([one.url, other.url])
    answers = [client.predict(VERSE) for _ in range(10)]
    assert {answer.revision for answer in answers} == {"a" * 64, "b" * 64}
    assert len(list(client.predict_many([VERSE] * 200))) == 200


BAD_REPLICAS = [
    pytest.param(closing_server, id="closes-at-once"),
    pytest.param(empty_grpc_server, id="grpc-without-triton"),
    pytest.param(silent_server, id="silent"),
    pytest.param(lambda: nullcontext("no-such-host.invalid:8001"), id="unknown-host"),
]


@pytest.mark.parametrize("bad", BAD_REPLICAS)
def test_replica_that_is_bad_from_the_start_fails_no_call(bad, open_client, server):
    with bad() as url:
        client = open_client([url, server.url], timeout_s=3.0)
        assert [client.predict(VERSE).revision for _ in range(5)] == ["a" * 64] * 5
        client.close()


def test_replica_that_is_bad_does_not_make_the_others_unready(open_client, server):
    assert open_client(["127.0.0.1:1", server.url]).is_ready()
    assert open_client([server.url, "127.0.0.1:1"]).is_ready()


def test_host_that_is_known_is_enough(open_client, server):
    client = open_client(["no-such-host.invalid:8001", f"localhost:{server.port}"])
    assert client.predict(VERSE).revision == "a" * 64


def test_host_name_means_all_its_addresses(open_client, server):
    client = open_client(f"localhost:{server.port}")  # also ::1, where nothing listens
    assert [client.predict(VERSE).revision for _ in range(4)] == ["a" * 64] * 4
    server.behave(QUEUE_FULL)
    with pytest.raises(Overloaded, match=f"^localhost:{server.port} at 127.0.0.1:{server.port}: "):
        client.predict(VERSE)


def test_replicas_that_stay_dead_do_not_use_up_the_retries(open_client, server, monkeypatch):
    monkeypatch.setattr(retry_budget, "MAX_RETRIES", 3.0)
    client = open_client([server.url, *(f"127.0.0.1:{port}" for port in range(1, 8))])
    for _ in range(20):
        client.predict(VERSE)
        for replica in client._pool.replicas:
            replica.retry_at = 0.0  # the next trial is due


def test_replicas_all_dead_are_unavailable_soon(open_client):
    client = open_client(["127.0.0.1:1", "127.0.0.1:2"])
    start = time.monotonic()
    with pytest.raises(Unavailable):
        client.predict(VERSE)
    assert time.monotonic() - start < SOON_S
