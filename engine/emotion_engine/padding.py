"""Padding: what an architecture is padded with, and whether that changes its answers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

NO_ID = -1
SHORT_LEN = 4
SPECIAL = ("bos", "eos", "pad", "cls", "sep")
PADDING_TOLERANCE = 1e-4
# What the code of an architecture raises for rows that it cannot compute together, or at all.
FORWARD_ERRORS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError),
    *(RuntimeError, TypeError, ValueError),
)


def choose_padding_id(model: Any) -> int:
    """Returns the id to pad with.

    A decoder without one refuses batches, since it looks for the last token before the padding. It
    gets one that no row has, so that rows of one length can share a batch.
    """
    config = model.config.get_text_config()
    if config.pad_token_id is None:
        config.pad_token_id = model.config.pad_token_id = NO_ID
    return max(0, int(config.pad_token_id))


def find_end_id(model: Any) -> int | None:
    """Returns the id that ends a text, if there is one: BART and T5 read its last vector."""
    end_id = getattr(model.config.get_text_config(), "eos_token_id", None)
    return end_id if isinstance(end_id, int) and end_id >= 0 else None


def is_padding_harmless(model: Any, *, padding_id: int, max_length: int) -> bool:
    """Returns whether a short row gets the same answer beside the longest, as measured.

    Args:
        model: in float32.
        padding_id: what to pad with.
        max_length: tokens of the longest row.
    """
    config = model.config.get_text_config()
    special = [getattr(config, f"{name}_token_id", None) for name in SPECIAL]
    ordinary = np.setdiff1d(
        np.arange(config.vocab_size), [x for x in special if isinstance(x, int)]
    )
    end_id = find_end_id(model)
    ends = [] if end_id is None else [end_id]
    rng = np.random.default_rng(0)
    sizes = (min(SHORT_LEN, max_length - 1), max_length - len(ends))
    rows = [np.array([*rng.choice(ordinary, size=size), *ends]) for size in sizes]
    with torch.inference_mode(), suppress(*FORWARD_ERRORS):
        ids, mask = lay_out(
            np.concatenate(rows), np.array([*map(len, rows)]), padding_id=padding_id
        )
        together = run_model(
            model, input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)
        )
        for row, shared in zip(rows, together, strict=True):
            one = torch.from_numpy(row[None])
            alone = run_model(model, input_ids=one, attention_mask=torch.ones_like(one))[0]
            tolerance = PADDING_TOLERANCE * max(1.0, float(alone.abs().max()))
            if not float((alone - shared).abs().max()) <= tolerance:
                return False
        return True
    return False


def lay_out(
    input_ids: NDArray[np.int64], row_lens: NDArray[np.int64], *, padding_id: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns rows laid end to end as a right-padded rectangle, and its mask."""
    mask = np.arange(row_lens.max()) < row_lens[:, None]  # (num_rows, longest)
    ids = np.full(mask.shape, padding_id, dtype=np.int64)
    ids[mask] = input_ids
    return ids, mask.astype(np.int64)


def run_model(model: Any, **inputs: torch.Tensor) -> torch.Tensor:
    """Returns a model's logits, (num_rows, num_labels) float32."""
    logits: torch.Tensor = model(**inputs).logits.float()
    return logits
