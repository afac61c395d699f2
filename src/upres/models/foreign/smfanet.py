"""SMFANet and SMFANet+ as their authors published them."""

from __future__ import annotations

from upres.models.foreign.imported import Imported, Importer, count, renamed, shuffled_scale
from upres.models.foreign.tensors import Tensors

_LAYERS = {
    r"smfa\.linear_0": "attention.split",
    r"smfa\.linear_1": "attention.modulate",
    r"smfa\.linear_2": "attention.join",
    r"smfa\.lde\.conv_0\.0": "attention.local.depthwise",
    r"smfa\.lde\.conv_0\.1": "attention.local.mix",
    r"smfa\.lde\.conv_1": "attention.local.narrow",
    r"smfa\.dw_conv": "attention.coarse",
    r"pcfn\.conv_0": "convolutions.widen",
    r"pcfn\.conv_1": "convolutions.partial",
    r"pcfn\.conv_2": "convolutions.narrow",
}


class SMFANetImporter(Importer):
    """`to_feat`, `feats.N` with `smfa` and `pcfn`, `to_img.0`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        return {"to_feat.weight", "feats.0.smfa.alpha", "feats.0.pcfn.conv_0.weight"} <= tensors.keys()

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        width, channels = tensors["to_feat.weight"].shape[:2]
        hidden = tensors["feats.0.pcfn.conv_0.weight"].shape[0]
        table = {r"to_feat\.(\w+)": r"head.\1", r"to_img\.0\.(\w+)": r"tail.\1"}
        table |= {rf"feats\.(\d+)\.{theirs}\.(\w+)": rf"body.\1.{ours}.\2" for theirs, ours in _LAYERS.items()}
        table[r"feats\.(\d+)\.smfa\.alpha"] = r"body.\1.attention.alpha"
        table[r"feats\.(\d+)\.smfa\.belt"] = r"body.\1.attention.beta"
        return Imported(
            scale=shuffled_scale(tensors["to_img.0.weight"].shape[0], channels),
            channels=channels,
            config={"width": width, "blocks": count(tensors, r"feats\.(\d+)\."), "expansion": hidden / width},
            tensors=renamed(tensors, table),
        )
