"""The engines that are compared without their servers."""

from __future__ import annotations

from dataclasses import dataclass

OURS = "lyric_emotion"


@dataclass(frozen=True)
class Contender:
    """An engine, as it is loaded.

    Attributes:
        key: short name for `--only`.
        name: for tables.
        engine: name of its folder in benchmarks/peers.
        kind: what it computes in, as it calls it.
        folder: whose virtual environment it runs in; None is this project's own.
        rivals: of an engine of ours, the kinds or keys of those that it is compared with; () is all
            of equal accuracy.
    """

    key: str
    name: str
    engine: str
    kind: str
    folder: str | None = None
    rivals: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}, {self.kind}"

    @property
    def is_ours(self) -> bool:
        """Whether it is this project's engine."""
        return self.engine == OURS

    def is_rival(self, other: Contender) -> bool:
        """Whether an engine of ours is compared with this one."""
        return not other.is_ours and (
            not self.rivals or other.kind in self.rivals or other.key in self.rivals
        )


def _peer(key: str, name: str, *, kind: str) -> Contender:
    folder = key.partition("-")[0]
    return Contender(key, name, folder, kind, folder)


CONTENDERS = (
    Contender("ours", "ours", OURS, "bfloat16"),
    Contender("ours-float32", "ours", OURS, "float32", rivals=("float32",)),
    # As on a processor without AVX-512, which torch uses here.
    Contender("ours-avx2", "ours", OURS, "float32 with AVX2", rivals=("torch-float32",)),
    Contender("torch", "torch, padded", "padded_torch", "bfloat16"),
    Contender("torch-float32", "torch, padded", "padded_torch", "float32"),
    _peer("openvino", "OpenVINO", kind="bfloat16"),
    _peer("openvino-float32", "OpenVINO", kind="float32"),
    _peer("openvino-weights", "OpenVINO", kind="int8-weights"),
    _peer("openvino-int8", "OpenVINO", kind="int8"),
    _peer("onnxruntime", "ONNX Runtime", kind="float32"),
    _peer("onnxruntime-int8", "ONNX Runtime", kind="int8"),
    _peer("ctranslate2", "CTranslate2", kind="float32"),
    _peer("ctranslate2-int8", "CTranslate2", kind="int8"),
)
