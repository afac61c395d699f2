"""What a million photographs cost: processor time of a picture, in hours of cores and in money.

python -m benchmarks.cost [--models base fast] [--scales 4 2] [--megapixels 3] [--pictures 3] [--prices 0.68 0.34]

The command enlarges a folder of JPEGs with one thread, and a folder of one of them; the difference, in processor time
of the process (user and system), is what the others took without its start. Prices are of an hour of 16 virtual
processors; a core that is busy is counted as one of them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import argument_parser, machine, run
from benchmarks.scale import make
from upres.models.shipped import shipped

PICTURES, MEGAPIXELS, PROCESSORS = 1_000_000, 12, 16


def seconds(folder: Path, out: Path, model: str, scale: int) -> float:
    """Return the processor time of the command."""
    words = [
        str(folder),
        "-o",
        str(out),
        "--model",
        model,
        "--scale",
        str(scale),
        "--threads",
        "1",
        "--overwrite",
        "-q",
    ]
    process = subprocess.Popen([sys.executable, "-m", "upres", *words])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--models", nargs="+", default=["base", "fast"])
    parser.add_argument("--scales", nargs="+", type=int, default=[4, 2])
    parser.add_argument("--megapixels", type=float, default=3.0, help="of each picture that is enlarged here")
    parser.add_argument("--pictures", type=int, default=3, help="that are enlarged beside the first")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is taken")
    parser.add_argument("--prices", nargs="+", type=float, default=[], help="dollars of an hour of 16 processors")
    given = parser.parse_args()
    os.environ["UPRES_NO_CONFIG"] = "1"
    print(machine(), flush=True)
    parameters = {(model.name, model.scale): model.facts.parameters for model in shipped()}
    money = "".join(f" at ${price:g} |" for price in given.prices)
    print("| model | parameters | core-seconds a megapixel of input | a picture | core-hours a million |" + money)
    print("|---|---|---|---|---|" + "---|" * len(given.prices))
    with tempfile.TemporaryDirectory() as root:
        several, one = Path(root, "several"), Path(root, "one")
        height = round((given.megapixels * 1e6 * 3 / 4) ** 0.5)
        make(several, 1 + given.pictures, height, height * 4 // 3)
        make(one, 1, height, height * 4 // 3)
        megapixels = given.pictures * height * (height * 4 // 3) / 1e6
        for model in given.models:
            for scale in given.scales:
                found = []
                for _ in range(given.rounds):
                    more, less = (seconds(folder, Path(root, "out"), model, scale) for folder in (several, one))
                    found.append((more - less) / megapixels)
                each = statistics.median(found)
                hours = each * MEGAPIXELS * PICTURES / 3600
                prices = "".join(f" ${hours / PROCESSORS * price:,.0f} |" for price in given.prices)
                print(
                    f"| `{model}` ×{scale} | {parameters[model, scale]:,} | {each:.2f} "
                    f"| {each * MEGAPIXELS:.0f} | {hours:,.0f} |{prices}",
                    flush=True,
                )


if __name__ == "__main__":
    run(main)
