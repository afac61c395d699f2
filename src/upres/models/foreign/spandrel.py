"""The architectures that spandrel knows and upres does not, where it is installed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from upres.archs.layers.padding import to_least, to_multiple
from upres.archs.network import Network
from upres.errors import MissingExtraError, ModelError, first_line
from upres.models.foreign.tensors import Tensors


class SpandrelNetwork(Network):
    """A network of spandrel's. How far it looks is not known, so it has no radius."""

    def __init__(self, descriptor: Any) -> None:
        super().__init__(scale=descriptor.scale, channels=descriptor.input_channels)
        sizes = descriptor.size_requirements
        self.multiple = sizes.multiple_of
        self.model = descriptor.model
        self._least = sizes.minimum

    @property
    def radius(self) -> None:
        """Not known."""
        return None

    def forward(self, lr: Tensor) -> Tensor:
        """`n c h w` → `n c s·h s·w`, of any size."""
        padded = to_multiple(to_least(lr, self._least) if self._least > 1 else lr, self.multiple)
        sr: Tensor = self.model(padded)
        return sr if padded is lr else sr[:, :, : lr.shape[2] * self.scale, : lr.shape[3] * self.scale]


def load(tensors: Tensors) -> tuple[Network, str, int]:
    """Build spandrel's network for the tensors; return it, its architecture's name, and its channels.

    Raises:
        MissingExtraError: spandrel is not installed, or cannot be imported.
        ModelError: it does not know the tensors either, or they are of no network that enlarges pictures.
    """
    try:
        from spandrel import ImageModelDescriptor, ModelLoader
    except Exception as error:  # torchvision, which it imports, breaks with RuntimeError where it does not fit torch
        if getattr(error, "name", None) == "spandrel":
            said = 'is not installed: pip install "upres[foreign]"'
        else:
            said = f"is installed but cannot be imported ({first_line(error)}); {_mended(error)}"
        raise MissingExtraError(f"spandrel, which may know it, {said}") from error
    try:
        descriptor = ModelLoader(device="cpu").load_from_state_dict(dict(tensors))
    except Exception as error:  # every architecture fails in its own way on tensors that are not quite its own
        raise ModelError(f"spandrel says: {first_line(error)}") from error
    arch = str(descriptor.architecture.name)
    if not isinstance(descriptor, ImageModelDescriptor) or descriptor.input_channels != descriptor.output_channels:
        raise ModelError(f"spandrel knows them as {arch}, which does not turn a picture into a larger one")
    return SpandrelNetwork(descriptor).eval(), arch, int(descriptor.input_channels)


def _mended(error: Exception) -> str:
    """Return what to do about an import that failed: torchvision must come from where torch came from."""
    if "torchvision" not in str(error):
        return "mend that"
    build = torch.__version__.partition("+")[2]  # `cpu`, `cu130`; the package index's own builds say nothing
    where = f" --index-url https://download.pytorch.org/whl/{build}" if build else ""
    return (
        f"torchvision was built for another torch than {torch.__version__}; take both from one place: "
        f"pip install --upgrade torch torchvision{where}"
    )
