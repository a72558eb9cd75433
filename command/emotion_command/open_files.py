"""The limit of open files, of which each connection is one (ulimit -n)."""

from __future__ import annotations

import resource

from emotion_command.errors import Refusal

WANTED = 65_536


def allow_open_files(least: int, *, use: str) -> None:
    """Raises this process's limit as far as it may, for itself and the processes that it starts.

    Args:
        least: files without which nothing works.
        use: what needs them, for the sentence.

    Raises:
        Refusal: it may not open so many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < least:
        raise Refusal(
            f"at most {most} files may be open here, and {use} needs {least}, and one more for "
            "each connection; raise the limit (ulimit -n)"
        )
