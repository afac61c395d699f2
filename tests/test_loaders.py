"""Only the loaders of formats that upres names may be called in libvips, under whatever name a file comes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips

from tests.commands import UPRES
from tests.small_pictures import failure
from upres.image import Picture, read, write
from upres.image.codecs import vips
from upres.image.codecs.table import FORMATS

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


def contents(folder: Path) -> dict[str, bytes]:
    """Return a file of each kind that libvips reads and upres does not name."""
    made = pyvips.Image.black(3, 2)
    made.vipssave(str(folder / "x.v"))
    made.matrixsave(str(folder / "x.mtx"))
    return {
        "v": (folder / "x.v").read_bytes(),
        "matrix": (folder / "x.mtx").read_bytes(),
        "csv": b"1,2,3\n4,5,6\n",
        "mat": b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x01IM" + bytes(64),
        "svg": SVG,
        "xml svg": b'<?xml version="1.0"?>\n' + SVG,
    }


@pytest.mark.parametrize("name", ["v", "matrix", "csv", "mat", "svg", "xml svg"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".v", ".mat", ".csv", ".svg"])
def test_nothing_else_is_opened_under_a_pictures_name_or_its_own(tmp_path: Path, name: str, suffix: str) -> None:
    vips.pyvips()  # whoever reads a picture has called it
    content = contents(tmp_path)[name]
    (tmp_path / f"post{suffix}").write_bytes(content)
    assert "upres reads PNG, JPEG" in failure(read, tmp_path / f"post{suffix}")
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_file(str(tmp_path / f"post{suffix}"))
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_buffer(content, "")


def test_the_command_refuses_it_too(tmp_path: Path) -> None:
    (tmp_path / "post.png").write_bytes(SVG)
    done = subprocess.run([*UPRES, str(tmp_path / "post.png")], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "a SVG file; upres reads PNG" in done.stderr


def test_loaders_are_blocked_before_the_first_byte_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("1,2\n")
    code = (
        "import sys, pyvips\nfrom upres.image import read\nfrom upres.errors import UpresError\n"
        "try: read('/nowhere.png')\nexcept UpresError: pass\n"
        "try: read(sys.argv[1])\nexcept UpresError: pass\n"
        "from upres.image.codecs import vips\nvips.pyvips()\n"
        "try: pyvips.Image.csvload(sys.argv[1])\nexcept pyvips.Error as error: print('blocked' in str(error))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "x.csv"], check=True, capture_output=True, text=True)
    assert done.stdout == "True\n"


def test_every_format_of_the_table_has_its_loader_and_there_is_no_other() -> None:
    wanted = {form.operation for form in FORMATS.values() if form.operation} | {"raw"}  # raw is what BMP and PPM need
    assert set(vips.LOADERS) == wanted


def test_a_turned_picture_that_libvips_puts_on_disk_is_still_read(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    write(Picture(samples), tmp_path / "x.tif")
    made = pyvips.Image.new_from_file(str(tmp_path / "x.tif")).copy()
    made.set_type(pyvips.GValue.gint_type, "orientation", 6)
    made.tiffsave(str(tmp_path / "turned.tif"), compression="deflate")
    code = "import sys; from upres.image import read; print(read(sys.argv[1]).pixels.shape)"
    command = [sys.executable, "-c", code, str(tmp_path / "turned.tif")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={"VIPS_DISC_THRESHOLD": "100k"})
    assert done.stdout == "(900, 700, 3)\n"
