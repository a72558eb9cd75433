"""The environment variables of a server process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# How long a thread of a forward pass spins for the others before it sleeps (libgomp). The default
# is some milliseconds, which a busy process on the same cores turns into a stall: 32 callers got
# 103 texts a second on two idle cores and 9 next to one busy process; with 10,000 loops 103 and 43,
# with 1,000 loops 91 and 60, with none (OMP_WAIT_POLICY=passive) 85 and 63 (AMD EPYC, 2026-11).
SPIN_LOOPS = "10000"


def build_environment(
    *, libraries: list[str] | None = None, python: Path = Path(sys.executable).parent
) -> dict[str, str]:
    """Returns our environment with this Python first on PATH and without a model hub.

    Args:
        libraries: folders to search for shared libraries first.
        python: the folder of the interpreter.
    """
    environment = dict(os.environ)
    # The stub finds the virtual environment through the first python3 of PATH.
    inherited_path = environment.get("PATH", os.defpath)
    environment["PATH"] = os.pathsep.join([str(python), inherited_path])
    environment["HF_HUB_OFFLINE"] = "1"
    environment.setdefault("GOMP_SPINCOUNT", SPIN_LOOPS)
    if libraries:
        inherited = environment.get("LD_LIBRARY_PATH")
        environment["LD_LIBRARY_PATH"] = os.pathsep.join([*libraries, *filter(None, [inherited])])
    return environment
