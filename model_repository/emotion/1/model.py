"""Triton shell of the classifier: arrays in, engine, arrays out, errors out."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.classifier import Classifier, Outcome
from emotion_engine.errors import InvalidRequest, RowFailure
from emotion_engine.request import check_revision, read_rows
from emotion_engine.settings import EngineSettings
from emotion_metrics import EmotionMetrics

FAILED = "the classifier failed on this request; the server's log says why"


class TritonPythonModel:
    """One instance of the model `emotion`."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the checkpoint and warms it up; Triton reports READY only afterwards."""
        settings = EngineSettings.from_model_config(args["model_config"])
        is_gpu = args["model_instance_kind"] == "GPU"
        device = f"cuda:{args['model_instance_device_id']}" if is_gpu else "cpu"
        self.checkpoint = read_checkpoint(Path(args["model_repository"], settings.checkpoint))
        self.classifier = Classifier.load(self.checkpoint, settings=settings, device=device)
        self.classifier.warm_up()
        self.labels = np.array([label.encode() for label in self.checkpoint.labels], dtype=object)
        self.metrics = EmotionMetrics()
        pb_utils.Logger.log_info(f"emotion on {device}: {settings}, {self.classifier}")

    def finalize(self) -> None:
        """Sends the last metrics."""
        self.metrics.close()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers each request; a bad one gets an error and does not affect the others."""
        responses: list[Any] = [None] * len(requests)
        rows, spans = [], {}  # spans: index of a request -> its slice of rows
        for i, request in enumerate(requests):
            try:
                own = self._read(request)
            except InvalidRequest as error:
                self.metrics.count_invalid(error.reason)
                responses[i] = refuse(str(error), code=pb_utils.TritonError.INVALID_ARG)
            except Exception:
                self._record_failure(traceback.format_exc())
                responses[i] = refuse(FAILED, code=pb_utils.TritonError.INTERNAL)
            else:
                spans[i] = slice(len(rows), len(rows) + len(own))
                rows.extend(own)
        for i, response in self._answer(rows, spans=spans).items():
            responses[i] = response
        return responses

    def _read(self, request: Any) -> list[np.ndarray]:
        parameters = json.loads(request.parameters() or "{}")
        check_revision(parameters.get("revision"), served=self.checkpoint.revision)
        ids = pb_utils.get_input_tensor_by_name(request, "input_ids").as_numpy()
        mask = pb_utils.get_input_tensor_by_name(request, "attention_mask").as_numpy()
        return read_rows(ids, mask, checkpoint=self.checkpoint)

    def _answer(self, rows: list[np.ndarray], *, spans: dict[int, slice]) -> dict[int, Any]:
        try:
            outcome = self.classifier.predict(rows)
            self.metrics.observe(outcome.forwards)
            return {i: self._respond(outcome, span=span) for i, span in spans.items()}
        except Exception:
            self._record_failure(traceback.format_exc(), num_requests=len(spans))
            return {i: refuse(FAILED, code=pb_utils.TritonError.INTERNAL) for i in spans}

    def _respond(self, outcome: Outcome, *, span: slice) -> Any:
        try:
            probabilities = outcome.take(span)  # (rows, num_labels)
        except RowFailure as error:
            self._record_failure(f"{error} ({self.classifier})", reason=error.reason)
            return refuse(str(error), code=getattr(pb_utils.TritonError, error.status))
        best = probabilities.argmax(axis=1)
        outputs = {
            "label": self.labels[best][:, None],
            "confidence": probabilities.max(axis=1, keepdims=True),
            "probabilities": probabilities,
            "revision": np.full((len(best), 1), self.checkpoint.revision.encode(), dtype=object),
        }
        return pb_utils.InferenceResponse([pb_utils.Tensor(*item) for item in outputs.items()])

    def _record_failure(self, why: str, *, reason: str = "internal", num_requests: int = 1) -> None:
        self.metrics.count_failed(reason, num_requests=num_requests)
        # This model sees only numbers, so neither a traceback nor a sentence can contain text.
        pb_utils.Logger.log_error(why)


def refuse(sentence: str, *, code: int) -> Any:
    """Returns an error response."""
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(sentence, code))
