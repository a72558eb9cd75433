"""Merges an adapter, such as the shipped one, into its base."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from emotion_training.checkpoint.base_model import BASE_NAME, default_base
from emotion_training.checkpoint.source_checks import check_config, list_broken
from emotion_training.errors import PrepareError
from emotion_training.wording import first_line

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def merge_adapter(folder: Path) -> tuple[Any, Any]:
    """Returns model and tokenizer of an adapter written by scripts/train.py, merged into its base.

    Raises:
        PrepareError: the adapter is incomplete, or does not fit its base.
        BaseModelError: the default base is missing or altered.
    """
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
        ignore_mismatched_sizes=True,  # the base's head may differ; the adapter has its own
        output_loading_info=True,
    )
    broken = list_broken(network, loading=loading)
    if broken:
        raise PrepareError(
            f"the base {name} lacks the weights {broken[0]} in the shape that the adapter was "
            "trained on; give the base that it was trained on"
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # what is missing is checked below
            wrapped = PeftModel.from_pretrained(network, str(folder))
        check_adapter(folder, wrapped=wrapped, loading=loading)
        merged = wrapped.merge_and_unload()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PrepareError(
            f"{folder / ADAPTER_CONFIG} does not fit the base {name}: {first_line(error)}; write"
            " the folder again"
        ) from error
    return merged.eval(), AutoTokenizer.from_pretrained(base, trust_remote_code=False)


def check_adapter(folder: Path, *, wrapped: Any, loading: dict[str, Any]) -> None:
    """Refuses an adapter that would leave weights as they were made up.

    Args:
        folder: of the adapter.
        wrapped: its base, wrapped by peft.
        loading: the base's `output_loading_info`.

    Raises:
        PrepareError: the adapter's file lacks weights, or has no head where its base has none.
    """
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    with safe_open(folder / ADAPTER_WEIGHTS, framework="pt") as file:
        found = set(file.keys())
    made_up = {*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])}
    needed = {f"base_model.model.{key}" for key in made_up if "pooler" not in key}
    missing = (
        needed | set(get_peft_model_state_dict(wrapped, save_embedding_layers=False))
    ) - found
    if missing:
        raise PrepareError(
            f"{folder / ADAPTER_WEIGHTS} lacks the weights {min(missing)}; train the adapter "
            "together with its head (scripts/train.py does)"
        )


def read_base_name(folder: Path) -> str:
    """Returns the base that an adapter was trained on.

    Raises:
        PrepareError: the folder has no weights (peft would look for them on the hub), or a config
            that peft cannot read.
    """
    from peft import PeftConfig

    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise PrepareError(f"{folder} has no {ADAPTER_WEIGHTS}; write the folder again")
    try:
        name = PeftConfig.from_pretrained(str(folder)).base_model_name_or_path
    except Exception as error:  # KeyError, TypeError and others, whose messages explain little
        raise PrepareError(
            f"{folder / ADAPTER_CONFIG} cannot be read by peft; write the folder again"
        ) from error
    if not name or not isinstance(name, str):
        raise PrepareError(
            f"{folder / ADAPTER_CONFIG} has the base_model_name_or_path {json.dumps(name)}; it"
            " must name the base that the adapter was trained on"
        )
    return name
