"""What became of every picture, as JSON lines."""

from __future__ import annotations

import json
import os
from pathlib import Path

from upres.errors import PictureError
from upres.upscaling.batch.jobs import Outcome, make_folder

MANIFEST = "upres-manifest.jsonl"


class Manifest:
    """A file of JSON lines, one for each outcome, each appended in one write.

    Args:
        path: the file; lines are added to one that exists.

    Raises:
        PictureError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
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
        os.write(self._file, (json.dumps(outcome.line()) + "\n").encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _listed_outputs(path: Path) -> set[str]:
    if not path.exists():
        return set()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if lines and not path.read_bytes().endswith(b"\n"):  # the last write was cut short, by a full disk say
        with path.open("ab") as file:
            file.write(b"\n")
    listed = set()
    for line in lines:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict) and entry.get("error") is None:
            listed.add(str(entry.get("output")))
    return listed
