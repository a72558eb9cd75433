"""Clients across forks and over many calls."""

import pickle
import subprocess
import sys

import pytest
from emotion_client import TLS, AsyncEmotionClient, EmotionClient

# Run in a separate process: this one has a gRPC server, whose threads do not survive a fork.
FORK = """
import os, sys, warnings
from emotion_client import EmotionClient, EmotionError

client = EmotionClient(sys.argv[1])
if sys.argv[2] == "connected":
    client.predict("la")
failures = 0
for _ in range(int(sys.argv[3])):
    child = os.fork()
    if child == 0:
        try:
            own = EmotionClient(sys.argv[1])
            answers = [client.predict("la la"), own.predict("la la"), *client.predict_many(["la"])]
            client.close()
            os._exit(len(answers) != 3)
        except EmotionError as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
    failures += os.waitpid(child, 0)[1] != 0
    client.predict("la")
print(failures)
"""
POOL = """
import asyncio, multiprocessing, sys
from emotion_client import AsyncEmotionClient, EmotionClient

client, url = EmotionClient(sys.argv[1]), sys.argv[1]

def ask(text):
    return client.predict(text).num_tokens

def ask_awaited(text):
    async def main():
        async with AsyncEmotionClient(url) as own:
            return (await own.predict(text)).num_tokens
    return asyncio.run(main())

client.predict("la")
with multiprocessing.get_context("fork").Pool(4) as pool:
    print(set(pool.map(ask, ["la"] * 40)) == {3}, set(pool.map(ask_awaited, ["la"] * 8)) == {3})
"""


def run(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("state", ["new", "connected"])
def test_client_made_before_a_fork_works_in_parent_and_child(state, server):
    done = run(FORK, server.url, state, "8")
    assert done.stdout.strip() == "0", done.stderr


def test_client_works_in_the_processes_of_a_pool(server):
    done = run(POOL, server.url)
    assert done.stdout.strip() == "True True", done.stderr


AWAITED = """
import asyncio, os, sys
from emotion_client import AsyncEmotionClient, EmotionClient, Unavailable

url = sys.argv[1]

async def ask():
    return (await AsyncEmotionClient(url).predict("la")).num_tokens

print(asyncio.run(ask()), flush=True)
child = os.fork()
if child == 0:
    try:
        asyncio.run(ask())
    except Unavailable as error:
        print(error, EmotionClient(url).predict("la").num_tokens, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_awaited_client_in_a_forked_child_says_what_to_do(server):
    done = run(AWAITED, server.url)
    before, after = done.stdout.splitlines()
    assert before == "3"
    assert "AsyncEmotionClient was in use before this process was forked; use" in after
    assert after.endswith(" 3")


NO_FORK_SUPPORT = """
import os, sys
from emotion_client import EmotionClient, Unavailable

client = EmotionClient(sys.argv[1], timeout_s=3)
client.predict("la")
if os.fork() == 0:
    try:
        client.predict("la")
    except Unavailable as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""


def test_forked_child_without_grpcs_fork_support_says_what_to_do(server, monkeypatch):
    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")
    done = run(NO_FORK_SUPPORT, server.url)
    assert "GRPC_ENABLE_FORK_SUPPORT forbids gRPC to follow; unset it" in done.stdout


AT_EXIT = """
import atexit, sys
from emotion_client import EmotionClient

client = EmotionClient(sys.argv[1])
atexit.register(lambda: print(len(list(client.predict_many(["la"] * 100)))))
"""


def test_predict_many_works_in_an_exit_handler(server):
    done = run(AT_EXIT, server.url)
    assert done.stdout.strip() == "100", done.stderr


@pytest.mark.parametrize("kind", [EmotionClient, AsyncEmotionClient])
def test_client_is_pickled_as_its_settings(server, kind):
    client = kind([server.url], timeout_s=7, tls=TLS("ca.pem"), headers={"X-Key": "k"})
    copy = pickle.loads(pickle.dumps(client))
    assert type(copy) is kind
    assert (copy.urls, copy.timeout_s) == (client.urls, 7)
    assert (copy._tls, copy._headers) == (TLS("ca.pem"), (("x-key", "k"),))


def test_pickled_client_works_after_its_original_has_called(server):
    with EmotionClient(server.url) as client:
        client.predict("la")
        with pickle.loads(pickle.dumps(client)) as copy:
            assert copy.predict("la").num_tokens == 3


LEAK = """
import asyncio, sys
from emotion_client import AsyncEmotionClient, EmotionClient

def size_kib():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmRSS"))

url, is_awaited, num_calls = sys.argv[1], sys.argv[2] == "async", int(sys.argv[3])

async def main():
    client = AsyncEmotionClient(url) if is_awaited else EmotionClient(url)
    for _ in range(2):  # the first round warms up
        before = size_kib()
        for _ in range(num_calls):
            answer = client.predict("la la")
            if is_awaited:
                await answer
    print(size_kib() - before)

asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    ("num_calls", "limit_kib"), [(750, 256), pytest.param(10_000, 1024, marks=pytest.mark.long)]
)
def test_memory_of_many_calls_hardly_grows(kind, num_calls, limit_kib, server):
    done = run(LEAK, server.url, kind, str(num_calls))
    assert int(done.stdout) < limit_kib, done.stderr


def test_close_and_connect_again_many_times_leaves_nothing_open(open_client, server):
    client = open_client(server.url)
    for _ in range(50):
        client.predict("la")
        client.close()
    assert len({call.peer for call in server.calls}) == 50
