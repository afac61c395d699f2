"""Films: pictures predicted side by side, in order and with the pixels of one after the other; what is not loaded."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from tests.small_films import Identity, av, digests_of, moving, write_film
from tests.small_predictors import Nearest
from upres.errors import ConfigError, FailedError
from upres.image import Picture, write
from upres.predictors.opening import open_predictor
from upres.predictors.threads import most_threads
from upres.upscaling.loading import Upscalers
from upres.upscaling.sizes import Size
from upres.upscaling.tile_memory import TileMemory
from upres.upscaling.upscaler import Upscaler
from upres.video.decoding import Decoded, Faults, decoded
from upres.video.opening import open_film
from upres.video.options import FilmOptions
from upres.video.planning import plan_film, run_plan
from upres.video.predicting import enlargements_for, predicted


class Meeting(Nearest):
    """Predicts when `count` threads are at it, each with a picture of its own."""

    def __init__(self, count):
        super().__init__(2)
        self._met = threading.Barrier(count, timeout=30)
        self.threads = set()

    def predict(self, lr):
        self.threads.add((threading.get_ident(), most_threads()))
        self._met.wait()
        return super().predict(lr)


class Failing(Nearest):
    """Fails at a picture of one gray."""

    def predict(self, lr):
        if round(float(lr.mean() * 255)) == 4:
            raise FailedError("no")
        return super().predict(lr)


def grays(*levels):
    for number, level in enumerate(levels):
        yield Decoded(10 * number, 10, Picture(np.full((8, 8, 3), level, np.uint8)))


def pictures_by(predictor, pictures, *, at_once):
    enlargement = Upscaler(predictor).enlargement
    memory = TileMemory(10**6, at_once=at_once)
    return predicted((enlargement,) * at_once, pictures, memory, lambda: lambda picture: picture)


def test_as_many_pictures_are_predicted_at_once_as_there_are_threads_and_come_in_order():
    meeting = Meeting(3)
    made = list(pictures_by(meeting, grays(*range(1, 13)), at_once=3))
    assert [timed.time for timed, _ in made] == [10 * number for number in range(12)]
    assert [int(picture.pixels[0, 0, 0]) for _, picture in made] == list(range(1, 13))
    assert len(meeting.threads) == 3
    assert {most for _, most in meeting.threads} == {1}


def test_what_repeats_is_one_object_however_long_it_stands():
    predictor = Nearest(2)
    made = list(pictures_by(predictor, grays(*[5] * 40, 6, *[7] * 3), at_once=2))
    assert [int(picture.pixels[0, 0, 0]) for _, picture in made] == [5] * 40 + [6] + [7] * 3
    assert len({id(picture) for _, picture in made}) == len(predictor.calls) == 3


def test_what_comes_before_a_failure_is_given_and_no_thread_is_left():
    made = []
    before = threading.active_count()
    with pytest.raises(FailedError, match="no"):
        for timed, _ in pictures_by(Failing(2), grays(*range(1, 9)), at_once=2):
            made.append(timed.time)
    assert made == [0, 10, 20]
    assert threading.active_count() == before


def test_whoever_stops_early_leaves_no_thread():
    before = threading.active_count()
    each = pictures_by(Nearest(2), grays(*range(1, 200)), at_once=2)
    next(each)
    each.close()
    assert threading.active_count() == before


def test_a_film_has_the_same_pixels_side_by_side(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(9, 64, 96, held=2))
    made = {}
    for threads in (1, 3):
        upscalers = Upscalers("fast", Size(2), threads=threads, detail=0.0, tile=48, backend="onnx")
        plan = plan_film(source, tmp_path / f"{threads}.mkv", upscalers, FilmOptions(codec="ffv1"), {})
        assert len(plan.enlargements) == threads
        assert len({id(predictor) for each in plan.enlargements for predictor in each.predictors}) == threads
        run_plan(plan)
        made[threads] = digests_of(plan.target)
    assert made[1] == made[3]


def test_little_memory_or_a_runtime_that_is_not_known_for_it_predicts_one_at_a_time(tmp_path):
    film = open_film(write_film(tmp_path / "a.mkv", moving(2)))
    of = {"threads": 4, "detail": 0.0, "backend": "onnx"}
    assert len(enlargements_for(Upscalers("fast", Size(2), **of), film)) == 4
    assert len(enlargements_for(Upscalers("fast", Size(2), max_memory=200_000_000, **of), film)) < 4
    other = Nearest(2)
    other.how = "torch cpu fp32"
    assert len(enlargements_for(Identity(Upscaler(other)), film)) == 1


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_numbers_do_not_depend_on_threads(backend, precision):
    pytest.importorskip("openvino" if backend == "openvino" else "onnxruntime")
    if (backend, precision) == ("onnx", "bf16"):
        pytest.skip("ONNX Runtime has none on a processor")
    lr = np.random.default_rng(0).random((1, 3, 70, 90), np.float32)
    try:
        how = {"backend": backend, "precision": precision}
        first, *others = [open_predictor("fast", 2, threads=threads, **how).predict(lr) for threads in (1, 2, 3)]
    except ConfigError as error:
        assert "this processor does not multiply in bf16" in str(error)
        pytest.skip(str(error))
    for other in others:
        np.testing.assert_array_equal(first, other)


@pytest.mark.slow
def test_the_command_loads_nothing_of_films_for_a_picture(tmp_path):
    write(Picture(np.zeros((8, 8, 3), np.uint8)), tmp_path / "a.png")
    write_film(tmp_path / "a.mkv", moving(2))
    code = (
        "import sys\n"
        "from upres.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as error:\n    assert not error.code, error\n"
        "print(*(name for name in sys.modules if name == 'av' or name.startswith('upres.video')))\n"
    )

    def loaded(name):
        command = [sys.executable, "-c", code, str(tmp_path / name), "--model", "bicubic", "--quiet"]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.split()

    assert loaded("a.png") == []
    assert {"av", "upres.video.planning"} <= set(loaded("a.mkv"))


def test_decoding_gives_what_predicting_takes(tmp_path):
    film = open_film(write_film(tmp_path / "a.mkv", moving(5)))
    pictures = list(pictures_by(Nearest(2), decoded(film, Faults()), at_once=2))
    assert [picture.pixels.shape for _, picture in pictures] == [(48, 64, 3)] * 5
    assert av.__version__
