"""OmniSR as its authors published it, and as other trainers write it."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isqrt

from upres.models.foreign.imported import Imported, Importer, Table, count, ranged, renamed, shuffled_scale
from upres.models.foreign.tensors import Tensors

_BLOCK = r"residual_layer\.(\d+)\.residual_layer\.(\d+)\.layer\."
_OURS = r"groups.\1.blocks.\2."
_FIRST = "residual_layer.0.residual_layer.0.layer."
# Their number of a layer in a block, and ours.
_PIXELS = {"2": "1", "8": "5"}
_CHANNELS = {"5": "3", "11": "7"}
_MLPS = {"4": "2", "6": "4", "10": "6", "12": "8"}
_LOCAL = {r"0": "first", r"2": "around", r"4\.gate\.1": "squeeze", r"4\.gate\.3": "excite", r"5": "last"}
_MAP = {"conv1": "narrow", "conv_f": "side", "conv2": "halve", "conv3": "coarse", "conv4": "widen"}
# What its authors' trainer counted operations by, and left in what it saved.
_COUNTS = ("total_ops", "total_params")


class OmniSRImporter(Importer):
    """`input`, `residual_layer.N` with `residual_layer.M.layer` and `esa`, `output`, `up.0`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        return {"input.weight", f"{_FIRST}2.fn.to_qkv.weight", "residual_layer.0.esa.conv_f.weight"} <= tensors.keys()

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        weights = {name: tensor for name, tensor in tensors.items() if not name.endswith(_COUNTS)}
        width, channels = weights["input.weight"].shape[:2]
        # Behind the blocks stands a convolution.
        blocks = count(weights, r"residual_layer\.0\.residual_layer\.(\d+)\.") - 1
        named = renamed(weights, _table(blocks))
        # Its authors' trainer, and no other, leaves its counts; its pixels are in [-1, 1].
        centred = len(weights) < len(tensors)
        return Imported(
            scale=shuffled_scale(weights["up.0.weight"].shape[0], channels),
            channels=channels,
            config={
                "width": width,
                "groups": count(weights, r"residual_layer\.(\d+)\."),
                "blocks": blocks,
                "window": (isqrt(weights[f"{_FIRST}2.fn.rel_pos_bias.weight"].shape[0]) + 1) // 2,
                "mean": [0.5] * channels if centred else [],
            },
            tensors=ranged(named, "head", "tail", 2.0) if centred else named,
        )


def _table(blocks: int) -> Table:
    """Return our names of a network's tensors that has so many blocks in a group."""
    table: dict[str, str | Callable[[re.Match[str]], str]] = {
        r"input\.(\w+)": r"head.\1",
        r"output\.(\w+)": r"join.\1",
        r"up\.0\.(\w+)": r"tail.\1",
        rf"residual_layer\.(\d+)\.residual_layer\.{blocks}\.(\w+)": r"groups.\1.mix.\2",
        rf"residual_layer\.(\d+)\.esa\.({'|'.join(_MAP)})\.(\w+)": lambda m: (
            f"groups.{m[1]}.attention.{_MAP[m[2]]}.{m[3]}"
        ),
        **{rf"{_BLOCK}0\.fn\.{theirs}\.(\w+)": rf"{_OURS}0.{ours}.\3" for theirs, ours in _LOCAL.items()},
    }
    layers = (
        (_PIXELS, {r"to_qkv": "ask", r"to_out\.0": "out"}),
        (_CHANNELS, {"qkv": "ask", "qkv_dwconv": "around", "project_out": "out"}),
        (_MLPS, {"project_in": "widen", "dwconv": "around", "project_out": "narrow"}),
    )
    for numbers, parts in layers:
        for theirs, ours in numbers.items():
            table[rf"{_BLOCK}{theirs}\.norm\.(\w+)"] = rf"{_OURS}{ours}.norm.\3"
            table |= {
                rf"{_BLOCK}{theirs}\.fn\.{part}\.(\w+)": rf"{_OURS}{ours}.{mine}.\3" for part, mine in parts.items()
            }
    table |= {rf"{_BLOCK}{at}\.fn\.rel_pos_bias\.weight": rf"{_OURS}{ours}.bias" for at, ours in _PIXELS.items()}
    table |= {rf"{_BLOCK}{at}\.fn\.temperature": rf"{_OURS}{ours}.temperature" for at, ours in _CHANNELS.items()}
    return table
