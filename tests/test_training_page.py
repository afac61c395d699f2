"""The examples of docs/training.md that train from Python, run in their order as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.small_runs import save_photos
from upres.archs import ARCHS
from upres.predictors import open_predictor

PAGE = Path(__file__).resolve().parents[1] / "docs" / "training.md"


@pytest.mark.slow
def test_a_loop_of_ones_own_trains_measures_saves_and_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    save_photos(tmp_path / "my-photos", 5)
    section = PAGE.read_text(encoding="utf-8").split("### A loop of your own")[1]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {"Path": Path, "__name__": "__main__"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    said = capsys.readouterr().out
    assert len(re.findall(r"'psnr': [\d.]+, 'ssim': ", said)) == 2
    assert names["large"].shape == (48, 48, 3)  # type: ignore[attr-defined]
    assert "mine" in ARCHS and open_predictor(tmp_path / "own.onnx").facts.arch == {"name": "mine", "kernel": 3}
