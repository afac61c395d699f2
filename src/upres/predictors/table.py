"""The runtimes by the names that `backend` gives them, in the order in which they are preferred."""

from __future__ import annotations

from upres.config.tables import Table
from upres.predictors.onnx import ONNX_RUNTIME
from upres.predictors.openvino import OPENVINO
from upres.predictors.runtime import Runtime
from upres.predictors.torch import PYTORCH

RUNTIMES: Table[Runtime] = Table(
    "upres.predictors",
    {
        "onnx": ONNX_RUNTIME,  # what every install has
        "openvino": OPENVINO,
        "torch": PYTORCH,
    },
)
