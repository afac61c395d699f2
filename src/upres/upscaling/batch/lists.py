"""Lists of pictures, from files and from standard input, one name after the other."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from upres.errors import ConfigError
from upres.storage.places import address_of, place_of, split
from upres.storage.scratch import scratch_folder
from upres.upscaling.batch.columns import is_parquet, read_names

PIPE = "-"


def names_from(given: str) -> Iterator[str]:
    """Yield the names of a list: of each line of text, or of a column of a Parquet file.

    Args:
        given: a path or an address; `-` is standard input. Empty lines, and those that begin with `#`, are passed over.

    Raises:
        ConfigError: it cannot be read.
        StorageError: the store does not give it.
        MissingExtraError: what reads Parquet is not installed.
    """
    if given == PIPE:
        yield from _lines(iter(sys.stdin))
        return
    if address_of(given) is None:
        yield from _read(Path(given), given)
        return
    folder, name = split(given)
    with scratch_folder() as scratch:
        path = place_of(folder).fetched(name, scratch / "list", threading.Event())
        yield from _read(path, given)


def _read(path: Path, given: str) -> Iterator[str]:
    try:
        if is_parquet(given):
            yield from read_names(path, given)
            return
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            yield from _lines(file)
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}); give a list of names", where=given) from error


def _lines(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        name = line.rstrip("\r\n")
        if name.strip() and not name.startswith("#"):
            yield name
