"""Loads the model that a checkpoint is made from: a classifier, or an adapter with its base."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotion_command.checkout import ADAPTER

from emotion_training.checkpoint.adapter import ADAPTER_CONFIG, merge_adapter
from emotion_training.checkpoint.source_checks import check_config, check_weights
from emotion_training.errors import BaseModelError, PrepareError
from emotion_training.quiet import silence_transformers
from emotion_training.wording import first_line


def load_source(
    model: str | None, *, revision: str | None, labels: Sequence[str] | None = None
) -> tuple[Any, Any]:
    """Returns model and tokenizer, both as transformers loads them.

    Args:
        model: folder of a classifier or of an adapter, or hub id; None for the shipped adapter.
        revision: commit, tag or branch of a hub model.
        labels: the names to give a classifier's outputs; None takes its own.

    Raises:
        PrepareError: it cannot be fetched or read, has no safetensors, lacks weights or label
            names, has weights that would not be used, or is a regression.
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
            if labels is not None:
                raise PrepareError(
                    "--labels is for whole classifiers; those of an adapter are id2label in its "
                    "config.json"
                )
            return merge_adapter(folder)
        return load_classifier(str(model), revision=revision, labels=labels)
    except RuntimeError as error:  # transformers' error for weights of another shape
        raise PrepareError(
            f"cannot load {model or folder}: the shapes of its weights do not match its "
            "config.json; is there a name (id2label, or --labels) for each of its outputs?"
        ) from error
    except (PrepareError, BaseModelError):
        raise
    except Exception as error:  # a broken file makes these libraries raise anything
        hint = "" if folder.is_dir() else "; give a folder, or a hub id that this machine can reach"
        raise PrepareError(f"cannot load {model or folder}: {first_line(error)}{hint}") from error


def load_classifier(
    model: str, *, revision: str | None, labels: Sequence[str] | None = None
) -> tuple[Any, Any]:
    """Returns model and tokenizer of a whole classifier: safetensors only, no remote code.

    Raises:
        PrepareError: it has no label names, is a regression, or its weights are not those of a
            classifier that transformers knows.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    source: dict[str, Any] = {
        "pretrained_model_name_or_path": model,
        "local_files_only": Path(model).is_dir(),
        "trust_remote_code": False,
        **({"revision": revision} if revision else {}),
    }
    check_config(source, labels=labels)
    own: dict[str, Any] = {}
    if labels is not None:
        own["id2label"] = dict(enumerate(labels))
        own["label2id"] = {label: i for i, label in enumerate(labels)}
    network, loading = AutoModelForSequenceClassification.from_pretrained(
        **source, **own, use_safetensors=True, output_loading_info=True
    )
    check_weights(network, loading=loading, model=model)
    network.config.return_dict = True
    return network.eval(), AutoTokenizer.from_pretrained(**source)
