"""The pages of `upres compare` in a real browser: what a hand, a keyboard and a phone do with them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.chromium import Chromium
from tests.commands import Command
from tests.tiny_models import tiny_onnx
from upres.compare.blind_html import blind_html
from upres.compare.comparison import compare
from upres.compare.comparison_html import comparison_html
from upres.compare.preference import wilson_interval
from upres.compare.votes import read_ballot, tally
from upres.image import Picture, write

pytestmark = pytest.mark.slow  # a browser

SIDE = 96  # of a picture, which becomes twice as large


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    found = Chromium()
    yield found
    found.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of two pictures with three methods and originals, and a blind page of both pictures with two."""
    folder = tmp_path_factory.mktemp("pages")
    slope = np.add.outer(np.arange(SIDE), np.arange(SIDE)).astype(np.uint8)
    for name, turn in (("first", 0), ("second", 1)):
        pixels = np.dstack([np.rot90(slope, turn), slope, slope // 2])
        write(Picture(np.ascontiguousarray(pixels)), folder / f"{name}.png")
        (folder / "originals").mkdir(exist_ok=True)
        write(Picture(pixels.repeat(2, axis=0).repeat(2, axis=1)), folder / "originals" / f"{name}.png")
    models: list[Path | str] = ["bicubic"]
    for name, seed in (("one", 1), ("two", 2)):
        models.append(folder / f"{name}.onnx")
        (folder / f"{name}.onnx").write_bytes(tiny_onnx(scale=2, seed=seed))
    pictures = [folder / "first.png", folder / "second.png"]
    shown = comparison_html(compare(pictures, models, originals=folder / "originals"))[0]
    blind = blind_html(compare(pictures, models[:2]), seed=3)[0]
    found = {"page": folder / "page.html", "blind": folder / "blind.html"}
    found["page"].write_text(shown, encoding="utf-8")
    found["blind"].write_text(blind, encoding="utf-8")
    return found


def quiet(browser: Chromium, page: Path) -> None:
    """Nothing was asked of anybody but the page itself, and the console is empty."""
    assert browser.requests == [page.as_uri()]
    assert browser.faults == []


def tags(browser: Chromium) -> list[str]:
    """The labels of the two pictures that are seen."""
    script = "[...document.querySelectorAll('.tag')].filter((t) => getComputedStyle(t).visibility === 'visible')"
    found: list[str] = browser.run(f"{script}.map((t) => t.textContent)")
    return found


def box(browser: Chromium, selector: str) -> dict[str, float]:
    script = f"(() => {{ const b = document.querySelector('{selector}').getBoundingClientRect();"
    found: dict[str, float] = browser.run(
        f"{script} return {{x: b.x, y: b.y, width: b.width, height: b.height}}; }})()"
    )
    return found


@pytest.mark.parametrize("ratio", [0.67, 1, 1.5, 2])
def test_the_divider_is_where_the_pointer_is(browser: Chromium, pages: dict[str, Path], ratio: float) -> None:
    browser.open(pages["page"], ratio=ratio)
    browser.run("document.querySelector('#stage').scrollIntoView({block: 'center'})")
    stage = box(browser, "#stage")
    middle = stage["y"] + stage["height"] / 2
    browser.mouse("mousePressed", stage["x"] + stage["width"] * 0.3, middle)
    for share in (0.3, 0.812):
        x = stage["x"] + stage["width"] * share
        browser.mouse("mouseMoved", x, middle)
        assert box(browser, ".line")["x"] + 1 == pytest.approx(x, abs=1)
        clip = browser.run("getComputedStyle(document.querySelector('.pane.first')).clipPath")
        assert float(clip.split()[1].rstrip("%")) == pytest.approx(100 * (1 - share), abs=0.2)
    browser.mouse("mouseReleased", x, middle)
    quiet(browser, pages["page"])


def test_all_of_the_page_by_keyboard(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["page"])
    assert tags(browser) == ["bicubic", "two.onnx"]
    browser.run("document.querySelector('#divider').focus()")
    before = box(browser, ".line")["x"]
    for _ in range(3):
        browser.press("ArrowRight")
    said = browser.run("document.querySelector('#divider').getAttribute('aria-valuetext')")
    assert said == "53 percent bicubic, the rest two.onnx"
    assert box(browser, ".line")["x"] > before
    browser.press("1", code="Digit1", shift=True)
    browser.press("3", code="Digit3")
    assert tags(browser) == ["input", "one.onnx"]
    browser.press("x")
    assert tags(browser) == ["one.onnx", "input"]
    # Flip: one at a time, in the same place.
    browser.press("f")
    assert tags(browser) == ["one.onnx"]
    places = [box(browser, ".pane.first img")]
    browser.press(" ")
    assert tags(browser) == ["input"]
    places.append(box(browser, ".pane.second img"))
    assert places[0] == places[1]
    browser.press("d")
    assert tags(browser) == ["one.onnx", "input"]
    # 100 %: a pixel of the picture on a pixel of the screen; then larger, and moved.
    browser.press("s")
    browser.press("z")
    assert box(browser, ".pane.first img")["width"] == 2 * SIDE
    for _ in range(6):
        browser.press("+")
    assert browser.run("document.querySelector('.percent').textContent") == "1200 %"
    start = box(browser, ".pane.first img")
    browser.press("ArrowDown")
    browser.press("ArrowLeft", shift=True)
    moved = box(browser, ".pane.first img")
    assert (moved["x"] - start["x"], start["y"] - moved["y"]) == (48, 48)
    assert moved == box(browser, ".pane.second img")
    browser.press("0")
    assert browser.run("document.querySelector('[data-zoom=fit]').getAttribute('aria-pressed')") == "true"
    # The other picture keeps the versions.
    facts = browser.run("document.querySelector('#facts').textContent")
    browser.press("n")
    assert browser.run("document.querySelector('#facts').textContent") == facts.replace("first", "second")
    assert tags(browser) == ["one.onnx", "input"]
    # Letters that somebody types into a choice choose nothing else.
    browser.run("document.querySelector('#left').focus()")
    browser.press("f")
    assert browser.run("document.querySelector('#stage').classList.contains('slider')") is True
    quiet(browser, pages["page"])


def test_wheel_drag_and_magnifier(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["page"], width=900, height=700)
    browser.click("[data-zoom=full]")
    for _ in range(6):
        browser.click("[data-zoom=in]")
    stage = box(browser, "#stage")
    x, y = stage["x"] + stage["width"] * 0.7, min(600.0, stage["y"] + stage["height"] * 0.6)
    # What is under the pointer stays there while the wheel zooms.
    browser.run("document.querySelector('#stage').focus({preventScroll: true})")
    before = box(browser, ".pane.first img")
    share = (x - before["x"]) / before["width"]
    browser.mouse("mouseWheel", x, y, wheel=-60)
    after = box(browser, ".pane.first img")
    assert after["width"] > before["width"]
    assert (x - after["x"]) / after["width"] == pytest.approx(share, abs=0.004)
    # Away from the divider, dragging moves both pictures.
    browser.mouse("mousePressed", x, y)
    browser.mouse("mouseMoved", x - 40, y - 30)
    browser.mouse("mouseReleased", x - 40, y - 30)
    moved = box(browser, ".pane.first img")
    assert [after["x"] - moved["x"], after["y"] - moved["y"]] == pytest.approx([40, 30], abs=1)
    # The magnifiers show the place under the pointer: each of the five the same.
    browser.click("[data-zoom=fit]")
    stage = box(browser, "#stage")
    lenses = "[...document.querySelectorAll('.view:not([hidden]) .lens img')].map((i) => i.style.transform)"
    seen = []
    for place in (0.35, 0.65):
        browser.call(
            "Input.dispatchMouseEvent", type="mouseMoved", x=stage["x"] + stage["width"] * place, y=300, buttons=0
        )
        found = browser.run(lenses)
        assert len(found) == 5
        assert len(set(found)) == 1
        seen.append(found[0])
    assert seen[0] != seen[1]
    # A click on one puts it on the right.
    browser.click(".view:not([hidden]) .version:nth-of-type(3) .lens")
    assert tags(browser)[1] == "one.onnx"
    quiet(browser, pages["page"])


@pytest.mark.parametrize("name", ["page", "blind"])
def test_a_phone_scrolls_down_only(browser: Chromium, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name], width=400, height=800, ratio=2)
    wide = "document.documentElement.scrollWidth"
    assert browser.run(wide) == 400
    if name == "blind":
        browser.click("#start button")
        assert browser.run(wide) == 400
        while not browser.run("document.querySelector('#trial').hidden"):
            browser.click("[data-choice=none]")
        assert browser.run(wide) == 400
        browser.run("localStorage.clear()")
    small = browser.run(
        "[...document.querySelectorAll('button, select')].map((e) => e.getBoundingClientRect())"
        ".filter((b) => b.width && (b.width < 24 || b.height < 24)).length"
    )
    assert small == 0  # WCAG 2.2, 2.5.8
    quiet(browser, pages[name])


def test_fingers_drag_the_divider_pinch_and_move(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["page"], width=400, height=800, ratio=2)
    browser.call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
    try:
        browser.run("document.querySelector('#stage').scrollIntoView({block: 'center'})")
        stage = box(browser, "#stage")
        y = stage["y"] + stage["height"] / 2
        browser.touch("touchStart", (100, y))
        for x in (120, 200, 300):
            browser.touch("touchMove", (x, y))
        browser.touch("touchEnd")
        assert box(browser, ".line")["x"] + 1 == pytest.approx(300, abs=1.5)
        before = box(browser, ".pane.first img")
        browser.touch("touchStart", (180, y), (220, y))
        for spread in (30, 40, 60):
            browser.touch("touchMove", (200 - spread, y), (200 + spread, y))
        browser.touch("touchEnd")
        larger = box(browser, ".pane.first img")
        assert larger["width"] / before["width"] == pytest.approx(3, rel=0.15)
        assert (200 - larger["x"]) / larger["width"] == pytest.approx((200 - before["x"]) / before["width"], abs=0.03)
        stage = box(browser, "#stage")
        y = stage["y"] + stage["height"] / 2
        browser.touch("touchStart", (100, y))
        for x in (90, 70, 60):
            browser.touch("touchMove", (x, y + 20))
        browser.touch("touchEnd")
        moved = box(browser, ".pane.first img")
        assert [moved["x"] - larger["x"], moved["width"]] == pytest.approx([-40, larger["width"]], abs=3)
        assert box(browser, ".line")["x"] + 1 == pytest.approx(300, abs=1.5)
    finally:
        browser.call("Emulation.setTouchEmulationEnabled", enabled=False)
    quiet(browser, pages["page"])


@pytest.mark.parametrize("dark", [False, True])
def test_everything_has_a_name_and_can_be_read(browser: Chromium, pages: dict[str, Path], dark: bool) -> None:
    browser.open(pages["page"], dark=dark)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    controls = {"button", "slider", "combobox", "image", "textbox", "group"}
    for node in nodes:
        if not node.get("ignored") and node["role"]["value"] in controls:
            assert node.get("name", {}).get("value"), node
    roles = [node["role"]["value"] for node in nodes if not node.get("ignored")]
    assert roles.count("slider") == 1
    assert roles.count("combobox") == 3
    # WCAG's contrast of small text on the page: 4.5 to 1.
    colours = browser.run(
        "[document.body, document.querySelector('#facts')].map((e) => getComputedStyle(e).color)"
        ".concat(getComputedStyle(document.body).backgroundColor)"
    )
    ink, soft, paper = (luminance(colour) for colour in colours)
    for one in (ink, soft):
        assert (max(one, paper) + 0.05) / (min(one, paper) + 0.05) > 4.5
    assert (paper < 0.1) is dark


def luminance(colour: str) -> float:
    """Return relative luminance by WCAG of `rgb(r, g, b)`."""
    values = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_blind_vote_from_beginning_to_file(
    browser: Chromium, pages: dict[str, Path], command: Command, tmp_path: Path
) -> None:
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path), eventsEnabled=True)
    browser.open(pages["blind"])
    browser.run("document.querySelector('#rater').focus()")
    for letter in "Ann":
        browser.press(letter)
    browser.press("Enter")
    seen = "document.querySelector('main').innerText"
    secret: dict[str, Any] = browser.run("secret()")
    total = len(secret["trials"])
    assert total == 4  # two pairs, one of them again, an identical one
    for number, trial in enumerate(secret["trials"]):
        assert f"{number + 1} of {total}" in browser.run(seen)
        for name in ("bicubic", "one.onnx", "first", "second"):
            assert name not in browser.run(seen)
            assert name not in browser.run(
                "[...document.querySelectorAll('#trial *')].map((e) => e.alt || e.title || '').join()"
            )
        if number == 1:  # a vote by mistake, taken back; and the page is closed in between
            browser.press("b")
            browser.click("#back")
            browser.open(pages["blind"])
            assert f"{number + 1} of {total}" in browser.run(seen)
        if trial["kind"] == "identical":
            browser.press("n")
        else:
            wanted = secret["methods"].index("one.onnx")
            if number == 0:
                browser.run("document.querySelector('#reason').focus()")
                for letter in "and crisp":  # a, n, … are no votes here
                    browser.press(letter)
                browser.run("document.activeElement.blur()")
            browser.click(f"[data-choice={'left' if trial['left'] == wanted else 'right'}]")
    assert "these votes count" in browser.run(seen)
    rows = browser.run(
        "[...document.querySelectorAll('#pairs tbody tr')].map((r) => [...r.cells].map((c) => c.textContent))"
    )
    low, high = (round(100 * end) for end in wilson_interval(2, 2))
    assert rows == [["one.onnx over bicubic", "2", "0", "0", "100 %", f"{low} to {high} %"]]
    browser.click("#save")
    while not any(
        event["method"] == "Browser.downloadProgress" and event["params"]["state"] == "completed"
        for event in browser.events
    ):
        browser.run("new Promise((done) => setTimeout(done, 20))")
    (file,) = tmp_path.glob("*.json")
    assert file.name == "Ann.json"
    ballot = read_ballot(file)
    assert (ballot.rater, ballot.seed, ballot.failure) == ("Ann", 3, "")
    assert [vote.kind for vote in ballot.votes] == [trial["kind"] for trial in secret["trials"]]
    assert [vote.reason for vote in ballot.votes] == ["and crisp", "", "", ""]
    counted = tally({"Ann": ballot})
    assert (counted.pairs[0].first, counted.pairs[0].wins, counted.pairs[0].losses) == ("one.onnx", 2, 0)
    code, out, _ = command("compare", "--votes", str(file))
    assert code == 0
    assert "one.onnx over bicubic" in out
    assert json.loads(file.read_text(encoding="utf-8"))["page"] == ballot.page
    # Begin again: the votes are gone.
    browser.click("#again")
    assert browser.run("document.querySelector('#begin').hidden") is False
    assert browser.run("localStorage.length") == 0
    quiet(browser, pages["blind"])
