"""Weights of others: the tensors in a file decide the network, not its name."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from upres.archs import ARCHS, Network
from upres.archs.building import build_network
from upres.config.named_parts import parse_part
from upres.errors import ConfigError, MissingExtraError, ModelError
from upres.models import checkpoint
from upres.models.facts import METADATA_KEY, Colour, Facts
from upres.models.files import CHECKPOINT
from upres.models.foreign.imported import Imported
from upres.models.foreign.table import IMPORTERS
from upres.models.foreign.tensors import Tensors, read_tensors, without_prefix
from upres.models.frameworks import check_framework

# What programs put before the names of a network that they hold inside something else; tried one inside the other.
_PREFIXES = ("module.", "model.", "net_g.", "netG.", "generator.", "ema_model.")

_COLOURS: dict[int, Colour] = {1: "gray", 3: "rgb"}


def load(path: Path) -> tuple[Network, Facts]:
    """Read weights that others published, ready for inference on the CPU.

    The facts are those that tensors tell: the licence, the training data and the scores are for whoever knows them.

    Args:
        path: a `.safetensors` file, or one that PyTorch saved (`.pth`, `.pt`, `.ckpt`, …).

    Raises:
        ModelError: the file is missing or damaged, could run code when it is opened, or holds a network that neither
            upres nor spandrel (where it is installed) knows.
    """
    path = Path(path)
    tensors = read_tensors(path)
    found = _recognised(tensors)
    if found is None:
        return _by_spandrel(path, tensors)
    arch, tensors = found
    try:
        return _built(path, arch, IMPORTERS[arch].imported(tensors))
    except (ModelError, ConfigError, KeyError, IndexError, ValueError) as error:
        said = f"tensor {error} is missing" if isinstance(error, KeyError) else str(error)
        raise ModelError(f"{path}: looks like {arch}, but {said}") from error


def read_network(path: Path) -> tuple[Network, Facts]:
    """Read a network and its facts from weights, upres's own or those of others.

    Raises:
        ModelError: as `load`, and as `upres.models.checkpoint.load` of a file that carries facts.
    """
    check_framework(path)
    return load(path) if is_foreign(path) else checkpoint.load(path)


def is_foreign(path: Path) -> bool:
    """Return whether a file is one that `load` reads rather than one of upres's own: it carries no facts."""
    if path.suffix.lower() != CHECKPOINT:
        return True
    try:
        with safe_open(str(path), framework="pt") as file:
            return METADATA_KEY not in (file.metadata() or {})
    except (SafetensorError, OSError):  # whoever reads it says what is wrong
        return False


def _recognised(tensors: Tensors) -> tuple[str, Tensors] | None:
    """Return the architecture whose importer knows the tensors, and these without what stood before their names."""
    for arch, importer in IMPORTERS.items():
        if importer.recognises(tensors):
            return arch, tensors
    for prefix in _PREFIXES:
        inner = without_prefix(tensors, prefix)
        found = _recognised(inner) if inner else None
        if found is not None:
            return found
    return None


def _built(path: Path, arch: str, imported: Imported) -> tuple[Network, Facts]:
    colour = _COLOURS.get(imported.channels)
    if colour is None:
        raise ModelError(f"it takes {imported.channels} channels; upres enlarges pictures of 1 or 3")
    part = parse_part(ARCHS, {"name": arch, **imported.config}, where=path.name, key="arch")
    network = build_network(ARCHS, part, scale=imported.scale, channels=imported.channels)
    try:
        network.load_state_dict(imported.tensors)
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:200]
        raise ModelError(
            f"its tensors do not fit ({detail}); it may be of a variant that upres does not have"
        ) from error
    return network.eval(), facts_of(path, network, colour, part.dump())


def facts_of(path: Path, network: Network, colour: Colour, arch: dict[str, object]) -> Facts:
    """Return what an imported network says about itself, named after its file."""
    return Facts(
        name=path.stem,
        scale=network.scale,
        colour=colour,
        radius=network.radius,
        multiple=network.multiple,
        parameters=network.parameter_count,
        arch=arch,
        trained_on=f"not known; imported from {path.name}",
    )


def _by_spandrel(path: Path, tensors: Tensors) -> tuple[Network, Facts]:
    from upres.models.foreign import spandrel

    known = ", ".join(IMPORTERS)
    name, tensor = next(iter(tensors.items()))
    shape = "×".join(map(str, tensor.shape)) or "a number"
    said = f"{path}: its {len(tensors)} tensors ({name} {shape}, …) are of none of {known}"
    try:
        network, arch, channels = spandrel.load(tensors)
    except MissingExtraError as error:
        raise ModelError(f"{said}; {error}") from error
    except ModelError as error:
        raise ModelError(f"{said}, and {error}") from error
    colour = _COLOURS.get(channels)
    if colour is None:
        raise ModelError(f"{path}: takes {channels} channels; upres enlarges pictures of 1 or 3")
    return network, facts_of(path, network, colour, {"name": "spandrel", "id": arch})
