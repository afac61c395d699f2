"""What a million photographs cost: processor time of a picture, in hours of cores and in money; and what it waits for.

python -m benchmarks.cost [--models base fast] [--scales 4 2] [--prices "Amazon, on demand=0.68" 0.34] [--quick]

The command enlarges a folder of JPEGs with one thread, and one of a tiny picture; the difference, in processor time
of the process (user and system), is what the pictures took without its start. Prices are of an hour of 16 virtual
processors; a core that is busy is counted as one of them. Of the last model and its first scale the stages are told
apart, and pictures of one megapixel go from bucket to bucket through a line that lets only so many bytes pass.
Tables are printed in the form of docs/scale.md. Six minutes on two quiet cores.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import argument_parser, machine, run
from benchmarks.scale import make, rate_of, serve
from benchmarks.store import environment
from upres.image import read, read_header, write
from upres.models.shipped import shipped

PICTURES, MEGAPIXELS, PROCESSORS = 1_000_000, 12, 16
RATES = (0.0, 32.0, 8.0, 2.0)
"""Megabytes a second of a core that are tried; 0 is a line without a limit. 16 cores at 78 fill 10 gigabits."""


def seconds(
    source: str | Path, out: str | Path, model: str, scale: int, variables: dict[str, str] | None = None
) -> float:
    """Return the processor time of the command."""
    words = [source, "-o", out, "--model", model, "--scale", scale, "--threads", 1, "--overwrite", "-q"]
    process = subprocess.Popen(
        [sys.executable, "-m", "upres", *map(str, words)], env={**os.environ, **(variables or {})}
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


def price(text: str) -> tuple[str, float]:
    """Return what a column is called, and dollars an hour: `Amazon, spot=0.34`, or `0.34` alone."""
    name, _, dollars = text.rpartition("=")
    return name or f"at ${float(dollars):g}", float(dollars)


def costs(
    root: Path, models: list[str], scales: list[int], prices: list[tuple[str, float]], count: int, rounds: int
) -> float:
    """Print what a million cost; return the core-seconds a megapixel of the last model at its first scale."""
    parameters = {(model.name, model.scale): model.facts.parameters for model in shipped()}
    money = "".join(f" {name} |" for name, _ in prices)
    print("| model | parameters | core-seconds a megapixel of input | a picture | core-hours a million |" + money)
    print("|---|---|---|---|---|" + "---|" * len(prices), flush=True)
    megapixels = sum(pixels(path) for path in (root / "large").iterdir())
    last = 0.0
    for model in models:
        for scale in scales:
            found = []
            for _ in range(rounds):
                much, little = (seconds(root / name, root / f"{name}-out", model, scale) for name in ("large", "tiny"))
                found.append((much - little) / megapixels)
            each = statistics.median(found)
            last = each if scale == scales[0] else last
            hours = each * MEGAPIXELS * PICTURES / 3600
            columns = "".join(f" ${hours / PROCESSORS * dollars:,.0f} |" for _, dollars in prices)
            print(
                f"| `{model}` ×{scale} | {parameters[model, scale]:,} | {each:.2f} "
                f"| {each * MEGAPIXELS:.0f} | {hours:,.0f} |{columns}",
                flush=True,
            )
    return last


def pixels(path: Path) -> float:
    """Return the megapixels of a picture."""
    header = read_header(path)
    return header.height * header.width / 1e6


def stages(root: Path, model: str, scale: int, each: float) -> None:
    """Print what decoding and encoding are of the time, apart from the rest."""
    source = next((root / "large").iterdir())
    seconds(source, root / "one.jpg", model, scale)
    megapixels = pixels(source)
    began = time.process_time()
    read(source)
    decoding = (time.process_time() - began) / megapixels
    large = read(root / "one.jpg", max_pixels=10**9)
    began = time.process_time()
    write(large, root / "again.jpg")
    encoding = (time.process_time() - began) / megapixels
    print("| stage | core-seconds a megapixel of input | share |")
    print("|---|---|---|")
    rest = each - decoding - encoding
    for name, part in (("decode", decoding), ("predict, and all else", rest), ("encode", encoding)):
        print(f"| {name} | {part:.3f} | {100 * part / each:.0f} % |")
    sizes = [(root / name).stat().st_size / 1e6 / megapixels for name in (source, "one.jpg")]
    print(
        f"\n{sizes[0]:.2f} MB a megapixel come, {sizes[1]:.2f} go: {sum(sizes) / each:.2f} MB a core-second; "
        "a network that has less for each core is the bottleneck, else the largest stage is."
    )


def network(root: Path, model: str, scale: int, count: int) -> None:
    """Print the throughput from bucket to bucket through lines of some widths, beside that of a folder."""
    make(root / "store/in", count, 864, 1152)
    seconds(root / "store/in", root / "folder", model, scale)
    folder = rate_of(root / "folder", count)
    print(f"| network of a core | pictures a second ({model} ×{scale}, 1 megapixel) | of the folder's |")
    print("|---|---|---|")
    print(f"| none: a folder | {folder:.2f} | 100 % |", flush=True)
    for number, rate in enumerate(RATES):
        port, server = serve(root, "--delay", "0.02", "--rate", str(rate))
        try:
            seconds("s3://store/in", f"s3://store/out{number}", model, scale, environment(port))
        finally:
            server.kill()
            server.wait()
        stored = rate_of(root / f"store/out{number}", count)
        print(
            f"| {f'{rate:g} MB/s' if rate else 'no limit'} | {stored:.2f} | {100 * stored / folder:.0f} % |", flush=True
        )


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--models", nargs="+", default=["base", "fast"])
    parser.add_argument("--scales", nargs="+", type=int, default=[4, 2])
    parser.add_argument("--megapixels", type=float, default=MEGAPIXELS, help="of each picture that is enlarged here")
    parser.add_argument("--pictures", type=int, default=1, help="that are enlarged at a time")
    parser.add_argument("--rounds", type=int, default=2, help="of which the median is taken")
    parser.add_argument(
        "--prices", nargs="+", type=price, default=[], help="dollars of an hour of 16 processors, as NAME=DOLLARS"
    )
    parser.add_argument("--quick", action="store_true", help="pictures of a third of a megapixel; numbers are rough")
    given = parser.parse_args()
    os.environ["UPRES_NO_CONFIG"] = "1"
    print(machine("obstore"), flush=True)
    side = round(((0.3 if given.quick else given.megapixels) * 1e6 / 12) ** 0.5)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root / "large", given.pictures, 3 * side, 4 * side)
        make(root / "tiny", 1, 48, 64)
        print(f"\n{given.pictures} of {12 * side * side / 1e6:.1f} megapixels, medians of {given.rounds}\n")
        each = costs(root, given.models, given.scales, given.prices, given.pictures, given.rounds)
        print()
        stages(root, given.models[-1], given.scales[0], each)
        print()
        network(root, given.models[-1], given.scales[0], 10 if given.quick else 16)


if __name__ == "__main__":
    run(main)
