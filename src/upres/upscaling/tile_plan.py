"""Which part of a picture to give the network at once, so that the parts together equal the whole.

Lengths are low-resolution pixels. Two boxes belong to a tile: the *core* is what it answers for, the *input*
is what the network must see to answer exactly: the core and a halo of the network's receptive-field radius
on every side, except where the picture ends. An input box ends at a true edge only where the picture does,
so that the padding inside the network meets the same pixels as it does in the whole picture.

A network whose input sides must be multiples of `m` runs on a *padded* picture: continued to the right and
downward, by fewer than `m` pixels, to a multiple of `m`. The padded picture is what the whole-picture run
sees too, so tiles of it stay exact. Input boxes begin and end on multiples of `m`.

All tiles of a plan have one and the same input shape, because runtimes specialise on shapes (buffers,
kernels, compiled graphs): the tiles are made just large enough for their number, and none is smaller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from upres.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Extent:
    """One tile on one axis: the core `[start, stop)` inside the input `[input_start, input_stop)`."""

    start: int
    stop: int
    input_start: int
    input_stop: int

    @property
    def input_length(self) -> int:
        """Pixels that the network is given."""
        return self.input_stop - self.input_start


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: a row extent and a column extent."""

    rows: Extent
    columns: Extent

    def __str__(self) -> str:
        rows, columns = self.rows, self.columns
        return f"rows {rows.start}-{rows.stop - 1}, columns {columns.start}-{columns.stop - 1}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The tiles of one picture: every row extent crossed with every column extent.

    Attributes:
        height, width: the picture.
        rows, columns: the extents of the two axes, in order; their cores cover the axis once.
    """

    height: int
    width: int
    rows: tuple[Extent, ...]
    columns: tuple[Extent, ...]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[Tile]:
        """Yield the tiles band by band, from the top; a band needs only the rows of its input."""
        return (Tile(rows, columns) for rows in self.rows for columns in self.columns)


def plan(height: int, width: int, *, tile: int | tuple[int, int], halo: int | None, multiple: int = 1) -> Plan:
    """Divide a picture of `height` × `width` into tiles.

    Args:
        height, width: the picture, at least 1×1.
        tile: the largest side of a core that has neighbours on both sides, so that no input box is longer
            than `tile + 2 * halo` with both rounded up to the multiple; or its height and width.
        halo: how far an output pixel looks at the input; `None` when at all of it: then one tile is the
            whole picture.
        multiple: input sides must be multiples of this.

    Raises:
        ConfigError: a number is out of its range.
    """
    tile_height, tile_width = (tile, tile) if isinstance(tile, int) else tile
    for name, value, least in (
        ("height", height, 1),
        ("width", width, 1),
        ("tile", min(tile_height, tile_width), 1),
        ("halo", 0 if halo is None else halo, 0),
        ("multiple", multiple, 1),
    ):
        if value < least:
            raise ConfigError(f"{name} = {value}: should be at least {least}")
    return Plan(
        height=height,
        width=width,
        rows=_extents(height, tile_height, halo, multiple),
        columns=_extents(width, tile_width, halo, multiple),
    )


def _extents(length: int, tile: int, halo: int | None, multiple: int) -> tuple[Extent, ...]:
    # Counted in units of the multiple, in which padded sides, halo and cores are whole numbers.
    padded = _units(length, multiple)
    if halo is None:
        return (Extent(0, length, 0, padded * multiple),)
    margin = _units(halo, multiple)
    # n inputs of length core + 2 margin, each beginning one core after the last, reach n core + 2 margin.
    needed = padded - 2 * margin
    count = max(1, _units(needed, _units(tile, multiple)))
    if count == 1:
        return (Extent(0, length, 0, padded * multiple),)
    core = _units(needed, count)
    count = _units(needed, core)  # rounding the core up can leave the last of them nothing to do
    side = core + 2 * margin
    extents = []
    for index in range(count):
        start = 0 if index == 0 else index * core + margin
        stop = (index + 1) * core + margin
        first = min(index * core, padded - side)
        extents.append(
            Extent(
                start=start * multiple,
                stop=length if index == count - 1 else stop * multiple,
                input_start=first * multiple,
                input_stop=(first + side) * multiple,
            )
        )
    return tuple(extents)


def _units(length: int, unit: int) -> int:
    return -(-length // unit)
