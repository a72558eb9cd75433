"""Triton shell of the facts about the served checkpoint."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from emotion_client.protocol import PROTOCOL
from emotion_engine.checkpoint import Checkpoint, read_checkpoint
from emotion_engine.settings import CheckpointSettings


class TritonPythonModel:
    """The model `emotion_info`."""

    def initialize(self, args: dict[str, str]) -> None:
        """Reads the facts; they are the same for every request."""
        settings = CheckpointSettings.from_model_config(args["model_config"])
        checkpoint = read_checkpoint(Path(args["model_repository"], settings.checkpoint))
        self.facts = collect_facts(checkpoint)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers each request with the facts."""
        return [self._answer() for _ in requests]

    def _answer(self) -> Any:
        try:
            tensors = [pb_utils.Tensor(name, array) for name, array in self.facts.items()]
            return pb_utils.InferenceResponse(output_tensors=tensors)
        except Exception:
            pb_utils.Logger.log_error(traceback.format_exc())
            sentence = "emotion_info failed on this request; the server's log says why"
            error = pb_utils.TritonError(sentence, pb_utils.TritonError.INTERNAL)
            return pb_utils.InferenceResponse(error=error)


def collect_facts(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Returns the outputs of `emotion_info`."""
    return {
        "tokenizer_json": _strings(checkpoint.tokenizer_json()),
        "labels": _strings(*checkpoint.labels),
        "max_length": np.array([checkpoint.max_length], dtype=np.int32),
        "problem_type": _strings(checkpoint.problem_type),
        "revision": _strings(checkpoint.revision),
        "protocol": np.array([PROTOCOL], dtype=np.int32),
    }


def _strings(*values: str) -> np.ndarray:
    return np.array([value.encode() for value in values], dtype=object)
