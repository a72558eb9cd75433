"""The Triton that a command measures: a running one, or one of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# What starts Triton is no installed package; the commands beside it find it by their own folder.
sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from serving.address import Address
from serving.triton_server import REPOSITORY, TritonServer


@contextmanager
def open_server(
    url: str | None, *, report: Callable[[str], None], repository: Path = REPOSITORY
) -> Iterator[str]:
    """Yields the gRPC address of the server to measure, started here unless there is one.

    Args:
        url: of a running server; None starts one on free ports of 127.0.0.1.
        report: gets lines of progress while one starts.
        repository: the model repository that one of its own serves.

    Raises:
        StartError: it cannot be started.
    """
    if url is not None:
        yield url
        return
    report("starting Triton on free ports of 127.0.0.1")
    address = Address(http_port=0, grpc_port=0, metrics_port=0)
    with TritonServer(repository, address=address, report=report) as server:
        yield server.address.url
