"""PlainUSR as its authors published it for use, with its training-time branches folded (`…_Rep_…`)."""

from __future__ import annotations

from upres.models.foreign.imported import Imported, Importer, renamed, shuffled_scale
from upres.models.foreign.tensors import Tensors

_IMPORTANCE = {"0": "narrow", "2": "halve", "3": "widen"}


class PlainUSRImporter(Importer):
    """`head`, `block1` …, `blockm` in the middle, … `blockN`, `tail.0`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        return {"head.weight", "block1.body.0.weight", "blockm.body.0.weight", "tail.0.weight"} <= tensors.keys()

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        channels = tensors["head.weight"].shape[1]
        levels = sum(f"block{number}.body.0.weight" in tensors for number in range(1, 100)) // 2
        inward = [f"block{number + 1}" for number in range(levels)]
        names = {theirs: f"inward.{number}" for number, theirs in enumerate(inward)}
        names["blockm"] = "innermost"
        names |= {f"block{levels + number + 1}": f"outward.{number}" for number in range(levels)}
        maps = "blockm.body.3.body.2.weight" in tensors
        table = {r"head\.(\w+)": r"head.\1", r"tail\.0\.(\w+)": r"tail.\1"}
        for theirs, ours in names.items():
            table[rf"{theirs}\.body\.0\.(\w+)"] = rf"{ours}.first.\1"
            table[rf"{theirs}\.body\.2\.(\w+)"] = rf"{ours}.second.\1"
            for number, layer in (_IMPORTANCE if maps else {"0": "layer"}).items():
                table[rf"{theirs}\.body\.3\.body\.{number}\.(\w+)"] = rf"{ours}.attention.{layer}.\1"
        return Imported(
            scale=shuffled_scale(tensors["tail.0.weight"].shape[0], channels),
            channels=channels,
            config={
                "widths": [tensors[f"{name}.body.0.weight"].shape[0] for name in (*inward, "blockm")],
                "attention": tensors["blockm.body.3.body.0.weight"].shape[0] if maps else 0,
            },
            tensors=renamed(tensors, table),
        )
