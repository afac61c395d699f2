"""What cannot be written is refused before the old file is touched."""

import dataclasses

import numpy as np
import pytest

from tests.commands import full_disk
from tests.small_pictures import failure, picture
from upres.errors import FailedError
from upres.image import Pages, Picture, check_writable, read, write, write_pages


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
def test_a_place_or_an_option_that_cannot_be(tmp_path, name, options, rule):
    (tmp_path / "folder.png").mkdir()
    message = failure(write, picture(), tmp_path / name, **options)
    assert message.startswith(f"{tmp_path / name}: ")
    assert rule in message
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp", ".jpg", ".webp", ".gif", ".ppm"])
@pytest.mark.parametrize("largest", [0, 9, 600])
def test_a_failed_encoding_leaves_nothing_new_and_the_old_file(tmp_path, suffix, largest):
    path = tmp_path / f"p{suffix}"
    write(picture(), path)
    before = path.read_bytes()
    with full_disk(largest):
        message = failure(write, picture(height=50, width=60), path, kind=FailedError)
    # In the system's own words, and without the name of a temporary file.
    assert message == f"{path}: could not be written (File too large); nothing was left behind"
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["p.gif", "p.png", "p.webp", "pages.tif"])
def test_several_pictures_on_a_full_disk_leave_nothing_either(tmp_path, name):
    timed = None if name == "pages.tif" else (50.0, 50.0)
    with full_disk(600):
        message = failure(write_pages, Pages([picture(), picture()], 2, timed), tmp_path / name, kind=FailedError)
    assert message == f"{tmp_path / name}: could not be written (File too large); nothing was left behind"
    assert list(tmp_path.iterdir()) == []


def test_what_python_appends_to_a_file_fails_as_cleanly(tmp_path):
    """The tags of a TIFF are written behind what libvips wrote."""
    write(picture(), tmp_path / "p.tif")
    size = (tmp_path / "p.tif").stat().st_size
    path = tmp_path / "tags.tif"
    tags = {"iptc": bytes(20_000)}
    with full_disk(size + 1000):
        message = failure(write, picture(metadata=tags), path, kind=FailedError)
    assert message == f"{path}: could not be written (File too large); nothing was left behind"
    assert [found.name for found in tmp_path.iterdir()] == ["p.tif"]
