"""The model that a checkpoint is made of, as its author gives it: loaded, and fit to be served."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from base_model import BASE_NAME, BaseModelError, default_base

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
ADAPTER = Path(__file__).resolve().parents[1] / "checkpoints" / "emotion-minilm"


class PrepareError(Exception):
    """The checkpoint cannot be served; the message says why and what to do."""


def load_source(model: str | None, *, revision: str | None) -> tuple[Any, Any]:
    """Returns model and tokenizer, both as transformers loads them.

    Args:
        model: folder of a classifier or of an adapter, or hub id; None takes the shipped adapter.
        revision: commit, tag or branch of a hub model.

    Raises:
        PrepareError: it cannot be fetched or read, has no safetensors, lacks weights or label
            names, or is a regression.
        BaseModelError: the base of the shipped adapter is missing or altered.
    """
    folder = ADAPTER if model is None else Path(model)
    if str(model).startswith((".", "/", "~")) and not folder.is_dir():
        raise PrepareError(f"there is no folder {model}")
    if revision and folder.is_dir():
        raise PrepareError(f"--revision {revision} is for hub models; {folder} is a folder")
    try:
        if (folder / ADAPTER_CONFIG).is_file():
            return load_adapter(folder)
        return load_model(str(model), revision=revision)
    except RuntimeError as error:  # what transformers raises at weights of another shape
        raise PrepareError(
            f"cannot load {model or folder}: the shapes of its weights are not those of its "
            "config.json; does id2label have an entry for each label that it was trained on?"
        ) from error
    except (PrepareError, BaseModelError):
        raise
    except Exception as error:  # whatever a broken file makes of the libraries that read it
        raise PrepareError(
            f"cannot load {model or folder}: {first_line(error)}; "
            "give a folder, or a hub id that this machine can reach"
        ) from error


def load_adapter(folder: Path) -> tuple[Any, Any]:
    """Returns model and tokenizer of an adapter made by scripts/train.py, merged into its base."""
    from peft import PeftModel
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    check_config({"pretrained_model_name_or_path": str(folder), "local_files_only": True})
    name = read_base_name(folder)
    base = str(default_base()) if name == BASE_NAME else name
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    network, loading = AutoModelForSequenceClassification.from_pretrained(
        base,
        config=config,
        use_safetensors=True,
        trust_remote_code=False,
        ignore_mismatched_sizes=True,  # a base with another head; the adapter brings its own
        output_loading_info=True,
    )
    broken = list_broken(network, loading=loading)
    if broken:
        raise PrepareError(
            f"the base {name} lacks the weights {broken[0]} in the shape that the adapter was "
            "trained on; give the base that it was trained on"
        )
    try:
        merged = PeftModel.from_pretrained(network, str(folder)).merge_and_unload()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PrepareError(
            f"{folder / ADAPTER_CONFIG} does not fit the base {name}: {first_line(error)}; write"
            " the folder anew"
        ) from error
    return merged.eval(), AutoTokenizer.from_pretrained(base, trust_remote_code=False)


def read_base_name(folder: Path) -> str:
    """Returns which base an adapter is for.

    Raises:
        PrepareError: the folder has no weights, which peft would look for on the hub, or a config
            that peft cannot read.
    """
    from peft import PeftConfig

    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise PrepareError(f"{folder} has no {ADAPTER_WEIGHTS}; write the folder anew")
    try:
        name = PeftConfig.from_pretrained(str(folder)).base_model_name_or_path
    except Exception as error:  # KeyError, TypeError and others, which say little by themselves
        raise PrepareError(
            f"{folder / ADAPTER_CONFIG} is none that peft can read; write the folder anew"
        ) from error
    if not name or not isinstance(name, str):
        raise PrepareError(
            f"{folder / ADAPTER_CONFIG} has the base_model_name_or_path {json.dumps(name)}; it"
            " must name the base that the adapter was trained on"
        )
    return name


def list_broken(network: Any, *, loading: dict[str, Any]) -> list[str]:
    """Returns the encoder's weights that were not loaded, sorted.

    Head and pooler do not count: a base may lack them, or have them for other labels.

    Args:
        network: a classifier that `from_pretrained` made.
        loading: what it said of the loading.
    """
    keys = {*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])}
    encoder = f"{network.base_model_prefix}."
    return sorted(key for key in keys if key.startswith(encoder) and "pooler" not in key)


def load_model(model: str, *, revision: str | None) -> tuple[Any, Any]:
    """Returns model and tokenizer of a whole classifier: safetensors only, no remote code."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    source: dict[str, Any] = {
        "pretrained_model_name_or_path": model,
        "local_files_only": Path(model).is_dir(),
        "trust_remote_code": False,
        **({"revision": revision} if revision else {}),
    }
    check_config(source)
    network, loading = AutoModelForSequenceClassification.from_pretrained(
        **source, use_safetensors=True, output_loading_info=True
    )
    if loading["missing_keys"]:
        raise PrepareError(
            f"{model} lacks the weights {sorted(loading['missing_keys'])[0]}: it is no sequence "
            "classifier; fine-tune it first (scripts/train.py)"
        )
    return network.eval(), AutoTokenizer.from_pretrained(**source)


def check_config(source: dict[str, Any]) -> None:
    """Refuses a source whose config.json names no labels or is a regression.

    transformers would make up the names LABEL_0, LABEL_1, so the file itself is read.
    """
    from emotion_engine.checkpoint import read_labels, read_problem_type
    from emotion_engine.errors import CheckpointError
    from transformers import PretrainedConfig

    model = source["pretrained_model_name_or_path"]
    config, _ = PretrainedConfig.get_config_dict(**source)
    if not config:
        raise PrepareError(f"cannot load {model}: it has no config.json")
    try:
        labels, problem_type = read_labels(config), read_problem_type(config)
    except CheckpointError as error:
        raise PrepareError(f"{model} cannot be served: {error}") from error
    if len(labels) == 1 and problem_type == "single_label_classification":
        raise PrepareError(
            f"{model} has the one label {labels[0]!r}: it is a regression; give a classifier"
        )


def count_positions(source: Any) -> int:
    """Returns how many tokens a model can place.

    RoBERTa and its kin begin after the position of the padding id.
    """
    num_positions = int(getattr(source.config, "max_position_embeddings", 0) or sys.maxsize)
    for name, module in source.named_modules():
        padding_id = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and padding_id is not None:
            return num_positions - int(padding_id) - 1
    return num_positions


def first_line(error: Exception) -> str:
    """Returns the first line of an error's message."""
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
