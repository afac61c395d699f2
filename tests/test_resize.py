"""`imresize` against a second implementation, against MATLAB's own files, and against what must hold for any."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upres.errors import ConfigError
from upres.image import imresize, picture_files, read
from upres.image.resize import imresize_bands


def matrix(length, out, scale, antialias):
    """The `out × length` resizing matrix, an entry at a time, from imresize.m's documentation.

    Written apart from the package: it adds weights into mirrored columns of a dense matrix, and evaluates
    Keys' kernel pixel by pixel.
    """

    def keys(x):
        x = abs(x)
        if x <= 1:
            return 1.5 * x**3 - 2.5 * x**2 + 1
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0

    shrink = min(1.0, scale) if antialias else 1.0
    support = 2 / shrink
    dense = np.zeros((out, length))
    for row in range(out):
        at = (row + 0.5) / scale - 0.5
        taps = {k: keys((at - k) * shrink) for k in range(math.floor(at - support), math.ceil(at + support) + 1)}
        total = sum(taps.values())
        for k, weight in taps.items():
            column = k
            while not 0 <= column < length:  # mirrored, the edge pixel repeated
                column = -1 - column if column < 0 else 2 * length - 1 - column
            dense[row, column] += weight / total
    return dense


def oracle(picture, scale, *, antialias=True):
    rows = matrix(picture.shape[0], math.ceil(picture.shape[0] * scale), scale, antialias)
    columns = matrix(picture.shape[1], math.ceil(picture.shape[1] * scale), scale, antialias)
    between = np.einsum("ih,hwc->iwc", rows, picture.astype(np.float64))
    if picture.dtype == np.uint8:
        between = np.floor(np.clip(between, 0, 255) + 0.5)
    after = np.einsum("jw,iwc->ijc", columns, between)
    return np.floor(np.clip(after, 0, 255) + 0.5).astype(np.uint8) if picture.dtype == np.uint8 else after


@pytest.mark.parametrize("scale", [1 / 4, 1 / 3, 1 / 2, 0.7, 1.0, 1.5, 2, 3, 4])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("shape", [(24, 36, 3), (13, 7, 1), (5, 3, 3)])
def test_it_equals_a_dense_matrix(scale, antialias, shape):
    """Floats to rounding; of bytes, all but those that the order of summing tips over an exact half."""
    picture = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    floats = imresize(picture.astype(np.float64), scale, antialias=antialias)
    assert np.abs(floats - oracle(picture.astype(np.float64), scale, antialias=antialias)).max() < 1e-10
    theirs = oracle(picture, scale, antialias=antialias).astype(int)
    ours = imresize(picture, scale, antialias=antialias).astype(int)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() < 0.01


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["Set5", "Set14"])
def test_every_pixel_equals_matlab(shared_data, name, scale):
    compared = 0
    for path in picture_files(shared_data / "benchmarks" / name / "HR"):
        hr = read(path).pixels
        height, width = (side // scale * scale for side in hr.shape[:2])
        lr = read(shared_data / "benchmarks" / name / f"LRx{scale}" / path.name).pixels
        assert np.array_equal(imresize(hr[:height, :width], 1 / scale), lr), path.name
        compared += 1
    assert compared == {"Set5": 5, "Set14": 14}[name]


def test_a_step_as_worked_by_hand():
    """Keys' kernel at ¼, ¾, 1¼ and 1¾ pixels weighs 111, 29, −9 and −3 in 128ths."""
    step = np.array([[0.0, 0, 0, 128, 128, 128]])
    enlarged = [0, 0, 0, -3, -9, 29 - 3, 111 - 9, 128 + 9, 128 + 3, 128, 128, 128]
    assert np.allclose(imresize(step, 2)[0], enlarged, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    level=st.integers(0, 255),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    scale=st.sampled_from([1 / 4, 1 / 3, 1 / 2, 0.37, 1.3, 2, 3, 4]),
)
def test_a_constant_stays_that_constant(level, height, width, scale):
    picture = np.full((height, width, 3), level, np.uint8)
    resized = imresize(picture, scale)
    assert resized.shape == (math.ceil(height * scale), math.ceil(width * scale), 3)
    assert (resized == level).all()
    assert (imresize(resized, size=(height, width)) == level).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), scale=st.sampled_from([1 / 3, 1 / 2, 2, 3]))
def test_mirroring_before_is_mirroring_after(seed, scale):
    """In float: in bytes a half may be reached from either side."""
    picture = np.random.default_rng(seed).random((12, 18))
    assert np.allclose(imresize(picture[::-1, ::-1], scale), imresize(picture, scale)[::-1, ::-1], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_the_dtype_stays(dtype):
    picture = np.zeros((6, 8, 3), dtype)
    picture[:, 4:] = 255
    resized = imresize(picture, 2)
    assert resized.dtype == dtype
    assert resized.shape == (12, 16, 3)
    if dtype == np.uint8:
        assert (resized.min(), resized.max()) == (0, 255), "the overshoot is clipped, not wrapped"
    if np.issubdtype(dtype, np.floating):
        assert resized.max() > 255, "floats keep the overshoot"


def test_uint16_keeps_levels_that_8_bits_cannot():
    ramp = np.arange(1000, 1064, dtype=np.uint16)[None, :].repeat(8, 0)
    assert np.array_equal(np.unique(imresize(ramp, 2)), np.arange(1000, 1064))


def test_the_axis_that_shrinks_most_goes_first():
    """As MATLAB does; it shows in bytes, which are rounded between the passes."""
    picture = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    assert np.array_equal(imresize(picture, size=(20, 10)), imresize(imresize(picture, size=(40, 10)), size=(20, 10)))
    assert np.array_equal(imresize(picture, size=(10, 20)), imresize(imresize(picture, size=(10, 40)), size=(10, 20)))


def test_the_input_is_not_touched():
    picture = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    before = picture.copy()
    same = imresize(picture, 1.0)
    assert np.array_equal(same, picture)
    assert not np.shares_memory(same, picture)
    assert np.array_equal(before, picture)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "imresize: give either scale or size"),
        ({"scale": 2, "size": (1, 1)}, "imresize: give either scale or size"),
        ({"scale": 0}, "imresize: scale = 0: should be a positive number"),
        ({"scale": math.nan}, "imresize: scale = nan: should be a positive number"),
        ({"size": (0, 4)}, "imresize: size = (0, 4): should be at least 1×1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ConfigError, match=r"^imresize") as caught:
        imresize(np.zeros((4, 4)), **arguments)
    assert str(caught.value) == message


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 40),
    out_height=st.integers(1, 300),
    out_width=st.integers(1, 60),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    band=st.integers(1, 90),
)
def test_in_bands_it_gives_the_very_same_pixels(height, width, out_height, out_width, dtype, band):
    noise = np.random.default_rng(height).random((height, width, 3))
    picture = noise.astype(dtype) if dtype == "float32" else (noise * np.iinfo(dtype).max).astype(dtype)
    whole = imresize(picture, size=(out_height, out_width))
    parts = (picture[top : top + band] for top in range(0, height, band))
    got = imresize_bands(parts, height=height, width=width, size=(out_height, out_width), dtype=dtype)
    assert np.array_equal(np.concatenate(list(got)), whole)


def test_in_bands_it_holds_no_more_rows_than_its_taps_reach():
    taken = 0

    def rows():
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield np.zeros((1, 4, 3), np.float32)

    given_ = 0
    for band in imresize_bands(rows(), height=1000, width=4, size=(800, 3), dtype="float32"):
        given_ += len(band)
        assert taken <= given_ * 1000 / 800 + 4
    assert (taken, given_) == (1000, 800)
