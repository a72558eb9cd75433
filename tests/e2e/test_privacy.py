"""The text of a user is never in logs or errors."""

import pytest
from e2e.calls import ids_inputs, infer, text_inputs
from e2e.serve_process import serve
from emotion_client import EmotionClient, EmotionError
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

SECRET = "xylophonic quagmire"


def test_text_never_reaches_log_or_error():
    bad_rows = [
        text_inputs(SECRET, f"{SECRET} \xe9".encode("latin-1")),
        text_inputs(SECRET.encode() * 2**16),
    ]
    with serve("--verbose") as running:
        running.wait_until_ready()
        with EmotionClient(running.url) as client, InferenceServerClient(running.url) as triton:
            assert client.predict(SECRET).num_tokens > 2
            infer(triton, "emotion_text", text_inputs(SECRET))
            messages = [refuse(triton, "emotion_text", inputs) for inputs in bad_rows]
            messages.append(refuse(triton, "emotion", ids_inputs([[101, -7]])))
            with pytest.raises(EmotionError) as caught:
                client.predict(f"{SECRET} \ud800")
            messages.append(str(caught.value))
        assert running.stop() == 0
        log = running.output.read_text() + running.errors.read_text()
    assert "successfully loaded 'emotion'" in log  # this is the whole log
    for word in SECRET.split():
        assert word not in log
        assert not any(word in message for message in messages)


def refuse(triton, model, inputs):
    with pytest.raises(InferenceServerException) as caught:
        infer(triton, model, inputs)
    return caught.value.message()
