"""Network interpolation: weights between those of two networks of one shape.

Wang et al., ESRGAN, ECCVW 2018, section 3.4: between a network trained for PSNR and the GAN that started from it,
every mixture works, and noise and invented texture fade with the GAN's share.
"""

from __future__ import annotations

from pathlib import Path

from upres.errors import ConfigError, ModelError
from upres.models import checkpoint, files
from upres.models.facts import Facts
from upres.models.mixing import mixed, mixed_facts


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
        raise ConfigError(f"alpha = {alpha:g}: should be from 0 (the first model) to 1 (the second)")
    if output.suffix.lower() != files.CHECKPOINT:
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
    result = mixed_facts(facts, others, alpha)
    checkpoint.save(output, network, result)
    return result
