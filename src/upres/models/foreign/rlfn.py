"""RLFN as its authors published it, for pixels in [0, 255]."""

from __future__ import annotations

from upres.models.foreign.imported import Imported, Importer, Table, count, ranged, renamed, shuffled_scale
from upres.models.foreign.tensors import Tensors

_LAYERS = {"conv1": "narrow", "conv_f": "side", "conv2": "halve", "conv3": "coarse", "conv4": "widen"}


class RLFNImporter(Importer):
    """`conv_1`, `block_1` to `block_N` with `esa`, `conv_2`, `upsampler.0`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        return {"block_1.c1_r.weight", "block_1.esa.conv_f.weight", "upsampler.0.weight"} <= tensors.keys()

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        width, channels = tensors["conv_1.weight"].shape[:2]
        blocks = count(tensors, r"block_(\d+)\.")
        table: Table = {
            r"conv_1\.(\w+)": r"head.\1",
            r"block_(\d+)\.c(\d)_r\.(\w+)": lambda m: f"body.{int(m[1]) - 1}.layers.{int(m[2]) - 1}.{m[3]}",
            r"block_(\d+)\.c5\.(\w+)": lambda m: f"body.{int(m[1]) - 1}.last.{m[2]}",
            rf"block_(\d+)\.esa\.({'|'.join(_LAYERS)})\.(\w+)": lambda m: (
                f"body.{int(m[1]) - 1}.attention.{_LAYERS[m[2]]}.{m[3]}"
            ),
            r"conv_2\.(\w+)": rf"body.{blocks}.\1",
            r"upsampler\.0\.(\w+)": r"tail.\1",
        }
        attention = tensors["block_1.esa.conv1.weight"].shape[0]
        return Imported(
            scale=shuffled_scale(tensors["upsampler.0.weight"].shape[0], channels),
            channels=channels,
            config={"width": width, "attention": attention, "blocks": blocks},
            tensors=ranged(renamed(tensors, table), "head", "tail", 255.0),
        )
