"""What each format keeps, measured by writing pictures and reading them back: the table of docs/formats.md.

python -m benchmarks.formats --write docs/formats.md
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from benchmarks.common import argument_parser
from upres.image import Pages, Picture, from_unit, read, read_pages, to_unit, write, write_pages
from upres.image.codecs.installation import abilities
from upres.image.codecs.table import FORMATS, Format

BEGIN, END = "<!-- made by benchmarks/formats.py -->", "<!-- until here -->"
# Formats that every build of libvips for Python has, or for which upres needs none.
EVERYWHERE = ("PNG", "JPEG", "WebP", "TIFF", "GIF", "BMP", "PPM")

_EXIF = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x07\0\0\0\x1a\0\0\0\0\0\0\0Motoro\0"
_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
_IPTC = b"\x1c\x02\x05\x00\x05Title"
_SHAPE = (24, 32)


def samples(dtype: str, channels: int) -> NDArray[np.generic]:
    """Few colours, so that a palette could hold them, at levels that 8 bits do not have."""
    patches = np.random.default_rng(0).random((3, 4, channels))
    return from_unit(np.kron(patches, np.ones((8, 8, 1))), dtype)


def picture(dtype: str = "uint8", channels: int = 3, alpha: NDArray[np.generic] | None = None) -> Picture:
    return Picture(samples(dtype, channels), alpha)


def there_and_back(form: Format, before: Picture, folder: Path) -> Picture | None:
    path = folder / f"p{form.suffixes[0]}"
    try:
        write(before, path, lossless=form.lossless)
    except Exception:
        return None
    return read(path)


def precision(before: NDArray[np.generic], after: NDArray[np.generic]) -> str:
    """Say how much of the samples is left."""
    if before.dtype == after.dtype and np.array_equal(before, after):
        return "exact"
    worst = float(np.abs(to_unit(before) - to_unit(after)).max())
    for bits in (16, 12, 8):  # half a level, and a little where two roundings follow each other
        if worst <= 0.54 / (2**bits - 1):
            return f"{bits} bits"
    return "lossy"


def depth(dtype: str) -> Callable[[Format, Path], str]:
    def cell(form: Format, folder: Path) -> str:
        before = picture(dtype)
        after = there_and_back(form, before, folder)
        return "refused" if after is None else precision(before.pixels, after.pixels)

    return cell


def gray(form: Format, folder: Path) -> str:
    after = there_and_back(form, picture(channels=1), folder)
    assert after is not None
    return "gray" if after.gray else "RGB, neutral" if np.ptp(after.pixels, axis=2).max() == 0 else "tinted"


def alpha(form: Format, folder: Path) -> str:
    before = picture(alpha=samples("uint8", 1)[..., 0])
    after = there_and_back(form, before, folder)
    if after is None or after.alpha is None or before.alpha is None:
        return "refused" if after is None else "lost"
    if set(np.unique(after.alpha)) <= {0, 255}:
        return "yes or no"
    return precision(before.alpha, after.alpha)


def travels(name: str, **values: object) -> Callable[[Format, Path], str]:
    def cell(form: Format, folder: Path) -> str:
        before = dataclasses.replace(picture(), **values)  # type: ignore[arg-type]
        after = there_and_back(form, before, folder)
        assert after is not None
        if name in ("profile", "resolution"):
            found, wanted = getattr(after, name), getattr(before, name)
            same = found == wanted if name == "profile" else found is not None and np.allclose(found, wanted, 1e-3)
        else:
            same = name in after.metadata
        return "kept" if same else "-"

    return cell


def silence(form: Format, folder: Path) -> str:
    after = there_and_back(form, picture(), folder)
    assert after is not None
    return "none" if after.resolution is None and not after.metadata and after.profile is None else "made up"


def several(form: Format, folder: Path) -> str:
    frames = [Picture(np.roll(samples("uint8", 3), 8 * number, axis=0)) for number in range(3)]
    for delays, loop in (((100.0, 200.0, 300.0), 2), (None, 0)):
        try:
            write_pages(Pages(frames, 3, delays, loop), folder / f"a{form.suffixes[0]}", lossless=form.lossless)
        except Exception:
            continue
        after = read_pages(folder / f"a{form.suffixes[0]}")
        if after.count == 3 and after.delays is not None:
            return "frames, delays, loop" if (after.delays, after.loop) == (delays, loop) else "frames"
        return "pages" if after.count == 3 else "-"
    return "-"


def columns() -> Mapping[str, Callable[[Format, Path], str]]:
    made = pyvips.Image.black(2, 2, bands=3).copy(interpretation="srgb")
    profile = made.icc_transform("srgb", input_profile="srgb").get("icc-profile-data")
    return {
        "8 bits": depth("uint8"),
        "16 bits": depth("uint16"),
        "float": depth("float32"),
        "gray": gray,
        "alpha": alpha,
        "profile": travels("profile", profile=profile),
        "EXIF": travels("exif", metadata={"exif": _EXIF}),
        "XMP": travels("xmp", metadata={"xmp": _XMP}),
        "IPTC": travels("iptc", metadata={"iptc": _IPTC}),
        "resolution": travels("resolution", resolution=(11.811, 11.811)),
        "invented": silence,
        "several": several,
    }


def table() -> list[str]:
    """Return the lines of the table for what this installation writes."""
    checks = columns()
    lines = [f"| format | {' | '.join(checks)} |", "|" + "---|" * (len(checks) + 1)]
    for ability in abilities():
        if ability.writes:
            with tempfile.TemporaryDirectory() as name:
                cells = [check(ability.form, Path(name)) for check in checks.values()]
            lines.append(f"| {ability.form.name} | {' | '.join(cells)} |")
    return lines


def with_table(page: str, lines: list[str]) -> str:
    """Return the page with its table replaced."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{rest.split(END)[1]}"


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--write", type=Path, help="replace the table in this page")
    page = parser.parse_args().write
    lines = table()
    assert len(FORMATS) >= len(lines) - 2
    print("\n".join(lines))
    if page is not None:
        page.write_text(with_table(page.read_text(encoding="utf-8"), lines), encoding="utf-8")


if __name__ == "__main__":
    main()
