"""AlexNet's and VGG16's convolutions, in the published weights that LPIPS and DISTS are defined on."""

from __future__ import annotations

import functools
import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from upres.errors import DataError, ModelError
from upres.models.tensor_files import read_tensors
from upres.models.vgg import no_float16
from upres.storage.cache_home import cache_home
from upres.storage.digests import digest_of
from upres.storage.download import download


@dataclass(frozen=True)
class Convolution:
    """One, with the ReLU behind it.

    Attributes:
        index: its number in torchvision's `features`.
        shape: of its weights: channels out and in, and the kernel, square.
        stride, padding: pixels.
        pooled: whether features are pooled before it.
        kept: whether what leaves its ReLU is what distances compare.
    """

    index: int
    shape: tuple[int, int, int, int]
    stride: int = 1
    padding: int = 1
    pooled: bool = False
    kept: bool = True


@dataclass(frozen=True)
class Published:
    """A network and its weights as torchvision publishes them, trained on ImageNet.

    Attributes:
        title: the network's name.
        url: where the file is; its name ends in the first digits of its SHA-256.
        megabytes: its length.
        smallest: pixels a side that it needs.
        pool: side and stride of its maximum.
        convolutions: in order.
    """

    title: str
    url: str
    megabytes: int
    smallest: int
    pool: tuple[int, int]
    convolutions: tuple[Convolution, ...]

    @property
    def file(self) -> str:
        """The file's name."""
        return self.url.rsplit("/", 1)[1]

    @property
    def digest(self) -> str:
        """The first digits of the file's SHA-256."""
        return self.file.removesuffix(".pth").rsplit("-", 1)[1]


def _vgg(blocks: tuple[int, ...]) -> tuple[Convolution, ...]:
    """Return blocks of so many 3×3 convolutions, a maximum between them (Simonyan and Zisserman 2015, table 1)."""
    rows, index, before = [], 0, 3
    for block, count in enumerate(blocks):
        width = min(512, 64 * 2**block)
        for number in range(count):
            first = number == 0 and block > 0
            index += first  # the maximum has a number too
            rows.append(Convolution(index, (width, before, 3, 3), pooled=first, kept=number == count - 1))
            index, before = index + 2, width
    return tuple(rows)


BACKBONES: dict[str, Published] = {
    "alexnet": Published(
        title="AlexNet",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        megabytes=233,
        smallest=31,
        pool=(3, 2),
        convolutions=(  # Krizhevsky 2014, "One weird trick"
            Convolution(0, (64, 3, 11, 11), stride=4, padding=2),
            Convolution(3, (192, 64, 5, 5), padding=2, pooled=True),
            Convolution(6, (384, 192, 3, 3), pooled=True),
            Convolution(8, (256, 384, 3, 3)),
            Convolution(10, (256, 256, 3, 3)),
        ),
    ),
    "vgg16": Published(
        title="VGG16",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        megabytes=528,
        smallest=16,
        pool=(2, 2),
        convolutions=_vgg((2, 2, 3, 3, 3)),
    ),
}


class Backbone(nn.Module):
    """The convolutions of one of `BACKBONES`.

    The weights are buffers that no checkpoint keeps: they move with the loss to its device, and are not trained.

    Args:
        tensors: by torchvision's names, `features.0.weight` and so on; others are left alone.
        network: which they are of.
        where: the file, for messages.

    Raises:
        ModelError: one is missing, or has another shape.
    """

    def __init__(self, tensors: Mapping[str, Tensor], network: Published, where: str) -> None:
        super().__init__()
        self.network = network
        for row in network.convolutions:
            for name, shape in (
                (f"features.{row.index}.weight", row.shape),
                (f"features.{row.index}.bias", row.shape[:1]),
            ):
                if name not in tensors or tensors[name].shape != shape:
                    found = tuple(tensors[name].shape) if name in tensors else "missing"
                    raise ModelError(f"{where}: {name} is {found}; {network.title}'s is {shape}")
                self.register_buffer(name.replace(".", "_"), tensors[name].float(), persistent=False)

    def forward(self, pixels: Tensor, pool: Callable[[Tensor], Tensor] | None = None) -> list[Tensor]:
        """Return what distances compare, float32 `n c' h' w'` each.

        Args:
            pixels: `n 3 h w`, normalised as the caller's distance does.
            pool: what stands for the network's maximum.

        Raises:
            DataError: the pictures are so small that a convolution has nothing to look at.
        """
        height, width = pixels.shape[2:]
        if min(height, width) < self.network.smallest:
            raise DataError(
                f"{self.network.title} needs pictures of at least {self.network.smallest} pixels a side, not "
                f"{width}×{height}; use larger ones"
            )
        found = []
        with no_float16(pixels.device.type):
            x = pixels
            for row in self.network.convolutions:
                if row.pooled:
                    x = F.max_pool2d(x, *self.network.pool) if pool is None else pool(x)
                weight, bias = (getattr(self, f"features_{row.index}_{kind}") for kind in ("weight", "bias"))
                x = F.relu(F.conv2d(x, weight, bias, stride=row.stride, padding=row.padding))
                if row.kept:
                    found.append(x.float())
        return found


def load_backbone(source: str | None, name: str, purpose: str) -> Backbone:
    """Return a published network, read once per process for all that use it.

    What is defined on published weights is computed with no others: the file is held against their SHA-256.

    Args:
        source: the network's own name downloads the file into upres's cache folder when it is not there yet; a path
            is of that file; `None` takes it from the cache folder, and downloads nothing.
        name: of `BACKBONES`.
        purpose: what needs it, for messages.

    Raises:
        ModelError: the file is not there, is another, or cannot be downloaded; says how to fetch it.
    """
    network = BACKBONES[name]
    kept = cache_home() / "features" / network.file
    by_hand = f"fetch it by hand: curl -fL --create-dirs -o {shlex.quote(str(kept))} {network.url}"
    if source == name and not kept.is_file():
        download(network.url, kept, digest=network.digest, advice=by_hand, error=ModelError)
    path = kept if source in (None, name) else Path(source).expanduser()
    if not path.is_file():
        ways = f"{purpose} is defined on {network.title}'s published weights; backbone: {name} downloads them once"
        raise ModelError(f"{path}: no such file; {ways} ({network.megabytes} MB), or {by_hand}")
    return _loaded(path.resolve(), network, f"{purpose} is defined on {network.file}; {by_hand}")


@functools.cache
def _loaded(path: Path, network: Published, advice: str) -> Backbone:
    digest = digest_of(path)
    if not digest.startswith(network.digest):
        raise ModelError(f"{path}: its SHA-256 is {digest[:16]}…, not {network.digest}…; {advice}")
    return Backbone(read_tensors(path), network, where=str(path))


class BackboneDistance(nn.Module, ABC):
    """A published distance of pictures between features of a published network.

    Args:
        backbone: the network, which others may share.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    @abstractmethod
    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return each picture's distance, `n`; 0 is equal.

        Args:
            sr, hr: `n c h w` in [0, 1], c = 1 or 3.

        Raises:
            DataError: pictures too small for the backbone.
        """


def of_arrays(distance: BackboneDistance) -> Callable[[NDArray[np.float32], NDArray[np.float32]], float]:
    """Return a distance as one of arrays `1 c h w`."""

    @torch.inference_mode()
    def measured(sr: NDArray[np.float32], hr: NDArray[np.float32]) -> float:
        # Where a loss that shares the backbone has moved it.
        device = next(distance.backbone.buffers()).device
        a, b = (torch.from_numpy(pixels).to(device) for pixels in (sr, hr))
        with torch.autocast(device.type, enabled=False):  # training may measure inside it
            return float(distance.to(device)(a, b))

    return measured


def normalised(pixels: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    """Return `n c h w`, c = 1 or 3, as three channels with the mean taken off, in deviations."""
    centre, unit = (torch.tensor(row, device=pixels.device).view(1, 3, 1, 1) for row in (mean, deviation))
    return (pixels.expand(-1, 3, -1, -1) - centre) / unit
