"""One small file of each kind that upres reads, made here: what mutations begin with."""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upres.image import Pages, Picture, write, write_pages
from upres.image.codecs import vips

_HEIGHT, _WIDTH = 22, 26
_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" tiff:ImageWidth="26" '
    b'exif:PixelYDimension="22" tiff:XResolution="720000/10000"><tiff:ResolutionUnit>3</tiff:ResolutionUnit>'
    b"<tiff:YResolution>72/1</tiff:YResolution></rdf:Description></x:xmpmeta>"
)
_IPTC = b"\x1c\x02\x00\x00\x02\x00\x04\x1c\x02\x05\x00\x05Title"
RECIPE = """\
name: small
scale: 2
seed: 5
arch: {name: plainres, width: 8, blocks: 1}
degradation: {name: bicubic, antialias: true}
data:
  patch: 12
  train: [{name: folder, path: train}]
  validation: [{name: folder, path: validation}]
losses: [l1, {name: tv, weight: 0.01}]
train: {epochs: 3, steps_per_epoch: 8, batch: 4, ema: 0.9, optimizer: {rate: 3.0e-3}}
schedule: {name: cosine, warmup: 2}
"""
_ADVERSARIAL = """\
adversarial:
  kind: relativistic
  weight: 0.01
  discriminator: {name: unet-sn, width: 4}
  optimizer: {rate: 1.0e-3}
  schedule: {name: cosine}
protocol: {space: luma, border: 2}
"""
_CHAIN = RECIPE.replace("{name: bicubic, antialias: true}", "photo").replace(
    "{name: plainres, width: 8, blocks: 1}", "{name: rrdb, blocks: 1, width: 4, growth: 2}"
)


def make(folder: Path) -> None:
    """Write all samples, `KIND.VARIANT.SUFFIX`, and the two folders of pictures that the recipes name."""
    for kind in (_libvips, _pillow, _by_hand, _animations, _models):
        kind(folder)
    for name, text in {"plain": RECIPE, "adversarial": RECIPE + _ADVERSARIAL, "chain": _CHAIN}.items():
        (folder / f"recipe.{name}.yaml").write_text(text)
    for name in ("train", "validation"):
        (folder / name).mkdir()
        for number in range(2):
            write(Picture(pixels(48, 48, 3, seed=number)), folder / name / f"{number}.png")


def pixels(height: int = _HEIGHT, width: int = _WIDTH, channels: int = 3, *, seed: int = 0) -> NDArray[np.uint8]:
    """Return a slope with a little noise, `h w c`: nothing that compresses to nothing, or not at all."""
    generator = np.random.default_rng(seed)
    slope = np.linspace(0, 180, width)[None, :, None] + np.linspace(0, 40, height)[:, None, None]
    steps = 12 * np.arange(channels)[None, None, :]
    made: NDArray[np.uint8] = (slope + steps + generator.integers(0, 8, (height, width, channels))).astype(np.uint8)
    return made


def _image(channels: int = 3, *, dtype: str = "uint8") -> Any:
    samples: NDArray[Any] = pixels(channels=channels)
    if dtype == "uint16":
        samples = samples.astype(np.uint16) * 257
    elif dtype == "float32":
        samples = samples.astype(np.float32) / 200
    return vips.from_array(samples)


def _profile() -> bytes:
    made: bytes = _image().icc_transform("srgb", input_profile="srgb").get("icc-profile-data")
    return made


def _tagged() -> Picture:
    image = _image().copy()
    pyvips = vips.pyvips()
    for name, value in {
        "exif-ifd0-Make": "Camera Works (Camera Works, ASCII, 13 components, 13 bytes)",
        "exif-ifd2-ISOSpeedRatings": "400 (400, Short, 1 components, 2 bytes)",
        "exif-ifd2-ExposureTime": "1/125 (1/125 sec., Rational, 1 components, 8 bytes)",
        "exif-ifd3-GPSLatitudeRef": "N (N, ASCII, 2 components, 2 bytes)",
    }.items():
        image.set_type(pyvips.GValue.gstr_type, name, value)
    block = pyvips.Image.jpegload_buffer(image.jpegsave_buffer()).get("exif-data")
    blobs = {"exif": bytes(block), "xmp": _XMP, "iptc": _IPTC}
    return Picture(pixels(), profile=_profile(), metadata=blobs, resolution=(10.0, 12.0))


def _libvips(folder: Path) -> None:
    def path(name: str) -> str:
        return str(folder / name)

    rgb, rgba, gray = _image(), _image(4), _image(1)
    deep, float_ = _image(dtype="uint16"), _image(dtype="float32")
    tagged = _tagged()
    for suffix in ("png", "jpg", "webp", "tif", "avif"):
        write(tagged, folder / f"{_kind(suffix)}.tags.{suffix}")
    turned = rgb.copy()
    turned.set_type(vips.pyvips().GValue.gint_type, "orientation", 6)
    for name, image in {"gray": gray, "rgb": rgb, "rgba": rgba, "deep": deep}.items():
        image.pngsave(path(f"png.{name}.png"))
    rgba.pngsave(path("png.interlaced.png"), interlace=True)
    rgb.pngsave(path("png.palette.png"), palette=True, bitdepth=4)
    gray.pngsave(path("png.bits.png"), bitdepth=1)
    rgb.jpegsave(path("jpeg.420.jpg"), Q=80)
    rgb.jpegsave(path("jpeg.444.jpg"), subsample_mode="off", optimize_coding=True)
    rgb.jpegsave(path("jpeg.progressive.jpg"), interlace=True)
    rgb.jpegsave(path("jpeg.restarts.jpg"), restart_interval=1)
    gray.jpegsave(path("jpeg.gray.jpg"))
    turned.jpegsave(path("jpeg.turned.jpg"))
    rgb.webpsave(path("webp.lossy.webp"), Q=80)
    rgba.webpsave(path("webp.alpha.webp"), Q=80)
    rgba.webpsave(path("webp.lossless.webp"), lossless=True)
    rgb.heifsave(path("avif.8.avif"), compression="av1", Q=60)
    deep.heifsave(path("avif.12.avif"), compression="av1", Q=60, bitdepth=12)
    rgba.heifsave(path("avif.alpha.avif"), compression="av1", lossless=True)
    content = (folder / "avif.8.avif").read_bytes()
    (folder / "heif.brand.heic").write_bytes(content.replace(b"ftypavif", b"ftypheic", 1))
    (folder / "heif.mif1.heif").write_bytes(content.replace(b"ftypavif", b"ftypmif1", 1))
    for name, image, options in (
        ("none", rgb, {}),
        ("deflate", rgb, {"compression": "deflate", "predictor": "horizontal"}),
        ("lzw", rgba, {"compression": "lzw"}),
        ("jpeg", rgb, {"compression": "jpeg", "tile": True, "tile_width": 16, "tile_height": 16}),
        ("packbits", gray, {"compression": "packbits"}),
        ("fax", gray, {"compression": "ccittfax4", "bitdepth": 1}),
        ("deep", deep, {"compression": "deflate"}),
        ("float", float_, {"compression": "deflate", "predictor": "float"}),
        ("double", float_.cast("double"), {"compression": "none"}),
        ("premultiplied", rgba, {"premultiply": True}),
        ("big", rgb, {"bigtiff": True}),
        ("pyramid", rgb, {"pyramid": True, "tile": True, "tile_width": 16, "tile_height": 16, "subifd": True}),
        ("turned", turned, {}),
        ("lab", rgb.colourspace("labs"), {}),
        ("cmyk", rgb.icc_transform("cmyk", input_profile="srgb"), {"keep": "none"}),  # the profile has a megabyte
    ):
        image.tiffsave(path(f"tiff.{name}.tif"), **options)
    write(Picture(pixels(channels=3)), folder / "gif.rgb.gif")
    rgb.gifsave(path("gif.interlaced.gif"), interlace=True)


def _pillow(folder: Path) -> None:
    rgb = Image.fromarray(pixels())
    gray = Image.fromarray(pixels(channels=1)[..., 0])
    palette = rgb.quantize(16)
    palette.save(folder / "png.transparent.png", transparency=3)
    palette.save(folder / "gif.transparent.gif", transparency=3)
    palette.save(folder / "tiff.palette.tif")
    rgb.convert("CMYK").save(folder / "jpeg.cmyk.jpg")
    for name, image in {
        "24": rgb,
        "8": palette,
        "gray": gray,
        "1": gray.convert("1"),
        "32": rgb.convert("RGBA"),
    }.items():
        image.save(folder / f"bmp.{name}.bmp")
    for name, image in {"p6": rgb, "p5": gray, "p4": gray.convert("1")}.items():
        image.save(folder / f"ppm.{name}.ppm")
    rgb.save(folder / "jpeg.mpo.jpg", "MPO", save_all=True, append_images=[rgb])


def _by_hand(folder: Path) -> None:
    for name, head, samples in (
        ("p1", "P1\n# bits\n{w} {h}\n", pixels(channels=1) > 100),
        ("p2", "P2 {w} {h} # gray\n200\n", pixels(channels=1) % 201),
        ("p3", "P3\n{w}\n{h}\n1000\n", pixels().astype(int) * 3),
    ):
        words = " ".join(str(int(sample)) for sample in samples.ravel())
        (folder / f"ppm.{name}.ppm").write_text(head.format(w=_WIDTH, h=_HEIGHT) + words + "\n")
    deep = (pixels().astype(">u2") * 4).tobytes()
    (folder / "ppm.deep.ppm").write_bytes(b"P6 %d %d 1023\n" % (_WIDTH, _HEIGHT) + deep)
    rgb565 = (pixels(channels=1)[..., 0].astype("<u2") * 97).tobytes()
    (folder / "bmp.565.bmp").write_bytes(_bmp(16, 3, struct.pack("<LLL", 0xF800, 0x7E0, 0x1F), rgb565))
    table = b"".join(bytes((level * 16, level * 8, 255 - level * 16, 0)) for level in range(16))
    stride = (_WIDTH * 4 + 31) // 32 * 4
    rows = np.zeros((_HEIGHT, stride), np.uint8)
    rows[:, : _WIDTH // 2] = pixels(width=_WIDTH // 2, channels=1)[..., 0]
    (folder / "bmp.4.bmp").write_bytes(_bmp(4, 0, table, rows.tobytes(), used=16))
    (folder / "tiff.motorola.tif").write_bytes(_motorola())


def _motorola() -> bytes:
    """Return a gray TIFF whose most significant bytes come first, in two strips."""
    half = _HEIGHT // 2 * _WIDTH
    entries = [(256, 3, 1, _WIDTH), (257, 3, 1, _HEIGHT), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, 2, 138), (277, 3, 1, 1), (278, 3, 1, _HEIGHT // 2), (279, 4, 2, 146)]
    body = b"".join(
        struct.pack(">HHL", tag, kind, count)
        + (struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">L", value))
        for tag, kind, count, value in entries
    )
    head = b"MM\0*" + struct.pack(">LH", 8, len(entries)) + body + bytes(4)
    strips = struct.pack(">LLLL", 154, 154 + half, half, half)
    return head.ljust(138, b"\0") + strips + pixels(channels=1).tobytes()


def _bmp(bits: int, compression: int, table: bytes, samples: bytes, *, used: int = 0) -> bytes:
    offset = 54 + len(table)
    head = struct.pack("<2sLHHL", b"BM", offset + len(samples), 0, 0, offset)
    info = struct.pack("<LllHHLLllLL", 40, _WIDTH, _HEIGHT, 1, bits, compression, len(samples), 2835, 2835, used, 0)
    return head + info + table + samples


def _animations(folder: Path) -> None:
    frames = [Picture(pixels(seed=number)) for number in range(3)]
    clear = [Picture(frame.pixels, np.where(frame.pixels[..., 0] > 120, 255, 0).astype(np.uint8)) for frame in frames]
    write_pages(Pages(clear, 3, (40.0, 80.0, 120.0), 2), folder / "png.animated.png")
    write_pages(Pages(frames, 3, (40.0, 80.0, 120.0), 0), folder / "webp.animated.webp")
    write_pages(Pages(clear, 3, (40.0, 80.0, 120.0), 0), folder / "gif.animated.gif")
    several = [*frames, Picture(pixels(9, 13, 1))]
    write_pages(Pages(several, 4), folder / "tiff.pages.tif")
    shown = [Image.fromarray(frame.pixels) for frame in frames]
    moved = [shown[0], *[each.crop((2, 3, 12, 15)) for each in shown[1:]]]
    # Frames that are laid over the ones before, with each way of leaving.
    for disposal in (1, 2, 3):
        shown[0].save(folder / f"gif.disposal{disposal}.gif", save_all=True, append_images=shown[1:], disposal=disposal)
    (folder / "png.moved.png").write_bytes(_apng(moved))


def _apng(frames: list[Image.Image]) -> bytes:
    """Return an animation whose later frames are parts of the picture, each blended and taken away in its own way."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    made = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">LLBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0))
    made += chunk(b"acTL", struct.pack(">LL", len(frames), 0))
    sequence = 0
    for number, frame in enumerate(frames):
        place = (0, 0) if number == 0 else (2 + number, 3 + number)
        control = struct.pack(">5L2H2B", sequence, *frame.size, *place, 1, 10, number % 3, number % 2)
        made += chunk(b"fcTL", control)
        sequence += 1
        stream = io.BytesIO()
        frame.save(stream, "PNG")
        png = stream.getvalue()
        at = png.index(b"IDAT")
        data = png[at + 4 : at + 4 + struct.unpack(">L", png[at - 4 : at])[0]]
        if number == 0:
            made += chunk(b"IDAT", data)
        else:
            made += chunk(b"fdAT", struct.pack(">L", sequence) + data)
            sequence += 1
    return made + chunk(b"IEND", b"")


def _models(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from tests.published_networks import compact_weights, edsr_weights
    from upres.archs import ARCHS
    from upres.config.named_parts import build, parse_part
    from upres.export.onnx import export_network
    from upres.models import checkpoint
    from upres.models.facts import Facts

    torch.manual_seed(0)
    for name, wanted in {
        "plainres": {"name": "plainres", "width": 4, "blocks": 1},
        "espcn": {"name": "espcn", "widths": [4, 4]},
    }.items():
        part = parse_part(ARCHS, wanted, where="fuzz", key="arch")
        network = build(ARCHS, part, scale=2, channels=3).eval()
        facts = Facts(name=name, scale=2, radius=network.radius, multiple=network.multiple, arch=part.dump())
        facts = dataclasses.replace(facts, parameters=network.parameter_count, scores={"Set5 psnr_y border 2": 31.0})
        checkpoint.save(folder / f"safetensors.{name}.safetensors", network, facts)
        export_network(network, facts, folder / f"onnx.{name}.onnx")
    for name, weights in {"compact": compact_weights(), "edsr": edsr_weights(2)}.items():
        tensors = {key: tensor.contiguous() for key, tensor in weights.items()}
        save_file(tensors, str(folder / f"safetensors.{name}.safetensors"))
        torch.save({"params": tensors}, folder / f"pth.{name}.pth")
    torch.save(tensors, folder / "pth.old.pth", _use_new_zipfile_serialization=False)


def _kind(suffix: str) -> str:
    return {"jpg": "jpeg", "tif": "tiff"}.get(suffix, suffix)
