"""What SwinIR, HAT and DAT share in the files of their authors: groups of layers with attention within windows."""

from __future__ import annotations

from math import isqrt

from upres.models.foreign.imported import Table, count
from upres.models.foreign.tensors import Tensors

FIRST = "layers.0.residual_group.blocks.0."
"""How the names of the first layer begin."""

LAYER = r"layers\.(\d+)\.residual_group\.blocks\.(\d+)\."
"""How a layer's names begin: its group and its number."""

OURS = r"groups.\1.layers.\2."
"""How they begin in upres."""

NORMS = {"1": "0", "2": "1"}
"""Normalisations by their number there and here."""

TABLE: Table = {
    r"conv_first\.(\w+)": r"head.\1",
    r"patch_embed\.norm\.(\w+)": r"first_norm.\1",
    rf"{LAYER}norm([12])\.(\w+)": lambda m: f"groups.{m[1]}.layers.{m[2]}.norms.{NORMS[m[3]]}.{m[4]}",
    rf"{LAYER}attn\.qkv\.(\w+)": rf"{OURS}attention.ask.\3",
    rf"{LAYER}attn\.proj\.(\w+)": rf"{OURS}attention.out.\3",
    rf"{LAYER}attn\.relative_position_bias_table": rf"{OURS}attention.bias",
    r"layers\.(\d+)\.conv\.(\w+)": r"groups.\1.conv.\2",
    r"norm\.(\w+)": r"last_norm.\1",
    r"conv_after_body\.(\w+)": r"join.\1",
    r"conv_before_upsample\.0\.(\w+)": r"narrow.\1",
    r"conv_last\.(\w+)": r"tail.\1",
}
"""Names that are alike in them."""

# Made by the networks themselves, not trained.
_BUFFERS = (
    "relative_position_index",
    "relative_position_index_SA",
    "relative_position_index_OCA",
    "rpe_biases",
    "attn_mask",
    "attn_mask_0",
    "attn_mask_1",
)


def trained(tensors: Tensors) -> Tensors:
    """Return the tensors without those that the network makes itself."""
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(_BUFFERS)}


def depths(weights: Tensors, layer: str = LAYER) -> list[int]:
    """Return how many layers each group has, by the pattern of a layer's name: its group, its number."""
    groups = count(weights, r"layers\.(\d+)\.")
    return [count(weights, layer.replace(r"(\d+)", str(group), 1)) for group in range(groups)]


def stepped_scale(weights: Tensors) -> int:
    """Return the scale of an upsampler that shuffles pixels in steps."""
    scale = 1
    for name in weights:
        if name.startswith("upsample.") and name.endswith(".weight"):
            scale *= isqrt(weights[name].shape[0] // weights[name].shape[1])
    return scale
