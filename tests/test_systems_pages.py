"""The commands of docs/systems, in their order as they stand, on small made-up data; only their length is cut."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.commands import Command
from tests.small_pictures import picture
from tests.small_sets import save_cifar
from upres.image import Picture, imresize, read, read_header, write
from upres.models import vgg

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "systems"
# Thousands are held out of two of the sets; a few are measured.
FEW = {"cifar10", "portraits"}
SHORT = ["train.epochs=1", "train.steps_per_epoch=1", "train.batch=2", "train.samples=0", "train.loggers=[]"]


def save(path: Path, height: int, width: int, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).random((height // 8 + 1, width // 8 + 1, 3))
    pixels = (255 * imresize(coarse, 8).clip(0, 1)).astype(np.uint8)[:height, :width]
    write(Picture(pixels), path)


def cifar10() -> None:
    save_cifar(Path("FOLDER") / "cifar-10-batches-py", 1010)  # the last 5,000 of the training's are held out


def div2k() -> None:
    for split, numbers in (("train", range(1, 3)), ("valid", range(801, 803))):
        for number in numbers:
            large = Path("DIV2K") / f"DIV2K_{split}_HR" / f"{number:04d}.png"
            save(large, 128, 160, number)
            small = Path("DIV2K") / f"DIV2K_{split}_LR_bicubic" / "X4" / f"{number:04d}x4.png"
            small.parent.mkdir(parents=True, exist_ok=True)
            write(Picture(imresize(read(large).pixels, 1 / 4)), small)


def faces() -> None:
    for number in (1, 2, 162771, 162772):
        save(Path("FOLDER") / "img_align_celeba" / f"{number:06d}.jpg", 218, 178, number)


def patches() -> None:
    for folder in ("photos", "held-out"):
        for number in range(2):
            save(Path(folder) / f"{number}.png", 160, 200, number)


def gan() -> None:
    for folder, side, count in (("cid22", 128, 1), ("gb82", 128, 17), ("budgie", 400, 1)):
        for number in range(count):
            save(Path("photos") / folder / f"{number:02d}.png", side, side, number)
    shutil.copytree(ROOT / "checkpoints", "checkpoints")  # the page's commands are those of a copy of the repository


def portraits() -> None:
    pytest.importorskip("datasets")
    for number in range(1003):  # the last thousand are held out
        side = 64 if number < 3 else 32  # what is trained on has the size of a patch
        save(Path("eurecom-ds") / "celeba-hq-256" / f"{number:04d}.png", side, side, number)


# page → what lies there before, and what is there at the end besides the weights that it names.
SYSTEMS: dict[str, tuple[Callable[[], None], dict[str, int]]] = {
    "cifar10": (cifar10, {}),
    "div2k": (div2k, {"photo_x4.jpg": 96}),
    "faces": (faces, {"portrait_x4.jpg": 96}),
    "gan": (gan, {}),
    "patches": (patches, {}),
    "portraits": (portraits, {"portrait_x4.jpg": 96}),
}


@pytest.fixture(scope="module")
def vgg19(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random filters in a file like the published one."""
    generator, tensors = torch.Generator().manual_seed(0), {}
    for _, index, (width, before) in vgg._table():
        deviation = (2 / before / 9) ** 0.5
        tensors[f"features.{index}.weight"] = torch.randn(width, before, 3, 3, generator=generator) * deviation
        tensors[f"features.{index}.bias"] = torch.zeros(width)
    path = tmp_path_factory.mktemp("vgg19") / "vgg19-dcbb9e9d.pth"
    torch.save(tensors, path)
    return path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("page", SYSTEMS)
def test_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command, vgg19: Path) -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {*SYSTEMS, "README"}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "cache" / "features").mkdir(parents=True)
    (tmp_path / "cache" / "features" / vgg19.name).symlink_to(vgg19)
    prepare, made = SYSTEMS[page]
    prepare()
    for name in ("photo.jpg", "portrait.jpg"):
        write(picture(height=20, width=24), name)
    block = re.findall(r"```sh\n(.*?)```", (PAGES / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL)[0]
    named = set()
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        if words[0] == "pip":
            continue
        assert words[0] == "upres", line
        if words[1] == "train":
            few = ["data.validation.0.take=8"] if page in FEW else []
            words += [word for setting in (*SHORT, *few) for word in ("--set", setting)]
        if words[1] == "evaluate":
            words += ["--limit", "8"]
        code, _, err = command(*words[1:])
        assert code == 0, (line, err)
        named |= {word for word in words if word.endswith(".safetensors")}
    assert all(Path(name).is_file() for name in named)
    for name, width in made.items():
        assert read_header(name).width == width
