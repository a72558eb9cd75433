"""Ways to spoil an honest answer, for the behaviour `Answer`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from fake_contract import DATATYPES, encode
from numpy.typing import NDArray
from tritonclient.grpc.service_pb2 import ModelInferResponse

Change = Callable[[ModelInferResponse], None]
ArrayChange = Callable[[NDArray[Any]], NDArray[Any]]
DTYPES = {datatype: dtype for dtype, datatype in DATATYPES.items()}


def change_array(name: str, change: ArrayChange) -> Change:
    """Sends another array as one output, with its own shape and dtype; strings are bytes."""

    def apply(response: ModelInferResponse) -> None:
        i = _find(response, name)
        output = response.outputs[i]
        array = change(_decode(response.raw_output_contents[i], output=output))
        output.datatype, output.shape[:] = DATATYPES[array.dtype], array.shape
        response.raw_output_contents[i] = encode(array)

    return apply


def change_rows(change: ArrayChange) -> Change:
    """Changes all outputs alike, such as `lambda rows: rows[:-1]` for a row too few."""

    def apply(response: ModelInferResponse) -> None:
        for output in response.outputs:
            change_array(output.name, change)(response)

    return apply


def drop_output(name: str) -> Change:
    """Leaves one output out."""

    def apply(response: ModelInferResponse) -> None:
        i = _find(response, name)
        del response.outputs[i], response.raw_output_contents[i]

    return apply


def truncate(name: str, *, size_bytes: int) -> Change:
    """Sends only the first bytes of one output, under its right shape."""

    def apply(response: ModelInferResponse) -> None:
        i = _find(response, name)
        response.raw_output_contents[i] = response.raw_output_contents[i][:size_bytes]

    return apply


def claim_shape(name: str, shape: Sequence[int]) -> Change:
    """Says another shape than the contents have."""

    def apply(response: ModelInferResponse) -> None:
        response.outputs[_find(response, name)].shape[:] = shape

    return apply


def claim_datatype(name: str, datatype: str) -> Change:
    """Says another datatype than the contents have, such as "INT64"."""

    def apply(response: ModelInferResponse) -> None:
        response.outputs[_find(response, name)].datatype = datatype

    return apply


def drop_contents(response: ModelInferResponse) -> None:
    """Sends the names, shapes and datatypes of the outputs, and no contents."""
    del response.raw_output_contents[:]


def _find(response: ModelInferResponse, name: str) -> int:
    return [output.name for output in response.outputs].index(name)


def _decode(raw: bytes, *, output: Any) -> NDArray[Any]:
    if output.datatype != "BYTES":
        return np.frombuffer(raw, dtype=DTYPES[output.datatype]).reshape(output.shape)
    values = []
    while raw:
        end = 4 + int.from_bytes(raw[:4], "little")
        values.append(raw[4:end])
        raw = raw[end:]
    return np.array(values, dtype=object).reshape(output.shape)
