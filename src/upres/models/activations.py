"""How many bytes of activations a network holds at once: the fact from which tiles follow."""

from __future__ import annotations

import copy
import math
import weakref
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from upres.archs.folding import folded
from upres.archs.network import Network

# Side of the input that is asked, in multiples of the network's: what pads a picture by a pixel or two adds 6 % here.
_SIDE = 64
# Places of two arguments of aten::convolution.
_TRANSPOSED, _GROUPS = 6, 8


def activation_bytes(network: Network) -> int | None:
    """Return the bytes that the network's float32 activations take at most at once, for each pixel of its lr input.

    A transposed convolution counts with the products that it adds up: runtimes lay them side by side first.

    The network runs on PyTorch's device `meta`, where tensors have a shape and no numbers, so a large one costs no more
    than a deep one. Runtimes hold somewhat more than that: their memory is cut into blocks, and some lay tensors out
    anew between two layers. `None` where a network cannot run so, as some of other people's cannot.
    """
    light = folded(_without_numbers(network)).eval()
    side = _SIDE * network.multiple
    held = _Held()
    try:
        with torch.no_grad(), held:
            light(torch.empty(1, network.channels, side, side, device="meta"))
    except RuntimeError:  # it asks a tensor for its numbers
        return None
    return math.ceil(held.most / side**2)


def _without_numbers(network: Network) -> Network:
    """Return a copy of shapes alone; large networks are not copied for it."""
    tensors = [*network.parameters(), *network.buffers()]
    empty: dict[int, Any] = {id(tensor): torch.empty_like(tensor, device="meta") for tensor in tensors}
    for parameter in network.parameters():
        empty[id(parameter)] = nn.Parameter(empty[id(parameter)], requires_grad=False)
    copied: Network = copy.deepcopy(network, empty)
    return copied


class _Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of what operations make, until nobody holds it any more."""

    most: int

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = 0
        self._now = 0
        self._seen: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.convolution.default and args[_TRANSPOSED]:
            lr, weight = args[:2]
            products = lr.shape[0] * lr.shape[2] * lr.shape[3] * weight[0].numel() * args[_GROUPS]
            self.most = max(self.most, self._now + (products + result.numel()) * lr.element_size())
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        if storage in self._seen:  # a view
            return
        self._seen.add(storage)
        size = storage.nbytes()
        self._now += size
        self.most = max(self.most, self._now)
        weakref.finalize(storage, self._drop, size)

    def _drop(self, size: int) -> None:
        self._now -= size
