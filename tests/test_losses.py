"""The contract of every loss term, and each against an independent computation of its formula."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import Tensor

from tests.random_backbones import taken_for_published
from upres.config.named_parts import build, parse_part
from upres.errors import ConfigError, DataError
from upres.image import imresize, luma
from upres.losses import ADVERSARIAL, LOSSES, Loss
from upres.metrics import ssim
from upres.models.vgg import load_features


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, backbones: dict[str, Path]
) -> Iterator[dict[str, dict[str, Any]]]:
    """What the losses that need a file of features are given: VGG19's first layers and VGG16 with random filters."""
    path = tmp_path_factory.mktemp("features") / "vgg.npz"
    rng = np.random.default_rng(0)
    tensors = {}
    for index, after, before in ((0, 64, 3), (2, 64, 64), (5, 128, 64)):
        deviation = (2 / before / 9) ** 0.5
        tensors[f"features.{index}.weight"] = rng.normal(0, deviation, (after, before, 3, 3)).astype(np.float32)
        tensors[f"features.{index}.bias"] = rng.normal(0, 0.1, after).astype(np.float32)
    np.savez(path, **tensors)
    common = {"features": str(path), "convention": "torchvision", "layers": {"conv1_2": 0.5, "conv2_1": 1.0}}
    vgg16 = {"backbone": str(backbones["vgg16"])}
    with taken_for_published(backbones):
        yield {"perceptual": common, "style": common, "contextual": common, "lpips": vgg16, "dists": vgg16}


def loss_of(name: str, **values: object) -> Loss:
    return build(LOSSES, parse_part(LOSSES, {"name": name, **values}, where="test", key="losses.0"))


def pair(*shape: int, noise: float = 0.1) -> tuple[Tensor, Tensor]:
    """A smooth picture and a noisy one, float32 `n c h w` in [0, 1]."""
    generator = torch.Generator().manual_seed(sum(shape))
    coarse = torch.rand(*shape[:2], 5, 5, generator=generator)
    hr = F.interpolate(coarse, shape[2:], mode="bicubic").clamp(0, 1)
    return (hr + noise * torch.randn(*shape, generator=generator)).clamp(0, 1), hr


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_a_mean_that_falls_towards_hr(name: str, channels: int, settings: dict[str, dict[str, Any]]) -> None:
    loss = loss_of(name, **settings.get(name, {}))
    sr, hr = pair(2, channels, 24, 32)
    value = loss(sr.requires_grad_(), hr)
    assert value.shape == () and value.dtype == torch.float32 and torch.isfinite(value)
    value.backward()
    assert sr.grad is not None and torch.isfinite(sr.grad).all() and sr.grad.abs().max() > 0
    sr, value = sr.detach(), value.detach()
    assert loss(hr + (sr - hr) / 10, hr) < value
    assert float(loss(torch.cat((sr, sr)), torch.cat((hr, hr)))) == pytest.approx(float(value), rel=1e-5)
    if name != "tv":
        # Charbonnier's smallest value is its epsilon; for the contextual one nearly equal features are rivals.
        smallest = 1e-3 if name == "charbonnier" else 0
        assert float(loss(hr, hr)) == pytest.approx(smallest, abs=1e-3 if name == "contextual" else 2e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_nothing_to_train_and_nothing_to_save(name: str, settings: dict[str, dict[str, Any]]) -> None:
    loss = loss_of(name, **settings.get(name, {}))
    assert not list(loss.parameters()) and not loss.state_dict()


@pytest.mark.parametrize("name", LOSSES)
def test_under_bfloat16_a_loss_keeps_its_value(name: str, settings: dict[str, dict[str, Any]]) -> None:
    """Training computes the losses inside autocast; only filters of features may round, to eight bits."""
    loss = loss_of(name, **settings.get(name, {}))
    sr, hr = pair(2, 3, 32, 32)
    exact = float(loss(sr, hr))
    with torch.autocast("cpu", torch.bfloat16):
        assert float(loss(sr, hr)) == pytest.approx(exact, rel=0.02 if name in settings else 1e-6)


@pytest.mark.parametrize(("compare", "power"), [("l1", 1), ("mse", 2)])
def test_luma_is_that_of_the_metric(compare: str, power: int) -> None:
    sr, hr = pair(2, 3, 9, 11)
    ours, theirs = (np.stack([luma(picture.permute(1, 2, 0).numpy()) for picture in batch]) for batch in (sr, hr))
    expected = np.mean(np.abs((ours - theirs) / 219) ** power)  # the metric's luma has 219 levels
    assert float(loss_of("luma", compare=compare)(sr, hr)) == pytest.approx(expected, rel=1e-5)


def test_log_mse_is_the_mean_of_the_crops_psnr() -> None:
    hr = torch.rand(3, 3, 24, 24)
    sr = hr + torch.randn(hr.shape) * torch.tensor([0.02, 0.05, 0.2]).view(3, 1, 1, 1)
    psnr = [-10 * np.log10(float((a - b).square().mean())) for a, b in zip(sr, hr, strict=True)]
    assert float(loss_of("log-mse", space="rgb", floor=1e-9)(sr, hr)) == pytest.approx(90 - np.mean(psnr), abs=1e-3)


def test_log_mse_leaves_alone_what_is_below_its_floor() -> None:
    hr = torch.full((1, 1, 8, 8), 0.5)
    sr = (hr + 1e-4).requires_grad_()
    loss_of("log-mse")(sr, hr).backward()
    near = sr.grad.abs().sum()
    sr = (hr + 3e-3).requires_grad_()
    loss_of("log-mse")(sr, hr).backward()
    assert near < sr.grad.abs().sum() / 10


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.5])
def test_ssim_is_the_metric(noise: float) -> None:
    sr, hr = pair(3, 3, 29, 40, noise=noise)
    measured = [ssim(a.permute(1, 2, 0).numpy(), b.permute(1, 2, 0).numpy()) for a, b in zip(sr, hr, strict=True)]
    # The metric computes in float64.
    assert 1 - float(loss_of("ssim")(sr, hr)) == pytest.approx(np.mean(measured), abs=2e-6)


def test_ssim_has_the_gradient_of_its_formula() -> None:
    sr, hr = (x.double() for x in pair(1, 1, 12, 13))
    assert torch.autograd.gradcheck(lambda x: loss_of("ssim")(x, hr), (sr.requires_grad_(),))


def test_ssim_refuses_what_its_window_does_not_fit() -> None:
    for name in ("ssim", "ms-ssim"):
        with pytest.raises(DataError, match=r"ssim: training pictures of 12×10 are smaller than its 11×11 window; ra"):
            loss_of(name)(torch.rand(1, 3, 10, 12), torch.rand(1, 3, 10, 12))


def ms_ssim_by_scipy(a: np.ndarray, b: np.ndarray, scales: int) -> float:
    """Wang et al. 2003 of two pictures `h w` in float64, by scipy's Gaussian filter cut to where its window fits."""
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    product = 1.0
    for scale, weight in enumerate(weights / weights.sum()):

        def mean(x: np.ndarray) -> np.ndarray:
            return gaussian_filter(x, 1.5, truncate=3.5)[5:-5, 5:-5]

        covariance = mean(a * b) - mean(a) * mean(b)
        variances = mean(a * a) - mean(a) ** 2 + mean(b * b) - mean(b) ** 2
        similarity = (2 * covariance + 0.03**2) / (variances + 0.03**2)
        if scale == scales - 1:
            similarity *= (2 * mean(a) * mean(b) + 0.01**2) / (mean(a) ** 2 + mean(b) ** 2 + 0.01**2)
        product *= similarity.mean() ** weight
        height, width = (side // 2 for side in a.shape)
        a, b = (x[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3)) for x in (a, b))
    return float(product)


@pytest.mark.parametrize(("side", "scales"), [(176, 5), (175, 4), (88, 4), (47, 3), (22, 2), (21, 1)])
def test_ms_ssim_has_the_weights_of_the_scales_that_fit(side: int, scales: int) -> None:
    # torchmetrics is no oracle: at the coarsest scale it averages over a mirrored border too (1.9.0).
    sr, hr = pair(2, 3, side, side + 8)
    planes = zip(sr.double().numpy().reshape(6, side, -1), hr.double().numpy().reshape(6, side, -1), strict=True)
    expected = np.mean([ms_ssim_by_scipy(a, b, scales) for a, b in planes])
    assert 1 - float(loss_of("ms-ssim")(sr, hr)) == pytest.approx(expected, abs=5e-6)


def test_ms_ssim_of_one_scale_is_ssim() -> None:
    sr, hr = pair(2, 3, 64, 64)
    assert float(loss_of("ms-ssim", scales=1)(sr, hr)) == pytest.approx(float(loss_of("ssim")(sr, hr)), abs=1e-6)


def test_ms_ssim_stays_finite_where_structure_is_inverted() -> None:
    _, hr = pair(1, 1, 64, 64)
    sr = (1 - hr).requires_grad_()
    loss = loss_of("ms-ssim")(sr, hr)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(sr.grad).all()
    with pytest.raises(ConfigError, match=r"scales = 6: should be 1 to 5, which have published"):
        loss_of("ms-ssim", scales=6)


def test_tv_is_the_mean_step_between_neighbours() -> None:
    sr, hr = pair(2, 3, 9, 7)
    expected = np.abs(np.diff(sr.numpy(), axis=2)).mean() + np.abs(np.diff(sr.numpy(), axis=3)).mean()
    assert float(loss_of("tv")(sr, hr)) == pytest.approx(expected, rel=1e-6)
    assert float(loss_of("tv")(torch.full((1, 1, 4, 4), 0.3), sr)) == 0


@pytest.mark.parametrize("norm", ["backward", "ortho"])
def test_frequency_is_the_sum_over_waves(norm: str) -> None:
    """The transform written out as a matrix of waves on each axis."""
    sr, hr = pair(2, 3, 9, 8)

    def waves(side: int, count: int) -> np.ndarray:
        matrix = np.exp(-2j * np.pi * np.outer(np.arange(count), np.arange(side)) / side)
        return matrix / np.sqrt(side) if norm == "ortho" else matrix

    ours, theirs = (np.einsum("uh,nchw,vw->ncuv", waves(9, 9), x.double().numpy(), waves(8, 5)) for x in (sr, hr))
    difference = ours - theirs
    expected = (np.abs(difference.real).mean() + np.abs(difference.imag).mean()) / 2
    assert float(loss_of("frequency", norm=norm)(sr, hr)) == pytest.approx(expected, rel=1e-5)
    expected = np.abs(np.abs(ours) - np.abs(theirs)).mean()
    assert float(loss_of("frequency", norm=norm, compare="magnitude")(sr, hr)) == pytest.approx(expected, rel=1e-5)


def test_frequency_magnitude_forgives_a_turn_of_the_picture_around_its_edge() -> None:
    sr, _ = pair(1, 3, 16, 16)
    assert float(loss_of("frequency", compare="magnitude")(sr, sr.roll((3, 5), (2, 3)))) < 1e-4
    assert float(loss_of("frequency")(sr, sr.roll((3, 5), (2, 3)))) > 0.1


REAL, FAKE = torch.tensor([[2.0], [-0.5], [0.3]]), torch.tensor([[-1.0], [0.8], [0.2]])


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def test_adversarial_losses_are_their_formulas() -> None:
    vanilla, squares, hinge, relativistic = (
        ADVERSARIAL[name] for name in ("vanilla", "least-squares", "hinge", "relativistic")
    )
    torch.testing.assert_close(vanilla.discriminator(REAL, FAKE), cross_entropy(REAL, 1) + cross_entropy(FAKE, 0))
    torch.testing.assert_close(vanilla.generator(REAL, FAKE), cross_entropy(FAKE, 1))
    # By hand: ((1² + 1.5² + 0.7²) + (1² + 0.8² + 0.2²)) / 6 and (2² + 0.2² + 0.8²) / 6.
    assert float(squares.discriminator(REAL, FAKE)) == pytest.approx((3.74 + 1.68) / 6)
    assert float(squares.generator(REAL, FAKE)) == pytest.approx(4.68 / 6)
    # (0 + 1.5 + 0.7) / 3 + (0 + 1.8 + 1.2) / 3, and minus the mean of the fake ones, which is 0.
    assert float(hinge.discriminator(REAL, FAKE)) == pytest.approx(5.2 / 3)
    assert float(hinge.generator(REAL, FAKE + 1)) == pytest.approx(-1)
    over, under = REAL - FAKE.mean(), FAKE - REAL.mean()
    torch.testing.assert_close(relativistic.discriminator(REAL, FAKE), cross_entropy(over, 1) + cross_entropy(under, 0))
    torch.testing.assert_close(relativistic.generator(REAL, FAKE), cross_entropy(over, 0) + cross_entropy(under, 1))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_gradients_point_apart(name: str) -> None:
    """The discriminator pulls real up and fake down; the generator pulls fake up."""
    kind = ADVERSARIAL[name]
    real, fake = (x.clone().requires_grad_() for x in (REAL, FAKE))
    kind.discriminator(real, fake).backward()
    assert real.grad.sum() < 0 < fake.grad.sum()
    again = fake.detach().clone().requires_grad_()
    kind.generator(REAL, again).backward()
    assert again.grad.sum() < 0
    for shape in ((5, 1), (2, 1, 6, 7)):  # a logit a picture, a logit a pixel
        assert kind.discriminator(torch.randn(shape), torch.randn(shape)).shape == ()


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_accuracy_is_the_share_that_is_told_apart(name: str) -> None:

    def accuracy(real: Tensor, fake: Tensor) -> Tensor:
        return torch.stack(ADVERSARIAL[name].right(real, fake)).mean()

    high, low = torch.full((4, 1), 3.0), torch.full((4, 1), -3.0)
    assert (float(accuracy(high, low)), float(accuracy(low, high))) == (1, 0)
    half = torch.tensor([[3.0], [-3.0]])
    assert float(accuracy(half, half)) == 0.5


def test_losses_refuse_unknown_keys() -> None:
    with pytest.raises(ConfigError, match=r"unknown key losses.0.layer = 'conv5_4': did you mean layers\?"):
        loss_of("perceptual", layer="conv5_4")
    with pytest.raises(ConfigError, match=r"layers is empty: should name at least one"):
        loss_of("style", layers={}, features=str(Path("nowhere.npz")))


def test_reduction_compares_what_bicubic_makes_of_both() -> None:
    sr, hr = pair(1, 3, 24, 32)
    ours, theirs = (imresize(pixels[0].permute(1, 2, 0).numpy(), size=(6, 8)) for pixels in (sr, hr))
    near = pytest.approx(float(np.abs(ours - theirs).mean()), rel=0.05)  # edges mirror there
    assert float(loss_of("reduction")(sr, hr)) == near
    # What a chessboard adds averages out.
    board = (torch.arange(24)[:, None] + torch.arange(32)) % 2 * 0.2 - 0.1
    assert float(loss_of("reduction")(hr / 2 + 0.2 + board, hr / 2 + 0.2)) < 2e-3
    with pytest.raises(ConfigError, match="factor = 1"):
        loss_of("reduction", factor=1)


def test_normalised_features_are_those_of_the_metric(settings: dict[str, dict[str, Any]]) -> None:
    """Weighted by their channels, layers add up to the `vgg` metric of the same file: LPIPS without learned weights."""
    common = settings["perceptual"]
    loss = loss_of(
        "perceptual",
        **{**common, "layers": {"conv1_2": 64.0, "conv2_1": 128.0}},
        compare="mse",
        normalised=True,
        activated=True,
    )
    sr, hr = pair(1, 3, 24, 32)
    features = load_features(common["features"], "torchvision")
    ours, theirs = (features(pixels, ("conv1_2", "conv2_1"), activated=True) for pixels in (sr, hr))
    cosines = [F.cosine_similarity(ours[name], theirs[name]).mean() for name in ours]
    assert float(loss(sr, hr)) == pytest.approx(float(sum(2 - 2 * cosine for cosine in cosines)), rel=1e-4)
    sr = torch.zeros(1, 3, 24, 32, requires_grad=True)
    loss(sr, hr).backward()
    assert sr.grad is not None and torch.isfinite(sr.grad).all() and sr.grad.abs().max() < 10


def test_nss_compares_the_moments_that_niqe_fits() -> None:
    sr, hr = pair(2, 3, 32, 40)
    found = [[_moments(picture, size) for picture in luma_levels(x)] for size in (1, 2) for x in (sr, hr)]
    expected = np.mean([np.abs(np.subtract(found[i], found[i + 1])).mean() for i in (0, 2)])
    assert float(loss_of("nss")(sr, hr)) == pytest.approx(float(expected), rel=1e-3)
    with pytest.raises(ConfigError, match="sizes = 0: should be from 1 to 4"):
        loss_of("nss", sizes=0)


def test_nss_says_how_strong_a_texture_is_and_not_where() -> None:
    rough = torch.rand(1, 1, 96, 96, generator=torch.Generator().manual_seed(1))
    loss = loss_of("nss")
    moved, soft = rough.roll((20, 30), (2, 3)), F.avg_pool2d(rough, 3, 1, 1)
    assert 20 * float(loss(moved, rough)) < float(loss(soft, rough))


def luma_levels(pictures: Tensor) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    weights = np.array([0.299, 0.587, 0.114])
    return [255 * np.tensordot(weights, picture.double().numpy(), 1) for picture in pictures]


def _moments(picture: np.ndarray[Any, np.dtype[np.float64]], size: int) -> list[float]:
    rows, columns = (side // size for side in picture.shape)
    picture = picture[: rows * size, : columns * size].reshape(rows, size, columns, size).mean(axis=(1, 3))
    blurred = {
        power: gaussian_filter(picture**power, 7 / 6, mode="nearest", radius=3)  # its window ends where NIQE's does
        for power in (1, 2)
    }
    m = (picture - blurred[1]) / (np.sqrt(np.maximum(blurred[2] - blurred[1] ** 2, 0)) + 1)
    found = [np.abs(m).mean(), np.sqrt((m**2).mean())]
    for a, b in ((m[:, :-1], m[:, 1:]), (m[:-1], m[1:]), (m[:-1, :-1], m[1:, 1:]), (m[:-1, 1:], m[1:, :-1])):
        p = a * b
        sides = [np.sqrt((np.minimum(side * p, 0) ** 2).mean()) for side in (1, -1)]
        found += [p.mean(), np.abs(p).mean(), *sides]
    return [float(value) for value in found]


def test_grid_sees_what_repeats_at_each_lr_pixel_and_no_texture() -> None:
    hr = pair(2, 3, 64, 96)[1]
    loss = loss_of("grid", factor=4, window=8)
    pattern = torch.zeros(4, 4)
    pattern[1, 2] = 0.16  # less its mean: 0.15 at one place, 0.01 at fifteen
    assert float(loss(hr + pattern.repeat(16, 24), hr)) == pytest.approx((0.15 + 15 * 0.01) / 16, rel=1e-4)
    assert float(loss(hr + 0.1, hr)) < 1e-6
    texture = 0.16 * torch.rand(hr.shape, generator=torch.Generator().manual_seed(0))
    assert float(loss(hr + texture, hr)) < 0.006  # an eighth of its deviation of 0.046
    with pytest.raises(ConfigError, match="window = 1"):
        loss_of("grid", window=1)
