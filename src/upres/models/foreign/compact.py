"""Real-ESRGAN's compact networks: `realesr-animevideov3`, `realesr-general-x4v3` and their kin."""

from __future__ import annotations

from upres.models.foreign.imported import Imported, Importer, count, renamed, shuffled_scale
from upres.models.foreign.tensors import Tensors


class CompactImporter(Importer):
    """`body.0` to `body.N`: convolutions at even numbers, PReLU slopes at odd ones."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        slopes = tensors.get("body.1.weight")
        return "body.0.weight" in tensors and slopes is not None and slopes.ndim == 1

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        width, channels = tensors["body.0.weight"].shape[:2]
        last = count(tensors, r"body\.(\d+)\.") - 1
        scale = shuffled_scale(tensors[f"body.{last}.weight"].shape[0], channels)
        table = {rf"body\.{last}\.(\w+)": r"tail.\1", r"(body\.\d+\.\w+)": r"\1"}
        return Imported(
            scale=scale,
            channels=channels,
            config={"width": width, "convs": last // 2 - 1},
            tensors=renamed(tensors, table),
        )
