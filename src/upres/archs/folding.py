"""Networks as they run: what only training needs is worked into the weights."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils import parametrize

from upres.archs.network import Network


def folded(network: Network) -> Network:
    """Return the network with every weight that is computed from others (a parametrisation) computed once.

    The network that is given stays as it is, so that the two can be compared.
    """
    copied = copy.deepcopy(network)
    for module in list(copied.modules()):
        if not parametrize.is_parametrized(module):
            continue
        names: list[str] = list(module.parametrizations)  # type: ignore[arg-type]
        weights = {name: getattr(module, name).detach() for name in names}
        # PyTorch's remove_parametrizations takes the weight from the class, which the copy shares with the network.
        module.__class__ = parametrize.type_before_parametrizations(module)
        del module.parametrizations
        for name, weight in weights.items():
            module.register_parameter(name, nn.Parameter(weight))
    return copied
