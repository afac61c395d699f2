"""What tells files and names apart in few bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest_of(path: Path, kind: str = "sha256") -> str:
    """Return a file's digest in hexadecimal digits.

    Args:
        path: the file.
        kind: sha256, or md5 where that is what somebody published.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def name_key(name: str) -> int:
    """Return the first 64 bits of a name's BLAKE2b, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")
