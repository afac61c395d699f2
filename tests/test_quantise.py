"""An int8 model is near its float32 model, loads like any file, and is found beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from tests.tiny_models import tiny_onnx
from upres.errors import ConfigError, DataError, ModelError
from upres.export.quantise import Quantised, quantise
from upres.image import Picture, read, write
from upres.models.facts import METADATA_KEY, Colour, Facts, from_json, to_json
from upres.models.onnx_facts import read_facts
from upres.models.shipped import find, int8_version
from upres.predictors import open_predictor
from upres.predictors.executions import this_machine
from upres.predictors.guarded import GuardedPredictor
from upres.predictors.trials import nearness


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six smooth pictures, one of them gray, and a broken one."""
    folder = tmp_path_factory.mktemp("photos")
    rows, columns = np.mgrid[0:150, 0:170]
    for index in range(6):
        waves = [np.sin(rows / (7 + index) + phase) * np.cos(columns / (9 - index) + phase) for phase in (0, 1, 2)]
        pixels = (np.stack(waves, axis=2) * 110 + 128).astype(np.uint8)
        write(Picture(pixels[..., :1] if index == 0 else pixels), folder / f"{index}.png")
    (folder / "0-broken.png").write_bytes(b"\x89PNG")
    return folder


def quantised(folder: Path, photos: Path, colour: Colour = "rgb") -> Quantised:
    (folder / "m.onnx").write_bytes(tiny_onnx(colour=colour))
    return quantise(folder / "m.onnx", photos, spare_first=0, spare_last=0)


@pytest.mark.parametrize("colour", ["rgb", "gray", "luma"])
def test_an_int8_model_is_near_and_says_what_it_is(
    tmp_path: Path, photos: Path, colour: Colour, capfd: pytest.CaptureFixture[str]
) -> None:
    written = quantised(tmp_path, photos, colour)
    assert capfd.readouterr() == ("", "")
    assert written.path == int8_version(tmp_path / "m.onnx")
    assert written.layers == (2, 2)
    assert written.psnr > 38  # random weights, and no layer spared
    facts = read_facts(written.path)
    assert facts == written.facts
    assert (facts.precision, facts.colour, facts.scores) == ("int8", colour, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m-int8.onnx", "m.onnx"]


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_it_runs_on_the_runtimes_that_are_here(tmp_path: Path, photos: Path, backend: str) -> None:
    if backend not in this_machine().backends:
        pytest.skip(f"{backend} is not installed")
    written = quantised(tmp_path, photos)
    by_name = open_predictor(tmp_path / "m.onnx", backend=backend, precision="int8", threads=1)
    by_file = open_predictor(written.path, backend=backend, threads=1)
    assert isinstance(by_name, GuardedPredictor)
    assert by_name.how.startswith(f"{backend} cpu int8")
    lr = np.random.default_rng(0).random((1, 3, 17, 12), dtype=np.float32)
    np.testing.assert_array_equal(by_name.predict(lr), by_file.predict(lr))
    exact = open_predictor(tmp_path / "m.onnx", backend="onnx", threads=1)
    # Noise is what calibration did not see, so some of it is cut off: near, and not as near as a picture.
    assert float(np.sqrt(np.mean((by_name.predict(lr) - exact.predict(lr)) ** 2))) < 0.05
    np.testing.assert_array_equal(by_name.reference.predict(lr), exact.predict(lr))


def test_an_int8_file_is_int8_alone(tmp_path: Path, photos: Path) -> None:
    written = quantised(tmp_path, photos)
    with pytest.raises(ConfigError) as caught:
        open_predictor(written.path, precision="bf16")
    assert str(caught.value) == (
        f"{written.path}: precision bf16: this model runs on onnx cpu int8, "
        "openvino cpu int8; give the float32 model for the others"
    )
    with pytest.raises(ModelError, match=r"m-int8\.onnx: is int8 already; give the float32 model it was made from"):
        quantise(written.path, photos)


def test_what_cannot_be_quantised(tmp_path: Path, photos: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(tiny_onnx())
    with pytest.raises(ConfigError, match=r"has 2 convolutions, and sparing 2 \+ 1 of them leaves none; spare fewer"):
        quantise(model, photos)
    with pytest.raises(ConfigError, match="patches should be at least 1"):
        quantise(model, photos, patches=0)
    with pytest.raises(ModelError, match=r"should be another \.onnx file than the model"):
        quantise(model, photos, model)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: no pictures to calibrate on; give a folder that has some"):
        quantise(model, tmp_path / "empty")
    write(Picture(np.zeros((20, 20, 3), np.uint8)), tmp_path / "empty" / "small.png")
    with pytest.raises(DataError, match="0 usable pictures; give at least 5 of 128×128 or more"):
        quantise(model, tmp_path / "empty")
    assert not int8_version(model).exists()


def test_facts_carry_the_precision(tmp_path: Path) -> None:
    facts = Facts(name="q", scale=2, precision="int8")
    assert from_json(to_json(facts), where="here") == facts
    assert METADATA_KEY == "upres"
    assert int8_version(tmp_path / "base-x2.onnx") == tmp_path / "base-x2-int8.onnx"


def test_nothing_is_rounded_before_a_relu(tmp_path: Path, photos: Path) -> None:
    onnx = pytest.importorskip("onnx")
    shutil.copyfile(find("fast", 4).path, tmp_path / "fast.onnx")
    graph = onnx.load(str(quantise(tmp_path / "fast.onnx", larger(photos, tmp_path)).path)).graph
    producer = {output: node for node in graph.node for output in node.output}
    rounded = [producer[node.input[0]].op_type for node in graph.node if node.op_type == "QuantizeLinear"]
    assert sorted(set(rounded)) == ["Add", "Conv", "Relu"]
    behind = {node.input[0] for node in graph.node if node.op_type == "Relu"}
    assert not any(node.input[0] in behind for node in graph.node if node.op_type == "QuantizeLinear")


def larger(photos: Path, folder: Path) -> Path:
    """The same pictures, each four times beside and below itself: patches for ×4."""
    into = folder / "larger"
    into.mkdir()
    for path in sorted(photos.glob("[1-5].png")):
        write(Picture(np.tile(read(path).pixels, (2, 2, 1))), into / path.name)
    return into


@pytest.mark.skipif("openvino" not in this_machine().backends, reason="OpenVINO is not installed")
@pytest.mark.parametrize("name", ["fast", "base"])
def test_openvino_leaves_residual_sums_exact(name: str) -> None:
    exact = open_predictor(name, 4, backend="onnx", threads=1)
    near = {
        backend: nearness(open_predictor(name, 4, backend=backend, precision="int8", threads=1), exact)[0]
        for backend in ("onnx", "openvino")
    }
    assert near["openvino"] > near["onnx"] + 0.5


@pytest.mark.slow
def test_training_to_be_rounded(tmp_path: Path, photos: Path) -> None:
    shutil.copyfile(find("fast", 4).path, tmp_path / "fast.onnx")
    pictures = larger(photos, tmp_path)
    told: list[tuple[int, float]] = []
    plain = quantise(tmp_path / "fast.onnx", pictures, tmp_path / "plain.onnx")
    trained = quantise(tmp_path / "fast.onnx", pictures, steps=30, told=lambda step, loss: told.append((step, loss)))
    assert [step for step, _ in told] == list(range(1, 31))
    assert all(0 < loss < 100 for _, loss in told)
    assert (trained.facts, trained.layers) == (plain.facts, plain.layers)
    onnx = pytest.importorskip("onnx")
    graphs = [onnx.load(str(each.path)).graph for each in (plain, trained)]
    assert [node.op_type for node in graphs[0].node] == [node.op_type for node in graphs[1].node]
    first, second = ({i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer} for graph in graphs)
    changed = {name for name in first if not np.array_equal(first[name], second[name])}
    assert "body.1.first.weight_quantized" in changed and "/body/body.0/Relu_output_0_scale" in changed
    again = quantise(tmp_path / "fast.onnx", pictures, tmp_path / "again.onnx", steps=30)
    assert again.path.read_bytes() == trained.path.read_bytes()


def test_only_networks_of_ours_are_trained(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(tiny_onnx())
    with pytest.raises(ModelError):
        quantise(tmp_path / "m.onnx", photos, spare_first=0, spare_last=0, steps=1)
    with pytest.raises(ConfigError, match="steps at least 0"):
        quantise(tmp_path / "m.onnx", photos, steps=-1)
    assert not int8_version(tmp_path / "m.onnx").exists()
