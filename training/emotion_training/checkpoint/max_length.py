"""The rule for how many tokens of a text are read, the same for serving and for evaluation."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from emotion_training.checkpoint.adapter import ADAPTER_CONFIG
from emotion_training.errors import PrepareError

MIN_LENGTH, DEFAULT_MAX_LENGTH = 3, 128


def choose_max_length(wanted: int | None, *, folder: Path, source: Any, tokenizer: Any) -> int:
    """Returns how many tokens of a text are read, special tokens included.

    In this order: what the user wants; what the folder states, if prepare_model.py or train.py
    wrote it; what another folder's tokenizer states, but at most 128; 128. Never more than the
    model's positions: if the user wants more, that is refused.

    Args:
        wanted: by the user; None if not given.
        folder: of the source; need not exist, for a source on the hub.
        source: the model that was loaded from it.
        tokenizer: its tokenizer. An adapter's is that of its base, and does not count.

    Raises:
        PrepareError: the user wants more than the positions, or the folder's statement is not a
            number of tokens.
    """
    limit = count_positions(source)
    if limit < MIN_LENGTH:
        raise PrepareError(
            f"the model has positions for {limit} tokens; at least {MIN_LENGTH} are needed (is the "
            "pad_token_id in its config.json right?)"
        )
    if wanted is not None:
        if not MIN_LENGTH <= wanted <= limit:
            raise PrepareError(
                f"--max-length is {wanted}; this model takes {MIN_LENGTH} to {limit}"
            )
        return wanted
    if any((folder / name).is_file() for name in (ADAPTER_CONFIG, "labels.txt")):
        return min(check_length(read_length(folder), folder=folder), limit)
    stated = check_length(tokenizer.model_max_length, folder=folder)
    return min(stated, DEFAULT_MAX_LENGTH, limit)


def read_length(folder: Path) -> object:
    """Returns what the tokenizer_config.json of a folder states, not checked.

    Raises:
        PrepareError: that file is not a JSON object.
    """
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return DEFAULT_MAX_LENGTH
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PrepareError(f"{path} is not JSON; write the folder again") from error
    if not isinstance(config, dict):
        raise PrepareError(f"{path} is not a JSON object; write the folder again")
    return config.get("model_max_length", DEFAULT_MAX_LENGTH)


def check_length(stated: object, *, folder: Path) -> int:
    """Returns the number of tokens that a folder states.

    Raises:
        PrepareError: it is not an integer of 3 or more.
    """
    if isinstance(stated, int | float) and stated > sys.maxsize:
        return DEFAULT_MAX_LENGTH  # transformers' value if nothing is stated
    if isinstance(stated, bool) or not isinstance(stated, int) or stated < MIN_LENGTH:
        raise PrepareError(
            f"{folder}: model_max_length in tokenizer_config.json is {json.dumps(stated)}; "
            f"it must be an integer of {MIN_LENGTH} or more"
        )
    return stated


def count_positions(source: Any) -> int:
    """Returns how many tokens a model has positions for.

    RoBERTa and its relatives begin after the position of the padding id.
    """
    num_positions = int(getattr(source.config, "max_position_embeddings", None) or 0)
    if num_positions <= 0:  # XLNet says -1: no limit
        return sys.maxsize
    for name, module in source.named_modules():
        padding_id = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and padding_id is not None:
            return max(0, num_positions - int(padding_id) - 1)
    return num_positions
