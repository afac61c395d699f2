"""HEIC through pillow-heif: what its writer put in comes out; damage, limits and a missing package say so in a line."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tests.commands import Command
from upres import read
from upres.errors import MissingExtraError, PictureError
from upres.image.codecs import extras, heic, heif
from upres.image.codecs.table import FORMATS
from upres.image.opening import OpenedPicture, read_header

if heic.in_libvips():
    pytest.skip("this libvips decodes HEVC itself", allow_module_level=True)

# Its first 64 bytes of brands and the box of HEVC's configuration: enough to be known for what it is.
_NAMED = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
_HVCC = b"\0\0\0\x0chvcC\0\0\0\0"
_IPCO = (len(_HVCC) + 8).to_bytes(4, "big") + b"ipco" + _HVCC
_IPRP = (len(_IPCO) + 8).to_bytes(4, "big") + b"iprp" + _IPCO
_META = (len(_IPRP) + 12).to_bytes(4, "big") + b"meta\0\0\0\0" + _IPRP
HEAD = _NAMED + _META


def test_without_the_package_the_extra_and_its_licence_are_named(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "p.heic"
    path.write_bytes(HEAD)
    assert heif.coded_by_hevc(path)
    monkeypatch.setattr(extras, "installed", lambda extra: False)
    with pytest.raises(PictureError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: a HEIC file, which this installation does not read; "
        'pip install "upres[heic]" (its wheel holds x265, under GPL-2.0), or convert it to PNG'
    )


def test_formats_and_doctor_name_the_extra_that_is_missing(monkeypatch, command: Command) -> None:
    monkeypatch.setattr(extras, "installed", lambda extra: False)
    code, out, _ = command("formats")
    assert code == 0
    assert 'To read HEIF: pip install "upres[heic]" (its wheel holds x265, under GPL-2.0)' in out.splitlines()


@pytest.mark.parametrize("version", ["libde265 version 1.1.0", "libde265, version 0.9", None])
def test_a_decoder_with_a_known_fault_is_refused(version: str | None) -> None:
    with pytest.raises(MissingExtraError, match=r'pip install --upgrade "upres\[heic\]"'):
        heic.check_decoder({"decoders": {"libde265": version} if version else {}})
    heic.check_decoder({"decoders": {"libde265": "libde265 HEVC decoder, version 1.1.3"}})


with_package = pytest.mark.skipif(
    importlib.util.find_spec("pillow_heif") is None, reason="pillow-heif is not installed: upres[heic]"
)


def written(path: Path, mode: str, samples: np.ndarray, **options: object) -> Path:
    import pillow_heif

    height, width = samples.shape[:2]
    pillow_heif.from_bytes(mode=mode, size=(width, height), data=samples.tobytes()).save(path, quality=-1, **options)
    return path


def ramp(dtype: type, channels: int, top: int) -> np.ndarray:
    rows = np.linspace(0, top, 40)[None, :, None] * np.ones((24, 1, channels))
    return rows.astype(dtype)


@with_package
@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("RGBA", 4)])
def test_8_bits(tmp_path: Path, mode: str, channels: int) -> None:
    samples = ramp(np.uint8, channels, 255)
    path = written(tmp_path / "p.heic", mode, samples, chroma=444, matrix_coefficients=0)
    header = read_header(path)
    assert (header.format, header.width, header.height, header.depth) == ("HEIF", 40, 24, 8)
    picture = read(path)
    assert np.abs(picture.pixels.astype(int) - samples[..., :3]).max() <= 2
    assert (picture.alpha is None) == (channels == 3)
    if picture.alpha is not None:
        assert np.abs(picture.alpha.astype(int).squeeze() - samples[..., 3]).max() <= 2


@with_package
def test_10_bits_fill_16_and_white_is_white(tmp_path: Path) -> None:
    path = written(tmp_path / "p.heic", "RGB;16", ramp(np.uint16, 3, 65_535), chroma=444)
    picture = read(path)
    assert picture.pixels.dtype == np.uint16
    assert picture.pixels.max() == 65_535
    assert np.abs(picture.pixels.astype(int) - ramp(np.uint16, 3, 65_535)).max() < 400


@with_package
def test_profile_and_metadata_travel_and_orientation_is_applied_once(tmp_path: Path) -> None:
    import pillow_heif
    from PIL import Image, ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    # Upright, its left is white.
    stored = np.zeros((24, 40, 3), np.uint8)
    stored[:, :20] = 255
    turned = Image.fromarray(np.rot90(stored).copy())  # by EXIF 6 it is turned back
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    heif_file = pillow_heif.from_pillow(turned)
    heif_file.save(tmp_path / "p.heic", quality=-1, exif=exif.tobytes(), icc_profile=profile)
    picture = read(tmp_path / "p.heic")
    assert (picture.width, picture.height) == (40, 24)
    assert picture.pixels[12, 5].min() > 250
    assert picture.pixels[12, 35].max() < 5
    assert picture.profile == profile
    assert b"Maker" in picture.metadata["exif"]
    assert OpenedPicture(tmp_path / "p.heic").header.orientation == 1


@with_package
def test_damage_and_limits_are_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "p.heic", "RGB", ramp(np.uint8, 3, 255))
    with pytest.raises(PictureError, match=r"960 pixels, more than the 900 allowed"):
        read(path, max_pixels=900)
    content = path.read_bytes()
    for number, cut in enumerate((content[:-40], content[:300])):
        broken = tmp_path / f"{number}.heic"
        broken.write_bytes(cut)
        with pytest.raises(PictureError) as caught:
            read(broken)
        assert "\n" not in str(caught.value)


def test_a_gain_map_is_left_behind_with_a_word(tmp_path: Path) -> None:
    path = tmp_path / "p.heic"
    path.write_bytes(HEAD.replace(b"mif1", b"tmap"))
    assert heif.tone_mapped(path)
    path.write_bytes(HEAD)
    assert not heif.tone_mapped(path)


@with_package
def test_what_is_left_behind_stands_in_the_header(tmp_path: Path) -> None:
    path = written(tmp_path / "p.heic", "RGB", ramp(np.uint8, 3, 255))
    assert read_header(path).changes == ()
    content = path.read_bytes()
    path.write_bytes(content.replace(b"miaf", b"tmap", 1))  # one of its compatible brands
    assert read_header(path).changes == ("HDR gain map left behind",)


def test_the_extra_stands_at_its_format() -> None:
    extra = FORMATS["heif"].extra
    assert extra is not None
    assert (extra.name, extra.module) == ("heic", "pillow_heif")
