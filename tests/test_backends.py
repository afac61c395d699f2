"""Every row of the table of runtimes gives the pixels it promises, and every wrong wish gets its one line."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.commands import without
from tests.tiny_models import tiny_onnx
from upres.errors import ConfigError, DeviceMemoryError, ModelError, ParityError
from upres.models.facts import METADATA_KEY, Facts, from_json, to_json
from upres.models.files import ModelFile, model_file
from upres.models.shipped import int8_version
from upres.predictors import Execution, Predictor, open_predictor, probing
from upres.predictors.executions import Machine, exact_execution, executions, executions_for, this_machine
from upres.predictors.guarded import GuardedPredictor
from upres.predictors.halving import HalvingPredictor
from upres.predictors.onnx import OnnxPredictor
from upres.predictors.opening import Decision
from upres.upscaling.upscaler import Upscaler

ONNX, OPENVINO = Execution("onnx", "cpu", "fp32"), Execution("openvino", "cpu", "fp32")
BF16, TORCH = Execution("openvino", "cpu", "bf16"), Execution("torch", "cpu", "fp32")
HERE = [
    each
    for each in executions()
    if each.device == "cpu" and each.precision != "int8" and each.backend in this_machine().backends
]
EVERYTHING = frozenset({"onnx", "openvino", "torch"})
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
    with pytest.raises(ModelError, match=r"tiny\.onnx: arch = \{\}: should be a mapping with a name"):
        open_predictor(path, backend="torch")


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
    assert told(ConfigError, tiny, device="gpu") == "device = 'gpu': did you mean cpu? Known: cpu, auto, cuda, mps"
    assert told(ConfigError, tiny, precision="fp8").startswith("precision = 'fp8': did you mean ")
    table = (
        "onnx cpu fp32 int8, openvino cpu fp32 bf16 int8, torch cpu fp32 bf16, torch cuda fp32 bf16 fp16, "
        "torch mps fp32 fp16"
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
    with pytest.raises(ConfigError, match=r"^backend openvino, precision fp16: no such combination; there are onnx "):
        open_predictor(tiny, backend="openvino", precision="fp16")


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


def test_a_device_that_is_not_there(exported: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    for precision in ("fp32", "fp16"):
        assert told(ConfigError, exported, device="cuda", precision=precision) == (
            "device cuda: PyTorch sees none on this machine; use device cpu, or auto"
        )


def test_with_a_light_install_nothing_is_tried(tiny: Path) -> None:
    for precision in ("fp32", None):
        (only,) = executions_for(model_file(tiny), precision=precision, machine=Machine(frozenset({"onnx"}), "cuda"))
        assert only == ONNX
    never = pytest.fail
    decision = probing.probe_fastest_cached([ONNX], ONNX, never, files=[tiny], threads=1, traded=False)
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


Probing = Callable[..., tuple[Decision, list[Execution]]]


@pytest.fixture
def fastest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Probing:
    """Compare fakes whose time is what they say; return the decision and what was opened for it."""
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model").write_bytes(b"a model")

    def probe(fakes: dict[Execution, Fake], *, traded: bool = False) -> tuple[Decision, list[Execution]]:
        tried: list[Execution] = []

        def opener(execution: Execution) -> Predictor:
            tried.append(execution)
            return fakes[execution]

        decision = probing.probe_fastest_cached(
            [execution for execution in fakes if not traded or execution != ONNX],
            ONNX,
            opener,
            files=[tmp_path / "model"],
            threads=1,
            traded=traded,
            stopwatch=lambda predictor, _: predictor.seconds,  # type: ignore[attr-defined]
        )
        return decision, tried

    return probe


def test_auto_takes_the_fastest_that_passes(fastest: Probing) -> None:
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5), BF16: Fake(0.0005, 0.25)}
    choice, tried = fastest(fakes)
    assert choice.execution == BF16
    assert choice.reason == (
        "4.0× the speed of onnx cpu fp32, 66 dB from float32; tried too: onnx cpu fp32 1.0×, openvino cpu fp32 2.0×"
    )
    assert tried == [ONNX, OPENVINO, BF16]
    assert fastest(fakes) == (choice, [])  # remembered


def test_auto_keeps_the_first_for_a_tenth(fastest: Probing) -> None:
    assert fastest({ONNX: Fake(), OPENVINO: Fake(seconds=0.95)})[0].execution == ONNX


def test_auto_leaves_out_wrong_pixels(fastest: Probing) -> None:
    choice, _ = fastest({ONNX: Fake(), OPENVINO: Fake(2e-4, 0.1), BF16: Fake(0.005, 0.1), TORCH: Fake(math.nan, 0.1)})
    assert choice.execution == ONNX
    assert choice.reason == (
        "1.0× the speed of onnx cpu fp32; tried too: "
        "openvino cpu fp32 differs by 2.0e-04 of the range, and only rounding (1e-04) is allowed, "
        "openvino cpu bf16 is 46.0 dB from float32, and 57.6 is the least, torch cpu fp32 gives NaN or infinite pixels"
    )


def test_a_reduced_precision_by_name_is_held_to_less(fastest: Probing) -> None:
    assert fastest({ONNX: Fake(), BF16: Fake(0.005, 3)}, traded=True)[0].execution == BF16


def test_a_broken_precision_fails_with_one_line(fastest: Probing, tmp_path: Path) -> None:
    with pytest.raises(ParityError) as caught:
        fastest({ONNX: Fake(), BF16: Fake(0.1)}, traded=True)
    assert str(caught.value) == (
        f"{tmp_path}/model: tried on a probe picture: openvino cpu bf16 is 20.0 dB from float32, and 40.0 is the "
        "least; use precision fp32"
    )


class Broken(Fake):
    """Says why it cannot run."""

    def predict(self, lr: np.ndarray) -> np.ndarray:
        raise ConfigError("this processor does not multiply in bf16")


def test_the_only_one_that_was_asked_for_says_itself_why_it_cannot_run(fastest: Probing, tmp_path: Path) -> None:
    for _ in range(2):  # nothing is remembered of it
        with pytest.raises(ConfigError, match=r"^this processor does not multiply in bf16$"):
            fastest({ONNX: Fake(), BF16: Broken()}, traded=True)
    choice, _ = fastest({ONNX: Fake(), OPENVINO: Fake(seconds=0.5), BF16: Broken()})
    assert choice.execution == OPENVINO
    assert "openvino cpu bf16 cannot run (this processor does not multiply in bf16)" in choice.reason


def test_the_first_caches_are_still_read(fastest: Probing, tmp_path: Path) -> None:
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5)}
    fastest(fakes)
    (place,) = (tmp_path / "cache" / "probes").iterdir()
    rows = json.loads(place.read_text())["trials"]
    assert rows[1] == {"way": "openvino cpu fp32", "seconds": 0.5, "psnr": math.inf, "worst": 0.0, "error": ""}
    rows[1]["seconds"] = 2.0
    place.write_text(json.dumps({"scale": 2, "trials": rows}))
    assert fastest(fakes) == (Decision(ONNX, "1.0× the speed of onnx cpu fp32; tried too: openvino cpu fp32 0.5×"), [])


def test_what_was_tried_is_forgotten_with_the_model_and_when_damaged(fastest: Probing, tmp_path: Path) -> None:
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5)}
    fastest(fakes)
    (place,) = (tmp_path / "cache" / "probes").iterdir()
    assert json.loads(place.read_text())["trials"][1]["seconds"] == 0.5
    place.write_text('{"trials": [{"way": ')
    assert fastest(fakes)[1] == [ONNX, OPENVINO]
    assert fastest(fakes)[1] == []
    (tmp_path / "model").write_bytes(b"another model")
    assert fastest(fakes)[1] == [ONNX, OPENVINO]


def test_a_cache_that_cannot_be_written_only_costs_time(
    fastest: Probing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "model" / "is a file"))
    fakes = {ONNX: Fake(), OPENVINO: Fake(seconds=0.5)}
    for _ in range(2):
        assert fastest(fakes)[1] == [ONNX, OPENVINO]


def test_the_probe_has_edges_gradients_and_flat_ground() -> None:
    lr = probing.picture(3)
    assert lr.shape == (1, 3, 96, 96) and lr.dtype == np.float32
    assert (lr.min(), lr.max()) == (0, 1)
    assert abs(np.diff(lr, axis=3)).max() > 0.4
    np.testing.assert_array_equal(lr, probing.picture(3))


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
