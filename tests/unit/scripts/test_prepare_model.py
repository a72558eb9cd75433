"""What `scripts/prepare_model.py` refuses, and what it writes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import prepare_model
import pytest
import torch
from base_model import default_base
from emotion_client.tokenizer import TextTokenizer
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.classifier import Classifier
from emotion_engine.errors import CheckpointError
from emotion_engine.settings import EngineSettings
from prepare_model import choose_max_length, prepare
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from source_model import ADAPTER, PrepareError
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertModel

from checkpoints import (
    KINDS,
    LABELS,
    MAX_LENGTH,
    TEXTS,
    build_checkpoint,
    reference_probabilities,
)

FILES = [
    "config.json",
    "labels.txt",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
]


@pytest.fixture
def source(tmp_path: Path, source_of: Callable[[str], Path]) -> Path:
    """A small BERT that a test may spoil."""
    return Path(shutil.copytree(source_of("bert"), tmp_path / "source"))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "repository" / "checkpoint"


@pytest.fixture
def sigterm() -> Iterator[None]:
    """Puts back the handler that `main` replaces."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def edit_json(path: Path, **changes: Any) -> None:
    """Sets keys of a JSON file; ... removes one."""
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not ...}))


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def predict(folder: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    checkpoint = read_checkpoint(folder)
    tokenizer = TextTokenizer(checkpoint.tokenizer_json(), max_length=checkpoint.max_length)
    rows = [np.array(encoding.input_ids) for encoding in tokenizer.encode(TEXTS)]
    settings = EngineSettings(dtype="float32", max_batch_tokens=1024)
    return Classifier.load(checkpoint, settings=settings).predict(rows).probabilities


# Sources that cannot be served.


def pickle_weights(source: Path) -> None:
    weights = load_file(source / "model.safetensors")
    torch.save(weights, source / "pytorch_model.bin")
    (source / "model.safetensors").unlink()


def drop_weights(source: Path) -> None:
    (source / "model.safetensors").unlink()


def cut_weights(source: Path) -> None:
    content = (source / "model.safetensors").read_bytes()
    (source / "model.safetensors").write_bytes(content[: len(content) // 2])


def drop_config(source: Path) -> None:
    (source / "config.json").unlink()


def break_config(source: Path) -> None:
    (source / "config.json").write_text("{")


def drop_labels(source: Path) -> None:
    edit_json(source / "config.json", id2label=..., label2id=...)


def name_labels_by_words(source: Path) -> None:
    edit_json(source / "config.json", id2label={label: label for label in LABELS})


def drop_one_label(source: Path) -> None:
    edit_json(source / "config.json", id2label=dict(enumerate(LABELS[:5])), label2id=...)


def leave_one_label(source: Path) -> None:
    edit_json(source / "config.json", id2label={"0": "score"}, label2id={"score": 0})


def say_regression(source: Path) -> None:
    edit_json(source / "config.json", problem_type="regression")


def drop_head(source: Path) -> None:
    config = json.loads((source / "config.json").read_text())
    BertModel.from_pretrained(source).save_pretrained(source)
    edit_json(source / "config.json", id2label=config["id2label"], label2id=config["label2id"])


def truncate_left(source: Path) -> None:
    edit_json(source / "tokenizer_config.json", truncation_side="left")


def drop_tokenizer(source: Path) -> None:
    (source / "tokenizer.json").unlink()
    (source / "tokenizer_config.json").unlink()


def add_token_without_embedding(source: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.add_tokens(["lalala"])
    tokenizer.save_pretrained(source)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(pickle_weights, "cannot load .*safetensors", id="pickled-weights-alone"),
        pytest.param(drop_weights, "cannot load .*safetensors", id="no-weights"),
        pytest.param(cut_weights, "cannot load", id="weights-cut-in-half"),
        pytest.param(drop_config, r"config\.json", id="no-config"),
        pytest.param(break_config, r"cannot load .*config\.json", id="broken-config"),
        pytest.param(drop_labels, "cannot be served: .*no id2label", id="no-label-names"),
        pytest.param(name_labels_by_words, "id2label", id="label-names-by-words"),
        pytest.param(drop_one_label, "label|size|shape", id="fewer-labels-than-logits"),
        pytest.param(leave_one_label, "the one label 'score': it is a regression", id="one-label"),
        pytest.param(say_regression, "problem_type is 'regression'", id="regression"),
        pytest.param(drop_head, "lacks the weights classifier.*fine-tune it", id="no-head"),
        pytest.param(truncate_left, "truncation_side is 'left'", id="left-truncation"),
        pytest.param(drop_tokenizer, "token", id="no-tokenizer"),
        pytest.param(
            add_token_without_embedding, "vocab|token|embedding", id="token-without-embedding"
        ),
    ],
)
def test_prepare_bad_source_is_refused_and_nothing_is_left(
    source: Path, target: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(source)
    with pytest.raises(PrepareError, match=sentence):
        prepare(str(source), target=target)
    assert list(target.parent.iterdir()) == []


def test_prepare_unknown_hub_model_is_refused(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PrepareError, match="cannot load nobody/nothing"):
        prepare("nobody/nothing", target=target)


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "modernbert-cls", "electra"])
@pytest.mark.parametrize(
    "max_length", [pytest.param(MAX_LENGTH + 1, id="too-large"), pytest.param(2, id="too-small")]
)
def test_prepare_max_length_beyond_the_positions_is_refused_with_both(
    kind: str, max_length: int, source_of: Callable[[str], Path], target: Path
) -> None:
    with pytest.raises(PrepareError, match=rf"--max-length is {max_length}; .* takes 3 to 128"):
        prepare(str(source_of(kind)), target=target, max_length=max_length)


# Good sources.


@pytest.mark.parametrize("kind", KINDS)
def test_prepare_every_kind_reads_and_classifies_as_its_source(
    kind: str, source_of: Callable[[str], Path], prepared_of: Callable[[str], Path]
) -> None:
    folder = prepared_of(kind)
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "labels.txt").read_text() == "".join(f"{label}\n" for label in LABELS)
    assert read_checkpoint(folder).max_length == MAX_LENGTH
    expected = reference_probabilities(source_of(kind), TEXTS)
    assert np.abs(predict(folder) - expected).max() <= 1e-5
    assert np.abs(reference_probabilities(folder, TEXTS) - expected).max() <= 1e-6


@pytest.mark.parametrize("max_length", [3, 64, MAX_LENGTH])
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_prepare_max_length_is_written_and_kept_to(
    kind: str, max_length: int, source_of: Callable[[str], Path], target: Path
) -> None:
    prepare(str(source_of(kind)), target=target, max_length=max_length)
    assert read_checkpoint(target).max_length == max_length
    expected = reference_probabilities(source_of(kind), TEXTS, max_length=max_length)
    assert np.abs(predict(target) - expected).max() <= 1e-5


NOTHING_STATED = int(1e30)  # transformers' model_max_length of a tokenizer that has none


def choose(folder: Path, *, stated: object, num_positions: int, wanted: int | None = None) -> int:
    source = SimpleNamespace(
        config=SimpleNamespace(max_position_embeddings=num_positions), named_modules=list
    )
    tokenizer = SimpleNamespace(model_max_length=stated)
    return choose_max_length(wanted, folder=folder, source=source, tokenizer=tokenizer)


@pytest.mark.parametrize(
    ("stated", "num_positions", "max_length"),
    [
        pytest.param(64, 512, 64, id="stated"),
        pytest.param(512, 512, 128, id="stated-long"),
        pytest.param(NOTHING_STATED, 512, 128, id="not-stated"),
        pytest.param(1e30, 512, 128, id="not-stated-as-float"),
        pytest.param(NOTHING_STATED, 77, 77, id="not-stated-and-few-positions"),
        pytest.param(99, 77, 77, id="more-than-positions"),
    ],
)
def test_choose_max_length_of_a_foreign_classifier(
    stated: object, num_positions: int, max_length: int, tmp_path: Path
) -> None:
    assert choose(tmp_path, stated=stated, num_positions=num_positions) == max_length
    assert choose(tmp_path, stated=stated, num_positions=num_positions, wanted=70) == 70


@pytest.mark.parametrize("name", ["adapter_config.json", "labels.txt"])
@pytest.mark.parametrize(
    ("own", "max_length"),
    [
        pytest.param(None, 128, id="no-file"),
        pytest.param({}, 128, id="not-stated"),
        pytest.param({"model_max_length": 256}, 256, id="stated-long"),
        pytest.param({"model_max_length": 32}, 32, id="stated-short"),
        pytest.param({"model_max_length": 999}, 512, id="more-than-positions"),
    ],
)
def test_choose_max_length_of_our_own_folder_is_what_it_states(
    name: str, own: dict[str, int] | None, max_length: int, tmp_path: Path
) -> None:
    (tmp_path / name).touch()
    if own is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(own))
    assert choose(tmp_path, stated=64, num_positions=512) == max_length


@pytest.mark.parametrize("stated", ["16", -1, 0, 2, True, 1.5], ids=repr)
def test_choose_max_length_malformed_is_refused_unless_another_is_wanted(
    stated: object, tmp_path: Path
) -> None:
    with pytest.raises(PrepareError, match=r"model_max_length .*must be a whole number of 3 or m"):
        choose(tmp_path, stated=stated, num_positions=512)
    assert choose(tmp_path, stated=stated, num_positions=512, wanted=16) == 16


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_choose_max_length_broken_file_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").touch()
    (tmp_path / "tokenizer_config.json").write_text(content)
    with pytest.raises(PrepareError, match=r"tokenizer_config\.json is no JSON"):
        choose(tmp_path, stated=64, num_positions=512)


def test_prepare_vocab_alone_gets_a_tokenizer_json(tmp_path: Path, target: Path) -> None:
    source = build_checkpoint(tmp_path / "source", kind="bert", vocab_only=True)
    assert not (source / "tokenizer.json").exists()
    prepare(str(source), target=target)
    assert np.abs(predict(target) - reference_probabilities(source, TEXTS)).max() <= 1e-5


def test_prepare_multi_label_keeps_its_problem_type(tmp_path: Path, target: Path) -> None:
    problem_type = "multi_label_classification"
    source = build_checkpoint(tmp_path / "source", kind="bert", problem_type=problem_type)
    prepare(str(source), target=target)
    assert read_checkpoint(target).problem_type == problem_type
    assert np.abs(predict(target) - reference_probabilities(source, TEXTS)).max() <= 1e-5


def test_prepare_padding_and_truncation_of_the_source_are_removed(
    source: Path, target: Path
) -> None:
    document = json.loads((source / "tokenizer.json").read_text())
    document["truncation"] = {
        "direction": "Right",
        "max_length": 8,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    document["padding"] = {
        "strategy": {"Fixed": 128},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    (source / "tokenizer.json").write_text(json.dumps(document))
    prepare(str(source), target=target)
    written = json.loads((target / "tokenizer.json").read_text())
    assert (written["padding"], written["truncation"]) == (None, None)


def test_prepare_bfloat16_source_is_read(source: Path, target: Path) -> None:
    weights = load_file(source / "model.safetensors")
    halves = {name: x.to(torch.bfloat16) for name, x in weights.items()}
    save_file(halves, source / "model.safetensors", metadata={"format": "pt"})
    edit_json(source / "config.json", dtype="bfloat16")
    prepare(str(source), target=target)
    assert np.abs(predict(target) - reference_probabilities(source, TEXTS)).max() <= 1e-5


def test_prepare_sharded_source_becomes_one_file(source: Path, target: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(source)
    (source / "model.safetensors").unlink()
    model.save_pretrained(source, max_shard_size="100KB")
    assert (source / "model.safetensors.index.json").exists()
    prepare(str(source), target=target)
    assert sorted(path.name for path in target.iterdir()) == FILES


def test_prepare_label_names_that_are_the_defaults_of_transformers_are_written(
    tmp_path: Path, target: Path
) -> None:
    names = {0: "LABEL_0", 1: "LABEL_1"}
    source = build_checkpoint(tmp_path / "source", kind="bert")
    model = AutoModelForSequenceClassification.from_pretrained(
        source, id2label=names, label2id={}, ignore_mismatched_sizes=True
    )
    model.save_pretrained(source)
    edit_json(source / "config.json", id2label=names)
    prepare(str(source), target=target)
    assert read_checkpoint(target).labels == ("LABEL_0", "LABEL_1")


def test_prepare_its_own_output_gives_the_same_revision(
    prepared_of: Callable[[str], Path], target: Path
) -> None:
    prepare(str(prepared_of("bert")), target=target)
    assert read_checkpoint(target).revision == read_checkpoint(prepared_of("bert")).revision


def test_prepare_older_checkpoint_is_replaced_as_a_whole(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    (target / "labels.txt").write_bytes(b"old")
    prepare(str(source), target=target)
    assert sorted(path.name for path in target.iterdir()) == FILES
    assert (target / "labels.txt").read_bytes() != b"old"
    assert list(target.parent.iterdir()) == [target]


def test_prepare_target_with_something_else_is_refused_and_kept(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    (target / "thesis.txt").write_text("my own")
    with pytest.raises(PrepareError, match=r"holds 'thesis\.txt' and would be replaced"):
        prepare(str(source), target=target)
    assert (target / "thesis.txt").read_text() == "my own"


def test_prepare_target_that_is_a_file_is_refused_and_kept(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("my own")
    with pytest.raises(PrepareError, match="is a file; name a folder"):
        prepare(str(source), target=target)
    assert target.read_text() == "my own"


def test_prepare_revision_of_a_folder_is_refused(source: Path, target: Path) -> None:
    with pytest.raises(PrepareError, match="--revision main is for hub models"):
        prepare(str(source), target=target, revision="main")


def test_prepare_broken_tokenizer_is_refused(source: Path, target: Path) -> None:
    (source / "tokenizer.json").write_text('{"a": 1}')
    with pytest.raises(PrepareError, match="cannot load"):
        prepare(str(source), target=target)


def test_prepare_folder_and_files_are_world_readable(source: Path, target: Path) -> None:
    before = os.umask(0o022)
    try:
        prepare(str(source), target=target)
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o755
    for path in target.iterdir():
        assert path.stat().st_mode & 0o044 == 0o044, path.name


# Interruptions.


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def older(target: Path) -> dict[str, bytes]:
    """What stands at the target before: it must survive."""
    target.mkdir(parents=True)
    (target / "config.json").write_text("an older checkpoint")
    return read_all(target)


@pytest.mark.parametrize("step", ["write_checkpoint", "check_tokenizer", "check_predictions"])
def test_prepare_interrupted_leaves_the_old_checkpoint_and_no_scratch(
    source: Path,
    target: Path,
    older: dict[str, bytes],
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prepare_model, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(str(source), target=target)
    assert read_all(target) == older
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("num_renames", "is_after"),
    [
        pytest.param(1, False, id="before-the-first-rename"),
        pytest.param(1, True, id="just-after-the-first-rename"),
        pytest.param(2, False, id="before-the-second-rename"),
        pytest.param(2, True, id="just-after-the-second-rename"),
    ],
)
def test_swap_interrupted_at_a_rename_leaves_a_whole_checkpoint(
    source: Path,
    target: Path,
    older: dict[str, bytes],
    num_renames: int,
    is_after: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rename, calls = Path.rename, []

    def rename_interrupted(self: Path, other: Path) -> Path:
        calls.append(other)
        is_hit = len(calls) == num_renames
        if is_hit and not is_after:
            raise KeyboardInterrupt
        result = rename(self, other)
        if is_hit:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(Path, "rename", rename_interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(str(source), target=target)
    assert target.is_dir()
    assert read_all(target) == older or sorted(read_all(target)) == FILES
    assert list(target.parent.iterdir()) == [target]


def test_check_predictions_altered_weights_are_found(
    source: Path, target: Path, older: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = prepare_model.write_checkpoint

    def write_and_alter(*args: Any, folder: Path, **kwargs: Any) -> None:
        write(*args, folder=folder, **kwargs)
        weights = load_file(folder / "model.safetensors")
        weights["classifier.bias"] = weights["classifier.bias"] + torch.eye(len(LABELS))[0]
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    monkeypatch.setattr(prepare_model, "write_checkpoint", write_and_alter)
    with pytest.raises(PrepareError, match=r"differs from its source by .*limit is 0\.0001"):
        prepare(str(source), target=target)
    assert read_all(target) == older


def test_check_tokenizer_altered_vocabulary_is_found(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = prepare_model.write_checkpoint

    def write_and_alter(*args: Any, folder: Path, **kwargs: Any) -> None:
        write(*args, folder=folder, **kwargs)
        document = json.loads((folder / "tokenizer.json").read_text())
        document["normalizer"]["lowercase"] = False
        (folder / "tokenizer.json").write_text(json.dumps(document))

    monkeypatch.setattr(prepare_model, "write_checkpoint", write_and_alter)
    with pytest.raises(PrepareError, match=r"the written tokenizer\.json reads probe"):
        prepare(str(source), target=target)


# The command.


def run_main(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["prepare_model.py", *options])
    return prepare_model.main()


@pytest.mark.usefixtures("sigterm")
def test_main_good_source_exits_with_0(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_main(monkeypatch, "--model", str(source), "--output", str(target)) == 0
    assert read_checkpoint(target).labels == LABELS


@pytest.mark.usefixtures("sigterm")
def test_main_bad_source_exits_with_2_and_one_sentence(
    source: Path,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    drop_labels(source)
    assert run_main(monkeypatch, "--model", str(source), "--output", str(target)) == 2
    error = capsys.readouterr().err
    assert error.startswith("prepare_model: ")
    assert error.count("\n") == 1


@pytest.mark.usefixtures("sigterm")
@pytest.mark.parametrize(
    ("step", "failure", "sentence"),
    [
        pytest.param(
            "read_checkpoint", CheckpointError("id2label has a label twice"), "twice", id="engine"
        ),
        pytest.param(
            "write_checkpoint",
            SafetensorError("Error while serializing: I/O error: No space left on device"),
            "checkpoint: cannot be written (is the disk full?); make room",
            id="full-disk",
        ),
    ],
)
def test_main_failure_on_the_way_exits_with_2_and_one_sentence(
    source: Path,
    target: Path,
    step: str,
    failure: Exception,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(prepare_model, step, fail)
    assert run_main(monkeypatch, "--model", str(source), "--output", str(target)) == 2
    error = capsys.readouterr().err
    assert error.startswith("prepare_model: ")
    assert sentence in error
    assert error.count("\n") == 1
    assert list(target.parent.iterdir()) == []


@pytest.mark.usefixtures("sigterm")
def test_main_interrupted_exits_with_0_and_says_so(
    source: Path,
    target: Path,
    older: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(prepare_model, "check_tokenizer", interrupt)
    assert run_main(monkeypatch, "--model", str(source), "--output", str(target)) == 0
    assert "stopped; the checkpoint is as it was" in capsys.readouterr().out
    assert read_all(target) == older


def test_prepare_folder_of_an_adapter_is_merged_into_its_base(tmp_path: Path) -> None:
    adapter = shutil.copytree(ADAPTER, tmp_path / "adapter")
    config = json.loads((adapter / "config.json").read_text())
    config["id2label"]["2"] = "delight"  # told apart from the shipped one by a label
    (adapter / "config.json").write_text(json.dumps(config))
    adapter_config = json.loads((adapter / "adapter_config.json").read_text())
    adapter_config["base_model_name_or_path"] = str(default_base())  # as for any base in a folder
    (adapter / "adapter_config.json").write_text(json.dumps(adapter_config))
    prepare(str(adapter), target=tmp_path / "checkpoint")
    labels = (tmp_path / "checkpoint" / "labels.txt").read_text().split()
    assert labels == ["anger", "fear", "delight", "love", "sadness", "surprise"]


def test_prepare_folder_that_is_not_there_is_said(target: Path) -> None:
    with pytest.raises(PrepareError, match=r"there is no folder \./my-classifier"):
        prepare("./my-classifier", target=target)
