"""Which network gives the best picture per millisecond? Ours, trained alike, against published weights, in one picture.

python -m benchmarks.sweep train --photos PHOTOS --steps 4000 [VARIANT …]
python -m benchmarks.sweep measure --peers PEERS --data DATA
python -m benchmarks.sweep draw --output docs/front.png

PHOTOS is the folder that the recipes call data, PEERS a folder of published weights, DATA one with the sets.

`train` gives each variant the same steps of the same batches (or with --minutes, as many steps as it takes in that
time), in a run folder of its own; it goes on where it was stopped. `measure` writes each network as ONNX, measures
luma PSNR (border = scale, MATLAB bicubic) where that is not known yet, and then times all of them in one process, in
turn, on ONNX Runtime and OpenVINO in float32. `draw` prints the table and draws the curve. All three share one
file, --results.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import argument_parser, machine, medians, picture, run
from benchmarks.quality import measured
from upres.errors import ConfigError, UpresError, nearest
from upres.evaluation.text_tables import text_table
from upres.image import to_unit
from upres.models.onnx_facts import read_facts
from upres.models.shipped import int8_version, shipped
from upres.storage.atomic import write_whole

RECIPE = "base-x{scale}"
SHORT = re.compile(r"_Rep|_x\d$|_DIV2K.*|team\d+_")  # what file names hold besides the network's name
# Trained for something else than this figure: to invent texture, or to leave JPEG's blocks behind.
OTHER_AIMS = ("realesr-animevideov3", "upres base-photo")
_TICKS = (20, 30, 50, 100, 200, 500)
RUNTIMES = ("onnxruntime", "openvino")
SETS = ("Set5", "BSD100")
# What a curve may join: only networks that were trained as long as one another, or as long as anyone wished.
KINDS = {
    "sweep": ("upres, trained alike", "#c2410c"),
    "shipped": ("upres, shipped", "#15803d"),
    "published": ("published", "#475569"),
}

# What an AMX processor may like: its tiles hold 16 rows of 32 bf16 numbers, so widths are multiples of 16. Depth
# against width at about equal multiplications first, then larger kernels, then weights that are shared, then folded
# branches, then the attention of others.
VARIANTS: dict[str, dict[str, Any]] = {
    "plain 16×4": {"name": "plainres", "width": 16, "blocks": 4},
    "plain 32×2": {"name": "plainres", "width": 32, "blocks": 2},
    "plain 32×4": {"name": "plainres", "width": 32, "blocks": 4},
    "plain 32×8": {"name": "plainres", "width": 32, "blocks": 8},
    "plain 48×4": {"name": "plainres", "width": 48, "blocks": 4},
    "plain 48×6": {"name": "plainres", "width": 48, "blocks": 6},
    "plain 48×12": {"name": "plainres", "width": 48, "blocks": 12},
    "plain 64×4": {"name": "plainres", "width": 64, "blocks": 4},
    "plain 64×8": {"name": "plainres", "width": 64, "blocks": 8},
    "plain 96×4": {"name": "plainres", "width": 96, "blocks": 4},
    "plain 48×3, twice": {"name": "plainres", "width": 48, "blocks": 3, "repeats": 2},
    "5×5 32×2": {"name": "repres", "width": 32, "blocks": 2, "kernel": 5},
    "5×5 48×3": {"name": "repres", "width": 48, "blocks": 3, "kernel": 5},
    "7×7 32×2": {"name": "repres", "width": 32, "blocks": 2, "kernel": 7},
    "folded 16×5": {"name": "repres", "width": 16, "blocks": 5},
    "folded 32×4": {"name": "repres", "width": 32, "blocks": 4},
    "folded 32×6": {"name": "repres", "width": 32, "blocks": 6},
    "folded 48×6": {"name": "repres", "width": 48, "blocks": 6},
    "folded 64×8": {"name": "repres", "width": 64, "blocks": 8},
    "plainusr 32": {"name": "plainusr", "widths": [32, 24, 16], "attention": 0},
    "plainusr 64, attention": {"name": "plainusr", "widths": [64, 48, 32], "attention": 16},
    "span 32": {"name": "span", "width": 32},
}


@dataclass(frozen=True)
class Contender:
    """A network to be measured: its name, the ONNX file it runs from, and one of `KINDS`."""

    name: str
    path: Path
    kind: str


class Results:
    """One JSON file, written anew after every figure, so that nothing measured is lost."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}

    def of(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.values.setdefault("networks", {}).setdefault(name, {})
        return found

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, json.dumps(self.values, indent=1, ensure_ascii=False))


def train(arguments: argparse.Namespace) -> None:
    from upres.recipes import read_recipe, run_recipe

    for name in arguments.variants or VARIANTS:
        if name not in VARIANTS:
            raise ConfigError(f"{name}: no such variant: {nearest(name, VARIANTS)}")
        steps = arguments.steps
        base = [
            f"name={slug(name)}",
            f"arch={json.dumps(VARIANTS[name])}",
            "init=null",
            f"train.optimizer={json.dumps({'name': arguments.optimizer, 'rate': arguments.rate})}",
            "schedule.warmup=100",
            # Not what the shipped models were finished with: variants are compared at the beginning.
            "losses=[{name: l1}]",
            "data.candidates=4",
        ]
        if arguments.minutes is not None:
            steps = steps_in(arguments, base)
        epochs = max(1, steps // arguments.epoch)
        settings = [*base, f"train.epochs={epochs}", f"train.steps_per_epoch={min(steps, arguments.epoch)}"]
        recipe = read_recipe(RECIPE.format(scale=arguments.scale), settings=settings, data=arguments.photos)
        folder = place(arguments, name)
        if (folder / "trained.json").is_file():
            print(f"{name}: trained already ({folder})")
            continue
        print(f"{name}: {epochs} epochs of {min(steps, arguments.epoch)} steps → {folder}", flush=True)
        run_recipe(recipe, folder, resume=(folder / "last.ckpt").is_file(), log=partial(print, flush=True))
        write_whole(folder / "trained.json", json.dumps({"steps": steps, "arch": VARIANTS[name]}))


def steps_in(arguments: argparse.Namespace, settings: list[str]) -> int:
    """Return how many steps of a variant fit into the minutes: those of a short trial, kept beside its run."""
    import tempfile
    import time

    from upres.recipes import read_recipe, run_recipe

    name = settings[0].removeprefix("name=")
    kept = arguments.runs / f"x{arguments.scale}-{name}-steps.json"
    if kept.is_file():
        return int(json.loads(kept.read_text()))
    trial = [*settings, "train.epochs=2", "train.steps_per_epoch=20"]
    recipe = read_recipe(RECIPE.format(scale=arguments.scale), settings=trial, data=arguments.photos)
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        run_recipe(recipe, Path(folder) / "trial", log=lambda line: ends.append(time.perf_counter()))
    # The last two reports are the ends of the epochs; validation is paid for as often as there will be epochs.
    seconds = (ends[-1] - ends[-2]) / 20
    steps: int = max(arguments.epoch, int(60 * arguments.minutes / seconds) // arguments.epoch * arguments.epoch)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_whole(kept, json.dumps(steps))
    return steps


def measure(arguments: argparse.Namespace) -> None:
    results = Results(arguments.results)
    contenders = list(found(arguments))
    if not contenders:
        raise ConfigError("nothing to measure: train variants first, or give --peers")
    for contender in contenders:
        known = results.of(contender.name)
        digest = hashlib.sha256(contender.path.read_bytes()).hexdigest()[:16]
        if known.get("digest") != digest:
            times = {key: value for key, value in known.items() if arguments.untimed and key.endswith(" ms")}
            known.clear()
            known.update(digest=digest, kind=contender.kind, parameters=parameters(contender.path), **times)
        for name in arguments.sets:
            key = f"{name} {arguments.limit or 'all'}"
            if key not in known:
                result = measured(str(contender.path), arguments.scale, arguments.data, name, arguments.limit)
                known[key] = round(result.mean(str(contender.path), "psnr"), 3)
                print(f"{contender.name}: {name} {known[key]:.2f} dB", flush=True)
                results.save()
    if not arguments.untimed:
        time_all(contenders, results, arguments)
    results.save()


def time_all(contenders: list[Contender], results: Results, arguments: argparse.Namespace) -> None:
    """Time every network on every runtime in turn: ratios hold on a machine that does other work too."""
    from upres.predictors.onnx import OnnxPredictor
    from upres.predictors.openvino import OpenvinoPredictor

    lr = np.ascontiguousarray(to_unit(picture(arguments.side, arguments.side)).transpose(2, 0, 1)[None])
    runs, owners = [], []
    for contender in contenders:
        facts = read_facts(contender.path)
        given = lr if facts.channels == 3 else np.ascontiguousarray(lr[:, :1])
        for runtime in arguments.runtimes:
            predictor = (
                OnnxPredictor(contender.path, threads=arguments.threads)
                if runtime == "onnxruntime"
                else OpenvinoPredictor(contender.path, facts, precision="fp32", threads=arguments.threads)
            )
            predictor.predict(given)
            runs.append(partial(predictor.predict, given))
            owners.append((contender.name, runtime))
    for (name, runtime), seconds in zip(owners, medians(runs, arguments.repeats), strict=True):
        results.of(name)[f"{runtime} ms"] = round(1000 * seconds, 1)
    results.values["timed"] = (
        f"3×{arguments.side}×{arguments.side}, {arguments.threads} threads, float32, median of {arguments.repeats} "
        f"alternated; {machine(*arguments.runtimes)}"
    )
    results.values["scale"] = arguments.scale
    results.values["names"] = [contender.name for contender in contenders]


def found(arguments: argparse.Namespace) -> Iterator[Contender]:
    """Yield every network there is, as ONNX: trained variants, shipped models, published weights."""
    from upres.export.convert import convert
    from upres.export.onnx import export_onnx

    folder = arguments.runs / "onnx"
    folder.mkdir(parents=True, exist_ok=True)
    for name in VARIANTS:
        if (place(arguments, name) / "trained.json").is_file():
            output = folder / f"x{arguments.scale}-{slug(name)}.onnx"
            best = place(arguments, name) / "best.safetensors"
            if not output.is_file() or output.stat().st_mtime < best.stat().st_mtime:
                export_onnx(best, output)
            yield Contender(name, output, "sweep")
    for model in shipped():
        if model.scale == arguments.scale and model.path != int8_version(model.path):
            yield Contender(f"upres {model.name}", model.path, "shipped")
    for path in sorted(arguments.peers.iterdir()) if arguments.peers else []:
        if path.suffix not in (".pth", ".safetensors"):
            print(f"{path.name}: passed over (upres converts .pth and .safetensors)", flush=True)
            continue
        output = folder / f"{path.stem}.onnx"
        try:
            if not output.is_file():
                convert(path, output)
            if read_facts(output).scale == arguments.scale:
                yield Contender(path.stem, output, "published")
        except UpresError as error:
            print(f"{path.name}: passed over ({error})", flush=True)


def draw(arguments: argparse.Namespace) -> None:
    results = Results(arguments.results)
    names = [name for name in results.values.get("names", []) if f"{RUNTIMES[0]} ms" in results.of(name)]
    if not names:
        raise ConfigError(f"{arguments.results}: holds no times; run measure first")
    keys = [f"{name} {arguments.limit or 'all'}" for name in arguments.sets]
    columns = [*keys, *(f"{runtime} ms" for runtime in arguments.runtimes)]
    rows = [
        (
            name,
            f"{results.of(name)['parameters']:,}",
            *(f"{results.of(name)[key]:.2f}" if key in results.of(name) else "–" for key in columns),
        )
        for name in sorted(names, key=lambda name: results.of(name)[f"{RUNTIMES[0]} ms"])
    ]
    print(f"×{results.values['scale']}, luma PSNR, border = scale; {results.values['timed']}\n")
    print(text_table(("network", "parameters", *columns), rows))
    plot(results, names, keys, arguments)
    print(f"\n{arguments.output}")


def plot(results: Results, names: list[str], keys: list[str], arguments: argparse.Namespace) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    names = [name for name in names if name not in OTHER_AIMS]
    shown = [key for key in keys if any(key in results.of(name) for name in names)]
    figure = Figure(figsize=(6 * len(arguments.runtimes), 4.5 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(shown), len(arguments.runtimes), squeeze=False)
    for row, key in zip(panels, shown, strict=True):
        for axes, runtime in zip(row, arguments.runtimes, strict=True):
            for kind, (label, colour) in KINDS.items():
                group = [name for name in names if results.of(name)["kind"] == kind and key in results.of(name)]
                points = [(results.of(name)[f"{runtime} ms"], results.of(name)[key], name) for name in group]
                axes.scatter([p[0] for p in points], [p[1] for p in points], color=colour, label=label, zorder=3)
                edge = front(points)
                axes.plot([p[0] for p in edge], [p[1] for p in edge], color=colour, alpha=0.5)
                for milliseconds, psnr, name in points:
                    text = SHORT.sub("", name)
                    axes.annotate(text, (milliseconds, psnr), (4, -8), textcoords="offset points", fontsize=7)
            axes.set_xscale("log")
            axes.set_xlim(15, 900)
            axes.set_xticks(_TICKS, [str(tick) for tick in _TICKS])
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel(f"milliseconds, {runtime}")
            axes.set_ylabel(f"{key.partition(' ')[0]} ×{results.values['scale']}, luma PSNR (dB)")
            axes.grid(alpha=0.3, which="both")
            axes.legend(loc="lower right")
    figure.suptitle("Higher and farther left is better", fontsize=10)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.output, dpi=130)


def front(points: list[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Return the points that none beats in both time and PSNR, from the fastest."""
    best: list[tuple[float, float, str]] = []
    for point in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or point[1] > best[-1][1]:
            best.append(point)
    return best


def parameters(path: Path) -> int:
    """Return how many weights an ONNX file holds: those that run, without branches that training had."""
    import onnx

    tensors = onnx.load(str(path)).graph.initializer
    return int(sum(np.prod(tensor.dims) for tensor in tensors if tensor.data_type == onnx.TensorProto.FLOAT))


def place(arguments: argparse.Namespace, name: str) -> Path:
    folder: Path = arguments.runs / f"x{arguments.scale}-{slug(name)}"
    return folder


def slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.replace("×", "x")).strip("-")


def main() -> None:
    parser = argument_parser(__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--scale", type=int, default=4)
    common.add_argument("--runs", type=Path, default=Path("runs/sweep"))
    common.add_argument("--results", type=Path, default=Path("runs/sweep/results.json"))
    common.add_argument("--sets", nargs="+", default=SETS)
    common.add_argument("--limit", type=int, help="pictures a set, evenly spaced")
    common.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=RUNTIMES)
    training = verbs.add_parser("train", parents=[common])
    training.add_argument("variants", nargs="*", help=f"all by default: {', '.join(VARIANTS)}")
    training.add_argument("--photos", type=Path, required=True, help="the folder that the recipes call data")
    training.add_argument("--steps", type=int, default=4000, help="of each variant")
    training.add_argument("--minutes", type=float, help="instead of steps: each variant's steps fill this time")
    training.add_argument("--epoch", type=int, default=1000, help="steps between two validations")
    training.add_argument("--optimizer", choices=("adam", "soap"), default="adam")
    training.add_argument("--rate", type=float, default=8e-4)
    training.set_defaults(work=train)
    measuring = verbs.add_parser("measure", parents=[common])
    measuring.add_argument("--peers", type=Path, help="a folder of published weights")
    measuring.add_argument("--data", type=Path, required=True)
    measuring.add_argument("--threads", type=int, default=2)
    measuring.add_argument("--side", type=int, default=256)
    measuring.add_argument("--repeats", type=int, default=15)
    measuring.add_argument(
        "--untimed", action="store_true", help="only new weights in the same networks: keep their milliseconds"
    )
    measuring.set_defaults(work=measure)
    drawing = verbs.add_parser("draw", parents=[common])
    drawing.add_argument("--output", type=Path, default=Path("docs/front.png"))
    drawing.set_defaults(work=draw)
    arguments = parser.parse_args()
    arguments.work(arguments)


if __name__ == "__main__":
    run(main)
