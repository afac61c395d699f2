"""What cannot be written is refused before the old file is touched."""

import dataclasses

import numpy as np
import pytest
import pyvips

from small_pictures import failure, picture
from upres.errors import FailedError
from upres.image import Picture, check_writable, read, write


def test_alpha_into_jpeg(tmp_path):
    path = tmp_path / "p.jpg"
    clear = picture(alpha=True)
    assert failure(write, clear, path) == (
        f"{path}: the picture has transparency and JPEG holds none; "
        "write .png or .webp or .tif, or lay it on a background such as white"
    )
    opaque = dataclasses.replace(clear, alpha=np.full_like(clear.alpha, 255))
    write(opaque, path)
    assert read(path).alpha is None


@pytest.mark.parametrize(
    ("name", "shape", "rule"),
    [
        ("p.jpg", (1, 65_536), "65536×1 does not fit JPEG, whose sides end at 65,535; write .png or .tif"),
        ("p.webp", (16_384, 1), "1×16384 does not fit WebP, whose sides end at 16,383; write .png or .tif"),
        ("p.jpg", (16_384, 65_536), "65536×16384 does not fit JPEG, whose sides end at 65,535; write .png or .tif"),
    ],
)
def test_a_side_too_long(tmp_path, name, shape, rule):
    path = tmp_path / name
    assert failure(check_writable, path, height=shape[0], width=shape[1]) == f"{path}: {rule}"
    if min(shape) == 1:
        assert failure(write, Picture(np.zeros((*shape, 1), np.uint8)), path) == f"{path}: {rule}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "rule"),
    [
        ("p.jpgg", {}, "upres writes no .jpgg files; did you mean .jpg? Known: .jpg, .jpeg, .png, "),
        ("p", {}, "the name has no suffix to say the format; Known: .apng, .avif, "),
        ("none/p.png", {}, "create it first"),
        ("p.jpg", {"lossless": True}, "JPEG is never lossless; write .png or .webp or .tif"),
        ("p.jpg", {"quality": 101}, "quality = 101: should be from 1 to 100"),
        ("folder.png", {}, "is a folder; give the name of a file in it"),
    ],
)
def test_a_place_or_a_way_that_cannot_be(tmp_path, name, options, rule):
    (tmp_path / "folder.png").mkdir()
    message = failure(write, picture(), tmp_path / name, **options)
    assert message.startswith(f"{tmp_path / name}: ")
    assert rule in message
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_a_failed_encoding_leaves_nothing_new_and_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "p.tif"
    old = picture()
    write(old, path)

    def full(file, *_, **__):
        file.write(b"half a fi")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("upres.image.metadata.tiff.add_tags", full)
    message = failure(write, picture(), path, kind=FailedError)
    assert message == f"{path}: could not be written (No space left on device); nothing was left behind"
    assert [found.name for found in tmp_path.iterdir()] == ["p.tif"]
    assert np.array_equal(read(path).pixels, old.pixels)


def test_libvips_failing_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise pyvips.Error("unable to call pngsave", "pngsave: broken\nvips2png: too")

    monkeypatch.setattr(pyvips.Image, "pngsave", refuse, raising=False)
    message = failure(write, picture(), tmp_path / "p.png", kind=FailedError)
    assert "could not be written" in message
    assert list(tmp_path.iterdir()) == []
