"""Evaluation: what is recognised, what is measured, what is left, and the messages."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import upres
from tests.commands import Command
from tests.random_backbones import taken_for_published
from tests.small_sets import save_cifar
from upres.cli.main import main
from upres.errors import DataError, FailedError, ModelError
from upres.evaluation import test_sets
from upres.evaluation.evaluate import Entrant, entrant, evaluate, metrics_with, open_entrants
from upres.evaluation.resampling import interval, resampled_means, sign_flip_p
from upres.evaluation.results import STYLES, evaluation_table, evaluation_tables, write_evaluation
from upres.evaluation.statistics import PictureScores
from upres.evaluation.test_sets import open_test_set, open_test_sets
from upres.evaluation.triplets import Triplets
from upres.image import Picture, imresize, write
from upres.metrics import Protocol, measure
from upres.models.shipped import PACKAGE
from upres.predictors import Predictor, open_predictor
from upres.predictors.threads import most_threads
from upres.upscaling.upscaler import Upscaler


def save_pictures(folder: Path, count: int = 3, side: int = 41) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True)
    pictures = [imresize(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), size=(side, side)) for _ in range(count)]
    for number, pixels in enumerate(pictures):
        write(Picture(pixels), folder / f"{number}.png")
    return pictures


def bicubic(scale: int) -> Entrant:
    return entrant("bicubic", open_predictor("bicubic", scale))


def test_numbers_are_those_of_each_picture_and_their_mean(tmp_path: Path) -> None:
    pictures = save_pictures(tmp_path / "set")
    protocol = Protocol(space="luma", border=2)
    assert open_test_set(tmp_path / "set", 2).protocol == protocol
    result = evaluate([bicubic(2)], open_test_set(tmp_path / "set", 2), protocol=protocol)
    expected = []
    for pixels in pictures:
        hr = pixels[:40, :40]  # cropped to a multiple of the scale, as the benchmark sets are
        sr = bicubic(2).upscaler(imresize(hr, 0.5))
        expected.append(measure(sr, hr, protocol, metrics=("psnr",))["psnr"])
    assert result.values("bicubic", "psnr") == expected
    assert result.mean("bicubic", "psnr") == pytest.approx(np.mean(expected))
    assert result.deviation("bicubic", "psnr") == pytest.approx(np.std(expected, ddof=1))
    assert result.seconds("bicubic") > 0


def test_a_benchmark_folder_uses_the_low_resolution_it_comes_with(tmp_path: Path) -> None:
    save_pictures(tmp_path / "Set" / "HR")
    (tmp_path / "Set" / "LRx2").mkdir()
    for number in range(3):
        write(Picture(np.full((20, 20, 3), 9, np.uint8)), tmp_path / "Set" / "LRx2" / f"{number}.png")
    test_set = open_test_set(tmp_path / "Set", 2)
    assert (test_set.name, test_set.made) == ("Set", "lr from LRx2")
    assert all(picture.lr.max() == 9 for picture in test_set.pictures())
    # It has none for ×4 and none without antialiasing: then it is made.
    assert open_test_set(tmp_path / "Set", 4).made == "lr by MATLAB bicubic, antialias on"
    assert open_test_set(tmp_path / "Set", 2, antialias=False).made == "lr by MATLAB bicubic, antialias off"


def test_faults_of_a_test_set_are_named(tmp_path: Path) -> None:
    def fault(path: Path, scale: int = 2) -> str:
        with pytest.raises(DataError) as error:
            list(open_test_set(path, scale).pictures())
        return str(error.value)

    (tmp_path / "empty").mkdir()
    assert "empty: 0 pictures; check that this is the folder" in fault(tmp_path / "empty")
    assert "no such file or folder; give pictures, an .npz file" in fault(tmp_path / "gone")
    save_pictures(tmp_path / "Set" / "HR")
    (tmp_path / "Set" / "LRx2").mkdir()
    assert fault(tmp_path / "Set").startswith("3 faults in the data; nothing was started:")
    for number in range(3):
        assert f"LRx2/{number}.png is missing; add it, or remove the picture" in fault(tmp_path / "Set")
    for number in range(3):
        write(Picture(np.zeros((9, 20, 3), np.uint8)), tmp_path / "Set" / "LRx2" / f"{number}.png")
    assert "0.png: hr is 41×41 and lr 20×9; at scale 2 lr should be 20×20" in fault(tmp_path / "Set")
    save_pictures(tmp_path / "tiny", side=1)
    assert fault(tmp_path / "tiny").count("1×1 pixels; too small for scale 2, remove it") == 3


def test_a_gray_picture_of_a_benchmark_is_measured_as_it_is(tmp_path: Path) -> None:
    """In a folder it becomes three equal channels, and its luma lies between 16 and 235: Set14's `bridge` differs."""
    gray = save_pictures(tmp_path / "colour", count=1, side=40)[0][..., :1]
    for name in ("Set/HR/bridge.png", "folder/bridge.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        write(Picture(gray), tmp_path / name)
    (picture,) = open_test_set(tmp_path / "Set", 2).pictures()
    assert np.array_equal(picture.hr, gray) and picture.lr.shape == (20, 20, 1)
    (other,) = open_test_set(tmp_path / "folder", 2).pictures()
    assert np.array_equal(other.hr, gray.repeat(3, axis=2))


def test_cifar_10_is_measured_on_its_test_split_in_rgb_without_a_border(tmp_path: Path) -> None:
    save_cifar(tmp_path / "sets" / "cifar-10-batches-py")
    for line, count in ((f"{tmp_path}/sets", 4), (f"{tmp_path}/sets?take=3", 3)):
        test_set = open_test_set(line, 2)
        assert (test_set.count, test_set.protocol) == (count, Protocol(space="rgb", border=0))
        assert test_set.name.startswith("CIFAR-10 test")
    assert open_test_set(f"{tmp_path}/sets?split=train&validation=2", 2).count == 18


def test_every_picture_is_decoded_and_enlarged_once_also_when_some_are_drawn(tmp_path: Path) -> None:
    save_pictures(tmp_path / "set", count=6)
    test_set = open_test_set(tmp_path / "set", 2)
    decoded: list[str] = []
    enlarged: list[int] = []

    def pictures() -> Iterator[test_sets.TestPicture]:
        for picture in test_set.pictures():
            decoded.append(picture.name)
            yield picture

    class Counted(Predictor):
        def __init__(self) -> None:
            self._bicubic = open_predictor("bicubic", 2)
            self.facts = self._bicubic.facts

        def predict(self, lr: np.ndarray) -> np.ndarray:
            enlarged.extend([1] * len(lr))
            return self._bicubic.predict(lr)

    counted = dataclasses.replace(test_set, pictures=pictures)
    triplets = Triplets()
    result = evaluate([entrant("counted", Counted()), bicubic(2)], counted, on_picture=triplets.take)
    write_evaluation(result, tmp_path)
    assert [path.name for path in triplets.write(result, tmp_path / "triplets.png")] == ["triplets.png"]
    assert (tmp_path / "triplets.png").stat().st_size > 10_000
    assert decoded == [f"{number}.png" for number in range(6)] and len(enlarged) == 6


def test_triplets_keep_the_worst_and_the_best_of_many() -> None:
    rng = np.random.default_rng(3)
    psnr = rng.permutation(100).astype(float)
    triplets = Triplets(most=10)
    pixels = np.zeros((4, 4, 3), np.uint8)
    for number, value in enumerate(psnr):
        scores = [PictureScores("m", str(number), 4, 4, 0.0, {"psnr": value})]
        triplets.take(test_sets.TestPicture(str(number), pixels, pixels), [pixels], scores)
    kept = [float(psnr[int(name)]) for name in triplets.names]
    assert len(kept) <= 10 and kept == sorted(kept)
    assert (kept[0], kept[-1]) == (0, 99)


def test_a_picture_too_small_for_the_window_is_named(tmp_path: Path) -> None:
    save_pictures(tmp_path / "set", count=1, side=14)
    with pytest.raises(DataError, match=r"^0\.png: ssim: pictures of 10×10 are smaller than its 11×11 window"):
        evaluate([bicubic(2)], open_test_set(tmp_path / "set", 2))


def test_the_table_and_the_files_say_under_which_conditions(tmp_path: Path) -> None:
    save_pictures(tmp_path / "set")
    result = evaluate([bicubic(2)], open_test_set(tmp_path / "set", 2))
    table = evaluation_table(result)
    assert table.startswith(
        "set, 3 pictures, ×2, lr by MATLAB bicubic, antialias on; "
        "luma BT.601 studio range, border 2, 8-bit; mean ± sample standard deviation over pictures "
        "[95 % bootstrap interval of the mean]"
    )
    psnr = f"{result.mean('bicubic', 'psnr'):.2f} ± {result.deviation('bicubic', 'psnr'):.2f}"
    assert psnr in table
    summary, pictures = write_evaluation(result, tmp_path / "out")
    stored = json.loads(summary.read_text())
    assert stored["protocol"]["text"] == "luma BT.601 studio range, border 2, 8-bit"
    assert stored["models"]["bicubic"]["psnr"]["mean"] == result.mean("bicubic", "psnr")
    lines = pictures.read_text().splitlines()
    assert lines[0].startswith("# set, 3 pictures, ×2")
    rows = list(csv.DictReader(lines[1:]))
    assert [row["picture"] for row in rows] == ["0.png", "1.png", "2.png"]
    assert float(rows[1]["psnr"]) == pytest.approx(result.values("bicubic", "psnr")[1], abs=1e-6)


def test_equal_pictures_have_infinite_psnr_and_no_deviation(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    write(Picture(np.full((24, 24, 3), 77, np.uint8)), tmp_path / "set" / "flat.png")
    result = evaluate([bicubic(2)], open_test_set(tmp_path / "set", 2))
    assert result.mean("bicubic", "psnr") == math.inf
    assert "inf" in evaluation_table(result)


def test_limit_takes_pictures_evenly_spaced_over_the_set(tmp_path: Path) -> None:
    save_pictures(tmp_path / "set", count=5)
    assert [p.name for p in open_test_set(tmp_path / "set", 2, limit=3).pictures()] == ["0.png", "2.png", "4.png"]


def test_the_command_prints_the_table_and_writes_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from upres.cli.main import main

    save_pictures(tmp_path / "set")
    with pytest.raises(SystemExit) as left:
        main(["evaluate", "bicubic", "--data", str(tmp_path / "set"), "--scale", "2", "-o", str(tmp_path / "out")])
    assert left.value.code == 0
    printed = capsys.readouterr().out
    assert "PSNR (dB)" in printed and "bicubic" in printed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "evaluation.json", "pictures.csv", "triplets.png",
    ]  # fmt: skip


def test_triplets_are_drawn_one_by_one_when_asked_for(tmp_path: Path, command: Command) -> None:
    save_pictures(tmp_path / "set")
    line = ("evaluate", "bicubic", "--data", str(tmp_path / "set"), "--scale", "2", "-o", str(tmp_path / "out"))
    code, _, err = command(*line, "--triplets", "2")
    assert (code, err) == (0, "")
    drawn = {path.name: path.stat().st_size for path in (tmp_path / "out").glob("triplets*")}
    assert sorted(drawn) == ["triplets.png", "triplets_1.png", "triplets_2.png"]
    assert drawn["triplets_1.png"] < drawn["triplets.png"]
    code, _, err = command(*line, "--triplets", "0")
    assert (code, err) == (2, "upres: --triplets 0: should be from 1 to 64\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "nothing", "--data", "."], "upres: unknown model 'nothing': "),
        (["evaluate", "bicubic", "--data", ".", "--scale", "0"], "upres: --scale and --limit should be at least 1"),
        (["evaluate", "bicubic", "--data", "gone"], "upres: gone: no such file or folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    from upres.cli.main import main

    save_pictures(tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith(message)
    assert not (tmp_path / "evaluation").exists()


def test_a_recipe_is_measured_as_its_training_validates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--recipe takes the validation pictures, the colour, the degradation and the protocol from the recipe."""

    def run_cli(arguments: list[str]) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    save_pictures(tmp_path / "set", count=5)
    (tmp_path / "mine.yaml").write_text(
        """
name: mine
scale: 2
colour: gray
arch: srcnn
degradation: {name: bicubic, antialias: false}
data:
  root: .
  train: [{name: folder, path: set, take: 3}]
  validation: [{name: folder, path: set, skip: 3}]
train: {epochs: 1}
protocol: {space: gray, border: 1}
"""
    )
    code, out, err = run_cli(
        ["evaluate", "bicubic", "--recipe", str(tmp_path / "mine.yaml"), "--data", str(tmp_path), "-o", str(tmp_path)]
    )
    assert code == 0, err
    made = "lr as the recipe makes it: bicubic (kernel matlab, antialias False)"
    assert f"mine, validation, 2 pictures, ×2, {made}" in out
    assert "gray BT.601 full range, border 1" in out
    rows = list(csv.reader((tmp_path / "pictures.csv").read_text().splitlines()[2:]))
    assert [row[1] for row in rows] == ["3.png", "4.png"]

    code, _, err = run_cli(["evaluate", "bicubic", "--recipe", str(tmp_path / "mine.yaml"), "--scale", "3"])
    assert (code, err.count("\n")) == (2, 1)
    assert "--scale 3: " in err and "is a recipe for ×2" in err
    code, _, err = run_cli(["evaluate", "bicubic"])
    assert (code, err) == (
        2,
        "upres: nothing to measure on; give pictures with --data, or a recipe with --recipe\n",
    )


def test_the_distance_of_features_grows_with_what_is_lost(tmp_path: Path) -> None:
    """Equal pictures have none; blurring costs; the metric has its words and its column."""
    rng = np.random.default_rng(0)
    save_file(
        {
            "features.0.weight": rng.standard_normal((64, 3, 3, 3), np.float32),
            "features.0.bias": np.zeros(64, np.float32),
            "features.2.weight": rng.standard_normal((64, 64, 3, 3), np.float32),
            "features.2.bias": np.zeros(64, np.float32),
        },
        tmp_path / "features.safetensors",
    )
    metrics = metrics_with(str(tmp_path / "features.safetensors"))
    vgg = metrics["vgg"]
    assert "behind the ReLU of conv1_2, RGB" in vgg.words and vgg.better == "less"
    hr = save_pictures(tmp_path / "set", count=1, side=40)[0]
    blurred = {scale: imresize(imresize(hr, 1 / scale), size=(40, 40)) for scale in (2, 4)}
    assert vgg(hr, hr) == 0 < vgg(blurred[2], hr) < vgg(blurred[4], hr) < 4
    gray = hr[..., :1]
    assert vgg(gray, gray) == 0

    test_set = open_test_set(tmp_path / "set", 2)
    result = evaluate([bicubic(2)], test_set, metrics=metrics)
    table = evaluation_table(result)
    assert vgg.words in table and "VGG distance" in table
    assert result.as_json()["models"]["bicubic"]["vgg"]["mean"] == result.mean("bicubic", "vgg") > 0
    write_evaluation(result, tmp_path)
    assert "psnr,ssim,mae,mse,vgg,seconds" in (tmp_path / "pictures.csv").read_text()


def test_metrics_are_asked_for_by_name(tmp_path: Path, backbones: dict[str, Path], command: Command) -> None:
    save_pictures(tmp_path / "set", count=1, side=200)
    asked = ["--metric", "niqe-upres", "--metric", f"lpips?backbone={backbones['alexnet']}"]
    line = ["evaluate", "bicubic", "--data", str(tmp_path / "set"), "--scale", "2", "-o", str(tmp_path / "out"), *asked]
    with taken_for_published(backbones):
        code, out, err = command(*line)
        assert code == 0, err
        assert "LPIPS 0.1 on AlexNet, RGB, whole picture; " in out and "NIQE by upres's own model" in out
        stored = json.loads((tmp_path / "out" / "evaluation.json").read_text())
        assert stored["models"]["bicubic"]["lpips"]["mean"] > 0 < stored["models"]["bicubic"]["niqe-upres"]["mean"]
        assert "psnr,ssim,mae,mse,niqe-upres,lpips,seconds" in (tmp_path / "out" / "pictures.csv").read_text()
        code, _, err = command(*line[:-2], "--metric", "dists")
        assert code == 2 and "backbone: vgg16 downloads them once (528 MB), or fetch it by hand: curl " in err
    for wrong, said in (
        ("lpsip", "upres: metrics: lpsip.name = 'lpsip' is unknown: did you mean lpips?"),
        ("ssim", "upres: the metric ssim is measured already; name it once"),
        ("lpips?network=squeeze", "upres: metrics: lpips.network = 'squeeze': "),
    ):
        code, _, err = command(*line[:-4], "--metric", wrong)
        assert code == 2 and err.startswith(said) and err.count("\n") == 1, err


# What somebody's script would hold; the tables are this process's, so it runs in one of its own.
_SCRIPT = """
import sys
from pathlib import Path

import numpy as np

import upres.data
import upres.metrics
from upres.cli.main import main


class Largest(upres.metrics.Metric):
    title, unit, better, words, digits = "largest error", "levels", "less", "the largest difference of two pixels", 1

    def __call__(self, sr, hr):
        return float(np.abs(sr - hr).max())


class Two(upres.data.Source):
    config_type = upres.metrics.NoOptions
    convention = upres.data.Convention(space="gray", border=1)

    def __init__(self, config, *, root):
        super().__init__(root=root, title="two pictures")

    @classmethod
    def recognise(cls, path, *, scale, split):
        return {} if path.suffix == ".two" else None

    def __len__(self):
        return 2

    def outline(self, index):
        return None

    def sample(self, index):
        noise = np.random.default_rng(index).integers(0, 256, (32, 32, 3), np.uint8)
        return upres.data.Sample(f"number {index}", noise)

    def fingerprint(self):
        return "two"

    def describe(self):
        return "two pictures of noise"


upres.metrics.METRICS.add("largest", Largest)
upres.data.SOURCES.add("two", Two)
Path("x.two").touch()
main(["evaluate", "bicubic", "--data", "x.two", "--scale", "2", "-o", "out"])
"""


def test_a_script_adds_a_metric_and_a_source_and_sees_them_in_the_results(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    head, _, columns, row = done.stdout.splitlines()[:4]
    assert head.startswith("two pictures, 2 pictures, ×2, lr by MATLAB bicubic, antialias on; gray BT.601 full range, ")
    assert "border 1" in head and "largest error (levels)" in columns
    stored = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    largest = stored["models"]["bicubic"]["largest"]["mean"]
    assert 20 < largest < 255 and f"{largest:.1f} ± " in row
    with (tmp_path / "out" / "pictures.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert np.mean([float(row["largest"]) for row in rows]) == pytest.approx(largest, abs=1e-6)


def test_small_pictures_together_get_the_figures_of_each_alone(tmp_path: Path) -> None:
    """Colours, equal colours and gray, of a model of colour and of one of luma: to the last printed digit."""
    rng = np.random.default_rng(4)
    (tmp_path / "set" / "HR").mkdir(parents=True)
    for number in range(12):
        pixels = imresize(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), size=(26, 26 if number < 9 else 24))
        pixels = pixels[..., :1] if number % 5 == 3 else pixels[..., :1].repeat(3, axis=2) if number == 5 else pixels
        write(Picture(pixels), tmp_path / "set" / "HR" / f"{number:02}.png")
    test_set = open_test_set(tmp_path / "set", 2)
    calls = []

    class Counted(Predictor):
        def __init__(self) -> None:
            self._model = open_predictor("fast", 2)
            self.facts = self._model.facts

        def predict(self, lr: np.ndarray) -> np.ndarray:
            calls.append(len(lr))
            return self._model.predict(lr)

    one = entrant("fast", Counted())
    result = evaluate([one, bicubic(2)], test_set)
    assert max(calls) >= 3 and sum(calls) >= 12 > len(calls)
    for number, picture in enumerate(test_set.pictures()):
        for name, upscaler in (("fast", Upscaler(one.together.predictor)), ("bicubic", bicubic(2).upscaler)):
            score = [score for score in result.scores if score.model == name][number]
            alone = measure(upscaler(picture.lr), picture.hr, test_set.protocol, metrics=tuple(result.metrics))
            assert (score.picture, score.width, score.height) == (picture.name, *picture.hr.shape[1::-1])
            assert {key: f"{value:.6f}" for key, value in alone.items()} == {
                key: f"{value:.6f}" for key, value in score.values.items()
            }


def test_the_next_pictures_are_predicted_while_the_ones_before_are_measured(tmp_path: Path) -> None:
    """As many batches ahead as there are cores, not more; what fails there is raised here, and the threads end."""
    save_cifar(tmp_path / "sets", 320)
    test_set = open_test_set(tmp_path / "sets", 2)
    assert test_set.count == 320  # five batches of 64
    begun: list[int] = []
    third = threading.Event()

    class Watched(Predictor):
        fails = False

        def __init__(self) -> None:
            self._bicubic = open_predictor("bicubic", 2)
            self.facts = self._bicubic.facts

        def predict(self, lr: np.ndarray) -> np.ndarray:
            assert threading.current_thread().name.startswith("upres-predict") and most_threads() == 1
            begun.append(len(lr))
            if len(begun) == 3:
                third.set()
                if self.fails:
                    raise FailedError("the third batch failed")
            return self._bicubic.predict(lr)

    def measured(done: int, total: int) -> None:
        # The third batch begins before anything of the first is returned.
        assert third.wait(60) and len(begun) <= done // 64 + ahead

    ahead = max(os.cpu_count() or 1, 2)
    protocol = Protocol(space="rgb", border=0)
    result = evaluate([entrant("watched", Watched())], test_set, protocol=protocol, progress=measured)
    assert begun == [64] * 5 and most_threads() is None
    assert result.values("watched", "psnr") == evaluate([bicubic(2)], test_set, protocol=protocol).values(
        "bicubic", "psnr"
    )

    def stopped(done: int, total: int) -> None:
        raise KeyboardInterrupt

    failing = Watched()
    failing.fails = True
    for model, progress, error in ((failing, None, FailedError), (Watched(), stopped, KeyboardInterrupt)):
        begun.clear()
        with pytest.raises(error):
            evaluate([entrant("watched", model)], test_set, progress=progress)
        assert len(begun) <= 3 + ahead
        assert not [each for each in threading.enumerate() if each.name.startswith(("upres-prefetch", "upres-predict"))]


def test_intervals_differences_and_their_test(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(30, 2, (400, 1)) + np.array([0, 0.1]) + rng.normal(0, 0.05, (400, 2))
    means = resampled_means(values)
    assert np.array_equal(means, resampled_means(values)) and means.shape == (10_000, 2)
    spread = values[:, 0].std(ddof=1) / 20
    low, high = interval(means[:, 0])
    assert low == pytest.approx(values[:, 0].mean() - 1.96 * spread, abs=0.15 * spread)
    assert high == pytest.approx(values[:, 0].mean() + 1.96 * spread, abs=0.15 * spread)
    # Pairs: what pictures share does not widen the interval of their difference.
    assert np.ptp(interval(means[:, 1] - means[:, 0])) < np.ptp((low, high)) / 10
    assert sign_flip_p([1, 2, 3, 4, 5]) == 2 / 2**5 and sign_flip_p([1, -1]) == 1
    assert sign_flip_p(values[:, 1] - values[:, 0]) == 1 / 10_001
    assert 0.2 < sign_flip_p(rng.normal(0, 1, 400)) <= 1

    save_pictures(tmp_path / "set")
    result = evaluate([bicubic(2), entrant("x", open_predictor("fast", 2))], open_test_set(tmp_path / "set", 2))
    found = result.difference("x", "bicubic", "psnr")
    assert found is not None and found.p == 2 / 2**3 and found.low < found.mean < found.high
    assert found.mean == pytest.approx(result.mean("x", "psnr") - result.mean("bicubic", "psnr"))
    stored = result.as_json()
    assert stored["differences"][0] == {"model": "x", "from": "bicubic", "metric": "psnr", **vars(found)}
    assert "n - 1" in stored["statistics"]["deviation"] and "seed 0" in stored["statistics"]["interval"]
    assert "difference from bicubic" in evaluation_table(result) and "p 0.25" in evaluation_table(result)


def test_several_sets_are_blocks_of_a_table_for_a_terminal_a_page_a_paper_and_a_program(
    tmp_path: Path, command: Command
) -> None:
    save_pictures(tmp_path / "a_1", count=2, side=24)
    save_pictures(tmp_path / "b", count=1, side=28)
    data = ["--data", str(tmp_path / "a_1"), "--data", str(tmp_path / "b"), "--scale", "2", "-o", str(tmp_path / "out")]
    code, out, err = command("evaluate", "bicubic", "fast", *data, "--format", "csv")
    assert code == 0 and "a_1/evaluation.json" in err, err
    sets = open_test_sets([tmp_path / "a_1", tmp_path / "b"], 2)
    results = [evaluate(open_entrants(["bicubic", "fast"], 2), test_set) for test_set in sets]
    printed = {style: evaluation_tables(results, style) for style in STYLES} | {"csv": out}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_1", "b"]
    assert printed["text"].index("a_1, 2 pictures") < printed["text"].index("b, 1 pictures")
    assert printed["markdown"].count("\n|---") == 3 and "| bicubic | " in printed["markdown"]
    latex = printed["latex"]
    assert r"\multicolumn{6}{l}{a\_1 ($\times$2, 2 pictures)} \\" in latex and latex.count(r"\end{tabular}") == 2
    rows = list(csv.DictReader(printed["csv"].splitlines()))
    assert [(row["data"], row["model"]) for row in rows if row["metric"] == "psnr"] == [
        ("a_1", "bicubic"), ("a_1", "fast"), ("b", "bicubic"), ("b", "fast"),
    ]  # fmt: skip
    stored = json.loads((tmp_path / "out" / "a_1" / "evaluation.json").read_text())["models"]
    row = next(row for row in rows if row["metric"] == "ssim" and row["model"] == "fast")
    assert (
        float(row["mean"]) == stored["fast"]["ssim"]["mean"]
        and float(row["low"]) == stored["fast"]["ssim"]["interval"][0]
    )
    assert float(row["p"]) == 0.5 and row["runtime"] and rows[-1]["p"] == ""


@pytest.mark.parametrize("scale", [3, 8])
def test_shipped_names_are_measured_at_scales_without_weights_as_upres_enlarges_there(
    tmp_path: Path, scale: int
) -> None:
    save_pictures(tmp_path / "set", count=1, side=96)
    test_set = open_test_set(tmp_path / "set", scale)
    result = evaluate(open_entrants(["fast"], scale), test_set)
    (picture,) = test_set.pictures()
    sr = upres.upscale(picture.lr, scale=scale, model="fast", denoise=0, detail=0)
    expected = measure(sr, picture.hr, test_set.protocol, metrics=("psnr",))["psnr"]
    assert result.mean("fast", "psnr") == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ModelError, match=f"×{scale}"):
        open_entrants([PACKAGE / "fast-x4.onnx"], scale)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path, command: Command) -> None:
    line = ["evaluate", "bsae", "fats", "--data", str(tmp_path / "gone"), "--metric", "lpsip", "--metric", "ssim"]
    code, out, err = command(*line)
    assert (code, out) == (2, "")
    for said in (
        "5 faults in what was given",
        "gone: no such",
        "'bsae'",
        "'fats'",
        "'lpsip' is unknown",
        "ssim is meas",
    ):
        assert said in err, err
    save_pictures(tmp_path / "set", count=2, side=14)
    with pytest.raises(DataError, match=r"(?s)^2 faults in the data.*0\.png: ssim.*1\.png: ssim: pictures of 10×10"):
        evaluate([bicubic(2)], open_test_set(tmp_path / "set", 2))
