"""Folders for what is on its way; those of killed processes are cleared away by the next."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from upres.storage.atomic import abandoned, fcntl

_PREFIX = "upres-scratch-"
_LOCK = "held"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty folder among the system's temporary files, which is gone afterwards.

    What a killed process left is known by its name, and by that no process holds its lock.
    """
    root = Path(tempfile.gettempdir())
    for old in root.glob(f"{_PREFIX}*"):
        if abandoned(old / _LOCK):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (folder / _LOCK).open("wb") as lock:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
