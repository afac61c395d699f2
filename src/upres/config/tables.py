"""Tables of named parts that installed packages and scripts may add to.

A package adds a row by an entry point, a script by one call; nothing is looked for when upres is imported:

    [project.entry-points."upres.archs"]
    mine = "my_package.network:Mine"

    upres.archs.ARCHS.add("mine", Mine)

and takes it away again where it is wanted for a while only:

    with upres.archs.ARCHS.added("mine", Mine): ...
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from upres.errors import ConfigError, first_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")

# The folders in which installed packages say what they are.
_INFO = (".dist-info", ".egg-info")


class Table(Mapping[str, T], Generic[T]):
    """Rows by name: what upres brings, what a script added, and the entry points of installed packages.

    A name of upres's own is never replaced by a package's. An entry point is loaded when its row is asked for.

    Args:
        group: the entry points' group, such as `upres.archs`.
        own: the rows that come with upres.
    """

    def __init__(self, group: str, own: Mapping[str, T]) -> None:
        self.group = group
        self._rows = dict(own)

    def add(self, name: str, row: T) -> None:
        """Add a row for as long as this process runs; other processes have what packages add.

        Raises:
            ConfigError: the name is taken.
        """
        if name in self:
            raise ConfigError(f"{self.group}: {name!r} is taken; choose another name")
        self._rows[name] = row

    @contextlib.contextmanager
    def added(self, name: str, row: T) -> Iterator[T]:
        """Add a row for the length of a `with` block, as a test does; yields the row.

        Raises:
            ConfigError: the name is taken.
        """
        self.add(name, row)
        try:
            yield row
        finally:
            del self._rows[name]

    def __getitem__(self, name: str) -> T:
        if name not in self._rows:
            point = _entry_points(self.group)[name]
            try:
                self._rows[name] = point.load()
            except Exception as error:  # whatever happens in a package that is not ours
                package = point.dist.name if point.dist is not None else point.value
                raise ConfigError(
                    f"{self.group}: {name!r} of the package {package} cannot be loaded "
                    f"({type(error).__name__}: {first_line(error)}); update that package or remove it"
                ) from error
        return self._rows[name]

    def __contains__(self, name: object) -> bool:
        return name in self._rows or name in _entry_points(self.group)

    def __iter__(self) -> Iterator[str]:
        own = list(self._rows)
        yield from own
        # Whoever has found what it looked for by now does not wait until all that is installed has been asked.
        yield from (name for name in _entry_points(self.group) if name not in own)

    def __len__(self) -> int:
        return len(set(self))


@functools.cache
def _entry_points(group: str) -> dict[str, EntryPoint]:
    if not _may_be_there(group):
        return {}
    from importlib.metadata import entry_points  # it takes a fifth of what `--help` takes, which asks for none

    return {point.name: point for point in entry_points(group=group)}


def _may_be_there(group: str) -> bool:
    """Return whether some package may have such an entry point.

    Nearly always none has, and to see that takes a third of the time in which all of them are read. What is no folder
    of packages, as an archive, is left to importlib.
    """
    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return True
    wanted = f"[{group}]".encode()
    for root in dict.fromkeys(sys.path):
        try:
            folders = [each.path for each in os.scandir(root or ".") if each.name.endswith(_INFO)]
        except FileNotFoundError:
            continue
        except OSError:
            return True
        for folder in folders:
            try:
                if wanted in Path(folder, "entry_points.txt").read_bytes():
                    return True
            except FileNotFoundError:
                continue
            except OSError:
                return True
    return False
