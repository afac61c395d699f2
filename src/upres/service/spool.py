"""The folder in which the files of requests lie while they are needed: bounded, private, and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from upres.errors import ConfigError
from upres.storage.atomic import abandoned, clear_unfinished

fcntl: Any = None  # Windows has none: there, what a killed service leaves is not cleared away
with contextlib.suppress(ImportError):
    import fcntl

_PREFIX = "upres-serve-"
_LOCK = ".lock"
# A folder without its lock is one that another service is just making, or one that was killed just then.
_MAKING_SECONDS = 60
# What stays free on the disk, whatever is allowed.
_FREE_BYTES = 200_000_000


class Spool:
    """A folder of its own below another one, and how many bytes may lie in it.

    What a killed service left beside it is removed: its lock ended with it.

    Args:
        parent: where; `None` for the system's temporary folder.
        limit: bytes.

    Raises:
        ConfigError: nothing can be written there.
    """

    def __init__(self, parent: Path | None, limit: int) -> None:
        self._parent = Path(tempfile.gettempdir()) if parent is None else parent
        self._limit = limit
        self._bytes: dict[Path, int] = {}
        clear_abandoned(self._parent)
        try:
            self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._parent))
        except OSError as error:
            raise ConfigError(
                f"the folder of the requests' files cannot be made ({error.strerror}); name another",
                where=self._parent,
                settings=("folder",),
            ) from error
        self._lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        if fcntl is not None:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @property
    def used(self) -> int:
        """Bytes that lie in it."""
        return sum(self._bytes.values())

    def has_room(self, wanted: int = 0) -> bool:
        """Return whether so many bytes more may lie in it, and the disk has them."""
        if self.used + wanted > self._limit:
            return False
        return shutil.disk_usage(self.folder).free - wanted > _FREE_BYTES

    def count(self, path: Path, size: int) -> None:
        """Note how long a file is."""
        self._bytes[path] = size

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        self._bytes.pop(path, None)
        path.unlink(missing_ok=True)

    def target(self, number: int) -> Path:
        """Return where the result of some work goes, without its suffix."""
        return self.folder / f"{number}-out"

    def clear_unfinished(self, numbers: Iterable[int]) -> None:
        """Remove what a worker left that ended while it did such work."""
        clear_unfinished(self.folder)
        for number in numbers:
            for path in self.folder.glob(f"{self.target(number).name}.*"):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def clear_abandoned(parent: Path) -> int:
    """Remove the folders of services that were killed, and return how many that were."""
    if fcntl is None or not parent.is_dir():
        return 0
    removed = 0
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or just gone
            if _left(folder):
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
    return removed


def _left(folder: Path) -> bool:
    lock = folder / _LOCK
    if lock.exists():
        return abandoned(lock)
    return time.time() - folder.stat().st_mtime > _MAKING_SECONDS
