"""`upres explore`: figures against known pictures, duplicates, faults, the page and the JSON."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from upres.cli.main import main
from upres.data import open_source
from upres.errors import ConfigError, DataFaultsError
from upres.explore import as_html, as_json, explore, pairs_sheet, summary
from upres.explore.duplicates import alike, same
from upres.explore.pictures import FREQUENCIES, code_of, measured, sharpness, spectrum, statistics
from upres.html.drawings import areas, bars, histogram
from upres.image import Picture, imresize, read, write


def scene(height: int, width: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = imresize(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), size=(height, width)).astype(int)
    return np.clip(coarse + rng.integers(-20, 21, (height, width, 1)), 0, 255).astype(np.uint8)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Picture(pixels), path, quality=85)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Eight scenes, a copy, a compressed copy, a smaller copy, a gray one, a broken and an empty file."""
    home = tmp_path / "set"
    for number in range(8):
        save(home / f"{number}.png", scene(96, 128, number))
    save(home / "copy-of-1.png", scene(96, 128, 1))
    save(home / "like-2.jpg", scene(96, 128, 2))
    save(home / "like-3.png", imresize(scene(96, 128, 3), 0.5))
    gray = scene(64, 64, 20)
    save(home / "gray.png", np.repeat(gray[..., :1], 3, axis=2))
    (home / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    (home / "empty.jpg").write_bytes(b"")
    return home


def test_numbers_are_those_of_the_pixels(folder) -> None:
    found = explore(open_source(str(folder)), scale=2)
    assert found.count == 14 and len(found.names) == 12 and found.gray == 1
    assert found.sizes[(96, 128)] == 10 and found.sizes[(64, 64)] == 1
    for name in ("broken.png", "empty.jpg"):
        (folder / name).unlink()
    source = open_source(str(folder))
    pixels = np.concatenate([source.sample(index).hr.reshape(-1, 3) for index in range(12)])
    assert np.allclose(found.means, pixels.mean(axis=0)) and np.allclose(found.deviations, pixels.std(axis=0))
    assert len(found.measurements) == 12 and found.values("psnr").min() > 15


def test_duplicates_and_faults_are_found_by_name(folder) -> None:
    found = explore(open_source(str(folder)), scale=2)
    assert found.same == (("1.png", "copy-of-1.png"),)
    assert found.alike == (("2.png", "like-2.jpg"), ("3.png", "like-3.png"))
    assert len(found.faults) == 2 and "broken.png" in found.faults[0] and "empty.jpg" in found.faults[1]


def test_mis_paired_pictures_are_found(tmp_path) -> None:
    for number in range(4):
        save(tmp_path / "HR" / f"{number}.png", scene(64, 64, number))
        save(tmp_path / "LRx2" / f"{number}.png", imresize(scene(64, 64, (0, 2, 1, 3)[number]), 0.5))
    (tmp_path / "LRx2" / "3.png").unlink()
    found = explore(open_source(str(tmp_path), scale=2), scale=2)
    assert found.paired and found.names == ("0.png",)
    assert sorted("different pictures" in fault for fault in found.faults) == [False, True, True]


def test_bicubic_is_the_psnr_of_the_evaluation(folder, tmp_path) -> None:
    from upres.evaluation.evaluate import evaluate, open_entrants
    from upres.evaluation.test_sets import open_test_set

    for name in ("broken.png", "empty.jpg"):
        (folder / name).unlink()
    found = explore(open_source(str(folder)), scale=2)
    result = evaluate(open_entrants(["bicubic"], 2), open_test_set(folder, 2))
    assert np.allclose(found.values("psnr"), result.values("bicubic", "psnr"), atol=2e-3)


def test_sharpness_falls_and_fine_detail_goes_when_a_picture_is_blurred() -> None:
    sharp = scene(128, 128, 0)
    blurred = imresize(imresize(sharp, 0.25), size=(128, 128))
    one, other = measured(sharp, None, 4), measured(blurred, None, 4)
    assert one is not None and other is not None
    assert other.sharpness < one.sharpness / 3 and other.psnr > one.psnr
    assert other.spectrum[16:].sum() < one.spectrum[16:].sum() / 100
    assert measured(sharp[:18], None, 4) is None


@pytest.mark.parametrize("cycles", [4, 20, 50])
def test_a_wave_is_in_the_band_of_its_frequency(cycles: int) -> None:
    light = np.broadcast_to(100 * np.sin(2 * np.pi * cycles / 128 * np.arange(128)), (128, 128))
    shares = spectrum(light)
    assert abs(int(shares.argmax()) - int(cycles / 128 * 2 * FREQUENCIES)) <= 1 and abs(shares.sum() - 1) < 1e-9


def test_sharpness_of_known_pixels() -> None:
    light = np.zeros((3, 4))
    light[1, 1] = 8
    assert sharpness(light) == pytest.approx(np.std([-32, 8]))


def test_codes_and_groups() -> None:
    picture = scene(96, 96, 5)
    assert (code_of(picture) ^ code_of(imresize(picture, 0.5))).bit_count() <= 4
    assert (code_of(picture) ^ code_of(scene(96, 96, 6))).bit_count() > 10
    assert same("abcab") == [[0, 3], [1, 4]]
    rng = np.random.default_rng(0)
    thumbs: list[Any] = [rng.integers(0, 256, (16, 16), dtype=np.uint8) for _ in range(400)]
    codes = [int(code) for code in rng.integers(0, 2**63, 400)]
    thumbs[7], codes[7] = thumbs[300] ^ 1, codes[300] ^ (1 | 1 << 20 | 1 << 41 | 1 << 63)
    thumbs[9], codes[9] = thumbs[301] ^ 1, codes[301] ^ 0b11111
    codes[11] = codes[302]  # the same code, another picture
    assert alike(codes, thumbs) == [[7, 300]]
    assert alike([], []) == []


def test_tiny_and_flat_pictures_have_statistics() -> None:
    for pixels in (np.zeros((1, 1, 3), np.uint8), np.full((3, 40, 3), 200, np.uint8)):
        seen = statistics(pixels)
        assert (
            seen.code == 0
            and seen.thumb.shape == (16, 16)
            and seen.gray
            and seen.levels.sum() == 3 * pixels[..., 0].size
        )


def test_a_sample_is_said(folder) -> None:
    found = explore(open_source(str(folder)), scale=2, sample=4)
    assert 2 <= len(found.measurements) <= 4
    assert f"{len(found.measurements)} of 12 pictures, evenly spaced" in summary(found)


def test_nothing_usable_is_an_error(tmp_path) -> None:
    save(tmp_path / "a.png", scene(8, 8, 0))
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataFaultsError, match=r"a\.png: the file is empty"):
        explore(open_source(str(tmp_path)), scale=2)
    with pytest.raises(ConfigError, match=r"scale = 1, sample = 300: should be at least 2 and 1"):
        explore(open_source(str(tmp_path)), scale=1)


class Checker(HTMLParser):
    """Collects what a page would ask for, and whether its tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.asked += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "line", "rect", "polygon", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "rect", "polygon", "polyline"):
            assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_nobody(folder) -> None:
    (folder / "<b>&.png").write_bytes((folder / "0.png").read_bytes())
    found = explore(open_source(str(folder)), scale=2)
    html = as_html(found)
    checker = Checker()
    checker.feed(html)
    assert (
        checker.open == [] and checker.asked and all(one.startswith("data:image/webp;base64,") for one in checker.asked)
    )
    assert "http:" not in html and "https:" not in html and "&lt;b&gt;&amp;.png" in html and "<b>&.png" not in html
    assert "broken.png" in html and "like-2.jpg" in html and "prefers-color-scheme: dark" in html
    assert 'style="' not in html  # its policy allows none
    for chart in re.findall(r'<svg(?! class="meter").*?</svg>', html, re.DOTALL):
        assert len(ET.fromstring(chart)) > 3 and "nan" not in chart


def test_charts_of_nothing_much() -> None:
    for chart in (
        areas([("red", np.zeros(256))], [(0, "0")], label="a & b"),
        bars([0, 0], [(1, "x")], label="b"),
        histogram(np.array([3.0, 3.0, np.inf]), " dB", digits=1, label="h"),
    ):
        ET.fromstring(chart)
        assert "nan" not in chart


def test_the_pairs_are_one_picture_of_low_and_high_resolution(tmp_path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png", scene(32, 24, number))
    found = explore(open_source(str(tmp_path)), scale=2)
    sheet = pairs_sheet(found)
    assert sheet is not None
    # Each pixel of 24×32 is drawn 6×6, two pairs in a row, 16 around each and 4 within.
    assert sheet.shape == (16 + 2 * (192 + 16), 16 + 2 * (2 * 144 + 4 + 16), 3)
    first = found.sheet[0]
    low, high = sheet[16 : 16 + 192, 16 : 16 + 144], sheet[16 : 16 + 192, 16 + 148 : 16 + 148 + 144]
    assert np.array_equal(high[::6, ::6], first.hr) and np.array_equal(low[::12, ::12], first.lr)
    assert np.array_equal(low, np.kron(first.lr, np.ones((12, 12, 1), np.uint8)))
    assert (sheet[16 + 192 + 16 :, 16 + 292 :] == 255).all()  # the place of a fourth


def test_the_command_leaves_a_summary_a_page_and_json(folder, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as left:
        main(["explore", f"{folder}?skip=1", "--scale", "2", "-o", str(out)])
    said = capsys.readouterr().out
    assert left.value.code == 0 and "12 of 13" not in said
    assert re.search(r"^pictures +13 \(2 not usable, 1 gray\)$", said, re.MULTILINE)
    assert "alike: 2.png ~ like-2.jpg" in said and said.endswith(f"{out / 'exploration.json'}\n")
    assert json.loads((out / "exploration.json").read_text())["equal"] == [["1.png", "copy-of-1.png"]]
    assert (out / "exploration.html").read_text().startswith("<!doctype html>")
    assert str(out / "pairs.png") in said and read(out / "pairs.png").samples.shape[2] == 3
    with pytest.raises(SystemExit):
        main(["explore", f"{folder}?take=3", "--scale", "2", "-o", str(out), "--json"])
    assert json.loads(capsys.readouterr().out)["pictures"] == 3
    (tmp_path / "file").write_text("x")
    with pytest.raises(SystemExit) as left:
        main(["explore", str(folder), "-o", str(tmp_path / "file")])
    assert left.value.code == 2 and "is a file; give a folder with --output" in capsys.readouterr().err


def test_json_has_every_number(folder) -> None:
    values = as_json(explore(open_source(str(folder)), scale=2))
    assert json.loads(json.dumps(values)) == values
    assert {"mean", "deviation", "histogram", "spectrum", "bicubic", "measurements", "alike", "faults"} <= values.keys()
