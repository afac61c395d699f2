"""HAT as its authors published it."""

from __future__ import annotations

from math import isqrt

import torch

from upres.archs.layers.mean_shift import DIV2K
from upres.archs.layers.windows import places
from upres.errors import ModelError
from upres.models.foreign.imported import Imported, Importer, Table, count, renamed
from upres.models.foreign.tensors import Tensors

# Made by the network itself, not trained.
_BUFFERS = ("relative_position_index", "relative_position_index_SA", "relative_position_index_OCA", "attn_mask")
_LAYER = r"layers\.(\d+)\.residual_group\.blocks\.(\d+)\."
_OURS = r"groups.\1.layers.\2."
_GROUP = r"layers\.(\d+)\.residual_group\.overlap_attn\."
_LAST = r"groups.\1.overlapping."
_NORMS = {"1": "0", "2": "1"}
# Linear with them, a convolution of one pixel here.
_LINEAR = (".mlp.widen.weight", ".mlp.narrow.weight", ".overlapping.ask.weight", ".overlapping.out.weight")


class HATImporter(Importer):
    """`conv_first`, `layers.N.residual_group` with `blocks.M` and `overlap_attn`, `conv_after_body`, `upsample`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        group = "layers.0.residual_group."
        return {f"{group}blocks.0.conv_block.cab.0.weight", f"{group}overlap_attn.qkv.weight"} <= tensors.keys()

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        weights = {name: tensor for name, tensor in tensors.items() if not name.endswith(_BUFFERS)}
        width, channels = weights["conv_first.weight"].shape[:2]
        group = "layers.0.residual_group."
        offsets, heads = weights[f"{group}blocks.0.attn.relative_position_bias_table"].shape
        window = (isqrt(offsets) + 1) // 2
        around = isqrt(weights[f"{group}overlap_attn.relative_position_bias_table"].shape[0]) + 1 - window
        if around != window * 3 // 2:
            raise ModelError(f"its windows of {window} look at {around} pixels; upres has those that look at half more")
        groups, scale = count(weights, r"layers\.(\d+)\."), 1
        for name in weights:
            if name.startswith("upsample.") and name.endswith(".weight"):
                scale *= isqrt(weights[name].shape[0] // weights[name].shape[1])
        table: Table = {
            r"conv_first\.(\w+)": r"head.\1",
            r"patch_embed\.norm\.(\w+)": r"first_norm.\1",
            rf"{_LAYER}norm([12])\.(\w+)": lambda m: f"groups.{m[1]}.layers.{m[2]}.norms.{_NORMS[m[3]]}.{m[4]}",
            rf"{_LAYER}attn\.qkv\.(\w+)": rf"{_OURS}attention.ask.\3",
            rf"{_LAYER}attn\.proj\.(\w+)": rf"{_OURS}attention.out.\3",
            rf"{_LAYER}attn\.relative_position_bias_table": rf"{_OURS}attention.bias",
            rf"{_LAYER}conv_block\.cab\.0\.(\w+)": rf"{_OURS}gated.first.\3",
            rf"{_LAYER}conv_block\.cab\.2\.(\w+)": rf"{_OURS}gated.second.\3",
            rf"{_LAYER}conv_block\.cab\.3\.attention\.1\.(\w+)": rf"{_OURS}gated.squeeze.\3",
            rf"{_LAYER}conv_block\.cab\.3\.attention\.3\.(\w+)": rf"{_OURS}gated.excite.\3",
            rf"{_LAYER}mlp\.fc1\.(\w+)": rf"{_OURS}mlp.widen.\3",
            rf"{_LAYER}mlp\.fc2\.(\w+)": rf"{_OURS}mlp.narrow.\3",
            rf"{_GROUP}norm([12])\.(\w+)": lambda m: f"groups.{m[1]}.overlapping.norms.{_NORMS[m[2]]}.{m[3]}",
            rf"{_GROUP}qkv\.(\w+)": rf"{_LAST}ask.\2",
            rf"{_GROUP}proj\.(\w+)": rf"{_LAST}out.\2",
            rf"{_GROUP}relative_position_bias_table": rf"{_LAST}bias",
            rf"{_GROUP}mlp\.fc1\.(\w+)": rf"{_LAST}mlp.widen.\2",
            rf"{_GROUP}mlp\.fc2\.(\w+)": rf"{_LAST}mlp.narrow.\2",
            r"layers\.(\d+)\.conv\.(\w+)": r"groups.\1.conv.\2",
            r"norm\.(\w+)": r"last_norm.\1",
            r"conv_after_body\.(\w+)": r"join.\1",
            r"conv_before_upsample\.0\.(\w+)": r"narrow.\1",
            r"upsample\.(\d+)\.(\w+)": r"upsampler.\1.\2",
            r"conv_last\.(\w+)": r"tail.\1",
        }
        named = renamed(weights, table)
        for name, tensor in named.items():
            if name.endswith(_LINEAR):
                named[name] = tensor[..., None, None]
            elif name.endswith(".overlapping.bias"):
                named[name] = _in_our_order(tensor, window, around)
        gate = f"{group}blocks.0.conv_block.cab."
        return Imported(
            scale=scale,
            channels=channels,
            config={
                "width": width,
                "depths": [
                    count(weights, rf"layers\.{number}\.residual_group\.blocks\.(\d+)\.") for number in range(groups)
                ],
                "heads": heads,
                "window": window,
                "compression": _divisor(width, weights[f"{gate}0.weight"].shape[0]),
                "squeeze": _divisor(width, weights[f"{gate}3.attention.1.weight"].shape[0]),
                "expansion": weights[f"{group}blocks.0.mlp.fc1.weight"].shape[0] / width,
                "mean": list(DIV2K) if channels == 3 else [],
            },
            tensors=named,
        )


def _divisor(width: int, narrow: int) -> int:
    """Return by what a width was divided, and rounded down, to get the narrow one."""
    return width // narrow


def _in_our_order(bias: torch.Tensor, window: int, around: int) -> torch.Tensor:
    """Return the biases of windows that overlap, `offsets heads`, where upres looks for them.

    Theirs counts offsets from the asking pixel to the one it looks at, from an end that makes some of the indices
    negative; those count from the table's end.
    """
    side = window + around - 1
    ask, look = torch.arange(window), torch.arange(around)
    offset = look[None] - ask[:, None] + window - around + 1
    rows = offset[:, None, :, None].expand(window, window, around, around)
    columns = offset[None, :, None, :].expand(window, window, around, around)
    theirs = ((rows * side + columns) % side**2).reshape(-1)
    result = torch.empty_like(bias)
    result[places(window, around).reshape(-1)] = bias[theirs]
    return result
