"""Films on the command line: names of outputs, folders, what is said before, meanwhile and after."""

import re
import sys
from fractions import Fraction

import numpy as np
import pytest

from tests.commands import Command, everything
from tests.small_films import first_of, moving, times_of, write_film
from upres import Picture, write
from upres.cli.films import FilmWords, film_jobs
from upres.config.amounts import parse_time
from upres.errors import ConfigError
from upres.models.shipped import DEFAULT, shipped
from upres.video import frames
from upres.video.models import VIDEO, film_model

FAST = ("--model", "bicubic", "--scale", "2")


def test_a_film_is_written_beside_itself(command: Command, tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(3), colorspace=1)
    code, out, err = command(str(source), *FAST, "--codec", "ffv1")
    assert (code, err) == (0, "")
    said = f"{source} 32×24 → {tmp_path / 'a_x2.mkv'} 64×48, 3 pictures, ffv1, "
    assert out.removeprefix(said) in ("0 s\n", "1 s\n", "2 s\n", "3 s\n")
    assert first_of(tmp_path / "a_x2.mkv").width == 64
    refused = command.refused(tmp_path, str(source), *FAST)
    assert refused == (
        f"{tmp_path / 'a_x2.mkv'}: exists already; allow it to be replaced, or write elsewhere (--overwrite, --output)"
    )
    assert command(str(source), *FAST, "--codec", "vp9", "--overwrite", "-q")[1] == ""


def test_what_would_be_made_is_said_and_nothing_written(command: Command, tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(9), sound=("flac",))
    before = everything(tmp_path)
    code, out, err = command(str(source), *FAST, "--codec", "av1", "--dry-run", "--from", "0.08", "--to", "0.28")
    assert (code, everything(tmp_path)) == (0, before)
    assert out.startswith(f"{source} → {tmp_path / 'a_x2.mkv'} 64×48: ")
    assert out.endswith("; nothing was written\n")
    assert re.search(r"pictures/s here, about \d s and \d+\.\d kB for 5 pictures", out)
    assert err.split("\n")[:-1] == [
        f"upres: {source}: does not say its matrix, and is taken for BT.601, as players take it",
        "  pictures: 5 of 32×24, 8 bits, BT.601, limited → 64×48",
        "  coded: av1 (libsvtav1), yuv420p, crf 24, preset 8",
        "  kept: stream 1: audio flac (deu)",
    ]


def test_a_folder_is_gone_through_with_its_pictures(command: Command, tmp_path):
    films = tmp_path / "films"
    (films / "deep").mkdir(parents=True)
    write_film(films / "a.mkv", moving(2))
    write_film(films / "deep" / "b.webm", moving(2), codec="libvpx-vp9")
    write(Picture(np.full((8, 9, 3), 99, np.uint8)), films / "c.png")
    code, _, err = command(str(films), *FAST, "--video", "--codec", "vp9")
    assert code == 0, err
    made = tmp_path / "films_x2"
    assert {"a_x2.mkv", "c_x2.png", "deep", "deep/b_x2.webm"} <= set(everything(made))
    assert len(times_of(made / "deep" / "b_x2.webm")) == 2
    when = (made / "a_x2.mkv").stat().st_mtime_ns
    assert command(str(films), *FAST, "--video", "--codec", "vp9")[0] == 0
    assert (made / "a_x2.mkv").stat().st_mtime_ns == when  # there already, passed over
    (films / "deep" / "broken.mp4").write_bytes(b"nothing")
    code, _, err = command(str(films), *FAST, "--video", "--codec", "vp9")
    assert code == 1
    assert "broken.mp4: cannot be read as a film" in err
    assert err.endswith("upres: 1 of 3 films could not be enlarged; the reasons stand above\n")


def test_a_preview(command: Command, tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(12))
    code, out, err = command(str(source), *FAST, "--preview", "0.2s", "--codec", "ffv1")
    assert code == 0, err
    assert "a_x2_preview.mkv 64×48, 5 pictures" in out
    assert len(times_of(tmp_path / "a_x2_preview.mkv")) == 5


def test_films_get_no_detail_unless_it_is_asked_for(tmp_path):
    write_film(tmp_path / "film.mkv", moving(1))

    def pixels(**options):
        return next(iter(frames(tmp_path / "film.mkv", backend="onnx", **options))).picture.pixels

    assert np.array_equal(pixels(), pixels(detail=0.0))
    assert not np.array_equal(pixels(), pixels(detail=1.0))


def test_the_model_of_films_is_one_that_is_shipped():
    assert film_model(None) == DEFAULT
    assert film_model("best") == "best"
    assert film_model(VIDEO) in {model.name for model in shipped()}


def test_a_film_that_ends_early_is_written_and_exits_with_1(command: Command, tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(80, 48, 64), sound=("flac",))
    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) // 2])
    code, out, err = command(str(source), *FAST, "--codec", "ffv1")
    assert code == 1
    assert "64×48 → " in out
    assert f"upres: {source}: " in err
    assert err.endswith("a_x2.mkv holds the rest\n")
    assert len(times_of(tmp_path / "a_x2.mkv")) > 10


def test_what_films_cannot_be_is_refused(command: Command, tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(2))
    write(Picture(np.full((8, 9, 3), 99, np.uint8)), tmp_path / "c.png")
    for arguments, said in (
        (("c.png", "--codec", "av1"), "--codec: for films, and no input is one; folders are searched for them with --"),
        (("a.mkv", "-o", "out.avi"), "out.avi: no film is written with the suffix .avi; "),
        (("a.mkv", "--from", "soon"), "--from 'soon': not a time; write it as 90, 1.5s, 2min or 1:02:03.5"),
        (("a.mkv", "--to", "3", "--preview", "1"), "--to and --preview are both given"),
        (("a.mkv", "--codec", "x"), "codec x: "),
        (("a.mkv", "a.mkv", "-o", "out.mp4"), "out.mp4: is one film, and several go into a folder; name a folder"),
        (("a.mkv", "c.png", "-o", "out.mp4"), "out.mp4: is one file, and there are pictures and films; name a folder"),
    ):
        here = [str(tmp_path / word) if "." in word and word[0] != "-" else word for word in arguments]
        refused = command.refused(tmp_path, *here, *FAST)
        assert said in refused, refused
    wide = write_film(tmp_path / "wide.mkv", moving(1, 240, 320))
    refused = command.refused(tmp_path, str(wide), *FAST[:2], "--width", "9600")
    assert "pictures of 9600×7200 would have more than 40,000,000 pixels (MAX_FRAME_PIXELS)" in refused
    assert source.exists()


def test_without_pyav_the_extra_is_named(command: Command, tmp_path, monkeypatch):
    source = write_film(tmp_path / "a.mkv", moving(2))
    for name in [name for name in sys.modules if name == "av" or name.startswith(("av.", "upres.video."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "av", None)
    refused = command.refused(tmp_path, str(source), *FAST)
    assert refused == 'enlarging a film needs av: pip install "upres[video]"'


def test_outputs_of_films(tmp_path):
    source = tmp_path / "a.avi"
    (job,) = film_jobs([source], None, "_x4")
    assert job.target == tmp_path / "a_x4.mkv"
    (job,) = film_jobs([source], tmp_path, "_x4")
    assert job.target == tmp_path / "a_x4.mkv"
    (job,) = film_jobs([source], tmp_path / "b.mov", "_x4")
    assert job.target == tmp_path / "b.mov"


def test_times_as_people_write_them():
    assert [float(parse_time(text)) for text in ("90", "1.5s", "2min", "1h", "0:07", "1:02:03.5")] == [
        90,
        1.5,
        120,
        3600,
        7,
        3723.5,
    ]
    for text in ("", "1:2:3:4", "-3", "1:99x"):
        with pytest.raises(ConfigError, match="not a time"):
            parse_time(text)
    assert FilmWords(start="1", preview="2").range() == (Fraction(1), Fraction(3))
