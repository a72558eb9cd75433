"""Triton shell of the tokenizer: text in, token ids out."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from emotion_client.arguments import MAX_TEXT_BYTES
from emotion_client.tokenizer import EMPTY, Encoding, TextTokenizer
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.errors import InvalidRequest
from emotion_engine.settings import CheckpointSettings

FAILED = "the tokenizer failed on this request; the server's log says where"


class TritonPythonModel:
    """The model `emotion_tokenizer`."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the tokenizer."""
        settings = CheckpointSettings.from_model_config(args["model_config"])
        checkpoint = read_checkpoint(Path(args["model_repository"], settings.checkpoint))
        self.tokenizer = TextTokenizer(
            checkpoint.tokenizer_json(), max_length=checkpoint.max_length
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers each request; a bad one gets an error and does not affect the others."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            texts = read_texts(pb_utils.get_input_tensor_by_name(request, "text").as_numpy())
            outputs = lay_out(self.tokenizer.encode(texts))
            tensors = [pb_utils.Tensor(name, array) for name, array in outputs.items()]
            return pb_utils.InferenceResponse(output_tensors=tensors)
        except InvalidRequest as error:
            return refuse(str(error), code=pb_utils.TritonError.INVALID_ARG)
        except Exception as error:
            log_without_message(error)
            return refuse(FAILED, code=pb_utils.TritonError.INTERNAL)


def read_texts(values: np.ndarray) -> list[str]:
    """Decodes the input `text`.

    Args:
        values: (rows, 1) object, each a UTF-8 byte string.

    Raises:
        InvalidRequest: a row is not UTF-8, or the rows are too large; never quotes the text.
    """
    size_bytes = sum(len(value) for value in values.ravel())
    if size_bytes > MAX_TEXT_BYTES:
        raise InvalidRequest(
            f"the request has {size_bytes} bytes of text; limit is {MAX_TEXT_BYTES}",
            reason="too_large",
        )
    texts = []
    for row, value in enumerate(values.ravel()):
        try:
            texts.append(value.decode())
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"row {row}: text is not UTF-8 at byte {error.start}; send it as UTF-8",
                reason="not_utf8",
            ) from None
    return texts


def lay_out(encodings: list[Encoding]) -> dict[str, np.ndarray]:
    """Returns the outputs of one request: a right-padded rectangle and its lengths.

    Raises:
        InvalidRequest: a row has no token.
    """
    row_lens = np.array([[len(encoding.input_ids)] for encoding in encodings])  # (rows, 1)
    if not row_lens.all():
        raise InvalidRequest(f"row {row_lens.argmin()}: text {EMPTY}", reason="empty")
    mask = np.arange(row_lens.max()) < row_lens  # (rows, longest)
    ids = np.zeros(mask.shape, dtype=np.int64)
    ids[mask] = np.concatenate([encoding.input_ids for encoding in encodings])
    return {
        "input_ids": ids,
        "attention_mask": mask.astype(np.int64),
        "num_tokens": np.array([[encoding.num_tokens] for encoding in encodings], dtype=np.int32),
        "truncated": np.array([[encoding.truncated] for encoding in encodings], dtype=bool),
    }


def refuse(sentence: str, *, code: int) -> Any:
    """Returns an error response."""
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(sentence, code))


def log_without_message(error: Exception) -> None:
    """Logs where an exception came from without its message, which may quote the text."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    pb_utils.Logger.log_error(
        f"{frames}{type(error).__name__} (message left out: it may contain text)"
    )
