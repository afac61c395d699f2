"""Colours held against other engines: Pillow with LittleCMS, tifffile, and arithmetic of this file's own.

Flat patches, and slopes away from borders, are within 1 level at 8 bits and 4 at 16, whatever model enlarges them.
"""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, features

from tests.small_pictures import failure
from upres.image import OpenedPicture, Picture, read, read_pages, write
from upres.models.shipped import PACKAGE
from upres.predictors import Predictor
from upres.predictors.bicubic import BicubicPredictor
from upres.predictors.onnx import OnnxPredictor
from upres.upscaling.upscaler import Upscaler

MODELS: dict[str, Callable[[], Predictor]] = {
    "bicubic": lambda: BicubicPredictor(4),
    "base": lambda: OnnxPredictor(PACKAGE / "base-x4.onnx", threads=1),
    "fast": lambda: OnnxPredictor(PACKAGE / "fast-x4.onnx", threads=1),
    "fast ×2": lambda: OnnxPredictor(PACKAGE / "fast-x2.onnx", threads=1),
}
SIDE = 14  # of a patch: what a network sees of its neighbours ends before its middle
INNER = 5
PRIMARIES = {
    "sRGB": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "Display P3": ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    "Adobe RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
}
D65 = (0.3127, 0.3290)


@pytest.fixture(scope="module", params=MODELS)
def upscaler(request: pytest.FixtureRequest) -> Upscaler:
    return Upscaler(MODELS[request.param](), tile=64)


# --- what other engines are given ---


def xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1, (1 - x - y) / y])


def matrix(primaries: tuple[tuple[float, float], ...], white: tuple[float, float] = D65) -> NDArray[np.float64]:
    """Linear R, G, B to X, Y, Z under the colours' own white (SMPTE RP 177)."""
    corners = np.array([xyz(*point) for point in primaries]).T
    return corners * np.linalg.solve(corners, xyz(*white))


def icc(gamma: float, primaries: tuple[tuple[float, float], ...] | None = None) -> bytes:
    """A profile of version 2 with one exponent, for R, G, B or for gray."""
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1, 0.8249])
    fixed = lambda values: b"XYZ \0\0\0\0" + struct.pack(">3l", *(round(float(v) * 65536) for v in values))  # noqa: E731
    curve = b"curv\0\0\0\0" + struct.pack(">LH2x", 1, round(gamma * 256))
    text = b"desc\0\0\0\0" + struct.pack(">L", 5) + b"test\0" + bytes(78 + 1)
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0none\0\0\0\0", b"wtpt": fixed(d50)}
    if primaries is None:
        tags[b"kTRC"] = curve
    else:
        adapted = np.linalg.inv(cone) @ np.diag((cone @ d50) / (cone @ xyz(*D65))) @ cone @ matrix(primaries)
        for index, name in enumerate((b"r", b"g", b"b")):
            tags[name + b"XYZ"], tags[name + b"TRC"] = fixed(adapted[:, index]), curve
    at, table, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">LL", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    space = b"GRAY" if primaries is None else b"RGB "
    head = struct.pack(">L4xL4s4s4s12x4s", at + len(body), 0x02400000, b"mntr", space, b"XYZ ", b"acsp") + bytes(28)
    head += fixed(d50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">L", len(tags)) + table + body


PROFILES = {
    "sRGB": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "Display P3": icc(2.2, PRIMARIES["Display P3"]),
    "Adobe RGB": icc(563 / 256, PRIMARIES["Adobe RGB"]),
    "gray 2.2": icc(2.2),
    "gray linear": icc(1.0),
}


def by_littlecms(samples: NDArray[np.uint8], profile: bytes, mode: str | None = None) -> NDArray[np.int64]:
    """8-bit samples in sRGB."""
    picture = Image.fromarray(samples, mode) if mode else Image.fromarray(samples.squeeze())
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    srgb, relative = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
    made = ImageCms.profileToProfile(picture, source, srgb, renderingIntent=relative, outputMode="RGB")
    return np.asarray(made, np.int64)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def png(samples: NDArray[Any], *before: bytes) -> bytes:
    """A PNG file of gray, gray with alpha, R G B, or R G B with alpha, with these chunks before its pixels."""
    height, width, channels = samples.shape
    item = samples.dtype.itemsize
    head = struct.pack(">LLBBBBB", width, height, 8 * item, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = samples.astype(samples.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8).reshape(height, -1)
    data = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes(), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(before) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunks(content: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 8
    while at < len(content):
        length, kind = struct.unpack(">L4s", content[at : at + 8])
        found[kind] = found.get(kind, b"") + content[at + 8 : at + 8 + length]
        at += length + 12
    return found


def samples_of(path: Path) -> NDArray[np.int64]:
    """The samples `h w c` of a PNG that upres wrote: its rows are as they are, or the difference from the row above."""
    found = chunks(path.read_bytes())
    width, height, depth, kind = struct.unpack(">LLBB", found[b"IHDR"][:10])
    channels, item = {0: 1, 4: 2, 2: 3, 6: 4}[kind], depth // 8
    rows = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(height, -1)
    done = np.zeros_like(rows[:, 1:])
    for index, row in enumerate(rows):
        assert row[0] in (0, 2)
        done[index] = row[1:] + (done[index - 1] if row[0] and index else 0)
    return done.view(f">u{item}").astype(np.int64).reshape(height, width, channels)


# --- what is enlarged ---


def patches(channels: int, dtype: str) -> NDArray[Any]:
    """Flat patches in two rows: the corners of the cube first, then any."""
    generator = np.random.default_rng(channels)
    top = np.iinfo(dtype).max
    colours = [[top * (corner >> index & 1) for index in range(channels)] for corner in (0, 1, 2, 5, 7)]
    colours += generator.integers(0, top, (7, channels), endpoint=True).tolist()
    grid = np.array(colours).reshape(2, 6, channels).astype(dtype)
    return grid.repeat(SIDE, axis=0).repeat(SIDE, axis=1)


def slopes(channels: int, dtype: str) -> NDArray[Any]:
    """Slopes to the right, below each other: of all levels, dark, dark and not of whole levels, and bright."""
    top = np.iinfo(dtype).max
    ends = ((0, 1), (0, 0.03), (0.05, 0.13), (0.9, 0.8))
    shares = np.linspace(1, 0.6, channels)  # no gray
    lines = [np.linspace(low, high, 52)[:, None] * shares * top for low, high in ends]
    return np.floor(np.array(lines) + 0.5).astype(dtype).repeat(SIDE, axis=0)


def middles(samples: NDArray[Any], scale: int) -> NDArray[np.int64]:
    """The middles of patches, as rows and columns of squares: `rows columns y x c`."""
    side, inner = SIDE * scale, INNER * scale
    rows, columns, channels = samples.shape[0] // side, samples.shape[1] // side, samples.shape[2]
    squares = samples.reshape(rows, side, columns, side, channels).swapaxes(1, 2)
    return squares[:, :, inner:-inner, inner:-inner].astype(np.int64)


def worst_patch(lr: NDArray[Any], sr: NDArray[Any], scale: int) -> int:
    """How far any sample of a patch's middle is from the patch."""
    return int(np.abs(middles(sr, scale) - middles(lr, 1)[:, :, :1, :1]).max())


def worst_slope(lr: NDArray[Any], sr: NDArray[Any], scale: int) -> float:
    """How far the middles of slopes are from the line between lr's samples."""
    width = lr.shape[1]
    places = (np.arange(width * scale) + 0.5) / scale - 0.5
    worst = 0.0
    for row in range(SIDE // 2, len(lr), SIDE):
        for channel in range(lr.shape[2]):
            line = np.floor(np.interp(places, np.arange(width), lr[row, :, channel].astype(np.float64)) + 0.5)
            part = sr[(row - 1) * scale : (row + 2) * scale, 8 * scale : -8 * scale, channel]
            worst = max(worst, float(np.abs(part - line[8 * scale : -8 * scale]).max()))
    return worst


# --- the numbers, through files, by every model ---


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_patches_and_slopes_stay_what_they_were(upscaler: Upscaler, channels: int, dtype: str, tmp_path: Path) -> None:
    lr, scale = patches(channels, dtype), int(upscaler.scale)
    (tmp_path / "lr.png").write_bytes(png(lr))
    upscaler.file(tmp_path / "lr.png", tmp_path / "sr.png")
    most = 1 if dtype == "uint8" else 4
    assert worst_patch(lr, samples_of(tmp_path / "sr.png"), scale) <= most
    lr = slopes(channels, dtype)
    (tmp_path / "lr.png").write_bytes(png(lr))
    upscaler.file(tmp_path / "lr.png", tmp_path / "sr.png")
    assert worst_slope(lr, samples_of(tmp_path / "sr.png"), scale) <= most


def test_flat_patches_meet_the_edge_of_the_picture_as_they_are(upscaler: Upscaler) -> None:
    for colour in ((0, 0, 255), (0, 255, 0), (143, 239, 71)):
        lr = np.full((9, 12, 3), colour, np.uint8)
        np.testing.assert_array_equal(upscaler(lr), np.full_like(upscaler(lr), colour))


def test_the_network_decides_where_anything_is_to_be_found() -> None:
    """The rule for what is smooth is one for less than a level: one level of noise is the network's, bit for bit."""
    predictor = MODELS["base"]()
    lr = (100 + np.random.default_rng(3).integers(0, 2, (40, 40, 3))).astype(np.uint8)
    unit = (lr / np.float32(255)).astype(np.float32).transpose(2, 0, 1)[None]
    raw = predictor.predict(unit)[0].transpose(1, 2, 0)
    expected = np.floor(raw.clip(0, 1) * 255 + 0.5)
    sr = Upscaler(predictor, tile=999)(lr)
    assert (sr != expected).mean() < 1e-4  # halves, which the last bit decides
    assert np.abs(sr - expected).max() <= 1


@pytest.mark.parametrize("tile", [16, 23])
def test_tiles_do_not_show_where_smooth_meets_rough(tile: int) -> None:
    predictor = MODELS["fast ×2"]()
    y, x = np.mgrid[0:60, 0:50]
    lr = (20_000 + 40 * x + 3 * y)[..., None].repeat(3, axis=2).astype(np.uint16)
    lr[20:40, 10:30] += np.random.default_rng(5).integers(0, 3_000, (20, 20, 3)).astype(np.uint16)
    lr[45:, 30:] = (60_000, 0, 30_000)
    tiled = Upscaler(predictor, tile=tile)(lr).astype(int)
    assert np.abs(tiled - Upscaler(predictor, tile=999)(lr)).max() <= 1  # the last bit of float32, near a half


# --- what the numbers mean, by LittleCMS ---


@pytest.mark.parametrize("output", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("name", PROFILES)
def test_colours_by_littlecms_are_those_of_the_file(name: str, output: str, tmp_path: Path) -> None:
    lr = patches(1 if name.startswith("gray") else 3, "uint8")
    Image.fromarray(lr.squeeze()).save(tmp_path / "lr.png", icc_profile=PROFILES[name])
    Upscaler(MODELS["base"](), tile=64).file(tmp_path / "lr.png", tmp_path / f"sr{output}", quality=100)
    with Image.open(tmp_path / f"sr{output}") as made:
        assert made.info["icc_profile"] == PROFILES[name]
        sr = np.asarray(made)
    expected = by_littlecms(lr, PROFILES[name])
    seen = by_littlecms(sr, made.info["icc_profile"])
    # JPEG rounds Y, Cb and Cr: a level or two more.
    assert worst_patch(expected, seen, 4) <= (3 if output == ".jpg" else 1)


def test_display_p3_by_arithmetic(tmp_path: Path) -> None:
    lr = np.floor(patches(3, "uint8") * 0.5 + 64).astype(np.uint8)
    Image.fromarray(lr).save(tmp_path / "lr.png", icc_profile=PROFILES["Display P3"])
    Upscaler(MODELS["fast"](), tile=64).file(tmp_path / "lr.png", tmp_path / "sr.png")
    light = (lr / 255.0) ** 2.2 @ matrix(PRIMARIES["Display P3"]).T @ np.linalg.inv(matrix(PRIMARIES["sRGB"])).T
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.abs(light) ** (1 / 2.4) - 0.055).clip(0, 1) * 255
    seen = by_littlecms(samples_of(tmp_path / "sr.png").astype(np.uint8), chunks_profile(tmp_path / "sr.png"))
    assert worst_patch(np.floor(coded + 0.5), seen, 4) <= 1


def chunks_profile(path: Path) -> bytes:
    body = chunks(path.read_bytes())[b"iCCP"]
    return zlib.decompress(body[body.index(b"\0") + 2 :])


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_cmyk_becomes_the_srgb_of_littlecms(suffix: str, tmp_path: Path) -> None:
    profile = pyvips.Image.profile_load("cmyk")
    lr = np.floor(patches(4, "uint8") * 0.8).astype(np.uint8)
    with_profile: dict[str, Any] = {"icc_profile": profile}
    Image.fromarray(lr, "CMYK").save(tmp_path / f"lr{suffix}", quality=100, subsampling=0, **with_profile)
    with Image.open(tmp_path / f"lr{suffix}") as stored:
        decoded = np.asarray(stored)
    Upscaler(MODELS["base"](), tile=64).file(tmp_path / f"lr{suffix}", tmp_path / "sr.png")
    sr = samples_of(tmp_path / "sr.png")
    assert worst_patch(by_littlecms(decoded, profile, "CMYK"), sr, 4) <= 1


def test_lab_of_16_bits_becomes_srgb_by_arithmetic(tmp_path: Path) -> None:
    lightness = np.array([[5, 20, 40, 60, 80, 95], [50, 50, 50, 50, 50, 50]], float)
    a = np.array([[0, 5, -10, 15, 0, 0], [40, -30, 0, 0, 20, 0]], float)
    b = np.array([[0, -5, 10, 0, 30, 0], [0, 0, 40, -35, 20, 0]], float)
    grid = np.stack([lightness / 100 * 65_535, a * 256, b * 256], axis=2).round().astype(np.int64)
    stored = (grid % 65_536).astype(np.uint16).repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    tifffile.imwrite(tmp_path / "lr.tif", stored, photometric="cielab")
    Upscaler(MODELS["base"](), tile=64).file(tmp_path / "lr.tif", tmp_path / "sr.png")
    # CIE 15: Lab under D65, which is how libvips takes it; then IEC 61966-2-1.
    fy = (lightness + 16) / 116
    cubes = np.stack([fy + a / 500, fy, fy - b / 200], axis=2)
    white_d65 = (0.95047, 1, 1.08883)
    relative = np.where(cubes > 6 / 29, cubes**3, 3 * (6 / 29) ** 2 * (cubes - 4 / 29)) * white_d65
    light = relative @ np.linalg.inv(matrix(PRIMARIES["sRGB"])).T
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.abs(light) ** (1 / 2.4) - 0.055)
    sr = samples_of(tmp_path / "sr.png")
    expected = np.floor(coded.clip(0, 1) * 65_535 + 0.5).repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    assert worst_patch(expected, sr, 4) <= 4


def test_palettes_and_their_alpha(tmp_path: Path) -> None:
    grid = np.arange(12, dtype=np.uint8).reshape(2, 6).repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    colours = np.random.default_rng(8).integers(0, 256, (12, 3), np.uint8)
    opacity = bytes([0, 255, 128, 255, 7, 255, 255, 200, 0, 255, 255, 64])
    picture = Image.fromarray(grid, "P")
    picture.putpalette(colours.tobytes())
    for name, extra in (("plain", {}), ("clear", {"transparency": opacity})):
        picture.save(tmp_path / f"{name}.png", **extra)
        Upscaler(MODELS["base"](), tile=64).file(tmp_path / f"{name}.png", tmp_path / f"sr {name}.png")
        with Image.open(tmp_path / f"{name}.png") as stored:
            lr = np.asarray(stored.convert("RGBA" if extra else "RGB"))
        sr = samples_of(tmp_path / f"sr {name}.png")
        # Colours under what is clear are seen by nobody; all around they are the file's.
        assert worst_patch(lr, sr, 4) <= 1


# --- alpha ---


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_of_all_kinds(upscaler: Upscaler, channels: int, dtype: str, tmp_path: Path) -> None:
    lr = patches(channels - 1, dtype)
    top = np.iinfo(dtype).max
    opacity = np.array([[0, top, top // 2, top // 3, 1, top - 1], [top, 0, top, 2, top // 7, 0]], dtype)
    alpha = opacity.repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    lr = np.dstack([lr, alpha])
    (tmp_path / "lr.png").write_bytes(png(lr))
    upscaler.file(tmp_path / "lr.png", tmp_path / "sr.png")
    assert worst_patch(lr, samples_of(tmp_path / "sr.png"), int(upscaler.scale)) <= (1 if dtype == "uint8" else 4)


def test_alpha_as_pillow_reads_it(tmp_path: Path) -> None:
    lr = np.dstack([patches(3, "uint8"), patches(1, "uint8")])
    Image.fromarray(lr).save(tmp_path / "lr.tif")
    for output in ("sr.png", "sr.tif", "sr.webp"):
        Upscaler(MODELS["base"](), tile=64).file(tmp_path / "lr.tif", tmp_path / output, lossless=True)
        with Image.open(tmp_path / output) as made:
            assert worst_patch(lr, np.asarray(made.convert("RGBA")), 4) <= 1


# --- what PNG says of its numbers ---


def gama(number: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">L", number))


def chrm(name: str) -> bytes:
    numbers = [number for point in (D65, *PRIMARIES[name]) for number in point]
    return chunk(b"cHRM", struct.pack(">8L", *(round(number * 100_000) for number in numbers)))


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"own\0\0" + zlib.compress(profile))


SRGB_CHUNK = chunk(b"sRGB", b"\0")


@pytest.mark.parametrize("output", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_linear_light_stays_linear_light(channels: int, output: str, tmp_path: Path) -> None:
    (tmp_path / "lr.png").write_bytes(png(np.full((12, 12, channels), 128, np.uint8), gama(100_000)))
    Upscaler(BicubicPredictor(2)).file(tmp_path / "lr.png", tmp_path / f"sr{output}")
    with Image.open(tmp_path / f"sr{output}") as made:
        profile = made.info["icc_profile"]
        sr = np.asarray(made)
    assert by_littlecms(sr, profile)[12, 12].tolist() == [188, 188, 188]


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
def test_gamma_and_primaries_become_the_profile_that_littlecms_reads_alike(name: str, tmp_path: Path) -> None:
    lr = patches(3, "uint8")
    gamma = {"Display P3": 2.2, "Adobe RGB": 563 / 256}[name]
    (tmp_path / "lr.png").write_bytes(png(lr, gama(round(100_000 / gamma)), chrm(name)))
    made = read(tmp_path / "lr.png").profile
    assert made is not None
    assert np.abs(by_littlecms(lr, made) - by_littlecms(lr, PROFILES[name])).max() <= 1


def cicp(*numbers: int) -> bytes:
    return chunk(b"cICP", bytes(numbers))


P3_CICP, PQ, HLG = cicp(12, 13, 0, 1), cicp(9, 16, 0, 1), cicp(9, 18, 0, 1)


def test_what_stands_higher_wins(tmp_path: Path) -> None:
    lr = patches(3, "uint8")

    def seen(*before: bytes) -> Picture:
        (tmp_path / "x.png").write_bytes(png(lr, *before))
        return read(tmp_path / "x.png")

    own = PROFILES["Adobe RGB"]
    assert seen(iccp(own), gama(100_000)).profile == own
    assert seen(SRGB_CHUNK, gama(100_000), chrm("Display P3")).profile is None
    assert seen(gama(45_455)).profile is None  # what writers of sRGB put there
    assert seen(gama(45_455), chrm("sRGB")).profile is None
    assert seen(chrm("sRGB")).profile is None
    assert seen(gama(0)).profile is None
    assert seen(chunk(b"cHRM", bytes(32))).profile is None
    assert seen(cicp(1, 13, 0, 1), iccp(own)).profile is None
    assert seen(cicp(2, 2, 0, 1), iccp(own)).profile == own  # unspecified
    assert seen(cicp(1, 13, 1, 1), iccp(own)).profile == own  # a matrix, which RGB has not
    linear = seen(cicp(12, 8, 0, 1), gama(45_455)).profile
    assert linear is not None
    light = np.floor((lr / 255.0) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)
    difference = by_littlecms(lr, linear) - by_littlecms(light, PROFILES["Display P3"])
    assert np.abs(difference).max() <= 3  # `light` was rounded, too
    p3 = seen(P3_CICP, gama(45_455))
    assert p3.profile is not None and p3.cicp == (12, 13, 0, 1)


def test_hdr_is_kept_in_png_and_refused_elsewhere(tmp_path: Path) -> None:
    lr = patches(3, "uint16")
    upscaler = Upscaler(BicubicPredictor(2))
    for body in (PQ, HLG, cicp(1, 13, 0, 0)):
        (tmp_path / "hdr.png").write_bytes(png(lr, body))
        upscaler.file(tmp_path / "hdr.png", tmp_path / "sr.png")
        content = (tmp_path / "sr.png").read_bytes()
        assert content[33 : 33 + len(body)] == body  # behind the header, as the specification asks
        assert chunks(content)[b"cICP"] == body[8:12]
        with Image.open(tmp_path / "sr.png") as made:
            made.verify()
        np.testing.assert_array_equal(samples_of(tmp_path / "sr.png"), upscaler(lr))
        write(read(tmp_path / "hdr.png"), tmp_path / "copy.png")
        assert chunks((tmp_path / "copy.png").read_bytes())[b"cICP"] == body[8:12]
        for suffix in (".jpg", ".tif", ".webp"):
            message = failure(upscaler.file, tmp_path / "hdr.png", tmp_path / f"sr{suffix}")
            assert "by PNG's cICP or HEIF's nclx" in message
            assert "Write .png" in message
            assert not (tmp_path / f"sr{suffix}").exists()
    # A profile beside it says nearly the same to those who do not know cICP.
    (tmp_path / "both.png").write_bytes(png(lr, PQ, iccp(PROFILES["Adobe RGB"])))
    upscaler.file(tmp_path / "both.png", tmp_path / "both.tif")
    assert read(tmp_path / "both.tif").profile == PROFILES["Adobe RGB"]


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
def test_what_an_avif_says_without_a_profile_is_kept_or_refused(tmp_path: Path) -> None:
    lr = patches(3, "uint8")
    Image.fromarray(lr).save(tmp_path / "srgb.avif", quality=100, subsampling="4:4:4")
    plain = (tmp_path / "srgb.avif").read_bytes()
    at = plain.index(b"colrnclx") + 8
    upscaler = Upscaler(BicubicPredictor(2))

    def said(primaries: int, transfer: int) -> Path:
        content = bytearray(plain)
        content[at : at + 4] = struct.pack(">HH", primaries, transfer)
        (tmp_path / "x.avif").write_bytes(content)
        return tmp_path / "x.avif"

    for numbers in ((1, 13), (2, 2), (12, 2), (300, 13)):
        assert read(said(*numbers)).profile is None and not read(said(*numbers)).tags.needs_cicp
    for numbers in ((12, 13), (9, 13), (1, 8)):
        (tmp_path / "x.png").write_bytes(png(lr, cicp(*numbers, 0, 1)))
        own = read(tmp_path / "x.png").profile  # held against LittleCMS above
        assert own is not None
        assert read(said(*numbers)).profile == own
        for suffix in (".jpg", ".png", ".avif"):
            upscaler.file(said(*numbers), tmp_path / f"sr{suffix}")
            assert read(tmp_path / f"sr{suffix}").profile == own
    # P3's reds are beyond sRGB's: what a screen shows of them is another colour than the same numbers in sRGB.
    p3 = read(said(12, 13))
    assert p3.profile is not None
    seen = by_littlecms(p3.pixels.astype(np.uint8), p3.profile)
    assert np.abs(seen - p3.pixels).max() > 20
    for transfer in (16, 18):
        upscaler.file(said(9, transfer), tmp_path / "hdr.png")
        assert chunks((tmp_path / "hdr.png").read_bytes())[b"cICP"] == bytes((9, transfer, 0, 1))
        message = failure(upscaler.file, said(9, transfer), tmp_path / "hdr.jpg")
        assert "by PNG's cICP or HEIF's nclx" in message and "Write .png" in message
    (tmp_path / "x.avif").write_bytes(plain[:at] + plain[at:].replace(b"\0\x0d", b"\0\0", 1))
    assert read(tmp_path / "x.avif").profile is None


def test_an_animation_keeps_cicp_and_significant_bits_are_left_behind(tmp_path: Path) -> None:
    frames = [Image.fromarray(patches(3, "uint8")), Image.fromarray(255 - patches(3, "uint8"))]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:33] + PQ + chunk(b"sBIT", b"\5\6\5") + content[33:])
    Upscaler(BicubicPredictor(2)).file(tmp_path / "a.png", tmp_path / "sr.png")
    found = chunks((tmp_path / "sr.png").read_bytes())
    assert found[b"cICP"] == PQ[8:12]
    assert read_pages(tmp_path / "sr.png").count == 2
    assert b"sBIT" not in found  # what is enlarged uses every bit


# --- a GIF's canvas ---


def gif(size: tuple[int, int], frames: list[tuple[int, int, int, int, int, int]], transparent: int | None) -> bytes:
    """A GIF of flat frames: x, y, width, height, colour and disposal of each, uncompressed."""
    palette = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
    content = b"GIF89a" + struct.pack("<HHBBB", *size, 0xF1, 2, 0) + palette
    for x, y, width, height, colour, disposal in frames:
        flags = disposal << 2 | (transparent is not None)
        content += b"\x21\xf9\x04" + struct.pack("<BHB", flags, 10, transparent or 0) + b"\0"
        codes = [code for _ in range(width * height) for code in (4, colour)] + [5]
        bits = sum(code << 3 * index for index, code in enumerate(codes))
        data = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
        parts = b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255))
        content += b"\x2c" + struct.pack("<HHHHB", x, y, width, height, 0) + b"\x02" + parts + b"\0"
    return content + b"\x3b"


@pytest.mark.parametrize("output", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("transparent", [None, 3])
def test_the_canvas_around_a_gifs_frames_is_clear(output: str, transparent: int | None, tmp_path: Path) -> None:
    frames = [(4, 4, 8, 8, 0, 1), (0, 0, 6, 6, 1, 3), (10, 10, 6, 6, 2, 1)]
    (tmp_path / "lr.gif").write_bytes(gif((16, 16), frames, transparent))
    shown = np.zeros((3, 16, 16), bool)
    shown[:, 4:12, 4:12] = True
    shown[1, :6, :6] = shown[2, 10:, 10:] = True  # the second gives back what was there
    for picture, painted in zip(read_pages(tmp_path / "lr.gif"), shown, strict=True):
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha, painted * 255)
    Upscaler(BicubicPredictor(2)).file(tmp_path / "lr.gif", tmp_path / f"sr{output}", lossless=output == ".webp")
    with Image.open(tmp_path / f"sr{output}") as made:
        for index, painted in enumerate(shown):
            made.seek(index)
            alpha = np.asarray(made.convert("RGBA"))[..., 3]
            inside = painted.repeat(2, axis=0).repeat(2, axis=1)
            assert alpha[np.asarray(inside) & eroded(inside)].min() == 255
            assert alpha[eroded(~inside)].max() == 0


def eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is farther than 6 pixels from where the mask ends."""
    around = np.pad(mask, 6, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(around, (13, 13)).all(axis=(2, 3)), np.bool_)


def test_a_gif_that_fills_its_canvas_has_no_alpha(tmp_path: Path) -> None:
    for frames in ([(0, 0, 16, 16, 0, 0)], [(0, 0, 16, 16, 0, 2), (4, 4, 4, 4, 1, 0)]):
        (tmp_path / "x.gif").write_bytes(gif((16, 16), frames, None))
        assert all(picture.alpha is None for picture in read_pages(tmp_path / "x.gif"))
    (tmp_path / "x.gif").write_bytes(gif((16, 16), [(4, 4, 8, 8, 0, 0)], None))
    alone = read(tmp_path / "x.gif")
    assert alone.alpha is not None
    assert (alone.alpha > 0).sum() == 64


# --- what is opened ---


def deflated(rows: int, width: int, level: int) -> bytes:
    """A TIFF of one strip of R, G, B."""
    row = (np.arange(width * 3) % 251).astype(np.uint8)
    data = zlib.compress(row.tobytes() * rows, level)
    tags = [(0x100, width), (0x101, rows), (0x102, 8), (0x103, 8), (0x106, 2), (0x111, 200), (0x115, 3)]
    tags += [(0x116, rows), (0x117, len(data))]
    table = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<LH", 8, len(tags)) + table + bytes(4)
    return head.ljust(200, b"\0") + data


def test_a_strip_of_more_than_50_megabytes_is_read(tmp_path: Path) -> None:
    (tmp_path / "big.tif").write_bytes(deflated(4_400, 4_000, 0))
    opened = OpenedPicture(tmp_path / "big.tif")
    assert opened.held_bytes > 50_000_000  # refused where it is more than max_memory, with the figure
    row = (np.arange(12_000) % 251).astype(np.uint8).reshape(4_000, 3)
    with opened.bands() as bands:
        assert sum(len(band) for band in bands if (band == row).all()) == 4_400
    (tmp_path / "small.tif").write_bytes(deflated(4_400, 4_000, 1))
    assert OpenedPicture(tmp_path / "small.tif").held_bytes == 0


def test_numbers_that_are_no_cicp_are_refused() -> None:
    pixels = patches(3, "uint8")
    for numbers in ((9, 16, 1, 1), (9, 256, 0, 1), (9, -1, 0, 1), (9, 16, 0, 2)):
        assert "cicp = " in failure(lambda given=numbers: Picture(pixels, cicp=given))
