"""Silences transformers and the libraries that it uses."""

from __future__ import annotations

import logging
import warnings


def silence_transformers() -> None:
    """Hides loading bars and advice; errors are still shown."""
    from transformers.utils import logging as transformers_logging

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    # peft 0.21 uses a name that transformers 5.23 deprecates.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
