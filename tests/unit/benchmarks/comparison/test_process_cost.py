"""The cost of a process tree."""

import os
import subprocess
import sys

from emotion_benchmarks.comparison.process_cost import (
    list_tree,
    measure_cpu_s,
    measure_memory_bytes,
)

# A child that computes and ends, one that stays, and then a line.
TREE = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"])
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
sys.stdin.read()
child.kill()
child.wait()
"""


def test_tree_includes_children_that_run_or_have_ended():
    with subprocess.Popen(
        [sys.executable, "-c", TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        child = int(process.stdout.readline())
        pids = [each.pid for each in list_tree(process.pid)]
        cpu_s, memory_bytes = measure_cpu_s(process.pid), measure_memory_bytes(process.pid)
        child_bytes = measure_memory_bytes(child)
        process.communicate("")
    assert pids == [process.pid, child]
    assert cpu_s > 0.1
    assert memory_bytes > child_bytes > 0


def test_process_that_is_gone_costs_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert (measure_cpu_s(process.pid), measure_memory_bytes(process.pid)) == (0, 0)
    assert os.getpid() in [each.pid for each in list_tree(os.getpid())]
