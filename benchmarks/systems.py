"""The published systems, reproduced and improved: one table from the run folders of their recipes.

python -m benchmarks.systems --runs runs [--features vgg19_conv1-3.npz] [--keep docs/runs]

Every recipe of a system is measured on the pictures its first recipe held out, under that one's protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import argument_parser, machine, run
from upres.evaluation.evaluate import entrant, evaluate, metrics_with
from upres.evaluation.results import write_evaluation
from upres.evaluation.statistics import Evaluation
from upres.evaluation.test_sets import cache_test_set
from upres.evaluation.text_tables import markdown_table
from upres.metrics import Metric
from upres.predictors.probing import open_probed_cached
from upres.recipes import open_validation, read_recipe


@dataclass(frozen=True)
class System:
    """A published system: what it reported, and the recipes, the faithful one first."""

    name: str
    published: str
    recipes: tuple[str, ...]


SYSTEMS = (
    System("faces, U-Net ×4", "none given", ("faces-unet-x4", "faces-x4")),
    System("patches ×4", "about 23 dB", ("patches-baseline-x4", "patches-enhanced-x4", "patches-x4")),
    System("DIV2K, 3 convolutions ×4", "left blank", ("div2k-cnn-x4", "div2k-x4")),
    System("portraits, gray, SRCNN ×4", "none given", ("portraits-srcnn", "portraits-x4")),
    System(
        "SRResNet, SRGAN, ESRGAN ×4",
        "(their papers: DIV2K)",
        ("srresnet-x4", "srgan-x4", "rrdb-x4", "esrgan-x4", "gan-x4"),
    ),
)


def measured(system: System, runs: Path, metrics: Mapping[str, Metric]) -> Evaluation | None:
    """Measure bicubic and every recipe that has been run; nothing when none has."""
    found = [name for name in system.recipes if (runs / name / "best.safetensors").is_file()]
    if not found:
        return None
    recipe = read_recipe(str(runs / found[0] / "recipe.yaml"))
    scale = recipe.head.scale
    cache = open_validation(recipe, print)
    models = {"bicubic": "bicubic", **{name: str(runs / name / "best.safetensors") for name in found}}
    entrants = [entrant(label, open_probed_cached(model, scale)) for label, model in models.items()]
    made = f"lr by {recipe.degradation.name}"
    test_set = cache_test_set(f"{found[0]}, validation", made, cache, recipe.protocol)
    return evaluate(entrants, test_set, metrics=metrics)


def rows_of(system: System, result: Evaluation) -> list[tuple[str, ...]]:
    rows = []
    for number, (model, parameters) in enumerate(result.parameters.items()):
        rows.append(
            (
                system.name if number == 0 else "",
                model,
                *(f"{result.mean(model, metric):.{3 if metric == 'psnr' else 4}f}" for metric in columns(result)),
                f"{parameters:,}",
                system.published if number == 1 else "",
            )
        )
    return rows


def columns(result: Evaluation) -> list[str]:
    return [name for name, metric in result.metrics.items() if metric.listed]


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of run folders, named as their recipes")
    parser.add_argument("--only", nargs="*", default=[], metavar="RECIPE", help="systems, by their first recipe")
    parser.add_argument("--features", help="vgg19, or a file of it: adds the distance of features")
    parser.add_argument("--keep", type=Path, help="folder for each system's scores of every picture")
    arguments = parser.parse_args()
    metrics = metrics_with(arguments.features)
    print(machine("torch"))
    for system in SYSTEMS:
        if arguments.only and system.recipes[0] not in arguments.only:
            continue
        result = measured(system, arguments.runs, metrics)
        if result is None:
            print(f"\n{system.name}: not run: upres train {system.recipes[0]}")
            continue
        header = (
            "system",
            "model",
            *(result.metrics[name].heading for name in columns(result)),
            "parameters",
            "published",
        )
        print(f"\n{result.describe()}\n\n{markdown_table(header, rows_of(system, result))}")
        if arguments.keep is not None:
            write_evaluation(result, arguments.keep / result.models[1])


if __name__ == "__main__":
    run(main)
