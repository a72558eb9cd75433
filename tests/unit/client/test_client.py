"""The client against a server that is a small class, and the public API against itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import emotion_client
import numpy as np
import pytest
from emotion_client import EmotionClient, errors
from emotion_client.client import DEFAULT_URL
from emotion_client.errors import (
    DeadlineExceeded,
    InvalidInput,
    Overloaded,
    RevisionChanged,
    WrongServer,
)
from emotion_client.protocol import PROTOCOL
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from checkpoints import LABELS, MAX_LENGTH


class Result:
    def __init__(self, **outputs: NDArray[Any]) -> None:
        self.outputs = outputs

    def as_numpy(self, name: str) -> NDArray[Any]:
        return self.outputs[name]


class Server:
    """Stands in for tritonclient's InferenceServerClient and the Triton behind it.

    Attributes:
        revisions: what is served at each call of `emotion_info` and compared at the next `emotion`.
        failure: raised by `emotion`, where there is one.
        calls: (model, client_timeout, parameters) of each call.
    """

    def __init__(self, tokenizer_json: str) -> None:
        self.tokenizer_json = tokenizer_json
        self.revisions = ["a" * 64]
        self.protocol = PROTOCOL
        self.failure: InferenceServerException | None = None
        self.calls: list[tuple[str, float, dict[str, str]]] = []
        self.num_connections = 0
        self.is_open = False

    def __call__(self, url: str) -> Server:
        assert url == "host:1"
        self.num_connections += 1
        self.is_open = True
        return self

    def close(self) -> None:
        assert self.is_open
        self.is_open = False

    def infer(
        self,
        model: str,
        inputs: list[Any],
        *,
        client_timeout: float,
        parameters: dict[str, str],
    ) -> Result:
        assert self.is_open
        assert client_timeout > 0
        self.calls.append((model, client_timeout, parameters))
        return {"emotion_info": self._tell, "emotion": self._classify}[model](inputs, parameters)

    def _tell(self, inputs: list[Any], parameters: dict[str, str]) -> Result:
        assert (inputs, parameters) == ([], {})
        return Result(
            tokenizer_json=np.array([self.tokenizer_json.encode()], dtype=object),
            labels=np.array([label.encode() for label in LABELS], dtype=object),
            max_length=np.array([MAX_LENGTH], dtype=np.int32),
            problem_type=np.array([b"single_label_classification"], dtype=object),
            revision=np.array([self.revisions[0].encode()], dtype=object),
            protocol=np.array([self.protocol], dtype=np.int32),
        )

    def _classify(self, inputs: list[Any], parameters: dict[str, str]) -> Result:
        assert [tensor.name() for tensor in inputs] == ["input_ids", "attention_mask"]
        if self.failure:
            raise self.failure
        if len(self.revisions) > 1:
            self.revisions.pop(0)  # the checkpoint changes before this call is computed
        if parameters != {"revision": self.revisions[0]}:
            raise InferenceServerException(
                "[request id: <id_unknown>] revision mismatch: the request has x",
                status="StatusCode.INVALID_ARGUMENT",
            )
        return Result(
            label=np.array([[b"joy"]], dtype=object),
            confidence=np.array([[0.5]], dtype=np.float32),
            probabilities=np.array([[0.1, 0.1, 0.5, 0.1, 0.1, 0.1]], dtype=np.float32),
            revision=np.array([[self.revisions[0].encode()]], dtype=object),
        )

    @property
    def models(self) -> list[str]:
        return [model for model, _, _ in self.calls]


@pytest.fixture
def server(prepared_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Server:
    document = (prepared_of("bert") / "tokenizer.json").read_text(encoding="utf-8")
    fake = Server(document)
    monkeypatch.setattr(emotion_client.client, "InferenceServerClient", fake)
    return fake


def test_client_constructor_does_no_input_or_output(server: Server) -> None:
    with EmotionClient("host:1"):
        pass
    EmotionClient("host:1").close()
    assert (server.num_connections, server.calls) == (0, [])


def test_client_defaults_are_this_machine_and_a_deadline() -> None:
    client = EmotionClient()
    assert client.url == DEFAULT_URL == "127.0.0.1:8001"
    assert client.timeout_s > 0


def test_predict_first_call_asks_for_the_facts_once(server: Server) -> None:
    with EmotionClient("host:1") as client:
        first, second = client.predict("la la la"), client.predict("")
    assert server.models == ["emotion_info", "emotion", "emotion"]
    assert server.num_connections == 1
    label, confidence = first
    assert (label, confidence) == ("joy", 0.5)
    assert list(first.scores) == list(LABELS)
    assert first.revision == "a" * 64
    assert (second.num_tokens, second.truncated) == (2, False)


def test_predict_long_text_says_that_it_was_cut(server: Server) -> None:
    prediction = EmotionClient("host:1").predict("the " * 500)
    assert (prediction.num_tokens, prediction.truncated) == (502, True)


def test_predict_bad_text_is_refused_before_any_call(server: Server) -> None:
    with pytest.raises(InvalidInput):
        EmotionClient("host:1").predict(b"la")  # type: ignore[arg-type]
    assert server.num_connections == 0


def test_predict_changed_revision_fetches_the_facts_again_and_succeeds(server: Server) -> None:
    client = EmotionClient("host:1")
    server.revisions = ["a" * 64, "b" * 64]
    assert client.predict("la").revision == "b" * 64
    assert server.models == ["emotion_info", "emotion", "emotion_info", "emotion"]
    assert client.predict("la").revision == "b" * 64
    assert server.models[4:] == ["emotion"]


def test_predict_revision_changed_twice_raises_and_recovers_at_the_next_call(
    server: Server,
) -> None:
    client = EmotionClient("host:1")
    server.revisions = ["a" * 64, "b" * 64, "c" * 64]
    with pytest.raises(RevisionChanged, match=r"host:1: .*revision mismatch"):
        client.predict("la")
    assert client.predict("la").revision == "c" * 64


def test_predict_all_calls_of_one_text_share_one_deadline(server: Server) -> None:
    server.revisions = ["a" * 64, "b" * 64]
    EmotionClient("host:1", timeout_s=5.0).predict("la")
    timeouts = [timeout for _, timeout, _ in server.calls]
    assert timeouts == sorted(timeouts, reverse=True)
    assert all(0 < timeout <= 5.0 for timeout in timeouts)


def test_predict_no_time_left_raises_without_a_call(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 100.0, 100.0, 111.0])
    monkeypatch.setattr(emotion_client.client, "monotonic", lambda: next(clock))
    with pytest.raises(DeadlineExceeded, match=r"host:1: no answer within 10\.0 s"):
        EmotionClient("host:1", timeout_s=10.0).predict("la")
    assert server.models == ["emotion_info"]


def test_predict_failure_of_the_server_is_translated_from_its_cause(server: Server) -> None:
    server.failure = InferenceServerException(
        "Exceeds maximum queue size", status="StatusCode.UNAVAILABLE"
    )
    with pytest.raises(Overloaded, match="host:1: Exceeds maximum queue size") as caught:
        EmotionClient("host:1").predict("la")
    assert caught.value.__cause__ is server.failure


def test_predict_other_protocol_is_refused_at_every_call(server: Server) -> None:
    server.protocol = PROTOCOL + 1
    client = EmotionClient("host:1")
    for _ in range(2):
        with pytest.raises(WrongServer):
            client.predict("la")
    assert server.models == ["emotion_info"] * 2


def test_close_then_predict_opens_the_connection_again(server: Server) -> None:
    client = EmotionClient("host:1")
    client.predict("la")
    client.close()
    client.close()
    assert not server.is_open
    client.predict("la")
    assert server.num_connections == 2
    assert server.models == ["emotion_info", "emotion"] * 2


def test_public_names_are_importable_sorted_and_complete() -> None:
    names = emotion_client.__all__
    assert names == sorted(names)
    assert all(hasattr(emotion_client, name) for name in names)
    public_errors = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.EmotionError)
    }
    assert public_errors == set(names) - {"EmotionClient", "Prediction"}


def test_import_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import emotion_client, sys; "
        "print(sorted({'torch', 'transformers', 'emotion_engine'} & set(sys.modules)))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"
