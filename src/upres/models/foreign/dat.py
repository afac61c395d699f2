"""DAT as its authors published it."""

from __future__ import annotations

from upres.archs.layers.mean_shift import DIV2K
from upres.models.foreign.imported import Imported, Importer, Table, renamed, shuffled_scale
from upres.models.foreign.tensors import Tensors
from upres.models.foreign.windowed import NORMS, TABLE, depths, stepped_scale, trained

_LAYER = r"layers\.(\d+)\.blocks\.(\d+)\."
_OURS = r"groups.\1.layers.\2."
_FIRST = "layers.0.blocks.0."
# Linear with them, a convolution of one pixel here.
_LINEAR = ("attention.ask.weight", "attention.out.weight", "mlp.widen.weight", "mlp.narrow.weight")
_BIAS = rf"{_LAYER}attn\.attns\.(\d)\.pos\."
_OUR_BIAS = rf"{_OURS}attention.biases.\3."
# The layers of the offsets' network: each a normalisation, a ReLU and a linear layer.
_OF_OFFSETS = {"1": "0", "2": "1", "3": "2"}

_TABLE: Table = {
    **TABLE,
    r"before_RG\.1\.(\w+)": r"first_norm.\1",
    rf"{_LAYER}norm([12])\.(\w+)": lambda m: f"groups.{m[1]}.layers.{m[2]}.norms.{NORMS[m[3]]}.{m[4]}",
    rf"{_LAYER}attn\.qkv\.(\w+)": rf"{_OURS}attention.ask.\3",
    rf"{_LAYER}attn\.proj\.(\w+)": rf"{_OURS}attention.out.\3",
    rf"{_LAYER}attn\.temperature": rf"{_OURS}attention.temperature",
    rf"{_LAYER}attn\.dwconv\.([01])\.(\w+)": rf"{_OURS}attention.beside.conv.\3.\4",
    rf"{_LAYER}attn\.channel_interaction\.([124])\.(\w+)": lambda m: (
        f"groups.{m[1]}.layers.{m[2]}.attention.beside.channels.{int(m[3]) - 1}.{m[4]}"
    ),
    rf"{_LAYER}attn\.spatial_interaction\.([013])\.(\w+)": rf"{_OURS}attention.beside.places.\3.\4",
    rf"{_BIAS}pos_proj\.(\w+)": rf"{_OUR_BIAS}first.\4",
    rf"{_BIAS}pos(\d)\.0\.(\w+)": lambda m: (
        f"groups.{m[1]}.layers.{m[2]}.attention.biases.{m[3]}.norms.{_OF_OFFSETS[m[4]]}.{m[5]}"
    ),
    rf"{_BIAS}pos(\d)\.2\.(\w+)": lambda m: (
        f"groups.{m[1]}.layers.{m[2]}.attention.biases.{m[3]}.layers.{_OF_OFFSETS[m[4]]}.{m[5]}"
    ),
    rf"{_LAYER}ffn\.fc1\.(\w+)": rf"{_OURS}mlp.widen.\3",
    rf"{_LAYER}ffn\.fc2\.(\w+)": rf"{_OURS}mlp.narrow.\3",
    rf"{_LAYER}ffn\.sg\.norm\.(\w+)": rf"{_OURS}mlp.norm.\3",
    rf"{_LAYER}ffn\.sg\.conv\.(\w+)": rf"{_OURS}mlp.around.\3",
    r"layers\.(\d+)\.conv\.([024])\.(\w+)": r"groups.\1.conv.\2.\3",
    r"conv_after_body\.([024])\.(\w+)": r"join.\1.\2",
}


class DATImporter(Importer):
    """`conv_first`, `before_RG.1`, `layers.N.blocks.M`, `norm`, `conv_after_body`, `upsample`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        return {"before_RG.1.weight", f"{_FIRST}attn.attns.0.pos.pos_proj.weight"} <= tensors.keys()

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        # What the network makes itself tells the windows' sides.
        sides = tensors[f"{_FIRST}attn.attns.0.rpe_biases"].amax(0) + 1
        weights = trained(tensors)
        width, channels = weights["conv_first.weight"].shape[:2]
        stepped = "conv_before_upsample.0.weight" in weights
        named = renamed(weights, {**_TABLE, r"upsample\.(\d+)\.(\w+)": r"upsampler.\1.\2" if stepped else r"tail.\2"})
        for name, tensor in named.items():
            if name.endswith(_LINEAR):
                named[name] = tensor[..., None, None]
        return Imported(
            scale=stepped_scale(weights)
            if stepped
            else shuffled_scale(weights["upsample.0.weight"].shape[0], channels),
            channels=channels,
            config={
                "width": width,
                "depths": depths(weights, _LAYER),
                "heads": 2 * weights[f"{_FIRST}attn.attns.0.pos.pos3.2.weight"].shape[0],
                "window": [int(side) for side in sides],
                "expansion": weights[f"{_FIRST}ffn.fc1.weight"].shape[0] / width,
                "convs": 1 if "conv_after_body.weight" in weights else 3,
                "upsampler": "pixel-shuffle" if stepped else "direct",
                "mean": list(DIV2K) if channels == 3 else [],
            },
            tensors=named,
        )
