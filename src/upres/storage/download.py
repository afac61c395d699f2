"""Files fetched from an address, whole and checked, or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

from upres.errors import InputError, first_line
from upres.storage.atomic import whole_file

# Read at a time.
_PART = 1 << 20


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
        with urllib.request.urlopen(url) as answer, whole_file(path) as temporary:
            with temporary.open("wb") as file:
                while part := answer.read(_PART):
                    found.update(part)
                    file.write(part)
            came = found.hexdigest()
            if not came.startswith(digest):
                raise error(f"{url}: what came has SHA-256 {came[:16]}…, not {digest[:16]}…; {advice}")
    except (OSError, HTTPException) as reason:  # URLError is an OSError
        raise error(f"{url}: cannot be downloaded ({first_line(reason)}); {advice}") from reason
