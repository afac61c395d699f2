"""Drawn sets: read by the source of the published one, the same each time, and never taken for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import page_folders as folders
from tests.commands import Command
from upres.data import draw as drawing
from upres.data import open_source
from upres.data.draw import DRAWN, NOTE, draw
from upres.data.leaves import leaves
from upres.errors import DataError
from upres.image import imresize


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_CIFAR", {**{f"data_batch_{n}": 3 for n in range(1, 6)}, "test_batch": 4})
    monkeypatch.setattr(drawing, "_CANVAS", 64)
    monkeypatch.setattr(drawing, "_FACES", ((1, 2), (162_771, 1), (182_638, 1)))
    monkeypatch.setattr(drawing, "_DIV2K", {"train": (1, 2), "valid": (801, 1)})
    monkeypatch.setattr(drawing, "_DIV2K_SIZE", (64, 96))


SHAPES = {
    "CIFAR-10": {
        "split=train&validation=5": (10, 32, 32),
        "split=validation&validation=5": (5, 32, 32),
        "split=test": (4, 32, 32),
    },
    "CelebA": {f"split={split}": (count, 218, 178) for split, count in (("train", 2), ("validation", 1), ("test", 1))},
    "DIV2K": {"split=train&lr=bicubic/X4": (2, 64, 96), "split=validation&lr=bicubic/X4": (1, 64, 96)},
}


@pytest.mark.parametrize("name", DRAWN)
def test_its_source_reads_it_and_it_is_the_same_each_time(name: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    place = draw(name, tmp_path / "one", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == len(seen)
    again = draw(name, tmp_path / "two")
    files = [path.relative_to(place) for path in place.rglob("*") if path.is_file()]
    assert Path(NOTE) in files and len(files) > 3
    assert all((place / file).read_bytes() == (again / file).read_bytes() for file in files)
    for options, (count, height, width) in SHAPES[name].items():
        source = open_source(f"{place}?{options}")
        samples = [source.sample(number) for number in range(len(source))]
        assert [one.hr.shape for one in samples] == [(height, width, 3)] * count, options
        assert len({one.hr.tobytes() for one in samples}) == count
        if "lr=" in options:
            assert all(np.array_equal(one.lr, imresize(one.hr, 1 / 4)) for one in samples)


def test_what_is_there_is_left_alone_and_a_name_without_a_layout_is_told(tmp_path: Path, command: Command) -> None:
    draw("DIV2K", tmp_path)
    with pytest.raises(DataError, match="DIV2K: is there already; remove it, or give another folder"):
        draw("DIV2K", tmp_path)
    code, out, _ = command("data", "draw", "CIFAR-10", "-o", str(tmp_path / "more"))
    assert (code, out.strip()) == (0, str(tmp_path / "more" / "cifar10"))
    said = command.refused(tmp_path, "data", "draw", "Set5")
    assert "Set5: no drawn set has its layout; there are CIFAR-10, CelebA, DIV2K" in said
    assert "CIFAR10: no such set; did you mean CIFAR-10?" in command.refused(tmp_path, "data", "draw", "CIFAR10")
    assert "draw: which?" in command.refused(tmp_path, "data", "draw")


def test_the_pictures_have_edges_and_detail_at_every_size() -> None:
    """What bicubic loses at ×2 is as much of a reduced picture as of the whole one, and more than nothing."""
    whole = leaves(256, 256, seed=3)
    assert whole.shape == (256, 256, 3) and 40 < whole.std() < 90
    lost = []
    for picture in (whole, imresize(whole, 0.5)):
        back = imresize(imresize(picture, 0.5), 2)
        lost.append(float(np.abs(back.astype(float) - picture).mean()))
    assert 0.5 < lost[0] / lost[1] < 2 and min(lost) > 2


def test_the_pages_speak_of_them(tmp_path: Path) -> None:
    for name in ("cifar10", "faces", "patches", "div2k", "portraits", "gan"):
        text = (folders.ROOT / "docs" / "systems" / f"{name}.md").read_text(encoding="utf-8")
        assert "upres data draw" in text and "## The data" in text and "@@" not in text, name
