"""Which damage of a picture each format shows: refused, warned of, without effect, or other pixels without a word.

    python -m benchmarks.damage [--mutations 200] [--side 256]

A picture of each format is damaged in five ways, so often each, and read: one bit flipped, 16 bytes replaced, a sector
of 512 bytes lost to zeros, the rest zeros from somewhere, the rest missing. Places are drawn from the whole file, of
which pixels are nearly all. HEIC is among them where `upres[heic]` is installed.
"""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import argument_parser, picture, run
from upres.errors import DamagedPictureWarning, UpresError
from upres.image import Pages, Picture, read_pages, write, write_pages
from upres.image.codecs import extras, vips
from upres.image.codecs.table import FORMATS

Generator = np.random.Generator


def one_bit(content: bytes, generator: Generator) -> bytes:
    at = int(generator.integers(len(content)))
    return content[:at] + bytes([content[at] ^ 1 << int(generator.integers(8))]) + content[at + 1 :]


def some_bytes(content: bytes, generator: Generator) -> bytes:
    at = int(generator.integers(len(content) - 16))
    return content[:at] + generator.bytes(16) + content[at + 16 :]


def lost_sector(content: bytes, generator: Generator) -> bytes:
    at = int(generator.integers(len(content) // 512)) * 512
    return content[:at] + bytes(len(content[at : at + 512])) + content[at + 512 :]


def zeros_behind(content: bytes, generator: Generator) -> bytes:
    return content[: int(generator.integers(1, len(content)))].ljust(len(content), b"\0")


def missing_end(content: bytes, generator: Generator) -> bytes:
    return content[: int(generator.integers(1, len(content)))]


WAYS: dict[str, Callable[[bytes, Generator], bytes]] = {
    "one bit": one_bit,
    "16 bytes": some_bytes,
    "a sector of zeros": lost_sector,
    "zeros from there on": zeros_behind,
    "cut": missing_end,
}


def made(folder: Path, side: int) -> dict[str, Path]:
    """Write a picture of each format and of the kinds that differ in what they notice."""
    lr = picture(side, side)
    image = vips.from_array(lr)
    paths: dict[str, Path] = {}

    def path(name: str, suffix: str) -> Path:
        paths[name] = folder / f"{len(paths)}{suffix}"
        return paths[name]

    for name, suffix in {"PNG": ".png", "WebP": ".webp", "AVIF": ".avif", "GIF": ".gif"}.items():
        write(Picture(lr), path(name, suffix))
    write(Picture(lr), path("WebP, lossless", ".webp"), lossless=True)
    image.jpegsave(str(path("JPEG", ".jpg")), Q=90)
    image.jpegsave(str(path("JPEG, progressive", ".jpg")), Q=90, interlace=True)
    image.jpegsave(str(path("JPEG, restart markers", ".jpg")), Q=90, restart_interval=16)
    image.tiffsave(str(path("TIFF, deflate", ".tif")), compression="deflate")
    image.tiffsave(str(path("TIFF, LZW", ".tif")), compression="lzw")
    image.tiffsave(str(path("TIFF, plain", ".tif")))
    for name, suffix in {"BMP": ".bmp", "PPM": ".ppm"}.items():
        write(Picture(lr), path(name, suffix))
    extra = FORMATS["heif"].extra
    if extra is not None and extras.installed(extra):
        import pillow_heif

        pillow_heif.from_bytes("RGB", (side, side), lr.tobytes()).save(path("HEIC", ".heic"), quality=90)
    frames = [Picture(picture(side // 2, side // 2, seed)) for seed in range(3)]
    for name, suffix in {"PNG, animated": ".png", "WebP, animated": ".webp", "GIF, animated": ".gif"}.items():
        write_pages(Pages(frames, 3, (40.0,) * 3), path(name, suffix))
    return paths


def outcome(path: Path, before: list[NDArray[np.generic]]) -> str:
    """Return what became of a damaged file whose frames were `before`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DamagedPictureWarning)
        try:
            pages = list(read_pages(path))
        except UpresError:
            return "refused"
    if caught or not pages:
        return "warned"
    after = [page.pixels for page in pages]
    same = len(after) == len(before) and all(map(np.array_equal, after, before))
    return "no effect" if same else "silent"


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--mutations", type=int, default=200, metavar="N", help="of each way")
    parser.add_argument("--side", type=int, default=256, help="of the picture")
    given = parser.parse_args()
    outcomes = ("refused", "warned", "silent", "no effect")
    print(f"{given.mutations} of each way, {given.side}×{given.side}; refused / warned / silent / no effect\n")
    print(f"| format | {' | '.join(WAYS)} |\n|---|{'---|' * len(WAYS)}")
    with tempfile.TemporaryDirectory() as name:
        for form, path in made(Path(name), given.side).items():
            content = path.read_bytes()
            before = [page.pixels for page in read_pages(path)]
            cells = []
            for number, way in enumerate(WAYS.values()):
                generator = np.random.default_rng(number)
                counts: Counter[str] = Counter()
                for _ in range(given.mutations):
                    path.write_bytes(way(content, generator))
                    counts[outcome(path, before)] += 1
                cells.append(" / ".join(str(counts[each]) for each in outcomes))
            print(f"| {form} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    run(main)
