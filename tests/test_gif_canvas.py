"""A GIF's frames may be smaller than its canvas: what is around them is clear, in every format that holds alpha."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from upres.errors import PictureError
from upres.image import read, read_pages
from upres.predictors.bicubic import BicubicPredictor
from upres.upscaling.upscaler import Upscaler


def gif(size: tuple[int, int], frames: list[tuple[int, int, int, int, int, int]], transparent: int | None) -> bytes:
    """A GIF of flat frames: x, y, width, height, colour and disposal of each, uncompressed."""
    palette = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
    content = b"GIF89a" + struct.pack("<HHBBB", *size, 0xF1, 2, 0) + palette
    for x, y, width, height, colour, disposal in frames:
        flags = disposal << 2 | (transparent is not None)
        content += b"\x21\xf9\x04" + struct.pack("<BHB", flags, 10, transparent or 0) + b"\0"
        codes = [code for _ in range(width * height) for code in (4, colour)] + [5]
        bits = sum(code << 3 * index for index, code in enumerate(codes))
        data = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
        parts = b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255))
        content += b"\x2c" + struct.pack("<HHHHB", x, y, width, height, 0) + b"\x02" + parts + b"\0"
    return content + b"\x3b"


def eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is farther than 6 pixels from where the mask ends."""
    around = np.pad(mask, 6, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(around, (13, 13)).all(axis=(2, 3)), np.bool_)


@pytest.mark.parametrize("output", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("transparent", [None, 3])
def test_the_canvas_around_a_gifs_frames_is_clear(output: str, transparent: int | None, tmp_path: Path) -> None:
    frames = [(4, 4, 8, 8, 0, 1), (0, 0, 6, 6, 1, 3), (10, 10, 6, 6, 2, 1)]
    (tmp_path / "lr.gif").write_bytes(gif((16, 16), frames, transparent))
    shown = np.zeros((3, 16, 16), bool)
    shown[:, 4:12, 4:12] = True
    shown[1, :6, :6] = shown[2, 10:, 10:] = True  # the second gives back what was there
    for picture, painted in zip(read_pages(tmp_path / "lr.gif"), shown, strict=True):
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha, painted * 255)
    Upscaler(BicubicPredictor(2)).file(tmp_path / "lr.gif", tmp_path / f"sr{output}", lossless=output == ".webp")
    with Image.open(tmp_path / f"sr{output}") as made:
        for index, painted in enumerate(shown):
            made.seek(index)
            alpha = np.asarray(made.convert("RGBA"))[..., 3]
            inside = painted.repeat(2, axis=0).repeat(2, axis=1)
            assert alpha[np.asarray(inside) & eroded(inside)].min() == 255
            assert alpha[eroded(~inside)].max() == 0


def test_a_gif_that_fills_its_canvas_has_no_alpha(tmp_path: Path) -> None:
    for frames in ([(0, 0, 16, 16, 0, 0)], [(0, 0, 16, 16, 0, 2), (4, 4, 4, 4, 1, 0)]):
        (tmp_path / "x.gif").write_bytes(gif((16, 16), frames, None))
        assert all(picture.alpha is None for picture in read_pages(tmp_path / "x.gif"))
    (tmp_path / "x.gif").write_bytes(gif((16, 16), [(4, 4, 8, 8, 0, 0)], None))
    alone = read(tmp_path / "x.gif")
    assert alone.alpha is not None
    assert (alone.alpha > 0).sum() == 64


@pytest.mark.parametrize("box", [(39_999, 39_999, 1, 1), (0, 0, 40_000, 40_000)])
def test_a_canvas_that_is_too_large_takes_no_memory(box: tuple[int, int, int, int], tmp_path: Path) -> None:
    """Its mask would be 1.6 GB, of a file of some fifty bytes."""
    content = gif((40_000, 40_000), [(0, 0, 1, 1, 0, 0)], None)
    place = content.index(b"\x2c")
    (tmp_path / "x.gif").write_bytes(content[: place + 1] + struct.pack("<HHHH", *box) + content[place + 9 :])
    tracemalloc.start()
    try:
        with pytest.raises(PictureError, match="40000×40000 is 1,600,000,000 pixels, more than the "):
            read(tmp_path / "x.gif")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
