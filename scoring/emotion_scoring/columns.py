"""Rows and their scores together, for each format."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from emotion_training.readers import holds_strings, unwrap

from emotion_scoring.scores import Scores
from emotion_scoring.source import Record, Rows
from emotion_scoring.strings import to_values


def build_table(rows: Rows, scores: Scores, *, schema: Any, prefix: str) -> Any:
    """Returns a pyarrow.Table of the rows and what scoring adds, null where there is none.

    Args:
        rows: a table, whose types stay, or records.
        scores: of each row.
        schema: pyarrow.Schema of the records' columns.
        prefix: of the names of the columns that are added.
    """
    import pyarrow

    if isinstance(rows, list):
        rows = _build_table(rows, schema=schema)
    is_bad = scores.is_bad
    for name, values in scores.to_arrays(prefix=prefix).items():
        is_text = values.dtype == object
        array = (
            pyarrow.array(values, type=pyarrow.string())
            if is_text
            else pyarrow.array(values, mask=is_bad)
        )
        rows = rows.append_column(name, array)
    return rows


def build_records(rows: Rows, scores: Scores, *, prefix: str) -> list[Record]:
    """Returns a record for each row: its values, and what scoring adds; None where there is none.

    Args:
        rows: a pyarrow.Table or records.
        scores: of each row.
        prefix: of the names of the keys that are added.
    """
    records = rows if isinstance(rows, list) else _build_records(rows)
    arrays = scores.to_arrays(prefix=prefix)
    names, lists = list(arrays), [_spell(array) for array in arrays.values()]
    return [
        {**record, **dict(zip(names, _blank(values) if is_bad else values, strict=True))}
        for record, values, is_bad in zip(
            records, zip(*lists, strict=True), scores.is_bad, strict=True
        )
    ]


def to_json(value: Any) -> str:
    """Returns a value as JSON on one line; NaN and infinity, which JSON lacks, are null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_to_plain)
    except ValueError:
        return json.dumps(_drop_nan(value), ensure_ascii=False, default=_to_plain)


def _blank(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns None for all values but the last, the error."""
    return (*[None] * (len(values) - 1), values[-1])


def _spell(array: Any) -> list[Any]:
    """Returns Python values; a float32 with the digits that it has, 0.9 instead of 0.8999999."""
    if array.dtype.kind == "f":
        return [float(str(value)) for value in array]
    values: list[Any] = array.tolist()
    return values


def _build_table(records: list[Record], *, schema: Any) -> Any:
    import pyarrow
    from pyarrow import types

    columns = []
    for field in schema:
        values = [record.get(field.name) for record in records]
        if types.is_string(field.type):
            values = [_to_string(value) for value in values]
        columns.append(pyarrow.array(values, type=field.type))
    return pyarrow.table(columns, schema=schema)


def _to_string(value: Any) -> str | None:
    r"""Returns a string in UTF-8; what cannot be in one becomes its escape: \ud800, \xff."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    text = value if isinstance(value, str) else to_json(value)
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def _build_records(table: Any) -> list[Record]:
    columns = {name: _to_values(table.column(i)) for i, name in enumerate(table.column_names)}
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _to_values(column: Any) -> list[Any]:
    """Returns what JSON can have: dates and decimals as strings, bytes in base64."""
    kind = unwrap(column.type)
    column = column.cast(kind).cast(_find_plain(kind))
    if holds_strings(kind):
        return [_to_string(value) for value in to_values(column)]
    return [_to_plain(x) if isinstance(x, bytes) else x for x in column.to_pylist()]


def _find_plain(kind: Any) -> Any:
    """Returns a type with strings for dates and decimals, also within lists, maps and structs."""
    import pyarrow
    from pyarrow import types

    if types.is_temporal(kind) or types.is_decimal(kind):
        return pyarrow.string()
    if types.is_list(kind) or types.is_large_list(kind):
        return pyarrow.list_(_find_plain(kind.value_type))
    if types.is_map(kind):
        return pyarrow.map_(_find_plain(kind.key_type), _find_plain(kind.item_type))
    if types.is_struct(kind):
        return pyarrow.struct([field.with_type(_find_plain(field.type)) for field in kind])
    return kind


def _to_plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _drop_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _drop_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_drop_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
