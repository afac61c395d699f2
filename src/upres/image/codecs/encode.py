"""libvips images → files: each format's options, and what travels made true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from upres.errors import PictureError
from upres.image.codecs import bmp, png_colour, vips
from upres.image.codecs.table import FORMATS, Format, Writing
from upres.image.codecs.tag_correction import correct_tags
from upres.image.metadata import exif, icc, iptc, tiff, xmp
from upres.image.metadata.tags import Tags


def can_write(form: Format) -> bool:
    """Return whether this installation writes a format."""
    return form.written and (form.operation is None or vips.has(f"{form.operation}save"))


def stored_dtype(form: Format, dtype: str) -> str:
    """Return the dtype in which `form` holds samples of `dtype`: the same, or the deepest one below it.

    >>> stored_dtype(FORMATS["png"], "float32"), stored_dtype(FORMATS["jpeg"], "uint16")
    ('uint16', 'uint8')
    """
    if dtype == "float32" and 32 in form.depths:
        return dtype
    deep = dtype != "uint8" and any(8 < depth < 32 for depth in form.depths)
    return "uint16" if deep else "uint8"


def save(image: Any, path: Path, form: Format, tags: Tags, writing: Writing) -> None:
    """Encode an image whose samples `form` can hold, with alpha last when it has one.

    Args:
        image: a libvips image in a space of `vips.space`; it may decode, predict, … as rows are asked for.
        path: the file; it is written in place, so give one of `upres.storage.atomic.whole_file`.
        form: the format.
        tags: what travels; size, orientation and resolution tags are made true.
        writing: how.
    """
    if form.save is not None:
        with path.open("wb") as file:
            form.save(_dressed(image, tags, form)[0], file)
        return
    assert form.operation is not None
    dressed, keep = _dressed(_in_12_bits(image) if form is FORMATS["avif"] else image, tags, form)
    vips.save(dressed, form.operation, path, keep=keep, **form.options(image, writing))
    true_exif = _true_exif(image, tags, form)
    if form is FORMATS["tiff"]:
        with path.open("r+b") as file:
            tiff.add_tags(file, true_exif, tags.metadata.get("iptc"), resolution=tags.resolution is not None)
    else:
        correct_tags(path, form, true_exif, silent=tags.resolution is None)
    if tags.cicp is not None and form.cicp:
        png_colour.insert_cicp(path, tags.cicp)


def check_size(path: Path, form: Format, height: int, width: int) -> None:
    """Refuse what a format's own numbers cannot count, where that is not a side."""
    if form.name == "BMP" and not bmp.largest(height, width):
        raise PictureError(f"{width}×{height} makes a BMP of more than 4 GB; write .png or .tif", where=path)


def _dressed(image: Any, tags: Tags, form: Format) -> tuple[Any, str]:
    """Return the image with profile and metadata, and which kinds of them are to be kept."""
    blobs = {"icc": ("icc-profile-data", _fitting_profile(tags.profile, form))}
    if form is not FORMATS["tiff"]:
        blobs["exif"] = ("exif-data", _true_exif(image, tags, form))
    if packet := tags.metadata.get("xmp"):
        blobs["xmp"] = ("xmp-data", xmp.upright(packet, image.width, _height(image), tags.resolution))
    if (records := tags.metadata.get("iptc")) and form is FORMATS["jpeg"]:
        blobs["iptc"] = ("iptc-data", iptc.photoshop_from_iim(records))
    x, y = tags.resolution or (1.0, 1.0)  # 1 is libvips' own way of not knowing
    image = image.copy(xres=x, yres=y)
    image.set_type(vips.pyvips().GValue.gstr_type, "resolution-unit", "in")
    for name, blob in blobs.values():
        if blob:
            image.set_type(vips.pyvips().GValue.blob_type, name, blob)
    # Only what the picture has: libvips would make up an EXIF block for one that has none.
    return image, ":".join(kind for kind, (_, blob) in blobs.items() if blob) or "none"


def _fitting_profile(profile: bytes | None, form: Format) -> bytes | None:
    """Return the profile for the channels that a format stores: gray may become R, G, B."""
    profile = None if profile is None else icc.whole(profile)
    if profile is None:
        return None
    if not form.gray and profile[16:20] == b"GRAY":
        return icc.for_rgb(profile)
    return icc.aligned(profile) if form is FORMATS["png"] else profile  # libpng writes no other


def _true_exif(image: Any, tags: Tags, form: Format) -> bytes | None:
    # Where libvips writes no resolution of its own, EXIF is the place for it.
    empty = exif.EMPTY if tags.resolution is not None and form.name not in ("PNG", "TIFF") else None
    block = tags.metadata.get("exif", empty)
    return exif.upright(block, image.width, _height(image), tags.resolution) if block else None


def _in_12_bits(image: Any) -> Any:
    """Return 16-bit samples so that the 4 bits which libvips cuts off are a rounding, and white stays white."""
    if image.format != "ushort":
        return image
    return (image.linear(4095 / 65_535, 0.5).cast("ushort") << 4).copy(interpretation=image.interpretation)


def _height(image: Any) -> int:
    """Return the height of one picture; frames stand one below the other."""
    return int(vips.field(image, "page-height") or image.height)
