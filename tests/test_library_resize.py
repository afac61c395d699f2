"""Each library's bicubic, pixel for pixel: as it was recorded, and as it is where the library is installed.

tests/golden/library_resize.npz holds what Pillow 13.0, OpenCV 5.0 (4.14 gave the same) and TensorFlow 2.21 made of two
random pictures, TensorFlow's floats rounded to levels, halves to even ones.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from upres.config.named_parts import build, parse_part
from upres.degrade import DEGRADATIONS
from upres.degrade.bicubic import BicubicConfig
from upres.errors import ConfigError
from upres.image import imresize
from upres.image.library_resize import NAMES, Library, antialias_of, library_resize, reduced

RECORDED = Path(__file__).parent / "golden" / "library_resize.npz"
WAYS: list[tuple[str, Library, bool]] = [
    ("pillow", "pillow", True),
    ("opencv", "opencv", False),
    ("tensorflow0", "tensorflow", False),
    ("tensorflow1", "tensorflow", True),
]


def degraded(hr: NDArray[np.uint8], scale: int, **options: object) -> NDArray[np.uint8]:
    part = parse_part(DEGRADATIONS, {"name": "bicubic", **options}, where="test", key="degradation")
    lr: NDArray[np.uint8] = build(DEGRADATIONS, part)(hr, scale=scale, rng=np.random.default_rng(0))
    return lr


@pytest.mark.parametrize(("key", "library", "antialias"), WAYS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_is_what_the_library_made(key: str, library: Library, antialias: bool, scale: int) -> None:
    with np.load(RECORDED) as recorded:
        for name in ("a", "b"):
            hr, expected = recorded[f"{name}_hr"], recorded[f"{name}_{scale}_{key}"]
            made = reduced(hr, scale, library, antialias=antialias)
            apart = np.abs(made.astype(int) - expected)
            ties = 1 if key == "tensorflow1" else 0  # it adds in single precision: a half may fall either way
            assert apart.max() <= ties and np.count_nonzero(apart) <= ties, name
            np.testing.assert_array_equal(degraded(hr, scale, kernel=library, antialias=antialias), made)


@pytest.mark.parametrize("shape", [(16, 16, 3), (37, 50, 3), (64, 61), (9, 130, 1)])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_is_pillow(shape: tuple[int, ...], scale: int) -> None:
    hr = np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)
    size = tuple(math.ceil(side / scale) for side in shape[:2])
    theirs = np.asarray(Image.fromarray(hr.squeeze()).resize((size[1], size[0]), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(library_resize(hr, (size[0], size[1]), "pillow").squeeze(), theirs)


def test_it_is_opencv_where_that_is_installed() -> None:
    cv2: Any = pytest.importorskip("cv2")
    hr = np.random.default_rng(5).integers(0, 256, (61, 90, 3), dtype=np.uint8)
    for size in ((30, 45), (20, 31), (16, 16)):
        theirs = cv2.resize(hr, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
        np.testing.assert_array_equal(library_resize(hr, size, "opencv"), theirs)


def test_it_is_tensorflow_where_that_is_installed() -> None:
    tf: Any = pytest.importorskip("tensorflow")
    hr = np.random.default_rng(5).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    for antialias in (False, True):
        theirs = tf.image.resize(hr, (32, 48), "bicubic", antialias=antialias).numpy()
        ours = library_resize(hr, (32, 48), "tensorflow", antialias=antialias)
        assert np.abs(np.clip(theirs, 0, 255) - ours).max() < 0.501


def test_matlabs_is_imresize_and_what_is_taken_unless_said() -> None:
    hr = np.random.default_rng(3).integers(0, 256, (31, 45, 3), dtype=np.uint8)
    np.testing.assert_array_equal(reduced(hr, 2), imresize(hr, 0.5))
    np.testing.assert_array_equal(reduced(hr, 2, "matlab", antialias=False), imresize(hr, 0.5, antialias=False))
    np.testing.assert_array_equal(library_resize(hr, (20, 20), "matlab"), imresize(hr, size=(20, 20)))
    np.testing.assert_array_equal(degraded(hr, 2), imresize(hr, 0.5))
    assert {library: antialias_of(library) for library in NAMES} == {
        "matlab": True,
        "pillow": True,
        "opencv": False,
        "tensorflow": False,
    }


def test_each_way_has_a_cache_of_its_own() -> None:
    ways = [BicubicConfig(kernel=library, antialias=antialias) for _, library, antialias in WAYS]
    assert len({repr(way) for way in [*ways, BicubicConfig(), BicubicConfig(antialias=False)]}) == len(ways) + 2


def test_what_a_library_cannot_do_is_refused() -> None:
    hr = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ConfigError, match="antialias = false: kernel pillow always does; leave it out, or take kernel"):
        reduced(hr, 2, "pillow", antialias=False)
    with pytest.raises(ConfigError, match="antialias = true: kernel opencv never does"):
        degraded(hr, 2, kernel="opencv", antialias=True)
    with pytest.raises(ConfigError, match="kernel"):
        degraded(hr, 2, kernel="lanczos")
    with pytest.raises(ConfigError, match=r"size = \(0, 4\): should be at least 1×1"):
        library_resize(hr, (0, 4), "pillow")
