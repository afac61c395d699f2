"""EDSR as its authors published it, for pixels in [0, 255], and as BasicSR does."""

from __future__ import annotations

from upres.archs.layers.mean_shift import DIV2K
from upres.models.foreign.imported import Imported, Importer, count, ranged, renamed
from upres.models.foreign.tensors import Tensors

_AUTHORS = {
    r"head\.0\.(\w+)": r"head.\1",
    r"body\.(\d+)\.body\.0\.(\w+)": r"body.\1.first.\2",
    r"body\.(\d+)\.body\.2\.(\w+)": r"body.\1.second.\2",
    r"body\.(\d+)\.(\w+)": r"body.\1.\2",
    r"tail\.0\.(\d+)\.(\w+)": r"upsampler.\1.\2",
    r"tail\.1\.(\w+)": r"tail.\1",
}
_BASICSR = {
    r"conv_first\.(\w+)": r"head.\1",
    r"body\.(\d+)\.conv1\.(\w+)": r"body.\1.first.\2",
    r"body\.(\d+)\.conv2\.(\w+)": r"body.\1.second.\2",
    r"upsample\.(\d+)\.(\w+)": r"upsampler.\1.\2",
    r"conv_last\.(\w+)": r"tail.\1",
}


class EDSRImporter(Importer):
    """`head.0`, `body`, `tail`, `sub_mean` and `add_mean`; or `conv_first`, `body`, `conv_after_body`, `conv_last`."""

    def recognises(self, tensors: Tensors) -> bool:
        """See `Importer`."""
        authors = {"head.0.weight", "body.0.body.0.weight", "tail.1.weight"}
        basicsr = {"conv_first.weight", "body.0.conv1.weight", "conv_after_body.weight"}
        return authors <= tensors.keys() or basicsr <= tensors.keys()

    def imported(self, tensors: Tensors) -> Imported:
        """See `Importer`."""
        authors = "head.0.weight" in tensors
        width, channels = tensors["head.0.weight" if authors else "conv_first.weight"].shape[:2]
        blocks = count(tensors, r"body\.(\d+)\.(?:body|conv1)\.")
        mean: list[float] = list(DIV2K) if channels == 3 else []
        if "sub_mean.bias" in tensors:
            mean = (tensors["sub_mean.bias"] / -255).tolist()
        weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(("sub_mean.", "add_mean."))}
        named = renamed(weights, _AUTHORS if authors else {**_BASICSR, r"conv_after_body\.(\w+)": rf"body.{blocks}.\1"})
        scale = 1
        for name, tensor in named.items():
            if name.startswith("upsampler.") and name.endswith(".weight"):
                scale *= round((tensor.shape[0] / width) ** 0.5)
        return Imported(
            scale=scale,
            channels=channels,
            config={
                "width": width,
                "blocks": blocks,
                # Not among the tensors; every published file of 256 channels, and no other, was trained with 0.1.
                "residual_scale": 0.1 if width == 256 else 1.0,
                "mean": mean,
            },
            tensors=ranged(named, "head", "tail", 255.0),
        )
