"""Networks as they run: what only training needs is worked into the weights."""

from __future__ import annotations

import copy

from torch.nn.utils import parametrize

from upres.archs.network import Network


def folded(network: Network) -> Network:
    """Return the network with every weight that is computed from others (a parametrisation) computed once.

    The network that is given stays as it is, so that the two can be compared.
    """
    copied = copy.deepcopy(network)
    for module in copied.modules():
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):  # type: ignore[union-attr, arg-type]
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)
    return copied
