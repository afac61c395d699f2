"""Training a network to be rounded: it learns to give in int8 what its float32 weights give.

Learning from pictures anew was tried: Adam at any rate that mends the rounding moved the rest of a finished model by
more than rounding cost (base ×2 lost 0.03 dB). What the float32 network gives is a target that it cannot run away from.

Weights and what convolutions take are rounded on the way forward, and gradients pass the rounding as if it were not
there (Bengio, Léonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons", 2013; Jacob et
al., CVPR 2018, section 3). The ranges of activations learn too (Esser et al., "Learned Step Size Quantization",
ICLR 2020). The network is the one that ships, branches folded: branches that learned to be rounded apart come apart
when they are folded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from upres.errors import ModelError
from upres.image.colour import LUMA_WEIGHTS
from upres.models.checkpoint import load_onnx

_LEVELS, _MOST = 255, 127
_WARMUP = 50
# Beside the error of luma, what that of all channels counts.
_COLOUR = 0.1


@dataclass(frozen=True)
class _Step:
    """An activation that an int8 graph rounds: where it is, and the initialisers that say how."""

    layer: str
    after: bool
    scale: str
    zero: str


def trained(
    model: Path,
    quantised: Any,
    batches: Iterator[NDArray[np.float32]],
    *,
    steps: int,
    rate: float = 5e-5,
    told: Callable[[int, float], None] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Train a model for its int8 graph; write the activations' new ranges into that graph, and return new weights.

    Args:
        model: the float32 file.
        quantised: its int8 graph, an `onnx.ModelProto`; its steps of activations are changed in place.
        batches: lr without end, `n c h w` in [0, 1].
        steps: how many of them.
        rate: Adam's learning rate, up to which it rises, and from which it falls to 0 as a cosine.
        told: called after each step with its number and loss: the squared error in levels of 8 bits.

    Raises:
        ModelError: PyTorch cannot build the network of this file.
    """
    network, _ = load_onnx(model)
    exact, _ = load_onnx(model)
    layers = dict(network.named_modules())
    rounded, activations = _read(quantised)
    unknown = [name for name in (*rounded, *(each.layer for each in activations)) if name not in layers]
    if unknown:
        raise ModelError(f"its convolution {unknown[0]} has no layer of that name to train", where=model)
    initialisers = {item.name: item for item in quantised.graph.initializer}
    ranges = [_Range(*_limits(initialisers, each)) for each in activations]
    for name in rounded:
        parametrize.register_parametrization(layers[name], "weight", _Rounded())
    for each, one in zip(activations, ranges, strict=True):
        if each.after:
            layers[each.layer].register_forward_hook(lambda _, __, sr, one=one: one(sr))
        else:
            layers[each.layer].register_forward_pre_hook(lambda _, taken, one=one: (one(taken[0]),))
    _fit(network, exact, ranges, batches, steps=steps, rate=rate, told=told)
    for each, one in zip(activations, ranges, strict=True):
        _set(initialisers, each, one)
    for name in rounded:
        parametrize.remove_parametrizations(layers[name], "weight", leave_parametrized=False)
    state = network.state_dict()
    return {name: tensor.detach().numpy() for name, tensor in state.items() if tensor.is_floating_point()}


def _fit(
    network: nn.Module,
    exact: nn.Module,
    ranges: Sequence[nn.Module],
    batches: Iterator[NDArray[np.float32]],
    *,
    steps: int,
    rate: float,
    told: Callable[[int, float], None] | None,
) -> None:
    network.train()
    exact.eval()
    optimiser = torch.optim.Adam([*network.parameters(), *nn.ModuleList(ranges).parameters()], lr=rate)

    def share(step: int) -> float:
        return min(1, (step + 1) / _WARMUP) * 0.5 * (1 + math.cos(math.pi * step / steps))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
    for step in range(steps):
        lr = torch.from_numpy(next(batches))
        with torch.no_grad():
            target = exact(lr)
        loss = _loss(network(lr) - target)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        if told is not None:
            told(step + 1, float(loss.detach()))


def _loss(error: Tensor) -> Tensor:
    weights = torch.tensor(LUMA_WEIGHTS).view(1, -1, 1, 1)
    luma = (error * weights).sum(1) if error.shape[1] == len(LUMA_WEIGHTS) else error
    result: Tensor = _LEVELS**2 * (luma.square().mean() + _COLOUR * error.square().mean())
    return result


class _Rounded(nn.Module):
    """A weight as int8 has it: each output channel whole numbers of 1/127 of its largest value."""

    def forward(self, weight: Tensor) -> Tensor:
        most = weight.detach().abs().flatten(1).amax(1).clamp_min(1e-12)
        step = (most / _MOST).view(-1, *[1] * (weight.ndim - 1))
        return _round(weight / step) * step


class _Range(nn.Module):
    """An activation as uint8 has it: one step and one zero for all; both ends learn."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = nn.Parameter(torch.tensor(low)), nn.Parameter(torch.tensor(high))

    def forward(self, x: Tensor) -> Tensor:
        step = (self.high - self.low).clamp_min(1e-6) / _LEVELS
        zero = _round(-self.low / step).clamp(0, _LEVELS)
        result: Tensor = (torch.clamp(_round(x / step) + zero, 0, _LEVELS) - zero) * step
        return result


def _round(x: Tensor) -> Tensor:
    """Round, and let gradients pass."""
    return x + (x.round() - x).detach()


def _read(quantised: Any) -> tuple[list[str], list[_Step]]:
    """Return the layers whose weights are int8, and where activations are rounded."""
    nodes = list(quantised.graph.node)
    producer = {output: node for node in nodes for output in node.output}
    rounded: list[str] = []
    found: dict[str, _Step] = {}
    layer_of: dict[str, str] = {}
    for node in nodes:
        weight = producer.get(node.input[1]) if node.op_type == "Conv" else None
        if weight is None or weight.op_type != "DequantizeLinear":
            continue
        layer = weight.input[0].removesuffix("_quantized").removesuffix(".weight")
        rounded.append(layer)
        layer_of[node.output[0]] = layer
    for node in nodes:
        if node.op_type != "Conv" or node.output[0] not in layer_of:
            continue
        taken = producer[node.input[0]]
        if taken.op_type == "DequantizeLinear":
            rounding = producer[taken.input[0]]
            found.setdefault(rounding.input[0], _Step(layer_of[node.output[0]], False, *rounding.input[1:3]))
    for node in nodes:
        if node.op_type == "QuantizeLinear" and node.input[0] in layer_of:
            found.setdefault(node.input[0], _Step(layer_of[node.input[0]], True, *node.input[1:3]))
    return rounded, list(found.values())


def _limits(initialisers: dict[str, Any], step: _Step) -> tuple[float, float]:
    from onnx import numpy_helper

    scale, zero = (float(numpy_helper.to_array(initialisers[name])) for name in (step.scale, step.zero))
    return -zero * scale, (_LEVELS - zero) * scale


def _set(initialisers: dict[str, Any], step: _Step, one: _Range) -> None:
    from onnx import numpy_helper

    low, high = one.low.item(), one.high.item()
    scale = np.float32(max(high - low, 1e-6) / _LEVELS)
    zero = np.uint8(np.clip(np.rint(-low / scale), 0, _LEVELS))
    for name, value in ((step.scale, scale), (step.zero, zero)):
        initialisers[name].CopyFrom(numpy_helper.from_array(np.array(value), name))
