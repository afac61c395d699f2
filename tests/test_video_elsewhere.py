"""Films: what another FFmpeg, the system's, finds in what was written. Passed over where there is none."""

import json
import shutil
import subprocess
from fractions import Fraction

import pytest

from tests.small_films import Identity, av, moving, times_of, write_film
from tests.small_predictors import Nearest
from upres.upscaling.upscaler import Upscaler
from upres.video.options import FilmOptions
from upres.video.planning import plan_film, run_plan

pytestmark = pytest.mark.skipif(
    shutil.which("ffprobe") is None or shutil.which("ffmpeg") is None, reason="no ffmpeg beside PyAV's"
)
QUARTER = [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]


def asked_of(path, *wanted):
    command = ["ffprobe", "-v", "error", "-of", "json", *wanted, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stderr == ""
    return json.loads(ended.stdout)


@pytest.mark.parametrize(
    ("out", "codec", "sound"),
    [
        ("b.mp4", "h264", "aac"),
        ("b.mp4", "h265", "aac"),
        ("b.mp4", "av1", "aac"),
        ("b.mkv", "h264", "flac"),
        ("b.mkv", "ffv1", "flac"),
        ("b.mov", "prores", "aac"),
        ("b.webm", "vp9", "libopus"),
        ("b.webm", "av1", "libopus"),
        ("b.ts", "h264", "aac"),
    ],
)
def test_another_ffmpeg_plays_it_whole_with_all_that_it_says(out, codec, sound, tmp_path):
    for each, encoder in (("h264", "libx264"), ("h265", "libx265")):
        if codec == each and encoder not in av.codecs_available:
            pytest.skip(f"no {encoder}")
    colours = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}
    turned = None if out.endswith((".ts", ".webm")) else QUARTER
    first = tmp_path / ("a.mp4" if sound == "aac" else "a.mkv")
    # That FFmpeg knows no turning in Matroska.
    matrix = turned if first.suffix == ".mp4" else None
    how = {"codec": "libsvtav1", "base": Fraction(1, 90_000)} if first.suffix == ".mp4" else {}
    source = write_film(first, moving(23, 64, 96), sound=(sound,), matrix=matrix, **how, **colours)
    asked = FilmOptions(codec=codec, segment=7)
    run_plan(plan_film(source, tmp_path / out, Identity(Upscaler(Nearest(2))), asked, {}))
    played = subprocess.run(
        ["ffmpeg", "-v", "error", "-xerror", "-i", str(tmp_path / out), "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (played.returncode, played.stderr) == (0, "")
    said = asked_of(tmp_path / out, "-count_frames", "-show_streams", "-select_streams", "v:0")["streams"][0]
    assert (said["width"], said["height"], said["nb_read_frames"]) == (192, 128, "23")
    names = {"color_space": "bt709", "color_primaries": "bt709", "color_transfer": "bt709", "color_range": "tv"}
    assert {name: said.get(name) for name in names} == names
    if matrix is not None:
        assert [each["rotation"] for each in said["side_data_list"] if "rotation" in each] in ([90], [-90])
    shown = asked_of(tmp_path / out, "-show_entries", "frame=pts", "-select_streams", "v:0")["frames"]
    unit = Fraction(said["time_base"])
    assert [each["pts"] * unit for each in shown] == times_of(tmp_path / out)
    heard = asked_of(tmp_path / out, "-show_entries", "packet=size", "-select_streams", "a:0")["packets"]
    assert len(heard) >= 10
