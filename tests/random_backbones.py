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

# torchvision's `features`: convolutions (channels, kernel, stride, padding) with a ReLU behind each; None is a maximum.
_Row = tuple[int, int, int, int] | None
_ALEXNET: list[_Row] = [
    (64, 11, 4, 2),
    None,
    (192, 5, 1, 2),
    None,
    (384, 3, 1, 1),
    (256, 3, 1, 1),
    (256, 3, 1, 1),
    None,
]
_VGG16: list[_Row] = []
for _width, _count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
    _VGG16 += [*[(_width, 3, 1, 1)] * _count, None]


def written_out(name: str) -> nn.Sequential:
    """Return the layers of torchvision's network with random filters, the same every time."""
    generator = torch.Generator().manual_seed(7)
    layers: list[nn.Module] = []
    before = 3
    for row in _ALEXNET if name == "alexnet" else _VGG16:
        if row is None:
            layers.append(nn.MaxPool2d(3 if name == "alexnet" else 2, 2))
            continue
        width, kernel, stride, padding = row
        with torch.device("meta"):  # the usual start of its weights costs more than all else here
            layer = nn.Conv2d(before, width, kernel, stride, padding)
        layer.to_empty(device="cpu")
        with torch.no_grad():
            layer.weight.normal_(0, (2 / before / kernel**2) ** 0.5, generator=generator)
            assert layer.bias is not None
            layer.bias.normal_(0, 0.1, generator=generator)
        layers += [layer, nn.ReLU(inplace=True)]
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
