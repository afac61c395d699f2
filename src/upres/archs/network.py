"""The interface of every super-resolution network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList


class Network(nn.Module, ABC):
    """A network that maps lr `n c h w` in [0, 1] to sr `n c s·h s·w` (not clipped).

    A leaf declares its configuration class, is built as `Leaf(config, scale=…, channels=…)`, and states
    what it needs of its input; the contract tests probe those statements with real tensors. Its state_dict is
    what model files hold, and its configuration is stored beside it: neither may depend on anything else.

    Attributes:
        config_type: the frozen configuration class (`upres.config.config`), declared right above the network.
        multiple: input sides must be multiples of this.
    """

    config_type: ClassVar[type[Any]]
    multiple: int = 1

    def __init__(self, *, scale: int, channels: int) -> None:
        super().__init__()
        self.scale = scale
        self.channels = channels

    @property
    @abstractmethod
    def radius(self) -> int | None:
        """Receptive-field radius in lr pixels: sr pixel `X` depends on lr pixels `X // s ± radius` only.

        `None` when every output pixel depends on the whole input (global pooling, attention), or on its size.
        """

    @abstractmethod
    def forward(self, lr: Tensor) -> Tensor:
        """Enlarge a batch, `n c h w` → `n c s·h s·w`."""

    @property
    def parameter_count(self) -> int:
        """How many numbers are trained; of a weight summed up from branches, as many as it has once it is `folded`."""
        sums = [module for module in self.modules() if isinstance(module, ParametrizationList)]
        branches = {id(parameter) for module in sums for parameter in module.parameters()}
        counted: list[Tensor] = [parameter for parameter in self.parameters() if id(parameter) not in branches]
        counted += [module.original for module in sums]
        return sum(parameter.numel() for parameter in counted if parameter.requires_grad)
