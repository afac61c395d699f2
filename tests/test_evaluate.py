"""Evaluation: what is recognised, what is measured, what is left, and the messages."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from upres.cli.main import main
from upres.errors import DataError
from upres.evaluation.evaluate import Entrant, evaluate
from upres.evaluation.results import evaluation_table, write_evaluation
from upres.evaluation.test_sets import open_test_set
from upres.image import Picture, imresize, write
from upres.metrics import Protocol, measure
from upres.predictors import open_predictor
from upres.upscaling.upscaler import Upscaler


def save_pictures(folder: Path, count: int = 3, side: int = 41) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True)
    pictures = [imresize(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), size=(side, side)) for _ in range(count)]
    for number, pixels in enumerate(pictures):
        write(Picture(pixels), folder / f"{number}.png")
    return pictures


def bicubic(scale: int) -> Entrant:
    return Entrant("bicubic", 0, Upscaler(open_predictor("bicubic", scale)))


def test_figures_are_those_of_each_picture_and_their_mean(tmp_path: Path) -> None:
    pictures = save_pictures(tmp_path / "set")
    protocol = Protocol(space="luma", border=2)
    result = evaluate([bicubic(2)], open_test_set(tmp_path / "set", 2), scale=2, protocol=protocol)
    expected = []
    for pixels in pictures:
        hr = pixels[:40, :40]  # cropped to a multiple of the scale, as the benchmark sets are
        sr = bicubic(2).upscaler(imresize(hr, 0.5))
        expected.append(measure(sr, hr, protocol, metrics=("psnr",))["psnr"])
    assert result.values("bicubic", "psnr") == expected
    assert result.mean("bicubic", "psnr") == pytest.approx(np.mean(expected))
    assert result.deviation("bicubic", "psnr") == pytest.approx(np.std(expected))
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
    assert "empty: holds no pictures; give a folder of pictures, a folder with HR in it" in fault(tmp_path / "empty")
    assert "no such file or folder; give a folder of pictures" in fault(tmp_path / "gone")
    save_pictures(tmp_path / "Set" / "HR")
    (tmp_path / "Set" / "LRx2").mkdir()
    assert "3 of 3 pictures of HR have no partner of the same name (0.png, 1.png, 2.png)" in fault(tmp_path / "Set")
    for number in range(3):
        write(Picture(np.zeros((9, 20, 3), np.uint8)), tmp_path / "Set" / "LRx2" / f"{number}.png")
    assert "0.png: 20×9; should be 20×20 for ×2" in fault(tmp_path / "Set")


def test_a_picture_too_small_for_the_window_is_named(tmp_path: Path) -> None:
    save_pictures(tmp_path / "set", count=1, side=14)
    with pytest.raises(DataError, match=r"0\.png: 14×14 with border 2 leaves 10 pixels; the SSIM window needs 11"):
        evaluate([bicubic(2)], open_test_set(tmp_path / "set", 2), scale=2, protocol=Protocol(border=2))


def test_the_table_and_the_files_say_under_which_conditions(tmp_path: Path) -> None:
    save_pictures(tmp_path / "set")
    result = evaluate([bicubic(2)], open_test_set(tmp_path / "set", 2), scale=2, protocol=Protocol(border=2))
    table = evaluation_table(result)
    assert table.startswith(
        "set, 3 pictures, ×2, lr by MATLAB bicubic, antialias on; "
        "luma BT.601 studio range, border 2, 8-bit; mean ± standard deviation over pictures"
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
    result = evaluate([bicubic(2)], open_test_set(tmp_path / "set", 2), scale=2, protocol=Protocol(border=2))
    assert result.mean("bicubic", "psnr") == math.inf
    assert "inf" in evaluation_table(result)


def test_limit_spreads_over_the_set(tmp_path: Path) -> None:
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
    assert "mine, validation, 2 pictures, ×2, lr as the recipe makes it: bicubic (antialias False)" in out
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
    """Equal pictures have none; blurring costs; the figure has its words and its column."""
    import torch

    from upres.metrics.feature_distance import feature_distance
    from upres.models.vgg import Features

    generator = torch.Generator().manual_seed(0)
    tensors = {
        "conv1_1.weight": torch.randn(8, 3, 3, 3, generator=generator),
        "conv1_1.bias": torch.zeros(8),
        "conv1_2.weight": torch.randn(8, 8, 3, 3, generator=generator),
        "conv1_2.bias": torch.zeros(8),
    }
    distance, words = feature_distance(Features(tensors, "torchvision", where="test"))
    assert "behind the ReLU of conv1_2, RGB" in words
    hr = save_pictures(tmp_path / "set", count=1, side=40)[0]
    blurred = {scale: imresize(imresize(hr, 1 / scale), size=(40, 40)) for scale in (2, 4)}
    assert distance(hr, hr) == 0 < distance(blurred[2], hr) < distance(blurred[4], hr) < 4
    gray = hr[..., :1]
    assert distance(gray, gray) == 0

    test_set = open_test_set(tmp_path / "set", 2)
    more = {"vgg": (distance, words)}
    result = evaluate([bicubic(2)], test_set, scale=2, protocol=Protocol(border=2), more=more)
    table = evaluation_table(result)
    assert words in table and "VGG distance" in table
    assert result.as_json()["models"]["bicubic"]["vgg"]["mean"] == result.mean("bicubic", "vgg") > 0
    write_evaluation(result, tmp_path)
    assert "psnr,ssim,mae,mse,vgg,seconds" in (tmp_path / "pictures.csv").read_text()
