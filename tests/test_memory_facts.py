"""What a model says it holds in memory is near what a process holds, and is written without touching the graph."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tests.tiny_models import tiny_onnx
from tools.memory_facts import write_memory
from upres.archs import ARCHS, Network
from upres.config.named_parts import NamedPart, build
from upres.errors import ModelError
from upres.evaluation.speed import peak_memory
from upres.export.onnx import export_network
from upres.image.bands import Shape
from upres.models.activations import activation_bytes
from upres.models.facts import Facts, from_json, to_json
from upres.models.files import model_file
from upres.models.onnx_facts import read_facts, write_facts
from upres.models.shipped import find, shipped
from upres.predictors.onnx import OnnxPredictor
from upres.upscaling.memory import Estimate

CHILD = """
import sys
import numpy as np
from upres.evaluation.speed import peak_memory
from upres.predictors import open_predictor
predictor, side = open_predictor(sys.argv[1], threads=1), int(sys.argv[2])
predictor.predict(np.zeros((1, 3, side, side), np.float32))
print(peak_memory())
"""


def network_of(name: str, scale: int, **options: object) -> tuple[Network, dict[str, object]]:
    torch.manual_seed(0)
    part = NamedPart(name, ARCHS[name].config_type(**options))
    return build(ARCHS, part, scale=scale, channels=3).eval(), part.dump()


def exported(folder: Path, name: str, scale: int, **options: object) -> Path:
    network, arch = network_of(name, scale, **options)
    facts = Facts(name=name, scale=scale, radius=network.radius, multiple=network.multiple, arch=arch)
    return export_network(network, facts, folder / f"{name}.onnx").path


def held(model: Path, side: int) -> int:
    child = [sys.executable, "-c", CHILD, str(model), str(side)]
    return int(subprocess.run(child, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
@pytest.mark.skipif(not peak_memory(), reason="the system does not tell how much a process has held")
@pytest.mark.parametrize("name", ["base-x4", "edsr", "unet"])
def test_the_fact_is_what_a_process_holds_more_for_a_larger_picture(name: str, tmp_path: Path) -> None:
    model = find("base", 4).path if name == "base-x4" else exported(tmp_path, name, 2, **SMALL[name])
    small, large = 64, 384
    memory = read_facts(model).memory
    assert memory is not None
    measured = (held(model, large) - held(model, small)) / (large**2 - small**2)
    # Runtimes lay memory out in blocks and tensors anew: 0.8 (base), 1.4 (EDSR) and 1.2 times (U-Net) as much.
    assert 0.6 * memory < measured < 1.8 * memory


SMALL: dict[str, dict[str, object]] = {"edsr": {"width": 32, "blocks": 1}, "unet": {"width": 16, "depth": 1}}


def test_activations_are_counted_until_nobody_holds_them() -> None:
    """compact: a convolution makes one map of a PReLU's other, and the input stays for the skip."""
    width = 64
    network, _ = network_of("compact", 2, width=width, convs=4)
    assert activation_bytes(network) == pytest.approx(4 * (2 * width + 3), rel=0.01)
    wider, _ = network_of("compact", 2, width=2 * width, convs=4)
    deeper, _ = network_of("compact", 2, width=width, convs=9)
    assert activation_bytes(wider) == pytest.approx(4 * (4 * width + 3), rel=0.01)
    assert activation_bytes(deeper) == activation_bytes(network)


def test_branches_that_are_summed_up_count_as_they_run() -> None:
    plain, branched = (network_of(name, 2, width=16, blocks=2)[0] for name in ("plainres", "repres"))
    assert activation_bytes(branched) == activation_bytes(plain)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ARCHS))
def test_every_architecture_has_it_and_stays_as_it_was(name: str) -> None:
    network, _ = network_of(name, 2)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    memory = activation_bytes(network)
    assert memory is not None and 100 < memory < 100_000
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())


class Asking(Network):
    """Asks its input for numbers, as some of other people's networks do."""

    radius = None

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        return lr * lr.mean().item()


def test_a_network_that_cannot_run_without_numbers_does_not_say() -> None:
    assert activation_bytes(Asking(scale=1, channels=3)) is None


def test_writing_facts_leaves_every_other_byte(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    proto = onnx.load_from_string(tiny_onnx())
    onnx.helper.set_model_props(proto, {"theirs": "kept", "upres": proto.metadata_props[0].value})
    path.write_bytes(proto.SerializeToString())
    lr = np.random.default_rng(0).random((1, 3, 9, 8), dtype=np.float32)
    expected = OnnxPredictor(path, threads=1).predict(lr)
    facts = dataclasses.replace(read_facts(path), memory=1234, trained_on="ø" * 200)
    write_facts(path, facts)
    assert read_facts(path) == facts
    after = onnx.load(str(path))
    assert {item.key: item.value for item in after.metadata_props} == {"theirs": "kept", "upres": to_json(facts)}
    assert after.graph.SerializeToString() == proto.graph.SerializeToString()
    del after.metadata_props[:], proto.metadata_props[:]
    assert after.SerializeToString() == proto.SerializeToString()
    np.testing.assert_array_equal(OnnxPredictor(path, threads=1).predict(lr), expected)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ModelError, match="not a readable ONNX model"):
        write_facts(path, facts)


def test_a_model_without_facts_gets_them(tmp_path: Path) -> None:
    (tmp_path / "bare.onnx").write_bytes(tiny_onnx(facts=False))
    write_facts(tmp_path / "bare.onnx", Facts(name="bare", scale=2))
    assert read_facts(tmp_path / "bare.onnx").name == "bare"


def test_the_shipped_models_say_it_and_it_is_right(tmp_path: Path) -> None:
    for model in shipped():
        versions = model_file(model.path).files
        copies = [tmp_path / file.name for file in versions]
        for file, copy in zip(versions, copies, strict=True):
            write_facts_without_memory(file, copy)
            assert read_facts(copy).memory is None
        assert write_memory(copies[0]) == model.facts.memory is not None
        for file, copy in zip(versions, copies, strict=True):
            assert read_facts(copy) == read_facts(file)
            assert onnx.load(str(copy)).graph == onnx.load(str(file)).graph


def write_facts_without_memory(file: Path, copy: Path) -> None:
    copy.write_bytes(file.read_bytes())
    write_facts(copy, dataclasses.replace(read_facts(file), memory=None))


def test_tiles_follow_from_the_fact_and_not_from_names() -> None:
    shape = Shape(4000, 6000, 3, "uint8")

    def tile(memory: int | None, **arch: object) -> tuple[int, int]:
        facts = Facts(name="m", scale=2, radius=8, memory=memory, arch=dict(arch))
        return Estimate((facts,), 2).tile(shape, 500_000_000)

    assert tile(600) == tile(600, name="edsr", width=4096) == (256, 256)
    assert tile(None) == tile(None, width=4096)
    heavy = tile(8000)
    assert heavy[0] * heavy[1] < 256 * 256


def test_files_from_before_the_fact_are_read() -> None:
    old = to_json(Facts(name="old", scale=2)).replace('"memory": null, ', "")
    assert "memory" not in old
    assert from_json(old, where="here") == Facts(name="old", scale=2, memory=None)
