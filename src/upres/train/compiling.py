"""The network's step, compiled by PyTorch where a recipe asks for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from upres.archs import Network
from upres.errors import ConfigError, first_line
from upres.train.table import COMPILE_MODES

Forward = Callable[[Tensor], Tensor]


def compiled(network: Network, name: str) -> Forward:
    """Return what enlarges a batch: the network itself, or its compiled form, by a name of `COMPILE_MODES`.

    The network keeps its weights and their names; validation, whose pictures have all sizes, goes without. What cannot
    be compiled is told by the first call.
    """
    mode = COMPILE_MODES[name]
    if mode is None:
        return network.__call__  # not the network: as an attribute it would be listed twice
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch's of its own parts
        from torch._dynamo.exc import TorchDynamoException
        from torch._inductor.exc import CppCompileError, InductorError, InvalidCxxCompiler

        forward = torch.compile(network.forward, mode=mode, dynamic=False)

    def enlarged(lr: Tensor) -> Tensor:
        try:
            result: Tensor = forward(lr)
        except (TorchDynamoException, InductorError, InvalidCxxCompiler, CppCompileError) as error:
            raise ConfigError(
                f"train.compile = {name!r}: PyTorch cannot compile here ({first_line(error)}); install what it misses, "
                "or leave it out"
            ) from error
        return result

    return enlarged
