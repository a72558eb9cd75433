"""Arrays computed from texts, kept on disk."""

import numpy as np
import pytest
from emotion_training.training import cache as module
from emotion_training.training.cache import Cache, fingerprint

TEXTS = [f"text {i}" for i in range(7)]


@pytest.fixture
def counted(monkeypatch):
    """Returns what computes the lengths of texts, and the texts that it was called with."""
    monkeypatch.setattr(module, "CHUNK", 3)
    calls = []

    def compute(texts):
        calls.append(list(texts))
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)

    return compute, calls


def test_compute_twice_computes_once(tmp_path, counted):
    compute, calls = counted
    steps = []
    first = Cache(tmp_path / "new", "key").compute(TEXTS, compute=compute, advance=steps.append)
    assert calls == [TEXTS[:3], TEXTS[3:6], TEXTS[6:]]
    assert steps == [3, 3, 1]
    assert np.array_equal(Cache(tmp_path / "new", "key").compute(TEXTS, compute=compute), first)
    assert len(calls) == 3


def test_compute_after_a_stop_goes_on(tmp_path, counted):
    compute, calls = counted

    def stop(num_texts):
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Cache(tmp_path, "key").compute(TEXTS, compute=compute, advance=stop)
    Cache(tmp_path, "key").compute(TEXTS, compute=compute)
    assert calls == [TEXTS[:3], TEXTS[3:6], TEXTS[6:]]


def test_compute_other_key_or_text_computes_again(tmp_path, counted):
    compute, calls = counted
    for key, texts in (("key", TEXTS[:2]), ("other", TEXTS[:2]), ("key", TEXTS[1::-1])):
        Cache(tmp_path, key).compute(texts, compute=compute)
    assert len(calls) == 3


def test_compute_damaged_file_computes_again(tmp_path, counted):
    compute, calls = counted
    expected = Cache(tmp_path, "key").compute(TEXTS[:3], compute=compute)
    (path,) = tmp_path.iterdir()
    for content in (b"", b"not an archive", path.read_bytes()[:-40]):
        path.write_bytes(content)
        assert np.array_equal(Cache(tmp_path, "key").compute(TEXTS[:3], compute=compute), expected)
    assert len(calls) == 4
    assert [path] == list(tmp_path.iterdir())


def test_fingerprint_tells_where_a_text_ends():
    assert fingerprint(["ab", "c"]) != fingerprint(["a", "bc"])
    assert fingerprint(["a"]) != fingerprint(["a", ""])
    assert fingerprint(["ї"]) == fingerprint(["ї"])
