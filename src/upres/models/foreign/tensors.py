"""Files of tensors that others published: read without running anything that is in them."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from upres.config.limits import MAX_UNPACKED
from upres.errors import ModelError, first_line

Tensors = dict[str, Tensor]

# Where training programs keep the weights inside what they save; the first that is there.
_WRAPPINGS = ("params_ema", "params-ema", "params", "state_dict", "model_state_dict", "model")
_FORBIDDEN = re.compile(r"(?:GLOBAL|global:?) (?:GLOBAL )?'?([\w.]+\.[\w.]+)")


def read_tensors(path: Path) -> Tensors:
    """Read the weights of a `.safetensors` file or of one that PyTorch saved, by name, in float32.

    Raises:
        ModelError: the file is missing or damaged, holds no tensors, or only unpickling that can run code opens it.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give a .onnx, .safetensors or .pth model, or a name from upres models")
    content = _safetensors(path) if path.suffix.lower() == ".safetensors" else _pickled(path)
    found = _unwrapped(content)
    if not found:
        raise ModelError(f"{path}: holds no tensors by name, neither at its top nor under {', '.join(_WRAPPINGS)}")
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in found.items()}


def without_prefix(tensors: Tensors, prefix: str) -> Tensors:
    """Return the tensors whose names begin so, under the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _safetensors(path: Path) -> Tensors:
    try:
        return load_file(str(path))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({first_line(error)}); copy it again") from error


def _pickled(path: Path) -> Any:
    _check_unpacked(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on old ways of saving, which are read all the same
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = _FORBIDDEN.search(str(error))
        if named is None:
            raise ModelError(f"{path}: not a file of tensors that PyTorch saved; copy it again") from error
        raise ModelError(
            f"{path}: refused: besides tensors it holds {named[1]}, and opening such a file can run any code; ask its "
            "author for the state_dict, or save that yourself where you trust the file, as .safetensors"
        ) from error
    except Exception as error:  # what PyTorch raises on a damaged file has no common base class
        # PyTorch's advice for kinds that it opens only by running them is not passed on.
        said = "of a kind that only running it opens" if "weights_only" in str(error) else first_line(error)
        raise ModelError(f"{path}: not a file of tensors that PyTorch saved ({said}); copy it again") from error


def _check_unpacked(path: Path) -> None:
    """Refuse an archive that says of itself that it holds far more than it is long: PyTorch packs nothing.

    Raises:
        ModelError: names both sizes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # the old way of saving, or damaged: said by who reads it
    length = path.stat().st_size
    if unpacked > MAX_UNPACKED * length:
        raise ModelError(
            f"refused: {length:,} bytes that unpack to {unpacked:,}, which PyTorch never writes; "
            "get the file from its author",
            where=path,
        )


def _unwrapped(content: Any) -> Tensors:
    """Return the mapping of tensors that lies in the content, at its top or under a known key."""
    if not isinstance(content, Mapping):
        return {}
    for key in _WRAPPINGS:
        inner = content.get(key)
        if isinstance(inner, Mapping):
            return _unwrapped(inner)
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
