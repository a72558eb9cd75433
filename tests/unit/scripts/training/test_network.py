"""Bases that `scripts/network.py` takes and refuses, and what it writes of them."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from examples import DataError
from prepare_model import silence_transformers
from safetensors.torch import load_file, save_file
from source_model import ADAPTER, PrepareError, load_source
from torch import nn
from training.network import (
    ADAPTER_FILES,
    add_lora,
    check_base,
    list_head,
    load_network,
    target_pattern,
    write_network,
)
from training.recipe import Recipe, parse_args, resolve
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from checkpoints import KINDS, LABELS, TEXTS

# peft 0.21 uses a name that transformers 5.23 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:transformers")
HEADS = {
    "bert": {"bert.pooler.dense", "classifier"},
    "distilbert": {"pre_classifier", "classifier"},
    "roberta": {"classifier.dense", "classifier.out_proj"},
    "xlm-roberta": {"classifier.dense", "classifier.out_proj"},
    "modernbert-cls": {"head.dense", "classifier"},
    "modernbert-mean": {"head.dense", "classifier"},
    "electra": {"classifier.dense", "classifier.out_proj"},
}


@pytest.fixture
def source(tmp_path: Path, source_of: Callable[[str], Path]) -> Path:
    """A small BERT that a test may spoil."""
    return Path(shutil.copytree(source_of("bert"), tmp_path / "source"))


def make_recipe(base: Path | str, **options: Any) -> Recipe:
    args = parse_args(["--train", "mine.csv", "--output", "out", "--base", str(base)])
    return dataclasses.replace(resolve(args), **options)


def compute_logits(model: Any, *, tokenizer: Any) -> torch.Tensor:
    inputs = tokenizer(
        list(TEXTS), padding=True, truncation=True, max_length=64, return_tensors="pt"
    )
    inputs.pop("token_type_ids", None)
    with torch.no_grad():
        logits: torch.Tensor = model.eval()(**inputs).logits
    return logits


def shake(model: Any) -> None:
    """Changes everything that is trained, as a training does."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_target_pattern_is_every_linear_of_the_encoder_and_none_of_the_head(
    kind: str, source_of: Callable[[str], Path]
) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(source_of(kind))
    linears = {name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    targets = {name for name in linears if re.fullmatch(target_pattern(model), name)}
    assert linears - targets == HEADS[kind]
    head = [*list_head(model), "classifier"]
    assert all(any(part in head for part in name.split(".")) for name in HEADS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_add_lora_trains_lora_and_the_whole_head(
    kind: str, source_of: Callable[[str], Path]
) -> None:
    model = add_lora(AutoModelForSequenceClassification.from_pretrained(source_of(kind)), rank=2)
    trained = {name for name, weights in model.named_parameters() if weights.requires_grad}
    in_full = {
        name.removeprefix("base_model.model.").replace(".modules_to_save.default", "")
        for name in trained
        if ".lora_" not in name
    }
    assert len(trained) > len(in_full)
    assert {f"{name}.weight" for name in HEADS[kind]} <= in_full


@pytest.mark.parametrize("kind", KINDS)
def test_write_network_adapter_is_loaded_as_it_was(
    kind: str, source_of: Callable[[str], Path], tmp_path: Path
) -> None:
    silence_transformers()
    recipe = make_recipe(source_of(kind), rank=2)
    blueprint = check_base(recipe, labels=LABELS)
    network = load_network(blueprint, recipe=recipe)
    shake(network)
    write_network(network, blueprint=blueprint, recipe=recipe, folder=tmp_path / "adapter")
    names = sorted(path.name for path in (tmp_path / "adapter").iterdir())
    assert names == [*ADAPTER_FILES, "tokenizer_config.json"]
    length = json.loads((tmp_path / "adapter" / "tokenizer_config.json").read_text())
    assert length == {"model_max_length": recipe.max_length}
    loaded, tokenizer = load_source(str(tmp_path / "adapter"), revision=None)
    expected = compute_logits(network, tokenizer=tokenizer)
    torch.testing.assert_close(
        compute_logits(loaded, tokenizer=tokenizer), expected, atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("kind", KINDS)
def test_write_network_whole_is_an_ordinary_folder(
    kind: str, source_of: Callable[[str], Path], tmp_path: Path
) -> None:
    silence_transformers()
    labels = ["low", "high"]
    recipe = make_recipe(source_of(kind), full=True, max_length=32)
    blueprint = check_base(recipe, labels=labels)
    network = load_network(blueprint, recipe=recipe)
    shake(network)
    folder = tmp_path / "whole"
    write_network(network, blueprint=blueprint, recipe=recipe, folder=folder)
    loaded = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.model_max_length == 32
    assert loaded.config.id2label == dict(enumerate(labels))
    assert loaded.config.problem_type == "single_label_classification"
    torch.testing.assert_close(
        compute_logits(loaded, tokenizer=tokenizer), compute_logits(network, tokenizer=tokenizer)
    )
    assert not any(str(source_of(kind)) in x.read_text("latin-1") for x in folder.iterdir())


@pytest.mark.parametrize("full", [False, True], ids=["adapter", "whole"])
def test_write_network_label_names_that_are_the_defaults_of_transformers_are_written(
    full: bool, source: Path, tmp_path: Path
) -> None:
    silence_transformers()
    labels = ["LABEL_0", "LABEL_1"]
    recipe = make_recipe(source, full=full, rank=2)
    blueprint = check_base(recipe, labels=labels)
    network = load_network(blueprint, recipe=recipe)
    write_network(network, blueprint=blueprint, recipe=recipe, folder=tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["id2label"] == {"0": "LABEL_0", "1": "LABEL_1"}
    assert config["label2id"] == {"LABEL_0": 0, "LABEL_1": 1}
    loaded, _ = load_source(str(tmp_path / "out"), revision=None)
    assert loaded.config.id2label == dict(enumerate(labels))


def test_write_network_adapter_has_the_same_bytes_every_time(source: Path, tmp_path: Path) -> None:
    silence_transformers()
    recipe = make_recipe(source, rank=2)
    blueprint = check_base(recipe, labels=LABELS)
    for name in ("one", "two"):
        torch.manual_seed(0)
        network = load_network(blueprint, recipe=recipe)
        write_network(network, blueprint=blueprint, recipe=recipe, folder=tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_load_network_bfloat16_base_is_trained_in_float32(source: Path) -> None:
    weights = load_file(source / "model.safetensors")
    halves = {name: x.to(torch.bfloat16) for name, x in weights.items()}
    save_file(halves, source / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((source / "config.json").read_text()) | {"dtype": "bfloat16"}
    (source / "config.json").write_text(json.dumps(config))
    recipe = make_recipe(source)
    network = load_network(check_base(recipe, labels=LABELS), recipe=recipe)
    assert {x.dtype for x in network.parameters()} == {torch.float32}


# Bases that cannot be trained.


def drop_config(source: Path) -> None:
    (source / "config.json").unlink()


def drop_tokenizer(source: Path) -> None:
    (source / "tokenizer.json").unlink()
    (source / "tokenizer_config.json").unlink()


def drop_padding(source: Path) -> None:
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {"pad_token_id": None}))
    tokenizer = json.loads((source / "tokenizer_config.json").read_text())
    kept = {**tokenizer, "pad_token": None, "tokenizer_class": "PreTrainedTokenizerFast"}
    (source / "tokenizer_config.json").write_text(json.dumps(kept))


def become_adapter(source: Path) -> None:
    shutil.copyfile(ADAPTER / "adapter_config.json", source / "adapter_config.json")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(shutil.rmtree, "there is no such folder", id="no-folder"),
        pytest.param(drop_config, r"cannot be used: .*config\.json", id="no-config"),
        pytest.param(drop_tokenizer, "cannot be used: .*token", id="no-tokenizer"),
        pytest.param(drop_padding, "no token to pad with", id="no-padding"),
        pytest.param(become_adapter, "is an adapter; prepare_model", id="adapter"),
    ],
)
def test_check_base_bad_base_is_refused(
    source: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    silence_transformers()
    recipe = make_recipe(source)
    spoil(source)
    with pytest.raises(DataError, match=sentence) as caught:
        check_base(recipe, labels=LABELS)
    assert str(caught.value).startswith(f"--base {source}: ")
    assert "\n" not in str(caught.value)


def test_check_base_name_that_is_neither_folder_nor_on_the_hub_says_what_to_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"--base nope: .*; give a folder, or a hub id") as caught:
        check_base(make_recipe("nope"), labels=LABELS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert-cls"])
def test_check_base_too_many_tokens_are_refused_with_the_limit(
    kind: str, source_of: Callable[[str], Path]
) -> None:
    check_base(make_recipe(source_of(kind), max_length=128), labels=LABELS)
    with pytest.raises(DataError, match="--max-length is 129; this base takes 3 to 128"):
        check_base(make_recipe(source_of(kind), max_length=129), labels=LABELS)


def cut_weights(source: Path) -> None:
    content = (source / "model.safetensors").read_bytes()
    (source / "model.safetensors").write_bytes(content[: len(content) // 2])


def drop_layer(source: Path) -> None:
    weights = load_file(source / "model.safetensors")
    kept = {name: x for name, x in weights.items() if ".layer.1." not in name}
    save_file(kept, source / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(cut_weights, "cannot be loaded", id="cut-in-half"),
        pytest.param(drop_layer, r"lacks the weights bert\.encoder\.layer\.1", id="no-layer"),
    ],
)
def test_load_network_bad_weights_are_refused(
    source: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    silence_transformers()
    recipe = make_recipe(source)
    blueprint = check_base(recipe, labels=LABELS)
    spoil(source)
    with pytest.raises(DataError, match=f"--base .*: {sentence}"):
        load_network(blueprint, recipe=recipe)


@pytest.mark.parametrize(
    ("order", "is_kept"), [pytest.param(1, True, id="same"), pytest.param(-1, False, id="reversed")]
)
def test_load_network_keeps_a_head_of_these_labels_in_this_order_alone(
    source: Path, order: int, is_kept: bool
) -> None:
    silence_transformers()
    recipe = make_recipe(source, full=True)
    network = load_network(check_base(recipe, labels=LABELS[::order]), recipe=recipe)
    base = AutoModelForSequenceClassification.from_pretrained(source)
    assert torch.equal(network.classifier.weight, base.classifier.weight) == is_kept
    assert torch.equal(network.bert.pooler.dense.weight, base.bert.pooler.dense.weight)


def shrink_vocabulary(source: Path) -> None:
    weights = load_file(source / "model.safetensors")
    name = "bert.embeddings.word_embeddings.weight"
    weights[name] = weights[name][:-1].clone()
    save_file(weights, source / "model.safetensors", metadata={"format": "pt"})


def test_load_network_of_an_encoder_in_other_shapes_is_refused(source: Path) -> None:
    silence_transformers()
    shrink_vocabulary(source)
    recipe = make_recipe(source)
    with pytest.raises(DataError, match=r"lacks the weights bert\.embeddings\.word_embeddings"):
        load_network(check_base(recipe, labels=LABELS), recipe=recipe)


def test_load_source_of_an_adapter_whose_base_has_changed_is_refused(
    source: Path, tmp_path: Path
) -> None:
    silence_transformers()
    recipe = make_recipe(source, rank=2)
    blueprint = check_base(recipe, labels=LABELS)
    network = load_network(blueprint, recipe=recipe)
    write_network(network, blueprint=blueprint, recipe=recipe, folder=tmp_path / "adapter")
    shrink_vocabulary(source)
    with pytest.raises(PrepareError, match="give the base that it was trained on"):
        load_source(str(tmp_path / "adapter"), revision=None)
