"""The service's page, in a real browser: what is dropped, previewed, enlarged, compared, refused and cancelled."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import upres
from tests.chromium import Chromium
from tests.running_service import RunningService, running
from upres.service.page import FILES, TEXTS

pytestmark = pytest.mark.slow  # a browser

TOOK = "[...document.querySelectorAll('.card')].every((card) => card.querySelector('a[download]'))"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running(tmp_path_factory.mktemp("service"), "--model", "fast") as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    found = Chromium()
    yield found
    found.close()


@pytest.fixture
def page(service: RunningService, browser: Chromium) -> Iterator[Chromium]:
    """The page, in which nothing may go wrong and which asks nobody else."""
    browser.open(f"http://127.0.0.1:{service.port}/")
    browser.until("models.length > 0")
    yield browser
    assert not browser.faults
    assert all(address.startswith(f"http://127.0.0.1:{service.port}/") for address in browser.requests)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Two pictures, and one that is cut short."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    found = [tmp_path / name for name in ("photo <b>1.png", "second.jpg", "broken.jpg")]
    Image.fromarray(pixels).save(found[0])
    Image.fromarray(pixels).resize((160, 120)).save(found[1])
    found[2].write_bytes(found[1].read_bytes()[:2000])
    return found


def text(page: Chromium, selector: str) -> str:
    return str(page.run(f"document.querySelector({json.dumps(selector)}).innerText"))


def result_of(page: Chromium, number: int) -> bytes:
    """The bytes that a card's download gives."""
    return bytes(page.run(f"cards[{number}].result.arrayBuffer().then((b) => [...new Uint8Array(b)])"))


def test_pictures_go_in_and_large_ones_come_out(page: Chromium, pictures: list[Path], tmp_path: Path) -> None:
    page.choose("#picture", *pictures[:2])
    page.until("document.querySelectorAll('.card').length === 2 && cards.every((card) => card.width)")
    assert text(page, "#go") == "Enlarge 2 pictures"
    assert "40 × 30 → 160 × 120" in text(page, ".card")
    # A crop is enlarged before anything was asked for: of the service, as it will be.
    page.until("byId('after').naturalWidth === 120")
    page.run("(settings.querySelector('[name=scale]').value = '2', settings.dispatchEvent(new Event('input')))")
    page.until("byId('after').naturalWidth === 60")
    page.click("#go")
    page.until(TOOK)
    assert page.run("[...document.querySelectorAll('a[download]')].map((a) => a.download)") == [
        "photo b1_x2.png",  # what is no letter of a name is left out
        "second_x2.jpg",
    ]
    made = result_of(page, 0)
    expected = upres.upscale(
        str(pictures[0]), scale=2, model="fast", precision="near"
    ).pixels  # as the service enlarges
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(made))), expected)
    # The comparison: the same viewer as on the pages of `upres compare`.
    assert not page.run("byId('view').hidden") and page.run("viewer.state.width") in (80, 320)
    page.run("document.querySelector('#stage').focus()")
    page.press("f")
    assert page.run("document.querySelector('#stage').classList.contains('flip')")
    page.press("z")
    assert text(page, "#view .percent") == "100 %"
    # All of them in one file, which other programs open.
    zipped = page.run(
        "zipped(cards.map((card) => ({ name: card.target, blob: card.result })))"
        ".then((blob) => blob.arrayBuffer()).then((b) => [...new Uint8Array(b)])"
    )
    with zipfile.ZipFile(BytesIO(bytes(zipped))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["photo b1_x2.png", "second_x2.jpg"]
        assert archive.read("photo b1_x2.png") == made


def test_a_fault_stands_beside_its_picture(page: Chromium, pictures: list[Path]) -> None:
    page.choose("#picture", pictures[2], pictures[1])
    page.until("cards.length === 2 && byId('whole').naturalWidth > 0")  # nothing moves any more
    page.click("#go")
    page.until("cards[0].fault && cards[1].result")
    said = page.run("document.querySelector('.card [role=alert]').textContent")
    assert said.startswith("the picture: the JPEG data is damaged or cut short")
    assert page.run("document.querySelectorAll('.card [role=alert]:not([hidden])').length") == 1
    page.run("[...document.querySelectorAll('.card button')].filter((b) => b.textContent === 'Remove')[0].click()")
    assert page.run("cards.length") == 1


def test_what_runs_can_be_cancelled(page: Chromium, service: RunningService, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1400, 1400, 3), np.uint8)).save(large)
    page.choose("#picture", large)
    page.until("cards.length === 1 && cards[0].width")
    page.run("settings.querySelector('[name=model]').value = 'best'")
    page.click("#go")
    page.until("cards[0].state === 'working'")
    page.run("[...document.querySelectorAll('.card button')].find((b) => b.textContent === 'Cancel').click()")
    page.until("cards[0].state === 'stopped' && !cards[0].job")
    assert text(page, ".card .told").endswith("stopped")
    service.until(lambda: not service.files())


def test_models_are_asked_only_for_what_they_can(page: Chromium) -> None:
    for model, disabled in (("best", True), ("base", False)):
        page.run(
            f"(settings.querySelector('[name=model]').value = '{model}', settings.dispatchEvent(new Event('input')))"
        )
        assert page.run("settings.querySelector('[name=denoise]').disabled") is disabled


@pytest.mark.parametrize(("width", "dark"), [(400, False), (800, True), (1600, False)])
def test_it_fits_its_window(
    page: Chromium, service: RunningService, pictures: list[Path], width: int, dark: bool
) -> None:
    page.open(f"http://127.0.0.1:{service.port}/", width=width, dark=dark)
    page.choose("#picture", *pictures)
    page.until("cards.length === 3 && byId('after').naturalWidth > 0")
    assert page.run("document.documentElement.scrollWidth") <= width
    small = page.run(
        "[...document.querySelectorAll('button, select, a.button')]"
        ".filter((e) => e.offsetParent && e.offsetHeight < 24).map((e) => e.outerHTML)"
    )
    assert not small


def test_everything_has_a_role_and_a_name(page: Chromium, pictures: list[Path]) -> None:
    page.choose("#picture", pictures[1])
    page.until("cards.length === 1 && cards[0].width")
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    wanted = {"button", "combobox", "checkbox", "textbox", "spinbutton", "link", "slider"}
    found = [node for node in nodes if not node["ignored"] and node["role"]["value"] in wanted]
    assert len(found) >= 12
    nameless = [node["role"]["value"] for node in found if not node.get("name", {}).get("value", "").strip()]
    assert not nameless
    # Whoever has no mouse gets everywhere: the first stop chooses pictures.
    page.press("Tab")
    assert page.run("document.activeElement.id") == "picture"


def test_words_stand_in_one_file(service: RunningService) -> None:
    texts = json.loads(TEXTS.read_text(encoding="utf-8"))
    script = FILES["/page.js"][0].read_text(encoding="utf-8")
    asked = set(re.findall(r'(?:say|button)\("([a-z_]+)"', script))
    assert asked <= set(texts)
    page = service.get("/").body.decode()
    assert "$" not in page.replace("\\$", "") and all(f">{texts[name]}" in page for name in ("enlarge", "preview"))
    unused = {name for name in texts if f"${name}" not in FILES["/"][0].read_text(encoding="utf-8")} - asked
    assert all(name.startswith(("denoise_", "detail_")) for name in unused), unused


def test_the_page_is_light(service: RunningService) -> None:
    sizes = {path: len(service.get(path).body) for path in FILES}
    assert sum(sizes.values()) <= 60_000, sizes
