"""A disk that takes no more, as the libraries that write to it say so."""

from __future__ import annotations


def is_write_error(error: Exception) -> bool:
    """Tells a failed writing from other errors.

    torch and safetensors do not raise OSError: the one says where in its C++ it was
    (`inline_container.cc`), the other passes on what the system said.
    """
    text = str(error)
    if isinstance(error, RuntimeError):
        return "inline_container" in text or "PytorchStreamWriter" in text
    if type(error).__name__ == "SafetensorError":
        return "serializing: I/O error" in text
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
