"""The bench measures every way this machine has, each in its own process, and prints one table."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tiny_models import tiny_onnx
from upres.cli.main import main
from upres.errors import ModelError
from upres.evaluation import speed
from upres.evaluation.speed import Job, Row, files, lost, measure, ways_here
from upres.predictors import backends, probe
from upres.predictors.backends import WAYS, Way


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(speed, "installed", lambda backend: backend == "onnx")
    monkeypatch.setattr(backends, "installed", lambda backend: backend == "onnx")
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_onnx())
    return path


def test_a_row_is_measured(tiny: Path) -> None:
    row = measure(Job(model=tiny, way=WAYS[0], side=16, seconds=0, threads=1))
    assert row.fault == ""
    assert row.milliseconds > 0
    assert row.memory > 10e6 or row.memory == 0
    assert (row.scale, row.near) == (2, math.inf)
    assert lost(row, [row]) == 0


def test_a_row_that_cannot_be_measured_says_why(tiny: Path) -> None:
    row = measure(Job(model=tiny, way=Way("onnx", "cpu", "int8"), side=16, seconds=0))
    assert row.fault.startswith(f"{tiny.with_name('tiny-int8.onnx')}: no such file")


def test_loss_is_measured_where_there_are_pictures(tiny: Path) -> None:
    exact = Row(job=Job(model=tiny, way=WAYS[0], data=tiny.parent), psnr=38.0)
    other = Row(job=Job(model=tiny, way=WAYS[1], data=tiny.parent), psnr=37.9)
    assert lost(other, [exact, other]) == pytest.approx(0.1)
    assert math.isnan(lost(other, [other]))
    # Two errors of equal power double the error.
    assert probe.loss(38.2, 2) == pytest.approx(10 * math.log10(2))


def test_what_is_measured(tiny: Path) -> None:
    assert ways_here(tiny) == [WAYS[0]]
    assert files([str(tiny)]) == [tiny]
    with pytest.raises(ModelError, match="unknown model 'tny'"):
        files(["tny"])


@pytest.mark.slow
def test_the_command_prints_one_table(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", str(tiny), "--side", "16", "--seconds", "0", "--threads", "1"])
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
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
