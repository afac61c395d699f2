"""Files that hold several pictures: the frames of an animation, the pages of a TIFF.

Pictures are decoded when they are asked for and encoded as they come, so that one is in memory at a time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from upres.errors import PictureError
from upres.image.codecs import apng, encode, vips
from upres.image.codecs.decode import Header, decoding, header_of, opened, orientation, sniffed, tags_of, upright
from upres.image.codecs.formats import FORMATS, Format, format_for
from upres.image.files import MAX_PIXELS, check_pixels, check_writable, picture_of, read, samples_of, unfinished
from upres.image.files import write as write_one
from upres.image.metadata import tiff
from upres.image.metadata.tags import Tags
from upres.image.picture import Picture

# Twice this many bytes end a classic TIFF; pages may grow from the first, by which it is decided.
_CLASSIC_TIFF_BYTES = 2**31


@dataclass(frozen=True, eq=False)
class Pages:
    """The pictures of one file, from first to last; `dataclasses.replace` makes the next one from it.

    Attributes:
        pictures: the pictures; those of `read_pages` are decoded while they are gone through, each time anew.
        count: how many there are.
        delays: how long each is shown, in milliseconds, or `None` when they are pages and not frames.
        loop: how often an animation is shown, 0 for ever.
    """

    pictures: Iterable[Picture]
    count: int
    delays: tuple[float, ...] | None = None
    loop: int = 0

    def __post_init__(self) -> None:
        if self.delays is not None and len(self.delays) != self.count:
            raise PictureError(f"{len(self.delays)} delays for {self.count} frames; give one a frame")

    def __iter__(self) -> Iterator[Picture]:
        return iter(self.pictures)

    def __len__(self) -> int:
        return self.count


def read_pages(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Pages:
    """Return all pictures of a file, each as `read` gives it; an ordinary file has one.

    Frames are whole pictures, as they are shown. Of a TIFF the pages that are smaller copies or masks of others
    are left out. The frames of a PNG have alpha always; its metadata is the file's.

    Raises:
        PictureError: as `read`; what is wrong with a later picture is found when it is reached.
    """
    path = Path(path)
    form = sniffed(path)
    with decoding(path, form):
        image = opened(path, form)
        header = header_of(path, form, image)
        check_pixels(path, header, max_pixels)
        if header.pages == 1:
            return Pages(_Again(lambda: iter([read(path, max_pixels=max_pixels)])), 1)
        if form.pages:
            with path.open("rb") as file:
                numbers = tiff.pages(file)
            return Pages(
                _Again(lambda: (read(path, max_pixels=max_pixels, page=number) for number in numbers)), len(numbers)
            )
        if form is FORMATS["png"]:
            delays, loop = apng.timing(path)
            return Pages(_Again(lambda: _apng_frames(path, form)), len(delays), tuple(delays), loop)
        given = vips.field(image, "delay") or []
        delays = [float(delay) for delay in [*given, *[100] * header.pages][: header.pages]]
        loop = vips.field(image, "loop")
        return Pages(
            _Again(lambda: _frames(path, form, header)), header.pages, tuple(delays), 0 if loop is None else loop
        )


def write_pages(pages: Pages, path: str | Path, *, quality: int = 95, lossless: bool = False) -> None:
    """Encode several pictures into one file, in the format that the path's suffix asks for.

    The file appears complete or not at all. An animation keeps its delays (GIF: in steps of 10 ms) and its loop
    count; in a TIFF, frames become pages and their timing is left behind.

    Args:
        pages: what to write; the frames of an animation are all of one size, depth and kind.
        path, quality, lossless: as in `write`.

    Raises:
        PictureError: the format cannot hold these pictures, or as `write`; nothing was written.
        FailedError: as `write`.
    """
    path = Path(path)
    form = format_for(path)
    if pages.count == 1:
        write_one(next(iter(pages)), path, quality=quality, lossless=lossless)
        return
    check_pages(path, pages)
    pictures = iter(pages)
    first = next(pictures)
    check_writable(
        path, height=first.height, width=first.width, alpha=first.alpha is not None, lossless=lossless, span=first.span
    )
    writer = _write_tiff if form.pages else _write_apng if form is FORMATS["png"] else _write_frames
    with unfinished(path) as temporary:
        writer(pages, _checked(first, pictures, path, form), temporary, form, quality, lossless)


def check_pages(path: str | Path, pages: Pages) -> None:
    """Be sure that a file of this name can hold so many pictures, before any work is done.

    Raises:
        PictureError: names the formats that can.
    """
    form = format_for(Path(path))
    if pages.count > 1 and not form.pages and not (form.frames and pages.delays is not None):
        what = "frames" if pages.delays is not None else "pages without timing"
        fitting = [
            other.suffixes[0]
            for other in FORMATS.values()
            if encode.can_write(other) and (other.pages or (other.frames and pages.delays is not None))
        ]
        raise PictureError(f"{path}: {form.name} does not hold {pages.count} {what}; write {' or '.join(fitting)}")


class _Again:
    """What can be gone through more than once: each time `begin` is called."""

    def __init__(self, begin: Callable[[], Iterator[Picture]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[Picture]:
        return self._begin()


def _frames(path: Path, form: Format, header: Header) -> Iterator[Picture]:
    with decoding(path, form):
        image = opened(path, form, pages=-1)
        tags = tags_of(path, form, image, header, upright(image, header)[1])
        rows = vips.field(image, "page-height") or image.height
        way = orientation(image)
        region = vips.pyvips().Region.new(image)
        for number in range(image.height // rows):
            data = region.fetch(0, number * rows, image.width, rows)
            samples = np.frombuffer(data, np.uint8).reshape(rows, image.width, image.bands)
            yield picture_of(path, _turned(samples, way), tags)


def _turned(samples: NDArray[Any], way: int) -> NDArray[Any]:
    if way == 1:
        return samples
    image = vips.from_array(samples).copy()
    image.set_type(vips.pyvips().GValue.gint_type, "orientation", way)
    return vips.to_array(image.autorot())


def _apng_frames(path: Path, form: Format) -> Iterator[Picture]:
    with decoding(path, form):
        image = opened(path, form)
        header = header_of(path, form, image)
        tags = tags_of(path, form, image, header, vips.field(image, "icc-profile-data"))
        for samples in apng.frames(path):
            yield picture_of(path, samples, tags)


def _checked(first: Picture, rest: Iterator[Picture], path: Path, form: Format) -> Iterator[Picture]:
    yield first
    kind = (first.pixels.shape, first.pixels.dtype, first.alpha is None)
    for number, picture in enumerate(rest, start=2):
        if not form.pages and (picture.pixels.shape, picture.pixels.dtype, picture.alpha is None) != kind:
            raise PictureError(f"{path}: picture {number} is of another size or kind than the first; write .tif")
        yield picture


def _write_frames(
    pages: Pages, pictures: Iterator[Picture], path: Path, form: Format, quality: int, lossless: bool
) -> None:
    # The encoders want all frames one below the other; a file holds them, because memory may not.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as spill:
        tags, shape, dtype = _spilled(pictures, spill.file, form)
        height, width, bands = shape
        image = vips.load(
            "raw", Path(spill.name), width, height * pages.count, bands, format=vips.FORMATS[dtype], revalidate=True
        ).copy(interpretation=vips.space(dtype, gray=bands < 3))
        image.set_type(vips.pyvips().GValue.gint_type, "page-height", height)
        image.set_type(vips.pyvips().GValue.gint_type, "loop", pages.loop)
        delays = [round(delay) for delay in pages.delays or ()]
        image.set_type(vips.pyvips().GValue.array_int_type, "delay", delays)
        encode.save(image, path, form, tags, quality=quality, lossless=lossless)


def _spilled(pictures: Iterator[Picture], file: IO[bytes], form: Format) -> tuple[Tags, tuple[int, int, int], str]:
    tags, shape, dtype = Tags(), (0, 0, 0), ""
    for number, picture in enumerate(pictures):
        samples = samples_of(picture, form)
        if number == 0:
            tags, shape, dtype = picture.tags, samples.shape, samples.dtype.name
        file.write(samples.tobytes())
    file.flush()
    return tags, shape, dtype


def _write_apng(
    pages: Pages, pictures: Iterator[Picture], path: Path, form: Format, quality: int, lossless: bool
) -> None:
    writer = None
    with path.open("wb") as file:
        for picture, delay in zip(pictures, pages.delays or (), strict=True):
            image = vips.from_array(samples_of(picture, form))
            if writer is None:
                with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as one:
                    encode.save(image, Path(one.name), form, picture.tags)
                    png = Path(one.name).read_bytes()
                writer = apng.Writer(file, frames=pages.count, loop=pages.loop)
            else:
                png = image.pngsave_buffer(keep="none", **encode.options(image, form, quality, lossless))
            writer.add(png, delay)
        if writer is not None:
            writer.close()


def _write_tiff(
    pages: Pages, pictures: Iterator[Picture], path: Path, form: Format, quality: int, lossless: bool
) -> None:
    big = None
    for picture in pictures:
        samples = samples_of(picture, form)
        image = vips.from_array(samples)
        if big is None:
            big = samples.nbytes * pages.count > _CLASSIC_TIFF_BYTES
            encode.save(image, path, form, picture.tags, big=big)
            continue
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as one:
            encode.save(image, Path(one.name), form, picture.tags, big=big)
            with path.open("r+b") as file, Path(one.name).open("rb") as page:
                tiff.append_page(file, page)
