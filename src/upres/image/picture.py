"""Pictures in memory: pixels, alpha, profile, and the metadata that travels with them; and several of one file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from upres.errors import PictureError
from upres.image.metadata import icc
from upres.image.metadata.tags import Cicp, Tags

if TYPE_CHECKING:
    import PIL.Image

# The kinds of metadata that every part of upres carries without looking inside.
METADATA_KINDS = ("exif", "iptc", "xmp")

# The matrix of R, G, B, and narrow or full range (H.273, table 4).
_RANGES = ((0, 0), (0, 1))

_DTYPES = {np.dtype(np.uint8): 8, np.dtype(np.uint16): 16, np.dtype(np.float32): 32}


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """An upright picture; `dataclasses.replace` makes the next one from it.

    `numpy.asarray(picture)` is its pixels, alpha last. A notebook shows it, reduced to 800 pixels a side.

    Attributes:
        pixels: `h w c`, c = 1 (gray) or 3 (R, G, B); uint8, uint16, or float32 in [0, 1].
        alpha: `h w` of the same dtype, not premultiplied, or `None` when the picture is opaque.
        profile: the ICC profile that says what the numbers in `pixels` mean, or `None` (then sRGB).
        metadata: the blobs that travel, by kind: `exif`, `iptc`, `xmp`.
        resolution: horizontal and vertical pixels per millimetre, or `None` when the file did not say.
        span: the file's numbers for which 0 and 1 of float pixels stand. It is (0, 1) unless a float TIFF goes
            beyond (scene light, heights): then the whole range is enlarged, and written as it was read.
        cicp: what a PNG says the numbers mean, as four numbers of ITU-T H.273: `(9, 16, 0, 1)` is HDR by PQ. Only
            PNG keeps it.

    Raises:
        PictureError: the shapes, dtypes or float values are not the ones above.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    profile: bytes | None = field(default=None, repr=False)
    metadata: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    resolution: tuple[float, float] | None = None
    span: tuple[float, float] = (0.0, 1.0)
    cicp: Cicp | None = None

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] not in (1, 3) or min(shape) < 1:
            raise PictureError(f"pixels have shape {shape}; a picture is h w c, with c = 1 (gray) or 3 (RGB)")
        if dtype not in _DTYPES:
            raise PictureError(f"pixels are {dtype}; a picture is uint8, uint16, or float32 in [0, 1]")
        check_unit_range(self.pixels, "pixels")
        if self.alpha is not None:
            if self.alpha.shape != shape[:2] or self.alpha.dtype != dtype:
                raise PictureError(
                    f"alpha is {self.alpha.dtype} {self.alpha.shape}; should be {dtype} {shape[:2]} like the pixels"
                )
            check_unit_range(self.alpha, "alpha")
        if self.profile is not None and not profile_fits(self.profile, shape[2]):
            kind = "gray" if shape[2] == 1 else "RGB"
            raise PictureError(f"profile is damaged or not for {kind} pixels; leave it out or give a fitting one")
        if self.span != (0, 1) and (dtype != np.float32 or not self.span[0] < self.span[1]):
            raise PictureError(f"span = {self.span} of {dtype} pixels; only floats have one, from low to high")
        if self.cicp is not None and not (
            all(0 <= number <= 255 for number in self.cicp[:2]) and self.cicp[2:] in _RANGES
        ):
            raise PictureError(f"cicp = {self.cicp}; primaries and curve are 0 to 255, the matrix of R, G, B is 0")
        unknown = sorted(set(self.metadata) - set(METADATA_KINDS))
        if unknown:
            raise PictureError(f"metadata of kind {unknown[0]!r}; a picture carries {', '.join(METADATA_KINDS)}")

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.pixels.shape[1])

    @property
    def depth(self) -> int:
        """Bits per channel: 8, 16, or 32 for float."""
        return _DTYPES[self.pixels.dtype]

    @property
    def tags(self) -> Tags:
        """What travels with the pixels."""
        return Tags(self.profile, self.metadata, self.resolution, self.cicp)

    @property
    def gray(self) -> bool:
        """Whether the picture has one channel."""
        return bool(self.pixels.shape[2] == 1)

    @property
    def samples(self) -> NDArray[Any]:
        """`h w c` with alpha last; without alpha `pixels` itself, not a copy."""
        return self.pixels if self.alpha is None else np.dstack([self.pixels, self.alpha])

    @classmethod
    def from_pil(cls, image: PIL.Image.Image) -> Picture:
        """Return a picture of a PIL image, upright, with the profile, EXIF, XMP and resolution that the image knows.

        Args:
            image: of mode 1, L, LA, P, RGB, RGBA or I;16.

        Raises:
            PictureError: another mode.
        """
        from upres.image.conversions import from_pil

        return from_pil(image)

    def to_pil(self, *, depth: int | None = None) -> PIL.Image.Image:
        """Return a PIL image with the profile, EXIF and resolution.

        Args:
            depth: 8 to round to 8 bits: PIL holds 16 bits of gray only, and no float colours.

        Raises:
            PictureError: PIL holds no such picture.
            MissingExtraError: Pillow is not installed.
        """
        from upres.image.conversions import to_pil

        return to_pil(self, depth=depth)

    def save(self, path: str | os.PathLike[str], *, quality: int = 95, lossless: bool = False) -> None:
        """Write the picture into a file, as `upres.write` does: complete, or not at all.

        Args:
            path: its suffix says the format.
            quality: 1 to 100, of JPEG, WebP, AVIF and JPEG XL.
            lossless: make WebP, AVIF and JPEG XL lossless.

        Raises:
            PictureError: the format cannot hold the picture, or the path cannot be written.
            FailedError: encoding failed; nothing is left behind.
        """
        from upres.image.writing import write

        write(self, os.fspath(path), quality=quality, lossless=lossless)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        from upres.image.conversions import as_array

        return as_array(self, dtype, copy=copy)

    def __repr__(self) -> str:
        kind = ("gray" if self.gray else "RGB") + (" with alpha" if self.alpha is not None else "")
        bits = "float" if self.depth == 32 else f"{self.depth} bit"
        carried = [*(["profile"] if self.profile is not None else []), *self.metadata]
        return f"<Picture {self.width}×{self.height}, {kind}, {bits}{', '.join(['', *carried])}>"

    def _repr_png_(self) -> bytes:
        from upres.image.conversions import preview_png

        return preview_png(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"image/png": self._repr_png_(), "text/plain": repr(self)}


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


class Again:
    """What can be gone through more than once: each time `begin` is called."""

    def __init__(self, begin: Callable[[], Iterator[Picture]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[Picture]:
        return self._begin()


def check_unit_range(values: NDArray[Any], name: str) -> None:
    """Refuse floats outside [0, 1].

    Raises:
        PictureError: names them, as `name`.
    """
    if values.dtype != np.float32:
        return
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # written so that NaN fails
        raise PictureError(f"{name} go from {low:g} to {high:g}; float pictures are in [0, 1], so scale or clip them")


def profile_fits(profile: bytes, channels: int) -> bool:
    """Return whether an ICC profile describes pixels of 1 (gray) or 3 (RGB) channels.

    Source: ICC.1:2022, 7.2.6: bytes 16 to 19 of the header name the colour space.
    """
    return profile[16:20] == (b"GRAY" if channels == 1 else b"RGB ") and icc.whole(profile) is not None


def peak(dtype: DTypeLike) -> float:
    """Return the number that means white: 255, 65535, or 1 for floats.

    Raises:
        PictureError: neither uint8, uint16 nor a float.
    """
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return 1.0
    if kind in _DTYPES:
        return float(np.iinfo(kind).max)
    raise PictureError(f"pixels are {kind}; upres takes uint8, uint16, or floats in [0, 1]")


def to_unit(array: NDArray[Any]) -> NDArray[np.float32]:
    """Return uint8, uint16 or float numbers as float32 in which white is 1; any shape, never a view.

    Raises:
        PictureError: another dtype.
    """
    white = peak(array.dtype)
    result = array.astype(np.float32)
    if white != 1:
        result /= np.float32(white)
    return result


def from_unit(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Return floats in which white is 1 as `dtype`: clipped to [0, 1], halves rounded up; any shape.

    Raises:
        PictureError: a value is NaN (it has no level, and a cast would make one up), or another dtype.
    """
    white = peak(dtype)
    # At least float32: half precision cannot count to 65535.
    clipped: NDArray[Any] = np.clip(array, 0, 1, dtype=np.result_type(array, np.float32))
    if np.isnan(clipped.sum()):  # a third of the cost of asking each value
        raise PictureError("from_unit: the array holds NaN, which no picture can hold; recompute it in float32")
    return clipped.astype(dtype) if white == 1 else rounded(clipped, white).astype(dtype)


def rounded(unit: NDArray[Any], white: float) -> NDArray[Any]:
    """Turn floats of [0, 1], in place, into what becomes levels up to `white` when its fraction is cut off."""
    unit *= unit.dtype.type(white)
    unit += unit.dtype.type(0.5)
    return unit
