"""One's own pictures on one page: what is in it, that it asks nobody for anything, and what is refused."""

import base64
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.commands import Command, loaded_by
from tests.floors import HEAVY
from tests.small_pictures import profile
from tests.tiny_models import tiny_onnx
from upres.compare.blind_html import blind_html
from upres.compare.comparison import Comparison, compare
from upres.compare.comparison_html import comparison_html
from upres.compare.regions import Region, evenly_chosen, parse_region
from upres.errors import ConfigError, DataError, PictureError
from upres.image import Pages, Picture, imresize, read, write, write_pages
from upres.metrics import Protocol, measure
from upres.upscaling.loading import load

RNG = np.random.default_rng(24)
SUMAC = Path(sys.modules["upres.compare"].__path__[0]) / "sumac.webp"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    made = {
        "one": tiny_onnx(scale=2, seed=1),
        "two": tiny_onnx(scale=2, seed=2),
        "folded": tiny_onnx(scale=2, seed=3, multiple=4),
        "luma": tiny_onnx(scale=2, seed=4, colour="luma"),
        "fourfold": tiny_onnx(scale=4, seed=5),
    }
    for name, content in made.items():
        (folder / f"{name}.onnx").write_bytes(content)
    return {name: folder / f"{name}.onnx" for name in made}


@pytest.fixture(scope="module")
def hr() -> NDArray[Any]:
    return read(SUMAC).pixels[100:164, 60:140]


@pytest.fixture(scope="module")
def folder(hr: NDArray[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of 40×32 and what it was made from."""
    found = tmp_path_factory.mktemp("pictures")
    write(Picture(imresize(hr, 0.5)), found / "twig.png")
    (found / "originals").mkdir()
    write(Picture(hr), found / "originals" / "twig.webp", lossless=True)
    return found


@pytest.fixture(scope="module")
def compared(folder: Path, models: dict[str, Path]) -> Comparison:
    return compare([folder / "twig.png"], ["bicubic", models["one"]], original=folder / "originals" / "twig.webp")


class Page(HTMLParser):
    """Collects a page's pictures by view and version, and all it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.views: list[dict[str, str]] = []
        self.open: list[str] = []
        self.references: list[str] = []
        self.tags: set[str] = set()
        self.labels: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        if tag not in {"meta", "input", "br", "img"}:
            self.open.append(tag)
        if "data-title" in found:
            self.views.append({})
        if "data-name" in found:
            self.views[-1][found["data-name"]] = ""
        if tag == "img" and found.get("src"):
            self.views[-1][next(reversed(self.views[-1]))] = found["src"]
            self.labels.append(found["alt"])
        self.references += [found[name] for name in ("src", "href", "srcset", "action", "data") if found.get(name)]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def decoded(address: str, folder: Path) -> Picture:
    kind, content = re.fullmatch(r"data:image/(webp|png);base64,(.*)", address).groups()
    path = folder / f"decoded.{kind}"
    path.write_bytes(base64.b64decode(content))
    return read(path)


def test_its_pictures_are_the_models_own_pixels(
    compared: Comparison, folder: Path, models: dict[str, Path], hr: NDArray[Any], tmp_path: Path
) -> None:
    text, shown = comparison_html(compared)
    lr = read(folder / "twig.png").pixels
    (view,) = Page(text).views
    assert list(view) == ["input", "bicubic", "one.onnx", "original"]
    wanted = {
        "input": lr,
        "bicubic": load("bicubic", scale=2)(lr),
        "one.onnx": load(models["one"])(lr),
        "original": hr,
    }
    for name, address in view.items():
        assert np.array_equal(decoded(address, tmp_path).pixels, wanted[name]), name
    assert shown is compared
    assert "The picture is shown whole." in text


def test_its_scores_are_those_of_evaluate(compared: Comparison, folder: Path, hr: NDArray[Any]) -> None:
    lr, protocol = read(folder / "twig.png").pixels, Protocol(border=2)
    values = measure(load("bicubic", scale=2)(lr), hr, protocol)
    bicubic = compared.pictures[0].measured[0]
    assert compared.protocol == protocol
    assert (bicubic.psnr, bicubic.ssim) == (values["psnr"], values["ssim"])
    text, _ = comparison_html(compared)
    assert f"<dt>PSNR</dt><dd>{values['psnr']:.2f} dB</dd>" in text
    assert f"<dt>SSIM</dt><dd>{values['ssim']:.4f}</dd>" in text
    assert protocol.describe() in text


def special(kind: str) -> Picture:
    pixels = RNG.integers(0, 256, (60, 70, 3), dtype=np.uint8)
    if kind == "gray corner":  # a region without colour in a picture with it
        pixels[:40, :40] = pixels[:40, :40, :1]
    if kind == "gray":
        return Picture(pixels[..., :1])
    if kind == "neutral":
        return Picture(np.repeat(pixels[..., :1], 3, axis=2))
    if kind == "clear":
        alpha = np.full((60, 70), 255, np.uint8)
        alpha[20:, 25:] = 0
        alpha[5:9, 5:9] = 130
        return Picture(pixels, alpha)
    if kind == "16 bit":
        return Picture(RNG.integers(0, 65_536, (60, 70, 3), dtype=np.uint16))
    return Picture(pixels)


@pytest.mark.parametrize("kind", ["colour", "gray corner", "gray", "neutral", "clear", "16 bit"])
@pytest.mark.parametrize(
    ("names", "scale"), [(("one", "luma", "folded"), 2), (("bicubic", "one"), 4), (("bicubic", "fourfold"), 3)]
)
def test_a_region_is_that_of_the_whole_picture(
    kind: str, names: Sequence[str], scale: int, models: dict[str, Path], tmp_path: Path
) -> None:
    picture = special(kind)
    write(picture, tmp_path / "a.png")
    regions = [Region(23, 17, 21, 14), Region(0, 0, 9, 8), Region(61, 51, 9, 9)]
    chosen = [models.get(name, name) for name in names]
    found = compare([tmp_path / "a.png"], chosen, scale=scale, crops=regions).pictures[0]
    for number, model in enumerate(chosen):
        whole = load(model, scale=scale).picture(picture)
        for region, view in zip(regions, found.views, strict=True):
            rows, columns = region.times(scale).slices
            wanted, got = whole.pixels[rows, columns], view.versions[number].pixels
            if wanted.dtype == np.uint16:
                wanted = ((wanted.astype(np.int64) * 255 + 32767) // 65535).astype(np.uint8)
            # Where a result lies between two levels, the size of a tile may decide: a level, seldom.
            difference = np.abs(wanted.astype(int) - got)
            assert difference.max() <= 1
            assert (difference > 0).mean() < 0.005
            if whole.alpha is not None:
                assert np.abs(whole.alpha[rows, columns].astype(int) - view.versions[number].alpha).max() <= 1
            assert np.array_equal(view.lr.pixels.shape[:2], (region.height, region.width))


@pytest.mark.parametrize("form", ["page", "blind"])
def test_the_page_needs_nothing_from_outside(form: str, compared: Comparison) -> None:
    text = comparison_html(compared)[0] if form == "page" else blind_html(compared)[0]
    page = Page(text)
    assert page.open == []
    assert all(address.startswith("data:image/webp;base64,") for address in page.references)
    assert not page.tags & {"link", "iframe", "object", "embed", "base", "a"}
    # The only address is the name of SVG's language, inside a data URI: nobody fetches it.
    assert set(re.findall(r"\w+://[^\s'\"]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|import\(|@import", text)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag in ("style", "script"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_names_cannot_write_into_the_page(models: dict[str, Path], folder: Path, tmp_path: Path) -> None:
    name = "<script>alert(1)<!--&'\".png"
    (tmp_path / name).write_bytes((folder / "twig.png").read_bytes())
    evil = tmp_path / "<b>&quot.onnx"
    evil.write_bytes(models["one"].read_bytes())
    found = compare([tmp_path / name], ["bicubic", evil], scale=2)
    text, _ = comparison_html(found)
    page = Page(text)
    assert page.open == []
    assert list(page.views[0]) == ["input", "bicubic", "<b>&quot.onnx"]
    assert page.labels[0] == f"{name}, input"
    for html in (text, blind_html(found)[0]):
        assert html.count("<script") == (1 if html is text else 2)
        assert "alert(1)<" not in html
        assert "<b>" not in html


@pytest.mark.slow
def test_a_page_keeps_to_its_size(models: dict[str, Path], tmp_path: Path) -> None:
    # Noise is what compresses worst: four times what the first guess takes it for.
    write(Picture(RNG.integers(0, 256, (80, 110, 3), dtype=np.uint8)), tmp_path / "noise.png")
    made = [models["one"], models["two"]]
    for size in (30_000, 90_000):
        found = compare([tmp_path / "noise.png"], made, page_bytes=size)
        text, shown = comparison_html(found, page_bytes=size)
        pictures = sum(len(address) for view in Page(text).views for address in view.values())
        assert size / 5 < pictures <= size
        assert not shown.pictures[0].whole
        assert len(shown.pictures[0].views) in (1, 4)
        assert "so that the page stays small" in text
        view = shown.pictures[0].views[-1]
        whole = load(models["two"])(read(tmp_path / "noise.png").pixels)
        difference = np.abs(whole[view.region.times(2).slices].astype(int) - view.versions[1].pixels)
        assert difference.max() <= 1
    asked = Region(0, 0, 110, 80)
    found = compare([tmp_path / "noise.png"], made, page_bytes=30_000, crops=[asked])
    text, shown = comparison_html(found, page_bytes=30_000)
    assert shown.pictures[0].views[0].region == asked  # what was asked for is never cut


@given(st.integers(1, 3000), st.integers(1, 3000), st.floats(1, 5e6), st.sampled_from([1, 4]))
def test_regions_lie_inside_and_apart(height: int, width: int, most: float, count: int) -> None:
    regions = evenly_chosen(height, width, most_pixels=most, count=count)
    seen = np.zeros((height, width), np.uint8)
    for region in regions:
        assert min(region.x, region.y) >= 0
        assert min(region.width, region.height) >= 1
        assert region.x + region.width <= width
        assert region.y + region.height <= height
        seen[region.slices] += 1
    assert seen.max() == 1
    assert len({(region.width, region.height) for region in regions}) == 1
    assert int(seen.sum()) <= max(most, 48 * 48)


def test_gray_alpha_profile_and_depth_are_shown(models: dict[str, Path], tmp_path: Path) -> None:
    rgb = profile("RGB ")
    write(Picture(special("16 bit").pixels, profile=rgb), tmp_path / "deep.png")
    write(special("clear"), tmp_path / "clear.png")
    write(special("gray"), tmp_path / "gray.png")
    found = compare(sorted(tmp_path.glob("*.png")), [models["one"], models["two"]])
    text, _ = comparison_html(found)
    clear, deep, gray = (decoded(view["two.onnx"], tmp_path) for view in Page(text).views)
    by_name = {picture.name: picture.views[0].versions[1] for picture in found.pictures}
    assert np.array_equal(clear.alpha, by_name["clear.png"].alpha)
    assert clear.alpha is not None
    seen = clear.alpha > 0
    assert np.array_equal(clear.pixels[seen], by_name["clear.png"].pixels[seen])
    assert (deep.depth, deep.profile) == (8, rgb)
    assert np.array_equal(gray.pixels[..., 0], by_name["gray.png"].pixels[..., 0])
    assert "16 bits (shown in 8)" in text
    assert text.count(" data-clear") == 1


def test_alpha_is_measured_on_white(models: dict[str, Path], tmp_path: Path) -> None:
    lr = special("clear")
    sr = load("bicubic", scale=2).picture(lr)
    assert sr.alpha is not None
    write(lr, tmp_path / "a.png")
    # Another picture only where nobody sees it, so it is the same.
    hidden = Picture(np.where((sr.alpha == 0)[..., None], 255 - sr.pixels, sr.pixels), sr.alpha)
    write(hidden, tmp_path / "b.png")
    found = compare([tmp_path / "a.png"], ["bicubic", models["one"]], original=tmp_path / "b.png")
    bicubic, one = found.pictures[0].measured
    assert bicubic.psnr == float("inf")
    assert one.psnr is not None
    assert one.psnr < 60


def test_originals_are_found_by_name_and_cropped(folder: Path, hr: NDArray[Any], tmp_path: Path) -> None:
    lr = read(folder / "twig.png")
    (tmp_path / "hr").mkdir()
    for name in ("one", "two_x2", "threex2"):
        write(lr, tmp_path / f"{name}.png")
    wider = np.pad(hr, ((0, 1), (0, 1), (0, 0)))  # a row and a column for which lr has no pixel
    for name in ("one", "two", "three"):
        write(Picture(wider), tmp_path / "hr" / f"{name}.tif")
    found = compare([tmp_path], ["bicubic", "base"], scale=2, originals=tmp_path / "hr")
    assert [picture.name for picture in found.pictures] == ["one.png", "threex2.png", "two_x2.png"]
    for picture in found.pictures:
        assert np.array_equal(picture.views[0].original.pixels, hr)
    (tmp_path / "hr" / "one.tif").rename(tmp_path / "hr" / "one.png")
    twice = compare(
        [tmp_path / "one.png", tmp_path / "hr" / "one.png"], ["bicubic", "base"], crops=[Region(0, 0, 9, 9)]
    )
    assert [picture.name for picture in twice.pictures] == [str(tmp_path / "one.png"), str(tmp_path / "hr" / "one.png")]


def test_files_from_elsewhere_are_compared_too(
    folder: Path, models: dict[str, Path], hr: NDArray[Any], tmp_path: Path
) -> None:
    twig = folder / "twig.png"
    sr = load("bicubic", scale=2)(read(twig).pixels)
    for place in ("theirs", "gray", "small", "none", "both"):
        (tmp_path / place).mkdir()
    write(Picture(sr), tmp_path / "theirs" / "twig_x2.tif")
    write(Picture(sr[..., :1]), tmp_path / "gray" / "twig.png")
    write(Picture(sr[:20]), tmp_path / "small" / "twig.png")
    for ending in ("_x2", "x4"):
        write(Picture(sr), tmp_path / "both" / f"twig{ending}.png")
    original = folder / "originals" / "twig.webp"
    # Their scale is that of the files; a folder and the file itself are the same.
    found = compare([twig], [tmp_path / "theirs", "bicubic"], original=original)
    assert (found.scale, [method.name for method in found.methods]) == (2, ["theirs", "bicubic"])
    theirs, bicubic = found.pictures[0].measured
    assert (theirs.psnr, theirs.seconds) == (bicubic.psnr, None)
    text, _ = comparison_html(found)
    assert np.array_equal(decoded(Page(text).views[0]["theirs"], tmp_path).pixels, sr)
    part = compare([twig], [tmp_path / "theirs" / "twig_x2.tif", "bicubic"], crops=[Region(3, 4, 20, 10)])
    assert np.array_equal(part.pictures[0].views[0].versions[0].pixels, sr[8:28, 6:46])
    for place, said in (
        ("gray", r"gray/twig\.png: is gray, and twig\.png is RGB; make them one kind"),
        ("small", r"small/twig\.png: is 80×20, and twig\.png of 40×32 at ×2 becomes 80×64"),
        ("none", r"twig\.png: no enlarged picture of this name in .*none"),
        (
            "both",
            r"twig\.png: several files in .*both are its enlarged picture: twig_x2\.png and twigx4\.png; ",
        ),
    ):
        with pytest.raises(DataError, match=said):
            compare([twig], [tmp_path / place, "bicubic"], scale=2, original=original)
    with pytest.raises(DataError, match="is 80×20, no whole number of times the 40×32"):
        compare([twig], [tmp_path / "small", "bicubic"])
    with pytest.raises(ConfigError, match="one enlarged picture for 2 pictures; give the folder"):
        compare([twig, original], [tmp_path / "theirs" / "twig_x2.tif", models["one"]])


def test_a_models_name_is_no_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("base", "bicubic"):
        (tmp_path / name).mkdir()
    found = compare([folder / "twig.png"], ["base", "bicubic"], scale=2)
    assert [one.seconds is None for one in found.pictures[0].measured] == [False, False]
    with pytest.raises(DataError, match="no enlarged picture of this name in base"):
        compare([folder / "twig.png"], ["./base", "bicubic"], scale=2)


def test_what_cannot_be_shown_is_refused(folder: Path, models: dict[str, Path], tmp_path: Path) -> None:
    twig, two = folder / "twig.png", [models["one"], models["two"]]
    frame = Picture(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    write_pages(Pages([frame, frame], 2, (40.0, 40.0)), tmp_path / "film.gif")
    heights = RNG.random((9, 9, 3), dtype=np.float32)
    heights[0, 0], heights[1, 1] = 0, 1
    write(Picture(heights, span=(-2.0, 3.0)), tmp_path / "heights.tif")
    write(Picture(frame.pixels, cicp=(9, 16, 0, 1)), tmp_path / "hdr.png")
    write(Picture(read(twig).pixels[:16]), tmp_path / "half.png")
    write(Picture(read(folder / "originals" / "twig.webp").pixels[::-1, ::-1]), tmp_path / "turned.png")
    write(Picture(read(folder / "originals" / "twig.webp").pixels[..., :1]), tmp_path / "gray.png")
    with pytest.raises(PictureError, match=r"film\.gif: holds 2 pages or frames; .* save one of them"):
        compare([tmp_path / "film.gif"], two)
    with pytest.raises(PictureError, match=r"heights\.tif: goes from -2 to 3, and a page shows 0 to 1"):
        compare([tmp_path / "heights.tif"], two)
    with pytest.raises(PictureError, match=r"hdr\.png: is HDR by PNG's cICP or HEIF's nclx"):
        compare([tmp_path / "hdr.png"], two)
    with pytest.raises(DataError, match=r"half\.png: is 40×16, and twig\.png of 40×32 at ×2 becomes 80×64"):
        compare([twig], two, original=tmp_path / "half.png")
    with pytest.raises(DataError, match=r"turned\.png: shows another picture than twig\.png"):
        compare([twig], two, original=tmp_path / "turned.png")
    with pytest.raises(DataError, match=r"gray\.png: is gray, and twig\.png is RGB"):
        compare([twig], two, original=tmp_path / "gray.png")
    with pytest.raises(DataError, match=r"twig\.png: no original of this name in"):
        compare([twig], two, originals=tmp_path)
    with pytest.raises(ConfigError, match="the models enlarge differently"):
        compare([twig], [models["one"], models["fourfold"]])
    with pytest.raises(ConfigError, match=r"crop 'a,b': should be x,y,width,height"):
        parse_region("a,b")
    with pytest.raises(ConfigError, match="no picture given"):
        compare([], two)


def test_the_command(folder: Path, models: dict[str, Path], command: Command, tmp_path: Path) -> None:
    twig, page = str(folder / "twig.png"), tmp_path / "page.html"
    said = f"bicubic,{models['one']}"
    original = str(folder / "originals" / "twig.webp")
    code, out, err = command("compare", twig, "--models", said, "--original", original, "-o", str(page))
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == "twig.png: 40×32 → 80×64, ×2"
    assert lines[1].split() == ["PSNR", "(dB)", "SSIM", "seconds"]
    assert [line.split()[0] for line in lines[2:4]] == ["bicubic", "one.onnx"]
    assert lines[4] == "luma BT.601 studio range, border 2, 8-bit"
    assert lines[-2].startswith(f"{page}  0.")
    assert list(Page(page.read_text(encoding="utf-8")).views[0]) == ["input", "bicubic", "one.onnx", "original"]

    code, out, _ = command(
        "compare", twig, "--models", said, "--crop", "4,5,20,10", "--crop", "0,0,8,8", "-o", str(page)
    )
    assert code == 0
    assert "twig.png: 2 regions of 20×10 are shown, as asked" in out
    assert len(Page(page.read_text(encoding="utf-8")).views) == 2

    blind = tmp_path / "blind.html"
    code, out, _ = command("compare", twig, "--models", said, "--blind", "--seed", "5", "-o", str(blind))
    assert out.splitlines()[0] == "3 pairs to vote on, seed 5"  # one pair, once more, and an identical one
    text = blind.read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))
    assert len(data["trials"]) == 3
    visible = text.replace(data["secret"], "")
    assert "bicubic" not in visible
    assert "one.onnx" not in visible
    assert "twig" not in visible


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["none.png"], "none.png: no such file"),
        (["{twig}", "--models", "base"], "models base: a comparison takes at least two, each once (--models)"),
        (["{twig}", "--models", "base,bsae"], "unknown model 'bsae'"),
        (["{twig}", "--scale", "1"], "scale = 1: should be a whole number from 2 to 32 (--scale)"),
        (["{twig}", "--crop", "30,0,20,20"], "twig.png: crop 30,0,20,20 goes beyond its 40×32 pixels (--crop)"),
        (["{twig}", "--crop", "0,0,0,5"], "crop '0,0,0,5': should be x,y,width,height"),
        (["{twig}", "-o", "photo.png"], "--output photo.png: should end with .html"),
        (["{twig}", "-o", "nowhere/a.html"], "--output nowhere/a.html: should be a file in a folder that exists"),
        (["{twig}", "--megabytes", "0"], "--megabytes should be above 0"),
        (["{twig}", "--blind", "--original", "a.png"], "--blind shows no originals"),
        (["{twig}", "--original", "a.png", "--originals", "b"], "original and originals are both given"),
        (["{twig}", "{twig2}", "--original", "a.png"], "one original for 2 pictures; give the folder"),
        (["--votes", "none.json"], "none.json: No such file or directory; give the JSON"),
        (["--votes", "{twig}"], "twig.png: is no JSON; give the file"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: list[str], line: str, folder: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    twig = str(folder / "twig.png")
    (tmp_path / "again.png").write_bytes(Path(twig).read_bytes())
    words = [word.format(twig=twig, twig2="again.png") for word in arguments]
    assert line in command.refused(tmp_path, "compare", *words)


def test_it_and_the_demonstration_need_the_light_half_only() -> None:
    modules = ("comparison_html", "blind_html", "votes", "demonstration")
    loaded = loaded_by(f"import {', '.join(f'upres.compare.{name}' for name in modules)}, upres.evaluation.results")
    assert "upres" in loaded
    assert not loaded & (HEAVY | {"PIL", "scipy"})
