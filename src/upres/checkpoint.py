"""One safetensors file: the weights, and the facts of the model. Never a pickle."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from upres.archs import ARCHS, Network
from upres.atomic import write_whole
from upres.errors import ConfigError, ModelError
from upres.facts import METADATA_KEY, Facts, from_json, to_json
from upres.parts import Part, build, parse_part


def save(path: Path, network: Network, facts: Facts) -> None:
    """Write the network's weights and facts, atomically: the file is whole or it is the one from before."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_whole(path, to_bytes(tensors, metadata={METADATA_KEY: to_json(facts)}))


def load(path: Path) -> tuple[Network, Facts]:
    """Read a network and its facts, ready for inference on the CPU.

    Raises:
        ModelError: the file is missing, damaged, of an unknown architecture, or its tensors do not fit it.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give a .safetensors or .onnx model, or a name from upres models")
    try:
        with safe_open(str(path), framework="pt") as file:
            facts = from_json((file.metadata() or {}).get(METADATA_KEY), where=str(path))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({error}); copy or train it again") from error
    try:
        part = parse_part(ARCHS, facts.arch, where=str(path), key="arch")
    except ConfigError as error:
        raise ModelError(f"{error}; the file may be from a newer upres") from error
    network = network_of(part, facts)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: its tensors do not fit {part.name} ({detail})") from error
    return network.eval(), facts


def network_of(part: Part, facts: Facts) -> Network:
    """Build the untrained network that the facts describe."""
    return build(ARCHS, part, scale=facts.scale, channels=facts.channels)
