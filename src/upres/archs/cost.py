"""What a network costs, counted rather than measured."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from upres.archs.folding import folded
from upres.archs.network import Network


def multiply_adds(network: Network, height: int, width: int) -> int:
    """Return the multiply-adds of convolutions and matrix products that one lr picture takes, `height` × `width`.

    Sides are continued to multiples as in a prediction, and branches are summed up before. What papers call FLOPs of a
    network is mostly this number; some count normalisations and activations too, a few per cent. Nothing is computed:
    the network runs on PyTorch's device `meta`, where tensors have a shape and no values.
    """
    sides = (side + -side % network.multiple for side in (height, width))
    copied = folded(network).to("meta").eval()
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        copied(torch.zeros(1, network.channels, *sides, device="meta"))
    return int(counter.get_total_flops()) // 2
