"""Which model enlarges a picture when nobody says: the photo flavour for lossy files, where it is shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import upres
from tests.tiny_models import tiny_onnx
from upres.cli.main import main
from upres.image import Picture, write
from upres.upscaling.choosing import LOSSY, default_for


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures to enlarge, in the working folder."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    for name in ("a.jpg", "b.webp", "c.png"):
        write(Picture(pixels), Path(name))


def enlarged(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[str], str]:
    with pytest.raises(SystemExit) as ended:
        main(["a.jpg", "b.webp", "c.png", "--output", "large", "--overwrite", "--scale", "2", *arguments])
    out, err = capsys.readouterr()
    assert ended.value.code in (0, None), err
    return [line.split(", ")[-2].removesuffix(" ×2") for line in out.splitlines()], err


def test_without_a_photo_model_all_pictures_get_base(tmp_path: Path) -> None:
    formats = (*LOSSY, "PNG", None)
    (tmp_path / "base-x2.onnx").write_bytes(tiny_onnx(scale=2, name="base"))
    assert [default_for(form, tmp_path) for form in formats] == ["base"] * 4
    (tmp_path / "base-photo-x2.onnx").write_bytes(tiny_onnx(scale=2, name="base-photo"))
    assert [default_for(form, tmp_path) for form in formats] == ["base-photo", "base-photo", "base", "base"]


def test_the_shipped_photo_model_enlarges_lossy_files_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    names, told = enlarged(capsys, "--verbose")
    assert names == ["base-photo", "base-photo", "base"]
    assert "model base-photo, because the file is JPEG" in told
    assert "model base-photo, because the file is WebP" in told
    assert told.count("because") == 2


def test_the_model_that_is_asked_for_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert enlarged(capsys, "--model", "base")[0] == ["base", "base", "base"]
    assert enlarged(capsys, "--model", "base-photo")[0] == ["base-photo"] * 3


def test_the_api_takes_the_same() -> None:
    by_model = {
        name: [upres.upscale(f, scale=2, model=name) for f in ("a.jpg", "c.png")] for name in ("base", "base-photo")
    }
    assert not np.array_equal(by_model["base"][0].pixels, by_model["base-photo"][0].pixels)
    assert np.array_equal(upres.upscale("a.jpg", scale=2).pixels, by_model["base-photo"][0].pixels)
    assert np.array_equal(upres.upscale("c.png", scale=2).pixels, by_model["base"][1].pixels)
    pillow = pytest.importorskip("PIL.Image")
    with pillow.open("a.jpg") as picture:
        expected = upres.upscale(np.asarray(picture), scale=2, model="base-photo")
        assert np.array_equal(np.asarray(upres.upscale(picture, scale=2)), expected)
