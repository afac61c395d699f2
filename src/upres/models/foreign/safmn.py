"""SAFMN as its authors published it."""

from __future__ import annotations

from upres.models.foreign.imported import Imported, Importer, Table, count, renamed, shuffled_scale
from upres.models.foreign.tensors import Tensors

_NORMS = {"1": "0", "2": "1"}


class SAFMNImporter(Importer):
    """`to_feat`, `feats.N` with `norm1`, `safm`, `norm2` and `ccm`, `to_img.0`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        return {"to_feat.weight", "feats.0.norm1.weight", "feats.0.safm.mfr.0.weight"} <= tensors.keys()

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        width, channels = tensors["to_feat.weight"].shape[:2]
        hidden = tensors["feats.0.ccm.ccm.0.weight"].shape[0]
        table: Table = {
            r"to_feat\.(\w+)": r"head.\1",
            r"feats\.(\d+)\.norm(1|2)\.(\w+)": lambda m: f"body.{m[1]}.norms.{_NORMS[m[2]]}.{m[3]}",
            r"feats\.(\d+)\.safm\.mfr\.(\d)\.(\w+)": r"body.\1.modulation.levels.\2.\3",
            r"feats\.(\d+)\.safm\.aggr\.(\w+)": r"body.\1.modulation.join.\2",
            r"feats\.(\d+)\.ccm\.ccm\.0\.(\w+)": r"body.\1.widen.\2",
            r"feats\.(\d+)\.ccm\.ccm\.2\.(\w+)": r"body.\1.narrow.\2",
            r"to_img\.0\.(\w+)": r"tail.\1",
        }
        return Imported(
            scale=shuffled_scale(tensors["to_img.0.weight"].shape[0], channels),
            channels=channels,
            config={"width": width, "blocks": count(tensors, r"feats\.(\d+)\."), "expansion": hidden / width},
            tensors=renamed(tensors, table),
        )
