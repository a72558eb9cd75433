"""Loads the model that a checkpoint is made from: a classifier, or an adapter with its base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emotion_command.checkout import ADAPTER

from emotion_training.checkpoint.adapter import ADAPTER_CONFIG, merge_adapter
from emotion_training.checkpoint.source_checks import check_config
from emotion_training.errors import BaseModelError, PrepareError
from emotion_training.quiet import silence_transformers
from emotion_training.wording import first_line


def load_source(model: str | None, *, revision: str | None) -> tuple[Any, Any]:
    """Returns model and tokenizer, both as transformers loads them.

    Args:
        model: folder of a classifier or of an adapter, or hub id; None for the shipped adapter.
        revision: commit, tag or branch of a hub model.

    Raises:
        PrepareError: it cannot be fetched or read, has no safetensors, lacks weights or label
            names, or is a regression.
        BaseModelError: the default base is missing or altered.
    """
    silence_transformers()
    folder = ADAPTER if model is None else Path(model)
    if str(model).startswith((".", "/", "~")) and not folder.is_dir():
        raise PrepareError(f"there is no folder {model}")
    if revision and folder.is_dir():
        raise PrepareError(f"--revision {revision} is for hub models; {folder} is a folder")
    try:
        if (folder / ADAPTER_CONFIG).is_file():
            return merge_adapter(folder)
        return load_classifier(str(model), revision=revision)
    except RuntimeError as error:  # transformers' error for weights of another shape
        raise PrepareError(
            f"cannot load {model or folder}: the shapes of its weights do not match its "
            "config.json; does id2label have an entry for each label that it was trained on?"
        ) from error
    except (PrepareError, BaseModelError):
        raise
    except Exception as error:  # a broken file makes these libraries raise anything
        raise PrepareError(
            f"cannot load {model or folder}: {first_line(error)}; "
            "give a folder, or a hub id that this machine can reach"
        ) from error


def load_classifier(model: str, *, revision: str | None) -> tuple[Any, Any]:
    """Returns model and tokenizer of a whole classifier: safetensors only, no remote code.

    Raises:
        PrepareError: it has no label names, is a regression, or lacks weights.
    """
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
            f"{model} lacks the weights {sorted(loading['missing_keys'])[0]}: it is not a sequence "
            "classifier; fine-tune it first (scripts/train.py)"
        )
    return network.eval(), AutoTokenizer.from_pretrained(**source)
