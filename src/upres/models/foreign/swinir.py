"""SwinIR as its authors published it."""

from __future__ import annotations

from math import isqrt

from upres.archs.layers.mean_shift import DIV2K
from upres.errors import ModelError
from upres.models.foreign.imported import Imported, Importer, Table, renamed, shuffled_scale
from upres.models.foreign.tensors import Tensors
from upres.models.foreign.windowed import FIRST, LAYER, OURS, TABLE, depths, stepped_scale, trained


class SwinIRImporter(Importer):
    """`conv_first`, `patch_embed.norm`, `layers.N.residual_group.blocks.M`, `norm`, `conv_after_body`, `upsample`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        own = {"conv_first.weight", "layers.0.residual_group.blocks.0.attn.qkv.weight"} <= tensors.keys()
        return own and "layers.0.residual_group.overlap_attn.qkv.weight" not in tensors  # HAT's

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        weights = trained(tensors)
        width, channels = weights["conv_first.weight"].shape[:2]
        offsets, heads = weights[f"{FIRST}attn.relative_position_bias_table"].shape
        stepped = "conv_before_upsample.0.weight" in weights
        if "conv_up1.weight" in weights or "layers.0.conv.0.weight" in weights:
            raise ModelError(
                "a SwinIR for real photographs, of another upsampler; upres has the classical and light one"
            )
        upsampled = weights["upsample.0.weight"].shape[0]
        table: Table = {
            **TABLE,
            rf"{LAYER}mlp\.fc1\.(\w+)": rf"{OURS}widen.\3",
            rf"{LAYER}mlp\.fc2\.(\w+)": rf"{OURS}narrow.\3",
            r"upsample\.(\d+)\.(\w+)": r"upsampler.\1.\2" if stepped else r"tail.\2",
        }
        named = renamed(weights, table)
        for name, tensor in named.items():
            if ".layers." in name and name.endswith((".widen.weight", ".narrow.weight")):
                named[name] = tensor[..., None, None]  # theirs are linear, ours convolutions of one pixel
        return Imported(
            scale=stepped_scale(weights) if stepped else shuffled_scale(upsampled, channels),
            channels=channels,
            config={
                "width": width,
                "depths": depths(weights),
                "heads": heads,
                "window": (isqrt(offsets) + 1) // 2,
                "expansion": weights[f"{FIRST}mlp.fc1.weight"].shape[0] / width,
                "upsampler": "pixel-shuffle" if stepped else "direct",
                "mean": list(DIV2K) if channels == 3 else [],
            },
            tensors=named,
        )
