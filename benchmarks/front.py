"""The front: PSNR against milliseconds, ours and published networks, each in every precision of two runtimes.

python -m benchmarks.front measure --peers PEERS --data DATA --photos PHOTOS [--scale 4]
python -m benchmarks.front time --peers PEERS --photos PHOTOS [--scale 4]
python -m benchmarks.front draw --output docs/front.png

PEERS is a folder of published weights, DATA one with the sets, PHOTOS pictures to calibrate int8 on (not the test
pictures). `measure` converts and quantises the published networks as upres does its own, and measures luma PSNR
(border = scale, MATLAB bicubic) of every network in every way that it runs, picture by picture. Then it times all of
them in one process, in turn, which `time` does again. `draw` prints the tables and draws the curves of all scales in
--results. Ours are held against the best published network that takes at most 1.05 times as long in the same way, on
the same pictures of the last set: the mean difference, and its 95 % bootstrap interval.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import argument_parser, machine, medians, picture, run
from benchmarks.sweep import KINDS, OTHER_AIMS, SETS, SHORT, Contender, Results, front, parameters
from upres.errors import ConfigError, UpresError
from upres.evaluation.evaluate import entrant, evaluate
from upres.evaluation.resampling import interval, resampled_means
from upres.evaluation.test_sets import open_test_set
from upres.evaluation.text_tables import text_table
from upres.image import to_unit
from upres.models.onnx_facts import read_facts
from upres.models.shipped import int8_version, shipped
from upres.predictors import Predictor

# Within which times are called equal.
SLACK = 1.05
_SHOWN_DB = 0.8


@dataclass(frozen=True)
class Way:
    """How a network runs.

    Attributes:
        runtime, precision: of upres.
        title: in tables.
    """

    runtime: str
    precision: str
    title: str

    def open(self, contender: Contender, threads: int) -> Predictor:
        """Open a network so.

        Raises:
            UpresError: it does not run so here.
        """
        path = int8_path(contender) if self.precision == "int8" else contender.path
        if self.runtime == "onnx":
            from upres.predictors.onnx import OnnxPredictor

            return OnnxPredictor(path, threads=threads)
        from upres.predictors.openvino import OpenvinoPredictor

        return OpenvinoPredictor(path, read_facts(path), precision=self.precision, threads=threads)


WAYS = {
    "onnx fp32": Way("onnx", "fp32", "ONNX Runtime, float32"),
    "onnx int8": Way("onnx", "int8", "ONNX Runtime, int8"),
    "openvino fp32": Way("openvino", "fp32", "OpenVINO, float32"),
    "openvino bf16": Way("openvino", "bf16", "OpenVINO, bfloat16"),
    "openvino int8": Way("openvino", "int8", "OpenVINO, int8"),
}


def int8_path(contender: Contender) -> Path:
    return int8_version(contender.path)


def measure(arguments: argparse.Namespace) -> None:
    results = Results(arguments.results)
    networks: dict[str, Any] = {}
    for contender in contenders(arguments):
        known: dict[str, Any] = {"kind": contender.kind, "parameters": parameters(contender.path), "ways": {}}
        networks[contender.name] = known
        for name in arguments.ways:
            try:
                scored = entrant(contender.name, WAYS[name].open(contender, 1))
                row = {key: scores(scored, arguments, key) for key in arguments.sets}
            except UpresError as error:
                print(f"{contender.name}, {name}: passed over ({error})", flush=True)
                continue
            known["ways"][name] = row
            means = " · ".join(f"{np.mean(values):.3f}" for values in row.values())
            print(f"{contender.name}, {name}: {means}", flush=True)
    if not networks:
        raise ConfigError("nothing to measure: no model of this scale")
    found = {"sets": list(arguments.sets), "networks": networks}
    results.values.setdefault("scales", {})[str(arguments.scale)] = found
    results.save()
    time(arguments)


def time(arguments: argparse.Namespace) -> None:
    """Time all that was measured at a scale, in turn."""
    results = Results(arguments.results)
    found = results.values.get("scales", {}).get(str(arguments.scale))
    if found is None:
        raise ConfigError(f"{arguments.results}: holds nothing of ×{arguments.scale}; run measure first")
    lr = np.ascontiguousarray(to_unit(picture(arguments.side, arguments.side)).transpose(2, 0, 1)[None])
    rows, runs = [], []
    for contender in contenders(arguments):
        for name, row in found["networks"].get(contender.name, {"ways": {}})["ways"].items():
            predictor = WAYS[name].open(contender, arguments.threads)
            rows.append(row)
            runs.append(partial(predictor.predict, lr[:, : predictor.facts.channels]))
    print(f"timing {len(runs)} in turn, {arguments.repeats} times", flush=True)
    for each in runs:
        each()
    for row, seconds in zip(rows, medians(runs, arguments.repeats), strict=True):
        row["ms"] = round(1000 * seconds, 1)
    found["timed"] = (
        f"3×{arguments.side}×{arguments.side}, {arguments.threads} threads, median of {arguments.repeats} alternated; "
        f"{machine('onnxruntime', 'openvino')}"
    )
    results.save()


def scores(scored: Any, arguments: argparse.Namespace, name: str) -> list[float]:
    """Return the luma PSNR of each picture of a set."""
    result = evaluate([scored], open_test_set(arguments.data / name, arguments.scale, limit=arguments.limit))
    return [round(value, 4) for value in result.values(scored.name, "psnr")]


def contenders(arguments: argparse.Namespace) -> Iterator[Contender]:
    """Yield the shipped and the published networks as ONNX, each with its int8 version beside it."""
    from upres.export.convert import convert
    from upres.export.quantise import quantise

    for model in shipped():
        if model.scale == arguments.scale and model.path != int8_version(model.path):
            yield Contender(f"upres {model.name}", model.path, "shipped")
    folder: Path = arguments.runs
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(arguments.peers.iterdir()) if arguments.peers else []:
        output = folder / f"{path.stem}.onnx"
        contender = Contender(path.stem, output, "published")
        try:
            if path.suffix not in (".pth", ".safetensors"):
                raise ConfigError("upres converts .pth and .safetensors")
            if not output.is_file():
                convert(path, output)
            if read_facts(output).scale != arguments.scale:
                continue
            if "int8" in " ".join(arguments.ways) and not int8_path(contender).is_file():
                quantise(output, arguments.photos)
        except UpresError as error:
            print(f"{path.name}: {error}", flush=True)
            if not output.is_file() or read_facts(output).scale != arguments.scale:
                continue
        yield contender


def draw(arguments: argparse.Namespace) -> None:
    scales = Results(arguments.results).values.get("scales", {})
    if not scales:
        raise ConfigError(f"{arguments.results}: holds no figures; run measure first")
    for scale, found in sorted(scales.items()):
        sets, networks = found["sets"], found["networks"]
        ways = [way for way in WAYS if any(way in network["ways"] for network in networks.values())]
        print(f"×{scale}, luma PSNR of {' · '.join(sets)}, border = scale; {found['timed']}\n")
        order = sorted(networks, key=lambda name: time_of(networks[name], ways))
        print(
            text_table(
                ("network", "parameters", *(WAYS[way].title for way in ways)),
                [
                    (name, f"{networks[name]['parameters']:,}", *(cell(networks[name], way, sets) for way in ways))
                    for name in order
                ],
            )
        )
        print(f"\nours − the best published network of at most {SLACK} times its milliseconds, {sets[-1]}\n")
        rows = [
            (name, *(against(networks, name, way, sets[-1]) for way in ways))
            for name in order
            if networks[name]["kind"] == "shipped"
        ]
        print(text_table(("network", *(WAYS[way].title for way in ways)), rows) + "\n")
    plot(scales, arguments)
    print(arguments.output)


def time_of(network: dict[str, Any], ways: list[str]) -> float:
    return float(min((network["ways"][way]["ms"] for way in ways if way in network["ways"]), default=0))


def cell(network: dict[str, Any], way: str, sets: list[str]) -> str:
    row = network["ways"].get(way)
    return f"{' · '.join(f'{np.mean(row[key]):.2f}' for key in sets)}, {row['ms']:.1f} ms" if row else "–"


def against(networks: dict[str, Any], name: str, way: str, key: str) -> str:
    """Return how far one of ours is above the best published network of its time, in words."""
    ours = networks[name]["ways"].get(way)
    published = {
        other: network["ways"][way]
        for other, network in networks.items()
        if network["kind"] == "published" and other not in OTHER_AIMS and way in network["ways"]
    }
    if ours is None:
        return "–"
    equal = {other: row for other, row in published.items() if row["ms"] <= SLACK * ours["ms"]}
    if not equal:
        return "none is as fast"
    best = max(equal, key=lambda other: float(np.mean(equal[other][key])))
    pairs = np.subtract(ours[key], equal[best][key])
    low, high = interval(resampled_means(pairs[:, None])[:, 0])
    return f"{SHORT.sub('', best)}: {pairs.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def plot(scales: dict[str, Any], arguments: argparse.Namespace) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    figure = Figure(figsize=(5 * len(arguments.shown), 4.2 * len(scales)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(scales), len(arguments.shown), squeeze=False)
    for row, (scale, found) in zip(panels, sorted(scales.items()), strict=True):
        key, networks = found["sets"][-1], found["networks"]
        for axes, way in zip(row, arguments.shown, strict=True):
            for kind, (label, colour) in KINDS.items():
                points = [
                    (network["ways"][way]["ms"], float(np.mean(network["ways"][way][key])), name)
                    for name, network in networks.items()
                    if network["kind"] == kind and way in network["ways"] and name not in OTHER_AIMS
                ]
                if not points:
                    continue
                axes.scatter([p[0] for p in points], [p[1] for p in points], color=colour, label=label, zorder=3)
                edge = front(points)
                axes.plot([p[0] for p in edge], [p[1] for p in edge], color=colour, alpha=0.5)
                for milliseconds, psnr, name in points:
                    axes.annotate(
                        SHORT.sub("", name), (milliseconds, psnr), (4, -8), textcoords="offset points", fontsize=7
                    )
            values = [np.mean(network["ways"][way][key]) for network in networks.values() if way in network["ways"]]
            # A network that its runtime breaks would press all others into a line.
            axes.set_ylim(max(min(values), max(values) - _SHOWN_DB) - 0.05, max(values) + 0.05)
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.margins(x=0.15)
            axes.set_title(WAYS[way].title, fontsize=10)
            axes.set_xlabel("milliseconds")
            axes.set_ylabel(f"{key} ×{scale}, luma PSNR (dB)")
            axes.grid(alpha=0.3, which="both")
            axes.legend(loc="lower right")
    figure.suptitle("Higher and farther left is better", fontsize=10)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.output, dpi=130)


def main() -> None:
    parser = argument_parser(__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--results", type=Path, default=Path("runs/front/results.json"))
    models = argparse.ArgumentParser(add_help=False)
    models.add_argument("--peers", type=Path, help="a folder of published weights")
    models.add_argument("--photos", type=Path, help="pictures to calibrate int8 of published networks on")
    models.add_argument("--scale", type=int, default=4)
    models.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    models.add_argument("--runs", type=Path, default=Path("runs/front/onnx"), help="where converted networks lie")
    models.add_argument("--threads", type=int, default=2)
    models.add_argument("--side", type=int, default=256)
    models.add_argument("--repeats", type=int, default=15)
    measuring = verbs.add_parser("measure", parents=[common, models])
    measuring.add_argument("--data", type=Path, required=True)
    measuring.add_argument("--sets", nargs="+", default=SETS)
    measuring.add_argument("--limit", type=int, help="pictures a set, evenly spaced")
    measuring.set_defaults(work=measure)
    timing = verbs.add_parser("time", parents=[common, models])
    timing.set_defaults(work=time)
    drawing = verbs.add_parser("draw", parents=[common])
    drawing.add_argument("--output", type=Path, default=Path("docs/front.png"))
    drawing.add_argument(
        "--shown", nargs="+", choices=WAYS, default=["onnx fp32", "openvino bf16", "openvino int8"], help="panels"
    )
    drawing.set_defaults(work=draw)
    arguments = parser.parse_args()
    if arguments.verb != "draw" and arguments.peers and arguments.photos is None and "int8" in str(arguments.ways):
        raise ConfigError(
            "--photos: give pictures to calibrate the int8 of published networks on, or --ways without it"
        )
    arguments.work(arguments)


if __name__ == "__main__":
    run(main)
