"""Compose a recipe's parts into a training run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from upres.archs import DISCRIMINATORS, Network
from upres.archs.folding import folded
from upres.config.parts import Part, build
from upres.data import Cache, Patches, open_splits
from upres.degrade import DEGRADATIONS, PerStep
from upres.errors import ConfigError
from upres.losses import LOSSES
from upres.models import checkpoint
from upres.models.activations import activation_bytes
from upres.models.facts import Facts
from upres.recipes.recipe import Recipe
from upres.train import SCHEDULES, Game, check_together, first_process, fit, set_seed


def run_recipe(
    recipe: Recipe,
    folder: Path,
    *,
    devices: int = 1,
    nodes: int = 1,
    resume: bool = False,
    bar: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train by a recipe into a run folder and return the path of the best weights.

    Args:
        recipe: what to do.
        folder: the run folder; it must not hold another run's `last.ckpt` unless `resume`.
        devices: processes on this machine, each with a device of its own; they share every batch.
        nodes: machines.
        resume: go on from that folder's `last.ckpt`.
        bar: draw a progress bar on the terminal.
        report: called with one line for every thing worth telling.

    Raises:
        ConfigError: the folder holds a run already.
        DataError: the data is missing or unfit.
    """
    first = first_process()
    if first and not resume and (folder / "last.ckpt").exists():
        raise ConfigError(f"{folder}: holds a run already; go on with --resume, or give another folder with --run")
    training, validation = open_data(recipe, report)
    degradation = build(DEGRADATIONS, recipe.degradation)
    patches = Patches(
        training,
        patch=recipe.data.patch,
        batch=recipe.train.batch,
        seed=recipe.head.seed,
        steps=recipe.train.steps_per_epoch,
        augment=recipe.data.augment,
        candidates=recipe.data.candidates,
        degradation=degradation if isinstance(degradation, PerStep) else None,
    )
    set_seed(recipe.head.seed)
    facts, network = new_network(recipe)
    report(
        f"{recipe.name}: {recipe.arch.name}, {facts.parameters:,} parameters; "
        f"{len(training):,} training and {len(validation):,} validation pictures; "
        f"{patches.steps:,} steps an epoch"
    )
    if recipe.head.init is not None and not resume:
        taken, total = take_over(network, Path(recipe.head.init))
        report(f"{taken} of {total} tensors start from {recipe.head.init}")
    game = new_game(recipe, facts.channels)
    losses = {part.name: (weight, build(LOSSES, part)) for weight, part in recipe.losses}
    check_together(recipe.train, patches, losses, game, devices * nodes)
    if first:
        folder.mkdir(parents=True, exist_ok=True)
        recipe.save(folder / "recipe.yaml")
    return fit(
        network,
        facts,
        losses,
        patches,
        validation,
        recipe.train,
        build(SCHEDULES, recipe.schedule),
        recipe.protocol,
        folder,
        game=game,
        devices=devices,
        nodes=nodes,
        resume=resume,
        bar=bar,
        report=report,
    )


def new_network(recipe: Recipe) -> tuple[Facts, Network]:
    """Build the recipe's untrained network and its facts."""
    head = recipe.head
    blank = Facts(name=head.name, scale=head.scale, colour=head.colour)
    network = checkpoint.network_of(recipe.arch, blank)
    facts = Facts(
        name=head.name,
        scale=head.scale,
        colour=head.colour,
        radius=network.radius,
        multiple=network.multiple,
        memory=activation_bytes(network),
        parameters=network.parameter_count,
        arch=recipe.arch.dump(),
        degradation=recipe.degradation.dump(),
        trained_on=head.trained_on,
        licence=head.licence,
    )
    return facts, network


def new_game(recipe: Recipe, channels: int) -> Game | None:
    """Build the recipe's untrained discriminator, where it has one."""
    if recipe.adversarial is None:
        return None
    chosen = recipe.adversarial
    return Game(
        build(DISCRIMINATORS, chosen.discriminator, channels=channels),
        chosen.options,
        build(SCHEDULES, chosen.schedule),
    )


def take_over(network: Network, path: Path) -> tuple[int, int]:
    """Copy the tensors that fit in name and shape from a model file; return how many, and of how many.

    Weights that were trained as sums of branches fit a network that trains the same branches, and, summed up, one
    that has none.
    """
    other, _ = checkpoint.load(path)
    given, own = {**folded(other).state_dict(), **other.state_dict()}, network.state_dict()
    fitting = {name: tensor for name, tensor in given.items() if name in own and own[name].shape == tensor.shape}
    network.load_state_dict(fitting, strict=False)
    return len(fitting), len(own)


def open_data(recipe: Recipe, report: Callable[[str], None]) -> tuple[Cache, Cache]:
    """Check both splits, tell all faults at once, and open their pictures from the cache.

    Raises:
        DataFaultsError: lists what is missing, unreadable, mis-paired or too small.
    """
    caches = _open(recipe, {"train": recipe.train_sources, "validation": recipe.validation_sources}, report)
    return caches["train"], caches["validation"]


def open_validation(recipe: Recipe, report: Callable[[str], None]) -> Cache:
    """Open only the pictures that the recipe's training validates on; otherwise as `open_data`."""
    return _open(recipe, {"validation": recipe.validation_sources}, report)["validation"]


def _open(recipe: Recipe, splits: Mapping[str, Sequence[Part]], report: Callable[[str], None]) -> Mapping[str, Cache]:
    degradation = build(DEGRADATIONS, recipe.degradation)
    margin = degradation.margin if isinstance(degradation, PerStep) else 0
    return open_splits(
        splits,
        degradation,
        repr(recipe.degradation),
        root=Path(recipe.data.root).expanduser(),
        scale=recipe.head.scale,
        colour=recipe.head.colour,
        seed=recipe.head.seed,
        patch={"train": recipe.data.patch + margin},
        report=report,
    )
