"""Checks what a caller sent and cuts it into rows of real tokens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotion_engine.checkpoint import Checkpoint
from emotion_engine.errors import InvalidRequest

Ids = NDArray[np.int64]
MAX_ECHO = 64  # characters of a caller's value in a sentence; gRPC limits the size of an error


def read_rows(input_ids: Ids, attention_mask: Ids, *, checkpoint: Checkpoint) -> list[Ids]:
    """Checks one request, a right-padded rectangle, and returns its rows without padding.

    Args:
        input_ids: (rows, length) int64. Ids under a 0 of the mask are ignored.
        attention_mask: (rows, length) int64; in each row 1s, then 0s.
        checkpoint: gives the vocabulary size and max_length.

    Returns:
        The real ids of each row, (row_len,) int64.

    Raises:
        InvalidRequest: names the row, the value and the limit.
    """
    _check_shapes(input_ids, attention_mask, max_length=checkpoint.max_length)
    is_full = bool((attention_mask == 1).all())  # always, if the request has one row
    if not is_full:
        _check_mask(attention_mask)
    if input_ids.size and (input_ids.min() < 0 or input_ids.max() >= checkpoint.vocab_size):
        _check_ids(input_ids, attention_mask, vocab_size=checkpoint.vocab_size)
    if is_full:
        return list(input_ids)
    row_lens = attention_mask.sum(axis=1)
    return [ids[:row_len] for ids, row_len in zip(input_ids, row_lens, strict=True)]


def check_revision(asked: str | None, *, served: str) -> None:
    """Refuses a request that was tokenized for another checkpoint.

    Args:
        asked: the request parameter `revision`; None if the request has none.
        served: the revision of the checkpoint that answers.

    Raises:
        InvalidRequest: the two differ.
    """
    if asked is not None and asked != served:
        raise InvalidRequest(
            f"revision mismatch: the request has {str(asked)[:MAX_ECHO]!r}, the server {served}; "
            "fetch emotion_info again and tokenize with its tokenizer",
            reason="revision",
        )


def _check_shapes(input_ids: Ids, attention_mask: Ids, *, max_length: int) -> None:
    if input_ids.shape != attention_mask.shape:
        raise InvalidRequest(
            f"attention_mask has the shape {list(attention_mask.shape)}; "
            f"it must be that of input_ids, {list(input_ids.shape)}",
            reason="shape",
        )
    length = input_ids.shape[1]
    if length < 1:
        raise InvalidRequest("input_ids has 0 tokens a row; minimum is 1", reason="empty")
    if length > max_length:
        raise InvalidRequest(
            f"input_ids has {length} tokens a row, padding included; limit is {max_length}",
            reason="too_long",
        )


def _check_mask(mask: Ids) -> None:
    wrong = (mask != 0) & (mask != 1)
    if wrong.any():
        row, position = np.argwhere(wrong)[0]
        raise InvalidRequest(
            f"row {row}: attention_mask has the value {mask[row, position]} "
            f"at position {position}; only 0 and 1 are allowed",
            reason="mask",
        )
    empty = ~mask.any(axis=1)
    if empty.any():
        raise InvalidRequest(
            f"row {int(empty.argmax())}: attention_mask has no 1; minimum is 1 token a row",
            reason="empty",
        )
    rising = np.diff(mask, axis=1, prepend=1) > 0
    if rising.any() or not mask[:, 0].all():
        row = int((rising.any(axis=1) | (mask[:, 0] == 0)).argmax())
        raise InvalidRequest(
            f"row {row}: attention_mask has a 1 after a 0 at position {int(rising[row].argmax())}; "
            "rows are right-padded: first all the 1s, then all the 0s",
            reason="mask",
        )


def _check_ids(input_ids: Ids, mask: Ids, *, vocab_size: int) -> None:
    wrong = ((input_ids < 0) | (input_ids >= vocab_size)) & (mask == 1)
    if wrong.any():
        row, position = np.argwhere(wrong)[0]
        raise InvalidRequest(
            f"row {row}: input_ids has the id {input_ids[row, position]} at position {position}; "
            f"limit is 0 to {vocab_size - 1}",
            reason="vocabulary",
        )
