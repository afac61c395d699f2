"""Films: closed captions inside the pictures (CEA-608 and 708) go over, or are said to be left behind."""

import struct
from fractions import Fraction

import numpy as np
import pytest

from tests.small_films import Identity, av, moving, write_film
from tests.small_predictors import Nearest
from upres.upscaling.upscaler import Upscaler
from upres.video.captions import Captioned, Captions
from upres.video.opening import open_film
from upres.video.options import FilmOptions
from upres.video.planning import plan_film, run_plan

pytestmark = pytest.mark.skipif("libx264" not in av.codecs_available, reason="no libx264")


def captions_of(path):
    """Return what each picture of a film says, in the order in which they are shown."""
    with av.open(str(path)) as film:
        return [
            [bytes(each) for each in frame.side_data if each.type == av.sidedata.sidedata.Type.A53_CC]
            for frame in film.decode(video=0)
        ]


def captioned(path, said, *, held=1):
    """Write a film of H.264 whose pictures have captions (ATSC A/53 part 4, section 6.2.3) where `said` has some.

    They are in a unit of supplemental information before the picture's own.
    """
    plain = path.with_name("plain.mkv")
    options = {"x264-params": "log-level=none:bframes=2:scenecut=0"}
    write_film(plain, moving(len(said), held=held), codec="libx264", options=options, base=Fraction(1, 25))
    with av.open(str(plain)) as source, av.open(str(path), "w") as made:
        stream = made.add_stream_from_template(source.streams.video[0], opaque=True)
        times = sorted(packet.pts for packet in source.demux(video=0) if packet.size)
        source.seek(0)
        for packet in source.demux(video=0):
            if not packet.size:
                continue
            pairs = said[times.index(packet.pts)]
            triplets = b"".join(b"\xfc" + pair for pair in pairs)
            user = b"\xb5\x00\x31GA94\x03" + bytes([0x40 | len(pairs), 0xFF]) + triplets + b"\xff"
            unit = bytes([6, 4, len(user)]) + user + b"\x80"
            ours = av.Packet((struct.pack(">I", len(unit)) + unit if pairs else b"") + bytes(packet))
            ours.pts, ours.dts, ours.time_base, ours.stream = packet.pts, packet.dts, packet.time_base, stream
            ours.is_keyframe = packet.is_keyframe
            made.mux(ours)
    return path


SAID = [[], [b"\x94\x20"], [b"\x94\x20", b"He"], [b"ll"], [], [b"o!"], [b"\x94\x2f"], []]


def planned(source, target, upscaler=None, **asked):
    return plan_film(source, target, Identity(upscaler), FilmOptions(**asked), {})


@pytest.mark.parametrize("held", [1, 3])
@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "h264"), ("a.mp4", "h265"), ("a.ts", "h264"), ("a.mov", None)])
def test_captions_go_over_to_the_picture_they_were_of(name, codec, held, tmp_path):
    if codec == "h265" and "libx265" not in av.codecs_available:
        pytest.skip("no libx265")
    source = captioned(tmp_path / "source.mkv", SAID, held=held)
    theirs = captions_of(source)
    assert [len(each) for each in theirs] == [int(bool(pairs)) for pairs in SAID]
    plan = planned(source, tmp_path / name, Upscaler(Nearest(2)), codec=codec, segment=3)
    assert "closed captions inside the pictures" in plan.kept.said
    run_plan(plan)
    assert captions_of(plan.target) == theirs


def test_what_has_no_captions_says_that_they_stay_behind(tmp_path):
    source = captioned(tmp_path / "source.mkv", SAID)
    plan = planned(source, tmp_path / "a.mkv", codec="av1")
    assert "closed captions inside the pictures, which av1 does not have; h264 and h265 do" in plan.kept.left
    run_plan(plan)
    assert not any(captions_of(plan.target))
    without = write_film(tmp_path / "none.mkv", moving(2))
    assert not any("captions" in each for each in (*planned(without, tmp_path / "b.mkv", codec="av1").kept.left,))


@pytest.mark.parametrize("form", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuva444p10le"])
@pytest.mark.parametrize("size", [(32, 48), (33, 51)])
def test_a_frame_with_captions_has_the_numbers_of_the_one_without(form, size, tmp_path):
    with av.open(str(captioned(tmp_path / "a.mkv", SAID))) as film:
        first = [Captions(Fraction(1, 25))(frame) for frame in film.decode(video=0)]
    assert [each is not None for each in first] == [bool(pairs) for pairs in SAID]
    frame = av.VideoFrame(size[1], size[0], form)
    rng = np.random.default_rng(0)
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = rng.integers(0, 4, plane.buffer_size)
    made = Captioned(size, form, Fraction(1, 25))(frame, first[1])
    assert (made.format.name, made.width, made.height) == (form, size[1], size[0])
    assert [each.type.name for each in made.side_data] == ["A53_CC"]
    for ours, theirs in zip(made.planes, frame.planes, strict=True):
        wide = theirs.width * (2 if "10" in form else 1)
        shown = [np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, :wide] for plane in (ours, theirs)]
        np.testing.assert_array_equal(shown[0][: theirs.height], shown[1][: theirs.height])


def test_a_film_is_asked_whether_it_has_captions(tmp_path):
    assert open_film(captioned(tmp_path / "a.mkv", SAID)).captions
    assert not open_film(write_film(tmp_path / "b.mkv", moving(2))).captions
