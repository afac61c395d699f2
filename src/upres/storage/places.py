"""Folders of files wherever they lie: on this machine, in a bucket, behind a web server.

A name in a place is a path below it, with `/` between its parts. Nothing here lists a place as a whole: ten million
names pass through one after the other.
"""

from __future__ import annotations

import mimetypes
import os
import random
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

from upres.config.limits import MAX_ATTEMPTS, MAX_PAUSE_SECONDS
from upres.errors import CancelledError, ConfigError, StorageError, UpresError

Answer = TypeVar("Answer")

BUCKETS = ("s3", "gs", "az")
"""How addresses of buckets begin."""

WEB = ("http", "https")
"""How addresses begin that are only read, one by one."""

# A path with `//` in it is one without to pathlib, which is how a command takes what it is given.
_ADDRESS = re.compile(rf"({'|'.join((*BUCKETS, *WEB, 'file'))}):/+", re.IGNORECASE)


STOPPED = "stopped as asked"
"""What is said of work that was told to stop."""


class RepeatableError(StorageError):
    """A request that may be sent again."""


@dataclass(frozen=True)
class Patience:
    """How often a request is sent again that was not answered, and how long the pauses before that are.

    Attributes:
        attempts: how often it is sent at most, without a byte of progress in between.
        pause: seconds before the second; each further pause is twice as long, half of it at random.
        longest: seconds of the longest.
    """

    attempts: int = MAX_ATTEMPTS
    pause: float = 0.5
    longest: float = MAX_PAUSE_SECONDS

    def again(self, request: Callable[[], Answer], stop: threading.Event | None = None) -> Answer:
        """Send a request until it is answered.

        Raises:
            StorageError: what stood in the way the last time, or what no further attempt can change.
            CancelledError: `stop` was set meanwhile.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                return request()
            except RepeatableError as error:
                self.after(error, attempt, stop)
        raise AssertionError("at least one attempt is made")

    def after(self, error: UpresError, attempt: int, stop: threading.Event | None = None) -> None:
        """Pause after an attempt of this number, counted from 1, that ended in an error.

        Raises:
            StorageError: no further attempt can change it, or this was the last.
            CancelledError: `stop` was set meanwhile.
        """
        if not isinstance(error, RepeatableError):
            raise error
        if attempt == self.attempts:
            raise StorageError(f"{error.args[0]}, {attempt} times; try again later", where=error.where) from error
        length = min(self.longest, self.pause * 2 ** (attempt - 1)) * random.uniform(0.5, 1)
        if (stop or threading.Event()).wait(length):
            raise CancelledError(STOPPED)


def check_going(stop: threading.Event) -> None:
    """Refuse to go on where `stop` is set.

    Raises:
        CancelledError: it is.
    """
    if stop.is_set():
        raise CancelledError(STOPPED)


@dataclass(frozen=True)
class Listed:
    """A file of a place.

    Attributes:
        name: below the place.
        size: its bytes; `None` where nobody has said.
    """

    name: str
    size: int | None = None


class Place(ABC):
    """A folder of files.

    Attributes:
        address: of the folder, as a person knows it: without passwords and without what is signed.
    """

    address: str

    def shown(self, name: str) -> str:
        """Return the address of a file, as a person knows it."""
        return f"{self.address.rstrip('/')}/{name}" if self.address else name

    @abstractmethod
    def names(self, *, after: str | None = None) -> Iterator[Listed]:
        """Yield the files below, as they are listed.

        Args:
            after: a name; those that come later in the order of a bucket are enough.

        Raises:
            StorageError: it cannot be listed.
        """

    @abstractmethod
    def there(self, names: Sequence[str]) -> set[str]:
        """Return which of these names are there."""

    @abstractmethod
    def fetched(self, name: str, scratch: Path, stop: threading.Event) -> Path:
        """Return a path on this machine with the file's bytes: `scratch`, or its own.

        Raises:
            StorageError: it cannot be had.
            CancelledError: `stop` was set meanwhile.
        """

    @abstractmethod
    def target(self, name: str, scratch: Path) -> Path:
        """Return the path on this machine that is written for a file: `scratch`, or its own."""

    @abstractmethod
    def keep(
        self,
        name: str,
        path: Path,
        *,
        replace: bool,
        digest: str = "",
        about: Mapping[str, str] = MappingProxyType({}),
        stop: threading.Event | None = None,
    ) -> bool:
        """Put what was written at `target` in its place, whole or not at all.

        Args:
            name: of the file.
            path: what `target` returned.
            replace: whether it may replace another.
            digest: its SHA-256.
            about: what is said of it where a store keeps such words.
            stop: once it is set, a request that failed is not sent again.

        Returns:
            Whether it was put: `False` where the same bytes were there.

        Raises:
            StorageError: it cannot be put, or another one is there.
        """

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Return the bytes of a file, or `None` where there is none.

        Raises:
            StorageError: nobody can say.
        """


class LocalFolder(Place):
    """A folder of this machine's file system: files are read and written where they are.

    Args:
        path: the folder; it need not be there to be written into.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.address = str(path)

    def shown(self, name: str) -> str:
        """Return the path of a file."""
        return str(self._path / name)

    def names(self, *, after: str | None = None) -> Iterator[Listed]:
        """Yield the files below in the order in which the system lists them; what is hidden is passed over."""
        waiting = [self._path]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.name.startswith("."):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(Path(entry.path))
                        else:
                            yield Listed(Path(entry.path).relative_to(self._path).as_posix())
            except OSError as error:
                raise StorageError(f"cannot be listed ({error.strerror})", where=folder) from error

    def there(self, names: Sequence[str]) -> set[str]:
        """Return which of these names are there."""
        return {name for name in names if (self._path / name).exists()}

    def fetched(self, name: str, scratch: Path, stop: threading.Event) -> Path:
        """Return the file's own path."""
        return self._path / name

    def target(self, name: str, scratch: Path) -> Path:
        """Return the file's own path: what writes it renames it."""
        return self._path / name

    def keep(
        self,
        name: str,
        path: Path,
        *,
        replace: bool,
        digest: str = "",
        about: Mapping[str, str] = MappingProxyType({}),
        stop: threading.Event | None = None,
    ) -> bool:
        """Do nothing: it is there."""
        return True

    def size(self, name: str) -> int | None:
        """Return the bytes of a file, or `None` where there is none."""
        path = self._path / name
        return path.stat().st_size if path.is_file() else None


class Anywhere(Place):
    """What addresses and paths lead to: names here are whole ones."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.address = ""
        self._patience = patience
        self._places: dict[str, Place] = {}

    def shown(self, name: str) -> str:
        """Return what a person knows a name as."""
        place, inside = self._split(name)
        return place.shown(inside)

    def names(self, *, after: str | None = None) -> Iterator[Listed]:
        """Refuse: there is no end.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("nobody can list every place; give a folder or a list", settings=("from",))

    def there(self, names: Sequence[str]) -> set[str]:
        """Return which of these names are there, asking for each."""
        return {name for name in names if self.size(name) is not None}

    def fetched(self, name: str, scratch: Path, stop: threading.Event) -> Path:
        """Return a path on this machine with the file's bytes."""
        place, inside = self._split(name)
        return place.fetched(inside, scratch, stop)

    def target(self, name: str, scratch: Path) -> Path:
        """Return the path on this machine that is written for a file."""
        place, inside = self._split(name)
        return place.target(inside, scratch)

    def keep(
        self,
        name: str,
        path: Path,
        *,
        replace: bool,
        digest: str = "",
        about: Mapping[str, str] = MappingProxyType({}),
        stop: threading.Event | None = None,
    ) -> bool:
        """Put what was written in its place."""
        place, inside = self._split(name)
        return place.keep(inside, path, replace=replace, digest=digest, about=about, stop=stop)

    def size(self, name: str) -> int | None:
        """Return the bytes of a file, or `None` where there is none."""
        place, inside = self._split(name)
        return place.size(inside)

    def _split(self, name: str) -> tuple[Place, str]:
        """Return the place that a name is in, opened once for each bucket or server, and the rest of the name."""
        address = address_of(name)
        if address is None or address.startswith("file:"):
            path = Path(name if address is None else address.removeprefix("file://"))
            return LocalFolder(path.parent), path.name
        scheme, _, rest = address.partition("://")
        host, _, inside = rest.partition("/")
        root = f"{scheme}://{host}"
        if root not in self._places:
            self._places[root] = place_of(root, self._patience)
        return self._places[root], inside


def address_of(given: str | Path) -> str | None:
    """Return the address that was given, or `None` where it is a path on this machine.

    >>> address_of(Path("s3://bucket/in")), address_of("photos/in")
    ('s3://bucket/in', None)
    """
    text = given if isinstance(given, str) else given.as_posix()
    begins = _ADDRESS.match(text)
    if begins is None:
        return None
    scheme, rest = begins[1].lower(), text[begins.end() :]
    return f"file:///{rest}" if scheme == "file" else f"{scheme}://{rest}"


def split(address: str) -> tuple[str, str]:
    """Return an address without its last part, and that part.

    >>> split("s3://bucket/in/a.png")
    ('s3://bucket/in', 'a.png')
    """
    scheme, _, rest = address.partition("://")
    folder, _, name = rest.rpartition("/")
    return f"{scheme}://{folder}", name


def place_of(address: str | Path, patience: Patience | None = None) -> Place:
    """Return the folder with an address, or a folder of this machine.

    Raises:
        ConfigError: there is no such kind of address.
        MissingExtraError: what reads buckets is not installed.
    """
    found = address_of(address)
    if found is None:
        return LocalFolder(Path(address))
    scheme = found.partition(":")[0]
    if scheme == "file":
        return LocalFolder(Path(found.removeprefix("file://")))
    if scheme in WEB:
        from upres.storage.web import Web

        return Web(found, patience or Patience())
    from upres.storage.objects import Bucket

    return Bucket(found, patience or Patience())


def without_secrets(address: str) -> str:
    """Return an address without a user, a password and a query, in which tokens and signatures travel.

    >>> without_secrets("https://me:secret@host/a.png?sig=abc")
    'https://host/a.png'
    """
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def check_bucket(address: str) -> None:
    """Refuse an address of a bucket that holds what belongs elsewhere.

    Raises:
        ConfigError: it names a user or a query, or no bucket.
    """
    parts = urlsplit(address)
    if "@" in parts.netloc or parts.query:
        raise ConfigError(
            "an address of a bucket holds no user, password or query; give credentials by the environment",
            where=without_secrets(address),
        )
    if not parts.netloc:
        raise ConfigError(f"names no bucket; write it as {parts.scheme}://bucket/folder", where=address)


def kind_of(name: str) -> str:
    """Return the media type of a name."""
    return mimetypes.guess_type(PurePosixPath(name).name)[0] or "application/octet-stream"
