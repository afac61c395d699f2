"""Bodies → files: counted, timed, and never held in memory."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from upres.config.limits import MAX_BODY_SECONDS, MAX_FIELD_BYTES, MAX_FIELDS
from upres.service.problems import refused
from upres.service.spool import Spool

# Written at once; more than that is written by a thread, so that a slow disk keeps nobody else waiting.
_PIECE_BYTES = 1_000_000
_NAME_LENGTH = 80


@dataclass(frozen=True)
class Upload:
    """A picture that was posted.

    Attributes:
        path: where it lies.
        name: what its file was called, without folders and suffix; empty when nobody said.
        fields: what the form said besides.
    """

    path: Path
    name: str = ""
    fields: tuple[tuple[str, str], ...] = ()


async def receive(request: Request, path: Path, spool: Spool, *, most: int, silent: float) -> Upload:
    """Write the picture of a request into a file; what goes wrong leaves none.

    Args:
        request: with the picture as its body, or a form with one file.
        path: where it is put.
        spool: what counts it.
        most: bytes of the body.
        silent: seconds between two pieces of it.

    Raises:
        ProblemError: the body is missing, too large, too slow, or no form.
        ClientDisconnect: the client has gone.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    form = _Form(options.get(b"boundary", b"")) if kind == b"multipart/form-data" else None
    try:
        with path.open("wb") as file:
            size = await _write(_pieces(request, form, most, silent), file, path, spool)
        if not size:
            raise refused("bad-request", "the request holds no picture; send one as its body, or as a file of a form")
    except BaseException:
        spool.remove(path)
        raise
    return Upload(path) if form is None else Upload(path, plain_name(form.file_name), tuple(form.fields))


def check_length(request: Request, most: int) -> int:
    """Return how long the body says it is, 0 where it does not say.

    Raises:
        ProblemError: there is none, or it is longer than is allowed.
    """
    said = request.headers.get("content-length")
    if said is None:
        if "transfer-encoding" not in request.headers:
            raise refused("length-required", "the request has no body; send a picture, with its Content-Length")
        return 0
    if int(said) > most:
        raise _too_large(most, int(said))
    return int(said)


async def _write(pieces: AsyncIterator[bytes], file: BinaryIO, path: Path, spool: Spool) -> int:
    held, size = bytearray(), 0
    async for piece in pieces:
        held += piece
        size += len(piece)
        spool.count(path, size)
        if len(held) >= _PIECE_BYTES:
            await asyncio.to_thread(file.write, bytes(held))
            held.clear()
    file.write(held)
    return size


async def _pieces(request: Request, form: _Form | None, most: int, silent: float) -> AsyncIterator[bytes]:
    """Yield the bytes of the picture as they arrive."""
    seen, more = 0, True
    deadline = time.monotonic() + MAX_BODY_SECONDS
    while more:
        try:
            async with asyncio.timeout(min(silent, deadline - time.monotonic())):
                message = await request.receive()
        except TimeoutError:
            said = f"the body took more than {MAX_BODY_SECONDS} s, or {silent:g} s for a piece; send it again"
            raise refused("slow-body", said) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body: bytes = message.get("body", b"")
        seen += len(body)
        if seen > most:
            raise _too_large(most, seen)
        yield body if form is None else form.take(body)
        more = message.get("more_body", False)
    if form is not None:
        form.finish()


def _too_large(most: int, seen: int) -> Exception:
    return refused(
        "body-too-large", f"the body has {seen:,} bytes, more than the {most:,} allowed", limit=most, seen=seen
    )


class _Form:
    """A form as it arrives: fields are kept, the one file is passed on.

    Args:
        boundary: what stands between its parts.
    """

    def __init__(self, boundary: bytes) -> None:
        self.fields: list[tuple[str, str]] = []
        self.file_name = ""
        self._files = 0
        self._header = self._header_value = b""
        self._disposition = b""
        self._name, self._is_file = "", False
        self._value = bytearray()
        self._file = bytearray()
        self._whole = False
        if not boundary:
            raise refused("bad-request", "the form's Content-Type names no boundary")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._take_header,
                    "on_header_value": self._take_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._take_data,
                    "on_part_end": self._end,
                    "on_end": self._end_form,
                },
            )
        except MultipartParseError as error:
            raise refused("bad-request", f"the form cannot be read ({error})") from None

    def take(self, body: bytes) -> bytes:
        """Read a piece of the form, and return what of it is the file's."""
        try:
            self._parser.write(body)
        except MultipartParseError as error:
            raise refused("bad-request", f"the form cannot be read ({error})") from None
        found = bytes(self._file)
        self._file.clear()
        return found

    def finish(self) -> None:
        """Be sure that the form has come to its end."""
        if not self._whole:
            raise refused("bad-request", "the form ends in its middle; send it again")

    def _begin(self) -> None:
        self._disposition = b""
        self._value.clear()

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check(len(self._header))

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        self._check(len(self._header_value))

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header = self._header_value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode(errors="replace")
        self._is_file = b"filename" in options
        if self._is_file:
            self.file_name = options[b"filename"].decode(errors="replace") or self.file_name

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._value += data[start:end]
            self._check(len(self._value))
            return
        if not self._value:  # the first bytes of a file; its field has no value of its own
            self._value += b"\0"
            self._files += 1
            if self._files > 1:
                raise refused("bad-request", "the form holds several files; send one picture at a time")
        self._file += data[start:end]

    def _end(self) -> None:
        if self._is_file:
            return
        self.fields.append((self._name, self._value.decode(errors="replace")))
        if len(self.fields) > MAX_FIELDS:
            raise refused("bad-request", f"the form has more than {MAX_FIELDS} fields", limit=MAX_FIELDS)

    def _end_form(self) -> None:
        self._whole = True

    def _check(self, length: int) -> None:
        if length > MAX_FIELD_BYTES:
            raise refused("bad-request", f"a field of the form has more than {MAX_FIELD_BYTES} bytes")


def plain_name(name: str) -> str:
    """Return the stem of a file's name without folders and without what no name should hold.

    >>> plain_name("C:\\\\a\\\\my photo.tar.jpg")
    'my photo.tar'
    """
    last = re.split(r"[\\\\/]", name)[-1]
    stem = last.rpartition(".")[0] or last
    return "".join(sign for sign in stem if sign.isprintable() and sign not in '"\\\\<>|:*?')[:_NAME_LENGTH].strip(". ")
