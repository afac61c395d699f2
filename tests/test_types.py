"""What a type checker says of the public names: `assert_type` of right code, and an error for each wrong line.

mypy reads this file, and says so where a line that it should refuse is taken.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import numpy as np
from numpy.typing import NDArray

import upres

if TYPE_CHECKING:
    import PIL.Image
    import torch


def test_right_code_has_the_types_that_it_seems_to_have(tmp_path: Path) -> None:
    pixels: NDArray[Any] = np.zeros((4, 4, 3), np.uint8)
    upscaler = assert_type(upres.load("bicubic", scale=2, threads=1), upres.Upscaler)
    assert_type(upscaler(pixels), NDArray[Any])
    picture = assert_type(upscaler(upres.Picture(pixels)), upres.Picture)
    picture.save(tmp_path / "x.png", quality=90)
    for source in (tmp_path / "x.png", (tmp_path / "x.png").read_bytes()):
        assert_type(upscaler(source), upres.Picture)
    assert_type(upres.upscale(pixels, scale=2, model="bicubic"), NDArray[Any])
    assert_type(upres.upscale(tmp_path / "x.png", fit=(9, 9), model="bicubic", denoise=None), upres.Picture)
    assert_type(upres.read(tmp_path / "x.png").height, int)
    upres.write(picture, tmp_path / "y.webp", lossless=True)


if TYPE_CHECKING:

    def kinds(upscaler: upres.Upscaler, image: PIL.Image.Image, tensor: torch.Tensor) -> None:
        assert_type(upscaler(image), PIL.Image.Image)
        assert_type(upscaler(tensor), torch.Tensor)
        assert_type(upres.upscale(tensor), torch.Tensor)
        assert_type(upres.Picture.from_pil(image).to_pil(), PIL.Image.Image)

    def wrong(upscaler: upres.Upscaler, picture: upres.Picture) -> None:
        upres.upscal("photo.jpg")  # type: ignore[attr-defined]
        upres.upscale("photo.jpg", scal=2)  # type: ignore[call-overload]
        upres.upscale("photo.jpg", scale="4x")  # type: ignore[call-overload]
        upres.load("base", modell="best")  # type: ignore[call-arg]
        upscaler(3)  # type: ignore[call-overload]
        upscaler.fiel("a.jpg", "b.png")  # type: ignore[attr-defined]
        picture.hight  # type: ignore[attr-defined]  # noqa: B018
        upres.Picture.form_pil(None)  # type: ignore[attr-defined]
