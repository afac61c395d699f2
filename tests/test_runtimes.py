"""A runtime that somebody adds, by a call or by installing a package, is one like upres's own."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.commands import UPRES
from tests.tiny_models import tiny_onnx
from upres import load
from upres.config.tables import Table
from upres.errors import ConfigError, MissingExtraError
from upres.evaluation.speed import SpeedJob, executions_here, measure
from upres.image import Picture, read, write
from upres.models.files import model_file
from upres.predictors import RUNTIMES, Execution, Predictor, Runtime, open_predictor
from upres.predictors.executions import executions_of
from upres.predictors.onnx import OnnxPredictor
from upres.predictors.probing import open_probed_cached

# What a package has to bring: a predictor, and what upres asks about the library that it is of.
PACKAGE = """
from upres.models.facts import Facts
from upres.models.onnx_facts import read_facts
from upres.predictors import Predictor, Runtime


class Repeating(Predictor):
    def __init__(self, path, execution):
        self.facts = read_facts(path) if path.suffix == ".onnx" else Facts(name=path.stem, scale=2, radius=0)
        self.how = str(execution)

    def predict(self, lr):
        return lr.repeat(self.facts.scale, axis=2).repeat(self.facts.scale, axis=3)


REPEATING = Runtime(
    title="Repeating Runtime",
    module="outsider",
    install="pip install outsider",
    suffixes=(".onnx", ".rep"),
    precisions={"cpu": ("fp32",)},
    open=lambda path, execution, threads: Repeating(path, execution),
)
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_onnx())
    return path


@pytest.fixture
def theirs() -> Iterator[Runtime]:
    """ONNX Runtime under another name, added as a script adds it, and gone behind the test."""
    runtime = Runtime(
        title="Their Runtime",
        module="onnxruntime",
        install="pip install theirs",
        suffixes=(".onnx",),
        precisions={"cpu": ("fp32",), "npu": ("fp16",)},
        open=their_predictor,
    )
    with RUNTIMES.added("theirs", runtime):
        yield runtime


def their_predictor(path: Path, execution: Execution, threads: int | None) -> Predictor:
    predictor = OnnxPredictor(path, threads=threads)
    predictor.how = str(execution)
    return predictor


def test_a_script_adds_a_runtime_with_one_call(tiny: Path, theirs: Runtime) -> None:
    assert open_predictor(tiny, backend="theirs").how == "theirs cpu fp32"
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    upscaler = load(tiny, backend="theirs", threads=1)
    assert upscaler.predictors[0].how == "theirs cpu fp32"
    np.testing.assert_array_equal(upscaler(pixels), load(tiny, backend="onnx", threads=1)(pixels))
    assert "theirs cpu fp32" in open_probed_cached(tiny, threads=1).how  # auto has measured it


def test_messages_know_it(tiny: Path, theirs: Runtime) -> None:
    with pytest.raises(ConfigError, match=r"^backend = 'thiers': did you mean theirs\? Known: theirs, auto, onnx, "):
        load(tiny, backend="thiers")
    with pytest.raises(ConfigError, match=r"this model runs on onnx cpu fp32, .*, theirs cpu fp32, theirs npu fp16; "):
        load(tiny, precision="int8")
    with pytest.raises(ConfigError, match=r"^device = 'nqu': did you mean npu\? Known: npu, "):
        load(tiny, device="nqu")


def test_the_bench_measures_it(tiny: Path, theirs: Runtime) -> None:
    found = executions_here(tiny)
    assert Execution("theirs", "cpu", "fp32") in found and Execution("theirs", "npu", "fp16") in found
    row = measure(SpeedJob(model=tiny, execution=Execution("theirs", "cpu", "fp32"), side=16, seconds=0, threads=1))
    assert (row.fault, row.near) == ("", np.inf)


def test_one_that_is_not_installed_says_how_it_is(tiny: Path, theirs: Runtime) -> None:
    def their_absent_library(*_: object) -> Predictor:
        import not_there  # type: ignore[import-not-found]

        raise AssertionError(not_there)

    absent = dataclasses.replace(theirs, module="not_there", open=their_absent_library)
    with RUNTIMES.added("absent", absent), pytest.raises(MissingExtraError) as caught:
        open_predictor(tiny, backend="absent")
    assert str(caught.value) == "backend absent: not_there is not installed; pip install theirs"


def test_every_runtime_says_what_is_asked_of_it(tiny: Path) -> None:
    assert isinstance(RUNTIMES, Table) and RUNTIMES.group == "upres.predictors"
    for name, runtime in RUNTIMES.items():
        assert runtime.title and runtime.module and runtime.install.startswith("pip install ")
        assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in runtime.suffixes)
        assert runtime.precisions and all(runtime.precisions.values())
        assert set(runtime.only_by_name) <= set(runtime.precisions)
        if ".onnx" in runtime.suffixes:
            assert name in {execution.backend for execution in executions_of(model_file(tiny))}


@pytest.mark.slow
def test_an_installed_package_adds_one_to_the_command(tiny: Path) -> None:
    folder = tiny.parent
    info = folder / "outsider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[upres.predictors]\nrepeating = outsider:REPEATING\n")
    (folder / "outsider.py").write_text(PACKAGE)
    (folder / "net.rep").write_bytes(b"weights of theirs")
    write(Picture(np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)), folder / "p.png")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*UPRES, *arguments], cwd=folder, capture_output=True, text=True, check=False)

    repeated = read(folder / "p.png").pixels.repeat(2, axis=0).repeat(2, axis=1)
    for model, more in (("tiny.onnx", ["--backend", "repeating"]), ("net.rep", [])):
        done = run("p.png", "--model", model, "-o", f"{model}.png", *more)
        assert done.returncode == 0, done.stderr
        np.testing.assert_array_equal(read(folder / f"{model}.png").pixels, repeated)
    done = run("p.png", "--backend", "repeatin")
    assert done.stderr.startswith("upres: backend = 'repeatin': did you mean repeating? Known: repeating, ")
    done = run("bench", "net.rep", "--side", "16", "--seconds", "0", "--threads", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split()[:4] == ["net", "repeating", "cpu", "fp32"]
    assert done.stdout.endswith("net, --precision auto picks repeating cpu fp32\n")
