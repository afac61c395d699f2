"""`upres evaluate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from upres.evaluation.test_sets import TestSet


class Space(StrEnum):
    """Where pictures are compared."""

    luma = "luma"
    rgb = "rgb"
    gray = "gray"


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
        str | None,
        typer.Option(
            help="Folder of pictures; folder with HR and LRx<scale>; where CIFAR-10 lies; or --recipe's data folder.",
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
    antialias: Annotated[bool, typer.Option(help="Antialias when making low resolution.")] = True,
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
    from upres.evaluation.results import evaluation_table, write_evaluation
    from upres.evaluation.test_sets import open_test_set
    from upres.evaluation.triplets import Triplets

    if any(number is not None and number < 1 for number in (scale, limit)) or (border is not None and border < 0):
        raise ConfigError("--scale and --limit should be at least 1, --border at least 0")
    if recipe is not None:
        test_set = _of_recipe(recipe, data, scale, limit)
    elif data is not None:
        test_set = open_test_set(data, scale or 4, antialias=antialias, limit=limit)
    else:
        raise ConfigError("nothing to measure on; give pictures with --data, or a recipe with --recipe")
    default = test_set.protocol
    protocol = dataclasses.replace(
        default,
        space=default.space if space is None else space.value,
        border=default.border if border is None else border,
    )
    triplets = Triplets()
    evaluation = run(
        open_entrants(models, test_set.scale),
        test_set,
        protocol=protocol,
        metrics=metrics_with(features, metric or ()),
        on_picture=triplets.take,
        progress=counter(every=20),
    )
    say(*evaluation_table(evaluation).split("\n"))
    written = write_evaluation(evaluation, output)
    try:
        written.append(triplets.write(evaluation, output / "triplets.png"))
    except MissingExtraError as error:
        say(str(error), error=True)
    say("", *map(str, written))


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
