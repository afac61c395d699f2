"""`upres doctor`: one made-up environment for each thing that it finds wrong or missing."""

import json
import sys
from pathlib import Path

import pytest

from tests.commands import Command
from upres.evaluation.checkup import MISSING, OK, WRONG, Finding, checkup


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))

    def look() -> dict[str, Finding]:
        return {finding.id: finding for finding in checkup()}

    return look


def test_a_sound_installation(found) -> None:
    findings = found()
    assert not [finding for finding in findings.values() if finding.state == WRONG]
    assert next(iter(findings)) == "upres" and list(findings)[-1] == "self-test"
    assert "from float32 on ONNX Runtime" in findings["self-test"].said
    assert all(finding.cure for finding in findings.values() if finding.state != OK)


def test_what_is_not_installed_names_the_command(found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert found()["openvino"] == Finding(
        "openvino", MISSING, "OpenVINO is not installed", 'pip install "upres[openvino]"'
    )


def test_two_wheels_of_onnx_runtime(found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "site" / "onnxruntime_gpu-1.31.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.31.0\n")
    monkeypatch.syspath_prepend(str(other.parent))
    finding = found()["onnxruntime-wheels"]
    assert finding.state == WRONG and "onnxruntime and onnxruntime-gpu overwrite" in finding.said
    assert finding.cure.startswith("pip uninstall onnxruntime onnxruntime-gpu")


@pytest.mark.skipif(sys.platform != "linux", reason="a command of NVIDIA's driver stands for a GPU")
def test_a_gpu_that_nothing_uses(found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "torch", None)
    finding = found()["gpu"]
    assert (finding.state, finding.said) == (MISSING, "cuda is there, and no runtime that uses it")


def test_a_cache_that_cannot_be_written(
    found, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "file" / "cache"))
    assert found()["cache"].state == WRONG
    code, out, err = command("doctor", "--json")
    assert (code, err) == (1, "")
    assert {each["id"]: each["state"] for each in json.loads(out)}["cache"] == WRONG
    code, out, err = command("doctor")
    assert code == 1 and out.endswith(" 1 wrong\n") and "→ set UPRES_CACHE to a folder of yours" in out
