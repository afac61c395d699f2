"""What a film's numbers mean, and the way from them to R, G, B and back.

8 bits go through libswscale, whose error is at most one code. It is told where chroma lies, as it takes the centre
between four pixels otherwise, whatever a frame says. With more bits its matrices are off by up to four codes of 10
bits, and its white by a 250th: there it only resamples chroma, and the matrix is applied here.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from upres.errors import ConfigError, PictureError

MATRICES = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593), "240": (0.212, 0.087)}
"""Weights of red and blue in luma (ITU-T H.273, table 4), by the names that people give the matrices."""

# What H.273 numbers the matrices, → those names; 4 is FCC's, which is BT.601's but for two thousandths.
_NUMBERED = {1: "709", 4: "601", 5: "601", 6: "601", 7: "240", 9: "2020"}
_OTHERS = {8: "YCgCo", 10: "BT.2020 of constant luminance", 11: "SMPTE 2085", 14: "ICtCp", 15: "IPT", 16: "YCgCo-R"}
_NUMBERS = {"601": 6, "709": 1, "2020": 9, "240": 7}
_SWSCALE = {"601": "smpte170m", "709": "bt709", "2020": "bt2020", "240": "smpte240m"}
# Frames from this size on, of which nothing is said, are taken for BT.709: what players do.
_HD = (1280, 720)

PQ, HLG = 16, 18
"""The transfers of HDR, as H.273 numbers them."""

_FLAGS = "bicubic+accurate_rnd+full_chroma_inp+full_chroma_int+bitexact"
_WHITE = np.float32(65535)
_CACHED_ROWS = 32


@dataclass(frozen=True)
class Colours:
    """What a film's numbers mean.

    Attributes:
        matrix: a key of `MATRICES`; `None` for R, G, B.
        full: whether black is 0 and white the largest number.
        siting: where chroma lies, by FFmpeg's names; `left` where a film does not say.
        primaries, transfer: as ITU-T H.273 numbers them; 2 is unsaid.
        number: the matrix as H.273 numbers it; those of television in 525 and 625 lines are both `601`.
        said: whether the film says its matrix.
    """

    matrix: str | None
    full: bool = False
    siting: str = "left"
    primaries: int = 2
    transfer: int = 2
    number: int = 0
    said: bool = True

    @property
    def hdr(self) -> bool:
        """Whether the transfer is PQ's or HLG's."""
        return self.transfer in (PQ, HLG)

    @property
    def coded(self) -> Colours:
        """What an enlarged film's numbers mean: the same, or BT.709's of limited range for R, G, B."""
        if self.matrix is not None:
            return self
        return Colours("709", False, "left", self.primaries, self.transfer, _NUMBERS["709"])


def colours_of(frame: VideoFrame, siting: str | None, matrix: str | None = None) -> Colours:
    """Return what a frame's numbers mean.

    Args:
        frame: as it was decoded.
        siting: where its stream says that chroma lies.
        matrix: what somebody says it is, whatever the frame says; a key of `MATRICES`.

    Raises:
        PictureError: a matrix that is not a linear one of R, G, B.
        ConfigError: no such matrix is known.
    """
    if matrix is not None and matrix not in MATRICES:
        raise ConfigError(f"matrix {matrix}: should be one of {', '.join(MATRICES)}", settings=("matrix",))
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    if frame.format.is_rgb or frame.format.has_palette:
        return Colours(None, full=True, primaries=primaries, transfer=transfer)
    number = int(frame.colorspace)
    full = int(frame.color_range) == 2 or frame.format.name.startswith("yuvj")
    if matrix is None and number in _OTHERS:
        raise PictureError(
            f"its colours are {_OTHERS[number]}, from which R, G, B do not follow by a matrix; convert it to BT.709 "
            "or BT.2020 first"
        )
    said = number in _NUMBERED
    if matrix is None:
        large = frame.width >= _HD[0] or frame.height >= _HD[1]
        matrix = _NUMBERED.get(number, "709" if large else "601")
        number = number if said else _NUMBERS[matrix]
    else:
        number = _NUMBERS[matrix]
    return Colours(matrix, full, siting or "left", primaries, transfer, number, said)


class Graphs:
    """A chain of FFmpeg's filters, built anew where frames come in another shape.

    Args:
        filters: names with their options.
        time_base: of the frames.
    """

    def __init__(self, filters: list[tuple[str, str]], time_base: Fraction) -> None:
        self._filters = filters
        self._time_base = time_base
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None

    def __call__(self, frame: VideoFrame) -> list[VideoFrame]:
        """Return what comes out when a frame goes in."""
        shape = frame.width, frame.height, frame.format.name
        if self._graph is None or shape != self._shape:
            self._graph, self._shape = self._built(shape), shape
        self._graph.push(frame)
        return self._pulled()

    def flush(self) -> list[VideoFrame]:
        """Return what is still to come out."""
        if self._graph is None:
            return []
        self._graph.push(None)
        return self._pulled()

    def _pulled(self) -> list[VideoFrame]:
        assert self._graph is not None
        found: list[VideoFrame] = []
        while True:
            try:
                found.append(self._graph.pull())  # type: ignore[arg-type,unused-ignore]
            except (av.error.BlockingIOError, av.error.EOFError):
                return found

    def _built(self, shape: tuple[int, int, str]) -> Graph:
        width, height, form = shape
        base = f"{self._time_base.numerator}/{self._time_base.denominator}"
        graph = Graph()
        last = graph.add("buffer", f"video_size={width}x{height}:pix_fmt={form}:time_base={base}")
        for name, options in self._filters:
            following = graph.add(name, options)
            last.link_to(following)
            last = following
        last.link_to(graph.add("buffersink"))
        graph.configure()
        return graph


class ToRgb:
    """Turns decoded frames into R, G, B.

    Args:
        colours: what their numbers mean.
        bits: of their numbers: of 8 bits uint8 is made, of more uint16.
        alpha: whether they have alpha.
        time_base: of the frames.
        deinterlace: weave interlaced frames into whole ones (bwdif), and leave the others.
    """

    def __init__(
        self, colours: Colours, *, bits: int, alpha: bool, time_base: Fraction, deinterlace: bool = False
    ) -> None:
        self._colours = colours
        self._bits = bits
        deep = bits > 8
        filters = [("bwdif", "mode=send_frame:deint=interlaced")] if deinterlace else []
        if colours.matrix is None:
            form = ("gbrap16le" if alpha else "gbrp16le") if deep else ("rgba" if alpha else "rgb24")
            filters += [("scale", f"flags={_FLAGS}"), ("format", form)]
        else:
            matrix, extent = _SWSCALE[colours.matrix], _extent(colours.full)
            options = f"in_chroma_loc={colours.siting}:in_color_matrix={matrix}:in_range={extent}:flags={_FLAGS}"
            if deep:
                form = "yuva444p16le" if alpha else "yuv444p16le"
                options += f":out_color_matrix={matrix}:out_range={extent}"
            else:
                form = "rgba" if alpha else "rgb24"
                options += ":out_range=full"
            filters += [("scale", options), ("format", form)]
        self._graphs = Graphs(filters, time_base)

    def __call__(self, frame: VideoFrame) -> list[NDArray[Any]]:
        """Return `h w c`, alpha last, of a frame; where fields are woven, of the one before, which needs this one."""
        return [self._array(each) for each in self._graphs(frame)]

    def flush(self) -> list[NDArray[Any]]:
        """Return what is left at the end."""
        return [self._array(each) for each in self._graphs.flush()]

    def _array(self, frame: VideoFrame) -> NDArray[Any]:
        array: NDArray[Any] = frame.to_ndarray()
        if self._colours.matrix is None or self._bits == 8:
            return np.ascontiguousarray(array)
        planes = array if array.shape[0] in (3, 4) and array.shape[-1] not in (3, 4) else array.transpose(2, 0, 1)
        return _rgb_of(planes, self._colours, self._bits)


class ToYuv:
    """Turns R, G, B into frames for an encoder.

    Args:
        colours: what their numbers are to mean.
        form: the pixel format.
        time_base: of the frames.
    """

    def __init__(self, colours: Colours, form: str, time_base: Fraction) -> None:
        assert colours.matrix is not None
        self._colours = colours
        self._bits = bits_of(form)
        extent, matrix = _extent(colours.full), _SWSCALE[colours.matrix]
        options = f"out_chroma_loc={colours.siting}:out_color_matrix={matrix}:out_range={extent}:flags={_FLAGS}"
        deep = f"in_color_matrix={matrix}:in_range={extent}:{options}"
        self._shallow = Graphs([("scale", f"in_range=full:{options}"), ("format", form)], time_base)
        self._deep = Graphs([("scale", deep), ("format", form)], time_base)

    def __call__(self, rgb: NDArray[Any], *, alpha: bool) -> VideoFrame:
        """Return a frame of `h w c`, uint8 or uint16, alpha last where there is any."""
        if rgb.dtype == np.uint8 and self._bits == 8:
            return self._shallow(VideoFrame.from_ndarray(rgb, "rgba" if alpha else "rgb24"))[0]
        wide = rgb if rgb.dtype == np.uint16 else rgb.astype(np.uint16) * np.uint16(257)
        planes = _yuv_of(wide, self._colours, self._bits)
        return self._deep(frame_of(planes, "yuva444p16le" if alpha else "yuv444p16le"))[0]


def bits_of(form: str) -> int:
    """Return the bits of a pixel format's largest number."""
    return max(int(component.bits) for component in av.VideoFormat(form).components)


def frame_of(planes: list[NDArray[Any]], form: str) -> VideoFrame:
    """Return a frame of planes `h w`."""
    height, width = planes[0].shape
    frame = VideoFrame(width, height, form)
    for plane, numbers in zip(frame.planes, planes, strict=True):
        rows = np.frombuffer(plane, numbers.dtype).reshape(-1, plane.line_size // numbers.dtype.itemsize)
        rows[: numbers.shape[0], : numbers.shape[1]] = numbers
    return frame


def _extent(full: bool) -> str:
    return "full" if full else "limited"


def _scales(full: bool, bits: int) -> tuple[float, float, float, float]:
    """Return luma's black and range, and chroma's middle and range, of numbers of `bits` that stand 16 bits high.

    Source: ITU-T H.273, equations 24 to 29: those of 8 bits times 256 for limited range.
    """
    if full:
        largest = float(65536 - (1 << (16 - bits)))
        return 0.0, largest, 32768.0, largest
    return 16.0 * 256, 219.0 * 256, 128.0 * 256, 224.0 * 256


def _rgb_of(planes: NDArray[Any], colours: Colours, bits: int) -> NDArray[np.uint16]:
    """Return R, G, B `h w c` of Y, Cb, Cr (and alpha) `c h w`, numbers of `bits` that stand 16 bits high."""
    assert colours.matrix is not None
    red, blue = MATRICES[colours.matrix]
    green = 1 - red - blue
    black, luma, middle, chroma = _scales(colours.full, bits)
    by_cr, by_cb = 2 * (1 - red), 2 * (1 - blue)
    height, width = planes.shape[1:]
    rgb = np.empty((height, width, len(planes)), np.uint16)
    for top in range(0, height, _CACHED_ROWS):
        y, cb, cr = (plane[top : top + _CACHED_ROWS].astype(np.float32) for plane in planes[:3])
        y = (y - np.float32(black)) * np.float32(65535 / luma)
        cb = (cb - np.float32(middle)) * np.float32(65535 / chroma)
        cr = (cr - np.float32(middle)) * np.float32(65535 / chroma)
        rows = rgb[top : top + _CACHED_ROWS]
        greens = y - np.float32(red * by_cr / green) * cr - np.float32(blue * by_cb / green) * cb
        for channel, values in enumerate((y + np.float32(by_cr) * cr, greens, y + np.float32(by_cb) * cb)):
            rows[..., channel] = np.clip(values + np.float32(0.5), 0, _WHITE)
        if len(planes) == 4:
            rows[..., 3] = planes[3][top : top + _CACHED_ROWS]
    return rgb


def _yuv_of(rgb: NDArray[np.uint16], colours: Colours, bits: int) -> list[NDArray[np.uint16]]:
    """Return planes of 16 bits, whose luma is a whole number of `bits`, of R, G, B (and alpha) `h w c`."""
    assert colours.matrix is not None
    red, blue = MATRICES[colours.matrix]
    green = 1 - red - blue
    black, luma, middle, chroma = _scales(colours.full, bits)
    height, width, channels = rgb.shape
    step = np.float32(1 << (16 - bits))
    planes = [np.empty((height, width), np.uint16) for _ in range(channels)]
    for top in range(0, height, _CACHED_ROWS):
        rows = slice(top, top + _CACHED_ROWS)
        r, g, b = (rgb[rows, :, channel].astype(np.float32) for channel in range(3))
        y = np.float32(red) * r + np.float32(green) * g + np.float32(blue) * b
        cb = (b - y) * np.float32(chroma / 65535 / (2 * (1 - blue))) + np.float32(middle)
        cr = (r - y) * np.float32(chroma / 65535 / (2 * (1 - red))) + np.float32(middle)
        y = y * np.float32(luma / 65535) + np.float32(black)
        for plane, values in zip(planes, (y, cb, cr), strict=False):
            plane[rows] = np.clip(np.floor(values / step + np.float32(0.5)) * step, 0, 65536 - step)
        if channels == 4:
            planes[3][rows] = rgb[rows, :, 3]
    return planes
