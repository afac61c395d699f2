"""ESRGAN and Real-ESRGAN, under all the names that their RRDB network was published with."""

from __future__ import annotations

from math import isqrt

from upres.errors import ModelError
from upres.models.foreign.imported import Imported, Importer, Table, count, renamed
from upres.models.foreign.tensors import Tensors

# Either has one of the first, by which it is known.
_NAMES = (
    {"conv_first.weight", "body.0.rdb1.conv1.weight", "conv_last.weight"},  # Real-ESRGAN, BasicSR
    {"conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight", "conv_last.weight"},  # ESRGAN
    {"model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"},  # ESRGAN's first files
)
_DENSE = r"(?:body|RRDB_trunk|model\.1\.sub)\.(\d+)\.(?:rdb|RDB)(\d)\.conv(\d)(?:\.0)?\.(\w+)"


class RRDBImporter(Importer):
    """Upsampling by nearest enlargement, ×1 to ×8 in steps of 2; Real-ESRGAN's ×2 and ×1 fold pixels first."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        return any(names <= tensors.keys() for names in _NAMES)

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        blocks = count(tensors, r"(?:body|RRDB_trunk|model\.1\.sub)\.(\d+)\.(?:rdb|RDB)")
        table = _first_files(tensors, blocks) if "model.0.weight" in tensors else _by_name(blocks)
        named = renamed(tensors, table)
        steps = count(named, r"upsampler\.(\d+)\.")
        width, taken = named["head.weight"].shape[:2]
        channels = named["tail.weight"].shape[0]
        unshuffle = isqrt(taken // channels)
        if unshuffle**2 * channels != taken or 2**steps % unshuffle:
            raise ModelError(f"it takes {taken} channels and gives {channels}: not the same number folded by 1, 2 or 4")
        return Imported(
            scale=2**steps // unshuffle,
            channels=channels,
            config={
                "width": width,
                "growth": named["body.0.layers.0.layers.0.weight"].shape[0],
                "blocks": blocks,
                "unshuffle": unshuffle,
            },
            tensors=named,
        )


def _by_name(blocks: int) -> Table:
    return {
        r"conv_first\.(\w+)": r"head.\1",
        _DENSE: lambda m: f"body.{m[1]}.layers.{int(m[2]) - 1}.layers.{int(m[3]) - 1}.{m[4]}",
        r"(?:conv_body|trunk_conv)\.(\w+)": rf"body.{blocks}.\1",
        # Each step is three layers of ours, an enlargement, a convolution and an activation.
        r"(?:conv_up|upconv)(\d)\.(\w+)": lambda m: f"upsampler.{3 * int(m[1]) - 2}.{m[2]}",
        r"(?:conv_hr|HRconv)\.(\w+)": r"refine.\1",
        r"conv_last\.(\w+)": r"tail.\1",
    }


def _first_files(tensors: Tensors, blocks: int) -> Table:
    """One list of layers, as long as the scale asks: steps of three at 2, 5, 8, …, then two convolutions."""
    last = max(int(name.split(".")[1]) for name in tensors)
    return {
        r"model\.0\.(\w+)": r"head.\1",
        _DENSE: lambda m: f"body.{m[1]}.layers.{int(m[2]) - 1}.layers.{int(m[3]) - 1}.{m[4]}",
        rf"model\.1\.sub\.{blocks}\.(\w+)": rf"body.{blocks}.\1",
        rf"model\.{last - 2}\.(\w+)": r"refine.\1",
        rf"model\.{last}\.(\w+)": r"tail.\1",
        r"model\.(\d+)\.(\w+)": lambda m: f"upsampler.{int(m[1]) - 2}.{m[2]}",
    }
