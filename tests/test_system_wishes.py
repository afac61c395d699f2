"""What the published systems wish for, and docs/systems/README.md says can be had, trains: a few steps of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import page_folders as folders
from tests.small_runs import rows_of
from upres.data.leaves import leaves
from upres.image import imresize
from upres.recipes import read_recipe, run_recipe

GAN = "adversarial={kind: vanilla, weight: 1.0e-3, discriminator: {name: vgg, width: 4, hidden: 8}}"
SMALL = ("train.epochs=1", "train.steps_per_epoch=2", "train.batch=2", "train.samples=0", "data.validation.0.take=2")
FACES = (
    "data.train=[{name: celeba, resize: 128}]",
    "data.validation=[{name: celeba, split: validation, resize: 128}]",
)
UNET = ("arch.width=4", *SMALL)

WISHES: dict[str, tuple[str, tuple[str, ...]]] = {
    "faces, SSIM and perceptual loss": (
        "faces-unet-x4",
        ("losses=[{name: l1}, {name: ssim, weight: 0.1}, {name: perceptual, weight: 0.006}]", *UNET),
    ),
    "faces, adversarial": ("faces-unet-x4", (GAN, *UNET)),
    "faces, deeper": ("faces-unet-x4", ("arch.depth=4", *UNET)),
    "faces, not stretched": ("faces-unet-x4", ("data.train.0.fit=crop", "data.validation.0.fit=crop", *UNET)),
    "faces, SRGAN": (
        "faces-unet-x4",
        (GAN, "arch={name: srresnet, width: 8, blocks: 1}", "losses=[{name: perceptual, weight: 0.006}]", *SMALL),
    ),
    "patches, ESPCN": ("patches-baseline-x4", ("arch=espcn", *SMALL)),
    "patches, SRResNet": ("patches-baseline-x4", ("arch={name: srresnet, width: 8, blocks: 1}", *SMALL)),
    "patches, SRGAN": ("patches-baseline-x4", (GAN, "arch={name: srresnet, width: 8, blocks: 1}", *SMALL)),
    "patches, style": ("patches-baseline-x4", ("losses=[{name: l1}, {name: style, weight: 1.0e-3}]", *SMALL)),
    "patches, the skip alone": ("patches-baseline-x4", ("arch.upsampling=bicubic", "arch.width=8", *SMALL)),
    **{
        f"patches, {name}": ("patches-baseline-x4", (f"arch.upsampler={name}", "arch.width=8", *SMALL))
        for name in ("nearest", "pixel-shuffle", "transposed", "bilinear")
    },
    "DIV2K, perceptual loss": (
        "div2k-cnn-x4",
        ("losses=[{name: mse}, {name: perceptual, weight: 1.6e-5, layers: {conv2_2: 1.0}, compare: mse}]", *SMALL),
    ),
    "portraits, no perceptual loss": ("portraits-srcnn", ("losses=[mse]", *SMALL)),
    "portraits, SRGAN in gray": (
        "srgan-x4",
        (
            *("colour=gray", "init=null", "data.patch=32", *FACES),
            "arch={name: srresnet, width: 8, blocks: 1}",
            "adversarial.discriminator={name: vgg, width: 4, hidden: 8}",
            *SMALL,
        ),
    ),
    "portraits, the recipe of a gray GAN": (
        "portraits-gan-x4",
        ("init=null", "adversarial.discriminator.width=4", *FACES, *SMALL),
    ),
}


def _faces(_: pytest.MonkeyPatch) -> None:
    folders.celeba()


def _patches(_: pytest.MonkeyPatch) -> None:
    for part in ("train", "validation"):
        hr = np.stack([leaves(128, 128, seed=seed) for seed in range(3)])
        lr = np.stack([imresize(picture, 0.25) for picture in hr])
        np.savez(folders.place(f"FOLDER/{part}/hr_lr_images.npz"), hr=hr, lr=lr)


def _div2k(_: pytest.MonkeyPatch) -> None:
    folders.div2k()
    Path("DIV2K").rename("FOLDER")


def _portraits(monkeypatch: pytest.MonkeyPatch) -> None:
    folders.hub(monkeypatch)
    folders.celeba()


LAYOUTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "faces": _faces,
    "patches": _patches,
    "DIV2K": _div2k,
    "portraits": _portraits,
}


@pytest.mark.slow
@pytest.mark.parametrize("wish", WISHES)
def test_it_trains(wish: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    folders.features(monkeypatch)
    recipe, settings = WISHES[wish]
    LAYOUTS[wish.split(",", maxsplit=1)[0]](monkeypatch)
    best = run_recipe(read_recipe(recipe, settings=settings, data=Path("FOLDER")), Path("run"))
    assert best.is_file()
    assert rows_of(Path("run"))[-1]["val_psnr"] > 5
