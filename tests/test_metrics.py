"""Metrics against scikit-image where the definitions meet, and against the papers' bicubic rows."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from upres.errors import ConfigError, DataError
from upres.image import imresize, luma, picture_files, read
from upres.metrics import METRICS, Protocol, mae, measure, metric, ms_ssim, mse, psnr, ssim, standard_metrics

RNG = np.random.default_rng(5)
HR = RNG.integers(0, 256, (48, 40, 3), dtype=np.uint8)
SR = np.clip(HR + RNG.normal(0, 9, HR.shape), 0, 255).round().astype(np.uint8)


def converted(dtype):
    if dtype == np.uint8:
        return SR, HR
    if dtype == np.uint16:
        return SR.astype(np.uint16) * 257, HR.astype(np.uint16) * 257
    return (SR / 255).astype(dtype), (HR / 255).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_psnr_equals_scikit_image(dtype):
    sr, hr = converted(dtype)
    # Converting to float32 moves the numbers themselves by 1e-8; the arithmetic is float64 in both.
    assert psnr(sr, hr) == pytest.approx(peak_signal_noise_ratio(HR, SR), abs=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_ssim_equals_scikit_image(dtype):
    theirs = structural_similarity(
        HR, SR, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=2
    )
    assert ssim(*converted(dtype)) == pytest.approx(theirs, abs=1e-6)


def test_ssim_of_several_channels_is_their_mean():
    assert ssim(SR, HR) == pytest.approx(np.mean([ssim(SR[..., c], HR[..., c]) for c in range(3)]), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_mae_and_mse_have_white_at_1(dtype):
    sr, hr = converted(dtype)
    difference = SR / 255 - HR / 255
    assert mae(sr, hr) == pytest.approx(np.abs(difference).mean())
    assert mse(sr, hr) == pytest.approx((difference**2).mean())


STANDARD = sorted(standard_metrics())


@pytest.mark.parametrize("name", STANDARD)
def test_equal_pictures_are_perfect_and_order_does_not_matter(name):
    best = {"psnr": math.inf, "ssim": 1.0}.get(name, 0.0)
    one = metric(name)
    assert one(HR, HR) == pytest.approx(best)
    assert one(SR, HR) == pytest.approx(one(HR, SR))
    assert isinstance(one(SR, HR), float)


@pytest.mark.parametrize("name", STANDARD)
def test_every_metric_says_what_it_is_and_whether_more_is_better(name):
    one = metric(name)
    worse = np.clip(HR + RNG.normal(0, 40, HR.shape), 0, 255).round().astype(np.uint8)
    assert (one(SR, HR) > one(worse, HR)) == (one.better == "more")
    assert one.title and one.words and one.heading == (f"{one.title} ({one.unit})" if one.unit else one.title)


@pytest.mark.parametrize("name", STANDARD)
def test_unequal_shapes_are_refused(name):
    with pytest.raises(DataError, match=r"sr is \(47, 40, 3\) and hr \(48, 40, 3\)"):
        metric(name)(HR[1:], HR)


def test_the_page_lists_the_table():
    page = (Path(__file__).resolve().parents[1] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w-]+)` \| (.*) \| (more|less) \| (.*) \|$", page, re.MULTILINE)
    assert [name for name, *_ in listed] == list(METRICS)
    for name, title, better, words in listed:
        row = METRICS[name]
        assert (better, title) == (row.better, metric(name).heading if name in STANDARD and row.listed else title)
        assert name not in STANDARD or words == row.words


def test_a_metric_that_needs_options_is_in_the_table_and_not_among_the_standard_ones():
    assert set(METRICS) == {*STANDARD, "ms-ssim", "vgg", "lpips", "dists", "niqe-upres"}
    with pytest.raises(ConfigError, match=r"metric 'vgg' has no default for features"):
        measure(SR, HR, Protocol(), ("vgg",))


def test_unequal_dtypes_need_a_peak():
    with pytest.raises(DataError, match="give both the same dtype"):
        psnr(SR / 255, HR)


def test_ssim_refuses_what_is_smaller_than_its_window():
    with pytest.raises(DataError, match=r"pictures of 10×30 are smaller than its 11×11 window"):
        ssim(np.zeros((30, 10)), np.zeros((30, 10)))


def test_a_protocol_says_itself_in_one_line():
    assert Protocol(border=4).describe() == "luma BT.601 studio range, border 4, 8-bit"
    assert Protocol(space="rgb", quantised=False).describe() == "RGB, border 0, unrounded"
    assert Protocol(space="gray", border=2).describe() == "gray BT.601 full range, border 2, 8-bit"


def test_measure_does_what_its_protocol_says():
    inside = (slice(4, -4), slice(4, -4))
    a, b = (luma(picture / 255)[inside] for picture in (SR, HR))
    scores = measure(SR, HR, Protocol(border=4), STANDARD)
    assert list(scores) == STANDARD
    assert scores["psnr"] == pytest.approx(psnr(a, b, peak=255))
    assert scores["ssim"] == pytest.approx(ssim(a, b, peak=255))
    assert measure(SR, HR, Protocol(space="rgb"))["psnr"] == pytest.approx(psnr(SR, HR))


def test_measure_rounds_to_8_bits_unless_told_not_to():
    near = np.full((16, 16, 3), 0.4, np.float32)
    hr = np.full((16, 16, 3), 102, np.uint8)
    assert measure(near + 0.001, hr, Protocol())["psnr"] == math.inf
    assert measure(near + 0.001, hr, Protocol(quantised=False))["psnr"] < 70


def test_one_channel_is_measured_as_it_is():
    sr, hr = SR[..., :1], HR[..., :1]
    for space in ("luma", "rgb", "gray"):
        assert measure(sr, hr, Protocol(space=space))["psnr"] == pytest.approx(psnr(sr, hr))


def test_measure_refuses_what_it_cannot_do():
    with pytest.raises(ConfigError, match=r"metric 'psrn' is unknown; did you mean psnr\? Known: psnr"):
        measure(SR, HR, Protocol(), ("psrn",))
    with pytest.raises(DataError, match="sr is 40×47×3 and hr 40×48×3; they must be the same size"):
        measure(SR[1:], HR, Protocol())
    with pytest.raises(DataError, match="border 20 leaves nothing of 40×48"):
        measure(SR, HR, Protocol(border=20))
    with pytest.raises(DataError, match="with c = 1 or 3"):
        measure(SR[..., :2], HR[..., :2], Protocol())


def mean_scores(folder, scale, pair):
    scores = []
    for path in picture_files(folder):
        hr = read(path).pixels
        height, width = (side // scale * scale for side in hr.shape[:2])
        scores.append(pair(hr[:height, :width], scale))
    return np.mean(scores, axis=0)


def by_rgb(hr, scale):
    """As the library does it: 8-bit RGB down, 8-bit RGB up, unrounded luma."""
    score = measure(imresize(imresize(hr, 1 / scale), scale), hr, Protocol(border=scale))
    return score["psnr"], score["ssim"]


def by_rounded_luma(hr, scale):
    """As the scripts did it that printed the Set5 row: luma resized in float, both rounded to 8 bits at the end."""
    y = luma(hr / 255)
    up = imresize(imresize(y, 1 / scale), scale)
    inside = (slice(scale, -scale), slice(scale, -scale))
    a, b = (np.floor(np.clip(picture[inside], 0, 255) + 0.5) for picture in (up, y))
    return psnr(a, b, peak=255), ssim(a, b, peak=255)


SET5 = [(2, 33.66, 0.9299), (3, 30.39, 0.8682), (4, 28.42, 0.8104)]


@pytest.mark.parametrize(("scale", "published_psnr", "published_ssim"), SET5)
def test_the_published_set5_row(shared_data, scale, published_psnr, published_ssim):
    """Measured 33.673/0.9303, 30.403/0.8689, 28.429/0.8111.

    What remains, about +0.01 dB and +0.0006, is where the rounding happens: measured as `by_rounded_luma` the
    same pictures give 33.656/0.9297, 30.390/0.8681, 28.420/0.8103, which is the published row to its last
    digit but for 0.0002 of SSIM.
    """
    folder = shared_data / "benchmarks" / "Set5" / "HR"
    decibels, similarity = mean_scores(folder, scale, by_rgb)
    assert decibels == pytest.approx(published_psnr, abs=0.02)
    assert similarity == pytest.approx(published_ssim, abs=0.001)
    decibels, similarity = mean_scores(folder, scale, by_rounded_luma)
    assert decibels == pytest.approx(published_psnr, abs=0.005)
    assert similarity == pytest.approx(published_ssim, abs=0.0003)


@pytest.mark.slow
def test_the_published_b100_row(shared_data):
    """Measured 25.961/0.6681; as `by_rounded_luma` the SSIM comes down by the same 0.0006 as on Set5."""
    decibels, similarity = mean_scores(shared_data / "benchmarks" / "BSD100" / "HR", 4, by_rgb)
    assert decibels == pytest.approx(25.96, abs=0.02)
    assert similarity == pytest.approx(0.6675, abs=0.001)


def test_set14_has_its_gray_picture_measured_as_it_is(shared_data):
    """Published ×4: 26.00/0.7027. With `bridge` put on 16-235 like the others it would be 26.09/0.7048."""
    decibels, similarity = mean_scores(shared_data / "benchmarks" / "Set14" / "HR", 4, by_rgb)
    assert decibels == pytest.approx(26.00, abs=0.02)
    assert similarity == pytest.approx(0.7027, abs=0.001)


def test_ms_ssim_equals_the_loss_of_that_name():
    torch = pytest.importorskip("torch")
    from upres.losses.ms_ssim import MSSSIM, MSSSIMConfig

    hr = imresize(RNG.integers(0, 256, (45, 48, 3), dtype=np.uint8), 4)
    sr = np.clip(hr + RNG.normal(0, 12, hr.shape), 0, 255).round().astype(np.uint8)
    pair = (torch.from_numpy(pixels.transpose(2, 0, 1)[None] / 255) for pixels in (sr, hr))
    assert ms_ssim(sr, hr) == pytest.approx(1 - float(MSSSIM(MSSSIMConfig())(*pair)), abs=1e-6)
    assert ms_ssim(hr, hr) == 1 and METRICS["ms-ssim"].only_by_name
    with pytest.raises(DataError, match="ms-ssim: pictures of 192×175 are smaller than the 176×176 that its five scal"):
        ms_ssim(sr[:175], hr[:175])
