"""Every leaf keeps the interface's promise; every question for a model that is not there is answered."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import without
from tests.tiny_models import tiny_onnx
from upres.errors import ConfigError, FailedError, ModelError
from upres.image import imresize
from upres.models.facts import Facts
from upres.models.onnx_facts import read_facts
from upres.models.shipped import find, scales, shipped
from upres.predictors import open_chain, open_predictor, shortest_chain
from upres.predictors.bicubic import BicubicPredictor
from upres.predictors.onnx import OnnxPredictor


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder laid out as that of the shipped models: base ×2 and ×4, other ×3."""
    for name, scale in (("base", 2), ("base", 4), ("other", 3)):
        (tmp_path / f"{name}-x{scale}.onnx").write_bytes(tiny_onnx(scale=scale, name=name))
    (tmp_path / "base-x2.md").write_text("a card")
    (tmp_path / "notes.onnx").write_text("of no scale, so not shipped")
    return tmp_path


def opened(path: Path) -> str:
    """Return the code that opens a model and prints what is wrong."""
    return f"""
from upres.errors import MissingExtraError
from upres.predictors import open_predictor
try:
    open_predictor({str(path)!r})
except MissingExtraError as error:
    print(error)
"""


def batch(channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((2, channels, 7, 5), dtype=np.float32)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_bicubic_is_imresize_for_any_channels(scale: int, channels: int) -> None:
    lr = batch(channels)
    sr = BicubicPredictor(scale).predict(lr)
    assert sr.shape == (2, channels, 7 * scale, 5 * scale)
    assert sr.dtype == np.float32
    for n in range(2):
        for c in range(channels):
            np.testing.assert_array_equal(sr[n, c], imresize(lr[n, c], scale))


@pytest.mark.parametrize("colour", ["rgb", "gray", "luma"])
@pytest.mark.parametrize("scale", [2, 4])
def test_onnx_knows_its_facts_and_enlarges(tmp_path: Path, scale: int, colour: str) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_onnx(scale=scale, colour=colour))
    predictor = OnnxPredictor(path, threads=1)
    assert predictor.facts == OnnxPredictor(path.read_bytes()).facts == read_facts(path)
    assert (predictor.facts.scale, predictor.facts.colour, predictor.facts.radius) == (scale, colour, 3)
    lr = batch(predictor.facts.channels)
    sr = predictor.predict(lr)
    assert sr.dtype == np.float32
    assert sr.shape == (2, predictor.facts.channels, 7 * scale, 5 * scale)


def test_a_checkpoint_runs_on_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    checkpoint = pytest.importorskip("upres.models.checkpoint")
    facts = Facts(name="t", scale=2, radius=2, arch={"name": "plainres", "width": 8, "blocks": 0})
    from upres.archs import ARCHS
    from upres.config.named_parts import parse_part

    network = checkpoint.network_of(parse_part(ARCHS, facts.arch, where="test", key="arch"), facts)
    path = tmp_path / "t.safetensors"
    checkpoint.save(path, network, facts)
    predictor = open_predictor(path)
    assert predictor.how == "torch cpu fp32"
    assert predictor.facts == facts
    lr = batch()
    sr = predictor.predict(lr)
    with torch.inference_mode():
        expected = network.eval()(torch.tensor(lr)).numpy()
    # Another memory layout sums in another order: float32 rounding of values around 1.
    np.testing.assert_allclose(sr, expected, atol=1e-5)


def test_without_torch_a_checkpoint_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "t.safetensors").write_bytes(b"")
    assert without("torch", code=opened(tmp_path / "t.safetensors")) == (
        f"{tmp_path}/t.safetensors: a .safetensors model runs on PyTorch, and torch is missing; "
        'pip install "upres[train]", or use the model\'s .onnx export'
    )


def test_shipped_models_are_found_by_name_and_scale(shelf: Path) -> None:
    assert [(model.name, model.scale) for model in shipped(shelf)] == [
        ("base", 2),
        ("base", 4),
        ("other", 3),
    ]
    assert find("base", folder=shelf).path == shelf / "base-x4.onnx"
    assert scales("base", shelf) == [2, 4]
    assert all(model.facts.scale == model.scale for model in shipped(shelf))
    assert open_predictor("base", 2).facts.scale == 2
    assert open_predictor().facts.scale == scales("base")[-1] == 4


def test_each_model_in_the_package_opens_and_is_what_its_name_says() -> None:
    for model in shipped():
        predictor = open_predictor(model.name, model.scale)
        assert predictor.facts == model.facts
        assert (predictor.facts.name, predictor.facts.scale) == (model.name, model.scale)
        assert predictor.facts.licence
        assert predictor.facts.trained_on
        assert model.path.with_suffix(".md").is_file()


def message(model: str | Path, scale: int | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        open_predictor(model, scale)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_unknown_models_and_scales(shelf: Path) -> None:
    with pytest.raises(ModelError) as caught:
        find("bsae", folder=shelf)
    said = "unknown model 'bsae': did you mean base? Known: base, bicubic, other, or the path of a .onnx file"
    assert str(caught.value) == said
    assert message("bsae").startswith("unknown model 'bsae': did you mean base? Known: base, ")
    with pytest.raises(ModelError, match=r"^model 'other' is not shipped at ×2; it is at ×3$"):
        find("other", 2, folder=shelf)
    assert message("base", 3) == "model 'base' is not shipped at ×3; it is at ×2, ×4"
    assert message("bicubic", 1) == "bicubic: scale = 1: should be a whole number from 2"
    assert message(shelf / "base-x2.onnx", 4) == f"{shelf}/base-x2.onnx: enlarges ×2, and ×4 was asked for"


def test_files_that_are_not_models(tmp_path: Path) -> None:
    assert message("no/such.onnx") == (
        "no/such.onnx: no such file; give a .onnx, .safetensors or .pth model, or a name from upres models"
    )
    assert message("net.pth").startswith("net.pth: no such file; give a .onnx, .safetensors or .pth model")
    assert message(Path("net.xyz")) == "net.xyz: not a model that upres reads; give a .onnx, .safetensors or .pth file"

    whole = tiny_onnx()
    for content in (b"", b"no onnx file at all", whole[: len(whole) // 2]):
        path = tmp_path / "damaged.onnx"
        path.write_bytes(content)
        text = message(path)
        assert text.startswith(f"{path}: ")
        assert "export it" in text
        with pytest.raises(ModelError, match="export it"):
            read_facts(path)


def test_a_model_without_facts_says_how_to_get_them(tmp_path: Path) -> None:
    path = tmp_path / "bare.onnx"
    path.write_bytes(tiny_onnx(facts=False))
    expected = (
        f"{path}: carries no upres facts (scale, colour, radius); export it with upres export, or, where another "
        "program wrote it, give it to upres convert"
    )
    assert message(path) == expected
    with pytest.raises(ModelError) as caught:
        read_facts(path)
    assert str(caught.value) == expected


def test_a_graph_that_does_not_fit_its_facts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    path.write_bytes(tiny_onnx(colour="gray", graph_channels=3))
    assert "its facts say one n×1×h×w picture in and one out; export it again" in message(path)


def test_a_run_that_fails_names_the_model(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match=r"the model given as bytes: failed on an input of \(2, 5, 7, 5\)"):
        OnnxPredictor(tiny_onnx()).predict(batch(5))


@pytest.mark.parametrize(
    ("scale", "steps"),
    [
        (None, [4]),
        (1.5, [2]),
        (2, [2]),
        (2.5, [4]),
        (3, [4]),
        (4, [4]),
        (5, [4, 2]),
        (8, [4, 2]),
        (16, [4, 4]),
    ],
)
def test_chains_of_shipped_models(scale: float | None, steps: list[int]) -> None:
    assert [predictor.facts.scale for predictor in open_chain("base", scale)] == steps


def test_other_chains(shelf: Path) -> None:
    assert [p.facts.scale for p in open_chain("bicubic", 2.5)] == [3]
    assert [p.facts.scale for p in open_chain(shelf / "base-x2.onnx", 3)] == [2, 2]
    chain = open_chain("base", 16)
    assert chain[0] is chain[1]


@pytest.mark.parametrize("scale", [1, 0, -2, 33, math.nan, math.inf])
def test_scales_out_of_range(scale: float) -> None:
    with pytest.raises(ConfigError) as caught:
        open_chain("bicubic", scale)
    assert str(caught.value) == f"scale = {scale:g}: should be more than 1 and at most 32"


@given(st.lists(st.integers(2, 6), min_size=1, max_size=4, unique=True), st.floats(1.01, 32))
def test_a_chain_reaches_the_scale_in_the_fewest_steps(scales: list[int], wanted: float) -> None:
    chain = shortest_chain(scales, wanted)
    assert set(chain) <= set(scales)
    assert math.prod(chain) >= wanted
    assert max(scales) ** (len(chain) - 1) < wanted
    assert chain == sorted(chain, reverse=True)


def test_threads_out_of_range() -> None:
    with pytest.raises(ConfigError) as caught:
        open_predictor("bicubic", threads=0)
    assert str(caught.value) == "threads = 0: should be at least 1, or left out for one a core"
