"""`upres evaluate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from upres.evaluation.test_sets import TestSet


class Style(StrEnum):
    """How the table is laid out."""

    text = "text"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"


class Space(StrEnum):
    """Where pictures are compared."""

    luma = "luma"
    rgb = "rgb"
    gray = "gray"


class Kernel(StrEnum):
    """Whose bicubic makes low resolution."""

    matlab = "matlab"
    pillow = "pillow"
    opencv = "opencv"
    tensorflow = "tensorflow"


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Names of shipped models, .onnx or .safetensors files, or bicubic; base?detail=0.5&denoise=0 for a "
            "place between a model's corners, which is 0 unless said.",
            show_default=False,
        ),
    ],
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder of pictures; folder with HR and LRx<scale>; where CIFAR-10 lies; or --recipe's data folder. "
            "May be given several times: each is a block of the table.",
            show_default=False,
        ),
    ] = None,
    scale: Annotated[
        int | None, typer.Option(help="Output side ÷ input side; 4, or the recipe's.", show_default=False)
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="Measure on this recipe's validation pictures, under its protocol.", show_default=False),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")] = Path("evaluation"),
    space: Annotated[
        Space | None, typer.Option(help="Compare luma, rgb or gray; luma, for CIFAR-10 rgb.", show_default=False)
    ] = None,
    border: Annotated[
        int | None, typer.Option(help="Pixels left out at the edges; the scale, for CIFAR-10 0.", show_default=False)
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="Also the distance of VGG19's features: vgg19, or a file of it.",
            show_default=False,
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Also niqe-upres, lpips?backbone=alexnet, dists?backbone=vgg16, …; may be given several times.",
            show_default=False,
        ),
    ] = None,
    style: Annotated[
        Style, typer.Option("--format", help="Lay the table out as text, markdown, latex or csv.")
    ] = Style.text,
    kernel: Annotated[
        Kernel, typer.Option(help="Whose bicubic makes low resolution: matlab, pillow, opencv or tensorflow.")
    ] = Kernel.matlab,
    antialias: Annotated[
        bool | None,
        typer.Option(
            "--antialias/--no-antialias",
            help="Antialias when making low resolution; unless said as the kernel's library does.",
            show_default=False,
        ),
    ] = None,
    triplets: Annotated[
        int | None,
        typer.Option(
            help="Draw so many pictures (low resolution, models, original), each into a file of its own, too; unless "
            "said 4, on the sheet alone.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Use only this many pictures, evenly spaced.", show_default=False)
    ] = None,
) -> None:
    """Measure models on pictures: one table, a CSV of every picture, a JSON, triplets to look at."""
    import dataclasses

    from upres.cli.terminal import counter, say
    from upres.errors import ConfigError, MissingExtraError
    from upres.evaluation.evaluate import evaluate as run
    from upres.evaluation.evaluate import metrics_with, open_entrants
    from upres.evaluation.faults import Faults
    from upres.evaluation.results import evaluation_tables, write_evaluation
    from upres.evaluation.test_sets import folders_of, open_test_sets
    from upres.evaluation.triplets import MOST_SHOWN, Triplets

    if any(number is not None and number < 1 for number in (scale, limit)) or (border is not None and border < 0):
        raise ConfigError("--scale and --limit should be at least 1, --border at least 0")
    if triplets is not None and not 1 <= triplets <= MOST_SHOWN:
        raise ConfigError(f"--triplets {triplets}: should be from 1 to {MOST_SHOWN}")
    several = data or []
    if recipe is not None:
        if len(several) > 1:
            raise ConfigError(f"--recipe has pictures of its own, in one --data folder; {len(several)} were given")
        test_sets = [_of_recipe(recipe, several[0] if several else None, scale, limit)]
        entrants = open_entrants(models, test_sets[0].scale)
        metrics = metrics_with(features, metric or ())
    elif several:
        faults = Faults()
        reduction: dict[str, Any] = {"kernel": kernel.value, "antialias": antialias}
        test_sets = faults.of(lambda: open_test_sets(several, scale or 4, **reduction, limit=limit)) or []
        entrants = faults.of(lambda: open_entrants(models, scale or 4)) or []
        metrics = faults.of(lambda: metrics_with(features, metric or ())) or {}
        faults.raised()
    else:
        raise ConfigError("nothing to measure on; give pictures with --data, or a recipe with --recipe")
    evaluations, drawn, written = [], [], []
    for test_set in test_sets:
        default = test_set.protocol
        protocol = dataclasses.replace(
            default,
            space=default.space if space is None else space.value,
            border=default.border if border is None else border,
        )
        shown = Triplets()
        evaluations.append(
            run(
                entrants,
                test_set,
                protocol=protocol,
                metrics=metrics,
                on_picture=shown.take,
                progress=counter(every=20),
            )
        )
        drawn.append(shown)
    table = evaluation_tables(evaluations, style.value)
    say(*table.split("\n"))
    for evaluation, shown, folder in zip(evaluations, drawn, folders_of(output, test_sets), strict=True):
        written += write_evaluation(evaluation, folder)
        try:
            sheet = folder / "triplets.png"
            written += shown.write(evaluation, sheet, count=triplets or 4, each=triplets is not None)
        except MissingExtraError as error:
            say(str(error), error=True)
    say("", *map(str, written), error=style is not Style.text)


def _of_recipe(name: str, data: str | None, scale: int | None, limit: int | None) -> TestSet:
    """Return a recipe's validation pictures as it made them, measured under its protocol."""
    from upres.cli.terminal import say
    from upres.errors import ConfigError, extra
    from upres.evaluation.test_sets import cache_test_set

    with extra("train", "upres evaluate --recipe"):
        from upres.recipes import read_recipe
        from upres.recipes.run import open_validation

    recipe = read_recipe(name, data=None if data is None else Path(data))
    if scale not in (None, recipe.head.scale):
        raise ConfigError(f"--scale {scale}: {name} is a recipe for ×{recipe.head.scale}; leave --scale out")
    cache = open_validation(recipe, lambda line: say(line, error=True))
    settings = ", ".join(f"{key} {value}" for key, value in recipe.degradation.dump().items() if key != "name")
    made = f"lr as the recipe makes it: {recipe.degradation.name}{f' ({settings})' if settings else ''}"
    return cache_test_set(f"{recipe.name}, validation", made, cache, recipe.protocol, limit=limit)
