"""The servers that are compared. docs/comparison.md explains their settings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from emotion_command.checkout import DATA, ROOT
from emotion_command.errors import Refusal

from emotion_benchmarks.comparison.exchange import (
    Exchange,
    infinity,
    parse_pair,
    plain_text,
    text_field,
    triton,
)

PEERS_FOLDER = ROOT / "benchmarks" / "peers"
VENVS = ROOT / ".venv-peers"
SCRIPTS = ROOT / "scripts"
CALIBRATION = DATA / "verses.jsonl"

Form = Literal["ours", "tuned", "engine", "example"]


class PeerError(Refusal):
    """A server cannot be started or asked; the message is one line that says why."""


@contextmanager
def noted(
    key: str, *, name: str, errors: dict[str, str], report: Callable[[str], None]
) -> Iterator[None]:
    """Goes on after the failure of one of those that are compared, which is not measured any more.

    Args:
        key: its key in `errors`, which gets the reason.
        name: what `report` calls it.
        errors: by key.
        report: gets a line.
    """
    try:
        yield
    except (PeerError, TimeoutError) as error:
        errors[key] = str(error)
        report(f"{name}: {error}")


@dataclass(frozen=True)
class Peer:
    """A server that classifies texts.

    Attributes:
        key: short name for `--only`, as "mosec-example".
        name: for tables.
        form: "ours"; "tuned", at its best documented setting; "engine", an inference engine at its
            best setting, behind the batching server of benchmarks/peers; "example", as its own
            example is.
        command: what starts it; `build_command` replaces what is in braces.
        exchange: how it is asked over HTTP; None for our client, which asks over gRPC.
        folder: name of its folder in benchmarks/peers, which has its requirements.txt; None for a
            server that runs in this project's own virtual environment.
        environment: environment variables that it needs in addition to ours.
    """

    key: str
    name: str
    form: Form
    command: tuple[str, ...]
    exchange: Exchange | None
    folder: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name if self.form == "ours" else f"{self.name}, {self.form}"


@dataclass(frozen=True)
class Place:
    """Where a server is started.

    Attributes:
        python: the interpreter of its virtual environment.
        port: HTTP, on 127.0.0.1.
        grpc_port: gRPC, for a server that has it.
        repository: the model repository that is compared.
        dtype: what our own server computes in, as "bfloat16".
        num_workers: model processes that suit this machine, for a server that can have several.
        scratch: an empty folder, which is removed with the server.
    """

    python: Path
    port: int
    grpc_port: int
    repository: Path
    dtype: str
    num_workers: int
    scratch: Path


def build_command(peer: Peer, *, place: Place) -> list[str]:
    """Returns the command that starts a server at a place."""
    values = {
        **vars(place),
        "bin": place.python.parent,
        "scripts": SCRIPTS,
        "peers": PEERS_FOLDER,
        "folder": PEERS_FOLDER / (peer.folder or ""),
        "peer_folder": peer.folder,
        "checkpoint": find_checkpoint(place.repository),
        "calibration": CALIBRATION,
    }
    return [part.format_map(values) for part in peer.command]


def find_checkpoint(repository: Path) -> Path:
    """Returns the folder of the checkpoint that a model repository serves."""
    return repository / "emotion" / "1" / "checkpoint"


def find_python(folder: str | None) -> Path:
    """Returns the interpreter of a folder of benchmarks/peers; None is this project's own.

    Raises:
        PeerError: its virtual environment is missing, or older than its requirements.
    """
    if folder is None:
        return Path(sys.executable)
    requirements = PEERS_FOLDER / folder / "requirements.txt"
    installed = VENVS / folder / ".installed"  # `make` writes it last
    if not installed.is_file() or installed.stat().st_mtime < requirements.stat().st_mtime:
        target = f"{VENVS.name}/{folder}/{installed.name}"
        raise PeerError(f"its virtual environment is missing or outdated; run `make {target}`")
    return VENVS / folder / "bin" / "python"


_SERVE = (
    "{python}",
    "{scripts}/serve.py",
    "--model-repository={repository}",
    "--http-port={port}",
    "--grpc-port={grpc_port}",
    "--metrics-port=0",
    "--max-wait=60",  # refuses nothing on a slow machine, as the others
)
_OPTIONS = ("--port={port}", "--checkpoint={checkpoint}")
_EXAMPLE = ("{python}", "{folder}/server_example.py", *_OPTIONS)
_TUNED = ("{python}", "{folder}/server_tuned.py", *_OPTIONS, "--dtype={dtype}")
_TUNED_WORKERS = (*_TUNED, "--workers={num_workers}")
_MOSEC = ("--address=127.0.0.1", "--timeout=30000")  # ms; its 3 s end requests of a slow machine
_INFINITY = (
    "{bin}/infinity_emb",
    "v2",
    "--model-id={checkpoint}",
    "--no-trust-remote-code",
    "--host=127.0.0.1",
    "--port={port}",
)
_ENGINE = (
    "{python}",
    "{peers}/batching_server.py",
    *_OPTIONS,
    "--calibration={calibration}",
    "--engine={peer_folder}",
)
_NO_TELEMETRY = {"INFINITY_ANONYMOUS_USAGE_STATS": "0", "DO_NOT_TRACK": "1"}


def _engine(key: str, name: str, *, folder: str, kind: str) -> Peer:
    return Peer(key, name, "engine", (*_ENGINE, f"--kind={kind}"), plain_text("/"), folder)


OURS, OURS_TEXT = "ours", "ours-text"
PEERS = (
    Peer(OURS, "ours, EmotionClient", "ours", _SERVE, exchange=None),
    Peer(
        OURS_TEXT,
        "ours, text over HTTP",
        "ours",
        _SERVE,
        triton("emotion_text", tensor="text", shape=[1, 1], outputs=("label", "confidence")),
    ),
    Peer("litserve", "LitServe", "tuned", _TUNED_WORKERS, text_field("/predict"), "litserve"),
    Peer("mosec", "mosec", "tuned", (*_TUNED_WORKERS, *_MOSEC), plain_text("/inference"), "mosec"),
    Peer(
        "infinity",
        "infinity",
        "tuned",
        (*_INFINITY, "--engine=torch", "--dtype={dtype}", "--batch-size=64"),
        infinity("/classify"),
        "infinity",
        _NO_TELEMETRY,
    ),
    Peer("fastapi", "FastAPI, pipeline", "tuned", _TUNED, plain_text("/"), "fastapi"),
    Peer(
        "infinity-onnx",
        "infinity, ONNX",
        "tuned",
        ("{python}", "{folder}/server_onnx.py", *_OPTIONS),
        infinity("/classify"),
        "infinity",
        _NO_TELEMETRY,
    ),
    _engine("openvino", "OpenVINO", folder="openvino", kind="{dtype}"),
    _engine("openvino-weights", "OpenVINO, int8 weights", folder="openvino", kind="int8-weights"),
    _engine("openvino-int8", "OpenVINO, int8", folder="openvino", kind="int8"),
    _engine("onnxruntime", "ONNX Runtime", folder="onnxruntime", kind="float32"),
    _engine("onnxruntime-int8", "ONNX Runtime, int8", folder="onnxruntime", kind="int8"),
    _engine("ctranslate2", "CTranslate2", folder="ctranslate2", kind="float32"),
    _engine("ctranslate2-int8", "CTranslate2, int8", folder="ctranslate2", kind="int8"),
    Peer("litserve-example", "LitServe", "example", _EXAMPLE, text_field("/predict"), "litserve"),
    Peer(
        "mosec-example",
        "mosec",
        "example",
        (*_EXAMPLE, *_MOSEC),
        plain_text("/inference", parse=parse_pair),
        "mosec",
    ),
    Peer(
        "infinity-example",
        "infinity",
        "example",
        _INFINITY,
        infinity("/classify"),
        "infinity",
        _NO_TELEMETRY,
    ),
    Peer("fastapi-example", "FastAPI, pipeline", "example", _EXAMPLE, plain_text("/"), "fastapi"),
    Peer(
        "triton-example",
        "Triton's tutorial",
        "example",
        ("{python}", "{peers}/triton_tutorial/serve.py", *_OPTIONS, "--scratch={scratch}"),
        triton("classifier", tensor="text_input", shape=[1], outputs=("label", "score")),
    ),
)
