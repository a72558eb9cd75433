"""All servers that are compared. What each setting is and why stands in docs/comparison.md."""

from __future__ import annotations

from comparison.exchange import infinity, parse_pair, plain_text, text_field, triton
from comparison.peer import Peer

_SERVE = (
    "{python}",
    "{scripts}/serve.py",
    "--model-repository={repository}",
    "--http-port={port}",
    "--grpc-port={grpc_port}",
    "--metrics-port=0",
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
_NO_TELEMETRY = {"INFINITY_ANONYMOUS_USAGE_STATS": "0", "DO_NOT_TRACK": "1"}

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
