"""Animations and multi-page files: every picture, its time, the loop count, and nothing of it in silence lost."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from upres.errors import FailedError, PictureError
from upres.image import Pages, Picture, read, read_header, read_pages, write, write_pages
from upres.image.codecs import frames as frames_of_files
from upres.image.codecs.table import FORMATS, Writing
from upres.image.metadata import exif
from upres.predictors.bicubic import BicubicPredictor
from upres.upscaling.pages import upscale_pages
from upres.upscaling.progress import Progress
from upres.upscaling.upscaler import Upscaler

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
DELAYS = (100.0, 250.0, 50.0, 1000.0)


def frames(count: int = 4, *, alpha: bool = False, dtype: str = "uint8") -> list[Picture]:
    """A square that moves to the right and changes its colour."""
    made = []
    for number in range(count):
        pixels = np.zeros((24, 32, 3), dtype)
        white = np.iinfo(dtype).max
        pixels[8:16, 4 * number : 4 * number + 8] = np.array(COLOURS[number % 4]) // 255 * white
        cover = pixels.max(axis=2)
        made.append(Picture(pixels, cover if alpha else None))
    return made


def animation(**options: Any) -> Pages:
    return Pages(frames(**options), 4, DELAYS, 3)


def shown(picture: Picture) -> NDArray[Any]:
    """What one sees: colours under clear pixels are nobody's business."""
    if picture.alpha is None:
        return picture.pixels
    return np.where(picture.alpha[..., None] > 0, picture.pixels, 0)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".apng"])
@pytest.mark.parametrize("alpha", [False, True])
def test_an_animation_keeps_frames_timing_and_loop(tmp_path: Path, suffix: str, alpha: bool) -> None:
    path = tmp_path / f"a{suffix}"
    write_pages(animation(alpha=alpha), path, lossless=suffix == ".webp")
    assert read_header(path).pages == 4
    after = read_pages(path)
    assert (after.count, after.delays, after.loop) == (4, DELAYS, 3)
    for _ in range(2):  # it can be gone through again
        found = list(after)
        assert len(found) == 4
        for got, wanted in zip(found, frames(alpha=alpha), strict=True):
            assert np.array_equal(shown(got), wanted.pixels)
            if alpha:
                assert np.array_equal(got.alpha, wanted.alpha)


def test_pillow_reads_what_is_written_and_writes_what_is_read(tmp_path: Path) -> None:
    image_type = pytest.importorskip("PIL.Image")
    write_pages(animation(), tmp_path / "a.png")
    with image_type.open(tmp_path / "a.png") as other:
        assert (other.n_frames, other.info["loop"]) == (4, 3)
        for number, wanted in enumerate(frames()):
            other.seek(number)
            assert other.info["duration"] == DELAYS[number]
            assert np.array_equal(np.asarray(other.convert("RGB")), wanted.pixels)
    # Pillow stores only what changed, with offsets, blending and disposal.
    pictures = [image_type.fromarray(np.dstack([one.pixels, one.alpha])) for one in frames(alpha=True)]  # type: ignore[list-item]
    for disposal in (0, 1, 2):
        # Disposal 2 with blending is left out: there Pillow shows the first frame below the later ones.
        for blend in (0, 1) if disposal < 2 else (0,):
            path = tmp_path / f"p{disposal}{blend}.png"
            options = {"duration": 40, "loop": 0, "disposal": disposal, "blend": blend}
            pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
            with image_type.open(path) as other:
                for number, got in enumerate(read_pages(path)):
                    other.seek(number)
                    rgba = np.asarray(other.convert("RGBA"))
                    assert np.array_equal(got.alpha, rgba[..., 3])
                    assert np.array_equal(shown(got), np.where(rgba[..., 3:] > 0, rgba[..., :3], 0))


def test_16_bit_frames(tmp_path: Path) -> None:
    write_pages(animation(dtype="uint16"), tmp_path / "a.png")
    assert [picture.depth for picture in read_pages(tmp_path / "a.png")] == [16] * 4


def test_an_ordinary_file_has_one_page(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg", ".gif", ".tif", ".bmp"):
        write(frames()[0], tmp_path / f"p{suffix}")
        pages = read_pages(tmp_path / f"p{suffix}")
        assert (len(pages), pages.delays) == (1, None)
        write_pages(pages, tmp_path / f"q{suffix}")
        assert np.array_equal(read(tmp_path / f"p{suffix}").pixels, next(iter(pages)).pixels)


def various() -> list[Picture]:
    generator = np.random.default_rng(0)
    block = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x07\0\0\0\x1a\0\0\0\0\0\0\0Motoro\0"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    return [
        Picture(generator.integers(0, 256, (90, 70, 3), dtype=np.uint8), metadata={"xmp": xmp}, resolution=(10, 12)),
        Picture(generator.integers(0, 65_536, (30, 20, 1), dtype=np.uint16)),
        Picture(generator.random((300, 200, 3), dtype=np.float32), metadata={"exif": block}),
        Picture(generator.integers(0, 256, (1, 1, 3), dtype=np.uint8), np.array([[7]], np.uint8)),
    ]


def samples_of(picture: Picture) -> NDArray[Any]:
    return picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])


def same(one: Picture, other: Picture) -> None:
    assert np.array_equal(one.pixels, other.pixels)
    assert one.pixels.dtype == other.pixels.dtype
    assert (one.alpha is None) == (other.alpha is None)
    assert set(one.metadata) == set(other.metadata)
    assert one.resolution == (None if other.resolution is None else pytest.approx(other.resolution))


@pytest.mark.parametrize("big", [False, True])
def test_pages_of_a_tiff_are_each_of_their_own_kind(tmp_path: Path, big: bool) -> None:
    path = tmp_path / "p.tif"
    if big:
        coded = ((samples_of(picture), picture.tags) for picture in various())
        frames_of_files.write_pages(coded, 4, path, FORMATS["tiff"], Writing(big=True))
    else:
        write_pages(Pages(various(), 4), path)
    assert path.read_bytes()[2] == (43 if big else 42)
    after = read_pages(path)
    assert (after.count, after.delays) == (4, None)
    for got, wanted in zip(after, various(), strict=True):
        same(got, wanted)
    same(read(path, page=2), various()[2])
    tifffile = pytest.importorskip("tifffile")
    with tifffile.TiffFile(path) as other:
        assert len(other.pages) == 4
        for page, wanted in zip(other.pages, various(), strict=True):
            if wanted.depth == 32:  # tifffile needs a plug-in for the predictor of floats
                continue
            stored = page.asarray().reshape(*wanted.pixels.shape[:2], -1)
            assert np.array_equal(stored[..., : wanted.pixels.shape[2]], wanted.pixels)


def test_smaller_copies_in_a_tiff_are_no_pages(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    with tifffile.TiffWriter(tmp_path / "p.tif") as file:
        file.write(frames()[0].pixels, photometric="rgb")
        file.write(frames()[1].pixels[::2, ::2], photometric="rgb", subfiletype=1)
        file.write(frames()[2].pixels, photometric="rgb")
    assert read_header(tmp_path / "p.tif").pages == 2
    assert np.array_equal(list(read_pages(tmp_path / "p.tif"))[1].pixels, frames()[2].pixels)


def test_frames_become_pages_of_a_tiff(tmp_path: Path) -> None:
    write_pages(animation(), tmp_path / "a.tif")
    assert read_pages(tmp_path / "a.tif").count == 4


@pytest.mark.parametrize(
    ("delays", "name", "rule"),
    [
        (DELAYS, "a.jpg", "JPEG does not hold 4 frames; write .png or .webp or .tif or .gif"),
        (None, "a.gif", "GIF does not hold 4 pages without timing; write .tif"),
        (None, "a.bmp", "BMP does not hold 4 pages without timing; write .tif"),
    ],
)
def test_a_format_that_holds_one(tmp_path: Path, delays: tuple[float, ...] | None, name: str, rule: str) -> None:
    with pytest.raises(PictureError) as caught:
        write_pages(Pages(frames(), 4, delays), tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: {rule}"
    assert list(tmp_path.iterdir()) == []


def test_frames_that_do_not_fit_each_other(tmp_path: Path) -> None:
    odd = [*frames(3), Picture(np.zeros((5, 5, 3), np.uint8))]
    for suffix in (".gif", ".png"):
        with pytest.raises(PictureError, match=r"picture 4 is of another size or kind than the first; write .tif"):
            write_pages(Pages(odd, 4, DELAYS), tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PictureError, match="2 delays for 4 frames; give one a frame"):
        Pages(frames(), 4, (1, 2))


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.97])
def test_a_cut_animation_is_an_error_and_not_a_shorter_one(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"a{suffix}"
    noise = [Picture(np.random.default_rng(n).integers(0, 256, (40, 50, 3), dtype=np.uint8)) for n in range(4)]
    write_pages(Pages(noise, 4, DELAYS, 0), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(PictureError) as caught:
        if len(list(read_pages(path))) < 4:
            raise AssertionError("frames were lost in silence")
    assert str(caught.value).startswith(f"{path}: the ")
    assert "\n" not in str(caught.value)


def test_a_failing_page_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Any:
        yield frames()[0]
        raise OSError(28, "No space left on device")

    for suffix in (".gif", ".png", ".tif"):
        with pytest.raises(FailedError, match="No space left on device"):
            write_pages(Pages(broken(), 4, DELAYS), tmp_path / f"a{suffix}")
        assert list(tmp_path.iterdir()) == []


def test_enlarging_pages(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    upscaler = Upscaler(BicubicPredictor(2), tile=16)
    write_pages(animation(alpha=True), tmp_path / "a.webp", lossless=True)
    large = upscale_pages(upscaler.picture, read_pages(tmp_path / "a.webp"), progress=lambda *now: seen.append(now))
    assert (large.count, large.delays, large.loop) == (4, DELAYS, 3)
    write_pages(large, tmp_path / "b.webp", lossless=True)
    assert seen[-1] == (4000, 4000)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    for got, wanted in zip(read_pages(tmp_path / "b.webp"), frames(alpha=True), strict=True):
        expected = upscaler.picture(wanted)
        assert np.array_equal(got.alpha, expected.alpha)
        assert np.array_equal(shown(got), shown(expected))
    pages = upscale_pages(upscaler.picture, Pages(various(), 4))
    write_pages(pages, tmp_path / "b.tif")
    assert [page.width for page in read_pages(tmp_path / "b.tif")] == [140, 40, 400, 2]


@pytest.mark.parametrize("alpha", [False, True])
def test_a_frame_that_repeats_the_one_before_is_not_predicted_again(alpha: bool) -> None:
    one, two, *_ = frames(alpha=alpha)
    again = Picture(one.pixels.copy(), None if one.alpha is None else one.alpha.copy())
    other = dataclasses.replace(two, resolution=(2.0, 2.0))
    given = [one, again, two, other, one]
    upscaler = Upscaler(BicubicPredictor(2))
    predicted: list[Picture] = []
    seen: list[tuple[int, int]] = []

    def enlarge(picture: Picture, *, progress: Progress | None = None) -> Picture:
        predicted.append(picture)
        return upscaler.picture(picture, progress=progress)

    found = list(upscale_pages(enlarge, Pages(given, 5, (10.0,) * 5), progress=lambda *now: seen.append(now)))
    assert [id(picture) for picture in predicted] == [id(picture) for picture in (one, two, other, one)]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (5000, 5000)
    for got, picture in zip(found, given, strict=True):
        assert np.array_equal(got.pixels, upscaler.picture(picture).pixels)


def test_size_tags_are_those_of_one_frame(tmp_path: Path) -> None:
    block = b"Exif\0\0II*\0\x08\0\0\0\x01\0\0\x01\x04\0\x01\0\0\0\x09\0\0\0\0\0\0\0"
    tagged = [dataclasses.replace(one, metadata={"exif": block}) for one in frames()]
    write_pages(Pages(tagged, 4, DELAYS), tmp_path / "a.webp")
    after = next(iter(read_pages(tmp_path / "a.webp"))).metadata["exif"]
    assert exif.upright(after, 32, 24) is not None
    assert b"\x20\0\0\0" in after
    stored = pyvips.Image.webpload(str(tmp_path / "a.webp"))
    assert stored.get("exif-ifd0-ImageWidth").startswith("32 ")
