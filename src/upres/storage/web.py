"""Files behind addresses of the web, which are read one by one and never written."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from upres.config.limits import MAX_REQUEST_SECONDS
from upres.errors import StorageError, UpresError
from upres.storage.places import Listed, Patience, Place, RepeatableError, check_going, without_secrets

# Read at a time.
_PIECE = 1 << 20
# What a server says that is busy, or has lost its way, and may do it the next time.
_BUSY = (408, 425, 429, 500, 502, 503, 504)


class Web(Place):
    """A folder of a web server.

    Args:
        address: how its files' addresses begin.
        patience: how often requests are sent again.
    """

    def __init__(self, address: str, patience: Patience) -> None:
        self._root = address.rstrip("/")
        self.address = without_secrets(self._root)
        self._patience = patience

    def shown(self, name: str) -> str:
        """Return the address of a file without what may be a secret."""
        return without_secrets(f"{self._root}/{name}")

    def names(self, *, after: str | None = None) -> Iterator[Listed]:
        """Refuse: a web server does not say what it has.

        Raises:
            StorageError: always.
        """
        raise StorageError(
            "a web server does not list what it has; give a list of addresses", where=self.address, settings=("from",)
        )

    def there(self, names: Sequence[str]) -> set[str]:
        """Refuse, as `keep`."""
        self._refuse()

    def fetched(self, name: str, scratch: Path, stop: threading.Event) -> Path:
        """Write a file to `scratch`; where the connection breaks, go on from there."""
        attempt = 0
        tag: str | None = None
        with scratch.open("wb") as file:
            while True:
                before = file.tell()
                try:
                    with self._answer(name, before, tag) as answer:
                        if before and answer.status != 206:  # it begins anew, or is another file now
                            file.seek(0)
                            file.truncate()
                        tag = answer.headers.get("ETag")
                        length = answer.headers.get("Content-Length")
                        total = None if length is None else file.tell() + int(length)
                        while piece := answer.read(_PIECE):
                            check_going(stop)
                            file.write(piece)
                    if total is None or file.tell() == total:
                        return scratch
                    error: UpresError = RepeatableError("broke off", where=self.shown(name))
                except (OSError, HTTPException) as reason:
                    error = self._told(reason, name)
                attempt = 1 if file.tell() > before else attempt + 1
                self._patience.after(error, attempt, stop)

    def _answer(self, name: str, before: int, tag: str | None) -> Any:
        headers = {"User-Agent": "upres"}
        if before:
            headers["Range"] = f"bytes={before}-"
            if tag is not None:
                headers["If-Range"] = tag
        address = quote(f"{self._root}/{name}", safe="/:?&=%@+,;~!$*'()[]#")
        return urlopen(Request(address, headers=headers), timeout=MAX_REQUEST_SECONDS)

    def _told(self, error: Exception, name: str) -> UpresError:
        where = self.shown(name)
        if isinstance(error, HTTPError):
            if error.code in _BUSY:
                return RepeatableError(f"the server did not answer as it should ({error.code})", where=where)
            return StorageError(f"the server refuses it ({error.code} {error.reason}); check the address", where=where)
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        return RepeatableError(f"the connection failed ({reason})", where=where)

    def target(self, name: str, scratch: Path) -> Path:
        """Refuse, as `keep`."""
        self._refuse()

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
        """Refuse: web servers are read.

        Raises:
            StorageError: always.
        """
        self._refuse()

    def size(self, name: str) -> int | None:
        """Refuse, as `keep`."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise StorageError(
            "a web server is only read; write into a folder or a bucket", where=self.address, settings=("output",)
        )
