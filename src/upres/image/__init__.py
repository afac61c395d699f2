"""Files ⇄ pixels, colour, resizing. libvips is loaded on the first read or write, not on import."""

from upres.image.codecs.header import Header, recognised_format
from upres.image.colour import gray, luma, rgb_from_ycbcr, ycbcr_from_rgb
from upres.image.folders import picture_files
from upres.image.opening import OpenedPicture, read, read_header, read_pages
from upres.image.picture import Pages, Picture, from_unit, peak, to_unit
from upres.image.resize import imresize
from upres.image.writing import FileSink, check_pages, check_writable, write, write_pages

__all__ = [
    "FileSink",
    "Header",
    "OpenedPicture",
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
    "recognised_format",
    "rgb_from_ycbcr",
    "to_unit",
    "write",
    "write_pages",
    "ycbcr_from_rgb",
]
