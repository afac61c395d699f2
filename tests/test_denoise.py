"""Each picture gets the position between its model's corners that fits it, and whoever asks is told which and why."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image

import upres
from tests.commands import Command
from tests.tiny_models import tiny_onnx
from upres.errors import ConfigError, RenamedWarning
from upres.image import OpenedPicture, read
from upres.models.corners import Position, corner_file
from upres.predictors import open_predictor
from upres.upscaling.loading import Upscalers
from upres.upscaling.sizes import Size
from upres.upscaling.upscaler import Upscaler


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with two corners, another without, and a photograph saved in four ways."""
    monkeypatch.chdir(tmp_path)
    for seed, file in enumerate((Path("m.onnx"), *(corner_file(Path("m.onnx"), name) for name in ("light", "heavy")))):
        file.write_bytes(tiny_onnx(seed=seed))
    Path("alone.onnx").write_bytes(tiny_onnx(seed=9))
    pixels = read(Path(upres.__file__).parent / "compare" / "sumac.webp").pixels[:96, 100:260].copy()
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="srgb")
    image.pngsave("clean.png")
    image.jpegsave("90.jpg", Q=90)
    image.jpegsave("40.jpg", Q=40)
    pyvips.Image.new_from_file("40.jpg").pngsave("was.png")
    return tmp_path


def by_position(file: str, position: float, model: str = "m.onnx") -> NDArray[np.uint8]:
    return Upscaler(open_predictor(Path(model), position=Position(position))).picture(read(file)).pixels


def test_files_say_what_they_need(work: Path, command: Command) -> None:
    options = ("-o", "large", "--model", "m.onnx", "--backend", "onnx", "--manifest", "m.jsonl")
    code, _, err = command("clean.png", "90.jpg", "40.jpg", "was.png", *options, "--format", "png", "-v")
    assert code == 0, err
    rows = [json.loads(line) for line in Path("m.jsonl").read_text().splitlines()]
    positions = {row["input"]: row["denoise"] for row in rows}
    assert positions["clean.png"] == 0 < positions["90.jpg"] < positions["40.jpg"] == 1
    assert positions["was.png"] == 1
    reasons = {row["input"]: row["changes"] for row in rows}
    assert reasons["90.jpg"][0] == f"denoise {positions['90.jpg']:g}, because the file is JPEG of quality 90"
    assert reasons["was.png"][0].startswith("denoise 1, because it was a JPEG of quality ")
    assert not any("denoise" in change for change in reasons["clean.png"])
    for row in rows:
        np.testing.assert_array_equal(read(row["output"]).pixels, by_position(row["input"], row["denoise"]))


def test_the_library_takes_the_same(work: Path) -> None:
    for name, position in (("clean.png", 0.0), ("40.jpg", 1.0), ("was.png", 1.0)):
        expected = by_position(name, position)
        np.testing.assert_array_equal(upres.upscale(name, model="m.onnx", backend="onnx").pixels, expected)
        np.testing.assert_array_equal(upres.upscale(read(name), model="m.onnx", backend="onnx").pixels, expected)
        np.testing.assert_array_equal(upres.upscale(read(name).pixels, model="m.onnx", backend="onnx"), expected)
        with Image.open(name) as image:
            image.load()
            np.testing.assert_array_equal(np.asarray(upres.upscale(image, model="m.onnx", backend="onnx")), expected)
    # Who loads a model once has it as it is.
    np.testing.assert_array_equal(upres.load("m.onnx", backend="onnx")(read("40.jpg").pixels), by_position("40.jpg", 0))
    np.testing.assert_array_equal(
        upres.load("m.onnx", denoise=0.5, backend="onnx")(read("40.jpg").pixels), by_position("40.jpg", 0.5)
    )
    small = read("was.png").pixels[:20, :20]
    np.testing.assert_array_equal(
        upres.upscale(small, model="m.onnx", backend="onnx"), upres.load("m.onnx", backend="onnx")(small)
    )


def test_what_is_asked_for_is_taken(work: Path, command: Command) -> None:
    command("40.jpg", "-o", "a.png", "--backend", "onnx", "--model", "m.onnx", "--denoise", "0.25")
    np.testing.assert_array_equal(read("a.png").pixels, by_position("40.jpg", 0.25))
    np.testing.assert_array_equal(
        upres.upscale("40.jpg", model="m.onnx", denoise=0.0, backend="onnx").pixels, by_position("40.jpg", 0)
    )


def test_the_second_step_of_a_chain_meets_no_compression(work: Path) -> None:
    first = Upscaler(open_predictor(Path("m.onnx"), position=Position(1.0)))
    second = Upscaler(open_predictor(Path("m.onnx")))
    chain = upres.load("m.onnx", scale=4, denoise=1.0, backend="onnx")
    assert [bool(predictor.facts.blend) for predictor in chain.predictors] == [True, False]
    pixels = read("40.jpg").pixels.astype(np.float32) / 255
    np.testing.assert_allclose(chain(pixels), np.clip(second(first(pixels)), 0, 1), atol=0.02)


def test_a_model_without_corners_is_as_it_was(work: Path, command: Command) -> None:
    expected = by_position("40.jpg", 0, "alone.onnx")
    np.testing.assert_array_equal(upres.upscale("40.jpg", model="alone.onnx", backend="onnx").pixels, expected)
    code, _, failed = command("40.jpg", "--model", "alone.onnx", "--denoise", "0.5")
    assert code == 2
    assert "denoise = 0.5: alone.onnx has no weights for compressed pictures" in failed and "(--denoise)" in failed
    assert "--denoise loud: should be a number from 0 to 1, or auto" in command("40.jpg", "--denoise", "loud")[2]
    assert "denoise = 2: should be from 0 to 1" in command("40.jpg", "--model", "m.onnx", "--denoise", "2")[2]
    with pytest.raises(ConfigError, match=r"denoise = 0\.5"):
        upres.load("bicubic", scale=2, denoise=0.5)


def test_few_mixtures_are_kept(work: Path) -> None:
    folder = Upscalers("m.onnx", Size(scale=2))
    for name in ("clean.png", "90.jpg", "40.jpg", "clean.png"):
        opened = OpenedPicture(name)
        folder.for_picture(*opened.shape.size, folder.position_for(opened).position)
    assert len(folder.loaded) == 2


def test_the_name_of_before_is_told_what_it_is_now(work: Path, command: Command) -> None:
    pixels = read("40.jpg").pixels[:24, :24]
    with pytest.warns(RenamedWarning, match="model base-photo is base with denoise 1 now; say so"):
        old = upres.load("base-photo", scale=2)(pixels)
    np.testing.assert_array_equal(old, upres.load("base", scale=2, denoise=1.0)(pixels))
    code, out, err = command("40.jpg", "--model", "base-photo", "--scale", "2")
    assert code == 0 and "base ×2" in out
    assert err == "upres: warning: model base-photo is base with denoise 1 now; say so\n"
