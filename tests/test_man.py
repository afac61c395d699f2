"""The manual pages are what the commands say, are well-formed, and come with a wheel."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import man
from upres.cli.main import COMMANDS

PAGES = sorted(man.FOLDER.glob("*"))
ROOT = Path(__file__).resolve().parents[1]


def test_they_are_current() -> None:
    assert {path.name: path.read_text(encoding="ascii") for path in PAGES} == man.pages(), "run: python -m tools.man"
    assert {path.name for path in PAGES} == {"upres.1", *(f"upres-{verb}.1" for verb in COMMANDS)}


@pytest.mark.parametrize(
    "call",
    [("mandoc", "-T", "lint", "-W", "warning"), ("groff", "-ww", "-man", "-Tutf8", "-z")],
    ids=lambda call: call[0],
)
def test_no_formatter_warns_of_them(call: tuple[str, ...], tmp_path: Path) -> None:
    if shutil.which(call[0]) is None:
        pytest.skip(f"{call[0]} is not installed")
    (tmp_path / "bad.1").write_text('.TH X 1 2026-01-01 "" ""\n.SH NAME\nx \\- y\n.SH\n\\*[none]\n', encoding="ascii")
    for paths, warns in ((PAGES, False), ([tmp_path / "bad.1"], True)):
        done = subprocess.run([*call, *map(str, paths)], capture_output=True, text=True, check=False)
        assert bool(done.stdout + done.stderr) == warns, done.stdout + done.stderr


def test_what_roff_would_take_for_its_own_is_marked() -> None:
    assert man._text(".npz files, C:\\x") == "\\&.npz files, C:\\ex"
    assert man._text("`--no-config` ×2") == "\\fB\\-\\-no\\-config\\fR \\[u00D7]2"


def test_man_shows_an_option_as_it_is_typed() -> None:
    if shutil.which("man") is None:
        pytest.skip("man is not installed")
    call = ["man", "-l", str(man.FOLDER / "upres-upscale.1")]
    shown = subprocess.run(
        call,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
    )
    assert "       --max-memory SIZE\n" in shown.stdout and "Output side ÷ input side" in " ".join(shown.stdout.split())


def test_they_come_with_the_wheel(tmp_path: Path) -> None:
    for name in (
        "pyproject.toml",
        "DESCRIPTION.md",
        "LICENSE",
        "src/upres/models/LICENSES.md",
        "src/upres/models/CREDITS.md",
        "docs/man",
    ):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "src" / "upres" / "__init__.py").touch()  # its models are no concern here
    code = "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    if "No module named 'setuptools'" in done.stderr:
        pytest.skip("setuptools, which builds wheels, is not installed")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if "/share/man/man1/" in name}
    assert {name.rsplit("/", 1)[1] for name in shipped} == {path.name for path in PAGES}
    assert all(".data/data/share/man/man1/" in name for name in shipped)
