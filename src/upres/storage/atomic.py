"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from upres.config.limits import MAX_NAME_BYTES

fcntl: Any = None  # Windows has none: there, what a killed run leaves is not cleared away
with contextlib.suppress(ImportError):
    import fcntl

# .NAME.upres-RANDOM.SUFFIX
_UNFINISHED = re.compile(r"\..*\.upres-[0-9a-f]{16}(\.[^.]*)?", re.DOTALL)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` (same suffix) to write to; rename it to `path` when all went well.

    The rename is atomic, so a reader sees the old file or the new one; on any error the old one stays and
    nothing else is left. What a killed process leaves behind, `clear_unfinished` removes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = _held(path)
    try:
        yield temporary
        os.fsync(handle)
        if fcntl is None:
            os.close(handle)  # Windows renames no open file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        if fcntl is not None:
            os.close(handle)


@contextlib.contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """Give an empty temporary file beside `path` (same suffix), which is gone afterwards.

    What a killed process leaves behind, `clear_unfinished` removes.
    """
    handle, temporary = _held(path)
    try:
        yield temporary
    finally:
        if fcntl is None:
            os.close(handle)  # Windows removes no open file
        temporary.unlink(missing_ok=True)
        if fcntl is not None:
            os.close(handle)


@contextlib.contextmanager
def nameless_file() -> Iterator[tuple[Path, BinaryIO]]:
    """Give a path of an empty file that has no name in any folder, and the file: nothing is left, however this ends.

    Where the system has no such paths (only Linux's lead to the file itself), it is an ordinary temporary file, which
    SIGKILL leaves behind.
    """
    with tempfile.TemporaryFile() as file:
        path = Path(f"/proc/self/fd/{file.fileno()}")
        if path.exists():
            yield path, cast(BinaryIO, file)
            return
    with tempfile.TemporaryDirectory(prefix="upres-") as folder:
        path = Path(folder) / "file"
        with path.open("w+b") as named:
            yield path, named


def clear_unfinished(folder: Path) -> int:
    """Remove what killed runs left in a folder, and return how many files that were.

    They are known by their name, and by that no process holds them: the lock on a file ends with its process.
    """
    if fcntl is None or not folder.is_dir():
        return 0
    removed = 0
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name) and abandoned(path):
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def write_whole(path: Path, content: bytes | str) -> None:
    """Write bytes, or text as UTF-8, so that the file is whole or as it was before."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def _held(path: Path) -> tuple[int, Path]:
    """Make a temporary file that is locked while this process holds it open."""
    while True:
        stem = os.fsdecode(os.fsencode(path.stem)[:MAX_NAME_BYTES])
        temporary = path.with_name(f".{stem}.upres-{secrets.token_hex(8)}{path.suffix}")
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        if fcntl is None:
            return handle, temporary
        with contextlib.suppress(OSError):  # a file system without locks, or another run is clearing away just now
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if temporary.exists():
            return handle, temporary
        os.close(handle)


def abandoned(path: Path) -> bool:
    """Return whether no process holds the lock on a file; one that cannot be opened counts as held."""
    if fcntl is None:
        return False
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
