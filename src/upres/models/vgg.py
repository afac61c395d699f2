"""VGG19's features."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from upres.errors import ConfigError, DataError, ModelError, nearest
from upres.models.tensor_files import read_tensors
from upres.storage.cache_home import cache_home
from upres.storage.download import download

# torchvision's ImageNet weights; the name ends in the first digits of the file's SHA-256.
_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
_DIGEST = "dcbb9e9d"

Convention = Literal["auto", "torchvision", "caffe"]

_BLOCKS = (2, 2, 4, 4, 4)
LAYERS = tuple(f"conv{block}_{n}" for block, count in enumerate(_BLOCKS, 1) for n in range(1, count + 1))

# SHA-256 of the first filters (float32, little endian) of the authors' own weights, which have no other mark.
_CAFFE = "f8ee325686ded00722375b5a05fd287de09be3bd3b1853cb1c5cf29996394684"


class Features(nn.Module):
    """VGG19 up to the last convolution that its file holds.

    The weights are buffers that no checkpoint keeps: they move with the loss to its device, and are not trained.
    """

    def __init__(self, tensors: dict[str, Tensor], convention: Literal["torchvision", "caffe"], where: str) -> None:
        super().__init__()
        self._where = where
        self.layers = tuple(layer for layer in LAYERS if f"{layer}.weight" in tensors)
        for name, tensor in tensors.items():
            self.register_buffer(name.replace(".", "_"), tensor, persistent=False)
        if convention == "caffe":  # blue, green, red from 0 to 255, the training set's mean taken off
            order, factor, mean, deviation = [2, 1, 0], 255.0, [103.939, 116.779, 123.68], [1.0, 1.0, 1.0]
        else:
            order, factor, mean, deviation = [0, 1, 2], 1.0, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
        self._order, self._factor = order, factor
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.deviation: Tensor

    def check(self, names: Iterable[str], key: str) -> None:
        """Refuse layers that the file does not hold.

        Raises:
            ConfigError: names the layer, and those there are.
        """
        for name in names:
            if name not in LAYERS:
                raise ConfigError(f"{key}.layers names {name!r}: {nearest(name, LAYERS)}")
            if name not in self.layers:
                raise ConfigError(f"{key}.layers names {name}, but {self._where} ends at {self.layers[-1]}")

    def forward(self, pixels: Tensor, names: Iterable[str], activated: bool) -> dict[str, Tensor]:
        """Return the features of those layers, float32 `n c' h' w'`, before or after their ReLU.

        Args:
            pixels: `n c h w` in [0, 1], RGB or gray.
            names: layers of `LAYERS`.
            activated: after the ReLU.

        Raises:
            DataError: the pictures are so small that a layer has nothing to look at.
        """
        wanted = set(names)
        last = max(wanted, key=LAYERS.index)
        block = int(last[4])
        if min(pixels.shape[2:]) < 2 ** (block - 1):
            raise DataError(
                f"{last} needs training pictures of at least {2 ** (block - 1)} pixels a side, not "
                f"{pixels.shape[3]}×{pixels.shape[2]}; raise data.patch or name an earlier layer"
            )
        found: dict[str, Tensor] = {}
        with no_float16(pixels.device.type):
            x = pixels.expand(-1, 3, -1, -1)[:, self._order] * self._factor
            x = (x - self.mean) / self.deviation
            for name in LAYERS[: LAYERS.index(last) + 1]:
                if name.endswith("_1") and name != "conv1_1":
                    x = F.max_pool2d(x, 2)
                x = F.conv2d(x, getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias"), padding=1)
                before, x = x, F.relu(x)
                if name in wanted:
                    found[name] = (x if activated else before).float()
        return found


def load_features(source: str, convention: Convention = "auto") -> Features:
    """Return VGG19's features, read once per process for all losses that use them.

    Args:
        source: `vgg19` for torchvision's published file, which is downloaded (548 MB) into upres's cache folder
            when it is not there yet; or the path of a .safetensors, .pth (read without unpickling code) or .npz
            file with torchvision's tensor names, `features.0.weight` and so on, from the first layer to any.
        convention: what the network was trained to see. `torchvision`: RGB, normalised by ImageNet's mean and
            deviation. `caffe`: BGR from 0 to 255, mean taken off, as the authors published it. `auto` knows the
            authors' filters, and takes what is in the formats of PyTorch for torchvision's.

    Raises:
        ModelError: the file is missing, damaged, not VGG19's, or cannot be downloaded.
        ConfigError: `auto`, and nothing says which convention it is.
    """
    path = cache_home() / "features" / _URL.rsplit("/", 1)[1] if source == "vgg19" else Path(source).expanduser()
    if source == "vgg19" and not path.is_file():
        advice = f"download it by hand to {path}, or name a local file: features: PATH"
        download(_URL, path, digest=_DIGEST, advice=advice, error=ModelError)
    return _loaded(path.resolve(), convention)


@functools.cache
def _loaded(path: Path, convention: Convention) -> Features:
    if not path.is_file():
        raise ModelError(f"{path}: no such file; features is vgg19, or a .safetensors, .pth or .npz file of VGG19")
    named = read_tensors(path)
    tensors: dict[str, Tensor] = {}
    for layer, index, channels in _table():
        weight, bias = named.get(f"features.{index}.weight"), named.get(f"features.{index}.bias")
        if weight is None or bias is None:
            break
        if weight.shape != (*channels, 3, 3) or bias.shape != channels[:1]:
            raise ModelError(
                f"{path}: features.{index} is {tuple(weight.shape)}; VGG19's {layer} is {(*channels, 3, 3)}"
            )
        tensors[f"{layer}.weight"], tensors[f"{layer}.bias"] = weight.float(), bias.float()
    if not tensors:
        raise ModelError(f"{path}: holds no features.0.weight; it should have torchvision's names of VGG19's tensors")
    return Features(tensors, _convention(path, convention, tensors["conv1_1.weight"]), where=str(path))


def _convention(path: Path, given: Convention, first: Tensor) -> Literal["torchvision", "caffe"]:
    if given != "auto":
        return given
    if hashlib.sha256(first.numpy().astype("<f4").tobytes()).hexdigest() == _CAFFE:
        return "caffe"
    if path.suffix == ".npz":
        raise ConfigError(
            f"{path}: nothing in it says what its network saw; add convention: torchvision (RGB, normalised) or "
            "convention: caffe (BGR, 0 to 255, mean taken off)"
        )
    return "torchvision"


def _table() -> list[tuple[str, int, tuple[int, int]]]:
    """Return each layer's name, its number in torchvision's `features`, and its output and input channels."""
    rows, index, before = [], 0, 3
    for layer in LAYERS:
        match = re.fullmatch(r"conv(\d)_(\d)", layer)
        assert match is not None
        if match[2] == "1" and match[1] != "1":
            index += 1  # the maximum between blocks has a number too
        width = min(512, 32 * 2 ** int(match[1]))
        rows.append((layer, index, (width, before)))
        index, before = index + 2, width
    return rows


def no_float16(device: str) -> torch.autocast:
    """Keep bfloat16 where training uses it, and float16 out: Caffe's features exceed its largest number."""
    halved = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.bfloat16
    return torch.autocast(device, dtype=torch.bfloat16, enabled=halved)
