"""SPAN as its authors and the NTIRE challenge published it: with its three-branch convolutions, folded, or both."""

from __future__ import annotations

import torch
from torch import Tensor

from upres.archs.layers.mean_shift import DIV2K
from upres.models.foreign.imported import Imported, Importer, Table, count, renamed, shuffled_scale
from upres.models.foreign.tensors import Tensors, without_prefix


class SPANImporter(Importer):
    """`conv_1`, `block_1` to `block_N`, `conv_2`, `conv_cat`, `upsampler.0`.

    Its input is (pixel - mean) · 255, and its output a pixel in [0, 1].
    """

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        convolution = {"block_1.c1_r.eval_conv.weight", "block_1.c1_r.sk.weight"} & tensors.keys()
        return bool(convolution) and "conv_cat.weight" in tensors

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        folded = _folded(tensors)
        width, channels = folded["conv_1.weight"].shape[:2]
        # A flag of later versions: whether the picture goes in as it is.
        plain = folded.pop("no_norm", None) is not None
        table: Table = {
            r"conv_1\.(\w+)": r"head.\1",
            r"block_(\d+)\.c(\d)_r\.(\w+)": lambda m: f"body.{int(m[1]) - 1}.layers.{int(m[2]) - 1}.{m[3]}",
            r"conv_2\.(\w+)": r"after.\1",
            r"conv_cat\.(\w+)": r"join.\1",
            r"upsampler\.0\.(\w+)": r"tail.\1",
        }
        named = renamed(folded, table)
        if not plain:
            named["head.weight"] = named["head.weight"] * 255
        return Imported(
            scale=shuffled_scale(folded["upsampler.0.weight"].shape[0], channels),
            channels=channels,
            config={
                "width": width,
                "blocks": count(tensors, r"block_(\d+)\."),
                "mean": list(DIV2K) if channels == 3 and not plain else [],
            },
            tensors=named,
        )


def _folded(tensors: Tensors) -> Tensors:
    """Give every convolution as one, under the name of its group.

    Where a file holds branches and the folded convolution too, the branches count: the other is only brought up to
    date when the authors' program turns to evaluation.
    """
    branched = {name.removesuffix(".sk.weight") for name in tensors if name.endswith(".sk.weight")}
    result: Tensors = {}
    for name, tensor in tensors.items():
        group = next((group for group in branched if name.startswith(f"{group}.")), None)
        if group is None:
            result[name.replace(".eval_conv.", ".")] = tensor
    for group in branched:
        result[f"{group}.weight"], result[f"{group}.bias"] = _one_convolution(without_prefix(tensors, f"{group}."))
    return result


def _one_convolution(branches: Tensors) -> tuple[Tensor, Tensor]:
    """Fold 1×1, 3×3 and 1×1 in a row, and a 1×1 beside them; they pad before the first, so its bias counts there."""
    first, second, third, beside = (branches[f"{name}.weight"] for name in ("conv.0", "conv.1", "conv.2", "sk"))
    weight = torch.einsum("om,mnyx,ni->oiyx", third[:, :, 0, 0], second, first[:, :, 0, 0])
    weight[:, :, 1, 1] += beside[:, :, 0, 0]
    inner = second.sum(dim=(2, 3)) @ branches["conv.0.bias"] + branches["conv.1.bias"]
    return weight, third[:, :, 0, 0] @ inner + branches["conv.2.bias"] + branches["sk.bias"]
