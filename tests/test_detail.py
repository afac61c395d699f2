"""Beside each corner of a model may lie one with more detail: a second axis, which is 0 where it is not wanted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import upres
from tests.commands import Command
from tests.tiny_models import tiny_onnx
from upres.compare.comparison import compare
from upres.errors import ConfigError
from upres.evaluation.evaluate import open_entrants
from upres.image import Picture, read, write
from upres.models.corners import (
    COMPRESSED,
    Position,
    corner_file,
    corner_names,
    corners_of,
    detailed_file,
    mixed_weights,
)
from upres.models.onnx_weights import read_weights
from upres.predictors import open_predictor
from upres.upscaling.choosing import DEFAULT_DETAIL
from upres.upscaling.loading import Options
from upres.upscaling.upscaler import Upscaler


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with all six corners, and a picture without any compression."""
    monkeypatch.chdir(tmp_path)
    path = Path("m.onnx")
    faithful = (path, *(corner_file(path, name) for name in COMPRESSED))
    for seed, file in enumerate((*faithful, *map(detailed_file, faithful))):
        file.write_bytes(tiny_onnx(seed=seed))
    write(Picture(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)), "clean.png")
    return path


def at(position: Position) -> NDArray[np.uint8]:
    return Upscaler(open_predictor(Path("m.onnx"), position=position)).picture(read("clean.png")).pixels


def test_the_axes_are_independent(model: Path) -> None:
    corners = corners_of(model)
    names = corner_names(corners)
    assert list(names.values()) == ["clean", "light", "heavy", "detail", "light-detail", "heavy-detail"]
    found = corners.shares(Position(0.25, 0.25))
    assert {names[file]: share for file, share in found.items()} == {
        "clean": 0.25,  # half of the weights at a quarter: the square root
        "light": 0.25,
        "detail": 0.25,
        "light-detail": 0.25,
    }
    parts = {file: read_weights(file) for file in corners.files}
    for name, values in mixed_weights(corners, Position(0.25, 0.25)).items():
        np.testing.assert_allclose(values, sum(share * parts[file][name] for file, share in found.items()), rtol=1e-5)
    for position, file in zip((Position(0, 1), Position(0.5, 1), Position(1, 1)), corners.detailed, strict=True):
        for name, values in mixed_weights(corners, position).items():
            np.testing.assert_array_equal(values, parts[file][name])


def test_who_says_nothing_gets_some_and_none_is_the_faithful_model(model: Path, command: Command) -> None:
    expected = {None: at(Position(0, DEFAULT_DETAIL)), 0.0: at(Position()), 1.0: at(Position(0, 1.0))}
    assert np.abs(expected[0.0].astype(int) - expected[1.0]).mean() > 1
    alone = Path("alone.onnx")
    alone.write_bytes(model.read_bytes())
    np.testing.assert_array_equal(expected[0.0], Upscaler(open_predictor(alone)).picture(read("clean.png")).pixels)
    for detail, pixels in expected.items():
        options = () if detail is None else ("--detail", str(detail))
        code, _, err = command(
            *("clean.png", "-o", "a.png", "--model", "m.onnx", "--backend", "onnx", "--overwrite"),
            *("--manifest", "m.jsonl", *options),
        )
        assert code == 0, err
        np.testing.assert_array_equal(read("a.png").pixels, pixels)
        row = json.loads(Path("m.jsonl").read_text().splitlines()[-1])
        assert row["detail"] == (DEFAULT_DETAIL if detail is None else detail)
        given: Options = {"backend": "onnx"} if detail is None else {"backend": "onnx", "detail": detail}
        np.testing.assert_array_equal(upres.upscale("clean.png", model="m.onnx", **given).pixels, pixels)
        np.testing.assert_array_equal(upres.load("m.onnx", **given)(read("clean.png").pixels), pixels)


def test_later_steps_keep_it_and_are_clean(model: Path) -> None:
    chain = upres.load("m.onnx", scale=4, denoise=1.0, detail=1.0, backend="onnx")
    assert [predictor.facts.blend for predictor in chain.predictors] == [{"heavy-detail": 1.0}, {"detail": 1.0}]


def test_several_places_are_named_where_models_are(model: Path, tmp_path: Path) -> None:
    found = open_entrants(["m.onnx", "m.onnx?detail=1", "m.onnx?denoise=1&detail=0.25"], 2)
    blends = [one.upscaler.predictors[0].facts.blend for one in found]
    assert blends == [{}, {"detail": 1.0}, {"heavy": 0.5, "heavy-detail": 0.5}]
    assert [one.name for one in found] == ["m.onnx", "m.onnx?detail=1", "m.onnx?denoise=1&detail=0.25"]
    with pytest.raises(ConfigError, match=r"model m.onnx: unknown key detale = '1': did you mean detail\?"):
        open_entrants(["m.onnx?detale=1"], 2)
    page = compare(["clean.png"], ["m.onnx?detail=0", "m.onnx?detail=1", "m.onnx"])
    (view,) = page.pictures[0].views
    for version, detail in zip(view.versions, (0.0, 1.0, DEFAULT_DETAIL), strict=True):
        np.testing.assert_array_equal(version.pixels, at(Position(0, detail)))


def test_a_model_without_it_is_as_it_was(model: Path, command: Command) -> None:
    detailed_file(corner_file(model, "light")).unlink()  # one of three is none
    np.testing.assert_array_equal(upres.upscale("clean.png", model="m.onnx", backend="onnx").pixels, at(Position()))
    code, _, failed = command("clean.png", "--model", "m.onnx", "--detail", "0.5")
    assert code == 2 and "detail = 0.5: m.onnx has no weights with more detail" in failed and "(--detail)" in failed
    assert "detail = 2: should be from 0 to 1" in command("clean.png", "--model", "m.onnx", "--detail", "2")[2]
    with pytest.raises(ConfigError, match=r"detail = 1"):
        upres.load("bicubic", scale=2, detail=1.0)


@pytest.mark.parametrize("scale", [2, 4])
def test_detail_moves_with_the_picture(scale: int) -> None:
    """One pixel further in the input is `scale` pixels further in the result: nothing flickers that does not move."""
    lr = np.random.default_rng(1).random((1, 3, 40, 48), dtype=np.float32)
    predictor = open_predictor("base", scale, threads=1, position=Position(0.0, 1.0))
    still, moved = predictor.predict(lr)[..., scale:], predictor.predict(np.ascontiguousarray(lr[..., 1:]))
    around = scale * (predictor.facts.radius or 0)
    np.testing.assert_allclose(still[..., around:-around], moved[..., around:-around], atol=1e-5)


@pytest.mark.parametrize("name", ["base", "fast"])
@pytest.mark.parametrize("detail", [0.5, 1.0])
def test_detail_does_not_flicker_when_the_picture_moves_by_a_pixel(name: str, detail: float) -> None:
    """What is made up moves with the picture: no place of the input is another to the network than the next one."""
    border = 20  # pixels beyond what the network sees around one
    pixels = np.random.default_rng(1).integers(0, 256, (72, 80, 3), np.uint8)
    upscaler = upres.load(name, scale=4, detail=detail, backend="onnx")
    whole = upscaler(pixels)
    for down, right in ((0, 1), (1, 0), (3, 2)):
        moved = upscaler(pixels[down:, right:])
        inner = slice(4 * border, -4 * border)
        np.testing.assert_array_equal(moved[inner, inner], whole[4 * down :, 4 * right :][inner, inner])
