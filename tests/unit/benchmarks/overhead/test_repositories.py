"""Copies of the model repository with one part replaced."""

import json
from pathlib import Path

from emotion_benchmarks.overhead.repositories import (
    build_distilbert_repository,
    build_empty_repository,
)
from emotion_command.checkout import REPOSITORY
from emotion_engine.checkpoint import read_checkpoint


def test_empty_repository_differs_in_one_file(tmp_path):
    repository = build_empty_repository(tmp_path)
    files = {
        path.relative_to(repository)
        for path in repository.rglob("*")
        if path.is_file() and "checkpoint" not in path.parts
    }
    differing = {
        path
        for path in files
        if (repository / path).read_bytes() != (REPOSITORY / path).read_bytes()
    }
    assert differing == {Path("emotion", "1", "model.py")}


def test_distilbert_repository_serves_that_shape_with_the_checkpoints_tokenizer(
    tmp_path, prepared_of
):
    checkpoint = read_checkpoint(prepared_of("bert"))
    repository = build_distilbert_repository(tmp_path, checkpoint=checkpoint)
    built = read_checkpoint(repository / "emotion" / "1" / "checkpoint")
    assert built.tokenizer_json() == checkpoint.tokenizer_json()
    assert (built.labels, built.max_length) == (checkpoint.labels, checkpoint.max_length)
    config = json.loads((built.folder / "config.json").read_text())
    assert (config["model_type"], config["n_layers"], config["dim"]) == ("distilbert", 6, 768)
