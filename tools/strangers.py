"""Three strangers follow their pages: a fresh environment, the wheel alone, every command as it stands, in order.

    python -m tools.strangers [photographer developer trainer]

Commands and programs are taken from the documents. What they work on (`photo.jpg`, a folder `photos`) is made first.
`upres` is the wheel built of this checkout; all else comes from the package index, in the versions of `--constraint`.
PIP_FIND_LINKS, PIP_INDEX_URL and pip's other variables hold for what strangers install, and PIP_CONSTRAINT where
`--constraint` is not given. `--without-index HOST` is for a machine that does not reach one of the documents' indexes:
each command that names it loses that option, which is said. What it would bring must then come from elsewhere, such as
a folder in PIP_FIND_LINKS that holds torch for processors.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import picture
from upres import Picture
from upres.image import write
from upres.models.shipped import find

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
_SECONDS_A_COMMAND = 900


@dataclass(frozen=True)
class Stranger:
    """Who reads which pages (`page.md`, or a part of one: `page.md#Its heading`), with which pictures at hand.

    Attributes:
        pages: in the order in which they are read.
        pictures: path → (height, width).
    """

    pages: tuple[str, ...]
    pictures: dict[str, tuple[int, int]]


_PHOTO = {"photo.jpg": (240, 320)}
STRANGERS = {
    "photographer": Stranger(
        ("start.md", "how-to/folder.md", "how-to/scan.md", "how-to/line-art.md", "faq.md"),
        {
            **_PHOTO,
            "photos/a.jpg": (120, 160),
            "photos/drafts/b.jpg": (120, 160),
            "scan.tif": (400, 300),
            "drawing.png": (120, 160),
            "drawing.jpg": (120, 160),
        },
    ),
    "developer": Stranger(
        ("start.md", "python.md", "errors.md", "tiles.md", "how-to/shop.md"),
        {**_PHOTO, "products/a.png": (200, 300), "products/b.png": (300, 200)},
    ),
    "trainer": Stranger(
        (
            "start.md",
            "training.md#Install",
            "training.md#A first recipe",
            "finetuning.md",
            "training.md#A loop of your own",
        ),
        {
            **_PHOTO,
            **{f"my-photos/{number:02}.jpg": (600, 800) for number in range(12)},
            "held-out/a.jpg": (240, 320),
        },
    ),
}
# A name in the pages for a model that the reader has.
_MODEL = "drawings.onnx"


@dataclass(frozen=True)
class Step:
    """Something that a page says to do: `kind` is `sh`, `python`, or the name of a file to save the text in."""

    page: str
    kind: str
    text: str


def steps(page: str) -> Iterator[Step]:
    """Yield what a page, or a part of it, says to do: commands one by one, programs as they stand, files to save."""
    name, _, heading = page.partition("#")
    text = (DOCS / name).read_text(encoding="utf-8")
    if heading:
        text = _part(text, heading, page)
    for found in re.finditer(r"```(\w+)\n(.*?)```\n(?:\s*Save it as `([^`]+)`)?", text, re.DOTALL):
        kind, block, saved = found.groups()
        if saved:
            yield Step(page, saved, block)
        elif kind == "sh":
            yield from (Step(page, "sh", line) for line in block.replace("\\\n", "").splitlines() if line.strip())
        elif kind == "python":
            yield Step(page, "python", block)


def _part(text: str, heading: str, page: str) -> str:
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,6}} |\Z)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise SystemExit(f"{page}: there is no such heading")
    return found[2]


def without_index(command: str, host: str | None) -> str:
    """Return a command without its `--index-url` of a host."""
    return re.sub(rf" --index-url https://{re.escape(host)}/\S*", "", command) if host else command


def follow(name: str, wheel: Path, folder: Path, constraint: Path | None, unreachable: str | None = None) -> float:
    """Do all that a stranger's pages say in an empty folder; return the seconds that it took.

    Args:
        name: of `STRANGERS`.
        wheel: of upres.
        folder: an empty one.
        constraint: a file of versions for pip.
        unreachable: the host of an index that is left out of commands.

    Raises:
        SystemExit: a command failed; its output is printed.
    """
    stranger = STRANGERS[name]
    home, work, constraints = folder / "home", folder / "work", folder / "constraints.txt"
    for each in (home, work):
        each.mkdir(parents=True)
    # With the newest pip: 23.2, which Python 3.11 brings, takes no extra of a wheel that a constraint names.
    subprocess.run([sys.executable, "-m", "venv", "--upgrade-deps", str(folder / "venv")], check=True)
    pinned = constraint.read_text(encoding="utf-8") if constraint else ""
    constraints.write_text(f"{pinned}\nupres @ {wheel.as_uri()}\n", encoding="utf-8")
    for seed, (path, (height, width)) in enumerate(stranger.pictures.items()):
        target = work / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write(Picture(picture(height, width, seed)), target)
    shutil.copyfile(find("fast", 4).path, work / _MODEL)
    environment = {
        **{
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "UPRES", "VIRTUAL_ENV"))
        },
        "HOME": str(home),
        "PATH": f"{folder / 'venv' / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "PIP_CONSTRAINT": str(constraints),
        "PIP_CACHE_DIR": str(Path.home() / ".cache" / "pip"),
        "PIP_QUIET": "1",
    }
    programs: dict[str, str] = {}
    began = time.monotonic()
    print(f"\n{name}", flush=True)
    for page in stranger.pages:
        for step in steps(page):
            if step.kind == "sh":
                line = without_index(step.text, unreachable)
                command = ["bash", "-c", line]
                said = step.text if line == step.text else f"{line} (instead of: {step.text})"
            elif step.kind == "python":  # a page's later programs go on with the names of its earlier ones
                programs[page] = programs.get(page, "") + step.text
                (work / "program.py").write_text(programs[page], encoding="utf-8")
                command, said = ["python", "program.py"], f"a program of {step.text.count(chr(10))} lines"
            else:
                (work / step.kind).write_text(step.text, encoding="utf-8")
                continue
            _do(command, said, page, work, environment)
    return time.monotonic() - began


def _do(command: list[str], said: str, page: str, work: Path, environment: dict[str, str]) -> None:
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, timeout=_SECONDS_A_COMMAND, check=False
    )
    print(f"{time.monotonic() - began:7.1f} s  {page}: {said}", flush=True)
    if done.returncode:
        sys.exit(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")


def main() -> None:
    """Build the wheel, and let each stranger follow their pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*STRANGERS, []], help="of strangers; all")
    parser.add_argument("--constraint", type=Path, help="versions of what comes from the index; the newest without it")
    parser.add_argument("--without-index", metavar="HOST", help="of an index that this machine does not reach")
    parser.add_argument("--wheel", type=Path, help="one that was built already")
    given = parser.parse_args()
    if given.constraint is None and (named := os.environ.get("PIP_CONSTRAINT")):
        given.constraint = Path(named)
    with tempfile.TemporaryDirectory() as name:
        wheel = given.wheel or _built(Path(name))
        taken = {}
        for who in given.names or STRANGERS:
            with tempfile.TemporaryDirectory() as folder:
                taken[who] = follow(who, wheel.resolve(), Path(folder), given.constraint, given.without_index)
    for who, seconds in taken.items():
        print(f"{who}: every command succeeded, {seconds:.0f} s")


def _built(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    return next(folder.glob("upres-*.whl"))


if __name__ == "__main__":
    main()
