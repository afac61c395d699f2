"""The examples of docs/python.md, run in their order as they stand."""

import re
from pathlib import Path

import pytest

from tests.small_pictures import picture
from upres.image import write

PAGE = Path(__file__).resolve().parents[1] / "docs" / "python.md"


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # an example of one line opens one
def test_the_examples_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("PIL")
    monkeypatch.chdir(tmp_path)
    write(picture(height=32, width=48), tmp_path / "photo.jpg")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert (tmp_path / "large.png").exists() and (tmp_path / "1.webp").exists()
    said = capsys.readouterr().out
    assert said.startswith("<Picture 96×64, RGB, 8 bit>\n") and "unknown model 'bsae': did you mean base?" in said
