"""Which model enlarges a picture when nobody says: the photo flavour for lossy files, once it is shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import upres
from tiny_models import tiny_onnx
from upres.cli.main import main
from upres.image import Picture, write
from upres.models import shipped


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures to enlarge in the working folder; a shelf of shipped models beside it."""
    shelf = tmp_path / "models"
    shelf.mkdir()
    (shelf / "base-x2.onnx").write_bytes(tiny_onnx(scale=2, name="base"))
    monkeypatch.setattr(shipped, "FOLDER", shelf)
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    for name in ("a.jpg", "b.webp", "c.png"):
        write(Picture(pixels), Path(name))
    return shelf


def enlarged(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[str], str]:
    with pytest.raises(SystemExit) as ended:
        main(["a.jpg", "b.webp", "c.png", "--output", "large", "--overwrite", *arguments])
    out, err = capsys.readouterr()
    assert ended.value.code in (0, None), err
    return [line.split(", ")[-2].removesuffix(" ×2") for line in out.splitlines()], err


def test_without_a_photo_model_all_pictures_get_base(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enlarged(capsys)[0] == ["base", "base", "base"]


def test_a_shipped_photo_model_enlarges_lossy_files_and_says_why(
    shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shelf / "base-photo-x2.onnx").write_bytes(tiny_onnx(scale=2, name="base-photo"))
    names, told = enlarged(capsys, "--verbose")
    assert names == ["base-photo", "base-photo", "base"]
    assert "model base-photo, because the file is JPEG" in told
    assert "model base-photo, because the file is WebP" in told
    assert told.count("because") == 2


def test_the_model_that_is_asked_for_is_taken(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shelf / "base-photo-x2.onnx").write_bytes(tiny_onnx(scale=2, name="base-photo"))
    assert enlarged(capsys, "--model", "base")[0] == ["base", "base", "base"]
    assert enlarged(capsys, "--model", "base-photo")[0] == ["base-photo"] * 3


def test_the_api_takes_the_same(shelf: Path) -> None:
    (shelf / "base-photo-x2.onnx").write_bytes(tiny_onnx(scale=2, name="base-photo", seed=1))
    by_model = {name: [upres.upscale(f, model=name) for f in ("a.jpg", "c.png")] for name in ("base", "base-photo")}
    assert not np.array_equal(by_model["base"][0].pixels, by_model["base-photo"][0].pixels)
    assert np.array_equal(upres.upscale("a.jpg").pixels, by_model["base-photo"][0].pixels)
    assert np.array_equal(upres.upscale("c.png").pixels, by_model["base"][1].pixels)
    pillow = pytest.importorskip("PIL.Image")
    with pillow.open("a.jpg") as picture:
        expected = upres.upscale(np.asarray(picture), model="base-photo")
        assert np.array_equal(np.asarray(upres.upscale(picture)), expected)
