"""Pages that say how to do something: their commands and examples run, in their order, as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.commands import Command
from tests.small_pictures import picture
from tests.tiny_models import tiny_onnx
from upres.image import read_header, write

DOCS = Path(__file__).resolve().parents[1] / "docs"

# page → what lies in the folder before, and what lies there at the end with its width.
PAGES: dict[str, tuple[tuple[str, ...], dict[str, int]]] = {
    "start.md": (("photo.jpg",), {"photo_x4.jpg": 96, "photo-large.png": 48, "from-python.png": 48}),
    "tiles.md": (("photo.jpg",), {"whole.png": 48, "pieces.png": 48}),
    "faq.md": (("photo.jpg",), {"check.png": 48, "quick.jpg": 96, "faithful.png": 96, "noise-kept.png": 96}),
    "errors.md": ((), {}),
    "how-to/folder.md": (
        ("photos/a.jpg", "photos/drafts/b.jpg"),
        {"large/drafts/b_x4.jpg": 96, "previews/a_x2.webp": 48, "chosen/a_x4.jpg": 96, "screens/a_320x200.jpg": 240},
    ),
    "how-to/scan.md": (("scan.tif",), {"large.tif": 48, "large.png": 48, "plain.tif": 48}),
    "how-to/line-art.md": (
        ("drawing.png", "drawing.jpg", "drawings.onnx"),
        {"drawing_x4.png": 96, "drawing.webp": 96, "clean.png": 96, "drawing-print.jpg": 96},
    ),
    "how-to/shop.md": (
        ("products/a.png", "products/b.png"),
        {"site/a_w480.webp": 480, "jpeg/b_w480.jpg": 480, "thumbs/b.webp": 500},
    ),
    "how-to/device.md": (("photo.jpg",), {"photo_x4.jpg": 96}),
}
# What takes seconds and is run by tests of its own; that their options are there, tests/test_readme.py says.
_OWN_TESTS = {"doctor", "bench", "demo", "compare"}
# This machine need not have what they are about.
_NEEDS_A_GPU = "upres photo.jpg --gpu"


def put(name: str) -> None:
    """Make a small picture, or a model, under a name; those of the shop are flat, since theirs become wide."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".onnx":
        path.write_bytes(tiny_onnx(scale=4))
        return
    height, width = (6, 250) if path.parent.name == "products" else (20, 24)
    write(picture(height=height, width=width, alpha=path.suffix == ".png"), path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("page", PAGES)
def test_it_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    monkeypatch.chdir(tmp_path)
    before, after = PAGES[page]
    for name in before:
        put(name)
    names: dict[str, object] = {"__name__": "__main__"}
    for kind, text in re.findall(r"```(\w+)\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL):
        if kind == "python":
            exec(compile(text, page, "exec"), names)
        for line in text.splitlines() if kind == "sh" else []:
            run(line, command)
    for name, width in after.items():
        assert read_header(name).width == width, name


def run(line: str, command: Command) -> None:
    """Run a line of a shell block in this process."""
    words = shlex.split(line, comments=True)
    if words[0] == "pip" or words[1] in _OWN_TESTS or line.startswith(_NEEDS_A_GPU):
        return
    assert words[0] == "upres", line
    end = next((number for number, word in enumerate(words) if word in ("||", ">")), len(words))
    more = [] if "--overwrite" in words else ["--overwrite"]
    code, _, err = command(*words[1:end], *more)
    assert code == 0, f"{line}\n{err}"


def test_every_page_of_that_kind_is_run() -> None:
    by_themselves = {"embedding.md"}
    pages = {page.name for page in (DOCS / "how-to").glob("*.md")} - by_themselves
    assert {f"how-to/{name}" for name in pages} <= set(PAGES)
