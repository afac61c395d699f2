"""What became of every picture, as JSON lines: in a file, or in objects of a bucket."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from upres.errors import PictureError
from upres.models.shipped import RENAMED, weights_of
from upres.predictors.opening import is_path
from upres.storage.digests import digest_of
from upres.storage.places import Place
from upres.storage.scratch import scratch_folder
from upres.upscaling.batch.jobs import Outcome, make_folder
from upres.upscaling.batch.names import NameTable
from upres.upscaling.batch.shards import Shard

MANIFEST = "upres-manifest.jsonl"
PARTS = "upres-manifest"
"""The folder of a bucket in which the parts of its manifests lie."""

# A part of a manifest is put when it has so many lines, or its first has waited so many seconds.
_LINES = 2000
_SECONDS = 60.0


def manifest_name(shard: Shard) -> str:
    """Return the name of a shard's manifest in its output folder.

    >>> manifest_name(Shard(3, 16))
    'upres-manifest-03-of-16.jsonl'
    """
    return MANIFEST.replace(".", f"{shard.label}.", 1)


def weights(model: str) -> str:
    """Return what tells one model's weights from another's; empty where there are none."""
    if is_path(model):
        path = Path(model)
        return digest_of(path)[:16] if path.is_file() else ""
    return weights_of(RENAMED[model][0] if model in RENAMED else model)


def fingerprint(made_with: Mapping[str, object]) -> str:
    """Return 16 hexadecimal digits of the settings that decide what is in an output."""
    text = json.dumps(dict(made_with), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Log(ABC):
    """Takes what became of pictures, a line for each.

    Args:
        made_with: the settings that decide what is in an output, by name; each line says them.
    """

    def __init__(self, made_with: Mapping[str, object]) -> None:
        self._made_with = dict(made_with)
        self._fingerprint = fingerprint(made_with)

    def add(self, outcome: Outcome) -> None:
        """Append a line; for an output that was there already and has its line, none."""
        if outcome.skipped and outcome.job.target_name in self._listed:
            return
        known = not outcome.skipped
        line = outcome.line() | {
            "settings": self._made_with if known else None,
            "fingerprint": self._fingerprint if known else None,
        }
        self._append(json.dumps(line) + "\n")

    def differing(self, outcome: Outcome) -> tuple[str, ...]:
        """Return the names of the settings by which an output that is there already was made otherwise.

        What no line tells of, or only a line of a version that did not say, differs in nothing that is known.
        """
        if not outcome.skipped:
            return ()
        before = self._listed.settings_of(outcome.job.target_name)
        found = [name for name, value in self._made_with.items() if name in before and before[name] != value]
        if "model" in found and "weights" in found:  # of course, then
            found.remove("weights")
        return tuple(found)

    @functools.cached_property
    def _listed(self) -> _Listed:
        """Read when the first picture is passed over: of ten million lines that takes minutes."""
        return _Listed(self._lines())

    @abstractmethod
    def _append(self, line: str) -> None:
        """Add a line."""

    @abstractmethod
    def _lines(self) -> Iterator[str]:
        """Yield the lines of earlier runs."""

    @abstractmethod
    def close(self) -> None:
        """Add no more."""


class _Listed:
    """The outputs of which lines tell, each with the settings by which the latest was made."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._numbers = NameTable()
        self._settings: list[Mapping[str, object]] = [{}]
        known: dict[str, int] = {"{}": 0}
        for line in lines:
            entry = entry_of(line)
            if entry is None or entry.get("error") is not None:
                continue
            own = entry.get("settings")
            text = json.dumps(own, sort_keys=True) if isinstance(own, dict) else "{}"
            if text not in known and len(known) < 1 << 16:
                known[text] = len(self._settings)
                self._settings.append(json.loads(text))
            self._numbers.put(str(entry.get("output")), known.get(text, 0))

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, output: str) -> bool:
        return self._numbers.get(output) is not None

    def settings_of(self, output: str) -> Mapping[str, object]:
        """Return what is known of an output; nothing of one that no line tells of."""
        return self._settings[self._numbers.get(output) or 0]


class Manifest(Log):
    """A file of JSON lines, one for each outcome, each appended in one write.

    Args:
        path: the file; lines are added to one that exists.
        made_with: as in `Log`.

    Raises:
        PictureError: it cannot be opened.
    """

    def __init__(self, path: Path, made_with: Mapping[str, object] = MappingProxyType({})) -> None:
        super().__init__(made_with)
        self._path = path
        make_folder(path.parent)
        try:
            end_line(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            raise PictureError(
                f"cannot be written ({error.strerror}); choose another place for the manifest",
                where=path,
                settings=("manifest",),
            ) from error

    def _append(self, line: str) -> None:
        os.write(self._file, line.encode())

    def _lines(self) -> Iterator[str]:
        with self._path.open(encoding="utf-8", errors="replace") as file:
            yield from file

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class StoredManifest(Log):
    """A manifest in a bucket, where nothing can be appended: objects of some thousand lines each.

    What a killed run had not put yet is not lost: its outputs are there, and the next run says so.

    Args:
        place: the outputs' folder.
        shard: of which part.
        made_with: as in `Log`.
    """

    def __init__(self, place: Place, shard: Shard, made_with: Mapping[str, object]) -> None:
        super().__init__(made_with)
        self._place = place
        self._folder = f"{PARTS}/{shard.label.removeprefix('-') or 'all'}"
        self._run = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(4)}"
        self._waiting: list[str] = []
        self._since = 0.0
        self._parts = 0

    def _append(self, line: str) -> None:
        self._since = self._since if self._waiting else time.monotonic()
        self._waiting.append(line)
        if len(self._waiting) >= _LINES or time.monotonic() - self._since > _SECONDS:
            self._put()

    def _put(self) -> None:
        with scratch_folder() as scratch:
            path = scratch / "part.jsonl"
            path.write_text("".join(self._waiting), encoding="utf-8")
            self._place.keep(f"{self._folder}/{self._run}-{self._parts:05}.jsonl", path, replace=False)
        self._parts += 1
        self._waiting = []

    def _lines(self) -> Iterator[str]:
        yield from stored_lines(self._place, self._folder)

    def close(self) -> None:
        """Put what waits."""
        if self._waiting:
            self._put()


def stored_lines(place: Place, folder: str = PARTS) -> Iterator[str]:
    """Yield the lines of the parts of manifests in a bucket, in the order in which their runs began."""
    begin = f"{folder}/"
    with scratch_folder() as scratch:
        for entry in place.names(after=begin):
            if not entry.name.startswith(begin):
                return
            path = place.fetched(entry.name, scratch / "part.jsonl", threading.Event())
            with path.open(encoding="utf-8", errors="replace") as file:
                yield from file


def end_line(path: Path) -> None:
    """End the last line of a file whose last write was cut short, by a full disk say."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def entry_of(line: str) -> dict[str, Any] | None:
    """Return what a line of a manifest says, or `None` where it was cut short."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None
