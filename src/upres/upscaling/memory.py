"""How much an enlargement holds, and the tiles with which it stays below a limit: integers in, integers out."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from upres.errors import ConfigError
from upres.image.bands import Shape
from upres.models.facts import Facts
from upres.upscaling import tiled_prediction
from upres.upscaling.sizes import scaled

# Measured with 13 convolutions of 48 channels on two cores: per useful pixel as fast as 512, in less than half
# its memory (134 MB, 295 MB); 128 loses a quarter of the work to halos. Several tiles in one prediction are no
# faster (8.6 µs a pixel for 4 of 92², 10.8 for 1; 9.8 for 4 of 156², 8.1 for 1): so it is always one.
TILE = 256
"""Side of a tile where memory does not ask for another."""

_SIDES = (1024, 512, 256, 192, 128, 96, 64, 48, 32, 16)
_BETWEEN = (160, 384)
"""One more tile where tiles are exact: with a radius of 14 it is 2.4 % more work than 256², in 5/8 of the rows."""
# What a row of tiles becomes is all of the width: wide pictures get flat tiles. With the rows that coders hold of wide
# ones it stays below the first where that costs next to nothing, and with what libvips may hold behind it below the
# second at any cost.
_BAND_BYTES, _CODED_LINES, _MORE_WORK = 26_000_000, 128, 1.03
_WRITTEN_BYTES, _LEAST_BAND_BYTES, _LINES = 140_000_000, 40_000_000, 512
# libvips holds what it writes in three caches of 128 rows and two buffers of as many, and its coders in one or two:
# 118 MB of 48,000 columns, measured.
_CODER_ROWS = 850
PROCESS_BYTES = 160_000_000
"""The interpreter, NumPy, libvips and ONNX Runtime with a model: 72 MB, and coders with their own buffers."""

# What a runtime holds of a prediction, in the activations that live at once (`Facts.memory`). Measured in ONNX Runtime
# and OpenVINO: 0.8 to 1.5 times as much for the shipped models, 0.7 to 1.6 times for twelve architectures.
_RUNTIME_SHARE = 1.3
# Where a model does not say it: four layers of 64 channels, in float32.
_UNKNOWN_BYTES = 4 * 64 * 4
# Float32 copies of the output that are made of a prediction: joined with alpha, clipped, rounded, while the next tile
# is predicted.
_OUTPUTS_HELD = 3
# Between prediction and coder, and as many of the picture before, in a folder.
_PIECES_WAITING = 6
# imresize works on 64 rows of float64 at a time, in about four arrays.
_RESIZED_ROW_BYTES = 64 * 8 * 4

# Below this a message names no coder: the picture itself needs more.
_TOLD_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes of whole pictures, which no tile makes fewer.

    Attributes:
        reading, writing: what the decoder and the encoder hold.
        pages: what is held of a page or frame before and after it is enlarged.
        source, target: the names of their formats.
    """

    reading: int = 0
    writing: int = 0
    pages: int = 0
    source: str = "the input"
    target: str = "the output"

    @property
    def bytes(self) -> int:
        """All of them."""
        return self.reading + self.writing + self.pages

    def why(self) -> tuple[str, str]:
        """Return what most of it is for, and what would need less, in words; both empty where it is little."""
        most = max(self.reading, self.writing, self.pages)
        if most < _TOLD_BYTES:
            return "", ""
        amount = f", {most / 1e6:,.0f} MB of it "
        if most == self.writing:
            return f"{amount}to write {self.target}, which is coded as a whole", ", or write .png or .tif"
        if most == self.reading:
            return f"{amount}to read {self.source} of a kind that is decoded as a whole", ", or save it as a plain TIFF"
        return f"{amount}because a page or frame is held as a whole", ", or take its pages apart"


NOTHING = Held()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an enlargement of pictures in bands comes to.

    Attributes:
        steps: the facts of the models that are applied one after the other.
        scale: what they are to reach; what goes beyond is reduced.
        halo: as in `Upscaler`.
        held: what is held besides tiles and bands.
    """

    steps: tuple[Facts, ...]
    scale: float
    halo: int | None = None
    held: Held = NOTHING

    def tile(self, shape: Shape, limit: int) -> tuple[int, int]:
        """Return height and width of the tiles with the least work twice that `limit` allows, or the smallest."""
        whole = max(shape.size)
        if any(facts.radius is None for facts in self.steps) and self.bytes(shape, whole, whole) <= limit:
            return whole, whole
        exact = all(facts.radius is not None for facts in self.steps)  # else pixels depend on the tiles
        pairs = [pair for pair in itertools.product(_SIDES, _SIDES) if math.prod(pair) <= TILE**2]
        pairs += [_BETWEEN] * exact
        fitting = [pair for pair in pairs if self.bytes(shape, *pair) <= limit] or [(_SIDES[-1], _SIDES[-1])]
        # Flat tiles for wide pictures, of which a row of tiles is most of what is held.
        room = max(_WRITTEN_BYTES - self._written_bytes(shape, _LINES), _LEAST_BAND_BYTES)
        flat = [pair for pair in fitting if self._band_bytes(shape, pair[0]) <= room] or fitting
        around = 2 * max((tiled_prediction.halo(facts, self.halo) for facts in self.steps), default=0)
        work = {pair: (pair[0] + around) * (pair[1] + around) / math.prod(pair) for pair in flat}
        most = min(work.values()) * (_MORE_WORK if exact else 1)
        quick = [pair for pair in flat if work[pair] <= most]
        little = _BAND_BYTES - self._written_bytes(shape, _CODED_LINES)
        return min(quick, key=lambda pair: (max(self._band_bytes(shape, pair[0]), little), work[pair], -pair[1]))

    def check(self, shape: Shape, limit: int) -> None:
        """Refuse a limit that is too small even for the smallest tiles.

        Raises:
            ConfigError: says how much is needed.
        """
        least = self.bytes(shape, _SIDES[-1], _SIDES[-1])
        if least > limit:
            why, instead = self.held.why()
            raise ConfigError(
                f"max_memory = {limit / 1e6:,.0f} MB: a picture of {shape.width}×{shape.height} "
                f"needs {least / 1e6:,.0f} MB{why}; allow as much{instead}",
                settings=("max_memory",),
            )

    def bytes(self, shape: Shape, rows: int, columns: int) -> int:
        """Return what the process holds at most with tiles of such a height and width."""
        held, prediction = PROCESS_BYTES + self.held.bytes, 0
        height, width = shape.size
        item = np.dtype(shape.dtype).itemsize
        reduces = self.scale != math.prod(facts.scale for facts in self.steps)
        for index, facts in enumerate(self.steps):
            around = 2 * tiled_prediction.halo(facts, self.halo)
            tall, wide = min(rows + around, height), min(columns + around, width)
            held += 2 * tall * width * shape.channels * item  # the rows of a band, and those it is put together from
            prediction = max(prediction, math.ceil(tall * wide * _bytes_a_pixel(facts, shape.channels)))
            last = index == len(self.steps) - 1 and not reduces
            item = np.dtype(shape.dtype).itemsize if last else 4
            height, width = height * facts.scale, width * facts.scale
            if facts.radius is None:
                # Sums and weights, and the next ones.
                held += 4 * tall * facts.scale * width * (shape.channels + 1) * 4
            elif not last:
                held += 2 * min(rows * facts.scale, height) * width * shape.channels * item
        if reduces:
            held += _RESIZED_ROW_BYTES * width * shape.channels
        written = (
            self._band_bytes(shape, rows) + self._coder_bytes(shape) + _PIECES_WAITING * tiled_prediction.PIECE_BYTES
        )
        return held + prediction + written

    def _band_bytes(self, shape: Shape, rows: int) -> int:
        """Return the bytes of what a row of tiles becomes."""
        return self._written_bytes(shape, math.ceil(rows * self.scale))

    def _coder_bytes(self, shape: Shape) -> int:
        return self._written_bytes(shape, _CODER_ROWS)

    def _written_bytes(self, shape: Shape, rows: int) -> int:
        """Return the bytes of so many rows of the output, or all that there are."""
        height, width = scaled(shape.height, self.scale), scaled(shape.width, self.scale)
        return min(rows, height) * width * shape.channels * np.dtype(shape.dtype).itemsize


def _bytes_a_pixel(facts: Facts, channels: int) -> float:
    """Estimate what a prediction holds for each pixel of its input, and what is made of its output."""
    outputs = 4 * _OUTPUTS_HELD * facts.scale**2 * channels
    if facts.memory is None:
        return _UNKNOWN_BYTES + 2 * outputs
    return _RUNTIME_SHARE * facts.memory + outputs
