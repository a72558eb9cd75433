"""The scratch folder and the shared memory of one Triton, and what is left of them after a kill.

Triton's Python backend starts each model by a shell command whose paths are not quoted
(python_backend issues 401 and 412), and fails on letters beyond ASCII in them (server issue 6086).
So all paths that Triton gets are plain: they are those of this folder, or links in it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

from emotion_server.errors import StartError

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108, where Triton puts it
PLAIN = re.compile(r"[A-Za-z0-9_@%+=,./-]+")
OTHER_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108
NAME = re.compile(r"(emotion-[0-9a-f]{12}-)scratch")


class Scratch:
    """A folder of one Triton, and the prefix of its shared memory.

    It belongs to this process and to those that inherit `lock`. When all of them have ended
    without `remove`, the next `create` of the same user removes it.

    Attributes:
        prefix: of the names of the shared memory.
        folder: with a plain path; it exists from `create` to `remove`.
        lock: the descriptor to inherit; -1 outside.

    Raises:
        StartError: there is no place for it.
    """

    def __init__(self) -> None:
        self.prefix = f"emotion-{uuid.uuid4().hex[:12]}-"
        self.folder = find_temporary_folder() / f"{self.prefix}scratch"
        self.lock = -1

    def create(self) -> None:
        """Makes the folder, and removes those that nobody uses any more.

        Raises:
            OSError: it cannot be made.
        """
        sweep(self.folder.parent)
        unlocked = self.folder.with_suffix(".new")  # no other process takes it for abandoned
        unlocked.mkdir(mode=0o700)
        try:
            self.lock = os.open(unlocked, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(OSError):  # some file systems have no locks, so nothing is swept there
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unlocked.rename(self.folder)
        except BaseException:
            unlocked.rmdir()
            raise

    def link(self, name: str, target: Path) -> Path:
        """Returns a link to a path, whatever letters that has."""
        link = self.folder / name
        link.symlink_to(target.absolute())
        return link

    def remove(self) -> None:
        """Removes the folder and the shared memory."""
        remove_traces(self.folder, prefix=self.prefix)
        if self.lock != -1:
            os.close(self.lock)
            self.lock = -1


def find_temporary_folder() -> Path:
    """Returns the folder for temporary files, or another one if its path is not plain."""
    try:
        wanted = tempfile.gettempdir()
    except OSError as error:
        raise StartError(f"{error.strerror}; free space in one of them, or set TMPDIR") from error
    for folder in (wanted, *OTHER_FOLDERS):
        if PLAIN.fullmatch(folder) and (folder == wanted or os.access(folder, os.W_OK | os.X_OK)):
            return Path(folder)
    raise StartError(
        f"TMPDIR is {wanted!r}; Triton needs a path of ASCII letters, digits and _@%+=,./-; "
        "set another one"
    )


def sweep(place: Path) -> None:
    """Removes what killed servers of this user left in a folder for temporary files."""
    for folder in place.glob("emotion-*-scratch"):
        match = NAME.fullmatch(folder.name)
        if match is None:
            continue
        with suppress(OSError):  # it is another user's, in use, or already removed
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove_traces(folder, prefix=match[1])
            finally:
                os.close(lock)


def remove_traces(folder: Path, *, prefix: str) -> None:
    """Removes a scratch folder, and the shared memory that belongs to it."""
    for path in SHARED_MEMORY.glob(f"{prefix}*"):
        with suppress(OSError):  # it is gone, or another user's
            path.unlink()
    shutil.rmtree(folder, ignore_errors=True)
