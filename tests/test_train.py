"""Real runs: they learn, leave what they promise, and stop with a reason."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.random_backbones import taken_for_published
from tests.small_runs import BARE, HARDEST, SMALL, recipe_of, rows_of, small_data
from upres.archs import ARCHS
from upres.config import parse
from upres.errors import ConfigError, DataError, MissingExtraError, NonFiniteError
from upres.html.charts import ticks
from upres.image import Picture, from_unit, imresize, read, to_unit, write
from upres.metrics import lpips, measure
from upres.models import checkpoint
from upres.recipes import components, parse_recipe, read_recipe, run_recipe
from upres.recipes.starting import take_over

# What a recipe that says nothing of panels and loggers gets.
WHOLE = {"samples": 3, "loggers": ["tensorboard"]}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return small_data(tmp_path, monkeypatch)


def test_a_run_leaves_what_it_promises(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    lines: list[str] = []
    recipe = recipe_of(data, train={**SMALL["train"], **WHOLE})
    best = run_recipe(recipe, run, log=lines.append)
    assert sorted(path.name for path in run.iterdir()) == [
        "best.safetensors", "events", "last.ckpt", "loss.png", "metrics.csv", "recipe.yaml", "report.html", "samples",
    ]  # fmt: skip
    assert sorted(path.name for path in (run / "samples").iterdir()) == [f"epoch_{n:04d}.png" for n in (1, 2, 3)]
    rows = rows_of(run)
    assert [row["epoch"] for row in rows] == [1, 2, 3] and rows[-1]["step"] == 24
    assert set(rows[0]) == {
        "epoch", "step", "rate", "train_l1", "train_loss", "val_l1", "val_loss", "val_psnr", "seconds",
    }  # fmt: skip
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    network, facts = checkpoint.load(best)
    assert (facts.name, facts.scale, facts.colour, facts.radius) == ("small", 2, "rgb", 4)
    assert facts.parameters == network.parameter_count
    best_psnr = max(row["val_psnr"] for row in rows)
    assert facts.scores == {"validation psnr, luma BT.601 studio range, border 2, 8-bit": round(best_psnr, 3)}
    assert read_recipe(str(run / "recipe.yaml")) == recipe
    assert any(line.startswith("epoch 3/3  loss ") for line in lines)


@pytest.mark.slow
def test_a_network_learns_one_batch_by_heart(data: Path, tmp_path: Path) -> None:
    """The usual check that loss, gradient and data fit together: far better than bicubic after 300 steps."""
    run = tmp_path / "run"
    changes: dict[str, object] = {
        "arch": {"name": "plainres", "width": 16, "blocks": 2, "upsampling": "bicubic"},
        "data": {**SMALL["data"], "patch": 24, "augment": False, "validation": [{"name": "folder", "path": "train"}]},
        "train": {"epochs": 1, "steps_per_epoch": 300, "batch": 3, "optimizer": {"rate": 3e-3}, **BARE},
        "schedule": "cosine",
        "losses": ["mse"],
    }
    lines: list[str] = []
    run_recipe(recipe_of(data, **changes), run, log=lines.append)
    bicubic = float(next(line for line in lines if line.startswith("bicubic")).split(":")[1].split()[0])
    assert rows_of(run)[-1]["val_psnr"] > bicubic + 1


def test_the_same_seed_gives_the_same_weights(data: Path, tmp_path: Path) -> None:
    first, second = (load_file(run_recipe(recipe_of(data), tmp_path / name)) for name in ("a", "b"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_loss_that_is_not_finite_stops_with_its_name_and_its_pictures(data: Path, tmp_path: Path) -> None:
    changes = {"train": {**SMALL["train"], "optimizer": {"rate": 1e38}}, "schedule": "constant"}
    said = (
        r"loss l1 is (nan|inf) at step 1 \(epoch 0\); the batch's pictures are in .*run/non-finite/step_000001\.png "
        r"and \.npz; lower train\.optimizer"
    )
    with pytest.raises(NonFiniteError, match=said):
        run_recipe(recipe_of(data, **changes), tmp_path / "run")
    with np.load(tmp_path / "run" / "non-finite" / "step_000001.npz") as kept:
        assert kept["lr"].shape == (4, 12, 12, 3) and kept["hr"].shape == kept["sr"].shape == (4, 24, 24, 3)
        assert list(kept["loss_names"]) == ["l1"] and not np.isfinite(kept["loss_values"][0])
        bad = ~np.isfinite(kept["sr"][0]).all(axis=2)
        sheet = np.asarray(read(tmp_path / "run" / "non-finite" / "step_000001.png").pixels)
        assert sheet.shape == (4 * 24, 3 * 24, 3)
        assert (sheet[:24, 24:48][bad] == (255, 0, 255)).all()
        assert np.array_equal(sheet[:24, 48:], kept["hr"][0])
        assert np.array_equal(sheet[:24:2, :24:2], kept["lr"][0])


def test_weights_spoiled_by_an_epochs_last_step_are_not_written(data: Path, tmp_path: Path) -> None:
    """One step an epoch: the loss was finite before it, validation comes after it."""
    train = {"epochs": 3, "steps_per_epoch": 1, "batch": 4, "optimizer": {"rate": 1e38}, **BARE}
    with pytest.raises(NonFiniteError, match=r"loss l1 is (nan|inf) at step 1 \(epoch 0\)"):
        run_recipe(recipe_of(data, train=train, schedule="constant"), tmp_path / "run")
    assert not (tmp_path / "run" / "best.safetensors").exists() and not (tmp_path / "run" / "last.ckpt").exists()


def moved(data: Path, run: Path, **train: object) -> dict[str, torch.Tensor]:
    """Train on one picture, whole, so that every batch is the same; Adam's large epsilon makes it plain descent."""
    one = {"name": "folder", "path": "train", "take": 1}
    values = {
        "data": {**SMALL["data"], "patch": 24, "augment": False, "train": [one]},
        "train": {"epochs": 1, "batch": 2, "optimizer": {"rate": 1.0, "epsilon": 1.0}, **BARE, **train},
        "schedule": "constant",
    }
    return load_file(run_recipe(recipe_of(data, **values), run))


@pytest.mark.slow
def test_accumulated_batches_make_the_step_of_one_large_batch(data: Path, tmp_path: Path) -> None:
    """Also the step that an epoch's end leaves with fewer batches: 5 batches by twos are 3 steps."""
    whole = moved(data, tmp_path / "whole", steps_per_epoch=3, batch=4)
    parts = moved(data, tmp_path / "parts", steps_per_epoch=5, accumulate=2)
    assert rows_of(tmp_path / "parts")[0]["step"] == rows_of(tmp_path / "whole")[0]["step"] == 3
    for name, tensor in whole.items():
        # One picture, so the batches are equal and only the order of sums differs.
        torch.testing.assert_close(parts[name], tensor, rtol=1e-4, atol=1e-6)
    more = moved(data, tmp_path / "more", steps_per_epoch=5)
    assert any((more[name] - whole[name]).abs().max() > 1e-4 for name in whole)


@pytest.mark.slow
def test_clipped_gradients_are_no_longer_than_asked(data: Path, tmp_path: Path) -> None:
    start = moved(data, tmp_path / "start", steps_per_epoch=1, clip=1e-12)
    lengths = {}
    for clip in (None, 1e-3, 1e-2):
        after = moved(data, tmp_path / f"{clip}", steps_per_epoch=1, clip=clip)
        lengths[clip] = sum((after[name] - start[name]).square().sum() for name in start).sqrt().item()
    # With epsilon far above the gradient, a step is as long as the gradient; bias correction cancels in the first.
    assert lengths[1e-3] == pytest.approx(1e-3, rel=0.02) and lengths[1e-2] == pytest.approx(1e-2, rel=0.02)
    assert lengths[None] > 2e-2


def test_wandb_is_asked_for_before_the_first_step(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    train = {**SMALL["train"], "loggers": ["wandb"]}
    with pytest.raises(MissingExtraError, match=r'train\.loggers = wandb needs wandb: pip install "upres\[wandb\]"'):
        run_recipe(recipe_of(data, train=train), tmp_path / "run")


def test_no_logger_and_no_panel_at_all(data: Path, tmp_path: Path) -> None:
    run_recipe(recipe_of(data, train={**SMALL["train"], "epochs": 1, **BARE}), tmp_path / "run")
    assert not (tmp_path / "run" / "events").exists() and not (tmp_path / "run" / "samples").exists()


@pytest.mark.slow
def test_a_panel_shows_the_columns_asked_for_and_the_original_whole(data: Path, tmp_path: Path) -> None:
    photo = np.full((72, 48, 3), 128, np.uint8)
    photo[:12] = 255, 0, 0  # cut off with `fit: crop`
    for path in (data / "validation").iterdir():
        write(Picture(photo), path)
    panels = {}
    for number, columns in enumerate((["hr", "sr"], ["original", "hr", "lr", "sr"])):
        recipe = recipe_of(
            data,
            data={**SMALL["data"], "validation": [{"name": "folder", "path": "validation", "resize": 48}]},
            train={**SMALL["train"], "epochs": 1, "samples": 1, "samples_show": columns},
        )
        run_recipe(recipe, tmp_path / str(number))
        panels[number] = read(tmp_path / str(number) / "samples" / "epoch_0001.png").pixels[..., :3].astype(int)
    red = [((panel - (255, 0, 0)) ** 2).sum(axis=2).min() for panel in panels.values()]
    assert red[0] > 10_000 and red[1] == 0
    assert 1.8 < panels[1].shape[1] / panels[0].shape[1] < 2
    with pytest.raises(ConfigError, match=r"samples_show = \['hr', 'hr'\]: should name columns, each once"):
        recipe_of(data, train={**SMALL["train"], "samples_show": ["hr", "hr"]})


def test_the_report_shows_the_run_and_asks_nobody(data: Path, tmp_path: Path) -> None:
    run_recipe(recipe_of(data, **HARDEST, train={**SMALL["train"], **WHOLE}), tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "A training run, finished after 3 epochs and 24 steps." in page
    assert page.count("data:image/png;base64,") == 3
    for title in ("PSNR", "Loss", "l1", "tv", "Adversarial losses", "Discriminator&#x27;s accuracy", "Learning rate"):
        assert f"<h3>{title}</h3>" in page
    assert "<th>output for 32 pixels a side</th>" in page and "<td>head</td><td>Conv2d</td>" in page
    assert "kind: relativistic" in page and "prefers-color-scheme: dark" in page
    assert not re.findall(r"https?://|src=\"(?!data:)|url\(|@import", page)


def test_ticks_are_round_and_span_the_values() -> None:
    assert ticks(0.0, 9.0) == [0, 2, 4, 6, 8, 10]
    assert ticks(27.31, 27.42) == [27.3, 27.35, 27.4, 27.45]
    assert ticks(5.0, 5.0)[0] <= 5 <= ticks(5.0, 5.0)[-1]


@pytest.mark.slow
def test_metrics_are_measured_beside_psnr_and_may_decide(
    data: Path, tmp_path: Path, backbones: dict[str, Path]
) -> None:
    with taken_for_published(backbones):
        lines: list[str] = []
        asked = ["ssim", {"name": "lpips", "backbone": str(backbones["alexnet"])}]
        recipe = recipe_of(data, metrics=asked, train={**SMALL["train"], "monitor": "ssim", "precision": "bf16"})
        best = run_recipe(recipe, tmp_path / "run", log=lines.append)
        assert read_recipe(str(tmp_path / "run" / "recipe.yaml")) == recipe
        rows = rows_of(tmp_path / "run")
        assert all(0 < row["val_ssim"] < 1 and row["val_lpips"] > 0 for row in rows)
        assert [line.split(", LPIPS ")[0][-11:-6] for line in lines if line.startswith("bicubic on")] == ["SSIM "]
        network, facts = checkpoint.load(best)
        assert list(facts.scores)[1] == "validation ssim"
        assert facts.scores["validation ssim"] == pytest.approx(max(row["val_ssim"] for row in rows), rel=1e-5)
        report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
        assert "ssim" in report and "lpips" in report
        # The figure is the metric's own on the 8-bit pictures, bf16 or not.
        row = max(rows, key=lambda row: row["val_ssim"])
        found = []
        for path in sorted((data / "validation").iterdir()):
            hr = read(path).pixels
            lr = torch.from_numpy(to_unit(imresize(hr, 0.5)).transpose(2, 0, 1)[None].copy())
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
                sr = network(lr).float()[0].permute(1, 2, 0).numpy()
            found.append(lpips(from_unit(sr, np.uint8), hr, backbone=str(backbones["alexnet"])))
        assert row["val_lpips"] == pytest.approx(np.mean(found), rel=0.02)


def test_metrics_are_measured_on_training_crops_too(data: Path, tmp_path: Path) -> None:
    """With a rate of nothing, the epoch's mean is that of its crops by the weights that are kept."""
    still = {
        **SMALL["train"],
        "epochs": 1,
        "ema": 0.0,
        "optimizer": {"rate": 1e-30},
        "metrics": ["psnr", "ssim", "mae"],
    }
    recipe = recipe_of(data, train=still, metrics=["mae"], schedule="constant")
    assert [part.name for part in recipe.metrics] == ["mae", "ssim"]
    assert recipe_of(data, **{key: recipe.dump()[key] for key in ("train", "metrics")}).metrics == recipe.metrics
    run_recipe(recipe, tmp_path / "run")
    (row,) = rows_of(tmp_path / "run")
    assert {"train_psnr", "train_ssim", "train_mae", "train_l1", "val_psnr", "val_ssim", "val_mae"} <= row.keys()
    made = components(recipe)
    made.network.load_state_dict(load_file(tmp_path / "run" / "best.safetensors"))
    seen = []
    for step in range(made.patches.steps):
        lr, hr = made.patches.at(step)
        with torch.inference_mode():
            sr = made.network(torch.from_numpy(lr).permute(0, 3, 1, 2) / 255)
        pairs = zip(sr.permute(0, 2, 3, 1).numpy(), hr, strict=True)
        seen += [list(measure(*pair, recipe.protocol, ("psnr", "ssim", "mae")).values()) for pair in pairs]
    # A pixel in a thousand falls on the other side of a level where the whole batch is computed in another order.
    for name, mean in zip(("psnr", "ssim", "mae"), np.mean(seen, axis=0), strict=True):
        assert row[f"train_{name}"] == pytest.approx(mean, rel=1e-4)
    report = (tmp_path / "run" / "report.html").read_text()
    assert report.count("training and validation") == 2  # beside PSNR's chart, which has both lines


def test_training_metrics_are_checked_first(data: Path, tmp_path: Path) -> None:
    for values, said in (
        ({"metrics": ["l2"]}, "test: train.metrics.0 = 'l2' is unknown: Known: dists"),
        ({"metrics": ["ssim", "ssim"]}, "test: train.metrics = ['ssim', 'ssim']: names ssim twice; give each once"),
    ):
        with pytest.raises(ConfigError, match=re.escape(said)):
            recipe_of(data, train={**SMALL["train"], **values})
    with pytest.raises(ConfigError, match=r"train.metrics names mse, whose column is that of the loss; leave it out"):
        recipe_of(data, train={**SMALL["train"], "metrics": ["mse"]}, losses=["mse"])
    small = recipe_of(data, train={**SMALL["train"], "metrics": ["ssim"]}, data={**SMALL["data"], "patch": 6})
    with pytest.raises(ConfigError, match=r"train.metrics: ssim: .*smaller than its 11×11 .*; crops are 12×12"):
        run_recipe(small, tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_metrics_that_cannot_measure_the_pictures_are_told_before_the_first_step(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"niqe-upres: a picture of 48×48 has 0 whole blocks"):
        run_recipe(recipe_of(data, metrics=["niqe-upres"]), tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.csv").exists()
    for metrics, said in (
        (["l2"], "test: metrics.0.name = 'l2' is unknown: Known: dists, lpips,"),
        ("ssim", "test: metrics = 'ssim': should be a list of metrics: dists"),
        (["ssim", "ssim"], "test: metrics names ssim, which is measured already; leave it out there"),
        (["psnr"], "test: metrics names psnr, which is measured already; leave it out there"),
        ([{"name": "vgg"}], "test: metrics.0.features is missing"),
    ):
        with pytest.raises(ConfigError) as error:
            recipe_of(data, metrics=metrics)
        assert str(error.value).startswith(said), str(error.value)


def test_early_stopping_keeps_the_best_weights(data: Path, tmp_path: Path) -> None:
    """With a rate that only does harm after the first epoch, the run ends early and ships epoch one."""
    train = {
        **{"epochs": 12, "steps_per_epoch": 4, "batch": 4, "early_stopping": {"patience": 2}},
        **{"optimizer": {"rate": 0.5}, **BARE},
    }
    run_recipe(recipe_of(data, train=train, schedule="constant"), tmp_path / "run")
    rows = rows_of(tmp_path / "run")
    best = max(rows, key=lambda row: row["val_psnr"])
    assert len(rows) < 12 and rows[-1]["epoch"] - best["epoch"] == 2
    _, facts = checkpoint.load(tmp_path / "run" / "best.safetensors")
    assert next(iter(facts.scores.values())) == round(best["val_psnr"], 3)


@pytest.mark.slow
def test_init_takes_over_what_fits(data: Path, tmp_path: Path) -> None:
    best = run_recipe(recipe_of(data), tmp_path / "first")
    lines: list[str] = []
    values = {**SMALL, "scale": 4, "init": str(best), "data": {**SMALL["data"], "patch": 8, "root": str(data)}}
    allowed = parse_recipe({**values, "init_missing": "allow"}, where="test")
    run_recipe(allowed, tmp_path / "second", log=lines.append)
    with pytest.raises(
        ConfigError, match=r"6 of 8 tensors fit: \S+ is 48×8×3×3 here and 12×8×3×3 in the file, .* init_m"
    ):
        run_recipe(parse_recipe(values, where="test"), tmp_path / "third")
    # Head and body fit; the tail has another number of channels at another scale.
    assert any(line.startswith("6 of 8 tensors start from ") for line in lines)


def test_a_plain_network_starts_from_the_sums_of_branches(data: Path, tmp_path: Path) -> None:
    branched = checkpoint.load(run_recipe(recipe_of(data, arch={"name": "repres", "width": 8, "blocks": 1}), tmp_path))[
        0
    ]
    plain = ARCHS["plainres"](  # type: ignore[misc]  # a leaf takes its configuration
        parse(ARCHS["plainres"].config_type, {"width": 8, "blocks": 1}, where=""), scale=2, channels=3
    )
    assert take_over(plain, checkpoint.load(tmp_path / "best.safetensors")[0]) == [] and len(plain.state_dict()) == 8
    lr = torch.rand(1, 3, 9, 7)
    torch.testing.assert_close(plain(lr), branched(lr))


@pytest.mark.parametrize("colour", ["gray", "luma"])
def test_one_channel_networks_train(data: Path, tmp_path: Path, colour: str) -> None:
    best = run_recipe(recipe_of(data, colour=colour, arch="espcn"), tmp_path / "run")
    assert checkpoint.load(best)[1].colour == colour
