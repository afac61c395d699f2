"""Films: times of pictures, container by container, and sound that stays with them."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from tests.small_films import Identity, av, frame_of, moving, times_of, write_film
from tests.small_predictors import Nearest
from upres.upscaling.upscaler import Upscaler
from upres.video.options import FilmOptions
from upres.video.planning import plan_film, run_plan

NTSC = [number * 3003 for number in range(24)]  # 29.97 a second, in 90,000ths
FILM = [number * 15015 // 4 for number in range(24)]  # 23.976
UNEVEN = [0, 3754, 7508, 11261, 30000, 30100, 41021, 60000, 75000, 75100, 90000, 140000]
LATE = [90_000 * 7 + each for each in UNEVEN]
H264 = {"x264-params": "log-level=none:bframes=3:b-adapt=0:scenecut=0"}
# What films come in, and which codecs of B-frames they hold.
SOURCES = {
    "mp4": ("libx264", H264),
    "mov": ("libx264", H264),
    "mkv": ("libx264", H264),
    "webm": ("libvpx-vp9", {}),
    "ts": ("mpeg2video", {"bf": "2"}),
}
OUTPUTS = {"mp4": "av1", "mov": "prores", "mkv": "ffv1", "webm": "vp9", "ts": "h264"}


def enlarged(source, target, **asked):
    return run_plan(plan_film(source, target, Identity(Upscaler(Nearest(2))), FilmOptions(**asked), {}))


def have(*encoders):
    for encoder in encoders:
        if encoder not in av.codecs_available:
            pytest.skip(f"no {encoder}")


@pytest.mark.parametrize("times", [NTSC, FILM, UNEVEN, LATE], ids=["29.97", "23.976", "uneven", "late"])
@pytest.mark.parametrize("suffix", SOURCES)
@pytest.mark.parametrize("out", OUTPUTS)
def test_times_go_from_every_container_into_every_other(suffix, out, times, tmp_path):
    codec, options = SOURCES[suffix]
    have(codec, *(["libx264"] if out == "ts" else []))
    if codec == "mpeg2video" and times not in (NTSC, FILM):
        times = NTSC  # that codec has few rates
    rate = 1 if times not in (NTSC, FILM) else Fraction(30000 if times is NTSC else 24000, 1001)
    base = Fraction(1001, 30000) if codec == "mpeg2video" else Fraction(1, 90_000)
    written = [each // 3003 for each in times] if codec == "mpeg2video" and times is NTSC else times
    if codec == "mpeg2video" and times is FILM:
        base, written = Fraction(1001, 24000), list(range(24))
    source = write_film(
        tmp_path / f"a.{suffix}", moving(len(times)), codec=codec, options=options, times=written, base=base, rate=rate
    )
    enlarged(source, tmp_path / f"b.{out}", codec=OUTPUTS[out], segment=7)
    ours, theirs = times_of(tmp_path / f"b.{out}"), times_of(source)
    assert len(ours) == len(theirs) == len(times)
    if out == "ts":  # its decoding times begin at 0 at the earliest, so all of it may be moved
        moved = ours[0] - theirs[0]
        ours = [each - moved for each in ours]
    # Matroska counts in milliseconds; the others hold the times of any of them.
    exact = out in ("mp4", "mov") or suffix in ("mkv", "webm")
    worst = max(abs(one - other) for one, other in zip(ours, theirs, strict=True))
    assert worst <= (0 if exact else Fraction(1, 1000) if out == "ts" and suffix != "ts" else Fraction(1, 2000))


@pytest.mark.parametrize("out", ["mp4", "mov"])
def test_the_last_picture_stands_as_long_as_it_did(out, tmp_path):
    source = write_film(tmp_path / f"a.{out}", moving(6), codec="mpeg4", options={"bf": "2"}, base=Fraction(1, 25))
    enlarged(source, tmp_path / f"b.{out}", codec=OUTPUTS[out])

    def length(path):
        with av.open(str(path)) as film:
            return film.streams.video[0].duration * film.streams.video[0].time_base

    assert length(tmp_path / f"b.{out}") == length(source) == Fraction(6, 25)


RATE = 48_000


def flashing(path, seconds, rate, flashes, *, codec="ffv1", sound="flac", offset=0):
    """Write a film that is black and silent, but white and loud for a tenth of a second each time."""
    black, white = (
        frame_of([np.full((16, 16), luma, np.uint8), *[np.full((8, 8), 128, np.uint8)] * 2], "yuv420p")
        for luma in (16, 235)
    )
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=rate)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        heard = film.add_stream(sound, rate=RATE)
        heard.codec_context.layout = "mono"
        loud = np.sin(np.arange(RATE // 10) * 0.3) * 30000
        for second in range(seconds):
            pulses = [each for each in flashes if second <= each < second + 1]
            for number in range(rate):
                at = second + Fraction(number, rate)
                lit = any(each <= at < each + Fraction(1, 10) for each in pulses)
                frame = white if lit else black
                frame.pts, frame.time_base = round((at + offset) * 1000), Fraction(1, 1000)
                film.mux(stream.encode(frame))
            samples = np.zeros(RATE, np.int16)
            for each in pulses:
                start = round((each - second) * RATE)
                samples[start : start + RATE // 10] = loud
            for start in range(0, RATE, 960):
                form = heard.codec_context.format.name
                piece: np.ndarray = samples[None, start : start + 960]
                if form.startswith("flt"):
                    piece = piece.astype(np.float32) / 32768
                block = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), form, "mono")
                block.sample_rate, block.time_base = RATE, Fraction(1, RATE)
                block.pts = (second + offset) * RATE + start
                film.mux(heard.encode(block))
        film.mux(stream.encode(None))
        film.mux(heard.encode(None))
    return path


def seen_and_heard(path):
    """Return when a film becomes white, and when it becomes loud."""
    with av.open(str(path)) as film:
        lit = [
            (frame.pts * frame.time_base, float(frame.to_ndarray(format="gray").mean()) > 100)
            for frame in film.decode(video=0)
        ]
    seen = [now for (_, before), (now, bright) in itertools.pairwise(lit) if bright and not before]
    heard, before = [], -1.0
    with av.open(str(path)) as film:
        for block in film.decode(audio=0):
            samples = block.to_ndarray()[0].astype(float)
            samples = samples / (32768 if block.format.name.startswith("s16") else 1)
            for place in np.flatnonzero(np.abs(samples) > 0.3):
                now = float(block.pts * block.time_base) + place / block.sample_rate
                if now - before > 0.2:
                    heard.append(now)
                before = now
    return seen, heard


@pytest.mark.parametrize(
    ("name", "codec", "sound", "out", "offset", "start"),
    [
        ("a.mkv", "ffv1", "flac", "a.mkv", 0, None),
        ("a.mkv", "ffv1", "libopus", "a.webm", 0, None),
        ("a.mp4", "mpeg4", "aac", "a.mp4", 0, None),
        ("a.mp4", "mpeg4", "aac", "a.mkv", 0, None),
        ("a.mp4", "mpeg4", "aac", "a.mp4", 3, None),
        ("a.mkv", "ffv1", "flac", "a.mkv", 0, Fraction(3, 2)),
        ("a.mp4", "mpeg4", "aac", "a.mp4", 0, Fraction(3, 2)),
        ("a.mov", "mpeg4", "pcm_s16le", "a.mov", 0, Fraction(3, 2)),
    ],
)
def test_what_is_heard_at_a_flash_is_heard_at_it_afterwards(name, codec, sound, out, offset, start, tmp_path):
    flashes = [Fraction(1), Fraction(11, 5), Fraction(17, 5)]
    (tmp_path / "out").mkdir()
    source = flashing(tmp_path / name, 5, 25, flashes, codec=codec, sound=sound, offset=offset)
    by = {"webm": "vp9", "mov": "prores", "mp4": "av1", "mkv": "ffv1"}[out.partition(".")[2]]
    enlarged(source, tmp_path / "out" / out, codec=by, start=start or Fraction(0))
    seen, heard = seen_and_heard(source)
    seen_after, heard_after = seen_and_heard(tmp_path / "out" / out)
    assert len(seen) == len(heard) == 3
    left = 3 if start is None else 2
    assert len(seen_after) == len(heard_after) == left
    apart = [float(one) - other for one, other in zip(seen, heard, strict=True)][-left:]
    apart_after = [float(one) - other for one, other in zip(seen_after, heard_after, strict=True)]
    np.testing.assert_allclose(apart_after, apart, atol=0.001)


@pytest.mark.slow
def test_twenty_minutes_do_not_drift(tmp_path):
    flashes = [Fraction(2, 5) + 61 * number for number in range(19)]
    source = flashing(tmp_path / "a.mkv", 1200, 5, flashes)
    enlarged(source, tmp_path / "b.mkv", codec="ffv1")
    seen, heard = seen_and_heard(tmp_path / "b.mkv")
    assert len(seen) == len(heard) == 19
    assert seen == flashes
    theirs = seen_and_heard(source)
    assert seen == theirs[0]
    np.testing.assert_allclose(heard, theirs[1], atol=0.001)
