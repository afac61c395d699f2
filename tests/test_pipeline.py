"""The one path: whoever enlarges a file gets the same bytes, can stop it, and opens it once."""

import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from tests.commands import UPRES
from upres.errors import CancelledError, PictureError
from upres.image import FileSink, OpenedPicture, Pages, Picture, read, read_pages, write, write_pages
from upres.predictors.bicubic import BicubicPredictor
from upres.upscaling.enlargement import Enlargement
from upres.upscaling.pipeline import Settings, enlarge, summary
from upres.upscaling.upscaler import Upscaler

TWICE = Enlargement([BicubicPredictor(2)], tile=16)


def picture(*, alpha: bool = False, seed: int = 0) -> Picture:
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (50, 40, 3), dtype=np.uint8)
    return Picture(pixels, generator.integers(0, 256, (50, 40), dtype=np.uint8) if alpha else None)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_folder_pipe_and_library_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(picture(alpha=True), tmp_path / "in" / "p.png")
    options = ["--model", "bicubic", "--scale", "2"]
    for arguments in (["in/p.png", "-o", "file.png"], ["in", "-o", "folder"]):
        subprocess.run([*UPRES, *arguments, *options], cwd=tmp_path, check=True, capture_output=True)
    content = (tmp_path / "in" / "p.png").read_bytes()
    piped = subprocess.run([*UPRES, "-", *options], cwd=tmp_path, input=content, check=True, capture_output=True)
    Upscaler(BicubicPredictor(2)).file(tmp_path / "in" / "p.png", tmp_path / "library.png")
    enlarge(OpenedPicture(tmp_path / "in" / "p.png"), FileSink(tmp_path / "tiles.png"), TWICE)
    expected = (tmp_path / "file.png").read_bytes()
    assert (tmp_path / "folder" / "p_x2.png").read_bytes() == expected
    assert piped.stdout == expected
    assert (tmp_path / "library.png").read_bytes() == expected
    assert (tmp_path / "tiles.png").read_bytes() == expected


@pytest.mark.parametrize("after", [0, 1, 5])
def test_it_stops_when_it_is_told_to_and_leaves_nothing(tmp_path: Path, after: int) -> None:
    write(picture(), tmp_path / "p.png")
    cancel = threading.Event()
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        seen.append(done)
        if done >= after:
            cancel.set()

    if after == 0:
        cancel.set()
    with pytest.raises(CancelledError, match=r"p\.png: stopped as asked; nothing was written$"):
        enlarge(
            OpenedPicture(tmp_path / "p.png"), FileSink(tmp_path / "q.png"), TWICE, progress=progress, cancel=cancel
        )
    assert seen == list(range(1, after + 1))
    assert names(tmp_path) == ["p.png"]
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("upres-prefetch")]


def test_pages_stop_too(tmp_path: Path) -> None:
    write_pages(Pages([picture(seed=seed) for seed in range(4)], 4), tmp_path / "p.tif")
    cancel = threading.Event()
    with pytest.raises(CancelledError):
        enlarge(
            OpenedPicture(tmp_path / "p.tif"),
            FileSink(tmp_path / "q.tif"),
            TWICE,
            progress=lambda done, total: cancel.set() if done > total / 2 else None,
            cancel=cancel,
        )
    assert names(tmp_path) == ["p.tif"]


def calls(function: Any, of: set[str]) -> list[str]:
    """Return which of these functions were entered while another ran, in any thread."""
    found: list[str] = []

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and (name := frame.f_code.co_qualname) in of:
            found.append(name)

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        function()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return found


@pytest.mark.parametrize(("suffix", "alpha", "loads"), [(".png", False, 1), (".jpg", False, 1), (".png", True, 2)])
def test_a_file_is_opened_once(tmp_path: Path, suffix: str, alpha: bool, loads: int) -> None:
    """What must be known before the first tile is looked at by one opening: what alpha hides, and the first band."""
    write(picture(alpha=alpha), tmp_path / f"p{suffix}")

    def job() -> None:
        settings = Settings()
        source = settings.opened(tmp_path / f"p{suffix}")
        assert summary(source, TWICE).output == (100, 80)
        enlarge(source, settings.sink(tmp_path / "q.png"), TWICE)

    found = calls(job, {"Decoder.__init__", "Decoder._load", "recognised_format"})
    assert found.count("Decoder.__init__") == found.count("recognised_format") == 1
    assert found.count("Decoder._load") == loads


def test_a_colour_is_laid_below_pages_as_below_pictures(tmp_path: Path) -> None:
    settings = Settings(background=(1.0, 1.0, 1.0))
    write(picture(alpha=True), tmp_path / "p.png")
    write_pages(Pages([picture(alpha=True)] * 2, 2), tmp_path / "p.tif")
    for name in ("p.png", "p.tif"):
        enlarge(settings.opened(tmp_path / name), settings.sink(tmp_path / f"large-{name}"), TWICE)
    single = read(tmp_path / "large-p.png")
    assert single.alpha is None
    for page in read_pages(tmp_path / "large-p.tif"):
        assert page.alpha is None and np.array_equal(page.pixels, single.pixels)


def test_a_sink_refuses_before_the_work(tmp_path: Path) -> None:
    write(picture(alpha=True), tmp_path / "p.png")
    asked: list[int] = []
    with pytest.raises(PictureError, match=r"q\.jpg: the picture has transparency and JPEG holds none"):
        enlarge(
            OpenedPicture(tmp_path / "p.png"),
            FileSink(tmp_path / "q.jpg"),
            TWICE,
            progress=lambda done, total: asked.append(done),
        )
    assert asked == [] and names(tmp_path) == ["p.png"]
