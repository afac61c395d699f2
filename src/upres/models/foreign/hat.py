"""HAT as its authors published it."""

from __future__ import annotations

from math import isqrt

import torch

from upres.archs.layers.mean_shift import DIV2K
from upres.archs.layers.windows import places
from upres.errors import ModelError
from upres.models.foreign.imported import Imported, Importer, Table, renamed
from upres.models.foreign.tensors import Tensors
from upres.models.foreign.windowed import FIRST, LAYER, NORMS, OURS, TABLE, depths, stepped_scale, trained

_GROUP = r"layers\.(\d+)\.residual_group\.overlap_attn\."
_LAST = r"groups.\1.overlapping."
# Linear with them, a convolution of one pixel here.
_LINEAR = (".mlp.widen.weight", ".mlp.narrow.weight", ".overlapping.ask.weight", ".overlapping.out.weight")


class HATImporter(Importer):
    """`conv_first`, `layers.N.residual_group` with `blocks.M` and `overlap_attn`, `conv_after_body`, `upsample`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        group = "layers.0.residual_group."
        return {f"{FIRST}conv_block.cab.0.weight", f"{group}overlap_attn.qkv.weight"} <= tensors.keys()

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        weights = trained(tensors)
        width, channels = weights["conv_first.weight"].shape[:2]
        group = "layers.0.residual_group."
        offsets, heads = weights[f"{FIRST}attn.relative_position_bias_table"].shape
        window = (isqrt(offsets) + 1) // 2
        around = isqrt(weights[f"{group}overlap_attn.relative_position_bias_table"].shape[0]) + 1 - window
        if around != window * 3 // 2:
            raise ModelError(f"its windows of {window} look at {around} pixels; upres has those that look at half more")
        table: Table = {
            **TABLE,
            rf"{LAYER}conv_block\.cab\.0\.(\w+)": rf"{OURS}gated.first.\3",
            rf"{LAYER}conv_block\.cab\.2\.(\w+)": rf"{OURS}gated.second.\3",
            rf"{LAYER}conv_block\.cab\.3\.attention\.1\.(\w+)": rf"{OURS}gated.squeeze.\3",
            rf"{LAYER}conv_block\.cab\.3\.attention\.3\.(\w+)": rf"{OURS}gated.excite.\3",
            rf"{LAYER}mlp\.fc1\.(\w+)": rf"{OURS}mlp.widen.\3",
            rf"{LAYER}mlp\.fc2\.(\w+)": rf"{OURS}mlp.narrow.\3",
            rf"{_GROUP}norm([12])\.(\w+)": lambda m: f"groups.{m[1]}.overlapping.norms.{NORMS[m[2]]}.{m[3]}",
            rf"{_GROUP}qkv\.(\w+)": rf"{_LAST}ask.\2",
            rf"{_GROUP}proj\.(\w+)": rf"{_LAST}out.\2",
            rf"{_GROUP}relative_position_bias_table": rf"{_LAST}bias",
            rf"{_GROUP}mlp\.fc1\.(\w+)": rf"{_LAST}mlp.widen.\2",
            rf"{_GROUP}mlp\.fc2\.(\w+)": rf"{_LAST}mlp.narrow.\2",
            r"upsample\.(\d+)\.(\w+)": r"upsampler.\1.\2",
        }
        named = renamed(weights, table)
        for name, tensor in named.items():
            if name.endswith(_LINEAR):
                named[name] = tensor[..., None, None]
            elif name.endswith(".overlapping.bias"):
                named[name] = _in_our_order(tensor, window, around)
        gate = f"{FIRST}conv_block.cab."
        return Imported(
            scale=stepped_scale(weights),
            channels=channels,
            config={
                "width": width,
                "depths": depths(weights),
                "heads": heads,
                "window": window,
                "compression": width // weights[f"{gate}0.weight"].shape[0],
                "squeeze": width // weights[f"{gate}3.attention.1.weight"].shape[0],
                "expansion": weights[f"{FIRST}mlp.fc1.weight"].shape[0] / width,
                "mean": list(DIV2K) if channels == 3 else [],
            },
            tensors=named,
        )


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
    result[places((window, window), (around, around)).reshape(-1)] = bias[theirs]
    return result
