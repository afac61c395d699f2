"""Buckets of S3, Google and Azure as folders, by obstore.

An object is whole or not there: stores show what is put when its last byte has come, and parts when they are
completed. Credentials come the usual ways of obstore (variables, a machine's role); nothing here reads or says them.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from upres.config.limits import MAX_REQUEST_SECONDS
from upres.errors import StorageError, UpresError, extra, first_line
from upres.storage.digests import digest_of
from upres.storage.places import (
    Listed,
    Patience,
    Place,
    RepeatableError,
    check_bucket,
    check_going,
    kind_of,
)

# Bytes of a part that is sent, and of a piece that is handed on while an object comes.
_PART = 8 << 20
_PIECE = 1 << 20
# Parts of one object that are under way at once.
_AT_ONCE = 4
# What stores give at a time.
_PAGE = 1000
# Pages that are looked through for a page of names, before each name is asked for alone.
_PAGES = 4
_DIGEST = "upres-sha256"
# Behind the address of the request, which may be long.
_STATUS = re.compile(r"status code: ([45]\d\d) [A-Z][A-Za-z ]+")
# What a store says that is busy: not now.
_BUSY = ("408", "409", "429")
_REFUSED = "the store refuses it to these credentials; check them and their rights"
_NO_BUCKET = "no such bucket; check the address"
# How variables begin, and those that are of the connection.
_VARIABLES = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}
_CONNECTION = (
    "allow_http",
    "allow_invalid_certificates",
    "connect_timeout",
    "pool_idle_timeout",
    "pool_max_idle_per_host",
    "proxy_ca_certificate",
    "proxy_excludes",
    "proxy_url",
    "timeout",
)


class Bucket(Place):
    """A folder of a bucket.

    Args:
        address: `s3://bucket/folder`, `gs://…` or `az://container/folder`.
        patience: how often requests are sent again.

    Raises:
        ConfigError: no such address can be.
        MissingExtraError: obstore is not installed.
    """

    def __init__(self, address: str, patience: Patience) -> None:
        check_bucket(address)
        self.address = address.rstrip("/")
        self._patience = patience
        with extra("objects", "reading and writing buckets"):
            import obstore.exceptions
            import obstore.store
        self._obstore: Any = obstore
        pauses = {"init_backoff": timedelta(seconds=patience.pause), "max_backoff": timedelta(seconds=patience.longest)}
        try:
            self._store: Any = obstore.store.from_url(
                self.address,
                client_options={"timeout": timedelta(seconds=MAX_REQUEST_SECONDS), **_connection(self.address)},
                retry_config={"max_retries": patience.attempts - 1, "backoff": {**pauses, "base": 2}},
            )
        except Exception as error:  # obstore's own, and ValueError for a name that no bucket has
            raise self._told(error, None) from error

    def names(self, *, after: str | None = None) -> Iterator[Listed]:
        """Yield the objects below in the order of their names, a page of them at a time."""
        for page in self._pages(after):
            yield from page

    def _pages(self, after: str | None) -> Iterator[list[Listed]]:
        pages: Iterator[list[Listed]] | None = None
        last = after
        attempt = 0
        while True:
            try:
                if pages is None:
                    pages = self._listed(last)
                page = next(pages, None)
            except RepeatableError as error:  # what has come stays, and the list goes on behind it
                attempt, pages = attempt + 1, None
                self._patience.after(error, attempt)
                continue
            if page is None:
                return
            attempt = 0
            if page:
                last = page[-1].name
                yield page

    def _listed(self, after: str | None) -> Iterator[list[Listed]]:
        try:
            for page in self._obstore.list(self._store, offset=after, chunk_size=_PAGE):
                # Not every server that speaks Azure's language begins where it is asked to, or behind it.
                yield [Listed(entry["path"], entry["size"]) for entry in page if not after or entry["path"] > after]
        except self._obstore.exceptions.BaseError as error:
            raise self._told(error, None) from error

    def there(self, names: Sequence[str]) -> set[str]:
        """Return which of these names are there: by listing from the first to the last of them, mostly."""
        if len(names) < 3:
            return {name for name in names if self.size(name) is not None}
        wanted = set(names)
        first, last = min(wanted), max(wanted)
        found: set[str] = {first} if self.size(first) is not None else set()
        for number, page in enumerate(self._pages(first)):
            inside = [entry.name for entry in page]
            found |= wanted & set(inside)
            if inside[-1] >= last:
                return found
            if number == _PAGES + len(wanted) // 10:  # much else lies between them
                return found | {name for name in wanted if name > inside[-1] and self.size(name) is not None}
        return found

    def size(self, name: str) -> int | None:
        """Return the bytes of an object, or `None` where there is none."""

        def ask() -> int | None:
            try:
                return int(self._obstore.head(self._store, name)["size"])
            except (self._obstore.exceptions.NotFoundError, FileNotFoundError):
                return None
            except self._obstore.exceptions.BaseError as error:
                raise self._told(error, name) from error

        return self._patience.again(ask)

    def fetched(self, name: str, scratch: Path, stop: threading.Event) -> Path:
        """Write an object to `scratch`; where the connection breaks, go on from there."""
        tag: str | None = None
        attempt = 0
        with scratch.open("wb") as file:
            while True:
                before = file.tell()
                options: dict[str, Any] = {"range": {"offset": before}, "if_match": tag} if before else {}
                try:
                    answer = self._obstore.get(self._store, name, options=options)
                    meta = answer.meta
                    tag = meta["e_tag"]
                    for piece in answer.stream(min_chunk_size=_PIECE):
                        check_going(stop)
                        file.write(piece)
                    if file.tell() == meta["size"]:
                        return scratch
                    error: UpresError = RepeatableError("broke off", where=self.shown(name))
                except self._obstore.exceptions.PreconditionError:
                    file.seek(0)
                    file.truncate()
                    error = RepeatableError("was replaced while it was read", where=self.shown(name))
                except (self._obstore.exceptions.BaseError, FileNotFoundError) as reason:
                    error = self._told(reason, name)
                attempt = 1 if file.tell() > before else attempt + 1
                self._patience.after(error, attempt, stop)

    def target(self, name: str, scratch: Path) -> Path:
        """Return `scratch`."""
        return scratch

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
        """Put a file as an object, in parts where it is large."""
        digest = digest or digest_of(path)
        told = {self._key(key): value for key, value in {_DIGEST: digest, **about}.items()}
        attributes = {"Content-Type": kind_of(name), **told}
        # The store itself refuses a small one where there is another; obstore would hold a large one in memory for it,
        # so there it is asked before. Whoever makes the same at the same moment puts the same bytes.
        small = path.stat().st_size <= _PART
        mode = "create" if small and not replace else "overwrite"

        def put() -> bool:
            if not (small or replace) and self.size(name) is not None:
                return self._same(name, digest)
            try:
                self._obstore.put(
                    self._store,
                    name,
                    path,
                    attributes=attributes,
                    mode=mode,
                    chunk_size=_PART,
                    max_concurrency=_AT_ONCE,
                )
                return True
            except self._obstore.exceptions.AlreadyExistsError:
                return self._same(name, digest)
            except self._obstore.exceptions.BaseError as error:
                raise self._told(error, name) from error

        return self._patience.again(put, stop)

    def _key(self, name: str) -> str:
        """Return what a word of metadata is called here: Azure takes names of C# only, which have no hyphen."""
        return name.replace("-", "_") if self.address.startswith("az:") else name

    def _same(self, name: str, digest: str) -> bool:
        """Return `False`: an answer may have been lost on its way, or another worker may have made the same.

        Raises:
            StorageError: what is there are other bytes.
        """
        if self._digest(name) == digest:
            return False
        raise StorageError(
            "was put by somebody else meanwhile, with other bytes; allow it to be replaced, or write elsewhere",
            where=self.shown(name),
            settings=("overwrite", "output"),
        )

    def _digest(self, name: str) -> str | None:
        """Return the SHA-256 that an object is said to have, or that it has."""
        try:
            answer = self._obstore.get(self._store, name)
            said = answer.attributes.get(self._key(_DIGEST))
            if said:
                return str(said)
            found = hashlib.sha256()
            for piece in answer.stream(min_chunk_size=_PIECE):
                found.update(piece)
            return found.hexdigest()
        except self._obstore.exceptions.BaseError as error:
            raise self._told(error, name) from error

    def _told(self, error: Exception, name: str | None) -> UpresError:
        """Return an error of the store in a line of ours, which holds nothing of a request but its place."""
        kinds = self._obstore.exceptions
        where = self.address if name is None else self.shown(name)
        status = _STATUS.search(str(error))
        number = "" if status is None else status[1]
        refused = kinds.PermissionDeniedError | kinds.UnauthenticatedError | PermissionError
        said = None
        if isinstance(error, kinds.NotFoundError | FileNotFoundError) or (number == "404" and name is None):
            said = _NO_BUCKET if name is None else "no such object; check the address"
        elif isinstance(error, refused) or number in ("401", "403"):  # of a list they come without a class of their own
            said = _REFUSED
        elif isinstance(error, kinds.InvalidPathError | kinds.UnknownConfigurationKeyError | ValueError):
            said = f"cannot be an address ({_plain(error)})"
        elif "Account must be specified" in str(error):
            said = "no account is given; set AZURE_STORAGE_ACCOUNT_NAME"
        elif isinstance(error, kinds.NotSupportedError | NotImplementedError):
            said = "the store cannot put an object only where there is none"
        if said is not None:
            return StorageError(said, where=where)
        kind = StorageError if number.startswith("4") and number not in _BUSY else RepeatableError
        return kind(f"the store did not answer as it should ({_plain(error)})", where=where)


def _connection(address: str) -> dict[str, str]:
    """Return what the environment says of connections: obstore leaves it aside where any of it is given."""
    prefix = _VARIABLES[address.partition(":")[0]]
    return {name: value for name in _CONNECTION if (value := os.environ.get(f"{prefix}_{name.upper()}"))}


def _plain(error: Exception) -> str:
    """Return what a store said, in a few words: neither queries of addresses nor its own traces."""
    status = _STATUS.search(str(error))
    code = re.search(r"<Code>(\w+)</Code>", str(error))
    if status is not None or code is not None:
        said = status and status[0].removeprefix("status code: ").strip()
        return ", ".join(found for found in (said, code and code[1]) if found)
    text = re.sub(r"(\w+://[^\s?@]*@|\?[^\s)]*)", "", first_line(error))
    return re.sub(r"\s+", " ", text)[:120]
