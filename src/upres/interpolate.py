"""Network interpolation: weights between those of two networks of one shape.

Wang et al., ESRGAN, ECCVW 2018, section 3.4: between a network trained for PSNR and the GAN that started from it,
every mixture works, and noise and invented texture fade with the GAN's share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from upres import checkpoint
from upres.errors import ConfigError, ModelError
from upres.facts import Facts


def interpolate(first: Path, second: Path, output: Path, *, alpha: float) -> Facts:
    """Write (1 − α) · first + α · second, and return its facts.

    Args:
        first, second: .safetensors models of the same architecture; the second should have started from the first.
        output: the .safetensors file to write.
        alpha: the second's share, in [0, 1].

    Raises:
        ConfigError: α is outside [0, 1], or the output is no .safetensors file.
        ModelError: a model cannot be read, or the two differ in more than their weights.
    """
    if not 0 <= alpha <= 1:
        raise ConfigError(f"--alpha {alpha:g}: should be from 0 (the first model) to 1 (the second)")
    if output.suffix != ".safetensors":
        raise ConfigError(f"{output}: should end in .safetensors; upres export makes an .onnx of that")
    network, facts = checkpoint.load(first)
    other, others = checkpoint.load(second)
    for name in ("arch", "scale", "colour"):
        ours, theirs = getattr(facts, name), getattr(others, name)
        if ours != theirs:
            raise ModelError(
                f"{second}: its {name} is {theirs}, that of {first} is {ours}; only models that differ in nothing but "
                "their weights can be interpolated"
            )
    network.load_state_dict(mixed(network.state_dict(), other.state_dict(), alpha))
    result = _facts(facts, others, alpha)
    checkpoint.save(output, network, result)
    return result


def mixed(first: Mapping[str, Tensor], second: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """Return every tensor between the two; counters, which are no floats, are the second's."""
    return {
        name: torch.lerp(tensor, second[name], alpha) if tensor.is_floating_point() else second[name]
        for name, tensor in first.items()
    }


def _facts(first: Facts, second: Facts, alpha: float) -> Facts:
    names = [first.name, second.name] if first.name != second.name else [f"{first.name} 1", f"{second.name} 2"]
    return replace(
        first,
        name=f"{second.name}-{alpha:g}",
        degradation=second.degradation,
        blend={names[0]: round(1 - alpha, 6), names[1]: alpha},
        trained_on=_both(first.trained_on, second.trained_on),
        licence=_both(first.licence, second.licence),
        scores={},  # they were the others'
    )


def _both(first: str, second: str) -> str:
    return " and ".join(dict.fromkeys(filter(None, (first, second))))
