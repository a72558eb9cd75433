"""A change of the checkpoint while callers call: SIGHUP, and what they notice."""

import shutil
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import copy_repository
from e2e.serve_process import serve
from emotion_client import EmotionClient, EmotionError
from emotion_training.checkpoint.prepare import prepare

from checkpoints import LABELS, build_checkpoint, edit_json, edit_weights

TEXT = "I love you as the river loves the valley"
OTHER_LABELS = ("calm", "wild")
NUM_CALLERS = 16
TOLERANCE = 2e-2


@dataclass
class Repository:
    """A model repository whose checkpoint changes."""

    folder: Path

    @property
    def checkpoint(self):
        return self.folder / "emotion" / "1" / "checkpoint"

    def put(self, checkpoint):
        """Puts a copy of a prepared checkpoint in place, as `prepare_model.py` does."""
        new = self.checkpoint.with_name("new")
        shutil.copytree(checkpoint, new)
        if self.checkpoint.exists():
            shutil.rmtree(self.checkpoint)
        new.rename(self.checkpoint)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Prepared checkpoints: one, and others with other weights, another tokenizer, other labels."""
    found = {}
    for name in ("first", "other weights", "other tokenizer", "other labels"):
        folder = tmp_path_factory.mktemp("sources") / name.replace(" ", "-")
        build_checkpoint(folder, kind="roberta" if name == "other tokenizer" else "bert")
        if name == "other weights":
            edit_weights(folder, lambda name, x: -x if name == "classifier.weight" else x)
        if name == "other labels":
            edit_json(folder / "config.json", id2label=dict(enumerate(OTHER_LABELS)))
            edit_weights(folder, lambda name, x: x[:2] if name.startswith("classifier") else x)
        found[name] = folder.with_name("prepared")
        prepare(str(folder), target=found[name])
    return found


@pytest.fixture
def repository(checkpoints, tmp_path):
    repository = Repository(copy_repository(tmp_path / "repository"))
    repository.put(checkpoints["first"])
    return repository


def wait_for_line(running, words, *, num=1):
    end = time.monotonic() + 60
    while (running.output.read_text() + running.errors.read_text()).count(words) < num:
        assert running.process.poll() is None
        assert time.monotonic() < end, running.errors.read_text()
        time.sleep(0.05)


@pytest.mark.parametrize(
    "changes",
    [
        ["other tokenizer", "broken", "other labels"],
        pytest.param(
            ["other weights", "other tokenizer", "broken", "first", "other labels"] * 2,
            marks=pytest.mark.long,
        ),
    ],
    ids=["three changes", "ten changes"],
)
def test_no_call_fails_while_the_checkpoint_changes(repository, checkpoints, changes):
    answers, failures, is_over = [], [], threading.Event()
    with (
        serve(f"--model-repository={repository.folder}") as running,
        EmotionClient(running.wait_until_ready() or running.url) as client,
    ):

        def call():
            while not is_over.is_set():
                try:
                    answers.append(client.predict(TEXT))
                except EmotionError as error:
                    failures.append(repr(error))

        threads = [threading.Thread(target=call) for _ in range(NUM_CALLERS)]
        for thread in threads:
            thread.start()
        revisions = [client.predict(TEXT).revision]
        for i, change in enumerate(changes):
            repository.put(checkpoints[change if change != "broken" else "first"])
            if change == "broken":
                with (repository.checkpoint / "model.safetensors").open("ab") as file:
                    file.write(b"x")
            running.process.send_signal(signal.SIGHUP)
            if change == "broken":
                wait_for_line(running, "still serving", num=changes[: i + 1].count("broken"))
            else:
                num = sum(each != "broken" for each in changes[: i + 1])
                wait_for_line(running, "switched after", num=num)
            revisions.append(client.predict(TEXT).revision)
        is_over.set()
        for thread in threads:
            thread.join()
        assert running.stop() == 0
    assert failures == []
    for before, change, after in zip(revisions, changes, revisions[1:], strict=False):
        assert (after == before) == (change == "broken")
    by_revision = {}
    for each in answers:
        by_revision.setdefault(each.revision, []).append(each)
    assert set(by_revision) == set(revisions)
    for each in by_revision.values():
        assert len({tuple(answer.scores) for answer in each}) == 1
        scores = np.array([list(answer.scores.values()) for answer in each])
        assert np.ptp(scores, axis=0).max() < TOLERANCE
    assert {len(each[0].scores) for each in by_revision.values()} == {len(LABELS), 2}


def test_sighup_without_a_change_serves_on(repository):
    with serve(f"--model-repository={repository.folder}") as running:
        running.wait_until_ready()
        with EmotionClient(running.url) as client:
            before = client.predict(TEXT)
            running.process.send_signal(signal.SIGHUP)
            wait_for_line(running, "switched after")
            assert client.predict(TEXT).scores == pytest.approx(before.scores, abs=TOLERANCE)
        assert running.stop() == 0
