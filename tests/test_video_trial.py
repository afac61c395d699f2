"""Films: what a dry run says is held against the run."""

import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.small_films import Identity, av, write_film
from tests.small_predictors import Nearest
from upres.upscaling.upscaler import Upscaler
from upres.video.options import FilmOptions
from upres.video.planning import plan_film, run_plan
from upres.video.trial import tried


def scene(count, height=96, width=128):
    """Return frames of a scene that moves, with a camera's noise."""
    rng = np.random.default_rng(0)
    wide = np.kron(rng.integers(0, 255, (height // 8, (width + count) // 8 + 1, 3)), np.ones((8, 8, 1)))
    for at in range(count):
        noisy = wide[:, at : at + width] + rng.normal(0, 2, (height, width, 3))
        frame = av.VideoFrame.from_ndarray(np.clip(noisy, 0, 255).astype(np.uint8), "rgb24")
        yield frame.reformat(format="yuv420p")


class Slow(Nearest):
    """Takes longer than what begins and ends each trial, as models do."""

    def predict(self, lr):
        time.sleep(0.03)
        return super().predict(lr)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("out", "asked"),
    [
        ("a.mkv", {"codec": "av1", "preset": "12"}),
        ("a.mp4", {"codec": "h264", "preset": "fast"}),
        ("a.mkv", {"codec": "ffv1"}),
        ("a.webm", {"codec": "vp9", "preset": "8", "start": 1, "end": 7}),
        ("%04d.png", {}),
    ],
)
def test_what_a_dry_run_says_is_what_the_run_comes_to(out, asked, tmp_path):
    if asked.get("codec") == "h264" and "libx264" not in av.codecs_available:
        pytest.skip("no libx264")
    sound = ("libopus",) if out.endswith("webm") else ("flac",)
    source = write_film(tmp_path / "source.mkv", list(scene(200)), sound=sound)
    plan = plan_film(source, tmp_path / "out" / out, Identity(Upscaler(Slow(2))), FilmOptions(**asked), {})
    trial = tried(plan)
    assert not plan.target.parent.exists()
    summary = run_plan(plan)
    assert trial.pictures is not None
    assert abs(trial.pictures - summary.pictures) <= 1
    written = [plan.target] if plan.coding is not None else plan.target.parent.glob("*.png")
    assert trial.bytes == pytest.approx(sum(path.stat().st_size for path in written), rel=0.25)
    assert trial.seconds == pytest.approx(trial.pictures / trial.rate)


def test_a_film_of_one_picture_is_tried_too(tmp_path):
    source = write_film(tmp_path / "a.mkv", list(scene(1)))
    trial = tried(plan_film(source, tmp_path / "b.mkv", Identity(), FilmOptions(codec="ffv1"), {}))
    assert trial.pictures == 1
    assert trial.bytes is not None and trial.bytes > 1000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing says what a process has read")
@pytest.mark.parametrize(
    ("out", "codec", "form"), [("a.mkv", "ffv1", "yuv420p"), ("a.mp4", "mjpeg", "yuvj420p"), ("a.ts", None, "yuv420p")]
)
def test_ten_hours_are_planned_and_tried_without_reading_all_of_them(out, codec, form, tmp_path):
    if codec is None and "libx264" not in av.codecs_available:
        pytest.skip("no libx264")
    options = {"crf": "1", "preset": "ultrafast", "g": "10", "bf": "0"} if codec is None else {"g": "1", "qscale": "1"}
    rng = np.random.default_rng(0)
    frames = [
        av.VideoFrame.from_ndarray(rng.integers(0, 256, (128 * 3 // 2, 128), np.uint8), "yuv420p").reformat(format=form)
        for _ in range(20)
    ]
    count, step = 4000, 9  # a picture every nine seconds
    source = write_film(
        tmp_path / out,
        Repeated(frames, count),
        codec=codec or "libx264",
        options=options,
        base=Fraction(1, 90_000),
        rate=Fraction(1, step),
    )
    size = source.stat().st_size
    assert size > 25_000_000
    before = _read()
    plan = plan_film(source, tmp_path / "out.mkv", Identity(), FilmOptions(codec="ffv1"), {})
    planned = _read() - before
    assert planned < size / 4
    assert plan.film.duration == pytest.approx(count * step, rel=0.01)
    assert plan.pictures == pytest.approx(count, rel=0.02)
    trial = tried(plan)
    assert _read() - before - planned < size / 2
    assert trial.pictures == plan.pictures


class Repeated:
    """A few frames again and again, as `write_film` takes them."""

    def __init__(self, frames, count):
        self._frames, self._count = frames, count

    def __len__(self):
        return self._count

    def __getitem__(self, number):
        if number >= self._count:
            raise IndexError
        return self._frames[number % len(self._frames)]


def _read():
    """Return how many bytes this process has read."""
    return int(Path("/proc/self/io").read_text(encoding="ascii").split("rchar: ")[1].split()[0])
