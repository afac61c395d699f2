"""`upres.upscale` and `upres.load`: arrays, files and PIL pictures in, the same kind out."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import upres
from tests.small_pictures import random_pixels
from tests.tiny_models import tiny_onnx
from upres.errors import PictureError
from upres.image import Picture, write
from upres.upscaling.api import upscale
from upres.upscaling.loading import load


def test_upscale_gives_back_the_kind_it_was_given(tmp_path: Path) -> None:
    pixels = random_pixels((6, 5, 3))
    expected = upscale(pixels, scale=2, model="bicubic")
    assert isinstance(expected, np.ndarray)
    path = tmp_path / "p.png"
    write(Picture(pixels), path)
    for source in (path, str(path), Picture(pixels)):
        sr = upres.upscale(source, scale=2, model="bicubic")
        assert isinstance(sr, Picture)
        np.testing.assert_array_equal(sr.pixels, expected)
    with pytest.raises(PictureError, match="cannot enlarge a int"):
        upscale([1, 2], model="bicubic")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_pil_in_pil_out(mode: str) -> None:
    image_type = pytest.importorskip("PIL.Image")
    pixels = random_pixels((6, 5, *{"L": (), "I;16": ()}.get(mode, (len(mode),))))
    image = image_type.fromarray(pixels.astype(np.uint16) * 257 if mode == "I;16" else pixels)
    image.info["icc_profile"] = b"profile"
    assert image.mode == mode
    sr = upscale(image, scale=2, model="bicubic")
    assert (sr.mode, sr.size, sr.info) == (mode, (10, 12), {"icc_profile": b"profile"})
    np.testing.assert_array_equal(np.asarray(sr), upscale(np.asarray(image), scale=2, model="bicubic"))


def test_pil_modes_that_need_a_decision_are_refused() -> None:
    image_type = pytest.importorskip("PIL.Image")
    with pytest.raises(PictureError, match=r"mode P; upres enlarges L, LA, RGB, RGBA, I;16; use image.convert"):
        upscale(image_type.new("P", (4, 4)), model="bicubic")


def test_enlarging_does_not_load_pil_or_a_training_stack() -> None:
    code = (
        "import numpy, sys, upres\n"
        "upres.upscale(numpy.zeros((4, 4, 3), 'uint8'), model='bicubic')\n"
        "print([name for name in ('PIL', 'torch', 'onnxruntime', 'pyvips') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_load_takes_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_onnx(scale=2))
    assert load(path).scale == 2
    assert load(path, scale=4).scale == 4
    upscaler = load(path, scale=3, tile=5, threads=1)
    assert upscaler(random_pixels((11, 9, 3))).shape == (33, 27, 3)
