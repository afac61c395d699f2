"""What became of every picture, as JSON lines."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from upres.errors import PictureError
from upres.upscaling.batch.jobs import Outcome, make_folder

MANIFEST = "upres-manifest.jsonl"


class Manifest:
    """A file of JSON lines, one for each outcome, each appended in one write.

    Args:
        path: the file; lines are added to one that exists.
        made_with: the settings that decide what is in an output, by name; each line says them.

    Raises:
        PictureError: it cannot be opened.
    """

    def __init__(self, path: Path, made_with: Mapping[str, object] = MappingProxyType({})) -> None:
        self._made_with = dict(made_with)
        make_folder(path.parent)
        try:
            self._listed = _listed_outputs(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            raise PictureError(
                f"cannot be written ({error.strerror}); choose another place for the manifest",
                where=path,
                settings=("manifest",),
            ) from error

    def add(self, outcome: Outcome) -> None:
        """Append a line; for an output that was there already and has its line, none."""
        if outcome.skipped and str(outcome.job.target) in self._listed:
            return
        line = outcome.line() | {"settings": None if outcome.skipped else self._made_with}
        os.write(self._file, (json.dumps(line) + "\n").encode())

    def differing(self, outcome: Outcome) -> tuple[str, ...]:
        """Return the names of the settings by which an output that is there already was made otherwise.

        What no line tells of, or only a line of a version that did not say, differs in nothing that is known.
        """
        before = self._listed.get(str(outcome.job.target)) if outcome.skipped else None
        if before is None:
            return ()
        return tuple(name for name, value in self._made_with.items() if before.get(name) != value)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _listed_outputs(path: Path) -> dict[str, dict[str, object] | None]:
    """Return the outputs of which a line tells, and by which settings the latest was made, where it says so."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if lines and not path.read_bytes().endswith(b"\n"):  # the last write was cut short, by a full disk say
        with path.open("ab") as file:
            file.write(b"\n")
    listed: dict[str, dict[str, object] | None] = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict) and entry.get("error") is None:
            settings = entry.get("settings")
            listed[str(entry.get("output"))] = settings if isinstance(settings, dict) else None
    return listed
