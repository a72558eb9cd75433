"""Paths in this repository.

The packages are installed with `pip install --editable`, in `make setup` and in the image, so they
are in the checkout. A wheel has no checkout: these paths do not exist there, and the caller passes
its own.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = ROOT / "model_repository"
CHECKPOINT = REPOSITORY / "emotion" / "1" / "checkpoint"
ADAPTER = ROOT / "checkpoints" / "emotion-minilm"
DATA = ROOT / "data"
