"""Lists of pictures, from files and from standard input, one name after the other."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from upres.errors import ConfigError, extra
from upres.storage.places import address_of, place_of, split
from upres.storage.scratch import scratch_folder

PIPE = "-"
# What a column with the names may be called; else the first column of text is taken.
_COLUMNS = ("name", "path", "key", "url", "input", "file")
_ROWS = 10_000


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
        if Path(given).suffix.lower() in (".parquet", ".pq"):
            yield from _column(path, given)
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


def _column(path: Path, given: str) -> Iterator[str]:
    with extra("hf", "reading a list in Parquet"):
        import pyarrow
        import pyarrow.parquet
    try:
        file = pyarrow.parquet.ParquetFile(path)
        text = [field.name for field in file.schema_arrow if pyarrow.types.is_string(field.type)]
        text += [field.name for field in file.schema_arrow if pyarrow.types.is_large_string(field.type)]
        chosen = next((name for name in _COLUMNS if name in text), text[0] if text else None)
        if chosen is None:
            raise ConfigError("no column of this Parquet file is text; name one of them name", where=given)
        for batch in file.iter_batches(_ROWS, columns=[chosen]):
            yield from (name for name in batch.column(0).to_pylist() if name)
    except pyarrow.ArrowInvalid as error:
        raise ConfigError("is no Parquet file that can be read", where=given) from error
