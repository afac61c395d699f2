"""Files → libvips images that decode as their pixels are asked for: upright, gray or RGB, with what travels."""

from __future__ import annotations

import contextlib
import functools
import itertools
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.config.limits import MAX_RESOLUTION, MAX_TIFF_PIECE
from upres.errors import PictureError
from upres.image.codecs import apng, extras, frames, gif, heif, jpeg, lab, png_colour, vips, webp
from upres.image.codecs.header import (
    PLAIN_SPACES,
    SAMPLES,
    Header,
    check_developed,
    check_rows,
    header_of,
    orientation_of,
    recognised_format,
)
from upres.image.codecs.table import FORMATS
from upres.image.metadata import exif, icc, iptc, tiff
from upres.image.metadata.tags import Cicp, Tags

# Bytes of a file of which nothing is gained by not mapping it.
_MOST_MAPPED = 10_000_000


class Decoder:
    """A picture file, opened once: what it says about itself, and its samples as often as they are asked for.

    Args:
        path: the file.
        page: which page of a TIFF or frame of an animation, from 0.
        strict: refuse data that is odd, rather than warn of it.

    Attributes:
        form: its format, by its first bytes.
        header: what it says before its pixels are decoded.
        size, bands, dtype: height and width, channels with alpha last when they are even, and the samples' dtype by
            name, of the picture upright in gray or RGB.

    Raises:
        PictureError: missing, empty, not a picture, damaged, or of a kind that upres does not take.
    """

    def __init__(self, path: Path, *, page: int = 0, strict: bool = False) -> None:
        self.path = path
        self.form = recognised_format(path)
        self._open = extras.opener(path, self.form)
        self._oddities: dict[str, str] = {}  # what is odd → what is said of it: a file may be decoded more than once
        self._page = page
        self._photometric: int | None = None
        if self.form is FORMATS["tiff"]:
            check_developed(path)
            with path.open("rb") as file:
                self._photometric = tiff.photometric(file, page)
            if self._photometric == tiff.ITU_LAB:
                raise PictureError("a Lab TIFF in the encoding of fax machines (ITULab); save it as RGB", where=path)
        self._strict = strict
        with self._words():
            self._image = self._load(strict=True, decode=False)
            # An image of upres's own decoder may be black as yet, a GIF's canvas paint all over, and one that is to be
            # read by a pipe, or turned, is not.
            ready = self._open is None and self.form is not FORMATS["gif"] and not self._piped
            ready = ready and orientation_of(self._image) == 1
            self._unread: Any = self._image if ready else None
            self.header = header_of(path, self.form, self._image)
            if self.form.frames and self.form.operation is not None and self.form is not FORMATS["png"]:
                check_rows(path, self.form, self.header)
            if self.form is FORMATS["gif"]:
                self._check_screen(strict)
            if self.form is FORMATS["webp"] and webp.ends_in_zeros(path):
                self._odd("the WebP data ends in zeros, as a download that was broken off does", strict)
            turned, self._profile = _upright(self._image, self.header)
            if self._profile is not None and icc.whole(self._profile) is None:
                self._profile = None
                self._odd("its colour profile is damaged and was left behind, so colours may be others", strict)
        self.size: tuple[int, int] = (turned.height, turned.width)
        self.bands: int = turned.bands
        self.dtype: str = np.dtype(SAMPLES[turned.format]).name
        self._cicp: Cicp | None = None
        if self.form is FORMATS["png"]:
            self._profile, self._cicp = png_colour.meaning(path, self._profile, gray=self.bands < 3)
        elif self.form.operation == "heif" and self._profile is None and (said := heif.nclx(path)) is not None:
            self._profile, self._cicp = png_colour.of_cicp(said, None, gray=self.bands < 3)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the data and keeps no pixel from being decoded, in words; known after decoding."""
        return tuple(self._oddities.values())

    @functools.cached_property
    def tags(self) -> Tags:
        """What travels with the pixels."""
        with self._words():
            extras = tiff.Extras()
            if self.form is FORMATS["tiff"]:
                with self.path.open("rb") as file:
                    extras = tiff.extras(file, self._page)
            metadata = _metadata(self._image, extras, self.header)
            return Tags(self._profile, metadata, _resolution(self.path, self._image, self.header), self._cicp)

    @property
    def held_bytes(self) -> int:
        """How many bytes decoding holds of the whole picture; 0 where rows are read, decoded and forgotten."""
        with self._words():
            return self.form.decoder_bytes(self.path, self._image)

    def samples(self) -> NDArray[Any]:
        """Decode the whole picture, `h w c`, in the file's own numbers.

        Raises:
            PictureError: the data is damaged or cut short.
        """
        with self._words():
            if self.warnings:  # what was odd is odd again, and libvips tells it once
                return self._decoded(self._load(strict=False))
            try:
                with vips.errors():
                    return self._decoded(self._once())
            except vips.pyvips().Error as error:
                if self._strict or not jpeg.harmless(error):
                    raise
                self._warn(error)
                return self._decoded(self._load(strict=False))

    def rows(self, count: int) -> Generator[NDArray[Any], None, None]:
        """Decode from the top, `count` rows `rows w c` at a time.

        Raises:
            PictureError: the data is damaged or cut short.
        """
        done, strict = 0, not self.warnings  # what was odd is odd again, and libvips tells it once
        with self._words():
            while done < self.size[0]:
                try:
                    with vips.errors():
                        for band in self._fetched(done, count, strict=strict):
                            done += len(band)
                            yield band
                except vips.pyvips().Error as error:
                    if self._strict or not (strict and jpeg.harmless(error)):
                        raise
                    strict = False
                    self._warn(error)

    def pages(self) -> list[int]:
        """Return the numbers of a TIFF's pages that are no smaller copies or masks of others."""
        with self.path.open("rb") as file:
            return tiff.pages(file)

    def timing(self) -> tuple[tuple[float, ...], int]:
        """Return the milliseconds that each frame of an animation is shown, and how often all are (0 for ever)."""
        with self._words():
            if self.form is FORMATS["png"]:
                delays, loop = apng.timing(self.path)
                return tuple(delays), loop
            given = vips.field(self._image, "delay") or []
            delays = [float(delay) for delay in [*given, *[100] * self.header.pages][: self.header.pages]]
            return tuple(delays), vips.field(self._image, "loop") or 0

    def frames(self) -> Iterator[NDArray[Any]]:
        """Decode the frames of an animation as they are shown, each `h w c` with alpha last when c is even.

        Raises:
            PictureError: the data is damaged or cut short.
        """
        with self._words():
            if self.form is FORMATS["png"]:
                yield from apng.frames(self.path)
                return
            image = self._load(strict=True, pages=-1)
            count = self.header.pages
            stored = vips.field(image, "page-height") or image.height
            if image.height != count * stored:
                raise PictureError(
                    f"the {self.form.name} data is damaged, or too much at once ({image.height:,} rows of {count:,} "
                    f"frames of {stored:,}); take its frames apart",
                    where=self.path,
                )
            decoded = frames.decoded(image, orientation_of(self._image))
            if image.bands == self.bands:
                yield from decoded
                return
            for frame, painted in zip(decoded, gif.layout(self.path).covered(*self.size), strict=True):
                yield np.dstack([frame, painted * np.uint8(255)])

    def _decoded(self, image: Any) -> NDArray[Any]:
        samples = vips.to_array(_upright(image, self.header)[0])
        return samples.astype(self.dtype, copy=False)

    def _fetched(self, top: int, count: int, *, strict: bool) -> Iterator[NDArray[Any]]:
        image = _upright(self._once() if strict else self._load(strict=False), self.header)[0]
        # A region is filled by the thread that asks, row after row. Crops are filled by several threads, twice as
        # fast, but what is small may then be read out of order, which a file that is read once does not allow.
        region = vips.pyvips().Region.new(image)
        height, width = self.size
        dtype = {name: kind for kind, name in vips.FORMATS.items()}.get(image.format, "float64")
        while top < height:
            rows = min(count, height - top)
            band = np.frombuffer(region.fetch(0, top, width, rows), dtype).reshape(rows, width, image.bands)
            yield np.ascontiguousarray(band.astype(self.dtype, copy=False))
            top += rows

    def _once(self) -> Any:
        """Return an image of which nothing has been decoded yet: libvips gives the rows of one from the top, once."""
        image, self._unread = self._unread, None
        return self._load(strict=True) if image is None else image

    def _load(self, *, strict: bool, pages: int = 1, decode: bool = True) -> Any:
        """Open the file without decoding it; libvips decodes as pixels are asked for, from the top.

        Args:
            strict: stop at what a JPEG decoder only warns of.
            pages: how many pages or frames, one below the other; -1 for all.
            decode: `False` where only size and kind are asked for.
        """
        if self._open is not None:
            return vips.in_order(self._open(self.path, decode=decode))
        assert self.form.operation is not None
        layout = gif.layout(self.path) if self.form is FORMATS["gif"] else None
        if self.form is FORMATS["jpeg"]:
            jpeg.check_whole(self.path)
        # Without `revalidate` libvips would answer from its cache for a file that has since been rewritten.
        options: dict[str, Any] = {"revalidate": True, "access": "sequential"}
        options["fail_on"] = "warning" if strict and self.form is FORMATS["jpeg"] else "error"
        if self._page:
            options["page"] = self._page
        if self.form is FORMATS["tiff"]:
            with self.path.open("rb") as file:
                options["unlimited"] = tiff.pieces(file, self._page).coded_bytes > MAX_TIFF_PIECE
        if self._photometric in (tiff.LAB, tiff.ICC_LAB):
            return self._lab(options, decode=decode)
        if pages != 1:
            options["n"] = pages
        if decode and self._piped:
            piped = vips.piped(self.form.operation, self.path, access="sequential", fail_on=options["fail_on"])
            return vips.in_order(piped)
        image = vips.in_order(vips.load(self.form.operation, self.path, **options))
        if orientation_of(image) > 1 and decode:
            image = vips.held(image)  # turning reads out of order
        if layout is not None and pages == 1:
            return _with_canvas(image, layout, self._page, decode=decode)
        return _in_16_bits(image) if self.form.operation == "heif" and image.format == "ushort" else image

    def _lab(self, options: dict[str, Any], *, decode: bool) -> Any:
        # libvips decodes no Lab of 8 bits, takes all Lab for that of another white, and ICCLab for R, G and B. So it is
        # given a copy that says R, G and B, and the samples are taken for what they are.
        del options["revalidate"]
        with tempfile.TemporaryFile() as copy, self.path.open("rb") as file:
            shutil.copyfileobj(file, copy)
            tiff.as_rgb(copy, self._page)
            copy.flush()
            image = vips.in_order(vips.load_open("tiff", copy.fileno(), **options))
            if orientation_of(image) > 1 and decode:
                image = vips.held(image)
        return lab.marked(image, signed=self._photometric == tiff.LAB)

    @functools.cached_property
    def _piped(self) -> bool:
        # libvips maps a JPEG, and all pages of the map that were read count as the process's.
        large = self.form is FORMATS["jpeg"] and self.path.stat().st_size > _MOST_MAPPED
        return large and orientation_of(self._image) == 1  # turning reads out of order

    def _check_screen(self, strict: bool) -> None:
        # libnsgif takes what its frames fill for the picture where the header's size is one that broken files have.
        screen = gif.screen(self.path)
        own = (self.header.width, self.header.height)
        if screen in ((0, 0), own):  # some writers leave it to the frames
            return
        said = f"the GIF says {screen[0]}×{screen[1]}, and its frames fill {own[0]}×{own[1]}"
        self._odd(f"{said}, which was taken for the picture", strict)

    def _odd(self, said: str, strict: bool) -> None:
        if strict:
            raise PictureError(f"{said}; get a whole copy of it", where=self.path)
        self._oddities[said] = f"{said}: look at the result"

    def _warn(self, error: Any) -> None:
        # libjpeg tells its first warning only, so nobody knows what it would say of the rest.
        self._oddities["data"] = (
            f"the {self.form.name} data is odd{vips.reason(error, self.path)}; "
            "all of it was decoded, and may be damaged: look at the result"
        )

    @contextlib.contextmanager
    def _words(self) -> Iterator[None]:
        """Turn what libvips says of the file into one line about it."""
        try:
            with vips.errors():
                yield
        except vips.pyvips().Error as error:
            if "has not been built in" in error.detail or "Unsupported codec" in error.detail:
                raise PictureError(
                    f"{self.form.name} of a kind that the installed libvips cannot decode (HEVC, most "
                    "likely); convert it to JPEG or PNG, or install a libvips with libde265",
                    where=self.path,
                ) from error
            raise PictureError(
                f"the {self.form.name} data is damaged or cut short{vips.reason(error, self.path)}; "
                "get a whole copy of it",
                where=self.path,
            ) from error


def _in_16_bits(image: Any) -> Any:
    """Return 10 or 12 bits over the whole range: libvips shifts them up, which leaves white a little gray."""
    unused = 2 ** (16 - (vips.field(image, "bits-per-sample") or 12)) - 1
    return image.linear(65_535 / (65_535 - unused), 0.5).cast("ushort").copy(interpretation=image.interpretation)


def _with_canvas(image: Any, layout: gif.Layout, page: int, *, decode: bool) -> Any:
    """Return a GIF's frame with alpha where its canvas shows: libvips makes that black if no colour is transparent."""
    if image.bands in (2, 4) or layout.whole(image.height, image.width):
        return image
    if not decode:  # a header may say anything: what is as large as it says waits until that is allowed
        return image.bandjoin(255)
    painted = next(itertools.islice(layout.covered(image.height, image.width), page, None))
    return image.bandjoin(vips.from_array(painted[..., None] * np.uint8(255)))


def _upright(image: Any, header: Header) -> tuple[Any, bytes | None]:
    """Return the image upright in gray or RGB, c = 1 to 4 with alpha last, and the profile it is in."""
    profile = vips.field(image, "icc-profile-data")
    image = image.autorot() if header.orientation > 1 else image
    if header.space in PLAIN_SPACES:
        return image, profile
    return _in_srgb(image, header), None


def _in_srgb(image: Any, header: Header) -> Any:
    deep = header.depth > 8
    if header.space == "cmyk":
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=16 if deep else 8)
    if header.space == "lab":
        return lab.in_srgb(image, deep=deep)
    return image.colourspace("rgb16" if deep else "srgb")


def _metadata(image: Any, extras: tiff.Extras, header: Header) -> MappingProxyType[str, bytes]:
    block = vips.field(image, "exif-data") or extras.exif
    if block and header.orientation > 1:
        block = exif.upright(bytes(block), header.width, header.height)
    records = extras.iptc
    if records is None and header.format == "JPEG" and (stored := vips.field(image, "iptc-data")):
        records = iptc.iim_from_photoshop(bytes(stored))
    blobs = {"exif": block, "iptc": records, "xmp": vips.field(image, "xmp-data")}
    return MappingProxyType({kind: bytes(blob) for kind, blob in blobs.items() if blob})


def _resolution(path: Path, image: Any, header: Header) -> tuple[float, float] | None:
    if _silent(path, image, header):
        block = vips.field(image, "exif-data")
        pair = exif.resolution(bytes(block)) if block else None
    else:
        pair = (float(image.xres), float(image.yres))
    if pair is not None and not all(0 < each <= MAX_RESOLUTION for each in pair):
        return None
    return pair[::-1] if pair and header.orientation >= 5 else pair


def _silent(path: Path, image: Any, header: Header) -> bool:
    """Return whether the resolution that libvips gives is one that it takes when a file has none."""
    if (image.xres == 1 and image.yres == 1) or not (image.xres > 0 and image.yres > 0):
        return True
    if header.format == "PNG":
        return not apng.has_chunk(path, b"pHYs")
    if header.format == "JPEG" and abs(image.xres - 72 / 25.4) < 1e-6:
        return not jpeg.states_resolution(path)
    return False
