"""Write the SHA-256 digests of the models inside the package, against which each is checked when it is loaded.

    python -m tools.digests

Run after a model's file was added, changed or removed; `tools.ship` runs it by itself.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from benchmarks.common import argument_parser
from upres.models.shipped import DIGESTS, PACKAGE


def digests(folder: Path) -> str:
    """Return a line for each model in a folder, as `sha256sum *.onnx` prints them."""
    files = sorted(folder.glob("*.onnx"))
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def write_digests() -> None:
    (PACKAGE / DIGESTS).write_text(digests(PACKAGE), encoding="utf-8")


def main() -> None:
    argument_parser(__doc__).parse_args()
    write_digests()
    print(PACKAGE / DIGESTS)


if __name__ == "__main__":
    main()
