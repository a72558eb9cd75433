"""A pipeline in Triton as in NVIDIA's transformers tutorial: one request at a time."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from transformers import pipeline


class TritonPythonModel:
    """The class that Triton looks for."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the model and its tokenizer."""
        parameters = json.loads(args["model_config"])["parameters"]
        checkpoint = parameters["huggingface_model"]["string_value"]
        self._pipe = pipeline("text-classification", model=checkpoint)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers request after request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        texts = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy()
        # The tutorial's short prompts need no `truncation`.
        found = self._pipe(texts[0].decode(), truncation=True)
        labels = np.array([each["label"] for each in found], dtype=np.object_)
        scores = np.array([each["score"] for each in found], dtype=np.float32)
        return pb_utils.InferenceResponse(
            output_tensors=[pb_utils.Tensor("label", labels), pb_utils.Tensor("score", scores)]
        )
