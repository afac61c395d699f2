"""Everything that is wrong with data is told at once, before the first step."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from upres.cli.main import main
from upres.data import open_splits, parse_source
from upres.data.check import check_pair, likeness
from upres.degrade.bicubic import Bicubic, BicubicConfig
from upres.errors import DataError, DataFaultsError
from upres.image import Picture, imresize, write

BICUBIC = Bicubic(BicubicConfig())


def scene(height: int, width: int, seed: int) -> np.ndarray:
    """Return a picture with coarse light of its own, as photographs have."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return imresize(coarse, size=(height, width))


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Picture(pixels), path)


def opened(root: Path, patch: int = 8, scale: int = 2, **splits: list[object]):
    parts = {
        split: [parse_source(item, where="r.yaml", key=f"data.{split}.{n}") for n, item in enumerate(items)]
        for split, items in splits.items()
    }
    return open_splits(
        parts,
        BICUBIC,
        "bicubic",
        root=root,
        scale=scale,
        colour="rgb",
        seed=0,
        patch={"train": patch},
        home=root / "cache",
    )


def faults(root: Path, **given: object) -> list[str]:
    with pytest.raises(DataFaultsError) as error:
        opened(root, **given)
    cache = root / "cache"
    assert not cache.is_dir() or list(cache.iterdir()) == [], "a failed cache leaves nothing"
    return error.value.faults


def test_all_faults_of_all_splits_are_told_at_once(tmp_path) -> None:
    for number in range(6):
        hr = scene(48, 64, number)
        save(tmp_path / "HR" / f"{number}.png", hr)
        save(tmp_path / "LR" / f"{number}.png", imresize(hr, 0.5))
    (tmp_path / "LR" / "1.png").unlink()
    (tmp_path / "HR" / "2.png").write_bytes(b"")
    save(tmp_path / "LR" / "3.png", scene(12, 16, 3))
    (tmp_path / "HR" / "4.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    save(tmp_path / "small" / "s.png", scene(20, 14, 0))
    save(tmp_path / "small" / "t.png", scene(1, 30, 0))
    (tmp_path / "empty").mkdir()
    found = faults(
        tmp_path,
        train=[{"name": "folder", "path": "HR", "lr": "LR"}, {"name": "folder", "path": "small"}],
        validation=[{"name": "folder", "path": "empty"}, {"name": "folder", "path": "nowhere"}],
    )
    expected = [
        r"data.validation.0: .*empty: 0 pictures; check that this is the folder",
        r"data.validation.1: .*nowhere: no such folder; give the folder that holds nowhere as data",
        r"HR/1.png: its low-resolution partner .*LR/1.png is missing; add it, or remove the picture",
        r"HR/2.png: the file is empty \(0 bytes\); get a whole copy",
        r"HR/3.png: hr is 64×48 and lr 16×12; at scale 2 lr should be 32×24; these are partners for scale 4",
        r"HR/4.png: the PNG data is damaged or cut short",
        r"small/s.png: 7×10 at low resolution, smaller than the patch of 8; remove it or lower data.patch",
        r"small/t.png: 30×1 pixels; too small for scale 2, remove it",
    ]
    assert len(found) == len(expected)
    for line, pattern in zip(found, expected, strict=True):
        assert "\n" not in line
        assert re.search(pattern, line), (pattern, line)


def test_pixels_that_are_damaged_behind_a_whole_header_are_told_at_once_too(tmp_path) -> None:
    rng = np.random.default_rng(0)
    for number in range(12):
        save(tmp_path / "p" / f"{number:02d}.png", rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for number in (3, 11):
        path = tmp_path / "p" / f"{number:02d}.png"
        path.write_bytes(path.read_bytes()[:3000])
    found = faults(tmp_path, train=[{"name": "folder", "path": "p"}])
    assert [("03.png" in line, "11.png" in line) for line in found] == [(True, False), (False, True)]


def test_partners_that_show_something_else_are_found(tmp_path) -> None:
    for number in range(3):
        save(tmp_path / "HR" / f"{number}.png", scene(64, 64, number))
        save(tmp_path / "LR" / f"{number}.png", imresize(scene(64, 64, (0, 2, 1)[number]), 0.5))
    found = faults(tmp_path, train=[{"name": "folder", "path": "HR", "lr": "LR"}])
    assert len(found) == 2 and all("hr and lr show different pictures" in line for line in found)


def test_a_harsh_degradation_is_still_the_same_picture() -> None:
    hr = scene(128, 128, 1)
    lr = imresize(hr, 0.25).astype(int) + np.random.default_rng(0).integers(-60, 61, (32, 32, 3))
    harsh = np.clip(lr * 0.6 + 20, 0, 255).astype(np.uint8)
    assert likeness(hr, harsh) > 0.8
    check_pair("a", hr, harsh, scale=4)
    check_pair("flat", np.full((64, 64, 3), 9, np.uint8), np.full((32, 32, 3), 9, np.uint8), scale=2)
    with pytest.raises(DataError, match=r"a: hr is 128×128 and lr 32×30; .* pair it with its own partner"):
        check_pair("a", hr, harsh[:30], scale=4)


def test_one_fault_is_one_line_and_many_are_counted(tmp_path) -> None:
    assert str(DataFaultsError(["a.png: gone; get it"])) == "a.png: gone; get it"
    lines = str(DataFaultsError([f"{n}.png: gone" for n in range(1234)])).splitlines()
    assert lines[0] == "1,234 faults in the data; nothing was started:"
    assert lines[1] == "  0.png: gone" and lines[-1] == "  … and 1,214 more" and len(lines) == 22


def test_sound_data_opens_and_opens_again_from_the_cache_with_another_patch_checked(tmp_path) -> None:
    save(tmp_path / "p" / "a.png", scene(40, 40, 0))
    given = {"train": [{"name": "folder", "path": "p"}], "validation": [{"name": "folder", "path": "p", "crop": 20}]}
    caches = opened(tmp_path, **given)
    assert caches["train"].hr(0).shape == (40, 40, 3) and caches["validation"].lr(0).shape == (10, 10, 3)
    assert opened(tmp_path, **given)["train"].folder == caches["train"].folder
    with pytest.raises(DataFaultsError, match=r"a\.png: 20×20 at low resolution, smaller than the patch of 32"):
        opened(tmp_path, patch=32, **given)


def test_the_command_lists_them_and_leaves_no_run_folder(tmp_path, capsys) -> None:
    for number in range(3):
        save(tmp_path / "p" / f"{number}.png", scene(12, 12, number))
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        "name: r\nscale: 2\narch: espcn\ntrain: {epochs: 1}\n"
        "data: {patch: 32, train: [{name: folder, path: p}], validation: [{name: folder, path: nowhere}]}\n"
    )
    with pytest.raises(SystemExit) as left:
        main(["train", str(recipe), "--data", str(tmp_path), "--run", str(tmp_path / "run")])
    lines = capsys.readouterr().err.splitlines()
    assert left.value.code == 2 and lines[0] == "upres: 4 faults in the data; nothing was started:"
    assert "nowhere: no such folder" in lines[1] and "2.png: 6×6 at low resolution" in lines[4] and len(lines) == 5
    assert not (tmp_path / "run").exists()
