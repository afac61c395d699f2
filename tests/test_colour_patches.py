"""Flat patches and slopes stay what they were through files, by every model, alpha too.

They are within 1 level at 8 bits and 4 at 16, whatever model enlarges them.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.colour_patches import SIDE, patches, slopes, worst_patch, worst_slope
from tests.png_chunks import png, samples_of
from upres.models.shipped import PACKAGE
from upres.predictors import Predictor
from upres.predictors.bicubic import BicubicPredictor
from upres.predictors.onnx import OnnxPredictor
from upres.upscaling.upscaler import Upscaler

MODELS: dict[str, Callable[[], Predictor]] = {
    "bicubic": lambda: BicubicPredictor(4),
    "base": lambda: OnnxPredictor(PACKAGE / "base-x4.onnx", threads=1),
    "fast": lambda: OnnxPredictor(PACKAGE / "fast-x4.onnx", threads=1),
    "fast ×2": lambda: OnnxPredictor(PACKAGE / "fast-x2.onnx", threads=1),
}


@pytest.fixture(scope="module", params=MODELS)
def upscaler(request: pytest.FixtureRequest) -> Upscaler:
    return Upscaler(MODELS[request.param](), tile=64)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_patches_and_slopes_stay_what_they_were(upscaler: Upscaler, channels: int, dtype: str, tmp_path: Path) -> None:
    lr, scale = patches(channels, dtype), int(upscaler.scale)
    (tmp_path / "lr.png").write_bytes(png(lr))
    upscaler.file(tmp_path / "lr.png", tmp_path / "sr.png")
    most = 1 if dtype == "uint8" else 4
    assert worst_patch(lr, samples_of(tmp_path / "sr.png"), scale) <= most
    lr = slopes(channels, dtype)
    (tmp_path / "lr.png").write_bytes(png(lr))
    upscaler.file(tmp_path / "lr.png", tmp_path / "sr.png")
    assert worst_slope(lr, samples_of(tmp_path / "sr.png"), scale) <= most


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_of_all_kinds(upscaler: Upscaler, channels: int, dtype: str, tmp_path: Path) -> None:
    lr = patches(channels - 1, dtype)
    top = np.iinfo(dtype).max
    opacity = np.array([[0, top, top // 2, top // 3, 1, top - 1], [top, 0, top, 2, top // 7, 0]], dtype)
    alpha = opacity.repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    lr = np.dstack([lr, alpha])
    (tmp_path / "lr.png").write_bytes(png(lr))
    upscaler.file(tmp_path / "lr.png", tmp_path / "sr.png")
    assert worst_patch(lr, samples_of(tmp_path / "sr.png"), int(upscaler.scale)) <= (1 if dtype == "uint8" else 4)


def test_flat_patches_meet_the_edge_of_the_picture_as_they_are(upscaler: Upscaler) -> None:
    for colour in ((0, 0, 255), (0, 255, 0), (143, 239, 71)):
        lr = np.full((9, 12, 3), colour, np.uint8)
        np.testing.assert_array_equal(upscaler(lr), np.full_like(upscaler(lr), colour))


def test_the_network_decides_where_anything_is_to_be_found() -> None:
    """The rule for what is smooth is one for less than a level: one level of noise is the network's, bit for bit."""
    predictor = MODELS["base"]()
    lr = (100 + np.random.default_rng(3).integers(0, 2, (40, 40, 3))).astype(np.uint8)
    unit = (lr / np.float32(255)).astype(np.float32).transpose(2, 0, 1)[None]
    raw = predictor.predict(unit)[0].transpose(1, 2, 0)
    expected = np.floor(raw.clip(0, 1) * 255 + 0.5)
    sr = Upscaler(predictor, tile=999)(lr)
    assert (sr != expected).mean() < 1e-4  # halves, which the last bit decides
    assert np.abs(sr - expected).max() <= 1


@pytest.mark.parametrize("tile", [16, 23])
def test_tiles_do_not_show_where_smooth_meets_rough(tile: int) -> None:
    predictor = MODELS["fast ×2"]()
    y, x = np.mgrid[0:60, 0:50]
    lr = (20_000 + 40 * x + 3 * y)[..., None].repeat(3, axis=2).astype(np.uint16)
    lr[20:40, 10:30] += np.random.default_rng(5).integers(0, 3_000, (20, 20, 3)).astype(np.uint16)
    lr[45:, 30:] = (60_000, 0, 30_000)
    tiled = Upscaler(predictor, tile=tile)(lr).astype(int)
    assert np.abs(tiled - Upscaler(predictor, tile=999)(lr)).max() <= 1  # the last bit of float32, near a half
