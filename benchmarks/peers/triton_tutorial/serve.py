"""Replaces itself with a Triton that serves the model repository next to this file."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from emotion_server.triton_binary import find_triton

REPOSITORY = Path(__file__).with_name("model_repository")


def main() -> None:
    """Runs the command; does not return."""
    args = parse_args()
    repository = args.scratch / "model_repository"
    shutil.copytree(REPOSITORY, repository)
    config = repository / "classifier" / "config.pbtxt"
    config.write_text(config.read_text().replace("CHECKPOINT", str(args.checkpoint)))
    triton = find_triton(scratch=args.scratch)
    options = [
        f"--model-repository={repository}",
        f"--backend-config=python,shm-region-prefix-name={args.scratch.name}-",
        "--http-address=127.0.0.1",
        f"--http-port={args.port}",
        "--allow-grpc=false",
        "--allow-metrics=false",
    ]
    command = [*triton.command, *options]
    os.execve(command[0], command, triton.environment)  # noqa: S606 - a list of our own making


def parse_args() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="HTTP, on 127.0.0.1")
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder to serve")
    parser.add_argument("--scratch", type=Path, required=True, help="an empty folder to use")
    return parser.parse_args()


if __name__ == "__main__":
    main()
