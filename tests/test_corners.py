"""Between the corners of a model lies a network for every quality, and a picture's file says which it gets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import pyvips
from numpy.typing import NDArray
from onnx import numpy_helper

import upres
from tests.tiny_models import tiny_onnx
from tools.halves import halve
from upres.errors import ConfigError, ModelError
from upres.export.quantise import quantise
from upres.image import Picture, read, write
from upres.image.block_grid import jpeg_quality
from upres.image.codecs.compression import compression_of
from upres.image.opening import OpenedPicture
from upres.metrics import psnr
from upres.models.corners import Position, corner_file, corners_of, mixed_weights, rounded, shares
from upres.models.onnx_facts import read_facts
from upres.models.onnx_weights import read_weights, with_weights
from upres.models.shipped import int8_version
from upres.predictors import open_predictor
from upres.predictors.executions import this_machine
from upres.upscaling.choosing import denoise_for


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with two corners beside it."""
    path = tmp_path / "m.onnx"
    for seed, file in enumerate((path, corner_file(path, "light"), corner_file(path, "heavy"))):
        file.write_bytes(tiny_onnx(seed=seed))
    return path


def weights_of(content: bytes) -> dict[str, NDArray[Any]]:
    return {each.name: numpy_helper.to_array(each) for each in onnx.load_from_string(content).graph.initializer}


@cache
def photo(number: int = 0) -> NDArray[np.uint8]:
    """A piece of the photograph that comes with upres."""
    pixels = read(Path(upres.__file__).parent / "compare" / "sumac.webp").pixels
    top = 40 * number
    piece: NDArray[np.uint8] = pixels[top : top + 192, 100:356].copy()
    return piece


def vips(pixels: NDArray[np.uint8]) -> Any:
    return pyvips.Image.new_from_array(pixels).copy(interpretation="srgb")


def opened_jpeg(pixels: NDArray[np.uint8], quality: int, **options: object) -> NDArray[np.uint8]:
    data = vips(pixels).jpegsave_buffer(Q=quality, **options)
    result: NDArray[np.uint8] = pyvips.Image.new_from_buffer(data, "").numpy()
    return result


def test_shares_go_from_corner_to_corner() -> None:
    assert [shares(place, 3) for place in (0, 0.25, 0.5, 1)] == [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]]
    assert shares(0.375, 2) == [0.625, 0.375]
    assert [rounded(place) for place in (0.0, 0.05, 0.07, 0.99)] == [0, 0, 0.125, 1]


def test_weights_are_read_and_replaced_as_onnx_has_them(model: Path) -> None:
    content = model.read_bytes()
    ours, theirs = read_weights(model), weights_of(content)
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name])
    assert with_weights(model, ours) == content
    doubled = weights_of(with_weights(model, {"first_w": 2 * ours["first_w"]}))
    np.testing.assert_array_equal(doubled["first_w"], 2 * ours["first_w"])
    np.testing.assert_array_equal(doubled["second_w"], ours["second_w"])
    with pytest.raises(ModelError, match=r"first_b is \[16\], and \[3\] was given"):
        with_weights(model, {"first_b": np.zeros(3, np.float32)})


def mixed_by_hand(model: Path, parts: Mapping[str, float]) -> bytes:
    whole = onnx.load(model)
    files = {name: weights_of((corner_file(model, name) if name else model).read_bytes()) for name in parts}
    for tensor in whole.graph.initializer:
        values = sum(share * files[name][tensor.name] for name, share in parts.items())
        tensor.CopyFrom(numpy_helper.from_array(np.asarray(values, np.float32), tensor.name))
    content: bytes = whole.SerializeToString()
    return content


@pytest.mark.parametrize("backend", ["onnx", "openvino", "torch"])
def test_a_position_is_one_plain_network(model: Path, backend: str) -> None:
    if backend == "torch" or backend not in this_machine().backends:
        pytest.skip(f"{backend} is not installed, or opens no such graph")
    lr = np.random.default_rng(1).random((1, 3, 12, 14), dtype=np.float32)
    expected: dict[float, dict[str, float]] = {
        0.0: {"": 1.0},
        0.25: {"": 0.5, "light": 0.5},
        0.875: {"light": 0.25, "heavy": 0.75},
        1.0: {"heavy": 1},
    }
    for position, parts in expected.items():
        by_hand = model.with_name("by-hand.onnx")
        by_hand.write_bytes(mixed_by_hand(model, parts))
        mixture = open_predictor(model, backend=backend, position=Position(position))
        np.testing.assert_allclose(mixture.predict(lr), open_predictor(by_hand).predict(lr), atol=2e-6)
        told = {name or "clean": share for name, share in parts.items()}
        assert mixture.facts.blend == ({} if position == 0 else told)
        assert bool(mixture.facts.scores) == (position == 0)
    same = open_predictor(model, position=Position(0.0)).predict(lr)
    np.testing.assert_array_equal(open_predictor(model).predict(lr), same)


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_a_corner_stored_in_half_precision_mixes_and_opens_as_any(model: Path, backend: str) -> None:
    if backend not in this_machine().backends:
        pytest.skip(f"{backend} is not installed")
    light = corner_file(model, "light")
    before, size = read_weights(light), light.stat().st_size
    lr = np.random.default_rng(1).random((1, 3, 12, 14), dtype=np.float32)
    expected = [open_predictor(light, backend=backend).predict(lr)]
    expected.append(open_predictor(model, backend=backend, position=Position(0.25)).predict(lr))
    assert halve(light) > 60
    assert light.stat().st_size < size
    for name, values in read_weights(light).items():
        np.testing.assert_array_equal(values, before[name].astype(np.float16).astype(np.float32))
    assert open_predictor(light, backend=backend).facts == read_facts(light)
    for place, position in ((light, Position()), (model, Position(0.25))):
        made = open_predictor(place, backend=backend, position=position).predict(lr)
        assert 0 < np.abs(made - expected.pop(0)).max() < 2e-3


def test_nothing_is_left_behind(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    open_predictor(model, position=Position(0.5))
    assert list(scratch.iterdir()) == []


def test_an_int8_model_is_quantised_after_mixing(model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(6):
        write(Picture(photo(number)), photos / f"{number}.png")
    quantise(model, photos, spare_first=0, spare_last=0)
    frame = int8_version(model)
    assert with_weights(frame, read_weights(model)) == frame.read_bytes()  # as quantising itself rounds
    lr = (photo()[None, :32, :40] / 255).astype(np.float32).transpose(0, 3, 1, 2).copy()
    clean = open_predictor(model).predict(lr)
    for position in (0.0, 0.125, 0.5, 0.75, 1.0):
        exact = open_predictor(model, position=Position(position)).predict(lr)
        coarse = open_predictor(model, position=Position(position), precision="int8").predict(lr)
        assert psnr(np.clip(coarse[0, 0], 0, 1), np.clip(exact[0, 0], 0, 1)) > 36
        if position > 0.125:  # it is the mixture that is int8, and not the clean model
            assert np.abs(coarse - exact).mean() < 0.3 * np.abs(clean - exact).mean()


def test_what_cannot_be_mixed_is_told(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"denoise = 1.5: should be from 0 to 1"):
        open_predictor(model, position=Position(1.5))
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(tiny_onnx())
    assert corners_of(alone).files == (alone,) and len(corners_of(model).files) == 3
    for name in (alone, "bicubic"):
        with pytest.raises(ConfigError, match=r"denoise = 0.5: .* has no weights for compressed pictures"):
            open_predictor(name, position=Position(0.5))
    corner_file(model, "heavy").write_bytes(tiny_onnx(width=8))
    with pytest.raises(ModelError, match=r"m-heavy.onnx: not of the topology of m.onnx"):
        open_predictor(model, position=Position(0.75))
    assert read_facts(model).name == mixed_facts_name(model)


def mixed_facts_name(model: Path) -> str:
    return open_predictor(model, position=Position(0.5)).facts.name


@pytest.mark.parametrize("quality", [30, 60, 75, 90, 95, 100])
@pytest.mark.parametrize("colour", ["on", "off"])
def test_a_jpeg_tells_its_quality(tmp_path: Path, quality: int, colour: str) -> None:
    path = tmp_path / "a.jpg"
    vips(photo()).jpegsave(str(path), Q=quality, subsample_mode=colour)
    said = compression_of(path, "JPEG")
    assert said is not None and said.quality == pytest.approx(quality, abs=0.5) and said.subsampled == (colour == "on")


def test_others_tell_too_or_say_nothing(tmp_path: Path) -> None:
    gray, progressive = tmp_path / "gray.jpg", tmp_path / "progressive.jpg"
    vips(photo()[..., :1].copy()).copy(interpretation="b-w").jpegsave(str(gray), Q=80)
    vips(photo()).jpegsave(str(progressive), Q=80, interlace=True)
    for path in (gray, progressive):
        said = compression_of(path, "JPEG")
        assert said is not None and said.quality == 80 and said.subsampled == (path == progressive)
    qualities = []
    for quality in (30, 60, 80, 95):
        path = tmp_path / f"{quality}.webp"
        vips(photo()).webpsave(str(path), Q=quality)
        found = compression_of(path, "WebP")
        assert found is not None and found.subsampled
        qualities.append(found.quality)
    assert qualities == sorted(qualities) and 40 < qualities[0] < 70 and 94 < qualities[-1] < 99
    for name, options in (("lossless.webp", {"lossless": True}), ("a.png", {})):
        vips(photo()).write_to_file(str(tmp_path / name), **options)
        assert compression_of(tmp_path / name, "WebP" if name.endswith("webp") else "PNG") is None
    (tmp_path / "cut.jpg").write_bytes(gray.read_bytes()[:100])
    assert compression_of(tmp_path / "cut.jpg", "JPEG") is None


@pytest.mark.parametrize("quality", [40, 60, 75, 85])
@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (3, 6)])
def test_pixels_tell_that_they_were_a_jpeg_wherever_its_grid_is(quality: int, shift: tuple[int, int]) -> None:
    luma = opened_jpeg(photo(), quality).astype(float) @ [0.299, 0.587, 0.114]
    found = jpeg_quality(luma[shift[0] :, shift[1] :])
    assert found is not None and found == pytest.approx(quality, abs=4)


def test_pixels_that_were_none_tell_nothing() -> None:
    rng = np.random.default_rng(0)
    steps = (np.indices((96, 96)).sum(axis=0) // 8 % 2 * 200).astype(float)  # edges on the very grid
    for luma in (photo() @ [0.3, 0.6, 0.1], rng.integers(0, 256, (96, 96)), np.full((96, 96), 77), steps, steps[:20]):
        assert jpeg_quality(np.asarray(luma)) is None


def test_the_worse_of_file_and_pixels_decides(tmp_path: Path) -> None:
    """The file's header knows of the last time only."""
    pixels = photo()
    once = opened_jpeg(pixels, 60)
    vips(once).pngsave(str(tmp_path / "once.png"))
    vips(pixels).pngsave(str(tmp_path / "clean.png"))
    vips(pixels).jpegsave(str(tmp_path / "60.jpg"), Q=60)
    vips(pixels).jpegsave(str(tmp_path / "95.jpg"), Q=95)
    vips(once[3:, 5:].copy()).jpegsave(str(tmp_path / "95-after-60.jpg"), Q=95)
    given = {path.stem: denoise_for(OpenedPicture(path)) for path in tmp_path.iterdir()}
    assert given["clean"].position == 0 and not given["clean"].reason
    assert 0 < given["95"].position < given["60"].position
    assert given["95"].reason == "the file is JPEG of quality 95"
    for name in ("once", "95-after-60"):
        assert abs(given[name].position - given["60"].position) <= 0.125, name
        assert "was a JPEG of quality 6" in given[name].reason or "was a JPEG of quality 5" in given[name].reason


def test_a_mixture_keeps_the_corners_at_its_ends(model: Path) -> None:
    corners = corners_of(model)
    for position, file in zip((0.0, 0.5, 1.0), corners.faithful, strict=True):
        expected = read_weights(file)
        for name, values in mixed_weights(corners, Position(position)).items():
            np.testing.assert_array_equal(values, expected[name])
