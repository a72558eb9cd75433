"""Small requests that a model answers only if it is well.

Before release 26.04, Triton's health endpoints still answer 200 after the process of a Python model
has died. So each model is asked for a real answer; emotion_text needs emotion_tokenizer and emotion
for its own.
"""

from __future__ import annotations

import numpy as np
from emotion_client.client import PROBE_TEXT
from emotion_client.errors import translate
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.grpc.service_pb2 import ModelInferRequest
from tritonclient.utils import InferenceServerException

# Not the tokenizer of emotion_info, which is large.
OUTPUTS = {
    "emotion": "confidence",
    "emotion_info": "revision",
    "emotion_text": "label",
    "emotion_tokenizer": "num_tokens",
}


def build_probe(model: str) -> tuple[list[InferInput], list[InferRequestedOutput]]:
    """Returns the inputs and outputs of a request to a model."""
    inputs = []
    if model in ("emotion_text", "emotion_tokenizer"):
        inputs = [InferInput("text", [1, 1], "BYTES")]
        inputs[0].set_data_from_numpy(np.array([[PROBE_TEXT.encode()]], dtype=object))
    elif model == "emotion":
        inputs = [InferInput(name, [1, 1], "INT64") for name in ("input_ids", "attention_mask")]
        for each, value in zip(inputs, (0, 1), strict=True):
            each.set_data_from_numpy(np.array([[value]], dtype=np.int64))
    return inputs, [InferRequestedOutput(OUTPUTS[model])]


def build_messages() -> list[bytes]:
    """Returns two ModelInferRequests that need all models, as bytes."""
    content = PROBE_TEXT.encode()
    info, text = (ModelInferRequest(model_name=x) for x in ("emotion_info", "emotion_text"))
    text.inputs.add(name="text", datatype="BYTES", shape=[1, 1])
    text.raw_input_contents.append(len(content).to_bytes(4, "little") + content)
    for each in (info, text):
        each.outputs.add(name=OUTPUTS[each.model_name])
    return [info.SerializeToString(), text.SerializeToString()]


def check(server: InferenceServerClient, *, url: str, timeout_s: float) -> None:
    """Asks every model of the deployment for a real answer.

    Args:
        server: a connection to the server.
        url: its "host:port", for messages.
        timeout_s: seconds to wait for each of the two answers.

    Raises:
        EmotionError: one of the models does not answer; the subclass says why.
    """
    try:
        for model in ("emotion_info", "emotion_text"):
            inputs, outputs = build_probe(model)
            server.infer(model, inputs, outputs=outputs, client_timeout=timeout_s)
    except InferenceServerException as error:
        raise translate(error.status(), error.message(), url=url) from error
