"""The bench measures every execution this machine has, each in its own process, and prints one table."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.commands import without
from tests.tiny_models import tiny_onnx
from upres.errors import ModelError
from upres.evaluation.speed import SpeedJob, SpeedRow, executions_here, files, lost, measure
from upres.predictors import Execution, trials
from upres.predictors.executions import Machine

ONNX, INT8 = Execution("onnx", "cpu", "fp32"), Execution("onnx", "cpu", "int8")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_onnx())
    return path


def test_a_row_is_measured(tiny: Path) -> None:
    row = measure(SpeedJob(model=tiny, execution=ONNX, side=16, seconds=0, threads=1))
    assert row.fault == ""
    assert row.milliseconds > 0
    assert row.memory > 10e6 or row.memory == 0
    assert (row.scale, row.near) == (2, math.inf)
    assert lost(row, [row]) == 0


def test_a_row_that_cannot_be_measured_says_why(tiny: Path) -> None:
    row = measure(SpeedJob(model=tiny, execution=INT8, side=16, seconds=0))
    assert row.fault.startswith(f"{tiny.with_name('tiny-int8.onnx')}: no such file")


def test_loss_is_measured_where_there_are_pictures(tiny: Path) -> None:
    exact = SpeedRow(job=SpeedJob(model=tiny, execution=ONNX, data=tiny.parent), psnr=38.0)
    other = SpeedRow(job=SpeedJob(model=tiny, execution=INT8, data=tiny.parent), psnr=37.9)
    assert lost(other, [exact, other]) == pytest.approx(0.1)
    assert math.isnan(lost(other, [other]))
    # Two errors of equal power double the error.
    assert trials.loss(38.2, 2) == pytest.approx(10 * math.log10(2))


def test_what_is_measured(tiny: Path) -> None:
    assert executions_here(tiny, Machine(frozenset({"onnx"}), None)) == [ONNX]
    everything = executions_here(tiny, Machine(frozenset({"onnx", "torch"}), "cuda"))
    assert [str(each) for each in everything] == [
        "onnx cpu fp32", "torch cpu fp32", "torch cpu bf16", "torch cuda fp32", "torch cuda bf16", "torch cuda fp16",
    ]  # fmt: skip
    checkpoint = tiny.with_suffix(".safetensors")
    assert [str(each) for each in executions_here(checkpoint, Machine(frozenset({"onnx", "torch"}), None))] == [
        "torch cpu fp32", "torch cpu bf16",
    ]  # fmt: skip
    tiny.with_name("tiny-int8.onnx").write_bytes(b"")
    assert executions_here(tiny, Machine(frozenset({"onnx"}), None)) == [ONNX, INT8]
    tiny.with_name("tiny-int8.onnx").unlink()
    assert files([str(tiny)]) == [tiny]
    with pytest.raises(ModelError, match="unknown model 'tny'"):
        files(["tny"])


def test_the_command_prints_one_table(tiny: Path) -> None:
    arguments = ["bench", str(tiny), "--side", "16", "--seconds", "0", "--threads", "1"]
    out = without("openvino", "torch", code=f"from upres.cli.main import main; main({arguments!r})")
    header, row, empty, *notes = out.splitlines()
    assert header.split("  ")[0] == "model"
    assert row.split()[:4] == ["tiny", "onnx", "cpu", "fp32"]
    assert row.split()[-2:] == ["equal", "0.000"]
    assert empty == ""
    assert notes == [
        "16×16 in, output megapixels, whole process; dB lost: estimated for the best models of the scale.",
        "tiny, --precision fp32 picks onnx cpu fp32",
        "tiny, --precision auto picks onnx cpu fp32",
    ]
