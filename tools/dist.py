"""Wheel and sdist in dist/: built twice, compared byte by byte, checked, and the sdist's tests run elsewhere.

python -m tools.dist

Needs build, twine and check-wheel-contents: `make dist` installs them. Both builds start from a fresh copy of what git
has, one under another umask, so that nothing of this checkout gets in.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
_UNIX = 3  # what a zip file's entry says made it
# Quick ones, of the parts that a packager's changes break: files that ship, models, formats, arithmetic.
SDIST_TESTS = ("tests/test_doctor.py", "tests/test_formats.py", "tests/test_resize.py")


def main() -> None:
    """Build, compare, check and test; the first failure ends it."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    target = ROOT / "dist"
    target.mkdir(exist_ok=True)
    for old in (*target.glob("upres-*.whl"), *target.glob("upres-*.tar.gz")):
        old.unlink()
    # One commit, also where another is made meanwhile.
    commit, epoch = _said("git", "log", "-1", "--format=%H %ct").decode().split()
    with tempfile.TemporaryDirectory() as folder:
        first, second = (_built(Path(folder) / str(mask), mask, commit, epoch) for mask in (0o022, 0o077))
        if first != second:
            sys.exit(f"two builds of one commit differ: {_sums(first)}, {_sums(second)}")
        for name, content in first.items():
            (target / name).write_bytes(content)
            print(f"{hashlib.sha256(content).hexdigest()}  dist/{name}  {len(content):,} bytes, twice the same")
        files = [str(target / name) for name in first]
        wheel, sdist = (next(file for file in files if file.endswith(end)) for end in (".whl", ".tar.gz"))
        _run(sys.executable, "-m", "twine", "check", "--strict", *files)
        _run(sys.executable, "-m", "check_wheel_contents", wheel)
        _test(Path(folder) / "sdist", Path(sdist), Path(wheel))


def _built(folder: Path, mask: int, commit: str, epoch: str) -> dict[str, bytes]:
    """Return the wheel, and the sdist without its times, by their names."""
    (folder / "source").mkdir(parents=True)
    unpack = ("tar", "-x", "--no-same-permissions", "-C", str(folder / "source"))
    subprocess.run(unpack, input=_said("git", "archive", commit), check=True, umask=mask)
    environment = os.environ | {"SOURCE_DATE_EPOCH": epoch}
    command = (sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(folder / "source"))
    subprocess.run(command, check=True, env=environment, umask=mask, stdout=subprocess.DEVNULL)
    made = {path.name: path.read_bytes() for path in sorted((folder / "dist").iterdir())}
    settle = {".gz": _settled_sdist, ".whl": _settled_wheel}
    return {name: settle[Path(name).suffix](content, int(epoch)) for name, content in made.items()}


def _settled_wheel(content: bytes, epoch: int) -> bytes:
    """Return a wheel in which modes and times say nothing of this machine: they follow the umask otherwise."""
    packed = io.BytesIO()
    moment = time.gmtime(epoch)[:6]
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():  # in its order: RECORD stands last, as the format asks
            entry = zipfile.ZipInfo(name, moment)
            entry.create_system, entry.external_attr = _UNIX, (stat.S_IFREG | 0o644) << 16
            target.writestr(entry, source.read(name), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _settled_sdist(content: bytes, epoch: int) -> bytes:
    """Return a tar.gz in which times, owners and modes say nothing of this machine: setuptools leaves them in."""
    with tarfile.open(fileobj=io.BytesIO(content)) as source:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target:
            for member in sorted(source.getmembers(), key=lambda each: each.name):
                member.mtime, member.mode = epoch, 0o755 if member.isdir() else 0o644
                member.uid = member.gid = 0
                member.uname = member.gname = ""
                member.pax_headers = {}
                target.addfile(member, source.extractfile(member) if member.isfile() else None)
    return gzip.compress(packed.getvalue(), mtime=epoch)


def _test(folder: Path, sdist: Path, wheel: Path) -> None:
    """Run some of the sdist's tests where it is unpacked, with the wheel installed."""
    folder.mkdir()
    _run("tar", "-x", "-C", str(folder), "-f", str(sdist))
    (source,) = folder.iterdir()
    python = folder / "venv" / "bin" / "python"
    _run(sys.executable, "-m", "venv", str(folder / "venv"))
    quiet = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    _run(str(python), *quiet, str(wheel), "pytest", "hypothesis")
    _run(str(python), "-m", "pytest", "-p", "no:cacheprovider", "-m", "not slow", *SDIST_TESTS, folder=source)


def _said(*command: str) -> bytes:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout


def _run(*command: str, folder: Path | None = None) -> None:
    if done := subprocess.run(command, cwd=folder, check=False).returncode:
        sys.exit(f"{' '.join(command)}: exit code {done}")


def _sums(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest()[:12] for name, content in files.items()}


if __name__ == "__main__":
    main()
