"""Checkpoint → ONNX file, with the facts inside and proof that both give the same pixels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from upres.errors import ModelError, ParityError, extra, first_line
from upres.models.facts import METADATA_KEY, Facts, to_json
from upres.models.files import ONNX, check_output
from upres.storage.atomic import whole_file

if TYPE_CHECKING:
    from upres.archs import Network

# Largest difference, in units of the pixel range, at which two float32 runtimes still agree: they add the
# same products in another order. Half an 8-bit level is 2e-3.
TOLERANCE = 1e-4
# What every runtime of the last years executes.
_OPSET = 17
_SIZES = ((1, 1), (5, 8), (24, 17), (48, 64))


@dataclass(frozen=True)
class Exported:
    """What was written, and the largest difference between PyTorch and ONNX Runtime on random pictures."""

    path: Path
    facts: Facts
    worst: float


def export_onnx(
    model: Path, output: Path, *, name: str | None = None, scores: dict[str, float] | None = None
) -> Exported:
    """Write a checkpoint as an ONNX file that takes any batch, height and width.

    The file's input is `lr`, `n c h w` float32 in [0, 1]; its output is `sr`, `n c s·h s·w`. Its facts lie in
    its own metadata. It appears under `output` only after ONNX Runtime gave the same pixels from it as PyTorch.

    Args:
        model: a .safetensors checkpoint.
        output: where to write.
        name: a new name for the model's facts.
        scores: scores for the model's facts; by default the checkpoint's.

    Raises:
        ModelError: the checkpoint cannot be read, or `output` does not end in .onnx.
        ParityError: the two differ by more than `TOLERANCE`.
        MissingExtraError: PyTorch or onnx is not installed.
    """
    with extra("train", "upres export"):
        from upres.models import checkpoint

    network, facts = checkpoint.load(model)
    facts = replace(
        facts,
        name=name or facts.name,
        scores=facts.scores if scores is None else scores,
        parameters=network.parameter_count,
    )
    return export_network(network, facts, output)


def export_network(network: Network, facts: Facts, output: Path) -> Exported:
    """Write a network as an ONNX file with these facts; otherwise as `export_onnx`.

    Raises:
        ModelError: it cannot be written as ONNX, or `output` does not end in .onnx.
        ParityError, MissingExtraError: as `export_onnx`.
    """
    check_output(output, ONNX)
    with extra("train", "an ONNX file"):
        import onnx

        from upres.models.activations import activation_bytes

    facts = replace(facts, memory=activation_bytes(network))
    proto = onnx.load_from_string(_traced(network, facts))
    onnx.helper.set_model_props(proto, {METADATA_KEY: to_json(facts)})
    with whole_file(output) as temporary:
        temporary.write_bytes(proto.SerializeToString())
        worst = parity(temporary, network)
        if not worst <= TOLERANCE:
            raise ParityError(
                f"{output}: not written: ONNX Runtime differs from PyTorch by {worst:.2e} of the pixel range "
                f"(at most {TOLERANCE:.0e}); report it with the checkpoint"
            )
    return Exported(output, facts, worst)


def _traced(network: Network, facts: Facts) -> bytes:
    import torch

    from upres.archs.folding import folded

    stream = BytesIO()
    side = 16 * facts.multiple
    with warnings.catch_warnings():
        # The TorchScript exporter is deprecated but gives the same graph for these networks and is faster.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                folded(network),
                (torch.zeros(1, facts.channels, side, side),),
                stream,  # type: ignore[arg-type]  # it takes a stream too; its annotation forgot
                opset_version=_OPSET,
                input_names=["lr"],
                output_names=["sr"],
                dynamic_axes={"lr": {0: "n", 2: "h", 3: "w"}, "sr": {0: "n", 2: "sh", 3: "sw"}},
                dynamo=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            raise ModelError(f"{facts.name}: cannot be written as ONNX ({first_line(error)})") from error
    return stream.getvalue()


def parity(file: Path, network: Network) -> float:
    """Return how far an ONNX file in ONNX Runtime is from PyTorch on seeded random pictures of several sizes.

    The unit is the pixel range, or the largest value that the network gives: noise drives some far out of the range,
    and rounding grows with the values.
    """
    import torch

    from upres.predictors.onnx import OnnxPredictor

    predictor = OnnxPredictor(file)
    facts = predictor.facts
    rng = np.random.default_rng(0)
    differences = []
    for height, width in _SIZES:
        lr = rng.random((2, facts.channels, height * facts.multiple, width * facts.multiple), dtype=np.float32)
        with torch.inference_mode():
            sr = network(torch.from_numpy(lr)).numpy()
        differences.append(np.abs(predictor.predict(lr) - sr).max() / max(1.0, np.abs(sr).max()))
    return float(np.max(differences))  # NaN where one is
