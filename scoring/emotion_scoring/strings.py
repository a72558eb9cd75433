"""The strings of a column of Parquet, which need not be UTF-8."""

from __future__ import annotations

from typing import Any

from emotion_training.readers import unwrap


def to_values(column: Any) -> list[Any]:
    """Returns the strings of a pyarrow.ChunkedArray; those that are not UTF-8 stay bytes."""
    import pyarrow
    from pyarrow import types

    column = column.cast(unwrap(column.type))
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        kind = pyarrow.large_binary() if types.is_large_string(column.type) else pyarrow.binary()
        values = [_decode(each) for each in column.cast(kind).to_pylist()]
    return values


def _decode(value: bytes | None) -> str | bytes | None:
    try:
        return value if value is None else value.decode()
    except UnicodeDecodeError:
        return value
