"""Run the notebooks of docs/notebooks from top to bottom, each in an empty folder, and keep what they showed.

python -m tools.notebooks            # writes build/notebooks/NAME.ipynb; `python -m tools.site` then shows the results
python -m tools.notebooks train      # one of them

They are text: `jupytext --to ipynb docs/notebooks/train.nb.py` makes what Jupyter opens.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import argument_parser

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "docs" / "notebooks"
RUN = ROOT / "build" / "notebooks"

# Others end in .py and are no notebooks: the site tells them by this.
SUFFIX = ".nb.py"
_MOST_SECONDS_A_CELL = 300


def run(path: Path) -> float:
    """Run a notebook in a folder of its own, write it with its results, and return the seconds that it took.

    Raises:
        CellExecutionError: a cell failed.
    """
    # What only this needs comes with the site's packages.
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.read(path)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=_MOST_SECONDS_A_CELL,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        )
        client.execute()
    seconds = time.perf_counter() - began
    RUN.mkdir(parents=True, exist_ok=True)
    jupytext.write(notebook, RUN / f"{path.name.removesuffix(SUFFIX)}.ipynb")
    return seconds


def main() -> None:
    """Run those that are named, or all."""
    parser = argument_parser(__doc__)
    parser.add_argument("names", nargs="*", help="of notebooks, such as train")
    given = parser.parse_args()
    from nbclient.exceptions import CellExecutionError

    # What a cell calls is the command of this environment, and it asks nobody's defaults.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ["UPRES_NO_CONFIG"] = "1"
    total = 0.0
    for name in given.names or sorted(path.name.removesuffix(SUFFIX) for path in NOTEBOOKS.glob(f"*{SUFFIX}")):
        try:
            seconds = run(NOTEBOOKS / f"{name}{SUFFIX}")
        except CellExecutionError as error:
            print(f"{name}: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        total += seconds
        print(f"{name}: {seconds:.0f} s", flush=True)
    print(f"together {total:.0f} s")


if __name__ == "__main__":
    main()
