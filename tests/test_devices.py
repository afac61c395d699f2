"""Devices that ONNX Runtime needs a part for: what is asked of the runtime, and what is believed.

The runtime is the real one on the processor. In front of it stands one that says to have DirectML.
"""

from __future__ import annotations

import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tests.tiny_models import tiny_onnx
from upres.errors import ConfigError, DeviceMemoryError, MissingExtraError, ParityError
from upres.models.files import ModelFile
from upres.predictors import open_predictor, probing
from upres.predictors.executions import Machine, executions_for, this_machine

DML = "DmlExecutionProvider"


class Session:
    """A session that runs on the processor, and on DirectML if asked: `noise` is what that adds to each pixel."""

    noise = 0.0
    starts = True
    failure = ""

    def __init__(self, model: Any, options: Any, *, providers: list[Any], **more: Any) -> None:
        self.asked = [each if isinstance(each, str) else each[0] for each in providers]
        self._inner = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], **more)

    def get_providers(self) -> list[str]:
        return self.asked if self.starts else self._inner.get_providers()

    def run(self, names: Any, given: dict[str, Any]) -> list[Any]:
        if DML not in self.asked:
            return list(self._inner.run(names, given))
        if self.failure:
            raise RuntimeError(self.failure)
        return [sr + np.float32(self.noise) for sr in self._inner.run(names, given)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_onnx())
    return path


@pytest.fixture
def directml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Session]:
    """Install an ONNX Runtime with DirectML for this test."""
    package = tmp_path / "onnxruntime"
    (package / "capi").mkdir(parents=True)
    (package / "capi" / "DirectML.dll").touch()
    fake = ModuleType("onnxruntime")
    fake.__dict__.update({name: value for name, value in vars(onnxruntime).items() if not name.startswith("__")})
    fake.__spec__ = importlib.machinery.ModuleSpec("onnxruntime", None, origin=str(package / "__init__.py"))
    session = type("Asked", (Session,), {})
    fake.__dict__["InferenceSession"] = session
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    return session


@pytest.mark.skipif(("onnx", "dml") in this_machine().parts, reason="this machine has DirectML")
def test_a_part_that_is_not_here_is_named_with_its_cure(model: Path) -> None:
    with pytest.raises(MissingExtraError) as caught:
        probing.open_probed_cached(model, device="dml")
    assert str(caught.value) == (
        "device dml: ONNX Runtime's part for DirectML (Windows) is not here; "
        "pip uninstall onnxruntime, then pip install onnxruntime-directml"
    )
    with pytest.raises(MissingExtraError, match=r'onnxruntime-gpu\[cuda,cudnn\]", or pip install "upres\[train\]"'):
        executions_for(ModelFile(model), device="cuda", machine=Machine(frozenset({"onnx"}), "cuda"))


def test_auto_takes_a_part_into_account_where_it_is(model: Path) -> None:
    def considered(machine: Machine, **asked: str) -> list[str]:
        return [str(each) for each in executions_for(ModelFile(model), precision="fp32", machine=machine, **asked)]

    with_part = Machine(frozenset({"onnx"}), None, frozenset({("onnx", "dml")}))
    assert considered(with_part) == ["onnx cpu fp32", "onnx dml fp32"]
    assert considered(with_part, device="gpu") == ["onnx dml fp32"]
    assert considered(Machine(frozenset({"onnx"}), None)) == ["onnx cpu fp32"]
    both = Machine(frozenset({"onnx", "torch"}), "cuda", frozenset({("onnx", "cuda")}))
    assert considered(both, device="gpu") == ["onnx cuda fp32", "torch cuda fp32"]


def test_it_runs_there_with_the_pixels_of_the_processor(model: Path, directml: type[Session]) -> None:
    assert ("onnx", "dml") in this_machine().parts
    there = probing.open_probed_cached(model, device="dml", threads=1)
    assert there.how.startswith("onnx dml fp32: ")
    lr = np.random.default_rng(0).random((1, 3, 8, 9), dtype=np.float32)
    np.testing.assert_array_equal(there.predict(lr), open_predictor(model, threads=1, device="cpu").predict(lr))


def test_noise_is_refused_by_name_and_left_aside_by_auto(model: Path, directml: type[Session]) -> None:
    directml.noise = 0.01
    with pytest.raises(ParityError, match=r"onnx dml fp32 differs by 1\.0e-02 of the range.*; use device cpu$"):
        probing.open_probed_cached(model, device="dml", threads=1)
    taken = probing.open_probed_cached(model, backend="onnx", threads=1)
    assert taken.how.startswith("onnx cpu fp32: ") and "onnx dml fp32 differs by 1.0e-02" in taken.how


def test_the_processor_in_place_of_the_device_is_no_answer(model: Path, directml: type[Session]) -> None:
    directml.starts = False
    with pytest.raises(ConfigError, match=r"^device dml: ONNX Runtime's DmlExecutionProvider did not start"):
        probing.open_probed_cached(model, device="dml", threads=1)
    assert "onnx dml fp32 cannot run" in probing.open_probed_cached(model, backend="onnx", threads=1).how


def test_memory_that_is_too_small_asks_for_smaller_tiles(model: Path, directml: type[Session]) -> None:
    directml.failure = "Failed to allocate memory for requested buffer of size 123"
    with pytest.raises(DeviceMemoryError, match="the memory of dml does not hold"):
        open_predictor(model, threads=1, device="dml").predict(np.zeros((1, 3, 8, 8), np.float32))
