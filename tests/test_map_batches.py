"""Columns of pictures in the pipelines of others, as `map_batches` of Ray Data hands them over."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.small_pictures import picture
from upres.image import read_header, write
from upres.upscaling.batch.ray import Upscale


def test_rows_of_a_pipeline() -> None:
    """`map_batches` hands over columns; nothing of Ray is in it."""
    upscale = Upscale(model="bicubic", scale=2)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)
    batch = upscale({"image": pixels, "key": np.array(["a", "b"])})
    assert [picture.shape for picture in batch["enlarged"]] == [(12, 16, 3)] * 2
    assert list(batch["key"]) == ["a", "b"] and list(batch["error"]) == ["", ""]
    odd = upscale({"image": np.zeros((1, 6, 8, 7), np.uint8)})
    assert odd["enlarged"][0] is None and "pixels have shape (6, 8, 7)" in odd["error"][0]


def test_files_of_a_pipeline(tmp_path: Path) -> None:
    write(picture(height=20, width=30), tmp_path / "a.png")
    contents = [(tmp_path / "a.png").read_bytes(), b"no picture"]
    batch = Upscale(model="bicubic", scale=2, column="bytes", form="jpg")({"bytes": contents})
    (tmp_path / "made.jpg").write_bytes(batch["enlarged"][0])
    assert (read_header(tmp_path / "made.jpg").width, read_header(tmp_path / "made.jpg").format) == (60, "JPEG")
    assert batch["enlarged"][1] is None and batch["error"][1].startswith("picture: not a picture")
