"""How large `pip install upres` is: the light half and all that it needs, in a new environment.

    python -m benchmarks.install

Needs a package index. The versions are those of constraints.txt.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import argument_parser, machine, run
from benchmarks.marks import Mark, held_against
from upres.evaluation.text_tables import text_table

ROOT = Path(__file__).resolve().parents[1]
SIZE = Mark("the light install", "<", 250, "MB")
_LARGEST = 8


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    argument_parser(__doc__).parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        packages = Path(name) / "packages"
        constraints = ["--constraint", str(ROOT / "constraints.txt")]
        install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", *constraints, "--target"]
        subprocess.run([sys.executable, *install, str(packages), str(ROOT)], check=True)
        sizes = {path.name: size(path) for path in packages.iterdir() if path.is_dir()}
        largest = sorted(sizes.items(), key=lambda item: -item[1])[:_LARGEST]
        print(text_table(("package", "MB"), [(name, f"{taken / 1e6:.1f}") for name, taken in largest]))
        held_against(SIZE, size(packages) / 1e6)


if __name__ == "__main__":
    run(main)
