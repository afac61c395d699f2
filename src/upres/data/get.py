"""A published set, downloaded into the layout that its source reads."""

from __future__ import annotations

import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from upres.data.sources.published import Archive, Published
from upres.errors import DataError, first_line
from upres.storage.atomic import write_whole
from upres.storage.download import download_large

RECORD = "upres-downloads.json"
"""The file in the folder of data with the SHA-256 of what was downloaded, by address."""


def get(
    published: Published,
    folder: Path,
    *,
    log: Callable[[str], None] = lambda line: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Download what is missing of a set, check it, and lay it out.

    Args:
        published: the set.
        folder: the folder of data; the set gets its own in it.
        log: called with a line for what is worth telling.
        progress: called with the bytes of an archive that are there and those that there will be.

    Returns:
        What commands are given as data.

    Raises:
        DataError: its authors want to be asked, or it cannot be had; the message says what to do by hand. What has come
            of a large file stays, and the next call goes on from it.
    """
    if not published.archives:
        raise DataError(f"{published.path}: its authors want to be asked; {published.by_hand}")
    for archive in published.archives:
        target = folder / archive.into
        if target.exists():
            log(f"{target} is there")
            continue
        packed = target if archive.packed else folder / archive.url.rpartition("/")[2]
        log(f"{archive.url} → {target}")
        known = _recorded(folder).get(archive.url, "")
        found = download_large(
            archive.url,
            packed,
            digest=archive.digest or (f"sha256:{known}" if known else ""),
            size=archive.size,
            advice=published.by_hand,
            error=DataError,
            progress=progress,
        )
        if not archive.digest and not known:
            log(f"no checksum is published; SHA-256 {found} is kept in {folder / RECORD} for the next time")
        write_whole(folder / RECORD, json.dumps(_recorded(folder) | {archive.url: found}, indent=1) + "\n")
        if not archive.packed:
            _unpack(packed, archive, target)
            packed.unlink()
    return folder / published.path


def _recorded(folder: Path) -> dict[str, str]:
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is damaged ({first_line(error)}); remove it") from error
    return found


def _unpack(packed: Path, archive: Archive, target: Path) -> None:
    """Write the files of an archive's folder into one that appears whole."""
    unfinished = target.with_name(f"{target.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    count = 0
    try:
        for name, file in _files(packed):
            path = PurePosixPath(name)
            # What macOS keeps beside each file it packs begins with a dot.
            if not path.is_relative_to(archive.inside) or ".." in path.parts or path.name.startswith("."):
                continue
            place = unfinished / path.relative_to(archive.inside)
            place.parent.mkdir(parents=True, exist_ok=True)
            with file, place.open("wb") as written:
                shutil.copyfileobj(file, written)
            count += 1
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        packed.unlink()
        shutil.rmtree(unfinished, ignore_errors=True)
        raise DataError(f"{archive.url}: no archive that can be read ({first_line(error)}); try again later") from error
    if not count:
        raise DataError(
            f"{packed}: holds no folder {archive.inside}; its publisher has changed it, so unpack it by hand"
        )
    unfinished.replace(target)


def _files(packed: Path) -> Iterator[tuple[str, BinaryIO]]:
    """Yield an archive's files, links and folders left out."""
    if zipfile.is_zipfile(packed):
        with zipfile.ZipFile(packed) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    yield entry.filename, archive.open(entry)  # type: ignore[misc]
        return
    with tarfile.open(packed) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                yield str(PurePosixPath(member.name)), content  # type: ignore[misc]
