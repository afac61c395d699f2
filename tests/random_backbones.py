"""AlexNet and VGG16 with random filters, in files that are named and served as the published ones are."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from upres.models.backbones import BACKBONES

# torchvision's `features`: convolutions (channels, kernel, stride, padding), ReLUs (R) and maxima (M).
_ALEXNET = ((64, 11, 4, 2), "R", "M", (192, 5, 1, 2), "R", "M", (384, 3, 1, 1), "R", (256, 3, 1, 1), "R",
            (256, 3, 1, 1), "R", "M")  # fmt: skip
_VGG16 = tuple(
    item
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    for item in (*((width, 3, 1, 1), "R") * count, "M")
)


def written_out(name: str) -> nn.Sequential:
    """Return the layers of torchvision's network with random filters, the same every time."""
    generator = torch.Generator().manual_seed(7)
    layers: list[nn.Module] = []
    before = 3
    for item in _ALEXNET if name == "alexnet" else _VGG16:
        if item == "R":
            layers.append(nn.ReLU(inplace=True))
        elif item == "M":
            layers.append(nn.MaxPool2d(3, 2) if name == "alexnet" else nn.MaxPool2d(2, 2))
        else:
            width, kernel, stride, padding = item
            layer = nn.utils.skip_init(nn.Conv2d, before, width, kernel, stride, padding)
            with torch.no_grad():
                layer.weight.normal_(0, (2 / before / kernel**2) ** 0.5, generator=generator)
                layer.bias.normal_(0, 0.1, generator=generator)
            layers.append(layer)
            before = width
    return nn.Sequential(*layers).requires_grad_(False)


def write_backbone(name: str, folder: Path) -> Path:
    """Write a file of random filters, the first digits of its SHA-256 at the end of its name."""
    tensors: dict[str, Any] = {f"features.{key}": value for key, value in written_out(name).state_dict().items()}
    path = folder / f"{name}.pth"
    torch.save({**tensors, "classifier.1.weight": torch.zeros(2)}, path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.rename(folder / f"{name}-{digest[:8]}.pth")


@contextmanager
def taken_for_published(paths: dict[str, Path], address: str = "http://127.0.0.1:9") -> Iterator[None]:
    """Let these files be the published ones, at an address."""
    with pytest.MonkeyPatch.context() as patch:
        for name, path in paths.items():
            row = dataclasses.replace(BACKBONES[name], url=f"{address}/{path.name}")
            patch.setitem(BACKBONES, name, row)
        yield


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder's files on this machine; gives the address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
