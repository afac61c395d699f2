"""From file to file in bands: the very file that the whole picture makes, with few rows in memory."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import upres
from tests.small_pictures import clear_corner, random_pixels
from tests.small_predictors import MODELS, Nearest
from tests.tiny_models import tiny_onnx
from upres.config.amounts import parse_memory
from upres.errors import ConfigError, DeviceMemoryError, FailedError, NonFiniteError, PictureError
from upres.image import FileSink, OpenedPicture, Picture, read, write
from upres.image.bands import Shape
from upres.models.facts import Facts
from upres.predictors import Predictor
from upres.predictors.ensemble import EnsemblePredictor
from upres.predictors.onnx import OnnxPredictor
from upres.upscaling.api import upscale
from upres.upscaling.loading import Upscalers, load
from upres.upscaling.memory import Estimate
from upres.upscaling.pipeline import enlarge
from upres.upscaling.sizes import Size, box
from upres.upscaling.upscaler import Upscaler


def picture(channels: int, dtype: str) -> Picture:
    samples = random_pixels((61, 47, channels), dtype=dtype)
    if channels in (1, 3):
        return Picture(samples, resolution=(10.0, 10.0))
    samples = clear_corner(samples) if dtype != "float32" else samples
    return Picture(samples[..., :-1], samples[..., -1])


@pytest.mark.parametrize(
    ("suffix", "dtype", "channels"),
    [
        *[(".png", dtype, channels) for dtype in ("uint8", "uint16") for channels in (1, 2, 3, 4)],
        *[(".tif", dtype, channels) for dtype in ("uint8", "uint16", "float32") for channels in (1, 2, 3, 4)],
        *[(".jpg", "uint8", channels) for channels in (1, 3)],
        *[(".webp", "uint8", channels) for channels in (3, 4)],
    ],
)
@pytest.mark.parametrize("scale", [2, 1.7])
def test_a_file_in_bands_is_the_file_of_the_whole(
    tmp_path: Path, suffix: str, dtype: str, channels: int, scale: float
) -> None:
    write(picture(channels, dtype), tmp_path / f"lr{suffix}")
    write(Upscaler(MODELS["rgb"], scale=scale).picture(read(tmp_path / f"lr{suffix}")), tmp_path / f"whole{suffix}")
    tiled = Upscaler(MODELS["rgb"], scale=scale, tile=13).enlargement
    enlarge(OpenedPicture(tmp_path / f"lr{suffix}", rows=9), FileSink(tmp_path / f"bands{suffix}"), tiled)
    assert (tmp_path / f"bands{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


def test_a_chain_in_bands_is_the_chain_of_wholes(tmp_path: Path) -> None:
    write(picture(3, "uint8"), tmp_path / "lr.png")
    chain = [MODELS["rgb"], MODELS["multiple of 2"]]
    write(Upscaler(chain, scale=3.3).picture(read(tmp_path / "lr.png")), tmp_path / "whole.png")
    Upscaler(chain, scale=3.3, tile=10).file(tmp_path / "lr.png", tmp_path / "bands.png")
    assert (tmp_path / "bands.png").read_bytes() == (tmp_path / "whole.png").read_bytes()


def test_opaque_alpha_does_not_keep_a_file_out_of_jpeg(tmp_path: Path) -> None:
    whole = picture(4, "uint8")
    write(Picture(whole.pixels, np.full((61, 47), 255, np.uint8)), tmp_path / "opaque.png")
    Upscaler(Nearest(2)).file(tmp_path / "opaque.png", tmp_path / "sr.jpg")
    assert read(tmp_path / "sr.jpg").pixels.shape == (122, 94, 3)
    write(whole, tmp_path / "clear.png")
    with pytest.raises(PictureError, match="has transparency and JPEG holds none"):
        Upscaler(Nearest(2)).file(tmp_path / "clear.png", tmp_path / "no.jpg")


@pytest.mark.slow
@pytest.mark.parametrize("scale", [2, 1.6])
def test_memory_does_not_grow_with_the_height(scale: float) -> None:
    def peak(height: int) -> int:
        def rows() -> Iterator[NDArray[np.uint8]]:
            for _ in range(0, height, 50):
                yield random_pixels((50, 120, 3))  # flat tiles would cost no prediction

        upscaler = Upscaler(MODELS["rgb"], scale=scale, tile=32)
        tracemalloc.start()
        total = sum(
            len(band) for band in upscaler.enlargement.bands(rows(), Shape(height, 120, 3, "uint8"), clear=False)
        )
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == height * scale
        return top

    peak(50)  # what the first use imports is not counted
    # The taps of a reduction are a table of 175 bytes for each output row, whatever the width.
    # Whether a tile is placed while the next is made is chance, and a few tiles; lr alone would be 2,000,000 more.
    assert peak(6000) < peak(600) * 1.3 + 200_000 + 200 * 6000 * (scale != 2)


def test_tiles_follow_from_memory() -> None:
    wide = Shape(10_000, 10_000, 3, "uint8")
    estimate = Estimate((MODELS["rgb"].facts,), 2)
    roomy, tight = estimate.tile(wide, 10**10), estimate.tile(wide, 3 * 10**8)
    assert roomy == (128, 512)  # flat, as a row of tiles becomes all of the width
    assert estimate.tile(Shape(10_000, 1_000, 3, "uint8"), 10**10) == (256, 256)
    assert tight[0] * tight[1] < roomy[0] * roomy[1]
    assert estimate.bytes(wide, *tight) <= 3 * 10**8


def test_a_picture_for_which_memory_is_too_small_is_refused_before_the_work(tmp_path: Path) -> None:
    write(Picture(np.zeros((9, 4000, 3), np.uint8)), tmp_path / "wide.png")
    upscaler = Upscaler(MODELS["rgb"], max_memory=10**8)
    with pytest.raises(ConfigError, match=r"max_memory = 100 MB: a picture of 4000×9 needs \d+ MB; allow as much"):
        upscaler.file(tmp_path / "wide.png", tmp_path / "sr.png")
    assert not (tmp_path / "sr.png").exists()


class Failing(Nearest):
    """Fails on its second tile."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(2)
        self.error = error

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        sr = super().predict(lr)
        if len(self.calls) == 2:
            if self.error:
                raise self.error
            sr[0, 0, 0, 0] = np.nan
        return sr


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (None, NonFiniteError, "NaN or infinite pixels in the tile at rows 0-16, columns 17-31; nothing was written"),
        (FailedError("the runtime broke"), FailedError, "the runtime broke; this was the tile at rows 0-16, col"),
        (DeviceMemoryError("full"), DeviceMemoryError, "full; this was the tile at rows 0-16, columns 17-31, and"),
    ],
)
def test_a_failed_tile_is_named_and_leaves_no_file(
    tmp_path: Path, error: Exception | None, kind: type[Exception], text: str
) -> None:
    write(picture(3, "uint8"), tmp_path / "lr.png")
    with pytest.raises(kind) as caught:
        Upscaler(Failing(error), tile=16).file(tmp_path / "lr.png", tmp_path / "sr.png")
    assert text in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["lr.png"]


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize("flip", [False, True])
def test_an_ensemble_does_not_care_how_the_picture_lies(turn: int, flip: bool) -> None:
    predictor = EnsemblePredictor(MODELS["rgb"])
    lr = random_pixels((1, 3, 12, 9), dtype="float32")

    def lies(batch: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.rot90(batch[..., ::-1] if flip else batch, turn, axes=(2, 3))

    sr = predictor.predict(np.ascontiguousarray(lies(lr)).astype(np.float32))
    np.testing.assert_allclose(sr, lies(predictor.predict(lr.astype(np.float32))), atol=1e-6)
    assert np.abs(predictor.predict(lr.astype(np.float32)) - MODELS["rgb"].predict(lr.astype(np.float32))).max() > 0.01


def test_an_ensemble_tiles_exactly() -> None:
    pixels = random_pixels((40, 33, 3))
    ensemble = EnsemblePredictor(MODELS["multiple of 2"])
    np.testing.assert_array_equal(Upscaler(ensemble, tile=9)(pixels), Upscaler(ensemble, tile=99)(pixels))


def test_exact_tiles_differ_nowhere_and_others_by_what_is_measured() -> None:
    assert Upscaler(MODELS["rgb"]).worst_difference == 0
    worst = Upscaler(MODELS["rgb"], halo=0).worst_difference
    assert 0.01 < worst < 1
    assert Upscaler(MODELS["rgb"], halo=3).worst_difference == 0


class Brightness(Predictor):
    """Looks at the whole picture: it takes half of its mean away."""

    def __init__(self) -> None:
        self.facts = Facts(name="global", scale=2, radius=None)

    def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
        return (lr - lr.mean() / 2).repeat(2, axis=2).repeat(2, axis=3).astype(np.float32)


def test_a_model_that_looks_at_everything_is_blended_where_it_must_be_tiled() -> None:
    slope = np.linspace(0.5, 1, 400, dtype=np.float32)[:, None, None].repeat(90, axis=1).repeat(3, axis=2)
    whole = Upscaler(Brightness())(slope)
    tiled = Upscaler(Brightness(), tile=100)(slope)
    assert np.abs(whole - tiled).max() > 0.03
    assert np.abs(np.diff(tiled[..., 0], axis=0)).max() < 0.004  # and no step where tiles meet
    worst = Upscaler(Brightness(), tile=100).worst_difference
    assert 0.01 < worst < 0.5
    flat = np.full((300, 250, 3), 0.5, np.float32)
    np.testing.assert_allclose(Upscaler(Brightness(), tile=64)(flat), 0.25, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "label", "result"),
    [
        (Size(scale=2.5), "_x2.5", (100, 75)),
        (Size(width=111), "_w111", (148, 111)),
        (Size(height=99), "_h99", (99, 74)),
        (Size(fit=(100, 100)), "_100x100", (100, 75)),
        (Size(fit=(60, 1000)), "_60x1000", (80, 60)),
        (Size(width=15), "_w15", (20, 15)),
        (Size(width=30), "_w30", (40, 30)),
    ],
)
def test_sizes(size: Size, label: str, result: tuple[int, int]) -> None:
    pixels = random_pixels((40, 30, 3))
    assert size.label == label
    assert Upscalers("bicubic", size).for_picture(40, 30)(pixels).shape == (*result, 3)
    fields = {"scale": size.scale, "width": size.width, "height": size.height, "fit": size.fit}
    assert upres.upscale(pixels, model="bicubic", **fields).shape == (*result, 3)  # type: ignore[call-overload]


def test_a_picture_that_is_large_enough_is_reduced_exactly_and_one_of_the_size_kept() -> None:
    pixels = random_pixels((40, 30, 3))
    np.testing.assert_array_equal(upscale(pixels, model="bicubic", width=30), pixels)
    halved = upscale(pixels.astype(np.float32) / np.float32(255), model="bicubic", width=15)
    expected = upres.imresize(pixels.astype(np.float32) / np.float32(255), size=(20, 15))
    np.testing.assert_allclose(halved, np.clip(expected, 0, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"scale": 2, "width": 3}, "scale and width are both given, and one of them decides the size"),
        ({"width": 3, "height": 3}, "and one of them decides the size; give fit, a box, to have both"),
        ({"width": 0}, "width = 0: should be at least 1"),
        ({"fit": (4, 0)}, "fit = 0: should be at least 1"),
    ],
)
def test_sizes_that_are_none(arguments: dict[str, int], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Size(**arguments)
    assert text in str(caught.value)


def test_amounts_and_boxes_as_people_write_them() -> None:
    assert [parse_memory(text) for text in ("1GB", "1.5 gb", "800M", "512MiB", "1000")] == [
        10**9,
        15 * 10**8,
        8 * 10**8,
        2**29,
        1000,
    ]
    assert [box(text) for text in ("3840x2160", "10 × 20")] == [(3840, 2160), (10, 20)]
    for bad in ("much", "-1GB", "1XB", "i"):
        with pytest.raises(ConfigError, match="not an amount of memory; write it as 800MB"):
            parse_memory(bad)
    with pytest.raises(ConfigError, match="'4k': not a box; write its width and height as 3840x2160"):
        box("4k")


def test_load_takes_every_option(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_onnx(scale=2))
    upscaler = load(path, scale=3, ensemble=True, max_memory=10**9, backend="onnx", device="cpu", threads=1)
    assert all(isinstance(predictor, EnsemblePredictor) for predictor in upscaler.predictors)
    assert not isinstance(load(path).predictors[0], EnsemblePredictor)
    assert isinstance(OnnxPredictor(path), Predictor)
