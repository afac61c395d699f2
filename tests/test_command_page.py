"""The examples of docs/command.md, run in their order in bash."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_pictures import picture
from upres.image import read, write

PAGE = Path(__file__).resolve().parents[1] / "docs" / "command.md"


@pytest.mark.slow
def test_the_examples_run_as_they_stand(tmp_path: Path) -> None:
    bash = shutil.which("bash") or pytest.skip("bash is not installed")
    work, home, programs = (tmp_path / name for name in ("work", "home", "bin"))
    for folder in (work, home, programs):
        folder.mkdir()
    (programs / "upres").write_text(f'#!/bin/sh\nexec {sys.executable} -m upres "$@"\n')
    (programs / "upres").chmod(0o755)
    write(picture(height=12, width=16), work / "photo.jpg")
    blocks = re.findall(r"```(sh|toml)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [kind for kind, _ in blocks] == ["sh", "sh", "toml", "sh", "sh"]
    # Where bash is told to write what a toml block says, one process runs all.
    script = "".join(f"cat > upres.toml <<'END'\n{text}END\n" if kind == "toml" else text for kind, text in blocks)
    environment = {
        name: value for name, value in os.environ.items() if name not in ("UPRES_NO_CONFIG", "XDG_CONFIG_HOME")
    }
    environment |= {"HOME": str(home), "PATH": f"{programs}:{environment['PATH']}"}
    done = subprocess.run(
        [bash, "-euo", "pipefail"], input=script, cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert read(work / "large.jpg").width == read(work / "large.png").width == 32
    assert "upres: missing.jpg: " in done.stderr
    sizes = [(work / f"{name}.jpg").stat().st_size for name in ("smaller", "small", "plain")]
    assert sizes == sorted(sizes) and len(set(sizes)) == 3  # qualities 70, 90 and 95
    assert "small.jpg 32×24, fast ×2" in done.stdout and "plain.jpg 32×24, base ×2" in done.stdout
    assert re.search(r"^max_memory +2GB +upres\.toml", done.stdout, re.MULTILINE)
    assert f"{home}/.config/upres/upres.toml  is not there" in done.stdout
    for name in (".zfunc/_upres", ".config/fish/completions/upres.fish"):
        assert "--max-memory" in (home / name).read_text() or "-l max-memory" in (home / name).read_text()
