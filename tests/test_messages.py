"""What a wrong recipe, setting or array is answered with: key, value, and the nearest right one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.commands import Command
from tests.small_runs import BARE, SMALL, recipe_of, rows_of, small_data
from upres.config.amounts import time_in_words
from upres.data.sources.npz import Npz, NpzConfig
from upres.errors import ConfigError, DataError
from upres.recipes import read_recipe, run_recipe
from upres.train.pace import Pace

# Setting → what the message says after it: key, value, and what is right.
WRONG = [
    ("optimiser=adam", "unknown key optimiser = 'adam': did you mean train.optimizer?"),
    ("epochs=3", "unknown key epochs = 3: did you mean train.epochs?"),
    ("batch_size=3", "unknown key batch_size = 3: did you mean train.batch?"),
    ("train.optimizer.lr=0.1", "unknown key train.optimizer.lr = 0.1: did you mean rate? Known: rate, betas"),
    ("train.optimizer.learning_rate=0.1", "unknown key train.optimizer.learning_rate = 0.1: did you mean rate?"),
    ("train.optimizer.eps=1", "unknown key train.optimizer.eps = 1: did you mean epsilon?"),
    ("train.optimizer.wd=1", "unknown key train.optimizer.wd = 1: did you mean weight_decay?"),
    ("train.optimizer.rate=fast", "train.optimizer.rate = 'fast': should be a valid number"),
    ("train.optimizer.rate=-1", "train.optimizer.rate = -1.0: should be above 0"),
    ("train.optimizer.name=adan", "optimizer.name = 'adan' is unknown: did you mean adam? Known: adam, soap"),
    ("train.optimizer=soap", "train.optimizer = 'soap': should be a mapping of name, rate,"),
    (
        "train.early_stopping.patiense=3",
        "unknown key train.early_stopping.patiense = 3: did you mean patience?",
    ),
    ("train.early_stopping=3", "train.early_stopping = 3: should be a mapping of patience"),
    ("train.batch_size=4", "unknown key train.batch_size = 4: did you mean batch?"),
    ("train.max_epochs=4", "unknown key train.max_epochs = 4: did you mean epochs?"),
    ("train.epochs=many", "train.epochs = 'many': should be a valid integer"),
    ("train.epochs=0", "train.epochs = 0: should be at least 1"),
    ("train.epochs=1.5", "train.epochs = 1.5: should be a valid integer"),
    ("train.grad_clip=1", "unknown key train.grad_clip = 1: did you mean clip?"),
    ("train.clip=0", "train.clip = 0.0: should be above 0; leave it out to not clip"),
    ("train.ema=1", "train.ema = 1.0: should be in [0, 1)"),
    ("train.precision=fp8", "train.precision = 'fp8' is unknown: did you mean fp32?"),
    ("train.amp=true", "unknown key train.amp = True: did you mean precision?"),
    ("train.monitor=ssim", "train.monitor = 'ssim': should be one of psnr, loss, l1, last"),
    ("train.loggers=[tensorbord]", "train.loggers.0 = 'tensorbord' is unknown: did you mean tensorboard?"),
    ("train.loggers=tensorboard", "train.loggers = 'tensorboard': should be a list"),
    ("train.samples=-1", "train.samples = -1: should be at least 0, which draws none"),
    ("losses=[]", "losses = []: is empty; name at least one of charbonnier, contextual, dists,"),
    ("losses=l1", "losses = 'l1': should be a list of losses: charbonnier, contextual, dists,"),
    ("losses=[l3]", "losses.0.name = 'l3' is unknown: did you mean l1?"),
    ("losses=[{name: l1, weight: -1}]", "losses.0.weight = -1: should be 0 or more; a loss is made small, not large"),
    ("losses=[{name: l1, loss_weight: 1}]", "unknown key losses.0.loss_weight = 1: did you mean weight?"),
    ("losses=[{nam: l1}]", "losses.0 = {'nam': 'l1'}: should be a name, or a mapping with one: charbonnier,"),
    ("arch=espnc", "arch.name = 'espnc' is unknown: did you mean espcn?"),
    ("arch.num_feat=64", "unknown key arch.num_feat = 64: did you mean width?"),
    ("network_g=edsr", "unknown key network_g = 'edsr': did you mean arch?"),
    ("scale=0", "scale = 0: should be at least 1"),
    ("scale=two", "scale = 'two': should be a valid integer"),
    ("colour=RGB", "colour = 'RGB': should be 'rgb', 'gray' or 'luma'"),
    ("seed=-1", "seed = -1: should be from 0 to 2^64 - 1"),
    ("manual_seed=1", "unknown key manual_seed = 1: did you mean seed?"),
    ("data.patch_size=32", "unknown key data.patch_size = 32: did you mean patch?"),
    ("data.patch=0", "data.patch = 0: should be at least 1"),
    ("data.train=[]", "data.train = []: is empty; name at least one of"),
    ("data.val=[x]", "unknown key data.val = ['x']: did you mean validation?"),
    ("data.train.0.dataroot=x", "unknown key data.train.0.dataroot = 'x': did you mean path?"),
    ("data.train.0.name=foldr", "data.train.0.name = 'foldr' is unknown: did you mean folder?"),
    ("data.train.0.shrink=0", "data.train.0.shrink = 0: should be at least 1"),
    ("data.train.0.take=0", "data.train.0.take = 0 leaves no pictures: give how many, or leave it out"),
    ("degradation=bicubik", "degradation.name = 'bicubik' is unknown: did you mean bicubic?"),
    ("schedule.warmup_iter=5", "unknown key schedule.warmup_iter = 5: did you mean warmup?"),
    ("scheduler=cosine", "unknown key scheduler = 'cosine': did you mean schedule?"),
    ("protocol.boarder=4", "unknown key protocol.boarder = 4: did you mean border?"),
    ("metrics=[sim]", "metrics.0.name = 'sim' is unknown: did you mean ssim?"),
    ("pretrained=base", "unknown key pretrained = 'base': did you mean init?"),
    ("init_missing=yes", "init_missing = True: should be 'refuse' or 'allow'"),
    ("adversarial={kind: hinge, weight: -1}", "adversarial.weight = -1.0: should be above 0; or leave adversarial out"),
    ("adversarial={kind: hing, weight: 1}", "adversarial.kind = 'hing' is unknown: did you mean hinge?"),
]


@pytest.mark.parametrize(("setting", "said"), WRONG, ids=[setting for setting, _ in WRONG])
def test_a_wrong_setting_is_blamed_with_key_value_and_the_nearest_right_one(setting: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_recipe("cifar10-x2" if "take" in setting else "finetune-x4", settings=[setting])
    message = str(error.value)
    assert "\n" not in message and error.value.settings == ("set",)
    assert message.startswith(f"{setting}: ") and said in message, message


def test_there_are_at_least_forty() -> None:
    assert len({setting for setting, _ in WRONG}) >= 40


def test_of_several_settings_the_guilty_one_is_blamed_and_a_wrong_file_is_not_forgiven(tmp_path: Path) -> None:
    def fault(recipe: str, *settings: str) -> ConfigError:
        with pytest.raises(ConfigError) as error:
            read_recipe(recipe, settings=settings)
        return error.value

    found = fault("finetune-x4", "seed=4", "train.epoch=3", "scale=2")
    assert str(found).startswith("train.epoch=3: unknown key train.epoch = 3: did you mean epochs?")
    assert str(fault("finetune-x4", "train.epoch=3", "train.bach=3")).startswith("train.epoch=3, train.bach=3: unknown")
    text = "name: a\nscale: 2\narch: espcn\ntrain: {epoch: 3}\ndata: {}\n"
    (tmp_path / "mine.yaml").write_text(text)
    found = fault(str(tmp_path / "mine.yaml"), "seed=4")
    assert str(found).startswith(f"{tmp_path / 'mine.yaml'}: ") and found.settings == ()


def test_the_command_names_its_option(tmp_path: Path, command: Command) -> None:
    line = command.refused(tmp_path, "train", "finetune-x4", "--set", "train.optimizer.lr=0.1")
    assert line.startswith("train.optimizer.lr=0.1: unknown key") and line.endswith("(--set)")


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (
            np.zeros((3, 8, 8, 3), np.int64),
            "pictures is int64; should be uint8, or float in [0, 1]: where it",
        ),
        (
            np.linspace(-1, 1, 192).reshape(1, 8, 8, 3),
            "pictures is float64 from -1 to 1; floats should .* they look like",
        ),
        (
            np.linspace(0, 255, 192).reshape(1, 8, 8, 3),
            "pictures is float64 from 0 to 255; .* divide by 255",
        ),
        (
            np.linspace(-3, 1, 192).reshape(1, 8, 8, 3),
            "pictures is float64 from -3 to 1; .* divide by 255",
        ),
    ],
)
@pytest.mark.parametrize("named", [{}, {"hr": "pictures"}], ids=["by shape", "by name"])
def test_arrays_of_other_numbers_are_told_by_their_kind(
    tmp_path: Path, array: Any, said: str, named: dict[str, str]
) -> None:
    np.savez(tmp_path / "a.npz", pictures=array)
    with pytest.raises(DataError, match=said.replace("[", r"\[").replace("]", r"\]")):
        len(Npz(NpzConfig(path="a.npz", **named), root=tmp_path))


def test_a_run_says_how_it_ended_and_one_line_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(tmp_path, monkeypatch)
    lines: list[str] = []
    run_recipe(recipe_of(data), tmp_path / "run", log=lines.append)
    assert [line.split("  ")[0] for line in lines if line.startswith("epoch ")] == [
        "epoch 1/3",
        "epoch 2/3",
        "epoch 3/3",
    ]
    assert all(line.endswith(" left") for line in lines if line.startswith("epoch ")) and "0 s left" in lines[-2]
    rows = rows_of(tmp_path / "run")
    best = max(rows, key=lambda row: row["val_psnr"])
    assert lines[-1].startswith("finished: 3 epochs, ")
    assert lines[-1].endswith(f"; best weights: of epoch {best['epoch']:.0f}, PSNR {best['val_psnr']:.3f} dB")

    train = {**{"epochs": 12, "steps_per_epoch": 2, "batch": 4, "early_stopping": {"patience": 1}}, **BARE}
    train |= {"optimizer": {"rate": 0.5}, "monitor": "l1"}
    run_recipe(recipe_of(data, train=train, schedule="constant"), tmp_path / "early", log=lines.append)
    ended = rows_of(tmp_path / "early")[-1]["epoch"]
    assert ended < 12
    assert f"stopped early after epoch {ended:.0f} of 12: val_l1 was not better for 1 epochs, " in lines[-1]
    assert ", l1 " in lines[-1]


def test_a_piped_run_prints_lines_and_no_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    import yaml

    data = small_data(tmp_path, monkeypatch)
    values = {**SMALL, "data": {**SMALL["data"], "root": str(data)}, "train": {**SMALL["train"], "epochs": 2}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(values))
    code, out, err = command("train", str(tmp_path / "small.yaml"), "--run", str(tmp_path / "run"))
    assert (code, out) == (0, f"{tmp_path / 'run' / 'best.safetensors'}\n")
    assert "\r" not in err and "\x1b" not in err
    assert sum(line.startswith("epoch ") for line in err.splitlines()) == 2


def test_time_left_is_that_of_the_steps_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("upres.train.pace.time.monotonic", lambda: clock[0])
    pace = Pace()
    pace.start(50)
    assert pace.left(50, 100) == "? left"
    clock[0] = 120.0
    assert pace.left(60, 100) == "1 min left" and pace.rate(60) == 0.5
    assert pace.left(100, 100) == "0 s left" and time_in_words(3 * 3600) == "3 h 0 min"
