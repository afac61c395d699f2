"""Every row of the table of backends gives the pixels it promises, and every wrong wish gets its one line."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tiny_models import tiny_onnx
from upres.errors import ConfigError, DeviceMemoryError, MissingExtraError, ModelError, ParityError
from upres.models.facts import METADATA_KEY, Facts, from_json, to_json
from upres.models.shipped import int8_version
from upres.predictors import Predictor, backends, open_predictor, probe
from upres.predictors.backends import WAYS, Way, installed, ways
from upres.predictors.guarded import GuardedPredictor
from upres.predictors.halving import HalvingPredictor
from upres.predictors.onnx import OnnxPredictor
from upres.upscaling.upscaler import Upscaler

ONNX, OPENVINO, BF16, TORCH = WAYS[0], Way("openvino", "cpu", "fp32"), Way("openvino", "cpu", "bf16"), WAYS[5]
HERE = [way for way in WAYS if way.device == "cpu" and way.precision != "int8" and installed(way.backend)]
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


def opened(path: Path, way: Way) -> Predictor:
    try:
        return open_predictor(path, backend=way.backend, device=way.device, precision=way.precision, threads=1)
    except ConfigError as error:
        if "this processor" in str(error):
            pytest.skip(str(error))
        raise


def psnr(sr: np.ndarray, expected: np.ndarray) -> float:
    noise = float(np.mean((np.clip(sr, 0, 1) - np.clip(expected, 0, 1)) ** 2))
    return math.inf if noise == 0 else -10 * math.log10(noise)


@pytest.mark.parametrize("way", HERE, ids=str)
def test_every_way_gives_the_same_pixels(exported: Path, way: Way) -> None:
    reference, predictor = OnnxPredictor(exported, threads=1), opened(exported, way)
    assert predictor.facts == reference.facts
    assert predictor.how.startswith(str(way))
    rng = np.random.default_rng(0)
    for shape in ((1, 3, 1, 1), (2, 3, 7, 5), (1, 3, 24, 33), (1, 3, 7, 5)):
        lr = rng.random(shape, dtype=np.float32)
        before, sr, expected = lr.copy(), predictor.predict(lr), reference.predict(lr)
        assert sr.dtype == np.float32 and sr.shape == expected.shape
        np.testing.assert_array_equal(lr, before)
        if way.precision == "fp32":
            np.testing.assert_allclose(sr, expected, atol=ROUNDING)
        else:
            assert psnr(sr, expected) > REDUCED
    first = predictor.predict(lr)
    kept = first.copy()
    predictor.predict(1 - lr)
    np.testing.assert_array_equal(first, kept, "a result must not live in the runtime's own memory")


@pytest.mark.parametrize("way", [way for way in HERE if way.precision == "fp32"], ids=str)
def test_tiles_equal_the_whole_on_every_backend(exported: Path, way: Way) -> None:
    predictor = opened(exported, way)
    pixels = np.random.default_rng(1).integers(0, 256, (61, 47, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Upscaler(predictor, tile=16)(pixels), Upscaler(predictor, tile=1000)(pixels))


@pytest.mark.parametrize("way", [way for way in HERE if way.precision == "fp32"], ids=str)
def test_a_small_input_is_computed_as_part_of_a_large_one(exported: Path, way: Way) -> None:
    """PyTorch has one convolution for small inputs and another for large ones, and they round differently."""
    predictor = opened(exported, way)
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

    torch.manual_seed(0)
    part = NamedPart(name, ARCHS[name].config_type())
    network = build(ARCHS, part, scale=2, channels=1)
    size, arch = network.parameter_count, {"name": name, **dump(part.config)}
    facts = Facts(name="n", scale=2, colour="gray", radius=network.radius, parameters=size, arch=arch)
    checkpoint.save(tmp_path / "n.safetensors", network, facts)
    export_onnx(tmp_path / "n.safetensors", tmp_path / "n.onnx")
    rebuilt, found = checkpoint.load_onnx(tmp_path / "n.onnx")
    assert found == facts
    for key, tensor in folded(network).state_dict().items():
        assert torch.equal(rebuilt.state_dict()[key], tensor), key


def test_a_graph_of_another_maker_does_not_run_on_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_onnx())
    with pytest.raises(ModelError, match=r"tiny\.onnx: arch = \{\}: should be a mapping with a name"):
        open_predictor(path, backend="torch")


def told(error: type[Exception], model: Path, **options: str) -> str:
    with pytest.raises(error) as caught:
        open_predictor(model, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_onnx())
    return path


def test_wishes_that_cannot_be_met_list_what_can(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(ConfigError, tiny, backend="onx") == (
        "backend = 'onx': did you mean onnx? Known: onnx, auto, openvino, torch"
    )
    assert told(ConfigError, tiny, device="gpu") == "device = 'gpu': did you mean cpu? Known: cpu, auto, cuda, mps"
    assert told(ConfigError, tiny, precision="fp8").startswith("precision = 'fp8': did you mean ")
    table = (
        "onnx cpu fp32 int8, openvino cpu fp32 bf16 int8, torch cpu fp32 bf16, torch cuda fp32 bf16 fp16, "
        "torch mps fp32 fp16"
    )
    assert told(ConfigError, tiny, backend="onnx", precision="bf16") == (
        f"device auto, backend onnx, precision bf16: no such combination; there are {table}"
    )
    assert told(ConfigError, tiny, precision="int8") == (
        f"{tiny}: device auto, backend auto, precision int8: this model runs on "
        f"{table.replace(' int8', '')}; upres quantise makes its int8 version"
    )
    checkpoint = tiny.with_suffix(".safetensors")
    assert told(ConfigError, checkpoint, backend="onnx") == (
        f"{checkpoint}: device auto, backend onnx, precision fp32: this model runs on torch cpu fp32 bf16, "
        "torch cuda fp32 bf16 fp16, torch mps fp32 fp16; upres convert makes an .onnx model for the others"
    )


@pytest.mark.parametrize(("backend", "extra"), [("openvino", "openvino"), ("torch", "train")])
def test_a_missing_library_says_what_to_install(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, backend: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, backend, None)
    assert told(MissingExtraError, tiny, backend=backend) == (
        f'backend {backend}: {backend} is not installed; pip install "upres[{extra}]"'
    )


def test_a_device_that_is_not_there(exported: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    for precision in ("fp32", "fp16"):
        assert told(ConfigError, exported, device="cuda", precision=precision) == (
            "device cuda: PyTorch sees none on this machine; use --device cpu, or auto"
        )


def test_with_a_light_install_nothing_is_tried(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "installed", lambda backend: backend == "onnx")
    monkeypatch.setattr(backends, "gpu", lambda: "cuda")
    monkeypatch.setattr(probe, "_remembered", lambda *_: pytest.fail("tried something"))
    for precision in ("fp32", "auto"):
        predictor = open_predictor(tiny, precision=precision)
        assert isinstance(predictor, OnnxPredictor)
        assert predictor.how == "onnx cpu fp32"


def candidates(path: str, **options: str) -> list[str]:
    asked = {"device": "auto", "backend": "auto", "precision": "fp32", **options}
    return [str(way) for way in ways(Path(path), stored="fp32", has_int8=False, **asked)]


def test_what_auto_considers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "installed", lambda _: True)
    monkeypatch.setattr(backends, "gpu", lambda: None)
    assert candidates("m.onnx") == ["onnx cpu fp32", "openvino cpu fp32"]
    assert candidates("m.onnx", precision="auto") == ["onnx cpu fp32", "openvino cpu fp32", "openvino cpu bf16"]
    assert candidates("m.onnx", backend="torch") == ["torch cpu fp32"]
    assert candidates("m.onnx", device="mps") == ["torch mps fp32"]
    assert candidates("m.safetensors") == ["torch cpu fp32"]
    monkeypatch.setattr(backends, "gpu", lambda: "cuda")
    assert candidates("m.onnx") == ["onnx cpu fp32", "openvino cpu fp32", "torch cuda fp32"]
    assert candidates("m.safetensors", precision="auto") == [
        "torch cpu fp32", "torch cpu bf16", "torch cuda fp32", "torch cuda bf16", "torch cuda fp16",
    ]  # fmt: skip


class Fake(Predictor):
    """Repeats pixels, with an error added; refuses what is too large."""

    def __init__(self, error: float = 0.0, seconds: float = 1.0, largest: float = math.inf) -> None:
        self.facts = Facts(name="fake", scale=2, radius=1)
        self.error, self.seconds, self.largest = error, seconds, largest

    def predict(self, lr: np.ndarray) -> np.ndarray:
        if lr.size > self.largest:
            raise DeviceMemoryError("full")
        padded = np.pad(lr, [(0, 0), (0, 0), (1, 1), (1, 1)], mode="edge")
        blurred = (padded[:, :, :-2, 1:-1] + padded[:, :, 2:, 1:-1] + padded[:, :, 1:-1, :-2]) / np.float32(3)
        return blurred.repeat(2, axis=2).repeat(2, axis=3) + np.float32(self.error)


@pytest.fixture
def choosing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[probe.Choice, list[Way]]]:
    """Choose among fakes whose time is what they say; return the choice and what was opened for it."""
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(probe, "_seconds", lambda predictor, _: predictor.seconds)
    (tmp_path / "model").write_bytes(b"a model")

    def choose(fakes: dict[Way, Predictor], *, traded: bool = False) -> tuple[probe.Choice, list[Way]]:
        tried: list[Way] = []

        def open_way(way: Way) -> Predictor:
            tried.append(way)
            return fakes[way]

        among = [way for way in fakes if not traded or way != ONNX]
        return probe.choose(among, ONNX, open_way, files=[tmp_path / "model"], threads=1, traded=traded), tried

    return choose


def test_auto_takes_the_fastest_that_passes(choosing: Callable[..., tuple[probe.Choice, list[Way]]]) -> None:
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5), BF16: Fake(0.0005, 0.25)}
    choice, tried = choosing(fakes)
    assert choice.way == BF16
    assert choice.reason == (
        "4.0× the speed of onnx cpu fp32, 66 dB from float32; tried too: onnx cpu fp32 1.0×, openvino cpu fp32 2.0×"
    )
    assert tried == [ONNX, OPENVINO, BF16]
    assert choosing(fakes) == (choice, [])  # remembered


def test_auto_keeps_the_first_for_a_tenth(choosing: Callable[..., tuple[probe.Choice, list[Way]]]) -> None:
    assert choosing({ONNX: Fake(), OPENVINO: Fake(seconds=0.95)})[0].way == ONNX


def test_auto_leaves_out_wrong_pixels(choosing: Callable[..., tuple[probe.Choice, list[Way]]]) -> None:
    choice, _ = choosing({ONNX: Fake(), OPENVINO: Fake(2e-4, 0.1), BF16: Fake(0.005, 0.1), TORCH: Fake(math.nan, 0.1)})
    assert choice.way == ONNX
    assert choice.reason == (
        "1.0× the speed of onnx cpu fp32; tried too: "
        "openvino cpu fp32 differs by 2.0e-04 of the range, and only rounding (1e-04) is allowed, "
        "openvino cpu bf16 is 46.0 dB from float32, and 57.6 is the least, torch cpu fp32 gives NaN or infinite pixels"
    )


def test_a_reduced_precision_by_name_is_held_to_less(
    choosing: Callable[..., tuple[probe.Choice, list[Way]]],
) -> None:
    assert choosing({ONNX: Fake(), BF16: Fake(0.005, 3)}, traded=True)[0].way == BF16


def test_a_broken_precision_fails_with_one_line(
    choosing: Callable[..., tuple[probe.Choice, list[Way]]], tmp_path: Path
) -> None:
    with pytest.raises(ParityError) as caught:
        choosing({ONNX: Fake(), BF16: Fake(0.1)}, traded=True)
    assert str(caught.value) == (
        f"{tmp_path}/model: tried on a probe picture: openvino cpu bf16 is 20.0 dB from float32, and 40.0 is the "
        "least; use --precision fp32"
    )


def test_what_was_tried_is_forgotten_with_the_model_and_when_damaged(
    choosing: Callable[..., tuple[probe.Choice, list[Way]]], tmp_path: Path
) -> None:
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5)}
    choosing(fakes)
    (place,) = (tmp_path / "cache" / "probes").iterdir()
    assert json.loads(place.read_text())["trials"][1]["seconds"] == 0.5
    place.write_text('{"trials": [{"way": ')
    assert choosing(fakes)[1] == [ONNX, OPENVINO]
    assert choosing(fakes)[1] == []
    (tmp_path / "model").write_bytes(b"another model")
    assert choosing(fakes)[1] == [ONNX, OPENVINO]


def test_a_cache_that_cannot_be_written_only_costs_time(
    choosing: Callable[..., tuple[probe.Choice, list[Way]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "model" / "is a file"))
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5)}
    for _ in range(2):
        assert choosing(fakes)[1] == [ONNX, OPENVINO]


def test_the_probe_has_edges_gradients_and_flat_ground() -> None:
    lr = probe.picture(3)
    assert lr.shape == (1, 3, 96, 96) and lr.dtype == np.float32
    assert (lr.min(), lr.max()) == (0, 1)
    assert abs(np.diff(lr, axis=3)).max() > 0.4
    np.testing.assert_array_equal(lr, probe.picture(3))


def test_what_is_not_finite_is_computed_again_in_float32() -> None:
    lr = np.random.default_rng(0).random((1, 3, 6, 6), dtype=np.float32)
    exact = Fake()
    asked: list[int] = []

    def reference() -> Predictor:
        asked.append(1)
        return exact

    good, bad = GuardedPredictor(Fake(0.001), reference), GuardedPredictor(Fake(math.inf), reference)
    np.testing.assert_array_equal(good.predict(lr), Fake(0.001).predict(lr))
    assert (good.recomputed, asked) == (0, [])
    for _ in range(2):
        np.testing.assert_array_equal(bad.predict(lr), exact.predict(lr))
    assert (bad.recomputed, asked) == (2, [1])


@pytest.mark.parametrize("largest", [3 * 37 * 23, 1000, 300, 150])
def test_a_full_memory_halves_the_input_and_gives_the_same(largest: int) -> None:
    lr = np.random.default_rng(0).random((1, 3, 37, 23), dtype=np.float32)
    predictor = HalvingPredictor(Fake(largest=largest))
    for _ in range(2):
        np.testing.assert_array_equal(predictor.predict(lr), Fake().predict(lr))


def test_halving_keeps_to_the_size_multiple() -> None:
    lr = np.random.default_rng(0).random((1, 3, 44, 24), dtype=np.float32)
    fake = Fake(largest=700)
    fake.facts = dataclasses.replace(fake.facts, multiple=4)
    shapes: list[tuple[int, ...]] = []
    plain = fake.predict
    fake.predict = lambda lr: shapes.append(lr.shape) or plain(lr)  # type: ignore[method-assign, func-returns-value]
    np.testing.assert_array_equal(HalvingPredictor(fake).predict(lr), Fake().predict(lr))
    assert all(height % 4 == width % 4 == 0 for _, _, height, width in shapes)


def test_halving_ends_where_it_is_of_no_use() -> None:
    lr = np.zeros((1, 3, 8, 8), np.float32)
    with pytest.raises(DeviceMemoryError):
        HalvingPredictor(Fake(largest=5)).predict(lr)
    everywhere = Fake(largest=5)
    everywhere.facts = dataclasses.replace(everywhere.facts, radius=None)
    with pytest.raises(DeviceMemoryError):
        HalvingPredictor(everywhere).predict(lr)


def test_facts_carry_the_precision(tmp_path: Path) -> None:
    facts = Facts(name="q", scale=2, precision="int8")
    assert from_json(to_json(facts), where="here") == facts
    assert METADATA_KEY == "upres"
    assert int8_version(tmp_path / "base-x2.onnx") == tmp_path / "base-x2-int8.onnx"
