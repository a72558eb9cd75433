"""The network that is trained: a base with a head, in full or with LoRA.

It is checked, made and written here; `trainer.py` trains it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from emotion_training.checkpoint.adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from emotion_training.checkpoint.base_model import BASE_NAME, default_base
from emotion_training.checkpoint.max_length import MIN_LENGTH, count_positions
from emotion_training.checkpoint.source_checks import check_source_tokenizer, list_broken
from emotion_training.checkpoint.writing import write_checkpoint, write_labels
from emotion_training.errors import BaseModelError, DataError, PrepareError
from emotion_training.quiet import silence_transformers
from emotion_training.training.calibration import find_last_linear
from emotion_training.training.recipe import Recipe
from emotion_training.wording import first_line

ADAPTER_FILES = (ADAPTER_CONFIG, ADAPTER_WEIGHTS, "config.json")
# peft trains modules of these names in full by default.
PEFT_HEADS = {"classifier", "score"}
# Names in different models' configs. Dropout in attention prevents the fused kernel on a CPU; the
# others more than double the time of a step there (1.2 s and 0.6 s, two cores, 2026-11-22), and
# LoRA's few weights do not need them.
ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")
DROPOUTS = ("hidden_dropout_prob", "dropout", "embedding_dropout", "mlp_dropout")


@dataclass(frozen=True)
class Blueprint:
    """A base that was checked, without its weights.

    Attributes:
        source: arguments of `from_pretrained` that say where it is.
        config: its config, with the labels of the training.
        tokenizer: its tokenizer, which truncates at the training's `max_length`.
        has_head: whether it is a classifier of exactly these labels, in this order.
    """

    source: dict[str, Any]
    config: Any
    tokenizer: Any
    has_head: bool


def check_base(recipe: Recipe, *, labels: Sequence[str]) -> Blueprint:
    """Reads everything of the base except its weights.

    Raises:
        DataError: it cannot be read, is not an encoder that can be trained here, or takes fewer
            tokens.
        BaseModelError: it is the default base and is missing or altered.
    """
    silence_transformers()
    name, folder = recipe.base, Path(recipe.base)
    if name.startswith((".", "/", "~")) and not folder.is_dir():
        raise DataError(f"--base {name}: there is no such folder; name a folder or hub id")
    if (folder / ADAPTER_CONFIG).is_file():
        raise DataError(f"--base {name}: is an adapter; prepare_model.py makes it a whole model")
    path = str(default_base()) if name == BASE_NAME else name
    is_folder = Path(path).is_dir()
    source = {
        "pretrained_model_name_or_path": path,
        "local_files_only": is_folder,
        "trust_remote_code": False,
    }
    try:
        blueprint = draw(source, labels=labels, recipe=recipe)
        check_skeleton(blueprint, max_length=recipe.max_length)
    except (DataError, BaseModelError):
        raise
    except Exception as error:  # a broken file makes these libraries raise anything
        hint = "" if is_folder else "; give a folder, or a hub id that this machine can reach"
        raise DataError(f"--base {name}: cannot be used: {first_line(error)}{hint}") from error
    return blueprint


def draw(source: dict[str, Any], *, labels: Sequence[str], recipe: Recipe) -> Blueprint:
    """Reads config and tokenizer, and gives the config the labels."""
    config = AutoConfig.from_pretrained(**source)
    has_head = dict(config.id2label) == dict(enumerate(labels))
    config.problem_type = "single_label_classification"
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    for name in ATTENTION_DROPOUTS + (() if recipe.full else DROPOUTS):
        if hasattr(config, name):
            setattr(config, name, 0.0)
    tokenizer = AutoTokenizer.from_pretrained(**source, model_max_length=recipe.max_length)
    if getattr(config, "pad_token_id", None) is None:  # a decoder refuses batches without it
        config.pad_token_id = tokenizer.pad_token_id
    return Blueprint(source=source, config=config, tokenizer=tokenizer, has_head=has_head)


def check_skeleton(blueprint: Blueprint, *, max_length: int) -> None:
    """Builds the network without memory for its weights, and refuses one that cannot be trained.

    Raises:
        DataError: the base has fewer positions than `max_length`.
        PrepareError: its tokenizer cannot be served, or cannot pad.
        ValueError: it has no head with an output for each label.
    """
    with torch.device("meta"):
        skeleton = AutoModelForSequenceClassification.from_config(blueprint.config)
    limit = count_positions(skeleton)
    if not MIN_LENGTH <= max_length <= limit:
        raise DataError(f"--max-length is {max_length}; this base takes {MIN_LENGTH} to {limit}")
    check_source_tokenizer(blueprint.tokenizer, vocab_size=blueprint.config.vocab_size)
    if blueprint.tokenizer.pad_token is None:
        raise PrepareError("its tokenizer has no token to pad with; give an encoder such as BERT")
    find_last_linear(skeleton)


def load_network(blueprint: Blueprint, *, recipe: Recipe) -> Any:
    """Loads the weights in float32, with a new head if the base has none for these labels.

    Raises:
        DataError: they cannot be loaded, or some are missing; or the adapter to start from is not
            one of this base, labels and rank.
    """
    try:
        network, loading = AutoModelForSequenceClassification.from_pretrained(
            **blueprint.source,
            config=blueprint.config,
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except Exception as error:  # a broken file makes these libraries raise anything
        raise DataError(f"--base {recipe.base}: cannot be loaded: {first_line(error)}") from error
    broken = list_broken(network, loading=loading)
    if broken:
        raise DataError(
            f"--base {recipe.base}: lacks the weights {broken[0]} in the shape that its"
            " config.json says; fetch it again"
        )
    if not blueprint.has_head:
        layer = find_last_linear(network)
        torch.nn.init.normal_(layer.weight, std=network.config.initializer_range)
        if layer.bias is not None:
            torch.nn.init.zeros_(layer.bias)
    if recipe.full:
        return network
    try:
        network = add_lora(network, rank=recipe.rank)
    except ValueError as error:  # peft finds no linear layer in the encoder
        raise DataError(f"--base {recipe.base}: has nothing for LoRA; add --full") from error
    if recipe.start:
        read_adapter(network, folder=recipe.start)
    return network


def read_adapter(network: Any, *, folder: Path) -> None:
    """Writes an adapter's weights into a network that `add_lora` returned.

    Raises:
        DataError: the folder has no adapter, or that of another base, of other labels or rank.
    """
    refusal = DataError(
        f"--start {folder}: is not an adapter of this base, of these labels and of this rank"
    )
    try:
        labels = AutoConfig.from_pretrained(folder, local_files_only=True).id2label
        weights = load_file(folder / ADAPTER_WEIGHTS)
        peft.set_peft_model_state_dict(network, weights)
    except Exception as error:  # a broken file makes these libraries raise anything
        raise refusal from error
    needed = {
        name.replace(".default", "").replace(".modules_to_save", "")
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }
    if labels != network.config.id2label or set(weights) != needed:
        raise refusal


def add_lora(network: Any, *, rank: int) -> Any:
    """Wraps the network: LoRA on every linear of the encoder; pooler and head trained in full."""
    wrapped = peft.get_peft_model(
        network,
        peft.LoraConfig(
            task_type=peft.TaskType.SEQ_CLS,
            r=rank,
            lora_alpha=2 * rank,
            target_modules=target_pattern(network),
            modules_to_save=list_head(network),
        ),
    )
    # Otherwise every save asks the hub whether the base's vocabulary has grown.
    wrapped.peft_config["default"].base_model_name_or_path = ""
    return wrapped


def target_pattern(network: Any) -> str:
    """Returns a pattern for the names of the encoder's linear layers, without the pooler's.

    peft's own "all-linear" writes them in another order each time.
    """
    names = (
        name.split(".")
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear) and name.startswith(f"{network.base_model_prefix}.")
    )
    patterns = {
        r"\.".join(r"\d+" if part.isdecimal() else re.escape(part) for part in parts)
        for parts in names
        if "pooler" not in parts
    }
    return "|".join(sorted(patterns))


def list_head(network: Any) -> list[str]:
    """Returns the modules to train in full, except those that peft knows: pooler and head."""
    head = {
        name
        for name, child in network.named_children()
        if name != network.base_model_prefix and any(True for _ in child.parameters())
    }
    pooler = {"pooler"} if getattr(network.base_model, "pooler", None) is not None else set()
    return sorted((head | pooler) - PEFT_HEADS)


def write_network(network: Any, *, blueprint: Blueprint, recipe: Recipe, folder: Path) -> None:
    """Writes what prepare_model.py reads: an adapter with its config, or a whole checkpoint."""
    if recipe.full:
        write_checkpoint(network, blueprint.tokenizer, folder=folder, max_length=recipe.max_length)
    else:
        write_adapter(network, blueprint=blueprint, base=recipe.base, folder=folder)


def write_adapter(network: Any, *, blueprint: Blueprint, base: str, folder: Path) -> None:
    """Writes LoRA weights and head, peft's config for `base`, the merged config, and the length."""
    # The default base by its name, not by the folder of its package on this machine.
    network.peft_config["default"].base_model_name_or_path = base
    network.save_pretrained(folder, save_embedding_layers=False)
    network.config.architectures = [type(network.get_base_model()).__name__]
    network.config.save_pretrained(folder)
    write_labels(network.config, folder=folder)
    for path in folder.iterdir():
        if path.name not in ADAPTER_FILES:
            path.unlink()  # peft's own card
    length = {"model_max_length": blueprint.tokenizer.model_max_length}
    (folder / "tokenizer_config.json").write_text(json.dumps(length) + "\n", encoding="utf-8")
    # Only its owner can read it at first.
    (folder / ADAPTER_WEIGHTS).chmod(0o644)
