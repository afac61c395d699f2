"""What lies in a reader's folder before they follow a page: small, in the layout that the page speaks of."""

from __future__ import annotations

import functools
import hashlib
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.small_sets import save_cifar
from upres.data.leaves import leaves
from upres.image import Picture, imresize, read, write
from upres.storage.cache_home import cache_home

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINTS = ROOT / "checkpoints"


def photo(path: str, height: int = 24, width: int = 28, seed: int = 0) -> None:
    """Write a picture in which neighbours are alike."""
    smooth = imresize(np.random.default_rng(seed).random((height // 6 + 1, width // 6 + 1, 3)), 6)[:height, :width]
    write(Picture((255 * smooth.clip(0, 1)).astype(np.uint8)), place(path))


def place(path: str) -> Path:
    """Return a path whose folder is there."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return Path(path)


def reduced(large: str, small: str) -> None:
    """Write a picture at a quarter of its size."""
    write(Picture(imresize(read(large).pixels, 0.25)), place(small))


def photos(folder: str = "photos") -> None:
    """The three sets that recipes of photographs name; one picture is left for validation."""
    for name, count, side in (("cid22", 2, 200), ("gb82", 16, 200), ("budgie", 1, 600)):
        for number in range(count):
            photo(f"{folder}/{name}/{number:02}.png", side, side, number)


def own_photos() -> None:
    """What somebody has, large enough for the first recipes."""
    for number in range(6):
        photo(f"my-photos/{number}.jpg", 520, 540, number)


def benchmark_set(folder: str, count: int = 2) -> None:
    """A set as it is published: `HR`, and `LRx4` made by MATLAB's bicubic."""
    for number in range(count):
        photo(f"{folder}/HR/{number}.png", 64, 72, number)
        reduced(f"{folder}/HR/{number}.png", f"{folder}/LRx4/{number}.png")


def cifar() -> None:
    save_cifar(Path("FOLDER/cifar-10-batches-py"), 1002)  # 5,000 of the first five files are held out


def celeba(folder: str = "FOLDER") -> None:
    """Faces at the first and last numbers of the published partition's parts."""
    for number in (1, 2, 162770, 162771, 182637, 182638, 202599):
        photo(f"{folder}/img_align_celeba/{number:06}.jpg", 218, 178, number)


def div2k() -> None:
    for number in (*range(1, 83), 801):  # the last 80 of those to train validate
        part = "train" if number < 801 else "valid"
        photo(f"DIV2K/DIV2K_{part}_HR/{number:04}.png", 160, 200, number)
        reduced(f"DIV2K/DIV2K_{part}_HR/{number:04}.png", f"DIV2K/DIV2K_{part}_LR_bicubic/X4/{number:04}x4.png")


def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `upres data draw` draw few pictures, those of a size once; a test of its own has the rest."""
    from upres.data import draw

    same = functools.cache(leaves)
    monkeypatch.setattr(draw, "leaves", lambda height, width, seed: same(height, width, seed=0))
    counts = {**{f"data_batch_{number}": 1002 for number in range(1, 6)}, "test_batch": 4}  # 5,000 are held out
    monkeypatch.setattr(draw, "_CIFAR", counts)
    monkeypatch.setattr(draw, "_FACES", ((1, 3), (162_771, 2), (182_638, 2)))
    monkeypatch.setattr(draw, "_DIV2K", {"train": (1, 10), "valid": (801, 2)})


def features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random filters of VGG19: torchvision's file where a download would be, and the authors' `vgg19.npz`."""
    from upres.models import vgg

    generator = torch.Generator().manual_seed(0)
    filters: dict[str, torch.Tensor] = {}
    for _, index, channels in vgg._table():
        filters[f"features.{index}.weight"] = 0.05 * torch.randn((*channels, 3, 3), generator=generator).half()
        filters[f"features.{index}.bias"] = torch.zeros(channels[0])
    place = cache_home() / "features" / vgg._URL.rsplit("/", 1)[1]
    place.parent.mkdir(parents=True)
    torch.save(filters, place)
    caffe = {name: tensor.float().numpy() for name, tensor in list(filters.items())[:16]}
    for name in ("vgg19.npz", "vgg19_caffe_conv1_1-conv3_4.npz"):
        np.savez(name, **caffe)
    first = hashlib.sha256(caffe["features.0.weight"].tobytes()).hexdigest()
    monkeypatch.setattr(vgg, "_CAFFE", first)


def run_of(name: str, checkpoint: str) -> None:
    """A run that the page takes for finished."""
    Path("runs", name).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(CHECKPOINTS / checkpoint, Path("runs", name, "best.safetensors"))


def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hub would send: 1,004 small gray faces. All behind the request is the library's own."""
    import datasets

    rng = np.random.default_rng(0)
    faces = [rng.integers(0, 256, (64, 64), dtype=np.uint8) for _ in range(1004)]
    columns = datasets.Features({"image": datasets.Image()})
    held = datasets.Dataset.from_dict(
        {"image": [{"bytes": _png(face), "path": None} for face in faces]}, features=columns
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: held)


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
