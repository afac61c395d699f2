"""`upres train`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Device(StrEnum):
    """Where a run computes; a test compares them with what training knows, which needs PyTorch."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"
    cuda = "cuda"
    mps = "mps"


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            help="A recipe file, or the name of one that comes with upres; with --resume also a run folder.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder that the recipe's data paths are relative to.", show_default=False),
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Run folder; by default runs/NAME.", show_default=False)] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the recipe; may be repeated."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run folder's last.ckpt, by its own recipe.")
    ] = False,
    hours: Annotated[
        float | None,
        typer.Option(
            help="End after so many hours, at a step to resume from; the recipe's train.hours.", show_default=False
        ),
    ] = None,
    devices: Annotated[
        int | None,
        typer.Option(help="Processes on this machine, each with a device of its own; 1.", show_default=False),
    ] = None,
    device: Annotated[
        Device, typer.Option(help="Where it is computed; auto takes the GPU that there is.")
    ] = Device.auto,
    nodes: Annotated[int | None, typer.Option(help="Machines that train together; 1.", show_default=False)] = None,
) -> None:
    """Train a network by a recipe, into a run folder with its weights, curves, samples and report."""
    import sys

    from upres.cli.recipes import list_recipes
    from upres.cli.terminal import say
    from upres.errors import ConfigError, UpresError, extra

    with extra("train", "upres train"):
        from upres.recipes import read_recipe, recipe_of_run, run_recipe
        from upres.train import Reached, first_process, processes, share_run, torchrun_advice

    _keep_memory()
    first = first_process()
    here, machines = processes(devices, nodes)
    folder, changes = run, [*(settings or []), *([] if hours is None else [f"train.hours={hours}"])]
    if recipe is not None and Path(recipe).is_dir():
        if not resume:
            raise ConfigError("is a folder; give a recipe, or resume the run in it", where=recipe, settings=("resume",))
        if run is not None:
            raise ConfigError(f"{recipe} and {run} are two run folders; give one", settings=("run",))
        folder = Path(recipe)
        recipe = None
    if recipe is not None:
        resolved = read_recipe(recipe, settings=changes, data=data)
        folder = folder or Path("runs") / resolved.name
        if share_run(folder, resume=resume, device=device.value) and not resume:
            # Another machine goes on, so this one does, by the recipe of the run.
            resolved, resume = recipe_of_run(folder, settings=changes, data=data), True
    elif resume and folder is not None:
        share_run(folder, resume=True, device=device.value)
        resolved = recipe_of_run(folder, settings=changes, data=data)
    elif resume:
        raise ConfigError("give the run folder to resume, or its recipe", settings=("run",))
    else:
        list_recipes(error=True)
        raise ConfigError("give one of these, a recipe file, or a run folder to resume", settings=("run", "resume"))

    def log(line: str) -> None:
        if first:
            say(line, error=True)

    def rests(reached: Reached) -> None:
        say(f"the run rests after step {reached.steps:,}; upres train {folder} --resume goes on", error=True)

    if (advice := torchrun_advice()) is not None:
        log(advice)
    try:
        best = run_recipe(
            resolved,
            folder,
            devices=here,
            nodes=machines,
            device=device.value,
            resume=resume,
            bar=first and sys.stderr.isatty(),
            log=log,
            rests=rests,
        )
    except UpresError as error:
        if first:
            raise
        # The first process tells it, and Lightning would kill that one at once if this one ended badly.
        raise typer.Exit from error
    if first:
        say(str(best))


def _keep_memory() -> None:
    """Tell glibc to keep freed memory: a step frees and takes the same large blocks again.

    Returning them to the kernel and faulting them in again took a quarter of a training step's time.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return
    mallopt(-4, 0)  # M_MMAP_MAX: no block is mapped on its own
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
    mallopt(-2, 256 * 2**20)  # M_TOP_PAD
