"""Weights to start from: a shipped model's, a run's, a file's of ours or of others."""

from __future__ import annotations

import json
from pathlib import Path

from upres.archs import Network
from upres.archs.folding import folded
from upres.errors import ConfigError, ModelError
from upres.models import checkpoint, shipped
from upres.models.facts import Facts
from upres.models.files import is_onnx
from upres.models.foreign.load import read_network
from upres.models.frameworks import check_framework
from upres.models.onnx_facts import read_facts
from upres.recipes.recipe import Recipe, shipped_recipes

_BEST = "best.safetensors"


def start_from(network: Network, recipe: Recipe) -> str:
    """Give a network the weights that the recipe's `init` names, and return a line that says how many tensors fit.

    Raises:
        ModelError: there are no such weights, or they cannot be read; says what makes them.
        ConfigError: they do not fill the network, and `init_missing` does not allow that.
    """
    asked = recipe.head.init or ""
    path = weights_file(asked, recipe.head.scale)
    other, facts = _read(path)
    unfilled = take_over(network, other)
    own = network.state_dict()
    said = f"{len(own) - len(unfilled)} of {len(own)} tensors start from {asked}"
    if not unfilled:
        return said
    if len(unfilled) < len(own) and recipe.head.init_missing == "allow":
        return f"{said}; the others begin anew ({_some(unfilled)})"
    theirs = {**other.state_dict(), **folded(other).state_dict()}
    first = unfilled[0]
    there = _shape(tuple(theirs[first].shape)) if first in theirs else "not there"
    remedy = "; or set init_missing: allow, and the others begin anew" if len(unfilled) < len(own) else ""
    raise ConfigError(
        f"init = {asked}: {len(own) - len(unfilled)} of {len(own)} tensors fit: {first} is "
        f"{_shape(tuple(own[first].shape))} here and {there} in the file, which is of scale {facts.scale}, colour "
        f"{facts.colour} and arch: {json.dumps(facts.arch)}; make the recipe's like these{remedy}"
    )


def weights_file(asked: str, scale: int) -> Path:
    """Return the file that `init` means: a path, a run folder's best weights, or a shipped model's name.

    Raises:
        ModelError: there is none; says what makes it.
    """
    path = Path(asked).expanduser()
    check_framework(path)
    if path.is_file():
        return path
    if path.is_dir():
        if not (path / _BEST).is_file():
            raise ModelError(f"init = {asked}: a folder without {_BEST}; give the folder of a run that has one")
        return path / _BEST
    if path.suffix or len(path.parts) > 1:
        name = path.parent.name if path.name == _BEST else path.stem
        made = f"upres train {name} makes runs/{name}/{_BEST}" if name in shipped_recipes() else ""
        others = "give a file, a run folder, or the name of a shipped model (upres models lists them)"
        raise ModelError(f"init = {asked}: no such file; {made or others}")
    own = {f"{model.name}-x{model.scale}": model for model in shipped.shipped()}
    try:
        return (own[asked] if asked in own else shipped.find(asked, scale)).path
    except ModelError as error:
        raise ModelError(f"init = {asked}: {error}; or a run folder") from error


def take_over(network: Network, other: Network) -> list[str]:
    """Copy the tensors that fit in name and shape from another network; return the names that got none.

    Weights that were trained as sums of branches fit a network that trains the same branches, and, summed up, one
    that has none.
    """
    given, own = {**folded(other).state_dict(), **other.state_dict()}, network.state_dict()
    fitting = {name: tensor for name, tensor in given.items() if name in own and own[name].shape == tensor.shape}
    network.load_state_dict(fitting, strict=False)
    return [name for name in own if name not in fitting]


def _read(path: Path) -> tuple[Network, Facts]:
    if not is_onnx(path):
        return read_network(path)
    if read_facts(path).precision != "fp32":
        raise ModelError("holds int8 weights, from which no training starts; give the float32 model", where=path)
    return checkpoint.load_onnx(path)


def _shape(sides: tuple[int, ...]) -> str:
    return "×".join(map(str, sides)) or "a number"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
