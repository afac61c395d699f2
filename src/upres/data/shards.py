"""Training data that no disk holds: pictures packed in shards, of which a few are at hand at a time.

A shard is two objects in the cache's own format: `00000.hr` and `00000.lr` hold the pixels of some pictures one after
another (uint8, `h w c`). `index.json`, which is written last, has their names and sizes, and each object's SHA-256.
Which shards are at hand at a step is a function of the seed and the step, as everything else of a batch is.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from upres.data.cache import Entry, paired
from upres.data.check import header_faults
from upres.data.sources.source import Source
from upres.errors import ConfigError, DataError, DataFaultsError
from upres.storage.atomic import whole_file
from upres.storage.digests import digest_of
from upres.storage.places import Place, place_of
from upres.storage.scratch import scratch_folder

if TYPE_CHECKING:  # its table imports PyTorch, which evaluation does without
    from upres.degrade import Degradation

INDEX = "index.json"
_VERSION = 1
_KINDS = ("hr", "lr")
# Shards that are fetched at once: a connection of its own does not use a network up.
_AT_ONCE = 4


def pack_shards(
    sources: Sequence[Source],
    degradation: Degradation,
    address: str | Path,
    *,
    scale: int,
    seed: int,
    shard: int,
    degraded: dict[str, Any],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, int]:
    """Pack whole pictures with their lr partners; return how many pictures and shards there are.

    Memory and the system's temporary folder hold a shard, not the data. The same pictures make the same bytes.

    Args:
        sources: the pictures.
        degradation: makes lr where the source has none; picture `i` gets the generator `(seed, i)`.
        address: the folder or bucket for the shards.
        scale: hr side ÷ lr side.
        seed: as said.
        shard: bytes of pixels after which a shard is full; it has one picture at least.
        degraded: the degradation in plain data; who trains on the shards asks for the same.
        progress: called with pictures done and in all.

    Raises:
        DataFaultsError: lists what is missing, unreadable or mis-paired; no index was written.
        StorageError: the place does not take it.
    """
    faults = [fault for source in sources for fault in header_faults(source, scale=scale, patch=None)]
    if faults:
        raise DataFaultsError(faults)
    place = place_of(address)
    entries: list[list[Any]] = []
    digests: list[dict[str, Any]] = []
    total = sum(map(len, sources))

    with scratch_folder() as scratch:

        def put() -> None:
            about: dict[str, list[Any]] = {}
            for kind in _KINDS:
                name = f"{len(digests):05}.{kind}"
                about[kind] = [(scratch / kind).stat().st_size, digest_of(scratch / kind)]
                _keep(place, name, scratch / kind, about[kind][1])
            digests.append(about)
            for kind in _KINDS:
                (scratch / kind).write_bytes(b"")

        for kind in _KINDS:
            (scratch / kind).write_bytes(b"")
        places = ((source, index) for source in sources for index in range(len(source)))
        for number, (source, index) in enumerate(places):
            rng = np.random.default_rng((seed, number))
            name, hr, lr = paired(source.sample(index), degradation, scale=scale, colour="rgb", rng=rng)
            offsets = [(scratch / kind).stat().st_size for kind in _KINDS]
            if sum(offsets) and sum(offsets) + hr.nbytes + lr.nbytes > shard:
                put()
                offsets = [0, 0]
            for kind, pixels in zip(_KINDS, (hr, lr), strict=True):
                with (scratch / kind).open("ab") as file:
                    file.write(pixels.tobytes())
            entries.append([name, lr.shape[0], lr.shape[1], *offsets, len(digests)])
            if progress is not None:
                progress(number + 1, total)
        put()
        index_of = {"version": _VERSION, "scale": scale, "channels": 3, "degradation": degraded}
        (scratch / INDEX).write_text(json.dumps({**index_of, "shards": digests, "entries": entries}))
        _keep(place, INDEX, scratch / INDEX, digest_of(scratch / INDEX))
    return len(entries), len(digests)


def _keep(place: Place, name: str, path: Path, digest: str) -> None:
    """Put a file; in a folder of this machine by a rename."""
    target = place.target(name, path)
    if target != path:
        with whole_file(target) as temporary:
            shutil.copyfile(path, temporary)
    place.keep(name, path, replace=True, digest=digest)


class Shards:
    """Paired pictures as a cache has them, of which those of some shards are at hand.

    Args:
        address: as in `pack_shards`.
        disk: bytes that may lie in the system's temporary folder.
        window: shards that are at hand at once; one more is on its way.

    Raises:
        ConfigError: so many do not fit on the disk.
        DataError: no such shards are there.
        StorageError: the store does not give them.
    """

    def __init__(self, address: str | Path, *, disk: int, window: int) -> None:
        self._place = place_of(address)
        self._stack = contextlib.ExitStack()
        self._scratch = self._stack.enter_context(scratch_folder())
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(_AT_ONCE, "upres-shards")
        self._closing = weakref.finalize(self, _close, self._stop, self._pool, self._stack)
        index = self._index()
        self.scale: int = index["scale"]
        self.channels: int = index["channels"]
        self.degraded: dict[str, Any] = index["degradation"]
        self._about: list[dict[str, list[Any]]] = index["shards"]
        self.entries = [Entry(name, height, width, hr, lr) for name, height, width, hr, lr, _ in index["entries"]]
        self.shard_of = np.array([row[5] for row in index["entries"]], dtype=np.int64)
        self.count = len(self._about)
        self.window = min(window, self.count)
        self._held: dict[int, Future[tuple[NDArray[np.uint8], NDArray[np.uint8]]]] = {}
        largest = sorted((about["hr"][0] + about["lr"][0] for about in self._about), reverse=True)
        self.bytes = sum(largest[: self.window + 1])
        if self.bytes > disk:
            raise ConfigError(
                f"data.window = {window}: {self.window + 1} shards take {self.bytes / 1e9:.3g} GB, and data.disk "
                f"allows {disk / 1e9:.3g} GB; lower the window, raise the limit, or pack smaller shards",
                where=self._place.address,
            )

    def __len__(self) -> int:
        return len(self.entries)

    def hr(self, index: int) -> NDArray[np.uint8]:
        """Return the high-resolution picture, `s·h s·w c`; its shard is at hand."""
        return self._view(index, 0, self.scale, self.entries[index].hr_offset)

    def lr(self, index: int) -> NDArray[np.uint8]:
        """Return the low-resolution picture, `h w c`; its shard is at hand."""
        return self._view(index, 1, 1, self.entries[index].lr_offset)

    def _view(self, index: int, kind: int, scale: int, offset: int) -> NDArray[np.uint8]:
        entry = self.entries[index]
        shape = (entry.height * scale, entry.width * scale, self.channels)
        pixels = self._held[int(self.shard_of[index])].result()[kind]
        return pixels[offset : offset + shape[0] * shape[1] * shape[2]].reshape(shape)

    def hold(self, wanted: Sequence[int], ahead: int | None) -> None:
        """Have shards at hand, let one more come meanwhile, and let go of all others.

        Raises:
            DataError: one is not what was packed.
            StorageError: the store does not give one.
        """
        keep = {*wanted, *([] if ahead is None else [ahead])}
        for number in [number for number in self._held if number not in keep]:
            gone = self._held.pop(number)
            with contextlib.suppress(Exception):  # it failed on its way, and nobody asked for it
                gone.result()
            for kind in _KINDS:
                (self._scratch / f"{number:05}.{kind}").unlink(missing_ok=True)
        for number in (*wanted, *([] if ahead is None else [ahead])):
            held = self._held.get(number)
            if held is None or (held.done() and held.exception() is not None):  # what failed ahead is tried again
                self._held[number] = self._pool.submit(
                    _fetched, self._place, self._scratch, number, self._about[number], self._stop
                )
        for number in wanted:
            self._held[number].result()

    def close(self) -> None:
        """Let go of everything."""
        self._held.clear()
        self._closing()

    def _index(self) -> dict[str, Any]:
        shown = self._place.shown(INDEX)
        if self._place.size(INDEX) is None:
            raise DataError(f"{shown}: no such file; upres pack --shards writes it when all shards are there")
        path = self._place.fetched(INDEX, self._scratch / INDEX, self._stop)
        try:
            index = json.loads(path.read_text())
            if index["version"] == _VERSION and index["entries"]:
                return dict(index)
        except (ValueError, KeyError, TypeError):
            pass
        raise DataError(f"{shown}: is no index of shards that this version reads; pack them again")


def _close(stop: threading.Event, pool: ThreadPoolExecutor, stack: contextlib.ExitStack) -> None:
    stop.set()
    pool.shutdown(wait=True, cancel_futures=True)
    stack.close()


def _fetched(
    place: Place, scratch: Path, number: int, about: dict[str, list[Any]], stop: threading.Event
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Fetch a shard, hold it against its digests, and map it."""
    arrays = []
    for kind in _KINDS:
        name = f"{number:05}.{kind}"
        path = place.fetched(name, scratch / name, stop)
        if not path.is_file():
            raise DataError(f"{place.shown(name)}: no such file; pack the shards again")
        if digest_of(path) != about[kind][1]:
            raise DataError(f"{place.shown(name)}: has other bytes than were packed; pack the shards again")
        # As plain arrays: each slice of a memmap is an object of its own that costs as much as copying a patch.
        arrays.append(np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray))
    return arrays[0], arrays[1]


@dataclass(frozen=True)
class Drawn:
    """The pictures that a step draws from, and the shares of all pixels up to each."""

    pictures: NDArray[np.int64]
    cumulative: NDArray[np.float64]


class Windows:
    """Which shards are at hand at which step: a window that moves on by one shard every so many steps.

    Each pass goes through all shards in an order of its own.

    Args:
        shards: the shards.
        seed: decides the orders.
        steps: after which the window moves on.
    """

    def __init__(self, shards: Shards, *, seed: int, steps: int) -> None:
        self._shards, self._seed, self._steps = shards, seed, steps
        sizes = np.array([(entry.height, entry.width) for entry in shards.entries])
        self._pixels = sizes.prod(axis=1, dtype=np.float64)
        self._drawn: tuple[int, Drawn] | None = None

    def numbers(self, step: int) -> tuple[list[int], int | None]:
        """Return the shards at hand at a step, in their order, and the one that comes next, if any."""
        count, window = self._shards.count, self._shards.window
        if window == count:
            return list(range(count)), None
        first = step // self._steps
        coming = self._number(first + window)
        return sorted({self._number(place) for place in range(first, first + window)}), coming

    def _number(self, place: int) -> int:
        round_, index = divmod(place, self._shards.count)
        return int(np.random.default_rng((self._seed, 2, round_)).permutation(self._shards.count)[index])

    def at(self, step: int) -> Drawn:
        """Have the shards of a step at hand, and return what it draws from."""
        position = step // self._steps
        if self._drawn is None or self._drawn[0] != position:
            wanted, ahead = self.numbers(step)
            self._shards.hold(wanted, ahead)
            pictures = np.flatnonzero(np.isin(self._shards.shard_of, wanted))
            pixels = self._pixels[pictures]
            self._drawn = position, Drawn(pictures, np.cumsum(pixels / pixels.sum()))
        return self._drawn[1]


def open_shards(address: str, *, scale: int, degraded: dict[str, Any] | None, disk: int, window: int) -> Shards:
    """Open shards for a recipe.

    Args:
        address, disk, window: as in `Shards`.
        scale: the recipe's.
        degraded: the recipe's degradation; `None` where training makes lr anew.

    Raises:
        ConfigError: they were packed for another recipe.
    """
    shards = Shards(address, disk=disk, window=window)
    differing = [
        f"{name} {theirs!r}, and the recipe's is {own!r}"
        for name, theirs, own in (("scale", shards.scale, scale), ("degradation", shards.degraded, degraded))
        if own is not None and theirs != own
    ]
    if differing:
        shards.close()
        raise ConfigError(
            f"were packed with {'; '.join(differing)}; pack them anew, or change the recipe", where=address
        )
    return shards
