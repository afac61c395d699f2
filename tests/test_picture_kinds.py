"""What people hold pictures in: each kind goes in and comes back as the same kind; a `Picture` becomes other kinds."""

import asyncio
import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import upres
from tests.small_pictures import random_pixels
from upres.errors import PictureError, UpresError
from upres.image import Picture, imresize, read, write
from upres.predictors.bicubic import BicubicPredictor
from upres.upscaling.upscaler import Upscaler

UPSCALER = Upscaler(BicubicPredictor(2))


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kinds") / "photo.png"
    write(Picture(random_pixels((6, 5, 3))), path)
    return path


@pytest.mark.parametrize("front", [UPSCALER, lambda source: upres.upscale(source, scale=2, model="bicubic")])
def test_a_file_in_any_form_is_the_same_picture(photo: Path, front: Any) -> None:
    expected = UPSCALER(read(photo).pixels)
    content = photo.read_bytes()
    with photo.open("rb") as file:
        for source in (photo, str(photo), content, bytearray(content), memoryview(content), file, io.BytesIO(content)):
            sr = front(source)
            assert isinstance(sr, Picture)
            np.testing.assert_array_equal(sr.pixels, expected)


def test_what_is_wrong_with_bytes_names_no_temporary_file(photo: Path) -> None:
    content = photo.read_bytes()
    for source, name in ((content[:60], "the bytes of a picture"), (io.BytesIO(b"text"), "the file object")):
        with pytest.raises(PictureError) as caught:
            UPSCALER(source)
        assert str(caught.value).startswith(f"{name}: ")
        assert "/proc" not in str(caught.value) and "fd/" not in str(caught.value)
    with pytest.raises(PictureError, match="gives text; open it in binary mode"):
        UPSCALER(io.StringIO("text"))  # type: ignore[call-overload]


def test_odd_bytes_warn_by_a_name_that_says_something(tmp_path: Path) -> None:
    write(Picture(random_pixels((100, 120, 3))), tmp_path / "x.webp")
    content = bytearray((tmp_path / "x.webp").read_bytes())
    content[-300:] = bytes(300)
    with pytest.warns(upres.DamagedPictureWarning, match="the bytes of a picture: the WebP data") as caught:
        UPSCALER(bytes(content))
    assert caught[0].filename == __file__
    with pytest.raises(PictureError, match="the bytes of a picture: the WebP data"):
        upres.upscale(bytes(content), model="bicubic", strict=True)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_floats_of_any_width_come_back_as_they_were(dtype: str) -> None:
    pixels = np.random.default_rng(1).random((5, 4, 3)).astype(dtype)
    sr = UPSCALER(pixels)
    assert sr.dtype == dtype
    np.testing.assert_array_equal(sr, UPSCALER(pixels.astype(np.float32)).astype(dtype))


def test_batches_and_lists() -> None:
    batch = random_pixels((3, 6, 5, 4))
    sr = UPSCALER(batch)
    assert sr.shape == (3, 12, 10, 4)
    np.testing.assert_array_equal(sr[1], UPSCALER(batch[1]))
    mixed = UPSCALER([batch[0], Picture(batch[1, ..., :3]), [batch[2]]])
    np.testing.assert_array_equal(mixed[0], sr[0])
    np.testing.assert_array_equal(mixed[1].pixels, UPSCALER(batch[1, ..., :3]))
    np.testing.assert_array_equal(mixed[2][0], sr[2])
    assert UPSCALER([]) == []


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "bfloat16"])
def test_tensors(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    pixels = random_pixels((2, 6, 5, 3))
    tensor = torch.from_numpy(pixels).movedim(-1, -3)
    if dtype != "uint8":
        tensor = (tensor / 255).to(getattr(torch, dtype)).requires_grad_()
    sr = UPSCALER(tensor)
    assert (tuple(sr.shape), sr.dtype, sr.device, sr.requires_grad) == (
        (2, 3, 12, 10),
        tensor.dtype,
        tensor.device,
        False,
    )
    assert sr.is_contiguous()
    array = tensor.detach().movedim(-3, -1)
    expected = UPSCALER((array if dtype == "uint8" else array.float()).numpy())
    assert torch.equal(sr, torch.from_numpy(expected).movedim(-1, -3).to(tensor.dtype))
    assert tuple(UPSCALER(tensor[0]).shape) == (3, 12, 10)
    with pytest.raises(PictureError, match=r"a tensor of shape \(6, 5, 3\); .* tensor.movedim\(-1, -3\)"):
        UPSCALER(tensor[0].movedim(0, -1))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (3, "cannot enlarge a int; give a path, bytes, a file object, a Picture, a NumPy array"),
        ([np.zeros((4, 4), np.uint8), None], "cannot enlarge a NoneType"),
        (np.zeros((3, 9, 8), np.uint8), r"pixels have shape \(3, 9, 8\).*numpy.moveaxis\(pixels, -3, -1\)"),
        (np.zeros((9, 8, 3), np.int64), "pixels are int64; a picture is uint8, uint16, or float32"),
        (np.zeros((9, 8), bool), "pixels are bool"),
        (np.full((9, 8), 255.0), r"from 255 to 255; float pictures are in \[0, 1\]"),
        (np.zeros((0, 9, 8, 3), np.uint8), "pixels have shape"),
    ],
)
def test_what_is_no_picture_is_named(source: Any, said: str) -> None:
    with pytest.raises(PictureError, match=said):
        UPSCALER(source)


def test_nothing_that_is_given_is_changed_and_any_layout_will_do() -> None:
    pixels = random_pixels((12, 10, 3))
    before = pixels.copy()
    turned, read_only = pixels[::2, ::-1], pixels.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(UPSCALER(turned), UPSCALER(turned.copy()))
    np.testing.assert_array_equal(UPSCALER(read_only), UPSCALER(pixels))
    np.testing.assert_array_equal(pixels, before)


def test_many_are_enlarged_in_order_and_the_next_is_decoded_meanwhile(photo: Path) -> None:
    taken: list[int] = []

    def sources() -> Any:
        for number in range(5):
            taken.append(number)
            yield np.full((4, 4), number, np.uint8)

    results = UPSCALER.map(sources())
    assert [int(next(results)[0, 0]) for _ in range(2)] == [0, 1]
    assert 2 <= len(taken) <= 4  # those that were asked for, and a few ahead
    results.close()
    assert not any(thread.name == "upres-prefetch" for thread in threading.enumerate())
    assert [sr.pixels.shape for sr in UPSCALER.map([photo, photo])] == [(12, 10, 3)] * 2


def test_one_bad_source_of_many_ends_them_or_is_told(photo: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    results = UPSCALER.map([photo, missing, photo])
    assert next(results).width == 10
    with pytest.raises(PictureError, match=r"missing\.png: no such file"):
        next(results)
    told: list[tuple[Any, UpresError]] = []
    kept = list(UPSCALER.map([photo, missing, 3, photo], on_error=lambda source, error: told.append((source, error))))
    assert len(kept) == 2 and [source for source, _ in told] == [missing, 3]
    assert "cannot enlarge a int" in str(told[1][1])


def test_a_task_runs_beside_others_and_stops_when_it_is_cancelled() -> None:
    small = Upscaler(BicubicPredictor(2), tile=8)
    pixels = random_pixels((40, 40, 3))
    calls: list[int] = []

    async def both() -> Any:
        first, second = await asyncio.gather(small.call_async(pixels), small.call_async(pixels[:8]))
        return first, second

    async def cancelled() -> None:
        begun, ended = threading.Event(), threading.Event()

        def progress(done: int, total: int) -> None:
            calls.append(done)
            begun.set()
            ended.wait(10)

        task = asyncio.create_task(small.call_async(pixels, progress=progress))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ended.set()

    first, second = asyncio.run(both())
    np.testing.assert_array_equal(first, small(pixels))
    np.testing.assert_array_equal(second, small(pixels[:8]))
    asyncio.run(cancelled())  # which waits for its threads
    assert calls == [1]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_picture_is_an_array(channels: int) -> None:
    samples = random_pixels((6, 5, channels))
    clear = channels in (2, 4)
    picture = Picture(samples[..., :-1], samples[..., -1]) if clear else Picture(samples)
    expected = samples[..., 0] if channels == 1 else samples
    np.testing.assert_array_equal(np.asarray(picture), expected)
    assert np.asarray(picture, dtype=np.float32).dtype == np.float32
    assert np.shares_memory(np.asarray(picture), samples) is not clear
    assert not np.shares_memory(np.array(picture, copy=True), samples)
    if clear:
        with pytest.raises(ValueError, match="allow a copy"):
            picture.__array__(copy=False)


def test_a_picture_says_what_it_is_in_one_line() -> None:
    picture = Picture(random_pixels((6, 5, 3)), np.zeros((6, 5), np.uint8), metadata={"exif": b"II*\0\0\0\0\0"})
    assert repr(picture) == "<Picture 5×6, RGB with alpha, 8 bit, exif>"
    assert repr(Picture(np.zeros((2, 3, 1), np.float32))) == "<Picture 3×2, gray, float>"


def test_a_picture_saves_itself(tmp_path: Path) -> None:
    picture = Picture(random_pixels((6, 5, 3)))
    picture.save(tmp_path / "a.jpg", quality=80)
    write(picture, tmp_path / "b.jpg", quality=80)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()
    picture.save(str(tmp_path / "c.webp"), lossless=True)
    np.testing.assert_array_equal(read(tmp_path / "c.webp").pixels, picture.pixels)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_pictures_and_pil_images(mode: str, tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image")
    pixels = random_pixels((6, 5, *{"L": (), "I;16": ()}.get(mode, (len(mode),))))
    image = image_module.fromarray(pixels.astype(np.uint16) * 257 if mode == "I;16" else pixels)
    picture = Picture.from_pil(image)
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(image))
    again = picture.to_pil()
    assert again.mode == mode
    np.testing.assert_array_equal(np.asarray(again), np.asarray(image))
    assert picture.to_pil(depth=8).mode == mode.replace("I;16", "L")


def test_what_travels_with_a_pil_image(tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image")
    from PIL import ImageCms

    image = image_module.fromarray(random_pixels((6, 5, 3)))
    exif = image_module.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"  # turned by a quarter
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(tmp_path / "x.jpg", exif=exif, icc_profile=profile, dpi=(300, 150), quality=95, subsampling=0)
    with image_module.open(tmp_path / "x.jpg") as opened:
        picture = Picture.from_pil(opened)
    expected = read(tmp_path / "x.jpg")
    np.testing.assert_array_equal(picture.pixels, expected.pixels)
    assert (picture.profile, picture.width) == (profile, 6)
    made = picture.to_pil()
    assert made.info["icc_profile"] == profile
    assert made.getexif()[0x010F] == "maker" and made.getexif().get(0x0112, 1) == 1
    assert made.info["dpi"] == pytest.approx((300, 150), abs=0.01)


def test_palettes_become_colours_and_inks_are_refused() -> None:
    image_module = pytest.importorskip("PIL.Image")
    palette = image_module.fromarray(random_pixels((6, 5, 3))).quantize(4)
    np.testing.assert_array_equal(Picture.from_pil(palette).pixels, np.asarray(palette.convert("RGB")))
    palette.info["transparency"] = 0
    clear = Picture.from_pil(palette)
    np.testing.assert_array_equal(clear.alpha == 0, np.asarray(palette) == 0)
    with pytest.raises(PictureError, match="mode CMYK; a picture is made of 1, L, LA, P"):
        Picture.from_pil(image_module.new("CMYK", (4, 4)))


def test_depths_that_pil_does_not_hold() -> None:
    deep = Picture(random_pixels((6, 5, 3)).astype(np.uint16) * 257)
    with pytest.raises(PictureError, match="PIL holds 16 bits of gray only; say depth=8"):
        deep.to_pil()
    np.testing.assert_array_equal(np.asarray(deep.to_pil(depth=8)), random_pixels((6, 5, 3)))
    floats = Picture(np.array([[[0.0], [0.5], [1.0]]], np.float32))
    assert np.asarray(floats.to_pil(depth=8)).tolist() == [[0, 128, 255]]
    with pytest.raises(PictureError, match="depth = 12"):
        deep.to_pil(depth=12)


def test_a_notebook_shows_a_small_png_of_any_picture(tmp_path: Path) -> None:
    large = imresize(random_pixels((20, 30, 3)), 100)  # 2000 × 3000
    for picture, size in (
        (Picture(large), (800, 533)),
        (Picture(random_pixels((6, 5, 1)).astype(np.uint16) * 257, np.full((6, 5), 65_535, np.uint16)), (5, 6)),
    ):
        bundle = picture._repr_mimebundle_()
        (tmp_path / "x.png").write_bytes(bundle["image/png"])
        shown = read(tmp_path / "x.png")
        assert ((shown.width, shown.height), shown.depth, bundle["text/plain"]) == (size, 8, repr(picture))
    np.testing.assert_array_equal(shown.pixels, random_pixels((6, 5, 1)))


def test_the_public_names_are_listed_and_tell_what_they_take() -> None:
    import inspect

    assert set(upres.__all__) <= set(dir(upres)) and "TYPE_CHECKING" not in dir(upres)
    for function in (upres.load, upres.upscale):
        parameters = inspect.signature(function).parameters
        assert {"scale", "denoise", "tile", "max_memory", "device", "precision"} <= set(parameters)
        assert not any(each.kind is each.VAR_KEYWORD for each in parameters.values())
