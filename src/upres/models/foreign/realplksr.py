"""RealPLKSR as the trainers that have it write it."""

from __future__ import annotations

import re
from collections.abc import Callable

from upres.errors import ModelError
from upres.models.foreign.imported import Imported, Importer, Table, count, renamed, shuffled_scale
from upres.models.foreign.tensors import Tensors

_GROUPS = 4  # nowhere in a file, and the same in all
_PLACES = {
    r"channel_mixer\.0": "widen",
    r"channel_mixer\.2": "narrow",
    r"lk\.conv": "large",
    r"attn\.f\.0": "gate",
    "refine": "refine",
    "norm": "norm",
}


class RealPLKSRImporter(Importer):
    """`feats.0`, `feats.N` with `channel_mixer`, `lk`, `attn`, `refine`, `norm`, and the last `feats`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        return {"feats.0.weight", "feats.1.channel_mixer.0.weight", "feats.1.lk.conv.weight"} <= tensors.keys()

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        if any(name.startswith("to_img.") for name in tensors):
            raise ModelError("its pixels are placed by DySample; upres has RealPLKSR with a pixel shuffle")
        width, channels = tensors["feats.0.weight"].shape[:2]
        blocks = count(tensors, r"feats\.(\d+)\.lk\.")
        wide, _, kernel, _ = tensors["feats.1.lk.conv.weight"].shape
        # A layer that drops some while it is trained stands before the last, and has no tensors.
        last = max(int(name.split(".")[1]) for name in tensors if name.startswith("feats."))

        def placed(mine: str) -> Callable[[re.Match[str]], str]:
            return lambda match: f"body.{int(match[1]) - 1}.{mine}.{match[2]}"

        table: Table = {
            r"feats\.0\.(\w+)": r"head.\1",
            rf"feats\.{last}\.(\w+)": r"tail.\1",
            **{rf"feats\.(\d+)\.{theirs}\.(\w+)": placed(mine) for theirs, mine in _PLACES.items()},
        }
        return Imported(
            scale=shuffled_scale(tensors[f"feats.{last}.weight"].shape[0], channels),
            channels=channels,
            config={
                "width": width,
                "blocks": blocks,
                "kernel": kernel,
                "share": wide / width,
                "gate": "feats.1.attn.f.0.weight" in tensors,
                "norm": _GROUPS if "feats.1.norm.weight" in tensors else 0,
            },
            tensors=renamed(tensors, table),
        )
