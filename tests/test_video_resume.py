"""Killed, stopped and refused runs of films: what is done is kept, and what comes out is the same in the end."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.commands import full_disk
from tests.small_films import Identity, digests_of, moving, others_of, times_of, write_film
from tests.small_predictors import Nearest
from upres.errors import CancelledError, FailedError, PictureError
from upres.upscaling.upscaler import Upscaler
from upres.video import frames, upscale
from upres.video.options import FilmOptions
from upres.video.planning import check_target, plan_film, run_plan
from upres.video.segments import Parts, digest_of


def planned(source, target, **asked):
    asked = {"codec": "ffv1", "segment": 4, **asked}
    return plan_film(source, target, Identity(Upscaler(Nearest(2))), FilmOptions(**asked), {})


# Enlarges a film, and dies as SIGKILL lets it at a place that the caller says.
DYING = """
import os, signal, sys
from upres.video import upscale
at = int(sys.argv[3])
def progress(advance):
    if advance.done == at:
        os.kill(os.getpid(), signal.SIGKILL)
upscale(*sys.argv[1:3], model="bicubic", scale=2, codec="ffv1", segment=4, progress=progress)
"""


def test_a_run_that_is_killed_again_and_again_ends_in_the_same_pictures(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(18), sound=("flac",))
    asked = {"model": "bicubic", "scale": 2, "codec": "ffv1", "segment": 4}
    upscale(source, tmp_path / "whole.mkv", **asked)
    target = tmp_path / "out.mkv"
    for at in (9, 17):  # behind two and four whole segments
        ended = subprocess.run([sys.executable, "-c", DYING, source, target, str(at)], check=False, timeout=60)
        assert ended.returncode == -signal.SIGKILL
        assert not target.exists()
        assert len(list((tmp_path / ".out.mkv.upres-segments").glob("[0-9]*.json"))) == at // 4
    begun = []
    summary = upscale(source, target, **asked, progress=lambda advance: begun.append(advance.done))
    assert (summary.resumed, begun[0], summary.pictures) == (16, 16, 18)
    assert times_of(target) == times_of(source)
    assert digests_of(target) == digests_of(tmp_path / "whole.mkv")
    assert others_of(target) == others_of(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "out.mkv", "whole.mkv"]


@pytest.mark.parametrize("codec", ["av1", "vp9", "prores"])
def test_other_codecs_go_on_without_a_seam_too(codec, tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(11))
    run_plan(planned(source, tmp_path / "whole.mkv", codec=codec))
    stop = threading.Event()

    def progress(advance):
        if advance.done == 6:
            stop.set()

    with pytest.raises(CancelledError):
        run_plan(planned(source, tmp_path / "out.mkv", codec=codec), progress=progress, cancel=stop)
    assert not (tmp_path / "out.mkv").exists()
    assert run_plan(planned(source, tmp_path / "out.mkv", codec=codec)).resumed == 4
    assert digests_of(tmp_path / "out.mkv") == digests_of(tmp_path / "whole.mkv")
    assert times_of(tmp_path / "out.mkv") == times_of(source)


def test_what_was_made_otherwise_is_not_gone_on_with(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(9))
    stop = threading.Event()
    for asked, resumed in (({}, 0), ({}, 4), ({"codec": "vp9"}, 0), ({"codec": "vp9", "crf": 9}, 0)):
        seen: list[int] = []

        def progress(advance, seen=seen):
            seen.append(advance.resumed)
            if advance.done - advance.resumed >= 4:
                stop.set()

        stop.clear()
        with pytest.raises(CancelledError):
            run_plan(planned(source, tmp_path / "out.mkv", **asked), progress=progress, cancel=stop)
        assert seen[0] == resumed
    before = digest_of(source)
    os.utime(source, (1, 1))
    assert digest_of(source) != before


def test_a_segment_that_is_not_whole_does_not_count(tmp_path):
    parts = Parts(tmp_path / "out.mkv", {"a": 1})
    with pytest.raises(RuntimeError), parts.writing() as path:
        path.write_bytes(b"half")
        raise RuntimeError
    with parts.writing() as path:
        path.write_bytes(b"whole, and its times are missing")
    with pytest.raises(FailedError, match=r"out.mkv: another process is making it just now"):
        Parts(tmp_path / "out.mkv", {"a": 1})
    parts.close()
    again = Parts(tmp_path / "out.mkv", {"a": 1})
    assert again.segments == []
    with again.writing() as path:
        path.write_bytes(b"whole")
    again.add([0, 5], [5, 5])
    assert json.loads((again.folder / "000000.json").read_text())["times"] == [0, 5]
    again.close()
    assert Parts(tmp_path / "out.mkv", {"a": 1}).pictures == 2


@pytest.mark.parametrize(("bytes_", "done"), [(2_000, 0), (8_000, 5)])
def test_a_full_disk_leaves_no_film_and_what_was_done_counts(bytes_, done, tmp_path):
    """The first limit is met by a segment, the second by the film that they are joined into."""
    source = write_film(tmp_path / "a.mkv", moving(18, 120, 160))
    with full_disk(bytes_), pytest.raises(FailedError, match=r"cannot be written \(File too large\); the parts that"):
        run_plan(planned(source, tmp_path / "out.mkv"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.mkv.upres-segments", "a.mkv"]
    assert len(list((tmp_path / ".out.mkv.upres-segments").glob("[0-9]*.mkv"))) == done
    summary = run_plan(planned(source, tmp_path / "out.mkv"))
    assert (summary.resumed, summary.pictures) == (min(18, 4 * done), 18)


def test_what_is_there_is_not_replaced_unasked(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(3))
    (tmp_path / "out.mkv").write_bytes(b"mine")
    with pytest.raises(PictureError, match="exists already") as refused:
        upscale(source, tmp_path / "out.mkv", model="bicubic", scale=2)
    assert refused.value.settings == ("overwrite", "output")
    assert (tmp_path / "out.mkv").read_bytes() == b"mine"
    check_target(tmp_path / "out.mkv", FilmOptions(overwrite=True))


def test_from_python(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(3))
    summary = upscale(source, model="bicubic", scale=2, codec="ffv1")
    assert summary.output == (48, 64)
    assert len(times_of(tmp_path / "a_x2.mkv")) == 3
    made = list(frames(source, model="bicubic", scale=2))
    assert [frame.time for frame in made] == times_of(source)
    assert made[0].picture.pixels.shape == (48, 64, 3)


RUN = """
import sys
from upres.video import upscale
upscale(*sys.argv[1:3], model="bicubic", scale=2, codec="ffv1", segment=4)
"""


@pytest.mark.slow
def test_twenty_kills_at_any_moment_end_in_the_same_pictures(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(2000), sound=("flac",))
    asked = {"model": "bicubic", "scale": 2, "codec": "ffv1", "segment": 4}
    upscale(source, tmp_path / "whole.mkv", **asked)
    target, folder = tmp_path / "out.mkv", tmp_path / ".out.mkv.upres-segments"
    rng, done, killed = random.Random(0), 0, 0
    while killed < 20:
        run = subprocess.Popen([sys.executable, "-c", RUN, source, target])
        begun = time.monotonic()
        while len(list(folder.glob("[0-9]*.json"))) == done and run.poll() is None and time.monotonic() < begun + 60:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        if run.poll() is not None:
            break
        run.kill()
        run.wait()
        killed += 1
        now = len(list(folder.glob("[0-9]*.json")))
        assert now >= done
        done = now
    assert (killed, target.exists()) == (20, False)
    summary = upscale(source, target, **asked)
    assert (summary.resumed, summary.pictures) == (4 * done, 2000)
    assert times_of(target) == times_of(source)
    assert digests_of(target) == digests_of(tmp_path / "whole.mkv")
    assert others_of(target) == others_of(source)
