"""The notebooks of the documents run from top to bottom. What runs them comes with the site: make docs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tools import notebooks

pytest.importorskip("jupytext", reason="comes with the site's packages")
pytest.importorskip("nbclient", reason="comes with the site's packages")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("path", sorted(notebooks.NOTEBOOKS.glob(f"*{notebooks.SUFFIX}")), ids=lambda path: path.name)
def test_it_runs_and_keeps_what_it_showed(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebooks, "RUN", tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert notebooks.run(path) > 0
    (made,) = tmp_path.glob("*.ipynb")
    cells = json.loads(made.read_text(encoding="utf-8"))["cells"]
    assert any(cell.get("outputs") for cell in cells)
