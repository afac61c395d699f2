"""Option files of other trainers as recipes: what is taken over, what is named, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.commands import Command
from tests.other_trainers import BASICSR
from upres.errors import ConfigError
from upres.recipes import convert_options, parse_recipe, read_recipe

REDUX = """
name: 2x_redux
scale: 2
use_amp: true
jpeg_range: [75, 95]
jpeg_prob: 0.8
resize_prob: [0.2, 0.7, 0.1]
noise_range2: [0, 4]
datasets:
  train:
    type: realesrgandataset
    dataroot_gt: [a/hr, b/hr]
    kernel_list: [iso, plateau_aniso]
    kernel_prob: [0.75, 0.25]
    blur_sigma: [0.2, 2]
    lq_size: 48
    batch_size_per_gpu: 4
    accum_iter: 2
network_g: {type: esrgan, use_pixel_unshuffle: true}
network_d: {type: dunet}
train:
  optim_g: {type: AdamW, lr: !!float 2e-4, weight_decay: 0.01}
  scheduler: {type: CosineAnnealingLR, T_max: 100000, eta_min: !!float 1e-6}
  total_iter: 100000
  warmup_iter: 200
  losses:
    - {type: charbonnierloss, loss_weight: 1.0, eps: 1.0e-6}
    - {type: hsluvloss, criterion: charbonnier, loss_weight: 1.0}
    - {type: ganloss, gan_type: lsgan, loss_weight: 0.1}
    - {type: ldlloss, loss_weight: 0}
val: {val_enabled: false, metrics: {ssim: {type: calculate_ssim, crop_border: 2, test_y_channel: false}}}
logger: {use_tb_logger: false}
"""
NEOSR = r"""
name = "neo"
scale = 4
[datasets.train]
type = "paired"
dataroot_gt = 'C:\data\gt\'
patch_size = 48
batch_size = 8
augmentation = ["none", "mixup"]
[val]
val_freq = 1000
[network_g]
type = "compact"
[train]
ema = 0.999
[train.optim_g]
type = "adan_sf"
lr = 8e-4
[train.ff_opt]
type = "ff_loss"
loss_weight = 0.5
[logger]
total_iter = 5000
"""


def test_a_run_of_basicsr_is_taken_over(tmp_path: Path, command: Command) -> None:
    (tmp_path / "train.yml").write_text(BASICSR)
    code, out, _ = command("recipes", "convert", str(tmp_path / "train.yml"), str(tmp_path / "mine.yaml"))
    missing = ("val.metrics.niqe.type = calculate_niqe: no such metric", "datasets.train.meta_info_file = list.txt")
    text = (tmp_path / "mine.yaml").read_text()
    assert code == 0 and all(f"  {line}\n" in out and f"# {line}\n" in text for line in missing)
    assert text.count("\n# ") == 3 and (tmp_path / "recipe.schema.json").is_file()
    assert "is there already" in command.refused(
        tmp_path, "recipes", "convert", str(tmp_path / "train.yml"), str(tmp_path / "mine.yaml")
    )
    recipe = read_recipe(str(tmp_path / "mine.yaml"))
    said = recipe.dump()
    assert (recipe.name, recipe.head.scale, recipe.head.seed) == ("my run-4", 4, 10)
    assert (recipe.head.init, recipe.head.init_missing) == ("psnr.pth", "allow")
    assert {"name": "rrdb", "width": 32, "blocks": 4, "growth": 32}.items() <= said["arch"].items()
    assert (said["data"]["patch"], said["train"]["batch"], said["train"]["steps"]) == (32, 16, 4000)
    source = {"path": "photos/hr", "lr": "photos/lr", "partner": "{stem}x4"}
    assert source.items() <= said["data"]["train"][0].items()
    assert said["data"]["validation"][0]["lr"] == "five/lr" and list(said["validation_sets"]) == ["fourteen"]
    assert [(loss["name"], loss["weight"]) for loss in said["losses"]] == [("l1", 0.01), ("perceptual", 1.0)]
    assert said["train"]["optimizer"]["rate"] == 1e-4 and said["train"]["optimizer"]["betas"] == [0.9, 0.99]
    assert said["train"]["validate_every"]["steps"] == 500 and said["train"]["ema"] == 0.999
    assert said["train"]["sharpen"] == {"weight": 0.5, "threshold": 10.0}
    assert said["schedule"] == {"name": "multi-step", "milestones": [500, 1000], "factor": 0.5, "warmup": 0}
    adversarial = said["adversarial"]
    assert (adversarial["kind"], adversarial["weight"]) == ("relativistic", 5e-3)  # as its model compares them
    assert adversarial["discriminator"]["width"] == 48 and adversarial["optimizer"]["rate"] == 2e-4
    assert (recipe.protocol.space, recipe.protocol.border) == ("luma", 3)


def test_a_run_of_trainner_redux_is_taken_over_with_its_degradation(tmp_path: Path) -> None:
    (tmp_path / "redux.yml").write_text(REDUX)
    found = convert_options(tmp_path / "redux.yml")
    (tmp_path / "mine.yaml").write_text(found.text())
    said = read_recipe(str(tmp_path / "mine.yaml")).dump()
    assert said["arch"]["unshuffle"] == 2 and said["losses"] == [
        {"name": "charbonnier", "weight": 1.0, "epsilon": 1e-3}
    ]
    blur, _, noise, jpeg, _, _, second, *_ = said["degradation"]["steps"]
    assert (blur["sigma"], blur["kinds"]) == ([0.2, 2.0], {"isotropic": 0.75, "plateau-anisotropic": 0.25})
    assert (jpeg["quality"], jpeg["probability"], second["gaussian"]) == ([75.0, 95.0], 0.8, [0.0, 4.0])
    assert noise["gaussian"] == [1.0, 30.0]
    assert said["schedule"] == {"name": "cosine", "warmup": 200, "floor": pytest.approx(0.005)}
    assert (said["train"]["accumulate"], said["train"]["precision"], said["train"]["loggers"]) == (2, "bf16", [])
    assert [source["path"] for source in said["data"]["train"]] == ["a/hr", "b/hr"]
    assert (said["data"]["train"][0]["skip"], said["data"]["validation"][0]["take"]) == (4, 4)
    assert said["adversarial"]["kind"] == "least-squares" and said["metrics"] == [{"name": "ssim"}]
    named = "\n".join(found.missing)
    for part in (
        "hsluvloss: no such loss",
        "network_d.type = dunet",
        "resize_prob = [0.2",
        "no pictures to measure on",
    ):
        assert part in named
    assert "use_amp" in named and "Real-ESRGAN's" in named and "ldlloss" not in named


def test_a_run_of_neosr_is_taken_over_and_what_is_unknown_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text(NEOSR)
    found = convert_options(path)
    (tmp_path / "mine.yaml").write_text(found.text())
    said = read_recipe(str(tmp_path / "mine.yaml")).dump()
    assert said["arch"] == {"name": "compact", "width": 64, "convs": 16} and said["train"]["steps"] == 5000
    assert said["data"]["train"][0]["path"] == "C:\\data\\gt\\" and said["train"]["optimizer"]["rate"] == 1e-3
    assert said["losses"][0]["name"] == "l1"
    named = "\n".join(found.missing)
    for part in ("adan_sf: no such optimiser", "optim_g.lr = 0.0008", "mixup", "ff_loss: no such loss", "is l1"):
        assert part in named
    # A network that is not here stays by its name, and the recipe is refused until another is chosen.
    path.write_text(NEOSR.replace('"compact"', '"omni\\u2028: x"'))
    found = convert_options(path)
    assert "upres train refuses it as it stands: the recipe: arch.name = " in found.missing[0]
    assert all(line.isprintable() for line in found.missing)
    assert yaml.safe_load(found.text())["arch"]["name"] == "omni\u2028: x"


@pytest.mark.parametrize(
    ("suffix", "text", "expected"),
    [
        # LDL's own, a fork of BasicSR; redux's two ways; neosr's, which knows no averaged weights.
        ("yml", "train: {ema_decay: 0.999, artifacts_opt: {type: L1Loss, loss_weight: 2.0}}", {"weight": 2.0}),
        ("yml", "train: {ema_decay: 0.999, ldl_opt: {type: MSELoss}}", {"compare": "mse"}),
        ("yml", "train: {ema_decay: 0.999, losses: [{type: ldlloss, loss_weight: 1}]}", {}),
        ("yml", "train: {ema_decay: 0.999, ldl_opt: {type: LDLLoss, criterion: l2}}", {"compare": "mse"}),
        ("yml", "train: {ldl_opt: {type: LDLLoss}}", {"averaged": False}),
        (
            "toml",
            '[train]\nema = 0.99\n[train.ldl_opt]\ntype = "ldl_loss"\nksize = 9',
            {"averaged": False, "window": 9},
        ),
    ],
)
def test_ldl_is_taken_over(tmp_path: Path, suffix: str, text: str, expected: dict[str, object]) -> None:
    head = (
        'scale = 4\n[network_g]\ntype = "compact"\n' if suffix == "toml" else "scale: 4\nnetwork_g: {type: compact}\n"
    )
    (tmp_path / f"a.{suffix}").write_text(head + text)
    found = convert_options(tmp_path / f"a.{suffix}")
    usual = {"name": "ldl", "weight": 1.0, "compare": "l1", "averaged": True}
    assert found.recipe["losses"] == [{**usual, **expected}]
    said = [line for line in found.missing if "ldl" in line or "artifacts" in line]
    wanted = ["train.ldl_opt: there are no averaged weights (ema) to compare with"]
    assert said == (wanted if suffix == "yml" and "ema" not in text else [])


SWINIR = "embed_dim: 60, depths: [6, 6], num_heads: [6, 6], window_size: 8, mlp_ratio: 2, upsampler: pixelshuffledirect"
DAT = "embed_dim: 60, depth: [18], num_heads: [6], split_size: [8, 32], expansion_factor: 2, resi_connection: 3conv"


@pytest.mark.parametrize(
    ("network", "expected", "said"),
    [
        (f"type: SwinIR, {SWINIR}, img_range: 1., resi_connection: 1conv, img_size: 64", {"depths": (6, 6)}, []),
        ("type: swinir_s, window_size: 16", {"name": "swinir", "width": 60, "window": 16}, []),
        ("type: swinir_m", {"width": 180, "depths": (6,) * 6, "upsampler": "pixel-shuffle"}, []),
        (
            f"type: SwinIR, {SWINIR}, resi_connection: 3conv",
            {},
            ["network_g.resi_connection = 3conv: it is 1conv here"],
        ),
        (
            f"type: SwinIR, {SWINIR.replace('pixelshuffledirect', 'nearest+conv')}",
            {"upsampler": "direct"},
            [
                "network_g.upsampler = nearest+conv: upres has it with pixelshuffle or pixelshuffledirect",
                "network_g.upsampler: the file says nothing of it; upsampler is direct here",
            ],
        ),
        (f"type: DAT, {DAT}, upsampler: pixelshuffledirect", {"convs": 3, "window": (8, 32)}, []),
        ("type: dat_light", {"name": "dat", "convs": 3, "upsampler": "pixel-shuffle"}, []),
        ("type: dat_2", {"width": 180, "convs": 1, "expansion": 2.0, "window": (8, 32)}, []),
        (
            "type: HAT, embed_dim: 180, depths: [6, 6], num_heads: [6, 4], window_size: 16, mlp_ratio: 2, "
            "compress_ratio: 3, squeeze_factor: 30, conv_scale: 0.01, overlap_ratio: 0.5, upsampler: pixelshuffle",
            {"width": 180, "heads": 6, "compression": 3, "squeeze": 30},
            ["network_g.num_heads: groups with [4, 6] heads; here all have as many"],
        ),
        (
            "type: omnisr, num_feat: 48, res_num: 3, block_num: 2, bias: true",
            {"width": 48, "groups": 3, "blocks": 2},
            [],
        ),
        (f"type: SwinIR, {SWINIR}, drop_path_rate: 0.1", {}, ["network_g.drop_path_rate = 0.1"]),
    ],
)
def test_networks_of_attention_are_taken_over(
    tmp_path: Path, network: str, expected: dict[str, object], said: list[str]
) -> None:
    data = "datasets: {train: {dataroot_gt: hr}, val: {dataroot_gt: val}}"
    (tmp_path / "a.yml").write_text(f"scale: 4\ntotal: 1\nnetwork_g: {{{network}, use_checkpoint: true}}\n{data}\n")
    found = convert_options(tmp_path / "a.yml")
    assert [line for line in found.missing if line.startswith("network_g")] == said
    found.recipe["train"]["steps"] = 10
    recipe = parse_recipe(found.recipe, where="converted")
    arch = {"name": recipe.arch.name, **vars(recipe.arch.config)}
    assert expected.items() <= arch.items() and recipe.train.gradient_checkpointing


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yml", "!!python/object/apply:os.system ['touch ran']", "not valid YAML"),
        ("a.yml", "scale: 4", "is no option file of these trainers"),
        ("a.yml", "[1, 2]", "holds list"),
        ("a.yml", "scale: 4\n" + "a: " + "{a: " * 60 + "1" + "}" * 60, "nested too deeply"),
        ("a.yml", "x" * 1_000_001, "longer than 1,000,000 characters"),
        ("a.toml", "x = " + "1" * 1_000_001, "longer than 1,000,000 characters"),
        ("a.toml", "scale = ", "not valid TOML"),
        ("a.toml", ".".join("a" * 300) + " = 1", "nested too deeply"),
        ("a.toml", "a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a.json", "{}", "should end in .yml, .yaml or .toml"),
    ],
)
def test_what_is_no_option_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    with pytest.raises(ConfigError, match=said):
        convert_options(Path(name))
    assert [path.name for path in tmp_path.iterdir()] == [name]
