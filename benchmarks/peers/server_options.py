"""The command line of the servers in this folder."""

from __future__ import annotations

import argparse
from pathlib import Path


def build_parser() -> argparse.ArgumentParser:
    """Returns the options that all servers have."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--port", type=int, required=True, help="HTTP, on 127.0.0.1")
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder to serve")
    return parser


def parse_options() -> argparse.Namespace:
    """Parses the command line; ignores options that a framework reads by itself."""
    parser = build_parser()
    parser.add_argument("--dtype", default="float32", help="torch dtype of the weights")
    parser.add_argument("--workers", type=int, default=1, help="processes with a model each")
    return parser.parse_known_args()[0]
