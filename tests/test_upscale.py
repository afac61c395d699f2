"""Tiled equals whole, and nothing of a picture is lost on the way."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.small_archs import SMALL
from tests.small_pictures import clear_corner, random_pixels
from tests.small_predictors import MODELS, Nearest
from upres.archs import ARCHS, Network
from upres.config.named_parts import parse_part
from upres.errors import ConfigError, ModelError, NonFiniteError, PictureError
from upres.export.onnx import export_network
from upres.image import Picture, imresize
from upres.models import checkpoint
from upres.models.facts import Facts
from upres.predictors.bicubic import BicubicPredictor
from upres.predictors.onnx import OnnxPredictor
from upres.upscaling import tiled_prediction
from upres.upscaling.upscaler import Upscaler


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    channels=st.integers(1, 4),
    tile=st.integers(1, 40),
    seed=st.integers(0, 10),
)
def test_tiled_equals_whole_in_every_level(
    name: str, height: int, width: int, channels: int, tile: int, seed: int
) -> None:
    pixels = clear_corner(random_pixels((height, width, channels), seed))
    tile = max(tile, math.isqrt(height * width) // 8)  # not by the thousand: small ones are for small pictures
    tiled = Upscaler(MODELS[name], tile=tile)(pixels)
    whole = Upscaler(MODELS[name], tile=1000)(pixels)
    np.testing.assert_array_equal(tiled, whole)


def exported(arch: str, path: Path) -> Network:
    """Write an untrained network of few channels as an ONNX file of scale 2, and return it."""
    torch.manual_seed(0)
    facts = Facts(name=arch, scale=2, arch={"name": arch, **SMALL.get(arch, {})})
    network = checkpoint.network_of(parse_part(ARCHS, facts.arch, where="test", key="arch"), facts)
    with torch.no_grad():
        for parameter in network.parameters():  # what begins at zero would hide what it is for
            parameter.add_(0.05 * torch.randn_like(parameter))
    facts = dataclasses.replace(facts, radius=network.radius, multiple=network.multiple)
    export_network(network.eval(), facts, path)
    return network


def states_a_radius(arch: str) -> bool:
    config = ARCHS[arch].config_type(**SMALL.get(arch, {}))
    network = ARCHS[arch](config, scale=2, channels=3)  # type: ignore[misc]  # a leaf takes its configuration
    return network.radius is not None


EXACT = [arch for arch in sorted(ARCHS) if states_a_radius(arch)]


@pytest.mark.parametrize("arch", EXACT)
def test_every_architecture_that_states_a_radius_tiles_exactly(arch: str, tmp_path: Path) -> None:
    network = exported(arch, tmp_path / "m.onnx")
    assert network.radius is not None
    predictor = OnnxPredictor(tmp_path / "m.onnx", threads=1)
    around = 2 * (network.radius + network.multiple)
    # Height, width, side of a tile, and the fewest tiles: with one alone the law would be empty.
    sizes = [(1, 1, 1, 1), (around + 50, around + 41, 17, 4), (around + 64, 9, 24, 2), (3, around + 70, 8, 5)]
    for seed, (height, width, tile, fewest) in enumerate(sizes):
        pixels = random_pixels((height, width, 3), seed)
        tiled = Upscaler(predictor, tile=tile)
        assert tiled.tiles(height, width) >= fewest
        np.testing.assert_array_equal(tiled(pixels), Upscaler(predictor, tile=1000)(pixels))


@pytest.mark.slow
@pytest.mark.parametrize("arch", sorted(set(ARCHS) - set(EXACT)))
def test_an_architecture_that_sees_everything_is_blended_without_seams(arch: str, tmp_path: Path) -> None:
    """Where tiles overlap one fades into the next: on smooth ground no step shows where they meet."""
    network = exported(arch, tmp_path / "m.onnx")
    assert network.radius is None
    predictor = OnnxPredictor(tmp_path / "m.onnx", threads=1)
    waves = np.sin(np.add.outer(np.arange(140) / 17, np.arange(48) / 23)) * 0.3 + 0.5
    lr = waves[..., None].repeat(3, axis=2).astype(np.float32)
    plan = tiled_prediction.plan(predictor.facts, 140, 48, tile=(20, 1000), asked_halo=None, clear=False)
    assert len(plan) == 4
    whole = predictor.predict(lr.transpose(2, 0, 1)[None])[0].transpose(1, 2, 0).clip(0, 1)
    bands = tiled_prediction.step(iter([lr]), plan, predictor, "float32", clear=False, done=lambda: None)
    difference = np.concatenate(list(bands)) - whole
    step = np.abs(np.diff(difference, axis=0)).mean(axis=(1, 2))
    meet = [rows.start * 2 - 1 for rows in plan.rows[1:]]
    assert step[meet].max() <= 2 * np.delete(step, meet).mean()  # cut and not blended, SMFANet's are 3.6 times the mean
    # What is said of it beforehand, from noise and edges, holds here too: within a factor, not to the last digit.
    worst = Upscaler(predictor).worst_difference
    assert 0 < np.abs(difference).max() <= 1.5 * worst < 0.1


def test_tiled_equals_whole_through_a_chain_and_a_reduction() -> None:
    pixels = random_pixels((37, 23, 3))
    chain = [MODELS["rgb"], MODELS["multiple of 2"]]
    tiled = Upscaler(chain, scale=3.5, tile=9)(pixels)
    whole = Upscaler(chain, scale=3.5, tile=1000)(pixels)
    assert tiled.shape == (130, 81, 3)
    np.testing.assert_array_equal(tiled, whole)


def test_too_small_a_halo_shows_that_the_law_is_not_empty() -> None:
    pixels = random_pixels((40, 40, 3))
    whole = Upscaler(MODELS["rgb"])(pixels)
    assert (Upscaler(MODELS["rgb"], tile=8, halo=0)(pixels) != whole).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("tail", [(), (1,), (2,), (3,), (4,)])
def test_shape_and_kind_are_kept(dtype: str, tail: tuple[int, ...]) -> None:
    pixels = random_pixels((9, 7, *tail), dtype=dtype)
    sr = Upscaler(Nearest(2))(pixels)
    assert sr.dtype == pixels.dtype
    assert sr.shape == (18, 14, *tail)
    expected = pixels.repeat(2, axis=0).repeat(2, axis=1)
    if pixels.shape[2:] in ((2,), (4,)):  # the colours under clear pixels are others, on purpose
        clear = expected[..., -1] == 0
        assert (sr[clear][:, -1] == 0).all()
        sr, expected = sr[~clear], expected[~clear]
    # Gray passes through three float32 weights: rounding of 6e-8, which integers do not see.
    np.testing.assert_allclose(sr, expected, atol=2e-7 if dtype == "float32" else 0)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_level_of_both_depths_survives(channels: int) -> None:
    for dtype, shape in (("uint8", (16, 16)), ("uint16", (256, 256))):
        levels = np.arange(np.prod(shape), dtype=dtype).reshape(*shape, 1).repeat(channels, axis=2)
        for colour in ("rgb", "gray", "luma"):
            sr = Upscaler(Nearest(2, colour=colour))(levels)
            np.testing.assert_array_equal(sr[::2, ::2], levels)


@pytest.mark.parametrize("name", MODELS)
def test_gray_stays_neutral(name: str) -> None:
    gray = random_pixels((12, 10), dtype="float32")
    colour = Upscaler(MODELS[name])(np.dstack([gray] * 3))
    alone = Upscaler(MODELS[name])(gray)
    # A colour network may tint gray pixels; the one-channel result is their weighted mean. Clipped ones differ.
    inside = ((colour > 0) & (colour < 1)).all(axis=2)
    assert inside.mean() > 0.5
    np.testing.assert_allclose((colour @ [0.299, 0.587, 0.114])[inside], alone[inside], atol=1e-5)
    if MODELS[name].facts.colour != "rgb":
        np.testing.assert_allclose(colour, np.dstack([alone] * 3), atol=1e-5)


@pytest.mark.parametrize("colour", ["gray", "luma"])
def test_one_channel_models_enlarge_brightness_and_leave_chroma_to_bicubic(colour: str) -> None:
    pixels = random_pixels((8, 8, 3), dtype="float32") * np.float32(0.4) + np.float32(0.3)

    class Cubic(BicubicPredictor):
        def __init__(self) -> None:
            super().__init__(2)
            self.facts = dataclasses.replace(self.facts, colour=colour)

    # Everything is bicubic then, and bicubic commutes with the linear change of colour space.
    np.testing.assert_allclose(Upscaler(Cubic())(pixels), imresize(pixels, 2), atol=1e-6)


def test_luma_networks_see_studio_range() -> None:
    seen: list[NDArray[np.float32]] = []

    class Watching(Nearest):
        def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
            seen.append(lr)
            return super().predict(lr)

    white = np.full((4, 4, 3), 255, np.uint8)
    Upscaler(Watching(colour="luma"))(white)
    Upscaler(Watching(colour="luma"))(white[..., 0])
    Upscaler(Watching(colour="gray"))(white)
    for lr, expected in zip(seen, (235 / 255, 235 / 255, 1), strict=True):
        np.testing.assert_allclose(lr, expected, atol=1e-6)


def test_flat_alpha_stays_flat_and_costs_nothing() -> None:
    # The network gives 0.9 for 1 and -0.1 for 0.
    predictor = Nearest(2, radius=3, extra=-0.1)
    pixels = random_pixels((64, 48, 4))
    pixels[..., 3] = 255
    sr = Upscaler(predictor, tile=16)(pixels)
    assert (sr[..., 3] == 255).all()
    tiles = Upscaler(predictor, tile=16).tiles(64, 48)
    assert len(predictor.calls) == tiles

    pixels[32:, :, 3] = 0
    sr = Upscaler(predictor, tile=1000)(pixels)[..., 3]
    assert (sr[: 2 * 30] == 255).all()
    assert (sr[2 * 34 :] == 0).all()
    assert (sr[60:64] == 230).all()


def on_white(picture: Picture) -> NDArray[np.float64]:
    assert picture.alpha is not None
    alpha = picture.alpha[..., None] / 255
    return picture.pixels * alpha + 255 * (1 - alpha)


def logo(ink: int, under: int) -> Picture:
    """A disc of one gray level with a smooth edge, on clear pixels of another."""
    y, x = np.mgrid[0:40, 0:40]
    cover = np.clip(14.5 - np.hypot(y - 19.5, x - 19.5), 0, 1)
    pixels = np.where(cover > 0, ink, under).astype(np.uint8)[..., None].repeat(3, axis=2)
    return Picture(pixels, (cover * 255).astype(np.uint8))


@pytest.mark.parametrize("scale", [2, 3.5, 8])
@pytest.mark.parametrize("model", ["bicubic", "network"])
def test_a_white_logo_on_clear_black_has_no_dark_fringe(scale: float, model: str) -> None:
    chain = [BicubicPredictor(2)] * 3 if model == "bicubic" else [MODELS["rgb"]] * 3
    upscaler = Upscaler(chain[: 1 if scale == 2 else 2 if scale == 3.5 else 3], scale=scale, tile=16)
    sr = upscaler.picture(logo(255, 0))
    reference = upscaler.picture(logo(255, 255))
    assert sr.alpha is not None
    np.testing.assert_array_equal(sr.alpha, reference.alpha)
    # White is white alone; this network, which was never trained, sees the black that is hidden 8 pixels away.
    assert on_white(reference).min() == pytest.approx(255)
    assert on_white(sr).min() >= 255 - (2 if model == "network" else 1)


def test_colours_that_are_hidden_on_purpose_are_kept() -> None:
    hidden = random_pixels((40, 40, 3), 5)
    alpha = np.zeros((40, 40), np.uint8)
    alpha[:10] = 255
    sr = Upscaler(Nearest(2), tile=16).picture(Picture(hidden, alpha))
    expected = imresize(hidden.astype(np.float32), 2)
    assert np.abs(sr.pixels[26:].astype(np.float32) - np.clip(expected, 0, 255)[26:]).max() <= 1


@pytest.mark.parametrize("tile", [5, 9, 16])
def test_carried_colour_does_not_show_tiles(tile: int) -> None:
    picture = logo(200, 0)
    pixels = random_pixels((40, 40, 3), 2)
    noisy = np.dstack([pixels, picture.alpha])  # type: ignore[list-item]
    for predictor in MODELS.values():
        np.testing.assert_array_equal(
            Upscaler(predictor, tile=tile)(noisy), Upscaler(predictor, tile=1000)(noisy), err_msg=predictor.facts.name
        )


def test_a_picture_keeps_what_travels_with_it() -> None:
    picture = Picture(
        random_pixels((6, 5, 3)),
        random_pixels((6, 5)),
        profile=None,
        metadata={"exif": b"Exif\0\0MM", "xmp": b"<x/>"},
        resolution=(10.0, 12.0),
    )
    sr = Upscaler(Nearest(2)).picture(picture)
    assert (sr.height, sr.width, sr.depth) == (12, 10, 8)
    assert sr.metadata == picture.metadata
    assert sr.resolution == (20.0, 24.0)
    assert sr.alpha is not None
    assert Upscaler(Nearest(2)).picture(dataclasses.replace(picture, alpha=None)).alpha is None


@pytest.mark.parametrize(("scale", "size"), [(2.5, (18, 13)), (3, (21, 15)), (1.01, (7, 5)), (4, (28, 20))])
def test_any_scale_is_reached_by_exact_reduction(scale: float, size: tuple[int, int]) -> None:
    pixels = random_pixels((7, 5, 4), dtype="float32")
    sr = Upscaler([Nearest(2), Nearest(2)], scale=scale)(pixels)
    assert sr.shape == (*size, 4)
    four = pixels.repeat(4, axis=0).repeat(4, axis=1)
    expected = four if scale == 4 else np.clip(imresize(four, size=size), 0, 1)
    np.testing.assert_allclose(sr[..., :3], expected[..., :3], atol=1e-6)


def test_a_reduced_constant_is_that_constant() -> None:
    for level in (0, 77, 255):
        sr = Upscaler(Nearest(4), scale=2.7)(np.full((9, 9, 3), level, np.uint8))
        assert (sr == level).all()


def test_an_input_that_cannot_be_a_multiple_is_continued_at_its_edge() -> None:
    predictor = Nearest(2, radius=3)
    predictor.facts = dataclasses.replace(predictor.facts, multiple=8)
    pixels = random_pixels((5, 13, 3))
    np.testing.assert_array_equal(Upscaler(predictor)(pixels), pixels.repeat(2, axis=0).repeat(2, axis=1))
    assert predictor.calls == [(1, 3, 8, 16)]


def test_a_model_that_looks_at_everything_sees_everything() -> None:
    predictor = Nearest(2, radius=None)
    Upscaler(predictor, tile=8)(random_pixels((40, 30, 3)))
    assert predictor.calls == [(1, 3, 40, 30)]


def test_progress_counts_the_tiles_of_all_steps_and_may_stop_the_work() -> None:
    seen: list[tuple[int, int]] = []
    upscaler = Upscaler([Nearest(2), Nearest(2)], tile=10)
    upscaler(random_pixels((20, 20, 3)), progress=lambda done, total: seen.append((done, total)))
    total = upscaler.tiles(20, 20)
    assert seen == [(done, total) for done in range(1, total + 1)]
    assert total > 8

    class StopError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise StopError

    with pytest.raises(StopError):
        upscaler(random_pixels((20, 20, 3)), progress=stop)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_tile_that_is_not_finite_is_named_and_never_written(bad: float) -> None:
    class Broken(Nearest):
        def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
            sr = super().predict(lr)
            if len(self.calls) == 2:
                sr[0, 1, 3, 3] = bad
            return sr

    with pytest.raises(NonFiniteError) as caught:
        Upscaler(Broken(2), tile=8)(random_pixels((10, 20, 3)))
    assert str(caught.value) == (
        "model nearest: NaN or infinite pixels in the tile at rows 0-9, columns 10-19; nothing was written; "
        "use another model"
    )


def test_a_model_that_lies_about_its_scale_is_refused() -> None:
    class Lying(Nearest):
        def predict(self, lr: NDArray[np.float32]) -> NDArray[np.float32]:
            return super().predict(lr)[:, :, :8, :8]

    with pytest.raises(ModelError) as caught:
        Upscaler(Lying(3))(random_pixels((4, 4, 3)))
    assert str(caught.value) == (
        "model nearest: gave (1, 3, 8, 8) for (1, 3, 4, 4), and its facts (×3, rgb) promise (1, 3, 12, 12); "
        "export it again"
    )


def test_arguments_out_of_range() -> None:
    with pytest.raises(ModelError, match=r"no predictor given"):
        Upscaler([])
    with pytest.raises(ModelError, match=r"scale = 5: nearest ×2, nearest ×2 reaches ×4"):
        Upscaler([Nearest(2), Nearest(2)], scale=5)
    with pytest.raises(ConfigError, match=r"tile = 0: should be at least 1"):
        Upscaler(Nearest(2), tile=0)
    with pytest.raises(ConfigError, match=r"halo = -1: should be at least 0"):
        Upscaler(Nearest(2), halo=-1)


@pytest.mark.parametrize(
    ("pixels", "text"),
    [
        (np.zeros((4, 4, 5), np.uint8), "pixels have shape (4, 4, 5); upres enlarges h w, or h w c with c = 1"),
        (np.zeros((4,), np.uint8), "pixels have shape (4,); upres enlarges"),
        (np.zeros((0, 4, 3), np.uint8), "pixels have shape (0, 4, 3)"),
        (np.zeros((4, 4, 3), np.int64), "pixels are int64"),
        (np.full((4, 4, 3), 255, np.float32), "[0, 1]"),
        (np.full((4, 4), np.nan, np.float32), "[0, 1]"),
    ],
)
def test_arrays_that_are_no_pictures(pixels: NDArray[np.generic], text: str) -> None:
    with pytest.raises(PictureError) as caught:
        Upscaler(Nearest(2))(pixels)
    assert text in str(caught.value)
