"""What manifests say together: of each picture the best that became of it, of any number of pictures.

The rows lie in a database on disk while they are looked at, and not in memory.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from upres.errors import ConfigError, StorageError, UpresError
from upres.storage.digests import digest_of
from upres.storage.places import Anywhere, LocalFolder, address_of, place_of, split
from upres.storage.scratch import scratch_folder
from upres.upscaling.batch.columns import is_parquet, read_lines
from upres.upscaling.batch.manifest import MANIFEST, entry_of, stored_lines

# Of what became of a picture the larger counts: an output that one line tells of is there, whatever another says.
FAILED, THERE, MADE = 0, 1, 2
STATES = {MADE: "made", THERE: "there already", FAILED: "failed"}

_ROWS = 10_000
_ASKED_AT_ONCE = 16


@dataclass(frozen=True)
class Faults:
    """What is wrong with an output that a manifest tells of.

    Attributes:
        output: its address.
        said: what is wrong, in words.
    """

    output: str
    said: str


class Ledger:
    """The rows of manifests, one for each picture.

    Args:
        database: as `ledger` makes it.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def states(self) -> dict[str, int]:
        """Return how many pictures came to what."""
        found = dict(self._database.execute("SELECT state, count(*) FROM rows GROUP BY state"))
        return {word: found.get(state, 0) for state, word in STATES.items()}

    def errors(self) -> dict[str, int]:
        """Return how many pictures failed for each class of error, the most frequent first."""
        ask = "SELECT class, count(*) AS n FROM rows WHERE state = 0 GROUP BY class ORDER BY n DESC, class"
        return dict(self._database.execute(ask))

    def fingerprints(self) -> dict[str, int]:
        """Return how many outputs were made by each model with its settings, by their fingerprints."""
        ask = "SELECT fingerprint, count(*) AS n FROM rows WHERE state = 2 GROUP BY fingerprint ORDER BY n DESC"
        return {key or "unknown": count for key, count in self._database.execute(ask)}

    def totals(self) -> tuple[int, float]:
        """Return the bytes of all outputs whose length is known, and the seconds of work on them."""
        (found,) = self._database.execute("SELECT coalesce(sum(bytes), 0), coalesce(sum(seconds), 0) FROM rows")
        return int(found[0]), float(found[1])

    def lines(self) -> Iterator[str]:
        """Yield the lines, one for each picture, in the order of their outputs."""
        for (line,) in self._database.execute("SELECT line FROM rows ORDER BY output, input"):
            yield line

    def failed(self, error: str | None = None) -> Iterator[str]:
        """Yield the inputs of which nothing was made, of one class of error or of all.

        Raises:
            ConfigError: no row has that class.
        """
        known = self.errors()
        if error is not None and error not in known:
            raise ConfigError(
                f"{error}: nothing failed so; there are {', '.join(known) or 'no failures'}", settings=("error",)
            )
        ask = "SELECT input FROM rows WHERE state = 0 AND (?1 IS NULL OR class = ?1) ORDER BY input"
        for (name,) in self._database.execute(ask, (error,)):
            yield _text(name)

    def faults(self, *, digests: bool = False) -> Iterator[Faults]:
        """Look for every output that is said to be there; yield those that are not, or are not what they were.

        Args:
            digests: read them, and compare their SHA-256; else their lengths are asked for.
        """
        place = Anywhere()
        ask = "SELECT output, bytes, sha256 FROM rows WHERE state > 0 ORDER BY output"
        rows = self._database.execute(ask)
        with scratch_folder() as scratch, ThreadPoolExecutor(_ASKED_AT_ONCE, "upres-verify") as asking:
            numbers = itertools.count()

            def fault(row: tuple[bytes, int | None, str | None]) -> Faults | None:
                output, (length, digest) = _text(row[0]), row[1:]
                try:
                    there = place.size(output)
                    if there is None:
                        return Faults(output, "is not there")
                    if length is not None and there != length:
                        return Faults(output, f"has {there:,} bytes, and had {length:,}")
                    if digests and digest is not None:
                        copy = scratch / f"{next(numbers)}"
                        came = digest_of(place.fetched(output, copy, threading.Event()))
                        copy.unlink(missing_ok=True)
                        if came != digest:
                            return Faults(output, "has other bytes than were written")
                except UpresError as error:
                    return Faults(output, str(error))
                return None

            while some := rows.fetchmany(_ROWS):
                yield from filter(None, asking.map(fault, some))


@contextlib.contextmanager
def ledger(given: Sequence[str]) -> Iterator[Ledger]:
    """Read manifests: files of JSON lines or Parquet, output folders with all their manifests, buckets with theirs.

    Raises:
        ConfigError: there is none.
        StorageError: a bucket does not give it.
        MissingExtraError: what reads Parquet is not installed.
    """
    with scratch_folder() as scratch, contextlib.closing(sqlite3.connect(scratch / "rows")) as database:
        database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;"
            "CREATE TABLE rows (output BLOB, input BLOB, state INT, class TEXT, bytes INT, sha256 TEXT,"
            " fingerprint TEXT, seconds REAL, line TEXT, PRIMARY KEY (output, input)) WITHOUT ROWID"
        )
        insert = (
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state,"
            " class = excluded.class, bytes = excluded.bytes, sha256 = excluded.sha256,"
            " fingerprint = excluded.fingerprint, seconds = excluded.seconds, line = excluded.line"
            " WHERE excluded.state >= rows.state"
        )
        for one in given:
            database.executemany(insert, _rows(_lines(one)))
        yield Ledger(database)


def _lines(given: str) -> Iterator[str]:
    if address_of(given) is not None and not given.startswith("file:"):
        if is_parquet(given) or given.endswith(".jsonl"):
            folder, name = split(given)
            with scratch_folder() as scratch:
                yield from _file(place_of(folder).fetched(name, scratch / "manifest", threading.Event()), given)
            return
        yield from _stored(given)
        return
    place = place_of(given)
    assert isinstance(place, LocalFolder)
    path = Path(place.address)
    pattern = MANIFEST.replace(".", "*.", 1)
    found = sorted(path.glob(pattern)) if path.is_dir() else [path]
    if not found:
        raise ConfigError(f"holds no {pattern}; name the folder that was written into, or a manifest", where=given)
    for each in found:
        try:
            yield from _file(each, given if path == each else str(each))
        except OSError as error:
            raise ConfigError(f"cannot be read ({error.strerror}); name a manifest", where=each) from error


def _file(path: Path, given: str) -> Iterator[str]:
    if is_parquet(given):
        yield from read_lines(path, given)
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from file


def _stored(given: str) -> Iterator[str]:
    lines = stored_lines(place_of(given))
    first = next(lines, None)
    if first is None:
        raise StorageError("holds no manifest; name the folder that was written into", where=given)
    yield from itertools.chain((first,), lines)


def _bytes(name: object) -> bytes:
    """Return a name as the database takes it, which refuses text that is no Unicode."""
    return str(name).encode("utf-8", "surrogatepass")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")


def _rows(lines: Iterable[str]) -> Iterator[tuple[object, ...]]:
    for line in lines:
        entry = entry_of(line)
        if entry is None or "input" not in entry:
            continue
        state = FAILED if entry.get("error") is not None else THERE if entry.get("skipped") else MADE
        yield (
            _bytes(entry.get("output")),
            _bytes(entry["input"]),
            state,
            (entry.get("error_class") or "unknown") if state == FAILED else None,
            entry.get("bytes"),
            entry.get("sha256"),
            entry.get("fingerprint"),
            entry.get("seconds"),
            json.dumps(entry) + "\n",
        )
