"""The model that a checkpoint is made of, as its author gives it: loaded, and fit to be served."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from base_model import default_base

ADAPTER = Path(__file__).resolve().parents[1] / "checkpoints" / "emotion-minilm"


class PrepareError(Exception):
    """The checkpoint cannot be served; the message says why and what to do."""


def load_adapter() -> tuple[Any, Any]:
    """Returns model and tokenizer of the shipped adapter, merged into its base."""
    from peft import PeftModel
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    base = default_base()
    config = AutoConfig.from_pretrained(ADAPTER, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, config=config, local_files_only=True, use_safetensors=True
    )
    merged = PeftModel.from_pretrained(model, str(ADAPTER)).merge_and_unload()
    return merged.eval(), AutoTokenizer.from_pretrained(base, local_files_only=True)


def load_model(model: str, *, revision: str | None) -> tuple[Any, Any]:
    """Returns model and tokenizer of a folder or hub id: safetensors only, no remote code.

    Raises:
        PrepareError: it cannot be fetched, has no safetensors, lacks weights or label names, or
            is a regression.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    source: dict[str, Any] = {
        "pretrained_model_name_or_path": model,
        "local_files_only": Path(model).is_dir(),
        "trust_remote_code": False,
        **({"revision": revision} if revision else {}),
    }
    check_config(source)
    try:
        network, loading = AutoModelForSequenceClassification.from_pretrained(
            **source, use_safetensors=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(**source)
    except (OSError, ValueError, SafetensorError) as error:
        raise PrepareError(f"cannot load {model}: {first_line(error)}") from error
    except RuntimeError as error:
        raise PrepareError(
            f"cannot load {model}: the shapes of its weights are not those of its config.json; "
            "does id2label have one entry for each label that it was trained on?"
        ) from error
    if loading["missing_keys"]:
        raise PrepareError(
            f"{model} lacks the weights {sorted(loading['missing_keys'])[0]}: it is no sequence "
            "classifier; fine-tune it first (scripts/train.py)"
        )
    return network.eval(), tokenizer


def check_config(source: dict[str, Any]) -> None:
    """Refuses a source whose config.json names no labels or is a regression.

    transformers would make up the names LABEL_0, LABEL_1, so the file itself is read.
    """
    from emotion_engine.checkpoint import read_labels, read_problem_type
    from emotion_engine.errors import CheckpointError
    from transformers import PretrainedConfig

    model = source["pretrained_model_name_or_path"]
    try:
        config, _ = PretrainedConfig.get_config_dict(**source)
    except (OSError, ValueError) as error:
        raise PrepareError(f"cannot load {model}: {first_line(error)}") from error
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
    return str(error).strip().split("\n")[0]
