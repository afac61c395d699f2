"""Films: what a model adds to the change from picture to picture, and what is chosen by it; repeats that cost nothing.

What is measured is as in `benchmarks.video`: the mean of |Δ sr − Δ bicubic| of a scene that stands still under noise.
"""

import numpy as np
import pytest

from tests.small_films import Identity, moving, write_film
from tests.small_predictors import Nearest
from upres.image import Picture
from upres.image.resize import imresize
from upres.upscaling.loading import Upscalers
from upres.upscaling.sizes import Size
from upres.upscaling.upscaler import Upscaler
from upres.video.models import STEADIEST, film_model, film_options
from upres.video.options import FilmOptions
from upres.video.planning import plan_film, run_plan


def changes(model, pictures, detail):
    enlarged = Upscalers(model, Size(4), **({} if model == "bicubic" else {"detail": detail})).for_picture(32, 48)
    return np.diff([enlarged.enlargement.picture(Picture(each)).pixels for each in pictures], axis=0)


@pytest.fixture(scope="module")
def still():
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.random((16, 24, 3)), np.ones((8, 8, 1)))
    scene = imresize(blocks.astype(np.float32), size=(32, 48))
    return [np.clip(scene + rng.normal(0, 2 / 255, scene.shape), 0, 1).astype(np.float32) for _ in range(4)]


@pytest.mark.parametrize(("model", "most"), [(STEADIEST, 1), ("best", 1.3), ("base", 1.3)])
def test_a_scene_that_stands_still_flickers_hardly_more_than_its_noise(model, most, still):
    noise = changes("bicubic", still, None)
    assert np.abs(changes(model, still, 0.0) - noise).mean() < most * np.abs(noise).mean()


def test_detail_flickers_so_films_get_none_unless_it_is_asked_for(still):
    noise = changes("bicubic", still, None)
    faithful, detailed = (np.abs(changes("base", still, detail) - noise).mean() for detail in (0.0, 1.0))
    assert detailed > 1.2 * faithful
    assert film_options({})["detail"] == film_options({"detail": None})["detail"] == 0
    assert film_options({"detail": 0.5})["detail"] == 0.5
    assert film_model("video") == STEADIEST


def test_a_cartoon_held_on_threes_is_predicted_a_third_of_the_times(tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(12, held=3))
    predictor = Nearest(2)
    plan = plan_film(source, tmp_path / "b.mkv", Identity(Upscaler(predictor)), FilmOptions(codec="ffv1"), {})
    summary = run_plan(plan)
    looked_at = 1 if plan.enlargement.tile is None else 0
    assert summary.pictures == 12
    assert len(predictor.calls) <= 4 * plan.enlargement.tiles(24, 32) + looked_at


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_what_stands_still_beside_what_moves_is_predicted_once(at_once, tmp_path):
    source = write_film(tmp_path / "a.mkv", moving(20, 64, 128))
    upscalers = Identity(Upscaler(Nearest(2), tile=16))
    upscalers.threads = at_once
    plan = plan_film(source, tmp_path / "b.mkv", upscalers, FilmOptions(codec="ffv1"), {})
    assert len(plan.enlargements) == at_once
    summary = run_plan(plan)
    # A square moves through one row of tiles of four, over three at most; each of the others is made once.
    assert summary.repeated > 0.8
