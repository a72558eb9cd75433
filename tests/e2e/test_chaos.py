"""Faults at random under mixed traffic: every call has an end, and nothing is left behind."""

import os
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from e2e.chaos import Traffic
from e2e.memory import measure_memory
from e2e.serve_process import are_gone, serve
from fakes.relay import Relay

SEED = 14
MODELS = ("emotion", "emotion_tokenizer", "emotion_info")
# Each is a restart; serve.py gives up after five in five minutes.
RESTARTS = (
    *[f"kill {model}" for model in MODELS],
    *[f"stop {model}" for model in MODELS],
    *("kill Triton", "stop Triton", "kill door"),
)
OTHERS = ("cut connections", "fill shared memory", "busy cores")
PAUSE_S, RESTART_EVERY = 25.0, 3  # a fault every so many seconds, each third one a restart
FULL_S, CALM_S, READY_S = 5.0, 20.0, 60.0
ROOM_BYTES = 96 << 20  # of the server's own shared memory
MAX_GROWTH_MIB = 64
LONGEST_CALL_S = 40.0


def do_fault(name, running, relay):
    """Does something to the server; returns after it is over."""
    what, _, whom = name.partition(" ")
    if what in ("kill", "stop"):
        pid = {"Triton": running.triton_pid, "door": running.door_pid}.get(
            whom, lambda: running.model_pid(whom)
        )()
        os.kill(pid, signal.SIGKILL if what == "kill" else signal.SIGSTOP)
    elif what == "cut":
        relay.cut()
    elif what == "fill":
        fill = shared_memory_of(running) / "fill"
        with suppress(OSError), fill.open("wb") as file:  # until there is no space left
            while True:
                file.write(bytes(1 << 20))
        time.sleep(FULL_S)
        fill.unlink()
    else:
        end = time.monotonic() + FULL_S
        while time.monotonic() < end:
            sum(range(10_000))


def shared_memory_of(running):
    return Path(f"/proc/{running.process.pid}/root/dev/shm")


def wait_until_healthy(client):
    end = time.monotonic() + READY_S
    while not client.is_ready():
        assert time.monotonic() < end, "not ready again"
        time.sleep(0.2)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root, unshare")
@pytest.mark.parametrize(
    ("seconds", "faults"),
    [
        (None, ["kill emotion", "fill shared memory", "cut connections", "kill door"]),
        pytest.param(1800, None, marks=[pytest.mark.long, pytest.mark.timeout(2400)]),
    ],
    ids=["short", "half an hour"],
)
def test_chaos_loses_no_call_and_leaves_nothing(seconds, faults):
    rng = random.Random(SEED)
    with serve(own_shared_memory=ROOM_BYTES) as running:
        running.wait_until_ready()
        names_before = {path.name for path in shared_memory_of(running).iterdir()}
        with (
            Relay(int(running.url.rpartition(":")[2])) as relay,
            Traffic(
                running.url, relayed_url=relay.url, http_port=running.http_port, seed=SEED
            ) as traffic,
        ):
            time.sleep(3)
            memory_mib = measure_memory()
            begin = time.monotonic()
            done = 0
            while (faults and done < len(faults)) or (
                seconds and time.monotonic() - begin < seconds
            ):
                kinds = RESTARTS if done % RESTART_EVERY == 0 else OTHERS
                name = faults[done] if faults else rng.choice(kinds)
                start = time.monotonic()
                do_fault(name, running, relay)
                time.sleep(3)
                wait_until_healthy(traffic.clients[0])
                healthy_s = time.monotonic() - start
                print(f"{start - begin:6.0f} s  {name}: healthy after {healthy_s:.1f} s")
                done += 1
                if seconds:
                    time.sleep(max(0.0, start + PAUSE_S - time.monotonic()))
            assert running.process.poll() is None
        time.sleep(3)
        growth_mib = measure_memory() - memory_mib
        for kind, record in traffic.records.items():
            print(
                f"{kind}: {record.num_started:,} calls, {record.num_answered:,} answered, "
                f"{dict(record.errors)}, slowest {record.slowest_s:.1f} s"
            )
        names = {path.name for path in shared_memory_of(running).iterdir()}
        print(
            f"memory {growth_mib:+.0f} MiB, shared memory {len(names_before)} -> {len(names)} files"
        )
        assert {
            kind: record.wrong for kind, record in traffic.records.items() if record.wrong
        } == {}
        assert {kind: x.num_lost for kind, x in traffic.records.items() if x.num_lost} == {}
        assert all(record.slowest_s < LONGEST_CALL_S for record in traffic.records.values())
        assert traffic.records["predict"].num_answered > 0
        assert growth_mib < MAX_GROWTH_MIB
        assert len(names) == len(names_before)
        left = running.descendants()
        assert running.stop() == 0
        assert are_gone(left)
