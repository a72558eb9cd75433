"""The scratch folder of a Triton: plain paths, and nothing left behind."""

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager

import pytest
from emotion_server import scratch as module
from emotion_server.errors import StartError
from emotion_server.scratch import Scratch, find_temporary_folder, sweep


@pytest.fixture(autouse=True)
def shared_memory(tmp_path, monkeypatch):
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setattr(module, "SHARED_MEMORY", folder)
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def scratch(place, shared_memory):
    """A created one, with a file in it and in the shared memory."""
    made = Scratch()
    made.create()
    (made.folder / "file").touch()
    (shared_memory / f"{made.prefix}region").touch()
    yield made
    made.remove()


@contextmanager
def inheriting(scratch):
    """Runs a process that has the lock, as Triton and its models."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, pass_fds=[scratch.lock])
    try:
        yield
    finally:
        child.communicate(b"\n")


def test_create_makes_a_folder_for_this_user_alone_and_remove_takes_all(
    scratch, place, shared_memory
):
    assert scratch.folder.parent == place
    assert scratch.folder.stat().st_mode & 0o777 == 0o700
    (shared_memory / "emotion-of-another").touch()
    scratch.remove()
    assert list(place.iterdir()) == []
    assert [path.name for path in shared_memory.iterdir()] == ["emotion-of-another"]
    scratch.remove()  # again does no harm


def test_sweep_leaves_what_is_in_use(scratch, place):
    sweep(place)
    assert (scratch.folder / "file").exists()


def test_sweep_removes_what_no_process_uses_any_more(scratch, place, shared_memory):
    with inheriting(scratch):
        os.close(scratch.lock)  # as the kernel does after kill -9
        scratch.lock = -1
        sweep(place)
        assert scratch.folder.exists()
    sweep(place)
    assert list(place.iterdir()) == []
    assert list(shared_memory.iterdir()) == []


def test_create_sweeps(scratch):
    os.close(scratch.lock)
    scratch.lock = -1
    later = Scratch()
    later.create()
    assert not scratch.folder.exists()
    later.remove()


@pytest.mark.parametrize(
    "name", ["emotion-*-scratch", "emotion-0123456789ab-scratch.new", "emotion"]
)
def test_sweep_leaves_other_names(name, place, shared_memory):
    (place / name).mkdir()
    (shared_memory / "emotion-0123456789ab-region").touch()
    sweep(place)
    assert (place / name).exists()
    assert list(shared_memory.iterdir())


def test_sweep_follows_no_link(place, shared_memory, tmp_path):
    (tmp_path / "mine").mkdir()
    (place / "emotion-0123456789ab-scratch").symlink_to(tmp_path / "mine")
    region = shared_memory / "emotion-0123456789ab-region"
    region.touch()
    sweep(place)
    assert region.exists()


def test_sweep_leaves_what_is_another_users(scratch, place, monkeypatch):
    os.close(scratch.lock)
    scratch.lock = -1
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    sweep(place)
    assert scratch.folder.exists()


def test_create_without_locks_is_never_swept(place, monkeypatch):
    def fail(*_):
        raise OSError(9, "Bad file descriptor")  # as on NFS

    monkeypatch.setattr(module.fcntl, "flock", fail)
    scratch = Scratch()
    scratch.create()
    sweep(place)
    assert scratch.folder.exists()
    scratch.remove()
    assert list(place.iterdir()) == []


def test_remove_goes_on_past_what_is_not_ours(scratch, place, shared_memory):
    (shared_memory / f"{scratch.prefix}folder").mkdir()  # cannot be unlinked
    scratch.remove()
    assert list(place.iterdir()) == []
    assert scratch.lock == -1


@pytest.mark.parametrize("name", ["with blank", "it's", "förest", "a;b", "a$b", "a:b"])
def test_temporary_folder_with_an_odd_path_is_not_used(name, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    assert str(find_temporary_folder()) == "/tmp"


def test_temporary_folder_without_another_one_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/it's")
    monkeypatch.setattr(module, "OTHER_FOLDERS", ())
    with pytest.raises(StartError, match=r'TMPDIR is "/it\'s"; .*; set another one'):
        find_temporary_folder()


def test_no_temporary_folder_says_what_to_do(monkeypatch):
    def fail():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", fail)
    with pytest.raises(StartError, match=r"found in \['/tmp'\]; free space in one of them, or set"):
        find_temporary_folder()


def test_link_leads_to_any_path(scratch, tmp_path, monkeypatch):
    target = tmp_path / "it's a förest"
    target.mkdir()
    monkeypatch.chdir(tmp_path)
    for path in (target, target.relative_to(tmp_path)):
        link = scratch.link(f"models-{path.is_absolute()}", path)
        assert link.resolve() == target
    scratch.remove()
    assert target.exists()
