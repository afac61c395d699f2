"""Names and rows of manifests as columns of Parquet files, some thousand rows in memory at a time."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from upres.errors import ConfigError, extra
from upres.storage.atomic import whole_file
from upres.upscaling.batch.manifest import entry_of

NAME = "name"
"""The column of a list that is written here."""

# What a column with the names may be called; else the first column of text is taken.
_NAMES = (NAME, "path", "key", "url", "input", "file")
_ROWS = 10_000
_SUFFIXES = (".parquet", ".pq")
# What a manifest's line says, with the Python types that a column takes; all else of a line goes into `rest` as JSON.
_TEXT, _NUMBER, _WHOLE, _FLAG, _TEXTS, _WHOLES = "text", "number", "whole", "flag", "texts", "wholes"
_COLUMNS = {
    "input": _TEXT,
    "output": _TEXT,
    "input_size": _WHOLES,
    "output_size": _WHOLES,
    "model": _TEXT,
    "scale": _NUMBER,
    "denoise": _NUMBER,
    "detail": _NUMBER,
    "changes": _TEXTS,
    "seconds": _NUMBER,
    "skipped": _FLAG,
    "worst_difference": _NUMBER,
    "warnings": _TEXTS,
    "error": _TEXT,
    "error_class": _TEXT,
    "bytes": _WHOLE,
    "sha256": _TEXT,
    "fingerprint": _TEXT,
}
_REST = "rest"
_LARGEST = 1 << 63


def is_parquet(name: str | Path) -> bool:
    """Return whether a name is one of a Parquet file.

    >>> is_parquet("all.parquet"), is_parquet("s3://bucket/all.PQ"), is_parquet("all.jsonl")
    (True, True, False)
    """
    return str(name).lower().endswith(_SUFFIXES)


def read_names(path: Path, given: str) -> Iterator[str]:
    """Yield the names of a list: the column `name`, or one of a few usual ones, or the first of text.

    Args:
        path: the file.
        given: what a person knows it as.

    Raises:
        ConfigError: it is no Parquet file, or none of its columns is text.
        MissingExtraError: what reads Parquet is not installed.
        OSError: it cannot be read.
    """
    pyarrow = _pyarrow("reading a list in Parquet")
    with _opened(pyarrow, path, given) as file:
        types = pyarrow.types
        kinds = (types.is_string, types.is_large_string, types.is_string_view)
        text = [field.name for field in file.schema_arrow if any(kind(field.type) for kind in kinds)]
        chosen = next((name for name in _NAMES if name in text), text[0] if text else None)
        if chosen is None:
            raise ConfigError("no column of this Parquet file is text; name one of them name", where=given)
        for batch in file.iter_batches(_ROWS, columns=[chosen]):
            yield from (name for name in batch.column(0).to_pylist() if name)


def write_names(names: Iterable[str], path: Path) -> None:
    """Write a list, which `read_names` reads; the file is whole or as it was before.

    Raises:
        ConfigError: a name is no Unicode, which text in Parquet is.
        MissingExtraError: what writes Parquet is not installed.
        OSError: it cannot be written.
    """
    pyarrow = _pyarrow("writing a list in Parquet")
    schema = pyarrow.schema([(NAME, pyarrow.string())])
    _write(pyarrow, path, schema, ({NAME: name} for name in names))


def read_lines(path: Path, given: str) -> Iterator[str]:
    """Yield the lines of a manifest in Parquet, as its JSON lines had them: equal in what they say, if not in spaces.

    Args:
        path: the file.
        given: what a person knows it as.

    Raises:
        ConfigError: it is no Parquet file, or no manifest.
        MissingExtraError: what reads Parquet is not installed.
        OSError: it cannot be read.
    """
    pyarrow = _pyarrow("reading a manifest in Parquet")
    with _opened(pyarrow, path, given) as file:
        there = set(file.schema_arrow.names)
        if missing := {"input", "output"} - there:
            raise ConfigError(
                f"is no manifest: has no column {sorted(missing)[0]}; upres manifest merge -o {Path(given).name} "
                "makes one",
                where=given,
            )
        columns = [name for name in (*_COLUMNS, _REST) if name in there]
        for batch in file.iter_batches(_ROWS, columns=columns):
            for row in batch.to_pylist():
                rest = row.pop(_REST, None)
                yield json.dumps(row | (json.loads(rest) if rest else {})) + "\n"


def write_lines(lines: Iterable[str], path: Path) -> None:
    """Write the lines of a manifest, which `read_lines` reads; the file is whole or as it was before.

    A value that its column does not take, and what no column is for (the settings), stands in `rest` as JSON.

    Raises:
        ConfigError: a name is no Unicode, which text in Parquet is.
        MissingExtraError: what writes Parquet is not installed.
        OSError: it cannot be written.
    """
    pyarrow = _pyarrow("writing a manifest in Parquet")
    kinds = {
        _TEXT: pyarrow.string(),
        _NUMBER: pyarrow.float64(),
        _WHOLE: pyarrow.int64(),
        _FLAG: pyarrow.bool_(),
        _TEXTS: pyarrow.list_(pyarrow.string()),
        _WHOLES: pyarrow.list_(pyarrow.int64()),
    }
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in _COLUMNS.items()] + [(_REST, pyarrow.string())])
    _write(pyarrow, path, schema, map(_row, filter(None, map(entry_of, lines))))


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    fitting = {name: value for name, value in entry.items() if value is None or _fits(value, _COLUMNS.get(name, ""))}
    rest = {name: value for name, value in entry.items() if name not in fitting or name not in _COLUMNS}
    row: dict[str, Any] = {name: fitting.get(name) for name in _COLUMNS}
    return row | {_REST: json.dumps(rest, sort_keys=True) if rest else None}


def _fits(value: object, kind: str) -> bool:
    if kind in (_TEXTS, _WHOLES):
        one = _TEXT if kind == _TEXTS else _WHOLE
        return isinstance(value, list) and all(_fits(each, one) for each in value)
    if isinstance(value, bool):
        return kind == _FLAG
    if isinstance(value, int):
        return (kind == _WHOLE and abs(value) < _LARGEST) or (kind == _NUMBER and abs(value) <= 1 << 53)
    return (kind == _TEXT and isinstance(value, str)) or (kind == _NUMBER and isinstance(value, float))


def _write(pyarrow: Any, path: Path, schema: Any, rows: Iterable[dict[str, Any]]) -> None:
    remaining = iter(rows)
    with whole_file(path) as temporary, pyarrow.parquet.ParquetWriter(temporary, schema, compression="zstd") as file:
        while some := list(itertools.islice(remaining, _ROWS)):
            try:
                batch = pyarrow.RecordBatch.from_pylist(some, schema)
            except UnicodeEncodeError as error:
                shown = str(error.object).encode("utf-8", "backslashreplace").decode()
                raise ConfigError(
                    f"cannot hold the name {shown}, which is no Unicode; write JSON lines or text", where=path
                ) from error
            file.write_batch(batch)


@contextlib.contextmanager
def _opened(pyarrow: Any, path: Path, given: str) -> Iterator[Any]:
    with path.open("rb") as raw:
        try:
            with pyarrow.parquet.ParquetFile(raw) as file:
                yield file
        except (pyarrow.ArrowException, OSError) as error:  # OSError is what pyarrow says of a damaged page
            raise ConfigError("is no Parquet file that can be read; it may be cut short", where=given) from error


def _pyarrow(purpose: str) -> Any:
    with extra("parquet", purpose):
        import pyarrow
        import pyarrow.parquet
    return pyarrow
