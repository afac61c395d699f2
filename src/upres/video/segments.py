"""The parts of a film that are done: files in a hidden folder beside the output, each whole or not there.

A run that was killed loses the segment that it was at. The next with the same input and settings goes on behind the
last one that is whole; one with others begins anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upres.config.limits import MAX_NAME_BYTES
from upres.errors import FailedError
from upres.storage import atomic
from upres.storage.atomic import clear_unfinished, whole_file, write_whole

_JOURNAL = "journal.json"
_ENDS = 1 << 20  # bytes of a film's beginning and end by which it is known again


@dataclass(frozen=True)
class Segment:
    """A part of a film that is done.

    Attributes:
        path: its pictures, coded.
        times, durations: of its pictures, in units of the film's time base.
        bytes: of its file.
    """

    path: Path
    times: tuple[int, ...]
    durations: tuple[int, ...]
    bytes: int


class Parts:
    """The segments of one output.

    Args:
        target: the output.
        key: what has to be the same for a run to go on where another ended, as JSON holds it.

    Attributes:
        segments: those that are whole, in order.
        anew: whether there were others, made of another film or by other settings; they are gone.
        pictures, bytes: of all segments.
    """

    def __init__(self, target: Path, key: dict[str, Any]) -> None:
        name = os.fsdecode(os.fsencode(target.name)[:MAX_NAME_BYTES])
        self.folder = target.with_name(f".{name}.upres-segments")
        self.segments: list[Segment] = []
        self.pictures = self.bytes = 0
        self.anew = False
        text = json.dumps(key, indent=1, sort_keys=True, default=str)
        journal = self.folder / _JOURNAL
        if journal.is_file() and journal.read_text(encoding="utf-8") != text:
            self.anew = True
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not journal.exists():
            write_whole(journal, text)
        self._lock = _locked(journal, target)
        clear_unfinished(self.folder)
        while (found := self._read(len(self.segments))) is not None:
            self._count(found)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Path]:
        """Give the path of the next segment's file, which appears when all went well; `add` says that it counts."""
        with whole_file(self._path(len(self.segments))) as path:
            yield path

    def add(self, times: list[int], durations: list[int]) -> None:
        """Count the segment that was written."""
        path = self._path(len(self.segments))
        write_whole(path.with_suffix(".json"), json.dumps({"times": times, "durations": durations}))
        self._count(Segment(path, tuple(times), tuple(durations), path.stat().st_size))

    def close(self) -> None:
        """Let another process at them."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remove(self) -> None:
        """Remove the folder: the output is there."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _count(self, segment: Segment) -> None:
        self.segments.append(segment)
        self.pictures += len(segment.times)
        self.bytes += segment.bytes

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.mkv"

    def _read(self, number: int) -> Segment | None:
        path = self._path(number)
        try:
            said = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            size = path.stat().st_size
        except (OSError, ValueError):
            return None
        return Segment(path, tuple(said["times"]), tuple(said["durations"]), size)


def digest_of(path: Path) -> str:
    """Return what tells a film from another: of its length, its time, its beginning and its end."""
    found = path.stat()
    digest = hashlib.sha256(f"{found.st_size} {found.st_mtime_ns}".encode())
    with path.open("rb") as file:
        digest.update(file.read(_ENDS))
        file.seek(max(0, found.st_size - _ENDS))
        digest.update(file.read(_ENDS))
    return digest.hexdigest()


def _locked(journal: Path, target: Path) -> int | None:
    """Return the handle of a lock that ends with this process, or `None` where there are none.

    Raises:
        FailedError: another process has it.
    """
    if atomic.fcntl is None:
        return None
    handle = os.open(journal, os.O_RDWR)
    try:
        atomic.fcntl.flock(handle, atomic.fcntl.LOCK_EX | atomic.fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise FailedError("another process is making it just now; wait for it", where=target) from error
    except OSError:  # a file system without locks
        os.close(handle)
        return None
    return handle
