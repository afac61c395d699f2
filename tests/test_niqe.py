"""NIQE's features against an independent implementation, and what the metric does and refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import upres
from upres.errors import DataError
from upres.image import read
from upres.metrics import METRICS, Protocol, measure, metric, niqe_upres, standard_metrics
from upres.metrics.niqe import BLOCK, MODEL, Naturalness, block_features, distance, fit, fitted, levels, load_model

# Made with deepinv 0.5.0 (BSD-3), deepinv/loss/metric/perceptual.py, class NIQE in float64 with denominator 1: the
# features of `drawn(3)` (mean over its six blocks), and `niqe` with mu_p = 0 and cov_p = 1.
MEAN_FEATURES = [
    *(2.433333, 0.853414, 0.773167, -0.0168, 0.161067, 0.14863, 0.773333, -0.015614, 0.159685, 0.147737, 0.771333),
    *(-0.010459, 0.155577, 0.147545, 0.765167, -0.01357, 0.154466, 0.144784, 4.524333, 0.731859, 1.131667, 0.093008),
    *(0.081499, 0.190586, 1.159333, 0.093995, 0.081962, 0.195722, 1.412333, 0.06395, 0.113278, 0.205131, 1.405167),
    *(0.064693, 0.110592, 0.203087),
]
DISTANCE = 7.428546633143029
# And of its `create_weights` (float32) on five of them: blocks kept, sum of the mean, trace of the covariance.
KEPT, SUM_OF_MEAN, TRACE = 37, 20.439597653355246, 1.6856136814329128


def drawn(seed: int, rows: int = 2, columns: int = 3) -> NDArray[np.uint8]:
    """Softened squares under noise that grows to the right, in whole numbers: the same on every machine."""
    rng = np.random.default_rng(seed)
    squares = np.repeat(np.repeat(rng.integers(40, 200, (rows * 8, columns * 8)), 12, 0), 12, 1)
    soft = sum(np.roll(squares, (down, across), (0, 1)) for down in range(5) for across in range(5)) // 25
    noise = rng.integers(-9, 10, squares.shape) * (1 + np.arange(squares.shape[1]) // BLOCK) // 2
    return np.clip(soft + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def photograph() -> NDArray[np.uint8]:
    """The one that comes with upres; a part of it, 288×384."""
    pixels = read(Path(upres.__file__).parent / "compare" / "sumac.webp").pixels
    part: NDArray[np.uint8] = np.ascontiguousarray(pixels[64:352, 64:448, :3])
    return part


def test_features_and_distance_are_those_of_an_independent_implementation() -> None:
    found, _ = block_features(drawn(3).astype(float))
    assert found.shape == (6, 36)
    np.testing.assert_allclose(found.mean(axis=0), MEAN_FEATURES, atol=1e-6)
    assert distance(fitted(found), Naturalness(np.zeros(36), np.eye(36))) == pytest.approx(DISTANCE, abs=1e-9)


def test_a_model_is_fitted_on_sharp_blocks_as_the_independent_implementation_does() -> None:
    model, blocks = fit(drawn(seed, 3, 4) for seed in range(5, 10))
    assert blocks == KEPT
    # Theirs is in float32.
    assert model.mean.sum() == pytest.approx(SUM_OF_MEAN, abs=2e-4)
    assert np.trace(model.covariance) == pytest.approx(TRACE, abs=2e-4)
    with pytest.raises(DataError, match=r"^7 sharp blocks do not determine a model of 36 features; add pictures$"):
        fit([drawn(5, 3, 4)])


def test_the_model_inside_the_package_is_small_and_whole() -> None:
    model = load_model(MODEL)
    assert MODEL.stat().st_size < 20_000
    assert model.mean.shape == (36,) and model.covariance.shape == (36, 36)
    assert np.linalg.eigvalsh(model.covariance).min() > 0
    note = MODEL.with_suffix(".md").read_text(encoding="utf-8")
    assert all(word in note for word in ("CC BY-SA 4.0", "CC0", "python -m tools.niqe", "not comparable"))


def test_it_grows_with_blur_with_noise_and_with_compression(photograph: NDArray[np.uint8]) -> None:
    def noisy(deviation: float) -> NDArray[np.uint8]:
        noise = np.random.default_rng(0).normal(0, deviation, photograph.shape)
        return np.clip(photograph + noise, 0, 255).round().astype(np.uint8)

    def compressed(quality: int) -> NDArray[np.uint8]:
        image = pyvips.Image.new_from_array(photograph).copy(interpretation="srgb")
        return pyvips.Image.new_from_buffer(image.jpegsave_buffer(Q=quality), "").numpy()

    original = niqe_upres(photograph)
    for made in (
        [niqe_upres(gaussian_filter(photograph, (sigma, sigma, 0))) for sigma in (1, 2, 3)],
        [niqe_upres(noisy(deviation)) for deviation in (5, 15, 40)],
        # Above quality 50 it sees nothing of JPEG.
        [niqe_upres(compressed(quality)) for quality in (30, 10, 5)],
    ):
        assert original < made[0] < made[1] < made[2]


def test_the_dtype_does_not_matter_and_gray_is_gray(photograph: NDArray[np.uint8]) -> None:
    exact = niqe_upres(photograph)
    assert niqe_upres(photograph.astype(np.uint16) * 257) == exact
    assert niqe_upres(photograph / 255) == niqe_upres((photograph / 255).astype(np.float32)) == exact
    gray = levels(photograph).astype(np.uint8)
    assert niqe_upres(gray) == niqe_upres(gray[..., None]) == niqe_upres(np.repeat(gray[..., None], 3, axis=2)) == exact


def test_what_is_left_over_beside_whole_blocks_does_not_count(photograph: NDArray[np.uint8]) -> None:
    larger = np.pad(photograph, ((0, 95), (0, 95), (0, 0)), mode="reflect")
    assert niqe_upres(larger) == niqe_upres(photograph)
    # A picture is like its parts.
    parts = [niqe_upres(part) for part in np.split(photograph, 2, axis=1)]
    assert np.mean(parts) == pytest.approx(niqe_upres(photograph), rel=0.35)


def test_flat_blocks_have_no_features_and_do_not_count(photograph: NDArray[np.uint8]) -> None:
    part = photograph.copy()
    part[:, :BLOCK] = 77
    found, sharpness = block_features(levels(part))
    flat = np.arange(12) % 4 == 0
    # The window reaches three pixels into the flat blocks from beside them, and those are not flat then.
    part[:, : BLOCK + 8] = 77
    found, sharpness = block_features(levels(part))
    assert np.isnan(found[flat]).any(axis=1).all() and np.isfinite(found[~flat]).all()
    assert np.isfinite(niqe_upres(part)) and sharpness[flat].max() < 1e-4
    with pytest.raises(DataError, match=r"^niqe-upres: 12 of 12 blocks of 96×96 pixels are flat; it needs two that"):
        niqe_upres(np.full_like(photograph, 255))


def test_what_it_cannot_measure_is_told() -> None:
    with pytest.raises(
        DataError, match=r"^niqe-upres: a picture of 191×180 has 1 whole blocks of 96×96 pixels, and 2 "
    ):
        niqe_upres(np.zeros((180, 191, 3), np.uint8))
    with pytest.raises(
        DataError, match=r"^niqe-upres: the picture is \(200, 200, 4\); it takes h w or h w c, with c = 1"
    ):
        niqe_upres(np.zeros((200, 200, 4), np.uint8))


def test_as_a_metric_it_looks_at_sr_alone_and_only_where_it_is_asked_for(photograph: NDArray[np.uint8]) -> None:
    assert "niqe-upres" in METRICS and "niqe-upres" not in standard_metrics()
    one = metric("niqe-upres")
    assert one(photograph, 0 * photograph) == niqe_upres(photograph)
    assert "without the original" in one.words and one.better == "less"
    scores = measure(photograph, 0 * photograph, Protocol(border=4), ("niqe-upres",))
    assert scores == {"niqe-upres": niqe_upres(photograph)}
