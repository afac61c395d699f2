"""Files ⇄ pictures through libvips, which is loaded on the first read or write.

What enters is upright, whole, and gray or RGB, or it is an error; what leaves is complete, or is not there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.atomic import whole_file
from upres.errors import FailedError, PictureError
from upres.image import exif
from upres.image.formats import FORMATS, SUFFIXES, Format, format_for, format_of, names, stranger
from upres.image.picture import Picture, from_unit, profile_fits, to_unit

# libvips' sample types that a picture can hold; a double becomes float32.
_SAMPLES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32, "double": np.float32}
_BITS = {"uchar": 8, "ushort": 16, "float": 32, "double": 32}

# libvips' spaces whose bands are already gray or R, G, B; every other one is converted.
_PLAIN_SPACES = ("b-w", "grey16", "srgb", "rgb", "rgb16", "scrgb", "multiband")

# 72 dpi: written when a picture has no resolution of its own, because libvips would otherwise state 25.4.
_NO_RESOLUTION = (72 / 25.4, 72 / 25.4)

# A TIFF beyond this many bytes of samples is written as BigTIFF; classic offsets end at 4 GiB.
_CLASSIC_TIFF_BYTES = 3_500_000_000


@dataclass(frozen=True)
class Header:
    """What a file says before its pixels are decoded.

    Attributes:
        format: `PNG`, `JPEG`, `WebP` or `TIFF`, by the file's content and not its suffix.
        width, height: in pixels, as the picture will lie once upright.
        channels: channels in the file, alpha included.
        depth: bits per channel after decoding: 8, 16, or 32 for float.
        space: libvips' name of the file's colour space; `cmyk` is converted to sRGB by `read`.
        orientation: the EXIF tag as stored, 1 to 8; `read` applies it.
        pages: number of pages or frames.
    """

    format: str
    width: int
    height: int
    channels: int
    depth: int
    space: str
    orientation: int
    pages: int


def read_header(path: str | Path) -> Header:
    """Return what a picture file says about itself, without decoding it.

    Raises:
        PictureError: missing, empty, not a picture, or of a kind that upres does not take.
    """
    path = Path(path)
    form = _sniffed(path)
    with _decoding(path, form):
        return _header(path, form, _opened(path, form))


def read(path: str | Path, *, max_pixels: int = 500_000_000, page: int = 0) -> Picture:
    """Decode a picture file: upright, gray or RGB, with alpha, profile and metadata.

    CMYK and Lab are converted to sRGB through the embedded profile (or libvips' own where there is none);
    palettes and 1-bit pictures are expanded; colours that were stored multiplied by alpha are divided again.
    A profile for other channels than the file's (a gray file with an RGB profile) is left behind.

    Args:
        path: a PNG, JPEG, WebP or TIFF file, whatever its suffix.
        max_pixels: refuse larger pictures before decoding them.
        page: which page of a TIFF or frame of a WebP, from 0.

    Raises:
        PictureError: missing, empty, no picture, truncated, too large, or of a kind that upres does not take.
    """
    path = Path(path)
    form = _sniffed(path)
    with _decoding(path, form):
        image = _opened(path, form, page=page, fail_on="warning" if form is FORMATS["jpeg"] else "error")
        header = _header(path, form, image)
        if header.width * header.height > max_pixels:
            raise PictureError(
                f"{path}: {header.width}×{header.height} is {header.width * header.height:,} pixels, more "
                f"than the {max_pixels:,} allowed; reduce it, or raise max_pixels (--max-pixels)"
            )
        extras = exif.TiffExtras()
        if form is FORMATS["tiff"]:
            with path.open("rb") as file:
                extras = exif.tiff_extras(file)
        try:
            pixels, profile = _decoded(image, header)
        except _vips().Error as error:
            if not _harmless(error):
                raise
            image = _opened(path, form, page=page, fail_on="error")
            pixels, profile = _decoded(image, header)
    alpha = np.ascontiguousarray(pixels[..., -1]) if pixels.shape[2] in (2, 4) else None
    colours = np.ascontiguousarray(pixels[..., :-1]) if alpha is not None else pixels
    try:
        return Picture(
            colours,
            alpha,
            profile=profile if profile is None or profile_fits(profile, colours.shape[2]) else None,
            metadata=_metadata(image, extras, header),
            resolution=_resolution(image, header),
        )
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from None


def check_writable(path: str | Path, *, height: int, width: int, alpha: bool = False, lossless: bool = False) -> Format:
    """Return the format for `path`, sure that such a picture can be put there, before any work is done.

    Raises:
        PictureError: names what stands in the way, and a format that would do.
    """
    path = Path(path)
    form = format_for(path)
    if max(height, width) > form.most:
        raise PictureError(
            f"{path}: {width}×{height} does not fit {form.name}, whose sides end at {form.most:,}; "
            f"write {_suffixes(most=max(height, width), alpha=alpha)}"
        )
    if alpha and not form.alpha:
        raise PictureError(
            f"{path}: the picture has transparency and {form.name} holds none; "
            f"write {_suffixes(most=max(height, width), alpha=True)}, or flatten it first"
        )
    if lossless and not form.lossless:
        raise PictureError(
            f"{path}: {form.name} is never lossless; write {_suffixes(most=max(height, width), alpha=alpha)}"
        )
    if path.is_dir():
        raise PictureError(f"{path}: is a folder; give the name of a file in it")
    if not path.parent.is_dir():
        raise PictureError(f"{path}: there is no folder {path.parent}; create it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PictureError(f"{path}: the folder {path.parent} may not be written to; choose another place")
    return form


def write(picture: Picture, path: str | Path, *, quality: int = 95, lossless: bool = False) -> None:
    """Encode a picture into the format that the path's suffix asks for.

    The file appears complete or not at all: it is written beside its place and renamed. What the format
    cannot hold in depth is rounded (16-bit and float into JPEG and WebP: 8 bits; float into PNG: 16). Size
    and orientation tags are made true. Alpha that is opaque everywhere does not keep a picture out of JPEG.
    What has no place is left behind: IPTC in PNG and WebP, XMP or IPTC beyond 64 KB in JPEG, resolution without
    EXIF in WebP. WebP holds gray as three equal channels.

    Args:
        picture: what to write.
        path: `.png`, `.jpg`, `.jpeg`, `.webp`, `.tif` or `.tiff`, in a folder that exists.
        quality: 1 to 100, of JPEG (which keeps full colour resolution, 4:4:4) and of lossy WebP.
        lossless: make WebP lossless, and refuse JPEG; PNG and TIFF are lossless anyway.

    Raises:
        PictureError: the format cannot hold the picture, or the path cannot be written; nothing was written.
        FailedError: encoding failed (a full disk, say); nothing is left behind.
    """
    path = Path(path)
    if not 1 <= quality <= 100:
        raise PictureError(f"{path}: quality = {quality}: should be from 1 to 100")
    form = format_for(path)
    if picture.alpha is not None and not form.alpha and _opaque(picture.alpha):
        picture = Picture(picture.pixels, None, picture.profile, picture.metadata, picture.resolution)
    check_writable(path, height=picture.height, width=picture.width, alpha=picture.alpha is not None, lossless=lossless)
    try:
        with whole_file(path) as unfinished:
            _encode(picture, unfinished, form, quality, lossless)
    except (_vips().Error, OSError) as error:
        raise FailedError(f"{path}: could not be written{_reason(error, path)}; nothing was left behind") from error


def picture_files(folder: str | Path, *, recursive: bool = False) -> list[Path]:
    """Return the files in a folder whose suffix says picture, sorted by name; hidden ones are passed over.

    Raises:
        PictureError: there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "a file, not a folder" if root.exists() else "no such folder"
        raise PictureError(f"{folder}: {what}; give a folder of pictures")
    found = root.rglob("*") if recursive else root.glob("*")
    wanted = (path for path in found if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in wanted if path.is_file())


def _vips() -> Any:
    # Half of what `import upres` would otherwise cost, and not needed by a person who only asks for --help.
    import pyvips

    return pyvips


def _sniffed(path: Path) -> Format:
    """Return the format of a file by its first bytes."""
    if path.is_dir():
        raise PictureError(f"{path}: is a folder; give a picture file")
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file; check the name and the folder") from None
    except OSError as error:
        raise PictureError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    if not head:
        raise PictureError(f"{path}: the file is empty (0 bytes); get a whole copy of it")
    form = format_of(head)
    if form is None:
        raise PictureError(f"{path}: {stranger(head)}; upres reads {names()}, so convert it to one of them")
    return form


@contextlib.contextmanager
def _decoding(path: Path, form: Format) -> Iterator[None]:
    try:
        yield
    except _vips().Error as error:
        raise PictureError(
            f"{path}: the {form.name} data is damaged or cut short{_reason(error, path)}; get a whole copy of it"
        ) from error


def _reason(error: Any, path: Path) -> str:
    """Return what libvips or the system said first, in brackets, or nothing; the rest is its call stack."""
    said = getattr(error, "detail", None) or getattr(error, "strerror", None) or ""
    lines = [line.removeprefix(f"{path}:").strip() for line in str(said).splitlines()]
    return next((f" ({line})" for line in lines if line), "")


def _harmless(error: Any) -> bool:
    """Return whether libjpeg's warnings all leave the pixels whole (jerror.h has the list).

    libvips' `fail_on="error"` passes over scan data that cannot be decoded and gives gray or shifted blocks for
    it; `"warning"` stops there, but also at an odd marker that many cameras write.
    """
    lines = [line for line in error.detail.splitlines() if line.strip()]
    broken = ("Corrupt JPEG data", "premature end")
    return bool(lines) and all(
        line.startswith("VipsJpeg:") and ("extraneous bytes" in line or not any(sign in line for sign in broken))
        for line in lines
    )


def _opened(path: Path, form: Format, *, page: int = 0, fail_on: str = "error") -> Any:
    """Open a file without decoding it; libvips decodes as pixels are asked for, from the top."""
    load = getattr(_vips().Image, f"{form.operation}load")
    # Without `revalidate` libvips would answer from its cache for a file that has since been rewritten.
    options: dict[str, Any] = {"fail_on": fail_on, "revalidate": True, "access": "sequential"}
    if page:
        options["page"] = page
    image = load(str(path), **options)
    if _orientation(image) > 1:
        image = load(str(path), **(options | {"access": "random"}))  # turning reads rows out of order
    return image


def _field(image: Any, name: str) -> Any:
    return image.get(name) if image.get_typeof(name) else None


def _orientation(image: Any) -> int:
    value = _field(image, "orientation")
    return value if value in range(1, 9) else 1


def _header(path: Path, form: Format, image: Any) -> Header:
    if image.format not in _SAMPLES and image.interpretation in _PLAIN_SPACES:
        raise PictureError(
            f"{path}: samples are {image.format}; upres takes 8- and 16-bit unsigned and float; convert it"
        )
    most = 5 if image.interpretation == "cmyk" else 4
    if not 1 <= image.bands <= most:
        raise PictureError(
            f"{path}: {image.bands} channels; upres takes 1 to 4 (gray or RGB, with or without alpha). "
            f"Keep three with: vips extract_band {path} rgb.tif 0 --n 3"
        )
    orientation = _orientation(image)
    turned = orientation >= 5
    return Header(
        format=form.name,
        width=image.height if turned else image.width,
        height=image.width if turned else image.height,
        channels=image.bands,
        depth=_BITS.get(image.format, 16),
        space=image.interpretation,
        orientation=orientation,
        pages=_field(image, "n-pages") or 1,
    )


def _decoded(image: Any, header: Header) -> tuple[NDArray[Any], bytes | None]:
    """Decode to upright pixels `h w c`, c = 1 to 4 with alpha last, and the profile they are in."""
    profile = _field(image, "icc-profile-data")
    image = image.autorot() if header.orientation > 1 else image
    if header.space not in _PLAIN_SPACES:
        image = _in_srgb(image, header)
        profile = None
    pixels: NDArray[Any] = image.numpy()
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return pixels.astype(_SAMPLES[image.format], copy=False), profile


def _in_srgb(image: Any, header: Header) -> Any:
    deep = header.depth > 8
    if header.space == "cmyk":
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=16 if deep else 8)
    return image.colourspace("rgb16" if deep else "srgb")


def _metadata(image: Any, extras: exif.TiffExtras, header: Header) -> MappingProxyType[str, bytes]:
    block = _field(image, "exif-data") or extras.exif
    if block and header.orientation > 1:
        block = exif.upright(bytes(block), header.width, header.height)
    records = extras.iptc
    if records is None and header.format == "JPEG" and (stored := _field(image, "iptc-data")):
        records = exif.iim_from_photoshop(bytes(stored))
    blobs = {"exif": block, "iptc": records, "xmp": _field(image, "xmp-data")}
    return MappingProxyType({kind: bytes(blob) for kind, blob in blobs.items() if blob})


def _resolution(image: Any, header: Header) -> tuple[float, float] | None:
    # 1 pixel/mm, both ways, is what libvips says when a file is silent.
    if (image.xres == 1 and image.yres == 1) or not (image.xres > 0 and image.yres > 0):
        block = _field(image, "exif-data")
        pair = exif.resolution(bytes(block)) if block else None
        return pair[::-1] if pair and header.orientation >= 5 else pair
    pair = (float(image.xres), float(image.yres))
    return pair[::-1] if header.orientation >= 5 else pair


def _suffixes(*, most: int, alpha: bool) -> str:
    fitting = [
        form.suffixes[0] for form in FORMATS.values() if form.lossless and form.most >= most and form.alpha >= alpha
    ]
    return " or ".join(fitting)


def _opaque(alpha: NDArray[Any]) -> bool:
    return bool((alpha == (1 if alpha.dtype == np.float32 else np.iinfo(alpha.dtype).max)).all())


def _fitted(samples: NDArray[Any], form: Format) -> NDArray[Any]:
    """Return samples in the deepest dtype that the format holds and that they need."""
    depth = {np.dtype(np.uint8): 8, np.dtype(np.uint16): 16, np.dtype(np.float32): 32}[samples.dtype]
    if depth in form.depths:
        return samples
    return from_unit(to_unit(samples), np.uint16 if 16 in form.depths else np.uint8)


def _encode(picture: Picture, path: Path, form: Format, quality: int, lossless: bool) -> None:
    bands = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
    samples = np.ascontiguousarray(_fitted(bands, form))
    image, keep = _dressed(_image(samples, picture.gray), picture, form)
    options: dict[str, Any] = {"keep": keep}
    if form is FORMATS["jpeg"]:
        options |= {"Q": quality, "subsample_mode": "off", "optimize_coding": True}
    elif form is FORMATS["webp"]:
        options |= {"lossless": True, "exact": True} if lossless else {"Q": quality}
    elif form is FORMATS["tiff"]:
        options |= {
            "compression": "deflate",
            "predictor": "float" if samples.dtype == np.float32 else "horizontal",
            "bigtiff": samples.nbytes > _CLASSIC_TIFF_BYTES,
            "resunit": "inch",
        }
    getattr(image, f"{form.operation}save")(str(path), **options)
    if form is FORMATS["tiff"]:
        with path.open("r+b") as file:
            exif.add_to_tiff(file, _true_exif(picture), picture.metadata.get("iptc"))


def _image(samples: NDArray[Any], gray: bool) -> Any:
    formats = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
    spaces = {
        "uint8": ("srgb", "b-w"),
        "uint16": ("rgb16", "grey16"),
        # scRGB is libvips' name for float RGB: it writes the numbers as they are.
        "float32": ("scrgb", "b-w"),
    }
    height, width, bands = samples.shape
    kind = samples.dtype.name
    image = _vips().Image.new_from_memory(samples, width, height, bands, formats[kind])
    return image.copy(interpretation=spaces[kind][gray])


def _dressed(image: Any, picture: Picture, form: Format) -> tuple[Any, str]:
    """Return a libvips image with the picture's profile and metadata, and which kinds are to be kept."""
    blobs = {"icc": ("icc-profile-data", picture.profile)}
    if form is not FORMATS["tiff"]:
        blobs["exif"] = ("exif-data", _true_exif(picture))
    if packet := picture.metadata.get("xmp"):
        blobs["xmp"] = ("xmp-data", exif.upright_xmp(packet, picture.width, picture.height))
    if (records := picture.metadata.get("iptc")) and form is FORMATS["jpeg"]:
        blobs["iptc"] = ("iptc-data", exif.photoshop_from_iim(records))
    x, y = picture.resolution or _NO_RESOLUTION
    image = image.copy(xres=x, yres=y)
    image.set_type(_vips().GValue.gstr_type, "resolution-unit", "in")
    for name, blob in blobs.values():
        if blob:
            image.set_type(_vips().GValue.blob_type, name, blob)
    # Only what the picture has: libvips would make up an EXIF block for one that has none.
    return image, ":".join(kind for kind, (_, blob) in blobs.items() if blob) or "none"


def _true_exif(picture: Picture) -> bytes | None:
    block = picture.metadata.get("exif")
    return exif.upright(block, picture.width, picture.height, picture.resolution) if block else None
