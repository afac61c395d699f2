"""Files fetched from an address, whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from upres.errors import InputError, first_line
from upres.storage.atomic import whole_file
from upres.storage.digests import digest_of

# Read at a time.
_PART = 1 << 20
# Seconds without a byte, after which a connection is given up.
_SILENT_SECONDS = 60


# Not torch.hub.download_url_to_file: the light half has no torch, and what that was fetching when it was killed stays
# beside the file for ever.
def download(url: str, path: Path, *, digest: str, advice: str, error: type[InputError]) -> None:
    """Fetch a file, check it, and put it at `path`, whole or not at all.

    Args:
        url: where it is.
        path: where it goes; its folder is made.
        digest: the SHA-256 of its bytes in hexadecimal digits, or the first of them.
        advice: what to do where it cannot be had, the end of the message.
        error: what is raised then: what is missing is a model's, or data.

    Raises:
        InputError: that one; the address cannot be reached, or what came is another file.
    """
    import urllib.request
    from http.client import HTTPException

    found = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=_SILENT_SECONDS) as answer, whole_file(path) as temporary:
            with temporary.open("wb") as file:
                while part := answer.read(_PART):
                    found.update(part)
                    file.write(part)
            came = found.hexdigest()
            if not came.startswith(digest):
                raise error(f"{url}: what came has SHA-256 {came[:16]}…, not {digest[:16]}…; {advice}")
    except (OSError, HTTPException) as reason:  # URLError is an OSError
        raise error(f"{url}: cannot be downloaded ({first_line(reason)}); {advice}") from reason


def download_large(
    url: str,
    path: Path,
    *,
    digest: str,
    size: int,
    advice: str,
    error: type[InputError],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> str:
    """Fetch a large file: what has come stays beside `path` as `NAME.part`, and the next call goes on from it.

    Args:
        url: where it is.
        path: where it goes; its folder is made.
        digest: `sha256:` or `md5:` and the hexadecimal digits of its bytes; empty where nobody published them.
        size: its bytes; 0 where they are not known before.
        advice: what to do where it cannot be had, the end of the message.
        error: what is raised then.
        progress: called with the bytes that are there and those that there will be.

    Returns:
        Its SHA-256 in hexadecimal digits.

    Raises:
        InputError: that one; the address cannot be reached, there is no room, or what came is another file.
    """
    from http.client import HTTPException

    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    there = part.stat().st_size if part.exists() else 0
    free = shutil.disk_usage(path.parent).free
    if size - there > free:
        raise error(f"{path.parent}: {free / 1e9:.1f} GB are free, and {url} takes {size / 1e9:.1f}; make room")
    try:
        total = _continued(url, part, there, progress)
    except (OSError, HTTPException) as reason:
        there = part.stat().st_size if part.exists() else 0
        kept = f"the same command goes on from {there / 1e6:.1f} MB, or " if there else ""
        raise error(f"{url}: cannot be downloaded ({first_line(reason)}); {kept}{advice}") from reason
    there = part.stat().st_size
    if there < total:
        raise error(
            f"{url}: broke off after {there:,} of {total:,} bytes; the same command goes on from there, or {advice}"
        )
    kind, _, wanted = digest.partition(":")
    found = digest_of(part)
    known = digest_of(part, kind) if digest else ""
    if known != wanted:
        part.unlink()
        raise error(f"{url}: what came has {kind.upper()} {known[:16]}…, not {wanted[:16]}…; {advice}")
    part.replace(path)
    return found


def _continued(url: str, part: Path, there: int, progress: Callable[[int, int], None]) -> int:
    """Fetch what is missing of a file, and return how long it is; a server that cannot go on begins anew."""
    import urllib.request
    from urllib.error import HTTPError

    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        answer: Any = urllib.request.urlopen(request, timeout=_SILENT_SECONDS)
    except HTTPError as refused:
        if refused.code != 416:
            raise
        # There is nothing behind what is here: it is whole, or the file there is another one now.
        length = (refused.headers.get("Content-Range") or "").rpartition("/")[2]
        if length == str(there):
            return there
        part.unlink()
        return _continued(url, part, 0, progress)
    with answer:
        goes_on = answer.status == 206
        total = int(answer.headers.get("Content-Length") or 0) + (there if goes_on else 0)
        done = there if goes_on else 0
        with part.open("ab" if goes_on else "wb") as file:
            while piece := answer.read(_PART):
                file.write(piece)
                done += len(piece)
                progress(done, total)
    return total
