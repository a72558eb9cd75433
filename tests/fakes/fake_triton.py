"""A fake of `triton_python_backend_utils`, stricter than the real one.

Tests put it in `sys.modules` under that name, so that a model.py imports it. It also has what a
test needs: requests, the `args` of `initialize`, and `check_answer`, which compares a response with
config.pbtxt as Triton does.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import json_format, text_format
from numpy.typing import NDArray
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig

DATA_TYPES = {
    "TYPE_BOOL": np.dtype(bool),
    "TYPE_INT32": np.dtype(np.int32),
    "TYPE_INT64": np.dtype(np.int64),
    "TYPE_FP32": np.dtype(np.float32),
    "TYPE_STRING": np.dtype(object),
}


class Tensor:
    """A named array; strings are object arrays of bytes."""

    def __init__(self, name: str, array: NDArray[Any], /) -> None:
        if type(name) is not str or not name:
            raise TypeError(f"the name of a tensor is a str, not {name!r}")
        if type(array) is not np.ndarray or array.ndim < 1:
            raise TypeError(f"tensor {name} is not a numpy array with a dimension")
        if array.dtype not in DATA_TYPES.values():
            raise TypeError(f"tensor {name} has the dtype {array.dtype}, which no model uses")
        if array.dtype == object and not all(type(value) is bytes for value in array.ravel()):
            raise TypeError(f"tensor {name} has values other than bytes")
        self._name, self._array = name, array

    def name(self) -> str:
        return self._name

    def as_numpy(self) -> NDArray[Any]:
        return self._array


class TritonError:
    """An error of one response."""

    UNKNOWN, INTERNAL, NOT_FOUND, INVALID_ARG, UNAVAILABLE, UNSUPPORTED, ALREADY_EXISTS = range(7)

    def __init__(self, message: str, code: int = INTERNAL, /) -> None:
        if type(message) is not str or not message:
            raise TypeError(f"the message of an error is a str, not {message!r}")
        if type(code) is not int or code not in range(7):
            raise ValueError(f"there is no error code {code!r}")
        self._message, self._code = message, code

    def message(self) -> str:
        return self._message

    def code(self) -> int:
        return self._code


class InferenceResponse:
    """Tensors or an error; release 2.51 refuses `parameters`."""

    def __init__(
        self, output_tensors: Sequence[Tensor] | None = None, error: TritonError | None = None
    ) -> None:
        if (output_tensors is None) == (error is None):
            raise ValueError("a response has either tensors or an error")
        if error is not None and type(error) is not TritonError:
            raise TypeError(f"an error is a TritonError, not a {type(error).__name__}")
        self._tensors = {tensor.name(): tensor for tensor in output_tensors or ()}
        if len(self._tensors) != len(output_tensors or ()):
            raise ValueError("two tensors have the same name")
        self._error = error

    def error(self) -> TritonError | None:
        return self._error

    def output_tensors(self) -> list[Tensor]:
        return list(self._tensors.values())


class InferenceRequest:
    """A request as `execute` gets it: read-only input arrays, and parameters as JSON."""

    def __init__(
        self, *, parameters: Mapping[str, str | int | bool] | None = None, **inputs: NDArray[Any]
    ) -> None:
        self._parameters = json.dumps(parameters) if parameters else ""
        self._inputs = {name: Tensor(name, array) for name, array in inputs.items()}
        for array in inputs.values():
            array.setflags(write=False)

    def parameters(self) -> str:
        return self._parameters

    def inputs(self) -> list[Tensor]:
        return list(self._inputs.values())


def get_input_tensor_by_name(request: InferenceRequest, name: str, /) -> Tensor | None:
    """Returns an input; None if the request has none of that name."""
    return {tensor.name(): tensor for tensor in request.inputs()}.get(name)


class Logger:
    """Keeps what is logged, as (severity, line)."""

    lines: list[tuple[str, str]] = []  # noqa: RUF012, one log as in the real module

    @classmethod
    def _log(cls, severity: str, message: str) -> None:
        if type(message) is not str:
            raise TypeError(f"a line of the log is a str, not {message!r}")
        cls.lines.append((severity, message))

    @classmethod
    def log_info(cls, message: str, /) -> None:
        cls._log("info", message)

    @classmethod
    def log_warn(cls, message: str, /) -> None:
        cls._log("warn", message)

    @classmethod
    def log_error(cls, message: str, /) -> None:
        cls._log("error", message)


class MetricFamily:
    """Metrics of one name; its metrics fail once it is garbage-collected."""

    COUNTER, GAUGE, HISTOGRAM = range(3)
    alive: weakref.WeakValueDictionary[str, MetricFamily] = weakref.WeakValueDictionary()  # noqa: RUF012

    def __init__(self, *, name: str, description: str, kind: int) -> None:
        if kind not in (self.COUNTER, self.HISTOGRAM):
            raise ValueError(f"there is no kind {kind!r}")
        if not description or type(name) is not str or name in self.alive:
            raise ValueError(f"metric family {name!r} exists already, or has no description")
        self.name, self.kind = name, kind
        self.metrics: list[Metric] = []
        self.alive[name] = self

    def Metric(  # noqa: N802, its name in Triton
        self, *, labels: dict[str, str], buckets: list[float] | None = None
    ) -> Metric:
        if any(type(x) is not str for pair in labels.items() for x in pair):
            raise TypeError(f"labels are strings, not {labels!r}")
        if (buckets is not None) != (self.kind == self.HISTOGRAM):
            raise ValueError("a histogram has buckets, a counter has none")
        if buckets is not None and (not buckets or buckets != sorted(set(buckets))):
            raise ValueError(f"buckets must ascend, unlike {buckets!r}")
        if any(metric.labels == labels for metric in self.metrics):
            raise ValueError(f"metric {self.name} has the labels {labels!r} already")
        metric = Metric(self, labels=labels)
        self.metrics.append(metric)
        return metric


class Metric:
    """One histogram or counter; `values` has every observation or increment."""

    def __init__(self, family: MetricFamily, *, labels: dict[str, str]) -> None:
        self._family = weakref.ref(family)
        self.labels = labels
        self.values: list[float] = []

    def observe(self, value: float, /) -> None:
        self._add(value, kind=MetricFamily.HISTOGRAM)

    def increment(self, value: float, /) -> None:
        self._add(value, kind=MetricFamily.COUNTER)

    def _add(self, value: float, *, kind: int) -> None:
        family = self._family()
        if family is None:
            raise RuntimeError(
                "Invalid metric operation as the corresponding 'MetricFamily' is gone"
            )
        if family.kind != kind:
            raise RuntimeError(f"metric {family.name} is of another kind")
        if type(value) not in (int, float) or value < 0:
            raise TypeError(f"metric {family.name} got {value!r}")
        self.values.append(value)


def read_config(path: Path) -> ModelConfig:
    """Reads a config.pbtxt; an unknown field is an error."""
    return text_format.Parse(path.read_text(encoding="utf-8"), ModelConfig())


def build_args(folder: Path, *, parameters: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the `args` of `initialize` for a CPU instance.

    Args:
        folder: the model's folder in the repository, with its config.pbtxt.
        parameters: replace those of config.pbtxt.
    """
    config = read_config(folder / "config.pbtxt")
    for name, value in (parameters or {}).items():
        config.parameters[name].string_value = value
    return {
        "model_config": json_format.MessageToJson(config, preserving_proto_field_name=True),
        "model_instance_kind": "CPU",
        "model_instance_name": f"{config.name}_0_0",
        "model_instance_device_id": "0",
        "model_repository": str(folder),
        "model_version": "1",
        "model_name": config.name,
    }


def error_of(response: InferenceResponse) -> tuple[int, str]:
    """Returns code and message of the error of a response."""
    error = response.error()
    assert error is not None
    return error.code(), error.message()


def check_answer(
    response: InferenceResponse, *, config: ModelConfig, num_rows: int | None = None
) -> dict[str, NDArray[Any]]:
    """Returns the outputs of a response, which must be those of config.pbtxt in dtype and shape.

    Args:
        response: what `execute` returned for one request.
        config: config.pbtxt.
        num_rows: rows of the request; None for a model without batches.
    """
    error = response.error()
    assert error is None, error.message()
    outputs = {tensor.name(): tensor.as_numpy() for tensor in response.output_tensors()}
    assert set(outputs) == {output.name for output in config.output}
    assert (config.max_batch_size == 0) is (num_rows is None)
    for output in config.output:
        array = outputs[output.name]
        dims = [*([] if num_rows is None else [num_rows]), *output.dims]
        assert array.dtype == DATA_TYPES[DataType.Name(output.data_type)], output.name
        assert array.ndim == len(dims), output.name
        for size, dim in zip(array.shape, dims, strict=True):
            assert dim in (-1, size), output.name
    return outputs
