"""The limit of open files is raised, or too low for the work."""

import resource

import pytest
from emotion_command.errors import Refusal
from emotion_command.open_files import WANTED, allow_open_files


@pytest.fixture
def limits(monkeypatch):
    """The limits of this process, soft and hard."""
    now = [0, 0]
    monkeypatch.setattr(resource, "getrlimit", lambda kind: tuple(now))
    monkeypatch.setattr(
        resource, "setrlimit", lambda kind, new: now.__setitem__(slice(None), list(new))
    )
    return now


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([64, 4096], [4096, 4096], id="to-the-hard-limit"),
        pytest.param([64, 1 << 20], [WANTED, 1 << 20], id="as-far-as-is-wanted"),
        pytest.param([64, resource.RLIM_INFINITY], [WANTED, resource.RLIM_INFINITY], id="endless"),
        pytest.param([1 << 19, 1 << 20], [1 << 19, 1 << 20], id="never-lowered"),
        pytest.param([resource.RLIM_INFINITY] * 2, [resource.RLIM_INFINITY] * 2, id="no-limit"),
    ],
)
def test_limit_is_raised(before, after, limits):
    limits[:] = before
    allow_open_files(256, use="Triton")
    assert limits == after


def test_limit_that_is_too_low_names_value_need_and_remedy(limits):
    limits[:] = [16, 64]
    sentence = r"at most 64 files may be open here, and Triton needs 65, .*; raise the limit \(ulim"
    with pytest.raises(Refusal, match=sentence):
        allow_open_files(65, use="Triton")
    allow_open_files(64, use="Triton")
