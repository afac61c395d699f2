"""Films: times, streams, tags, geometry, refusals; the letters are those of the wishes in docs/video.md."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor, wait
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.small_films import (
    Identity,
    av,
    digests_of,
    first_of,
    moving,
    others_of,
    times_of,
    write_film,
)
from tests.small_predictors import Nearest
from upres.errors import ConfigError, FailedError, PictureError
from upres.image import Picture, write
from upres.upscaling.tile_memory import TileMemory
from upres.upscaling.upscaler import Upscaler
from upres.video.opening import open_film
from upres.video.options import FilmOptions
from upres.video.planning import plan_film, run_plan

TWICE = Upscaler(Nearest(2))
# 23.976 a second, then pictures that are held, in 90,000ths of a second.
UNEVEN = [0, 3754, 7508, 11261, 30000, 30100, 41021, 60000, 75000, 75100, 90000, 140000]


def enlarged(source, target, *, by=None, **asked):
    plan = plan_film(source, target, Identity(by), FilmOptions(**asked), {})
    return run_plan(plan)


@pytest.mark.parametrize("offset", [0, 45_000])
@pytest.mark.parametrize(
    ("name", "codec", "options", "out", "base"),
    [
        ("a.mp4", "libsvtav1", {}, "av1", 90_000),
        ("a.mp4", "mpeg4", {"bf": "2"}, "av1", 30_000),  # B-frames, and so an edit list
        ("a.mov", "mpeg4", {}, "prores", 30_000),
        ("a.mkv", "ffv1", {}, "ffv1", 1000),
        ("a.webm", "libvpx-vp9", {}, "vp9", 1000),
    ],
)
def test_every_time_is_copied(name, codec, options, out, base, offset, tmp_path):
    times = [(time + offset) * base // 90_000 for time in UNEVEN]
    source = write_film(tmp_path / name, moving(12), codec=codec, options=options, times=times, base=Fraction(1, base))
    target = tmp_path / f"out{source.suffix}"
    summary = enlarged(source, target, by=TWICE, codec=out, segment=5)
    assert times_of(target) == times_of(source)
    assert (summary.pictures, summary.output, len(times_of(source))) == (12, (48, 64), 12)


def test_times_of_a_broadcast_with_b_frames_are_copied(tmp_path):
    source = write_film(tmp_path / "a.ts", moving(12), codec="mpeg2video", options={"bf": "2"}, base=Fraction(1, 25))
    target = tmp_path / "out.mkv"
    enlarged(source, target, codec="ffv1", segment=5)
    worst = max(abs(ours - theirs) for ours, theirs in zip(times_of(target), times_of(source), strict=True))
    assert worst <= Fraction(1, 2000)  # Matroska counts in milliseconds


def test_an_avi_of_which_b_frames_have_no_times_keeps_its_pictures(tmp_path):
    source = write_film(
        tmp_path / "a.avi", moving(12), codec="mpeg4", options={"bf": "2"}, base=Fraction(1, 25), sound=("pcm_s16le",)
    )
    summary = enlarged(source, tmp_path / "out.mkv", codec="ffv1")
    times = times_of(tmp_path / "out.mkv")
    assert summary.pictures == len(times) == 12
    assert summary.faults == ()
    assert [time - times[0] for time in times] == [Fraction(number, 25) for number in range(12)]
    theirs, ours = (b"".join(data for *_, data in others_of(path)["1"][-1]) for path in (source, tmp_path / "out.mkv"))
    assert ours == theirs


def test_b_frames_of_the_result_meet_without_a_seam(tmp_path):
    av.Codec("libx264", "w") if "libx264" in av.codecs_available else pytest.skip("no libx264")
    source = write_film(tmp_path / "a.mkv", moving(17), codec="ffv1")
    for name in ("out.mp4", "out.mkv", "out.mov", "out.ts"):
        enlarged(source, tmp_path / name, by=TWICE, codec="h264", segment=6)
        # A broadcast's decoding times begin at 0 at the earliest, so all of it is moved.
        moved = times_of(tmp_path / name)[0]
        assert moved == (Fraction(2, 25) if name == "out.ts" else 0)
        assert [time - moved for time in times_of(tmp_path / name)] == times_of(source), name
        with av.open(str(tmp_path / name)) as film:
            packets = [packet for packet in film.demux(video=0) if packet.size]
            decoded = [packet.dts for packet in packets if packet.dts is not None]
            assert decoded == sorted(set(decoded))
            assert any(packet.pts != packet.dts for packet in packets)
            if name == "out.mp4":  # as long as the pictures are shown
                assert film.streams.video[0].duration * film.streams.video[0].time_base == Fraction(17, 25)


def test_all_else_goes_over_as_it_is(tmp_path):
    source = write_film(
        tmp_path / "a.mkv",
        moving(12),
        sound=("aac", "flac"),
        subtitles=True,
        font=True,
        chapters=True,
    )
    target = tmp_path / "out.mkv"
    summary = enlarged(source, target, by=TWICE, codec="ffv1", segment=5)
    theirs, ours = others_of(source), others_of(target)
    assert ours == theirs
    assert len(theirs["1"][-1]) > 10
    assert len(theirs["3"][-1]) == 2
    assert first_of(target).width == 64
    assert summary.kept == (
        "stream 1: audio aac (deu)",
        "stream 2: audio flac (fra)",
        "stream 3: subtitle subrip (eng)",
        "stream 4: attachment font.ttf",
    )


def test_what_mkvmerge_counted_is_used_and_not_said_of_another_film(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(9), times=[number * number * 900 for number in range(9)])
    with av.open(str(source)) as film, av.open(str(tmp_path / "b.mkv"), "w") as made:
        stream = made.add_stream_from_template(film.streams.video[0], opaque=True)
        stream.metadata.update({"NUMBER_OF_FRAMES": "9", "BPS-eng": "1", "_STATISTICS_TAGS": "BPS", "MAKER": "me"})
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    assert open_film(source).count != 9  # its rate is uneven
    assert open_film(tmp_path / "b.mkv").count == 9
    enlarged(tmp_path / "b.mkv", tmp_path / "c.mkv", codec="ffv1", end=Fraction(1, 10))
    with av.open(str(tmp_path / "c.mkv")) as made:
        tags = made.streams.video[0].metadata
        assert tags["MAKER"] == "me"
        assert not {"NUMBER_OF_FRAMES", "BPS-eng", "_STATISTICS_TAGS"} & set(tags)


def test_sound_of_mp4_and_its_rotation_go_over(tmp_path):
    turned = [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]
    source = write_film(
        tmp_path / "a.mp4",
        moving(12),
        codec="mpeg4",
        base=Fraction(1, 25),
        sound=("aac", "aac"),
        chapters=True,
        matrix=turned,
    )
    assert first_of(source).rotation == 90 or first_of(source).rotation == -90
    target = tmp_path / "out.mp4"
    enlarged(source, target, codec="av1", segment=5)
    theirs, ours = others_of(source), others_of(target)
    assert {key: ours[key] for key in ("title", "chapters", "1", "2")} == {
        key: theirs[key] for key in ("title", "chapters", "1", "2")
    }
    assert first_of(target).rotation == first_of(source).rotation


def with_cover(film: Path, picture: Path, target: Path) -> Path:
    """Write a film anew with a picture as its cover."""
    with av.open(str(film)) as source, av.open(str(picture)) as still, av.open(str(target), "w") as made:
        streams = [made.add_stream_from_template(each.streams.video[0]) for each in (source, still)]
        streams[1].disposition = av.stream.Disposition.attached_pic
        for each, ours in zip((source, still), streams, strict=True):
            for packet in each.demux(video=0):
                if packet.size:
                    packet.stream = ours
                    made.mux(packet)
    return target


def covers_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        covers = [each for each in film.streams.video if each.disposition & av.stream.Disposition.attached_pic]
        assert len(film.streams.video) == 1 + len(covers)
        return [bytes(next(packet for packet in film.demux(each) if packet.size)) for each in covers]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_cover_stays_one_from_container_to_container(suffix, tmp_path):
    still = tmp_path / f"still{suffix}"
    write(Picture(np.zeros((16, 24, 3), np.uint8)), still)
    film = write_film(tmp_path / "a.mp4", moving(6), codec="mpeg4", base=Fraction(1, 25))
    source = with_cover(film, still, tmp_path / "covered.mp4")
    before = covers_of(source)
    assert len(before) == 1
    for name in ("out.mkv", "again.mkv", "back.mp4"):  # Matroska keeps a cover as an attachment
        enlarged(source, tmp_path / name, codec="h264")
        source = tmp_path / name
        assert covers_of(source) == before, name
        assert len(times_of(source)) == 6


def test_the_shape_of_pixels_is_kept_or_the_codec_refused(tmp_path):
    source = write_film(
        tmp_path / "a.mp4", moving(2), codec="mpeg4", base=Fraction(1, 25), sample_aspect_ratio=Fraction(4, 3)
    )
    with pytest.raises(ConfigError, match="av1 in yuv420p would lose the shape of its pixels, 4:3; h26"):
        enlarged(source, tmp_path / "out.mp4", codec="av1")
    if "libx264" not in av.codecs_available:
        pytest.skip("no free encoder here says the shape of a pixel")
    enlarged(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert film.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def test_a_stream_that_does_not_fit_is_said_before_any_picture(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(3), sound=("aac",))
    with pytest.raises(ConfigError) as refused:
        enlarged(source, tmp_path / "out.webm")
    assert str(refused.value).startswith(f"{source}: stream 1: audio aac (deu) cannot be put into .webm (")
    assert str(refused.value).endswith("; write .mkv instead")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


@pytest.mark.parametrize("out", ["b.mkv", "b.mp4"])
def test_sound_that_nothing_here_can_decode_stays_behind_and_is_said(out, tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(5), sound=("flac", "aac"))
    source.write_bytes(source.read_bytes().replace(b"A_FLAC", b"A_NONE"))
    plan = plan_film(source, tmp_path / out, Identity(), FilmOptions(codec="av1"), {})
    assert plan.kept.left == ("stream 1: audio (deu), which this FFmpeg does not know",)
    assert plan.kept.said == ("stream 2: audio aac (fra)",)
    assert run_plan(plan).pictures == 5
    with av.open(str(plan.target)) as film:
        assert [stream.type for stream in film.streams] == ["video", "audio"]


def test_a_part_begins_at_nought_with_its_sound(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(25), sound=("flac",), chapters=True)
    target = tmp_path / "out.mkv"
    enlarged(source, target, codec="ffv1", start=Fraction(1, 5), end=Fraction(3, 5))
    assert times_of(target) == [Fraction(number, 25) for number in range(10)]
    enlarged(source, tmp_path / "whole.mkv", codec="ffv1")
    assert digests_of(target) == digests_of(tmp_path / "whole.mkv")[5:15]
    theirs, ours = others_of(source)["1"][-1], others_of(target)["1"][-1]
    assert [data for *_, data in ours] == [data for time, _, data in theirs if 200 <= time < 600]
    assert [time for time, *_ in ours] == [time - 200 for time, *_ in theirs if 200 <= time < 600]
    assert others_of(target)["chapters"] == [(0, Fraction(1, 5), {"title": "two"})]


def test_interlaced_films_are_refused_or_woven(tmp_path):
    flags = {"flags": "+ildct+ilme"}
    frames = moving(8)
    source = write_film(tmp_path / "a.ts", frames, codec="mpeg2video", options=flags, base=Fraction(1, 25))
    assert first_of(source).interlaced_frame
    with pytest.raises(PictureError, match="interlaced") as refused:
        enlarged(source, tmp_path / "out.mkv")
    assert refused.value.settings == ("deinterlace",)
    summary = enlarged(source, tmp_path / "out.mkv", codec="ffv1", deinterlace=True)
    assert summary.pictures == 8
    worst = max(
        abs(ours - theirs) for ours, theirs in zip(times_of(tmp_path / "out.mkv"), times_of(source), strict=True)
    )
    assert worst <= Fraction(1, 2000)


def test_odd_sides_are_kept_or_refused_with_a_way_out(tmp_path):
    frames = [frame.reformat(width=33, height=25, format="yuv420p") for frame in moving(3)]
    source = write_film(tmp_path / "a.mkv", frames)
    assert enlarged(source, tmp_path / "out.mkv", codec="vp9").output == (25, 33)
    with pytest.raises(ConfigError, match="33×25 is odd, and av1 in yuv420p takes even sides"):
        enlarged(source, tmp_path / "odd.mkv", codec="av1")


def test_one_picture_makes_a_film(tmp_path):
    source = write_film(tmp_path / "a.mp4", moving(1), codec="libsvtav1")
    assert enlarged(source, tmp_path / "out.mp4", codec="av1").pictures == 1
    assert times_of(tmp_path / "out.mp4") == times_of(source)


def test_a_film_cut_short_is_enlarged_as_far_as_it_goes(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(80, 48, 64), sound=("flac",))
    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) // 2])
    summary = enlarged(source, tmp_path / "out.mkv", codec="ffv1")
    assert 10 < summary.pictures < 70
    assert len(summary.faults) == 1
    assert len(times_of(tmp_path / "out.mkv")) == summary.pictures


@pytest.mark.parametrize("content", [b"", b"no film at all" * 100])
def test_what_is_no_film_is_said(content, tmp_path):
    source = tmp_path / "a.mkv"
    source.write_bytes(content)
    with pytest.raises(PictureError, match="cannot be read as a film"):
        enlarged(source, tmp_path / "out.mkv")


def test_settings_that_cannot_be_are_refused(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(2))
    for asked, said in (
        ({"codec": "h262"}, "codec h262: did you mean"),
        ({"codec": "av1", "crf": 99}, "crf = 99: av1's is from 0 to 63"),
        ({"codec": "ffv1", "crf": 9}, "ffv1 has no rate factor"),
        ({"codec": "av1", "preset": "slow"}, "preset = slow: av1's, fastest first, are 13, 12,"),
        ({"codec": "av1", "pix_fmt": "yuv444p"}, "pix_fmt = yuv444p: av1 takes yuv420p, yuv420p10le"),
        ({"matrix": "2021"}, "matrix 2021: should be one of 601, 709, 2020"),
        ({"start": Fraction(2), "end": Fraction(1)}, "from 2 s to 1 s is no part of a film"),
    ):
        with pytest.raises(ConfigError) as refused:
            enlarged(source, tmp_path / "out.mkv", **asked)
        assert str(refused.value).startswith(said)
    with pytest.raises(ConfigError, match=r"no film is written with the suffix \.avi"):
        enlarged(source, tmp_path / "out.avi")


def test_numbered_pictures_and_their_times(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(4), base=Fraction(1, 1000), times=[0, 40, 100, 130])
    target = tmp_path / "frames" / "%03d.png"
    summary = enlarged(source, target, by=TWICE)
    assert sorted(path.name for path in target.parent.iterdir()) == [
        "001.png",
        "002.png",
        "003.png",
        "004.png",
        "timecodes.txt",
    ]
    assert (target.parent / "timecodes.txt").read_text().split("\n")[1:] == [
        "0.000",
        "40.000",
        "100.000",
        "130.000",
        "",
    ]
    assert summary.pictures == 4
    (target.parent / "004.png").unlink()
    again = enlarged(source, target, by=TWICE, skip_existing=True)
    assert (again.resumed, again.pictures) == (3, 4)


def test_what_repeats_is_predicted_once_and_stays_the_same(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(9, 64, 96, held=3))
    made = {}
    for reuse in (True, False):
        counted = Nearest(2)
        target = tmp_path / f"{reuse}.mkv"
        enlarged(source, target, by=Upscaler(counted, tile=16), codec="ffv1", reuse=reuse)
        made[reuse] = digests_of(target), len(counted.calls)
    assert made[True][0] == made[False][0]
    assert made[True][1] < made[False][1] * 2 / 3


def test_what_is_remembered_is_forgotten_two_pictures_on_and_cannot_be_written_to():
    memory = TileMemory(10**6)
    box, other = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8, 3), np.uint8)
    tiles = memory.next_picture()
    key = tiles.key(box, "a place")
    assert key == tiles.key(box.copy(), "a place")
    assert key not in (tiles.key(box, "another"), tiles.key(other, "a place"), tiles.key(box[:4], "a place"))
    assert tiles.known(key) is None
    tiles.keep(key, made := np.full((16, 16, 3), 7, np.uint8))
    assert tiles.known(key) is made
    with pytest.raises(ValueError, match="read-only"):
        made[:] = 1
    assert memory.next_picture().known(key) is made  # and so it is of this picture, too
    assert memory.next_picture().known(key) is made
    memory.next_picture()
    assert memory.next_picture().known(key) is None
    assert (memory.reused, memory.made) == (3, 2)
    small = TileMemory(100).next_picture()
    assert small.known(key) is None
    small.keep(key, np.zeros((16, 16, 3), np.uint8))
    assert small.known(key) is None
    for _ in range(30):
        memory.next_picture()
    assert sum(memory.next_picture().key(box) is not None for _ in range(48)) == 4  # two in 24, one after the other


def test_what_one_thread_is_at_work_on_the_others_wait_for():
    memory = TileMemory(10**6, at_once=2)
    one, other = memory.next_picture(), memory.next_picture()
    key = one.key(np.zeros((8, 8, 3), np.uint8))
    with ThreadPoolExecutor(1) as pool:
        with one:
            assert one.known(key) is None
            waits = pool.submit(other.known, key)
            assert not wait([waits], 0.05).done
        assert waits.result(1) is None  # the first failed: it is made anew
        third = memory.next_picture()
        assert third.known(key) is None
        waits = pool.submit(other.known, key)
        third.keep(key, made := np.ones((16, 16, 3), np.uint8))
        assert waits.result(1) is made
    assert (memory.reused, memory.made) == (1, 3)


def test_a_failed_tile_leaves_no_film(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(6))
    with pytest.raises(FailedError, match="NaN"):
        enlarged(source, tmp_path / "out.mkv", by=Upscaler(Nearest(2, extra=float("nan"))), codec="ffv1")
    assert not (tmp_path / "out.mkv").exists()


def test_summaries_are_values():
    assert dataclasses.is_dataclass(FilmOptions)
