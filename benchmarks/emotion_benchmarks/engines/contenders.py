"""The engines that are compared without their servers."""

from __future__ import annotations

from dataclasses import dataclass

OURS = {"bfloat16": "ours", "float32": "ours-float32"}  # by what they compute in


@dataclass(frozen=True)
class Contender:
    """An engine, as it is loaded.

    Attributes:
        key: short name for `--only`.
        name: for tables.
        engine: name of its folder in benchmarks/peers.
        kind: what it computes in, as it calls it.
        folder: whose virtual environment it runs in; None is this project's own.
    """

    key: str
    name: str
    engine: str
    kind: str
    folder: str | None = None

    def __str__(self) -> str:
        return f"{self.name}, {self.kind}"

    @property
    def is_ours(self) -> bool:
        """Whether it is this project's engine."""
        return self.key in OURS.values()


def _peer(key: str, name: str, *, kind: str) -> Contender:
    folder = key.partition("-")[0]
    return Contender(key, name, folder, kind, folder)


CONTENDERS = (
    Contender(OURS["bfloat16"], "ours", "lyric_emotion", "bfloat16"),
    Contender(OURS["float32"], "ours", "lyric_emotion", "float32"),
    Contender("torch", "torch, padded", "padded_torch", "bfloat16"),
    _peer("openvino", "OpenVINO", kind="bfloat16"),
    _peer("openvino-float32", "OpenVINO", kind="float32"),
    _peer("openvino-weights", "OpenVINO", kind="int8-weights"),
    _peer("openvino-int8", "OpenVINO", kind="int8"),
    _peer("onnxruntime", "ONNX Runtime", kind="float32"),
    _peer("onnxruntime-int8", "ONNX Runtime", kind="int8"),
    _peer("ctranslate2", "CTranslate2", kind="float32"),
    _peer("ctranslate2-int8", "CTranslate2", kind="int8"),
)
