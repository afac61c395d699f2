"""Pictures by the million, named one after the other: which of them are taken, and what each becomes."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from upres.errors import ConfigError, PictureError, UpresError
from upres.image.codecs.table import SUFFIXES
from upres.storage.places import address_of
from upres.upscaling.batch.jobs import output_name
from upres.upscaling.batch.names import NameTable
from upres.upscaling.batch.shards import Shard


@dataclass(frozen=True)
class Item:
    """A picture of a stream.

    Attributes:
        source: its name in the place it comes from.
        target: its name in the place it goes to.
        error: why there is nothing to be done.
    """

    source: str
    target: str
    error: UpresError | None = None


@dataclass(frozen=True)
class Selection:
    """Which of the names are taken, and what they become.

    Attributes:
        label: what names gain: `_x4`.
        form: the format's suffix, by default the source's.
        include, exclude: patterns for a picture's name, or its path: `*.jpg`, `thumbs/*`.
        shard: which part of them.
        apart: a folder among them that is left out: what is written into the place they come from.
    """

    label: str
    form: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    shard: Shard = Shard()  # noqa: RUF009
    apart: str | None = None

    def items(self, names: Iterable[str], *, listed: bool) -> Iterator[Item]:
        """Yield what is to be made of names, as they come. Of two that would be made into one file the second fails.

        Args:
            names: below their place.
            listed: whether they are all that a place holds: then what is no picture by its suffix, and what is hidden,
                is passed over.
        """
        seen = NameTable()
        for name in names:
            path = PurePosixPath(name)
            if listed and (path.suffix.lower() not in SUFFIXES or path.name.startswith(".")):
                continue
            if self.apart is not None and name.startswith(f"{self.apart}/"):
                continue
            if self.include and not _matches(path, self.include):
                continue
            if _matches(path, self.exclude) or not self.shard.has(name):
                continue
            try:
                inside = _inside(name)
            except ConfigError as error:
                yield Item(name, name, error)
                continue
            target = (inside.parent / output_name(Path(inside.name), self.label, self.form)).as_posix()
            if seen.put(target):
                yield Item(name, target)
            else:
                yield Item(
                    name,
                    target,
                    PictureError(
                        f"another picture before it is written to {target} too; "
                        "enlarge them one at a time, each into an output of its own",
                        where=name,
                        settings=("output",),
                    ),
                )


def _matches(path: PurePosixPath, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(str(path), each) or fnmatch.fnmatchcase(path.name, each) for each in patterns)


def _inside(name: str) -> PurePosixPath:
    """Return where a name lies below an output: `s3://bucket/a.png` in `bucket`, `/data/a.png` in `data`.

    Raises:
        ConfigError: it would lie outside.
    """
    address = address_of(name)
    path = PurePosixPath(name if address is None else address.partition("://")[2].partition("?")[0])
    parts = [part for part in path.parts if part != "/"]
    if not parts or ".." in parts:
        raise ConfigError("leads out of its folder, and no output has such a name", where=name)
    return PurePosixPath(*parts)
