"""Subtitles of films: copied, turned into the container's own, or refused; read back by PyAV and ffprobe."""

import io
import json
import re
import shutil
import subprocess
from fractions import Fraction

import pytest

from tests.small_films import Identity, av, moving, others_of, write_film
from upres.errors import ConfigError
from upres.video.options import FilmOptions
from upres.video.planning import plan_film, run_plan

SRT = """1
00:00:00,100 --> 00:00:00,300
One <i>leaning</i> word
and a second line, äöü

2
00:00:00,300 --> 00:00:00,440
right behind it

3
00:00:00,600 --> 00:00:00,800
after a pause
"""
ASS = """[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,0,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.10,0:00:00.30,Default,,0,0,0,,{\\pos(10,10)}One {\\i1}leaning{\\i0} word\\Nand a second line, äöü
Dialogue: 0,0:00:00.30,0:00:00.44,Default,,0,0,0,,right behind it
Dialogue: 0,0:00:00.60,0:00:00.80,Default,,0,0,0,,after a pause
"""
TIMES = [(100, 200), (300, 140), (600, 200)]
WORDS = ["One leaning word\nand a second line, äöü", "right behind it", "after a pause"]


def with_subtitles(path, text, form):
    """Write a film of a second with subtitles in the coding that the text has."""
    film = write_film(path.with_name(f"bare{path.suffix}"), moving(25))
    with (
        av.open(str(film)) as pictures,
        av.open(io.BytesIO(text.encode()), format=form) as said,
        av.open(str(path), "w") as made,
    ):
        streams = [made.add_stream_from_template(each.streams[0], opaque=True) for each in (pictures, said)]
        streams[1].metadata.update({"language": "deu", "title": "for the hard of hearing"})
        streams[1].disposition = av.stream.Disposition.forced
        for source, stream in zip((pictures, said), streams, strict=True):
            for packet in source.demux():
                if packet.size:
                    packet.stream = stream
                    made.mux(packet)
    film.unlink()
    return path


def shown(path):
    """Return each subtitle's beginning and length in milliseconds, and its words without their dress."""
    found = []
    with av.open(str(path)) as film:
        stream = film.streams.subtitles[0]
        for packet in film.demux(stream):
            if packet.size and (said := stream.codec_context.decode2(packet)) is not None and len(said.rects):
                unit = packet.time_base * 1000
                words = re.sub(r"\{.*?\}", "", "".join(rect.dialogue.decode() for rect in said.rects))
                found.append((round(packet.pts * unit), round(packet.duration * unit), words))
    return found


def probed(path):
    """Return what ffprobe reads: the coding, its tags and dispositions, and where in time something is shown."""
    asked = ["-v", "error", "-select_streams", "s", "-show_streams", "-show_packets", "-of", "json"]
    said = json.loads(subprocess.run(["ffprobe", *asked, path], check=True, capture_output=True).stdout)
    (stream,) = said["streams"]
    places = [
        (round(1000 * float(each["pts_time"])), round(1000 * float(each["duration_time"])))
        for each in said["packets"]
        if int(each["size"]) > 2  # the pauses of MP4 are empty subtitles of two bytes
    ]
    return stream, places


@pytest.mark.parametrize(("text", "form"), [(SRT, "srt"), (ASS, "ass")])
@pytest.mark.parametrize(
    ("out", "coding"), [("out.mp4", "mov_text"), ("out.mov", "mov_text"), ("out.webm", "webvtt"), ("out.mkv", None)]
)
def test_subtitles_of_matroska_arrive_everywhere(out, coding, text, form, tmp_path):
    source, target = with_subtitles(tmp_path / "a.mkv", text, form), tmp_path / out
    summary = run_plan(plan_film(source, target, Identity(), FilmOptions(), {}))
    assert shown(source) == [(*times, words) for times, words in zip(TIMES, WORDS, strict=True)]
    assert shown(target) == shown(source)
    name = {"srt": "subrip"}.get(form, form)
    turned = "" if coding is None else f", turned into {coding}"
    assert summary.kept == (f"stream 1: subtitle {name} (deu){turned}",)
    loses = form == "ass" and coding is not None
    forced = f"left behind: that stream 1: subtitle {name} (deu) is forced, which .mov cannot say"
    styles = f"left behind: places, fonts and effects of stream 1: subtitle ass (deu), which {coding} does not have"
    left = [forced] * (out == "out.mov") + [f"{styles}; .mkv does"] * loses
    assert [note for note in summary.notes if "left behind" in note] == left
    if coding is None:
        assert others_of(target)["1"] == others_of(source)["1"]
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed; PyAV read it back")
    stream, places = probed(target)
    assert stream["codec_name"] == (coding or name)
    assert places == TIMES
    assert stream["tags"]["language"] in ("deu", "ger")
    assert stream["disposition"]["forced"] == (out != "out.mov")


def test_subtitles_of_mp4_go_over_byte_for_byte_and_back_into_matroska(tmp_path):
    run_plan(
        plan_film(with_subtitles(tmp_path / "a.mkv", SRT, "srt"), tmp_path / "a.mp4", Identity(), FilmOptions(), {})
    )
    source = tmp_path / "a.mp4"
    run_plan(plan_film(source, tmp_path / "b.mp4", Identity(), FilmOptions(), {}))
    assert others_of(tmp_path / "b.mp4")["1"] == others_of(source)["1"]
    run_plan(plan_film(source, tmp_path / "b.mkv", Identity(), FilmOptions(codec="ffv1"), {}))
    assert shown(tmp_path / "b.mkv") == shown(tmp_path / "b.mp4") == shown(source)
    packets = others_of(tmp_path / "b.mkv")["1"][-1]
    assert [data.decode() for *_, data in packets] == ["One <i>leaning</i> word\nand a second line, äöü", *WORDS[1:]]


def test_a_part_of_a_film_has_its_turned_subtitles_too(tmp_path):
    source = with_subtitles(tmp_path / "a.mkv", SRT, "srt")
    asked = FilmOptions(start=Fraction(1, 5), end=Fraction(1, 2))
    run_plan(plan_film(source, tmp_path / "out.mp4", Identity(), asked, {}))
    assert shown(tmp_path / "out.mp4") == [(100, 140, "right behind it")]


def test_what_a_broadcast_does_not_hold_is_refused(tmp_path):
    """Its muxer would write it as private data, which no player reads."""
    source = with_subtitles(tmp_path / "a.mkv", SRT, "srt")
    with pytest.raises(ConfigError) as refused:
        plan_film(source, tmp_path / "out.ts", Identity(), FilmOptions(), {})
    assert str(refused.value) == (
        f"{source}: stream 1: subtitle subrip (deu) cannot be put into .ts (it holds no subtitles of text); "
        "write .mkv instead"
    )
    source = write_film(tmp_path / "b.mkv", moving(3), sound=("flac",))
    with pytest.raises(ConfigError, match=r"audio flac \(deu\) cannot be put into \.ts \(a player would not find out"):
        plan_film(source, tmp_path / "out.ts", Identity(), FilmOptions(), {})
    source = write_film(tmp_path / "c.mkv", moving(3), sound=("aac",))
    run_plan(plan_film(source, tmp_path / "out.ts", Identity(), FilmOptions(), {}))
    with av.open(str(tmp_path / "out.ts")) as film:
        assert film.streams.audio[0].codec_context.name == "aac"
        assert len([packet for packet in film.demux(audio=0) if packet.size]) >= len(others_of(source)["1"][-1])


def test_what_a_broadcast_does_not_say_of_a_film_is_said_or_refused(tmp_path):
    turned = [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]
    source = write_film(tmp_path / "a.mp4", moving(3), codec="mpeg4", base=Fraction(1, 25), matrix=turned)
    with pytest.raises(ConfigError, match=r"a\.mp4: how its pictures are turned would be lost in \.ts; write \.mkv"):
        plan_film(source, tmp_path / "out.ts", Identity(), FilmOptions(), {})
    source = write_film(tmp_path / "b.mkv", moving(3), chapters=True)
    kept = plan_film(source, tmp_path / "out.ts", Identity(), FilmOptions(), {}).kept
    assert kept.left == ("chapters, which .ts does not have; .mkv does",)


@pytest.mark.parametrize(("code", "kept"), [("deu", "ger"), ("fra", "fra"), ("eng", "eng"), ("nob", None)])
def test_languages_of_mov_are_kept_by_a_code_that_it_knows_or_said(code, kept, tmp_path):
    """QuickTime numbers languages; FFmpeg knows each number by one of a language's two codes, and drops the other."""
    source = write_film(tmp_path / "a.mkv", moving(3), sound=("aac",), languages=(code,))
    summary = run_plan(plan_film(source, tmp_path / "out.mov", Identity(), FilmOptions(), {}))
    with av.open(str(tmp_path / "out.mov")) as film:
        assert film.streams.audio[0].metadata.get("language") == kept
    said = f"left behind: the language of stream 1: audio aac ({code}), for which .mov has no number; .mkv has it"
    assert (said in summary.notes) == (kept is None)
