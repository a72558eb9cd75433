"""One server of the comparison, and how it is started and asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from comparison.exchange import Exchange

PEERS_FOLDER = Path(__file__).resolve().parents[1] / "peers"
SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"

Form = Literal["ours", "tuned", "example"]


@dataclass(frozen=True)
class Peer:
    """A server that classifies texts.

    Attributes:
        key: short name for `--only`, as "mosec-example".
        name: for tables.
        form: "ours"; "tuned", at its best documented setting; "example", as its own example
            stands.
        command: what starts it; `build_command` fills in what stands in braces.
        exchange: how it is asked over HTTP; None for our client, which asks over gRPC.
        folder: name of its folder in loadtest/peers, whose requirements.txt its virtual
            environment has; None for a server that runs in this project's own.
        environment: variables that it needs beside ours.
    """

    key: str
    name: str
    form: Form
    command: tuple[str, ...]
    exchange: Exchange | None
    folder: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


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
        "python": place.python,
        "bin": place.python.parent,
        "scripts": SCRIPTS,
        "peers": PEERS_FOLDER,
        "folder": PEERS_FOLDER / (peer.folder or ""),
        "port": place.port,
        "grpc_port": place.grpc_port,
        "repository": place.repository,
        "checkpoint": find_checkpoint(place.repository),
        "dtype": place.dtype,
        "num_workers": place.num_workers,
        "scratch": place.scratch,
    }
    return [part.format_map(values) for part in peer.command]


def find_checkpoint(repository: Path) -> Path:
    """Returns the folder of the checkpoint that a model repository serves."""
    return repository / "emotion" / "1" / "checkpoint"
