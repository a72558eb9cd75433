"""What /proc says of a process."""

import os
import signal
import subprocess
import sys
import time

import pytest
from emotion_server.processes import find_children, is_alive, is_stopped, read_cpu_s


@pytest.fixture
def child():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    process.stdin.close()


def wait_until(is_done):
    deadline = time.monotonic() + 10
    while not is_done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_child_is_found_with_its_command(child):
    assert "input()" in find_children(os.getpid())[child.pid]


def test_ended_process_is_not_alive_even_before_its_parent_knows(child):
    assert is_alive(child.pid)
    os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(child.pid))
    child.wait()
    assert not is_alive(child.pid)


def test_stopped_process_is_alive_and_stopped(child):
    assert not is_stopped(child.pid)
    os.kill(child.pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(child.pid))
    assert is_alive(child.pid)


def test_cpu_time_grows_with_work():
    before = read_cpu_s(os.getpid())
    wait_until(lambda: sum(range(10**6)) and read_cpu_s(os.getpid()) > before)


def test_process_that_is_gone_has_no_cpu_time_and_no_children(child):
    child.kill()
    child.wait()
    assert read_cpu_s(child.pid) == 0
    assert find_children(child.pid) == {}
