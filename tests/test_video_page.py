"""The commands and the example of docs/video.md, run as they stand, and its table held against the code."""

import re
import shlex
from pathlib import Path

from tests.commands import Command
from tests.small_films import first_of, moving, times_of, write_film
from upres.video.options import SEGMENT
from upres.video.table import CODECS, CONTAINERS, SUFFIXES

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "video.md").read_text(encoding="utf-8")


def test_the_commands_run_as_they_stand(command: Command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    write_film(Path("film.mkv"), moving(6))
    write_film(Path("films/other.mkv"), moving(2))
    lines = re.findall(r"^upres (.*)$", PAGE, re.MULTILINE)
    assert len(lines) == 7
    for line in lines:
        code, _, err = command(*shlex.split(line, comments=True))
        assert code == 0, (line, err)
    for path, width in (("film_x4.mkv", 128), ("large.mp4", 64), ("lossless.mkv", 128), ("films_x4/other_x4.mkv", 128)):
        assert first_of(Path(path)).width == width
    assert len(times_of(Path("film_x4_preview.mkv"))) == 6
    assert Path("frames/000006.png").exists()
    assert Path("frames/timecodes.txt").exists()


def test_the_example_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_film(Path("film.mkv"), moving(6))
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/video.md", "exec"), {})
    out = capsys.readouterr().out.split("\n")
    assert out[6].startswith("6 6 ")
    assert out[7].startswith("6 () ")
    assert out[8] == "0 (48, 64, 3)"
    assert len(out) == 8 + 5 + 1


def test_the_table_is_what_the_code_does():
    rows = re.findall(r"^\| `(\w+)` \|.*\|.*\| (.*) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    assert [name for name, *_ in rows] == list(CODECS)
    for name, crf, preset, containers in rows:
        codec = CODECS[name]
        assert crf == ("–" if codec.crf is None else str(codec.crf))
        assert preset == (f"`{codec.preset}`" if codec.preset else "–")
        assert set(containers.split(", ")) == {each.suffixes[0][1:] for each in CONTAINERS if name in each.codecs}
    written = [suffix for container in CONTAINERS for suffix in container.suffixes]
    assert all(f"`{suffix}`" in PAGE for suffix in written if suffix != ".mts") and set(written) < set(SUFFIXES)
    assert f"segments of {SEGMENT}," in PAGE
