"""Files ⇄ pixels, colour, resizing. libvips is loaded on the first read or write, not on import."""

from upres.image.codecs.decode import Header
from upres.image.colour import gray, luma, rgb_from_ycbcr, ycbcr_from_rgb
from upres.image.files import check_writable, picture_files, read, read_header, write
from upres.image.pages import Pages, check_pages, read_pages, write_pages
from upres.image.picture import Picture, from_unit, peak, to_unit
from upres.image.resize import imresize

__all__ = [
    "Header",
    "Pages",
    "Picture",
    "check_pages",
    "check_writable",
    "from_unit",
    "gray",
    "imresize",
    "luma",
    "peak",
    "picture_files",
    "read",
    "read_header",
    "read_pages",
    "rgb_from_ycbcr",
    "to_unit",
    "write",
    "write_pages",
    "ycbcr_from_rgb",
]
