"""Which executions there are: what is tried for a model on a machine, and the one line that every wrong wish gets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import without
from tests.tiny_models import tiny_onnx
from upres.errors import ConfigError
from upres.models.files import ModelFile, model_file
from upres.predictors import Execution, open_predictor, probing
from upres.predictors.executions import Machine, exact_execution, executions_for, this_machine
from upres.predictors.opening import Decision

ONNX = Execution("onnx", "cpu", "fp32")
EVERYTHING = frozenset({"onnx", "openvino", "torch"})


def told(error: type[Exception], model: Path, **options: str) -> str:
    with pytest.raises(error) as caught:
        probing.open_probed_cached(model, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_onnx())
    return path


def test_wishes_that_cannot_be_met_list_what_can(tiny: Path) -> None:
    assert told(ConfigError, tiny, backend="onx") == (
        "backend = 'onx': did you mean onnx? Known: onnx, auto, openvino, torch"
    )
    assert (
        told(ConfigError, tiny, device="cpuu")
        == "device = 'cpuu': did you mean cpu? Known: cpu, npu, gpu, cuda, auto, coreml, dml, mps"
    )
    assert told(ConfigError, tiny, precision="fp8").startswith("precision = 'fp8': did you mean ")
    table = (
        "onnx cpu fp32 int8, onnx cuda fp32, onnx dml fp32, onnx coreml fp32, openvino cpu fp32 bf16 int8, "
        "openvino npu fp16, torch cpu fp32 bf16, torch cuda fp32 bf16 fp16, torch mps fp32 fp16"
    )
    assert told(ConfigError, tiny, backend="onnx", precision="bf16") == (
        f"backend onnx, precision bf16: no such combination; there are {table}"
    )
    assert told(ConfigError, tiny, precision="int8") == (
        f"{tiny}: precision int8: this model runs on "
        f"{table.replace(' int8', '')}; upres quantise makes its int8 version"
    )
    checkpoint = tiny.with_suffix(".safetensors")
    checkpoint.write_bytes(b"")
    assert told(ConfigError, checkpoint, backend="onnx") == (
        f"{checkpoint}: backend onnx, precision fp32: this model runs on torch cpu fp32 bf16, "
        "torch cuda fp32 bf16 fp16, torch mps fp32 fp16; upres convert makes an .onnx model for the others"
    )


def test_opening_takes_no_auto(tiny: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_predictor(tiny, backend="auto")
    assert str(caught.value) == "backend = 'auto': Known: onnx, openvino, torch"
    with pytest.raises(ConfigError, match=r"^backend onnx, precision fp16: no such combination; there are onnx "):
        open_predictor(tiny, backend="onnx", precision="fp16")


def test_a_missing_library_says_what_to_install(tiny: Path) -> None:
    code = f"""
from upres.errors import MissingExtraError
from upres.predictors.probing import open_probed_cached
for backend in ("openvino", "torch"):
    try:
        open_probed_cached({str(tiny)!r}, backend=backend)
    except MissingExtraError as error:
        print(error)
"""
    assert without("openvino", "torch", code=code).splitlines() == [
        'backend openvino: openvino is not installed; pip install "upres[openvino]"',
        'backend torch: torch is not installed; pip install "upres[train]"',
    ]


def test_with_a_light_install_nothing_is_tried(tiny: Path) -> None:
    for precision in ("fp32", None):
        (only,) = executions_for(model_file(tiny), precision=precision, machine=Machine(frozenset({"onnx"}), "cuda"))
        assert only == ONNX
    never = pytest.fail
    decision = probing.probe_fastest_cached([ONNX], ONNX, never, files=[tiny], threads=1, tolerance=None)
    assert decision == Decision(ONNX, "")
    predictor = open_predictor(tiny)
    assert predictor.how == "onnx cpu fp32"


def test_opening_measures_and_writes_nothing(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    open_predictor(tiny)
    assert not (tmp_path / "cache").exists()
    if {"onnx", "openvino"} <= this_machine().backends:
        probing.open_probed_cached(tiny, threads=1)
        assert len(list((tmp_path / "cache" / "probes").iterdir())) == 1


def candidates(path: str, *, gpu: str | None = None, **options: str | None) -> list[str]:
    asked = {"precision": "fp32", **options}
    found = executions_for(ModelFile(Path(path)), **asked, machine=Machine(EVERYTHING, gpu))
    return [str(execution) for execution in found]


def test_what_auto_considers() -> None:
    assert candidates("m.onnx") == ["onnx cpu fp32", "openvino cpu fp32"]
    assert candidates("m.onnx", precision=None) == ["onnx cpu fp32", "openvino cpu fp32", "openvino cpu bf16"]
    assert candidates("m.onnx", backend="torch") == ["torch cpu fp32"]
    assert candidates("m.onnx", device="mps") == ["torch mps fp32"]
    assert candidates("m.safetensors") == ["torch cpu fp32"]
    assert candidates("m.onnx", gpu="cuda") == ["onnx cpu fp32", "openvino cpu fp32", "torch cuda fp32"]
    assert candidates("m.safetensors", gpu="cuda", precision=None) == [
        "torch cpu fp32", "torch cpu bf16", "torch cuda fp32", "torch cuda bf16", "torch cuda fp16",
    ]  # fmt: skip


def test_what_right_pixels_are() -> None:
    onnx, weights = ModelFile(Path("m.onnx")), ModelFile(Path("m.pth"))
    assert [str(exact_execution(onnx, device)) for device in ("cpu", "cuda")] == ["onnx cpu fp32"] * 2
    assert [str(exact_execution(weights, device)) for device in ("cpu", "cuda", "npu")] == [
        "torch cpu fp32", "torch cuda fp32", "torch cpu fp32",
    ]  # fmt: skip


@pytest.mark.skipif("openvino" not in this_machine().backends, reason="OpenVINO is not installed")
def test_openvino_is_imported_without_its_converter_and_still_has_it() -> None:
    code = (
        "from upres.predictors import open_predictor\n"
        "open_predictor('fast', 4, backend='openvino')\n"
        "import sys, openvino\n"
        "assert not [name for name in sys.modules if 'ovc' in name or 'telemetry' in name]\n"
        "assert not hasattr(openvino, 'nonsense')\n"
        "assert callable(openvino.convert_model) and openvino.convert_model is openvino.tools.ovc.convert_model\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
