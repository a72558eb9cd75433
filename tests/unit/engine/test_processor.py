"""What the processor can do, and how many cores are ours."""

import os

import pytest
from emotion_engine import processor
from emotion_engine.processor import count_cores, read_flags

CPUINFO = "processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16\n\nprocessor\t: 1\nflags\t\t: fpu\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Four CPUs of two cores, all ours, in a control group without a quota."""
    for cpu in range(4):
        folder = tmp_path / "cpus" / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings").write_text("3\n" if cpu < 2 else "c\n")
    (tmp_path / "groups" / "pod" / "container").mkdir(parents=True)
    (tmp_path / "own").write_text("4:memory:/elsewhere\n0::/pod/container\n")
    monkeypatch.setattr(processor, "CPUS", tmp_path / "cpus")
    monkeypatch.setattr(processor, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(processor, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    return tmp_path


def test_count_cores_counts_the_threads_of_a_core_once(machine):
    assert count_cores() == 2


def test_count_cores_is_at_most_the_affinity(machine, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert count_cores() == 1


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 2), ("400000 100000", 2), ("150000 100000", 1), ("50000 100000", 1)],
)
@pytest.mark.parametrize("group", ["pod", "pod/container"])
def test_count_cores_is_at_most_the_quota(machine, group, quota, expected):
    (machine / "groups" / group / "cpu.max").write_text(f"{quota}\n")
    assert count_cores() == expected


def test_count_cores_without_topology_counts_cpus(machine, monkeypatch):
    monkeypatch.setattr(processor, "CPUS", machine / "nowhere")
    assert count_cores() == 4


def test_read_flags_are_those_of_the_first_processor(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    assert read_flags.__wrapped__() == {"fpu", "avx512f", "avx512_bf16"}


def test_read_flags_elsewhere_is_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "nowhere")
    assert read_flags.__wrapped__() == frozenset()


def test_count_cores_in_a_container_is_at_most_the_quota_of_its_own_root(machine):
    (machine / "own").write_text("0::/\n")  # a control group namespace, as containers have it
    (machine / "groups" / "cpu.max").write_text("100000 100000\n")
    assert count_cores() == 1
