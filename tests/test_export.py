"""Checkpoints and ONNX files: whole or not at all, proved equal, and clear about what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.commands import full_disk
from upres.archs import ARCHS
from upres.config.named_parts import NamedPart, build, parse_part
from upres.errors import MissingExtraError, ModelError, ParityError, extra
from upres.export.onnx import export_onnx
from upres.models import checkpoint
from upres.models.activations import activation_bytes
from upres.models.facts import Facts
from upres.models.onnx_facts import read_facts

PART = parse_part(ARCHS, {"name": "plainres", "width": 8, "blocks": 1}, where="test", key="arch")
FACTS = Facts(
    name="tiny", scale=2, radius=4, parameters=2268, arch=PART.dump(), licence="CC0 1.0", scores={"Set5": 30.0}
)


def save(path: Path, facts: Facts = FACTS, part: NamedPart = PART) -> None:
    torch.manual_seed(0)
    checkpoint.save(path, build(ARCHS, part, scale=2, channels=3), facts)


def test_the_onnx_file_carries_the_facts(tmp_path: Path) -> None:
    save(tmp_path / "tiny.safetensors")
    written = export_onnx(tmp_path / "tiny.safetensors", tmp_path / "tiny.onnx", name="better", scores={"Set5": 31.0})
    assert (
        read_facts(written.path)
        == written.facts
        == replace(
            FACTS,
            name="better",
            scores={"Set5": 31.0},
            memory=activation_bytes(build(ARCHS, PART, scale=2, channels=3)),
        )
    )


def test_a_file_that_differs_is_not_written(tmp_path: Path) -> None:
    network = build(ARCHS, PART, scale=2, channels=3)
    with torch.no_grad():  # what is no number differs from everything
        next(network.parameters()).fill_(torch.nan)
    checkpoint.save(tmp_path / "tiny.safetensors", network, FACTS)
    with pytest.raises(ParityError, match=r"tiny\.onnx: not written: ONNX Runtime differs from PyTorch by nan"):
        export_onnx(tmp_path / "tiny.safetensors", tmp_path / "tiny.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.safetensors"]


def test_export_refuses_another_suffix(tmp_path: Path) -> None:
    save(tmp_path / "tiny.safetensors")
    with pytest.raises(ModelError, match=r"tiny\.pb: should end in \.onnx"):
        export_onnx(tmp_path / "tiny.safetensors", tmp_path / "tiny.pb")


def test_a_missing_or_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.safetensors: no such file; give a \.safetensors or \.onnx model"):
        checkpoint.load(tmp_path / "gone.safetensors")
    save(tmp_path / "tiny.safetensors")
    content = (tmp_path / "tiny.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r"cut\.safetensors: not a readable safetensors file .*copy or train it again"):
        checkpoint.load(tmp_path / "cut.safetensors")


def test_a_checkpoint_of_an_unknown_architecture_or_other_tensors(tmp_path: Path) -> None:
    save(tmp_path / "new.safetensors", replace(FACTS, arch={"name": "plainress"}))
    with pytest.raises(ModelError, match=r"new\.safetensors: arch\.name = 'plainress' is unknown: did you mean plainr"):
        checkpoint.load(tmp_path / "new.safetensors")
    save(tmp_path / "other.safetensors", replace(FACTS, arch={"name": "plainres", "width": 16, "blocks": 1}))
    with pytest.raises(ModelError, match=r"other\.safetensors: its tensors do not fit plainres"):
        checkpoint.load(tmp_path / "other.safetensors")


def test_saving_over_a_checkpoint_is_all_or_nothing(tmp_path: Path) -> None:
    save(tmp_path / "tiny.safetensors")
    before = (tmp_path / "tiny.safetensors").read_bytes()
    with full_disk(len(before) // 2), pytest.raises(OSError, match="File too large"):
        save(tmp_path / "tiny.safetensors", replace(FACTS, name="other"))
    assert (tmp_path / "tiny.safetensors").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_extra_says_what_to_install() -> None:
    expected = pytest.raises(MissingExtraError, match=r'upres train needs not_there: pip install "upres\[train\]"')
    with expected, extra("train", "upres train"):
        import not_there  # type: ignore[import-not-found]  # noqa: F401
