"""SwinIR as its authors published it."""

from __future__ import annotations

from math import isqrt

from upres.archs.layers.mean_shift import DIV2K
from upres.errors import ModelError
from upres.models.foreign.imported import Imported, Importer, Table, count, renamed, shuffled_scale
from upres.models.foreign.tensors import Tensors

# Made by the network itself, not trained.
_BUFFERS = ("relative_position_index", "attn_mask")
_LAYER = r"layers\.(\d+)\.residual_group\.blocks\.(\d+)\."
_OURS = r"groups.\1.layers.\2."
_NORMS = {"1": "0", "2": "1"}


class SwinIRImporter(Importer):
    """`conv_first`, `patch_embed.norm`, `layers.N.residual_group.blocks.M`, `norm`, `conv_after_body`, `upsample`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        own = {"conv_first.weight", "layers.0.residual_group.blocks.0.attn.qkv.weight"} <= tensors.keys()
        return own and "layers.0.residual_group.overlap_attn.qkv.weight" not in tensors  # HAT's

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        weights = {name: tensor for name, tensor in tensors.items() if not name.endswith(_BUFFERS)}
        width, channels = weights["conv_first.weight"].shape[:2]
        first = "layers.0.residual_group.blocks.0."
        offsets, heads = weights[f"{first}attn.relative_position_bias_table"].shape
        groups = count(weights, r"layers\.(\d+)\.")
        stepped = "conv_before_upsample.0.weight" in weights
        if "conv_up1.weight" in weights or "layers.0.conv.0.weight" in weights:
            raise ModelError(
                "a SwinIR for real photographs, of another upsampler; upres has the classical and light one"
            )
        scale = 1
        if stepped:
            for name in weights:
                if name.startswith("upsample.") and name.endswith(".weight"):
                    scale *= isqrt(weights[name].shape[0] // weights[name].shape[1])
        else:
            scale = shuffled_scale(weights["upsample.0.weight"].shape[0], channels)
        table: Table = {
            r"conv_first\.(\w+)": r"head.\1",
            r"patch_embed\.norm\.(\w+)": r"first_norm.\1",
            rf"{_LAYER}norm([12])\.(\w+)": lambda m: f"groups.{m[1]}.layers.{m[2]}.norms.{_NORMS[m[3]]}.{m[4]}",
            rf"{_LAYER}attn\.qkv\.(\w+)": rf"{_OURS}attention.ask.\3",
            rf"{_LAYER}attn\.proj\.(\w+)": rf"{_OURS}attention.out.\3",
            rf"{_LAYER}attn\.relative_position_bias_table": rf"{_OURS}attention.bias",
            rf"{_LAYER}mlp\.fc1\.(\w+)": rf"{_OURS}widen.\3",
            rf"{_LAYER}mlp\.fc2\.(\w+)": rf"{_OURS}narrow.\3",
            r"layers\.(\d+)\.conv\.(\w+)": r"groups.\1.conv.\2",
            r"norm\.(\w+)": r"last_norm.\1",
            r"conv_after_body\.(\w+)": r"join.\1",
            r"conv_before_upsample\.0\.(\w+)": r"narrow.\1",
            r"conv_last\.(\w+)": r"tail.\1",
            r"upsample\.(\d+)\.(\w+)": r"upsampler.\1.\2" if stepped else r"tail.\2",
        }
        named = renamed(weights, table)
        for name, tensor in named.items():
            if ".layers." in name and name.endswith((".widen.weight", ".narrow.weight")):
                named[name] = tensor[..., None, None]  # theirs are linear, ours convolutions of one pixel
        return Imported(
            scale=scale,
            channels=channels,
            config={
                "width": width,
                "depths": [
                    count(weights, rf"layers\.{group}\.residual_group\.blocks\.(\d+)\.") for group in range(groups)
                ],
                "heads": heads,
                "window": (isqrt(offsets) + 1) // 2,
                "expansion": weights[f"{first}mlp.fc1.weight"].shape[0] / width,
                "upsampler": "pixel-shuffle" if stepped else "direct",
                "mean": list(DIV2K) if channels == 3 else [],
            },
            tensors=named,
        )
