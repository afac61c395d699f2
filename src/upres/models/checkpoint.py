"""One safetensors file: the weights, and the facts of the model. Never a pickle."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from upres.archs import ARCHS, Network
from upres.archs.building import build_network
from upres.archs.folding import folded
from upres.config.named_parts import NamedPart, parse_part
from upres.errors import ConfigError, ModelError, first_line
from upres.models.facts import METADATA_KEY, Facts, from_json, to_json
from upres.models.onnx_facts import read_facts
from upres.models.onnx_weights import HALF
from upres.storage.atomic import write_whole


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
            told = (file.metadata() or {}).get(METADATA_KEY)
            if told is None:
                raise ModelError(
                    f"{path}: carries no upres facts (scale, colour, radius); where others published it, "
                    "upres convert writes a file that does"
                )
            facts = from_json(told, where=str(path))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({error}); copy or train it again") from error
    network = _built(path, facts)
    _fill(path, facts, network, tensors)
    return network.eval(), facts


def load_onnx(path: Path) -> tuple[Network, Facts]:
    """Rebuild a network from an ONNX file that `upres export` made of it, ready for inference on the CPU.

    Raises:
        ModelError: the file is missing, damaged, or not made so.
        ImportError: onnx is not installed.
    """
    facts = read_facts(path)
    if facts.foreign_graph:
        raise ModelError(
            f"{path}: its graph is another program's, which PyTorch cannot build anew; run it on ONNX Runtime or "
            "OpenVINO, and train it where it comes from"
        )
    tensors = _onnx_tensors(path)
    network = folded(_built(path, facts))
    missing = [name for name, _ in network.named_parameters() if name not in tensors]
    if missing:
        # Export multiplies a batch normalisation into the convolution before it, and reshapes PReLU's slopes.
        raise ModelError(
            f"{path}: {len(missing)} tensors of {facts.arch['name']} ({missing[0]}, …) were folded into others when it "
            "was exported, so PyTorch cannot rebuild it; run it on ONNX Runtime, or give the .safetensors it came from"
        )
    # What training does not change, such as the kernel of bicubic upsampling, is built, not stored.
    _fill(path, facts, network, {name: tensors[name] for name in network.state_dict() if name in tensors})
    return network.eval(), facts


def _onnx_tensors(path: Path) -> dict[str, Tensor]:
    import onnx

    try:
        graph = onnx.load(str(path), load_external_data=False).graph  # a file of ours holds all of it
        found = {item.name: torch.from_numpy(onnx.numpy_helper.to_array(item).copy()) for item in graph.initializer}
        found = {
            name.removesuffix(HALF): tensor.float() if tensor.dtype == torch.float16 else tensor
            for name, tensor in found.items()
        }
    except Exception as error:  # what protobuf, onnx and NumPy raise on a damaged file has no common base class
        raise ModelError(f"not a readable ONNX model ({first_line(error)}); export it again", where=path) from error
    for node in graph.node:  # tensors of equal content are stored once
        if node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def _built(path: Path, facts: Facts) -> Network:
    try:
        part = parse_part(ARCHS, facts.arch, where=str(path), key="arch")
    except ConfigError as error:
        raise ModelError(f"{error}; the file may be from a newer upres") from error
    try:
        return network_of(part, facts)
    except ConfigError as error:
        raise ModelError(str(error), where=path) from error


def _fill(path: Path, facts: Facts, network: Network, tensors: dict[str, Tensor]) -> None:
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: its tensors do not fit {facts.arch['name']} ({detail})") from error


def network_of(part: NamedPart, facts: Facts) -> Network:
    """Build the untrained network that the facts describe.

    Raises:
        ConfigError: it would be too large to be held, or cannot be built so.
    """
    return build_network(ARCHS, part, scale=facts.scale, channels=facts.channels)
