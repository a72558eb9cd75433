"""Bases that can be trained, and what is written of them."""

import dataclasses
import json
import shutil

import pytest
import torch
from emotion_command.checkout import ADAPTER
from emotion_training.checkpoint.source_model import load_source
from emotion_training.errors import DataError, PrepareError
from emotion_training.training.network import (
    ADAPTER_FILES,
    add_lora,
    check_base,
    load_network,
    write_network,
)
from emotion_training.training.options import parse_args
from emotion_training.training.recipe import resolve
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from checkpoints import KINDS, LABELS, compute_logits, edit_json, edit_weights

HEADS = {
    "bert": {"bert.pooler.dense", "classifier"},
    "distilbert": {"pre_classifier", "classifier"},
    "roberta": {"classifier.dense", "classifier.out_proj"},
    "xlm-roberta": {"classifier.dense", "classifier.out_proj"},
    "modernbert-cls": {"head.dense", "classifier"},
    "modernbert-mean": {"head.dense", "classifier"},
    "electra": {"classifier.dense", "classifier.out_proj"},
}


def make_recipe(base, **options):
    args = parse_args(["--train", "mine.csv", "--output", "out", "--base", str(base)])
    return dataclasses.replace(resolve(args), **options)


def build(base, *, folder, labels=LABELS, **options):
    """Writes a network whose trained weights were all changed, as by a training."""
    recipe = make_recipe(base, **options)
    blueprint = check_base(recipe, labels=labels)
    network = load_network(blueprint, recipe=recipe)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    write_network(network, blueprint=blueprint, recipe=recipe, folder=folder)
    return network


@pytest.mark.parametrize("kind", KINDS)
def test_add_lora_trains_lora_on_the_linears_of_the_encoder_and_the_whole_head(kind, source_of):
    model = AutoModelForSequenceClassification.from_pretrained(source_of(kind))
    linears = {name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    trained = {
        name.removeprefix("base_model.model.").replace(".modules_to_save.default", "")
        for name, weights in add_lora(model, rank=2).named_parameters()
        if weights.requires_grad
    }
    with_lora = {name.partition(".lora_")[0] for name in trained if ".lora_" in name}
    assert with_lora == linears - HEADS[kind]
    assert {f"{name}.weight" for name in HEADS[kind]} <= trained


@pytest.mark.parametrize("kind", KINDS)
def test_write_network_adapter_is_loaded_as_it_was(kind, source_of, tmp_path):
    folder = tmp_path / "adapter"
    network = build(source_of(kind), folder=folder, rank=2)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [*ADAPTER_FILES, "tokenizer_config.json"]
    length = json.loads((folder / "tokenizer_config.json").read_text())
    assert length == {"model_max_length": 128}
    loaded, tokenizer = load_source(str(folder), revision=None)
    expected = compute_logits(network, tokenizer=tokenizer)
    torch.testing.assert_close(
        compute_logits(loaded, tokenizer=tokenizer), expected, atol=1e-4, rtol=1e-4
    )


def test_write_network_whole_is_an_ordinary_folder(source_of, tmp_path):
    labels, folder = ["low", "high"], tmp_path / "whole"
    network = build(source_of("bert"), folder=folder, labels=labels, full=True, max_length=32)
    loaded = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.model_max_length == 32
    assert loaded.config.id2label == dict(enumerate(labels))
    assert loaded.config.problem_type == "single_label_classification"
    torch.testing.assert_close(
        compute_logits(loaded, tokenizer=tokenizer), compute_logits(network, tokenizer=tokenizer)
    )
    assert not any(str(source_of("bert")) in x.read_text("latin-1") for x in folder.iterdir())


@pytest.mark.parametrize("full", [False, True], ids=["adapter", "whole"])
def test_write_network_label_names_that_are_the_defaults_of_transformers_are_written(
    full, source, tmp_path
):
    labels, folder = ["LABEL_0", "LABEL_1"], tmp_path / "out"
    build(source, folder=folder, labels=labels, full=full, rank=2)
    config = json.loads((folder / "config.json").read_text())
    assert config["id2label"] == {"0": "LABEL_0", "1": "LABEL_1"}
    assert config["label2id"] == {"LABEL_0": 0, "LABEL_1": 1}
    loaded, _ = load_source(str(folder), revision=None)
    assert loaded.config.id2label == dict(enumerate(labels))


def test_write_network_adapter_has_the_same_bytes_every_time(source, tmp_path):
    for name in ("one", "two"):
        torch.manual_seed(0)
        build(source, folder=tmp_path / name, rank=2)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_load_network_starts_from_an_adapter(source_of, tmp_path):
    trained = build(source_of("bert"), folder=tmp_path, rank=2)
    recipe = make_recipe(source_of("bert"), rank=2, start=tmp_path)
    started = load_network(check_base(recipe, labels=LABELS), recipe=recipe)
    tokenizer = AutoTokenizer.from_pretrained(source_of("bert"))
    expected = compute_logits(trained, tokenizer=tokenizer)
    assert torch.equal(compute_logits(started, tokenizer=tokenizer), expected)
    assert any(parameter.requires_grad for parameter in started.parameters())


@pytest.mark.parametrize(
    ("kind", "labels", "rank"),
    [
        pytest.param("bert", LABELS, 3, id="rank"),
        pytest.param("bert", LABELS[::-1], 2, id="order-of-labels"),
        pytest.param("bert", LABELS[1:], 2, id="fewer-labels"),
        pytest.param("distilbert", LABELS, 2, id="base"),
    ],
)
def test_load_network_start_that_does_not_fit_is_refused(source_of, tmp_path, kind, labels, rank):
    build(source_of("bert"), folder=tmp_path, rank=2)
    recipe = make_recipe(source_of(kind), start=tmp_path, rank=rank)
    with pytest.raises(DataError, match=r"^--start .*: is not an adapter of this base, of these"):
        load_network(check_base(recipe, labels=labels), recipe=recipe)


def test_load_network_bfloat16_base_is_trained_in_float32(source):
    edit_weights(source, lambda _, x: x.to(torch.bfloat16))
    edit_json(source / "config.json", dtype="bfloat16")
    recipe = make_recipe(source)
    network = load_network(check_base(recipe, labels=LABELS), recipe=recipe)
    assert {x.dtype for x in network.parameters()} == {torch.float32}


# Bases that cannot be trained.


def drop(*names):
    return lambda source: [(source / name).unlink() for name in names]


def drop_padding(source):
    edit_json(source / "config.json", pad_token_id=None)
    kind = "PreTrainedTokenizerFast"
    edit_json(source / "tokenizer_config.json", pad_token=None, tokenizer_class=kind)


def become_adapter(source):
    shutil.copyfile(ADAPTER / "adapter_config.json", source / "adapter_config.json")


NO_TOKENIZER = drop("tokenizer.json", "tokenizer_config.json")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(shutil.rmtree, "there is no such folder", id="no-folder"),
        pytest.param(drop("config.json"), r"cannot be used: .*config\.json", id="no-config"),
        pytest.param(NO_TOKENIZER, "cannot be used: .*token", id="no-tokenizer"),
        pytest.param(drop_padding, "no token to pad with", id="no-padding"),
        pytest.param(become_adapter, "is an adapter; prepare_model", id="adapter"),
    ],
)
def test_check_base_bad_base_is_refused(source, spoil, sentence):
    recipe = make_recipe(source)
    spoil(source)
    with pytest.raises(DataError, match=sentence) as caught:
        check_base(recipe, labels=LABELS)
    assert str(caught.value).startswith(f"--base {source}: ")
    assert "\n" not in str(caught.value)


def test_check_base_name_that_is_neither_folder_nor_on_the_hub_says_what_to_give(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"--base nope: .*; give a folder, or a hub id") as caught:
        check_base(make_recipe("nope"), labels=LABELS)
    assert "\n" not in str(caught.value)


def test_check_base_too_many_tokens_are_refused_with_the_limit(source_of):
    check_base(make_recipe(source_of("roberta"), max_length=128), labels=LABELS)
    with pytest.raises(DataError, match="--max-length is 129; this base takes 3 to 128"):
        check_base(make_recipe(source_of("roberta"), max_length=129), labels=LABELS)


def cut_weights(source):
    content = (source / "model.safetensors").read_bytes()
    (source / "model.safetensors").write_bytes(content[: len(content) // 2])


def drop_layer(source):
    edit_weights(source, lambda name, x: None if ".layer.1." in name else x)


def shrink_vocabulary(source):
    edit_weights(source, lambda name, x: x[:-1].clone() if "word_embeddings" in name else x)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(cut_weights, "cannot be loaded", id="cut-in-half"),
        pytest.param(drop_layer, r"lacks the weights bert\.encoder\.layer\.1", id="no-layer"),
        pytest.param(shrink_vocabulary, r"lacks the .*\.word_embeddings", id="fewer-embeddings"),
    ],
)
def test_load_network_bad_weights_are_refused(source, spoil, sentence):
    recipe = make_recipe(source)
    blueprint = check_base(recipe, labels=LABELS)
    spoil(source)
    with pytest.raises(DataError, match=f"--base .*: {sentence}"):
        load_network(blueprint, recipe=recipe)


@pytest.mark.parametrize(
    ("order", "is_kept"), [pytest.param(1, True, id="same"), pytest.param(-1, False, id="reversed")]
)
def test_load_network_keeps_a_head_only_for_these_labels_in_this_order(source, order, is_kept):
    recipe = make_recipe(source, full=True)
    network = load_network(check_base(recipe, labels=LABELS[::order]), recipe=recipe)
    base = AutoModelForSequenceClassification.from_pretrained(source)
    assert torch.equal(network.classifier.weight, base.classifier.weight) == is_kept
    assert torch.equal(network.bert.pooler.dense.weight, base.bert.pooler.dense.weight)


def test_load_source_of_an_adapter_whose_base_has_changed_is_refused(source, tmp_path):
    build(source, folder=tmp_path / "adapter", rank=2)
    shrink_vocabulary(source)
    with pytest.raises(PrepareError, match="give the base that it was trained on"):
        load_source(str(tmp_path / "adapter"), revision=None)
