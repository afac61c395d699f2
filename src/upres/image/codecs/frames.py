"""Several pictures in one file: the frames of an animation, the pages of a TIFF; one is in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.image.codecs import apng, encode, vips
from upres.image.codecs.table import FORMATS, Format, Writing
from upres.image.metadata import tiff
from upres.image.metadata.tags import Tags
from upres.storage.atomic import scratch_file

# Twice this many bytes end a classic TIFF; pages may grow from the first, by which it is decided.
_CLASSIC_TIFF_BYTES = 2**31


@dataclass(frozen=True)
class Timing:
    """How an animation is shown.

    Attributes:
        delays: how long each frame is shown, in milliseconds.
        loop: how often all are, 0 for ever.
    """

    delays: tuple[float, ...]
    loop: int = 0


Coded = tuple[NDArray[Any], Tags]
"""The samples `h w c` of one picture as a format stores them, and what travels with it."""


def decoded(image: Any, orientation: int) -> Iterator[NDArray[Any]]:
    """Yield the frames of an image in which they stand one below the other, `h w c` upright.

    Args:
        image: as libvips' loaders give it with `n=-1`.
        orientation: the EXIF tag, 1 to 8.
    """
    rows = vips.field(image, "page-height") or image.height
    region = vips.pyvips().Region.new(image)
    for number in range(image.height // rows):
        data = region.fetch(0, number * rows, image.width, rows)
        yield _turned(np.frombuffer(data, np.uint8).reshape(rows, image.width, image.bands), orientation)


def write_frames(
    pictures: Iterable[Coded], count: int, timing: Timing, path: Path, form: Format, writing: Writing
) -> None:
    """Write an animation of `count` frames, all of one size and kind."""
    if form is FORMATS["png"]:
        _write_apng(pictures, count, timing, path, form, writing)
        return
    # The encoders want all frames one below the other; a file holds them, because memory may not.
    with scratch_file(path) as spill:
        tags, shape, dtype = _spilled(pictures, spill)
        height, width, bands = shape
        image = vips.load("raw", spill, width, height * count, bands, format=vips.FORMATS[dtype], revalidate=True).copy(
            interpretation=vips.space(dtype, gray=bands < 3)
        )
        image.set_type(vips.pyvips().GValue.gint_type, "page-height", height)
        image.set_type(vips.pyvips().GValue.gint_type, "loop", timing.loop)
        delays = [round(delay) for delay in timing.delays]
        image.set_type(vips.pyvips().GValue.array_int_type, "delay", delays)
        encode.save(image, path, form, tags, writing)


def write_pages(pictures: Iterable[Coded], count: int, path: Path, form: Format, writing: Writing) -> None:
    """Write the `count` pages of a TIFF, of any sizes and kinds; many bytes, or `writing`, make it a BigTIFF.

    Raises:
        FailedError: the file would be longer than its offsets can count.
    """
    big = None
    for samples, tags in pictures:
        image = vips.from_array(samples)
        if big is None:
            big = writing.big or samples.nbytes * count > _CLASSIC_TIFF_BYTES
            encode.save(image, path, form, tags, replace(writing, big=big))
            del image, samples  # the next page is made now
            continue
        with scratch_file(path) as one:
            encode.save(image, one, form, tags, replace(writing, big=big))
            with path.open("r+b") as file, one.open("rb") as page:
                tiff.append_page(file, page)
        del image, samples


def _turned(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    if orientation == 1:
        return samples
    image = vips.from_array(samples).copy()
    image.set_type(vips.pyvips().GValue.gint_type, "orientation", orientation)
    return vips.to_array(image.autorot())


def _spilled(pictures: Iterable[Coded], path: Path) -> tuple[Tags, tuple[int, ...], str]:
    first: tuple[Tags, tuple[int, ...], str] | None = None
    with path.open("wb") as file:
        for samples, tags in pictures:
            first = first or (tags, samples.shape, samples.dtype.name)
            file.write(np.ascontiguousarray(samples).data)
            del samples
    assert first is not None
    return first


def _write_apng(
    pictures: Iterable[Coded], count: int, timing: Timing, path: Path, form: Format, writing: Writing
) -> None:
    writer = None
    with path.open("wb") as file:
        for (samples, tags), delay in zip(pictures, timing.delays, strict=True):
            image = vips.from_array(samples)
            if writer is None:
                with scratch_file(path) as one:
                    encode.save(image, one, form, tags, Writing())
                    png = one.read_bytes()
                writer = apng.Writer(file, frames=count, loop=timing.loop)
            else:
                png = image.pngsave_buffer(keep="none", **form.options(image, writing))
            writer.add(png, delay)
        if writer is not None:
            writer.close()
