import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr

from upres.errors import PictureError
from upres.image import from_unit, gray, luma, rgb_from_ycbcr, to_unit, ycbcr_from_rgb

PICTURE = np.random.default_rng(1).integers(0, 256, (32, 24, 3), dtype=np.uint8)


def test_ycbcr_equals_scikit_image():
    assert np.allclose(ycbcr_from_rgb(PICTURE / 255), rgb2ycbcr(PICTURE), atol=1e-10)


def test_luma_is_the_first_channel():
    assert np.allclose(luma(PICTURE / 255), ycbcr_from_rgb(PICTURE / 255)[..., 0], rtol=0, atol=1e-12)
    assert luma(PICTURE / 255).dtype == np.float64


def test_the_studio_range_ends_where_bt601_says():
    ends = ycbcr_from_rgb(np.array([[[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 0, 1]]]))[0]
    assert np.allclose(ends[0], [16, 128, 128])
    assert np.allclose(ends[1], [235, 128, 128])
    assert ends[2, 2] == pytest.approx(240)
    assert ends[3, 1] == pytest.approx(240)


def test_rgb_comes_back():
    assert np.allclose(rgb_from_ycbcr(ycbcr_from_rgb(PICTURE / 255)), PICTURE / 255, atol=1e-12)


def test_gray_of_gray_is_itself():
    level = np.full((2, 2, 3), 77.0)
    assert np.allclose(gray(level), 77)
    assert gray(np.array([[[1.0, 0, 0]]]))[0, 0] == pytest.approx(0.299)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_level_survives_the_unit_range(dtype):
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    assert np.array_equal(from_unit(to_unit(levels), dtype), levels)


@given(st.integers(0, 65_535))
def test_16_bits_become_the_nearest_8(level):
    eight = from_unit(to_unit(np.array([level], np.uint16)), np.uint8)[0]
    assert abs(int(eight) - level / 257) <= 0.5


def test_from_unit_clips_and_rounds_half_up():
    values = np.array([-0.2, 0.5 / 255, 2.5 / 255, 1.7])
    assert from_unit(values, np.uint8).tolist() == [0, 1, 3, 255]
    assert from_unit(values, np.float32).tolist() == pytest.approx([0, 0.5 / 255, 2.5 / 255, 1])


def test_nan_has_no_level():
    with pytest.raises(PictureError, match="holds NaN"):
        from_unit(np.array([0.5, np.nan]), np.uint8)


def test_to_unit_is_a_copy_and_refuses_other_dtypes():
    floats = np.ones(3, np.float32)
    assert not np.shares_memory(to_unit(floats), floats)
    with pytest.raises(PictureError, match="pixels are int64"):
        to_unit(np.arange(3))
