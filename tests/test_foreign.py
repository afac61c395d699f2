"""Other people's weights: each network against a second one, of plain operations on the published names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from tests.published_networks import (
    CASES,
    Weights,
    compact_weights,
    rrdb_weights,
)
from tests.published_transformers import TRANSFORMERS
from upres.cli.main import command_line
from upres.errors import ModelError
from upres.export.convert import convert
from upres.export.onnx import TOLERANCE
from upres.image import Picture, read, write
from upres.models import checkpoint
from upres.models.foreign import load
from upres.models.onnx_facts import read_facts
from upres.predictors import open_predictor


def saved(path: Path, content: Any) -> Path:
    torch.save(dict(content) if isinstance(content, Weights) else content, path)
    return path


ALL = CASES | TRANSFORMERS


@pytest.mark.slow
@pytest.mark.parametrize("case", ALL)
def test_a_published_file_gives_what_its_authors_network_gives(case: str, tmp_path: Path) -> None:
    weights, net, scale, arch = ALL[case]
    predictor = open_predictor(saved(tmp_path / "net.pth", {"params_ema": dict(weights), "params": {}}))
    assert (predictor.facts.scale, predictor.facts.arch["name"], predictor.facts.name) == (scale, arch, "net")
    sides = (27, 37) if predictor.facts.multiple == 1 else (24, 32)
    lr = torch.rand(1, 3, *sides, generator=torch.Generator().manual_seed(1))
    expected = net(lr, weights).numpy()
    # Float32 adds in another order; values of the 0 to 255 networks are divided only at the end.
    assert np.abs(predictor.predict(lr.numpy()) - expected).max() <= 2e-5 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".bin", ".safetensors"])
@pytest.mark.parametrize("wrapping", ["", "params", "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "module.generator."])
def test_wrappings_and_prefixes(suffix: str, wrapping: str, prefix: str, tmp_path: Path) -> None:
    tensors = {prefix + name: tensor.contiguous() for name, tensor in compact_weights().items()}
    path = tmp_path / f"net{suffix}"
    if suffix == ".safetensors":
        save_file(tensors, path)
    else:
        saved(path, {wrapping: tensors, "epoch": 3} if wrapping else tensors)
    _, facts = load.load(path)
    assert facts.arch == {"name": "compact", "width": 5, "convs": 2}
    assert (facts.radius, facts.multiple, facts.colour) == (4, 1, "rgb")


def test_old_names_under_the_prefix_model_are_not_cut(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.pth", {f"module.{name}": tensor for name, tensor in rrdb_weights("old", 2).items()})
    assert load.load(path)[1].arch["name"] == "rrdb"


def test_half_precision_is_read_as_float32(tmp_path: Path) -> None:
    weights = compact_weights()
    network, _ = load.load(saved(tmp_path / "net.pth", {name: tensor.half() for name, tensor in weights.items()}))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


class Harmful:
    """What it would do when it is unpickled is not done."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harmed",)


def test_a_file_that_could_run_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "net.pth", {"params": dict(compact_weights()), "more": Harmful()})
    with pytest.raises(ModelError, match=r"net\.pth: refused: besides tensors it holds \w+\.mkdir, and opening such a"):
        open_predictor(path)
    assert not Path("harmed").exists()


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        open_predictor(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text


def test_files_that_are_no_models(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.pth", compact_weights()).read_bytes()
    for content in (b"", b"not a model", whole[: len(whole) // 2]):
        (tmp_path / "net.pth").write_bytes(content)
        assert "not a file of tensors that PyTorch saved" in refusal(tmp_path / "net.pth")
    assert "holds no tensors by name" in refusal(saved(tmp_path / "net.pth", {"epoch": 3}))
    (tmp_path / "net.safetensors").write_bytes(b"not a model")
    assert "not a readable safetensors file" in refusal(tmp_path / "net.safetensors")
    other = saved(tmp_path / "net.pth", {"fc.weight": torch.zeros(10, 4)})
    assert "its 1 tensors (fc.weight 10×4, …) are of none of compact, dat, edsr, " in refusal(other)


@pytest.mark.parametrize(
    ("fault", "build", "mend"),
    [
        ("operator torchvision::nms does not exist", "2.13.0+cpu", "--index-url https://download.pytorch.org/whl/cpu"),
        ("operator torchvision::nms does not exist", "2.13.0", ": pip install --upgrade torch torchvision"),
        ("no such luck", "2.13.0", "(no such luck); mend that"),
    ],
)
def test_a_torchvision_that_does_not_fit_is_told_with_the_way_out(
    fault: str, build: str, mend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spandrel.py").write_text(f"raise RuntimeError({fault!r})\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(torch, "__version__", build)
    unknown = saved(tmp_path / "unknown.pth", {"nothing.weight": torch.zeros(3, 3)})
    assert refusal(unknown).endswith(mend)


def test_variants_that_upres_does_not_have(tmp_path: Path) -> None:
    weights = dict(compact_weights())
    without = {name: tensor for name, tensor in weights.items() if name != "body.4.bias"}
    text = refusal(saved(tmp_path / "net.pth", without))
    assert "looks like compact, but its tensors do not fit" in text and "body.4.bias" in text
    text = refusal(saved(tmp_path / "net.pth", {**weights, "extra.weight": torch.zeros(1)}))
    assert "looks like compact, but tensor extra.weight has no place in it" in text
    weights["body.6.weight"] = torch.zeros(13, 5, 3, 3)
    assert "gives 13 channels, which is 3 times no square" in refusal(saved(tmp_path / "net.pth", weights))
    d = Weights()
    d.conv("body.0", 4, 5)
    d.vector("body.1.weight", 5)
    d.conv("body.2", 5, 16)
    assert "takes 4 channels; upres enlarges pictures of 1 or 3" in refusal(saved(tmp_path / "net.pth", d))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["rrdb new x2, folded", "edsr x2", "rlfn", "plainusr", "smfanet", "safmn", "span"])
def test_converted_files_give_the_same_pixels(case: str, tmp_path: Path) -> None:
    model = saved(tmp_path / "net.pth", CASES[case][0])
    written = convert(model, tmp_path / "out.onnx", licence="MIT")
    assert written.worst is not None and written.worst <= TOLERANCE
    convert(model, tmp_path / "out.safetensors", licence="MIT")
    _, facts = checkpoint.load(tmp_path / "out.safetensors")
    assert facts == read_facts(tmp_path / "out.onnx") == written.facts
    assert (facts.name, facts.licence) == ("net", "MIT")
    lr = np.random.default_rng(0).random((1, 3, 24, 40), dtype=np.float32)
    ours = open_predictor(tmp_path / "out.safetensors").predict(lr)
    assert np.array_equal(ours, open_predictor(model).predict(lr))
    assert np.abs(ours - open_predictor(tmp_path / "out.onnx").predict(lr)).max() <= TOLERANCE


def test_convert_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    model = saved(tmp_path / "net.pth", compact_weights())
    with pytest.raises(ModelError, match=r"out\.pth: should end in \.safetensors or \.onnx"):
        convert(model, tmp_path / "out.pth")
    save_file({name: tensor.contiguous() for name, tensor in compact_weights().items()}, tmp_path / "net.safetensors")
    with pytest.raises(ModelError, match=r"net\.safetensors: is the model itself; give another output"):
        convert(tmp_path / "net.safetensors", tmp_path / "net.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.pth", "net.safetensors"]


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "net.pth", compact_weights())
    done = CliRunner().invoke(command_line(), ["convert", "net.pth", "--licence", "BSD-3-Clause", "--name", "theirs"])
    assert done.exit_code == 0
    assert done.output.startswith(
        "net.onnx: theirs, ×2, compact width=5 convs=2, 1,167 parameters, sees 4 pixels around, licence BSD-3-Clause, "
    )
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    write(Picture(picture), "photo.png")
    exact = ["--precision", "fp32"]
    for model, output in (("net.pth", "a.png"), ("net.onnx", "b.png")):
        done = CliRunner().invoke(command_line(), ["upscale", "photo.png", "--model", model, "-o", output, *exact])
        assert done.exit_code == 0, done.output
    first, second = (read(Path(name)).pixels.astype(int) for name in ("a.png", "b.png"))
    assert first.shape == (40, 60, 3) and np.abs(first - second).max() <= 1


def test_a_network_of_scale_1_cleans_and_does_not_enlarge(tmp_path: Path) -> None:
    from upres import load

    model = saved(tmp_path / "clean.pth", rrdb_weights("old", 0))
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert load(model)(picture).shape == (9, 7, 3)
    with pytest.raises(ModelError, match=r"clean\.pth: gives pictures of the size it takes \(×1\), and ×2 was asked"):
        load(model, scale=2)
