"""Files of named tensors, read without running what is in them."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from upres.errors import ModelError, first_line


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors, .pth (read without unpickling code) or .npz file by their names.

    Raises:
        ModelError: it is no such file, or cannot be read.
    """
    from pickle import UnpicklingError

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix not in (".safetensors", ".pth", ".pt", ".npz"):
        raise ModelError(f"{path}: should be a .safetensors, .pth or .npz file")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        found = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor for name, tensor in found.items() if isinstance(tensor, Tensor)}
    except (OSError, ValueError, RuntimeError, AttributeError, EOFError, BadZipFile) as error:
        reason = first_line(error)
    except (UnpicklingError, SafetensorError) as error:
        reason = first_line(error)
    raise ModelError(f"{path}: cannot be read as a file of tensors ({reason})")
