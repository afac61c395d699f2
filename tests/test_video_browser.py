"""Films in a real browser: what a player with a window shows of what was written."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.chromium import Chromium
from tests.small_films import Identity, av, frame_of, times_of, write_film
from tests.small_predictors import Nearest
from upres.image import read
from upres.upscaling.upscaler import Upscaler
from upres.video.options import FilmOptions
from upres.video.planning import plan_film, run_plan

pytestmark = pytest.mark.slow  # a browser

_PAGE = """<!doctype html><body style="margin:0;background:#000">
<video muted src="{film}" style="display:block"></video>
<script>
const film = document.querySelector("video"), shown = [];
const each = (now, {{ mediaTime }}) => {{ shown.push(mediaTime); film.requestVideoFrameCallback(each); }};
film.requestVideoFrameCallback(each);
const played = new Promise((resolve, reject) => {{
  film.onended = resolve;
  film.onerror = () => reject(film.error.message);
}});
</script>"""
# BT.709, limited range: Y, Cb, Cr of a strong orange, and what it is as R, G, B.
_ORANGE, _AS_RGB = (140, 76, 180), (238, 128, 35)
_BLACK = (16, 128, 128)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    found = Chromium()
    yield found
    found.close()


def _orange_beside_black(count: int) -> list[object]:
    """Pictures of 96×64: orange on the left, black on the right, and an edge that moves by two pixels a picture."""
    frames = []
    for number in range(count):
        left = 32 + 2 * number
        planes = []
        for plane, (orange, black) in enumerate(zip(_ORANGE, _BLACK, strict=True)):
            height, width, edge = (64, 96, left) if plane == 0 else (32, 48, left // 2)
            samples = np.full((height, width), black, np.uint8)
            samples[:, :edge] = orange
            planes.append(samples)
        frames.append(frame_of(planes, "yuv420p"))
    return frames


@pytest.mark.parametrize(
    ("out", "codec", "sound"),
    [
        ("b.mp4", "h264", "aac"),
        ("b.mp4", "av1", "aac"),
        ("b.webm", "vp9", "libopus"),
        ("b.webm", "av1", "libopus"),
    ],
)
def test_a_browser_shows_every_picture_at_its_time_in_its_colours(
    browser: Chromium, tmp_path: Path, out: str, codec: str, sound: str
) -> None:
    if codec == "h264" and "libx264" not in av.codecs_available:
        pytest.skip("no libx264")
    colours = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}
    first = tmp_path / ("a.mp4" if sound == "aac" else "a.mkv")
    how = {"codec": "libsvtav1", "base": Fraction(1, 90_000)} if sound == "aac" else {}
    source = write_film(first, _orange_beside_black(20), rate=10, sound=(sound,), **how, **colours)
    run_plan(plan_film(source, tmp_path / out, Identity(Upscaler(Nearest(2))), FilmOptions(codec=codec, segment=7), {}))
    page = tmp_path / "page.html"
    page.write_text(_PAGE.format(film=out))
    browser.open(page)
    browser.run("film.play().then(() => played)")
    assert browser.run("[film.videoWidth, film.videoHeight]") == [192, 128]
    assert browser.run("film.duration") == pytest.approx(2, abs=0.05)
    # A busy machine leaves pictures out, but shows none at another time, and the last one stays.
    times = [float(time) for time in times_of(tmp_path / out)]
    shown = browser.run("shown")
    assert len(shown) >= 5
    assert all(min(abs(time - there) for there in times) < 0.002 for time in shown)
    assert shown == sorted(shown)
    assert browser.run("film.webkitAudioDecodedByteCount") > 0
    (tmp_path / "seen.png").write_bytes(browser.screenshot())
    seen = read(tmp_path / "seen.png").pixels[..., :3]
    # BT.709's curve becomes the screen's, 5 levels in the dark blue; BT.601's matrix would be 11 off in red.
    np.testing.assert_allclose(seen[64, 8:120].mean(0), _AS_RGB, atol=7)
    assert seen[64, 150:185].max() <= 4
