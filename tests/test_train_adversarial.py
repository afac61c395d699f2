"""Adversarial training: who learns from what, from when on, what is kept, and networks in between."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.small_runs import GAN, SMALL, recipe_of, rows_of, small_data
from upres.archs import ARCHS, DISCRIMINATORS, Discriminator
from upres.cli.main import main
from upres.config.named_parts import build, parse_part
from upres.errors import ConfigError, ModelError
from upres.export.interpolate import interpolate
from upres.losses import ADVERSARIAL
from upres.metrics import METRICS
from upres.models import checkpoint
from upres.models.facts import Facts
from upres.recipes import run_recipe
from upres.train import SCHEDULES, AdversarialConfig, AdversarialTraining, monitored


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return small_data(tmp_path, monkeypatch)


def adversarial_of(kind: str, discriminator: str = "unet-sn", shift: int = 1) -> AdversarialTraining:
    torch.manual_seed(0)
    part = parse_part(DISCRIMINATORS, {"name": discriminator, "width": 4}, where="test", key="discriminator")
    schedule = build(SCHEDULES, parse_part(SCHEDULES, "constant", where="test", key="schedule"))
    options = AdversarialConfig(kind=kind, weight=1.0, shift=shift)
    return AdversarialTraining(build(DISCRIMINATORS, part, channels=3), options, schedule)


@pytest.mark.parametrize("kind", ADVERSARIAL)
def test_each_network_learns_by_its_own_loss_only(kind: str) -> None:
    adversarial = adversarial_of(kind)
    hr, sr = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16, requires_grad=True)
    adversarial.generator_loss(sr, hr).backward()
    assert sr.grad is not None and sr.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in adversarial.discriminator.parameters())
    sr.grad = None
    found = adversarial.discriminator_loss(sr, hr)
    found.loss.backward()
    assert sr.grad is None
    assert all(parameter.grad is not None for parameter in adversarial.discriminator.parameters())
    assert 0 <= float(found.real_accuracy) <= 1 and 0 <= float(found.fake_accuracy) <= 1


def test_the_discriminator_sees_other_beginnings_of_the_pictures_each_step() -> None:
    """Where crops always begin at a low-resolution pixel, it would teach a pattern of the network's scale."""
    adversarial = adversarial_of("relativistic", shift=4)
    seen: list[tuple[int, ...]] = []
    adversarial.discriminator.register_forward_hook(lambda _, pixels, __: seen.append(pixels[0].shape[2:]))
    hr, sr = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    for _ in range(40):
        adversarial.generator_loss(sr, hr)
        adversarial.discriminator_loss(sr, hr)
    sizes = set(seen)
    assert {height for height, _ in sizes} == {width for _, width in sizes} == {13, 14, 15, 16}
    assert len(sizes) > 8, "rows and columns are drawn apart"
    assert all(seen[n] == seen[n + 1] for n in range(0, len(seen), 2)), "the real picture is cut as the fake one is"
    with pytest.raises(ValueError, match="shift = 0"):
        AdversarialConfig(kind="hinge", weight=1.0, shift=0)


def test_the_gradient_penalty_is_the_squared_slope_at_the_original() -> None:
    """Of a discriminator that weighs pixels, the slope is the weights, whatever the picture."""

    class Weighing(Discriminator):
        def __init__(self) -> None:
            super().__init__()
            self.weights = torch.nn.Parameter(torch.randn(1, 3, 4, 4))

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return (pixels * self.weights).sum(dim=(1, 2, 3))[:, None]

    torch.manual_seed(0)
    schedule = build(SCHEDULES, parse_part(SCHEDULES, "constant", where="test", key="schedule"))
    weighing = Weighing()
    hr, sr = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    losses = [
        AdversarialTraining(
            weighing, AdversarialConfig(kind="hinge", weight=1.0, gradient_penalty=penalty), schedule
        ).discriminator_loss(sr, hr)
        for penalty in (0.0, 5.0)
    ]
    torch.testing.assert_close(losses[1].loss - losses[0].loss, 5 * weighing.weights.square().sum())
    (losses[1].loss - losses[0].loss).backward()
    torch.testing.assert_close(weighing.weights.grad, 10 * weighing.weights.detach())
    with pytest.raises(ValueError, match=r"gradient_penalty = -1\.0: should be 0 or more"):
        AdversarialConfig(kind="hinge", weight=1.0, gradient_penalty=-1.0)


@pytest.mark.parametrize("kind", ADVERSARIAL)
def test_its_losses_are_the_loss_functions(kind: str) -> None:
    """Without batch normalisation and in evaluation mode the two calls see the same logits."""
    adversarial = adversarial_of(kind).eval()
    hr, sr = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    real, fake = adversarial.discriminator(hr), adversarial.discriminator(sr)
    functions = ADVERSARIAL[kind]
    torch.testing.assert_close(adversarial.generator_loss(sr, hr), functions.generator(real, fake))
    found = adversarial.discriminator_loss(sr, hr)
    torch.testing.assert_close(found.loss, functions.discriminator(real, fake))
    assert float(found.real_accuracy + found.fake_accuracy) / 2 == pytest.approx(
        float(torch.stack(functions.right(real, fake)).mean())
    )


def test_a_run_logs_both_losses_and_keeps_the_last_weights(data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    best = run_recipe(recipe_of(data, adversarial=GAN), tmp_path / "run", log=lines.append)
    rows = rows_of(tmp_path / "run")
    assert {
        "train_adversarial", "train_discriminator", "train_real_accuracy", "train_fake_accuracy", "discriminator_rate",
    } <= set(rows[0])  # fmt: skip
    # One step of either network a batch: 24, not 48.
    assert rows[-1]["step"] == 24
    assert any("D right " in line for line in lines)
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    network, facts = checkpoint.load(best)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, state["state_dict"][f"averaged.{name}"])
    assert len(state["optimizer_states"]) == len(state["lr_schedulers"]) == 2
    assert list(facts.scores.values()) == [round(rows[-1]["val_psnr"], 3)]


@pytest.mark.slow
def test_a_discriminator_learns_to_tell_a_blurred_picture(data: Path, tmp_path: Path) -> None:
    """With a generator that hardly moves, the discriminator is right nearly always after 40 steps."""
    train = {**SMALL["train"], "epochs": 2, "steps_per_epoch": 40, "optimizer": {"rate": 1e-6}}
    section = {**GAN, "kind": "vanilla", "discriminator": {"name": "unet-sn", "width": 8}, "schedule": "constant"}
    run_recipe(recipe_of(data, adversarial=section, train=train, schedule="constant"), tmp_path / "run")
    rows = rows_of(tmp_path / "run")
    assert rows[1]["train_discriminator"] < rows[0]["train_discriminator"]
    assert rows[1]["train_real_accuracy"] + rows[1]["train_fake_accuracy"] > 1.8


def test_before_its_start_the_discriminator_changes_nothing(data: Path, tmp_path: Path) -> None:
    """Eight steps an epoch: it takes part from the third on; its columns are empty before, and so is the best."""
    alone, late = tmp_path / "alone", tmp_path / "late"
    run_recipe(recipe_of(data), alone)
    run_recipe(recipe_of(data, adversarial={**GAN, "start": 16}), late)
    text = (late / "metrics.csv").read_text().splitlines()
    header = text[0].split(",")
    cells = [dict(zip(header, line.split(","), strict=True)) for line in text[1:]]
    assert [row["train_adversarial"] != "" for row in cells] == [False, False, True]
    plain = rows_of(alone)
    for number in (0, 1):
        assert float(cells[number]["val_l1"]) == plain[number]["val_l1"]
    assert float(cells[2]["val_l1"]) != plain[2]["val_l1"]
    facts = checkpoint.load(late / "best.safetensors")[1]
    assert list(facts.scores.values()) == [round(float(cells[2]["val_psnr"]), 3)]


def test_what_decides_the_best_weights() -> None:
    assert monitored(None, ["l1"], adversarial=False) == "psnr"
    assert monitored("ssim", ["l1", "ssim"], adversarial=False) == "ssim"
    assert monitored(None, ["l1"], adversarial=True) == "last"
    assert monitored(None, ["l1", "perceptual"], adversarial=True) == "perceptual"
    assert monitored("last", ["perceptual"], adversarial=True) == "last"
    assert monitored(None, ["l1", "dists"], adversarial=True) == "dists"
    metrics = {name: METRICS[name] for name in ("ssim", "niqe-upres")}
    assert monitored("ssim", ["l1"], adversarial=False, metrics=metrics) == "ssim"
    assert monitored("niqe-upres", ["l1"], adversarial=True, metrics=metrics) == "niqe-upres"
    assert monitored(None, ["l1"], adversarial=True, metrics=metrics) == "last"
    with pytest.raises(ValueError, match="monitor = 'ssim': in adversarial training should be one of last, niqe-upre"):
        monitored("ssim", ["l1"], adversarial=True, metrics=metrics)


def fault(data: Path, tmp_path: Path, **changes: object) -> str:
    with pytest.raises(ConfigError) as error:
        run_recipe(recipe_of(data, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists() and "\n" not in str(error.value)
    return str(error.value)


def test_nonsense_is_refused_before_anything_is_written(data: Path, tmp_path: Path) -> None:
    train = SMALL["train"]
    assert isinstance(train, dict)
    for monitor in ("psnr", "loss", "l1"):
        said = fault(data, tmp_path, adversarial=GAN, train={**train, "monitor": monitor})
        assert said.startswith(
            f"test: train.monitor = '{monitor}': in adversarial training should be one of last; PSNR"
        )
    assert fault(data, tmp_path, train={**train, "monitor": "lpips"}).startswith(
        "test: train.monitor = 'lpips': should be one of psnr, loss, l1, last"
    )
    assert "train.early_stopping needs something to watch" in fault(
        data, tmp_path, adversarial=GAN, train={**train, "early_stopping": {"patience": 2}}
    )
    assert fault(data, tmp_path, adversarial={**GAN, "start": 24}).startswith(
        "adversarial.start = 24: the run has 24 steps, so its discriminator would never take part"
    )
    assert "gradients of generator and discriminator would need a scale each" in fault(
        data, tmp_path, adversarial=GAN, train={**train, "precision": "fp16"}
    )
    assert "test: adversarial.schedule.name = 'plateau': it waits for" in fault(
        data, tmp_path, adversarial={**GAN, "schedule": "plateau"}
    )
    assert "unknown key adversarial.wight = 1: did you mean weight?" in fault(
        data, tmp_path, adversarial={**GAN, "wight": 1}
    )
    assert "test: adversarial.weight = 0.0: should be above 0" in fault(
        data, tmp_path, adversarial={**GAN, "weight": 0}
    )
    said = fault(data, tmp_path, adversarial={**GAN, "kind": "wgan"})
    assert said == "test: adversarial.kind = 'wgan' is unknown: Known: hinge, least-squares, relativistic, vanilla"


def model(path: Path, seed: int, name: str, arch: dict[str, object] | None = None) -> Path:
    torch.manual_seed(seed)
    arch = arch or {"name": "srresnet", "width": 4, "blocks": 1}
    facts = Facts(name=name, scale=2, arch=arch, trained_on=f"data of {name}", licence="CC0")
    part = parse_part(ARCHS, arch, where="test", key="arch")
    checkpoint.save(path, checkpoint.network_of(part, facts), facts)
    return path


def test_interpolation_lies_between_and_tells_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [model(tmp_path / f"{n}.safetensors", n, f"net-{n}") for n in (1, 2)]
    first, second = (checkpoint.load(path)[0].state_dict() for path in paths)
    output = tmp_path / "c.safetensors"
    with pytest.raises(SystemExit) as left:
        main(["interpolate", *map(str, paths), "--alpha", "0.25", "-o", str(output)])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"{output}: net-2-0.25, ×2, 0.75 × net-1 + 0.25 × net-2\n"
    network, facts = checkpoint.load(output)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, 0.75 * first[name] + 0.25 * second[name])
    assert facts.blend == {"net-1": 0.75, "net-2": 0.25} and facts.scores == {}
    assert (facts.trained_on, facts.licence) == ("data of net-1 and data of net-2", "CC0")
    for alpha, expected in ((0.0, first), (1.0, second)):
        interpolate(paths[0], paths[1], output, alpha=alpha)
        for name, tensor in checkpoint.load(output)[0].state_dict().items():
            assert torch.equal(tensor, expected[name])


def test_what_cannot_be_interpolated(tmp_path: Path) -> None:
    first = model(tmp_path / "1.safetensors", 1, "net-1")
    other = model(tmp_path / "2.safetensors", 2, "net-2", {"name": "espcn"})
    with pytest.raises(ModelError, match=r"2\.safetensors: its arch is .*only models that differ in nothing but"):
        interpolate(first, other, tmp_path / "c.safetensors", alpha=0.5)
    with pytest.raises(ConfigError, match=r"^alpha = 2: should be from 0 \(the first model\) to 1"):
        interpolate(first, first, tmp_path / "c.safetensors", alpha=2)
    with pytest.raises(ConfigError, match=r"c\.onnx: should end in \.safetensors"):
        interpolate(first, first, tmp_path / "c.onnx", alpha=0.5)
    assert not (tmp_path / "c.safetensors").exists()
