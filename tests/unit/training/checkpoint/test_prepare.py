"""What is refused for serving, and what is written."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from emotion_client.tokenizer import TextTokenizer
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.classifier import Classifier
from emotion_engine.errors import CheckpointError
from emotion_engine.settings import EngineSettings
from emotion_training.checkpoint import prepare as prepare_module
from emotion_training.checkpoint.prepare import prepare
from emotion_training.errors import PrepareError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertModel

from checkpoints import (
    KINDS,
    LABELS,
    MAX_LENGTH,
    TEXTS,
    build_checkpoint,
    edit_json,
    edit_weights,
    reference_probabilities,
)
from scripts.prepare_model import main

FILES = [
    "SHA256SUMS",
    "config.json",
    "labels.txt",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
]


@pytest.fixture
def target(tmp_path):
    return tmp_path / "repository" / "checkpoint"


@pytest.fixture
def older(target):
    """An older checkpoint at the target, which must survive."""
    target.mkdir(parents=True)
    (target / "config.json").write_text("an older checkpoint")
    return read_all(target)


def read_all(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check_same_predictions(folder, source, *, max_length=MAX_LENGTH):
    """Checks that the engine on a prepared folder answers as transformers on its source."""
    checkpoint = read_checkpoint(folder)
    assert checkpoint.max_length == max_length
    tokenizer = TextTokenizer(checkpoint.tokenizer_json(), max_length=max_length)
    rows = [np.array(encoding.input_ids) for encoding in tokenizer.encode(TEXTS)]
    settings = EngineSettings(dtype="float32", max_batch_tokens=1024)
    answer = Classifier.load(checkpoint, settings=settings).predict(rows).probabilities
    expected = reference_probabilities(source, TEXTS, max_length=max_length)
    assert np.abs(answer - expected).max() <= 1e-5


# Sources that cannot be served.


def drop(*names):
    return lambda source: [(source / name).unlink() for name in names]


def edit_config(name="config.json", **changes):
    return lambda source: edit_json(source / name, **changes)


def overwrite(name, content):
    return lambda source: (source / name).write_text(content)


def pickle_weights(source):
    torch.save(load_file(source / "model.safetensors"), source / "pytorch_model.bin")
    (source / "model.safetensors").unlink()


def cut_weights(source):
    content = (source / "model.safetensors").read_bytes()
    (source / "model.safetensors").write_bytes(content[: len(content) // 2])


def drop_head(source):
    config = json.loads((source / "config.json").read_text())
    BertModel.from_pretrained(source).save_pretrained(source)
    edit_config(id2label=config["id2label"], label2id=config["label2id"])(source)


def add_token(source):
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.add_tokens(["lalala"])
    tokenizer.save_pretrained(source)


def add_weights(name, shape):
    """Returns a change that adds weights which the architecture has no use for."""

    def add(source):
        path = source / "model.safetensors"
        weights = {**load_file(path), name: torch.ones(shape)}
        save_file(weights, path, metadata={"format": "pt"})

    return add


def set_nan(source):
    edit_weights(source, lambda name, x: x.fill_(torch.nan) if name == "classifier.bias" else x)


def require_code(source):
    edit_json(source / "config.json", model_type="mine", auto_map={"AutoConfig": "mine.Config"})


DISTANCES = "bert.encoder.layer.0.attention.self.distance_embedding.weight"
NO_TOKENIZER = drop("tokenizer.json", "tokenizer_config.json")
BROKEN_TOKENIZER = overwrite("tokenizer.json", '{"a": 1}')
BROKEN_CONFIG = overwrite("config.json", "{")
LEFT = edit_config("tokenizer_config.json", truncation_side="left")
NO_LABELS = edit_config(id2label=..., label2id=...)
FIVE_LABELS = edit_config(id2label=dict(enumerate(LABELS[:5])), label2id=...)
ONE_LABEL = edit_config(id2label={"0": "score"}, label2id={"score": 0})
REGRESSION = edit_config(problem_type="regression")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(pickle_weights, "cannot load .*safetensors", id="pickled-weights-alone"),
        pytest.param(cut_weights, "cannot load", id="weights-cut-in-half"),
        pytest.param(drop("config.json"), r"config\.json", id="no-config"),
        pytest.param(BROKEN_CONFIG, r"cannot load .*config\.json", id="broken-config"),
        pytest.param(
            NO_LABELS, r"has no label names .*; prepare_model\.py --labels", id="no-label-names"
        ),
        pytest.param(FIVE_LABELS, "shapes of its weights do not match", id="five-of-six-labels"),
        pytest.param(ONE_LABEL, "the one label 'score': it is a regression", id="one-label"),
        pytest.param(REGRESSION, "problem_type is 'regression'", id="regression"),
        pytest.param(drop_head, "lacks the weights classifier.*fine-tune it", id="no-head"),
        pytest.param(
            add_weights(DISTANCES, (3, 4)), f"has the weights {DISTANCES}, which", id="unused"
        ),
        pytest.param(add_weights("extra.weight", (2,)), "has the weights extra.w", id="more-head"),
        pytest.param(
            edit_config(architectures=["BertForTokenClassification"]),
            "is a BertForTokenClassification .* not a sequence classifier",
            id="token-classifier",
        ),
        pytest.param(set_nan, r"weights classifier\.bias that is not finite \(NaN", id="nan"),
        pytest.param(require_code, "needs code of its own .*is not run", id="remote-code"),
        pytest.param(LEFT, "truncation_side is 'left'; only right is s", id="left-truncation"),
        pytest.param(NO_TOKENIZER, "token", id="no-tokenizer"),
        pytest.param(BROKEN_TOKENIZER, "cannot load", id="broken-tokenizer"),
        pytest.param(add_token, "token ids, the model .* embeddings", id="one-token-more"),
    ],
)
def test_prepare_bad_source_is_refused_and_nothing_is_left(source, target, spoil, message):
    spoil(source)
    with pytest.raises(PrepareError, match=message):
        prepare(str(source), target=target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("nobody/nothing", "cannot load nobody/nothing: .*; give a folder, or a hub id that"),
        ("./my-classifier", r"there is no folder \./my-classifier"),
    ],
)
def test_prepare_unknown_model_is_refused(target, monkeypatch, model, message):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PrepareError, match=message):
        prepare(model, target=target)


def test_prepare_revision_of_a_folder_is_refused(source, target):
    with pytest.raises(PrepareError, match="--revision main is for hub models"):
        prepare(str(source), target=target, revision="main")


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "modernbert-cls", "electra"])
def test_prepare_max_length_beyond_the_positions_is_refused_with_both(kind, source_of, target):
    too_long = MAX_LENGTH + 1
    with pytest.raises(PrepareError, match=rf"--max-length is {too_long}; .* takes 3 to 128"):
        prepare(str(source_of(kind)), target=target, max_length=too_long)


# Good sources.


@pytest.mark.parametrize(
    "name",
    [
        "bert.embeddings.position_ids",
        "cls.predictions.bias",
        "lm_head.weight",
        "bert.encoder.layer.0.attention.self.rotary.inv_freq",
    ],
)
def test_prepare_weights_that_no_answer_needs_are_left_out(name, source, target):
    add_weights(name, (4,))(source)
    prepare(str(source), target=target)
    assert name not in load_file(target / "model.safetensors")


def test_prepare_pooler_of_a_base_whose_classifier_has_none_is_left_out(tmp_path, target):
    source = build_checkpoint(tmp_path / "source", kind="roberta")
    add_weights("roberta.pooler.dense.weight", (64, 64))(source)
    prepare(str(source), target=target)
    check_same_predictions(target, source)


def test_prepare_labels_name_the_outputs(source, target):
    NO_LABELS(source)
    names = ["a", "b", "c", "d", "e", "f"]
    prepare(str(source), target=target, labels=names)
    assert read_checkpoint(target).labels == tuple(names)
    edit_json(source / "config.json", id2label=dict(enumerate(names)))
    check_same_predictions(target, source)


def test_prepare_labels_of_another_number_are_refused(source, target):
    with pytest.raises(PrepareError, match="shapes of its weights do not match"):
        prepare(str(source), target=target, labels=["a", "b"])


@pytest.mark.parametrize(
    "options",
    [
        {"output_attentions": True, "output_hidden_states": True},
        {"return_dict": False},
        {"served_dtype": "int8"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_prepare_options_of_training_do_not_stop_it(options, source, target):
    edit_json(source / "config.json", **options)
    prepare(str(source), target=target)
    assert read_checkpoint(target).dtype == "auto"
    edit_json(source / "config.json", return_dict=True)
    edit_json(source / "config.json", output_attentions=False, output_hidden_states=False)
    check_same_predictions(target, source)


def test_prepare_says_how_much_of_a_text_is_read(source, target):
    lines = []
    prepare(str(source), target=target, max_length=50, report=lines.append)
    sentence = "texts are cut after 50 tokens of the 128 that the model has positions for"
    assert f"{sentence} (--max-length)" in lines


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_prepare_measures_bfloat16_and_serves_float32_where_it_drifts(
    limit, source, target, monkeypatch
):
    monkeypatch.setattr("emotion_training.checkpoint.prepare.MAX_DRIFT", limit)
    lines = []
    prepare(str(source), target=target, report=lines.append)
    (line,) = (each for each in lines if each.startswith("in bfloat16, probabilities differ by"))
    assert ("it is served in float32" in line) is (limit == 0)
    assert read_checkpoint(target).dtype == ("float32" if limit == 0 else "auto")


@pytest.mark.parametrize("kind", KINDS)
def test_prepare_every_kind_reads_and_classifies_as_its_source(kind, source_of, prepared_of):
    folder = prepared_of(kind)
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "labels.txt").read_text() == "".join(f"{label}\n" for label in LABELS)
    check_same_predictions(folder, source_of(kind))
    expected = reference_probabilities(source_of(kind), TEXTS)
    assert np.abs(reference_probabilities(folder, TEXTS) - expected).max() <= 1e-6


@pytest.mark.parametrize(("kind", "max_length"), [("bert", 3), ("roberta", 64)])
def test_prepare_max_length_is_written_and_kept_to(kind, max_length, source_of, target):
    prepare(str(source_of(kind)), target=target, max_length=max_length)
    check_same_predictions(target, source_of(kind), max_length=max_length)


@pytest.mark.parametrize(
    "options", [{"vocab_only": True}, {"problem_type": "multi_label_classification"}], ids=repr
)
def test_prepare_older_or_multi_label_source_answers_as_before(options, tmp_path, target):
    source = build_checkpoint(tmp_path / "source", kind="bert", **options)
    assert (source / "tokenizer.json").exists() != options.get("vocab_only", False)
    prepare(str(source), target=target)
    problem_type = options.get("problem_type", "single_label_classification")
    assert read_checkpoint(target).problem_type == problem_type
    check_same_predictions(target, source)


def pad_and_truncate(source):
    backend = AutoTokenizer.from_pretrained(source).backend_tokenizer
    backend.enable_padding(length=128)
    backend.enable_truncation(8)
    backend.save(str(source / "tokenizer.json"))


def halve_weights(source):
    edit_weights(source, lambda _, x: x.to(torch.bfloat16))
    edit_json(source / "config.json", dtype="bfloat16")


def shard_weights(source):
    model = AutoModelForSequenceClassification.from_pretrained(source)
    (source / "model.safetensors").unlink()
    model.save_pretrained(source, max_shard_size="100KB")
    assert (source / "model.safetensors.index.json").exists()


@pytest.mark.parametrize("change", [pad_and_truncate, halve_weights, shard_weights])
def test_prepare_source_in_another_form_is_written_as_usual(change, source, target):
    change(source)
    prepare(str(source), target=target)
    assert sorted(path.name for path in target.iterdir()) == FILES
    written = json.loads((target / "tokenizer.json").read_text())
    assert (written["padding"], written["truncation"]) == (None, None)
    check_same_predictions(target, source)


def test_prepare_its_own_output_gives_the_same_revision(prepared_of, target):
    prepare(str(prepared_of("bert")), target=target)
    assert read_checkpoint(target).revision == read_checkpoint(prepared_of("bert")).revision


def test_prepare_folder_and_files_are_world_readable(source, target):
    before = os.umask(0o022)
    try:
        prepare(str(source), target=target)
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o755
    for path in target.iterdir():
        assert path.stat().st_mode & 0o044 == 0o044, path.name


# What is at the target.


@pytest.mark.usefixtures("older")
def test_prepare_older_checkpoint_is_replaced_as_a_whole(source, target):
    prepare(str(source), target=target)
    assert sorted(path.name for path in target.iterdir()) == FILES
    assert read_checkpoint(target).labels == LABELS
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("repository/checkpoint/thesis.txt", r"holds 'thesis\.txt' and would be replaced"),
        ("repository/checkpoint", "is a file; name a folder"),
    ],
)
def test_prepare_target_with_something_else_is_refused_and_kept(
    source, target, tmp_path, name, message
):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("my own")
    with pytest.raises(PrepareError, match=message):
        prepare(str(source), target=target)
    assert path.read_text() == "my own"


# Interruptions.


@pytest.mark.parametrize("num_renames", [1, 2])
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_swap_interrupted_at_a_rename_leaves_a_whole_checkpoint(
    source, target, older, num_renames, is_after, monkeypatch
):
    rename, calls = Path.rename, []

    def rename_interrupted(self, other):
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


# The comparison with the source.


def shift_a_label(folder):
    shift = torch.eye(len(LABELS))[0]
    edit_weights(folder, lambda name, x: x + shift if name == "classifier.bias" else x)


def keep_capitals(folder):
    document = json.loads((folder / "tokenizer.json").read_text())
    document["normalizer"]["lowercase"] = False
    (folder / "tokenizer.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (shift_a_label, r"differs from its source by .*limit is 0\.0001"),
        (keep_capitals, r"the written tokenizer\.json reads probe 1 as .*, AutoTokenizer as"),
    ],
)
def test_prepare_altered_checkpoint_is_found(source, target, older, alter, message, monkeypatch):
    write = prepare_module.write_checkpoint

    def write_and_alter(*args, folder, **kwargs):
        write(*args, folder=folder, **kwargs)
        alter(folder)

    monkeypatch.setattr(prepare_module, "write_checkpoint", write_and_alter)
    with pytest.raises(PrepareError, match=message):
        prepare(str(source), target=target)
    assert read_all(target) == older


# The command.


def test_main_good_source_exits_with_0(source, target):
    assert main(["--model", str(source), "--output", str(target)]) == 0
    assert read_checkpoint(target).labels == LABELS


FULL_DISK = SafetensorError("Error while serializing: I/O error: No space left on device")


@pytest.mark.parametrize(
    ("step", "failure", "code", "sentence"),
    [
        ("load_source", PrepareError("no id2label"), 2, "no id2label"),
        ("read_checkpoint", CheckpointError("a label twice"), 2, "a label twice"),
        ("write_checkpoint", FULL_DISK, 2, "cannot be written (is the disk full?); make room"),
        ("compare_tokenizers", KeyboardInterrupt(), 0, "stopped; the checkpoint is as it was"),
    ],
)
def test_main_failure_is_one_sentence_and_keeps_the_old_checkpoint(
    source, target, older, step, failure, code, sentence, monkeypatch, capsys
):
    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(prepare_module, step, fail)
    assert main(["--model", str(source), "--output", str(target)]) == code
    error = capsys.readouterr().err
    assert error.startswith("prepare_model: ")
    assert error.endswith(f"{sentence}\n")
    assert error.count("\n") == 1
    assert read_all(target) == older
    assert list(target.parent.iterdir()) == [target]
