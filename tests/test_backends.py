"""Every execution on this machine gives the pixels that it promises, on a network that `upres export` wrote."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_models import tiny_onnx
from upres.errors import ConfigError, ModelError
from upres.models.facts import Facts
from upres.predictors import Execution, Predictor, open_predictor, probing
from upres.predictors.executions import executions, this_machine
from upres.predictors.onnx import OnnxPredictor
from upres.upscaling.upscaler import Upscaler

HERE = [
    each
    for each in executions()
    if each.device == "cpu" and each.precision != "int8" and each.backend in this_machine().backends
]
# As in upres.export.onnx: float32 runtimes add the same products in another order; half an 8-bit level is 2e-3.
ROUNDING = 1e-4
# bf16 keeps 8 bits of a factor: an untrained network, whose values are larger than a trained one's, loses more.
REDUCED = 40.0


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network in an ONNX file, as `upres export` writes it."""
    torch = pytest.importorskip("torch")
    from upres.archs.plainres import PlainRes, PlainResConfig
    from upres.export.onnx import export_onnx
    from upres.models import checkpoint

    torch.manual_seed(0)
    config = PlainResConfig(width=16, blocks=2, upsampling="bicubic")
    network = PlainRes(config, scale=2, channels=3)
    arch = {"name": "plainres", "width": 16, "blocks": 2, "upsampling": "bicubic"}
    folder = tmp_path_factory.mktemp("exported")
    checkpoint.save(folder / "net.safetensors", network, Facts(name="net", scale=2, radius=network.radius, arch=arch))
    return export_onnx(folder / "net.safetensors", folder / "net.onnx").path


def opened(path: Path, execution: Execution) -> Predictor:
    backend, device, precision = execution.backend, execution.device, execution.precision
    try:
        return open_predictor(path, backend=backend, device=device, precision=precision, threads=1)
    except ConfigError as error:
        if "this processor" in str(error):
            pytest.skip(str(error))
        raise


def psnr(sr: np.ndarray, expected: np.ndarray) -> float:
    noise = float(np.mean((np.clip(sr, 0, 1) - np.clip(expected, 0, 1)) ** 2))
    return math.inf if noise == 0 else -10 * math.log10(noise)


@pytest.mark.parametrize("execution", HERE, ids=str)
def test_every_execution_gives_the_same_pixels(exported: Path, execution: Execution) -> None:
    reference, predictor = OnnxPredictor(exported, threads=1), opened(exported, execution)
    assert predictor.facts == reference.facts
    assert predictor.how.startswith(str(execution))
    rng = np.random.default_rng(0)
    for shape in ((1, 3, 1, 1), (2, 3, 7, 5), (1, 3, 24, 33), (1, 3, 7, 5)):
        lr = rng.random(shape, dtype=np.float32)
        before, sr, expected = lr.copy(), predictor.predict(lr), reference.predict(lr)
        assert sr.dtype == np.float32 and sr.shape == expected.shape
        np.testing.assert_array_equal(lr, before)
        if execution.precision == "fp32":
            np.testing.assert_allclose(sr, expected, atol=ROUNDING)
        else:
            assert psnr(sr, expected) > REDUCED
    first = predictor.predict(lr)
    kept = first.copy()
    predictor.predict(1 - lr)
    np.testing.assert_array_equal(first, kept, "a result must not live in the runtime's own memory")


@pytest.mark.parametrize("execution", [each for each in HERE if each.precision == "fp32"], ids=str)
def test_tiles_equal_the_whole_on_every_backend(exported: Path, execution: Execution) -> None:
    predictor = opened(exported, execution)
    pixels = np.random.default_rng(1).integers(0, 256, (61, 47, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Upscaler(predictor, tile=16)(pixels), Upscaler(predictor, tile=1000)(pixels))


@pytest.mark.parametrize("execution", [each for each in HERE if each.precision == "fp32"], ids=str)
def test_a_small_input_is_computed_as_part_of_a_large_one(exported: Path, execution: Execution) -> None:
    """PyTorch has one convolution for small inputs and another for large ones, and they round differently."""
    predictor = opened(exported, execution)
    radius = predictor.facts.radius
    assert radius is not None
    side = 2 * radius + 9
    lr = np.random.default_rng(0).random((1, 3, 120, 110), dtype=np.float32)
    inside = slice(radius, side - radius)
    small = predictor.predict(np.ascontiguousarray(lr[..., 40 : 40 + side, 31 : 31 + side]))
    core = small[..., 2 * inside.start : 2 * inside.stop, 2 * inside.start : 2 * inside.stop]
    rows, columns = (
        slice(80 + 2 * inside.start, 80 + 2 * inside.stop),
        slice(62 + 2 * inside.start, 62 + 2 * inside.stop),
    )
    np.testing.assert_array_equal(core, predictor.predict(lr)[..., rows, columns])


@pytest.mark.parametrize("name", ["srcnn", "espcn", "deconv-cnn", "plainres", "repres"])
def test_pytorch_runs_what_export_wrote(tmp_path: Path, name: str) -> None:
    torch = pytest.importorskip("torch")
    from upres.archs import ARCHS
    from upres.archs.folding import folded
    from upres.config import dump
    from upres.config.named_parts import NamedPart, build
    from upres.export.onnx import export_onnx
    from upres.models import checkpoint
    from upres.models.activations import activation_bytes

    torch.manual_seed(0)
    part = NamedPart(name, ARCHS[name].config_type())
    network = build(ARCHS, part, scale=2, channels=1)
    size, arch = network.parameter_count, {"name": name, **dump(part.config)}
    facts = Facts(name="n", scale=2, colour="gray", radius=network.radius, parameters=size, arch=arch)
    checkpoint.save(tmp_path / "n.safetensors", network, facts)
    written = export_onnx(tmp_path / "n.safetensors", tmp_path / "n.onnx").facts
    rebuilt, found = checkpoint.load_onnx(tmp_path / "n.onnx")
    assert found == written == dataclasses.replace(facts, memory=activation_bytes(network))
    for key, tensor in folded(network).state_dict().items():
        assert torch.equal(rebuilt.state_dict()[key], tensor), key


def test_a_graph_of_another_maker_does_not_run_on_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_onnx())
    with pytest.raises(ModelError, match=r"tiny\.onnx: arch = \{\}: should be a name, or a mapping with one"):
        open_predictor(path, backend="torch")


def test_a_device_that_is_not_there(exported: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    for precision in ("fp32", "fp16"):
        with pytest.raises(ConfigError) as caught:
            probing.open_probed_cached(exported, device="cuda", precision=precision)
        assert str(caught.value) == ("device cuda: PyTorch sees none on this machine; use device cpu, or auto")
