"""A recipe's named parts, built once and handed to training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upres.archs import ARCHS, DISCRIMINATORS, Network
from upres.archs.building import build_network
from upres.archs.initializing import INITIALIZATIONS
from upres.config import NamedPart, build
from upres.config.amounts import parse_memory
from upres.data import SOURCES, Cache, Patches, open_splits
from upres.data.shards import Shards, Windows, open_shards
from upres.degrade import DEGRADATIONS, Degradation, PerStep
from upres.errors import ConfigError
from upres.losses import LOSSES
from upres.metrics import METRICS, metric
from upres.models.activations import activation_bytes
from upres.models.facts import Facts
from upres.recipes.recipe import Recipe
from upres.recipes.resuming import RECIPE, changes_of, record
from upres.recipes.starting import start_from
from upres.storage.places import address_of
from upres.train import (
    SCHEDULES,
    AdversarialTraining,
    Components,
    Reached,
    ValidationSet,
    device_type,
    first_process,
    fit,
    freeze,
    reached,
    set_seed,
)

Log = Callable[[str], None]


def run_recipe(
    recipe: Recipe,
    folder: str | Path,
    *,
    devices: int = 1,
    nodes: int = 1,
    device: str = "auto",
    resume: bool = False,
    bar: bool = False,
    log: Log = lambda line: None,
    rests: Callable[[Reached], None] = lambda reached: None,
) -> Path:
    """Train by a recipe into a run folder and return the path of the best weights.

    Args:
        recipe: what to do.
        folder: the run folder; it must not hold another run's `last.ckpt` unless `resume`.
        devices: processes on this machine, each with a device of its own; they share every batch.
        nodes: machines.
        device: where it is computed: `cpu`, `cuda`, `mps`, `gpu` for the one that there is, or `auto`.
        resume: go on from that folder's `last.ckpt`. The recipe may ask for more epochs or steps, other intervals,
            loggers and panels, data elsewhere; what differs is recorded in `changes.csv` with the step from which it
            holds.
        bar: draw a progress bar on the terminal.
        log: called with one line for every thing worth telling.
        rests: called with how far the run is, when Ctrl-C or `train.hours` ends it where it can be resumed.

    Raises:
        KeyboardInterrupt: the run was stopped; see `upres.train.fit`.
        ConfigError: the folder holds a run already, what differs may not, or the recipe's parts do not go together.
        DataError: the data is missing or unfit.
        ModelError: there is no `last.ckpt` to go on from, or it is not one of a run.
    """
    since, folder = time.monotonic(), Path(folder)
    first = first_process()
    if first and not resume and (folder / "last.ckpt").exists():
        raise ConfigError(
            "holds a run already; resume it, or give another run folder", where=folder, settings=("resume", "run")
        )
    changes = []
    if resume:
        far = reached(folder / "last.ckpt")
        changes = changes_of(folder, recipe, far, {"devices": devices, "nodes": nodes})
        for change in changes:
            log(f"a change: {change}")
        if far.epochs == recipe.train.epochs:
            log(f"all {far.epochs} epochs are behind this run; ask for more of train.epochs to go on")
        elif far.steps == recipe.train.steps:
            log(f"all {far.steps:,} steps are behind this run; ask for more of train.steps to go on")
    run = components(recipe, devices=devices, nodes=nodes, device=device, resumed=resume, log=log)

    def started() -> None:
        if resume and (folder / RECIPE).is_file():
            record(folder, recipe, changes)
        else:
            recipe.save(folder / RECIPE)

    return fit(run, folder, resume=resume, bar=bar, log=log, started=started, rests=rests, since=since)


def components(
    recipe: Recipe,
    *,
    devices: int = 1,
    nodes: int = 1,
    device: str = "auto",
    resumed: bool = False,
    log: Log = lambda line: None,
) -> Components:
    """Open the recipe's data and build all of its parts, each once; a resumed run takes no weights from another.

    Raises:
        ConfigError: parts that do not go together.
        DataError: the data is missing or unfit.
        ModelError: there are no weights to start from, or they cannot be read.
    """
    # The network and its start come before the data: a name that is wrong is told before a picture is decoded.
    device_type(device)
    set_seed(recipe.head.seed)
    facts, network = new_network(recipe)
    if recipe.head.init is not None and not resumed:
        log(start_from(network, recipe))
    frozen = freeze(network, recipe.train.freeze)
    if frozen:
        log(f"{len(frozen)} of {sum(1 for _ in network.parameters())} parameters are frozen ({frozen[0]}, …)")
    adversarial = _adversarial(recipe, facts.channels)
    degradation = build(DEGRADATIONS, recipe.degradation)
    splits = {"validation": recipe.validation_sources}
    if recipe.data.shards is None:
        splits = {"train": recipe.train_sources, **splits}
    splits |= {f"validation_sets.{name}.sources": chosen.sources for name, chosen in recipe.validation_sets.items()}
    caches = _open(recipe, splits, degradation, log)
    pictures, windows = _training_pictures(recipe, caches, degradation, log)
    patches = Patches(
        pictures,
        patch=recipe.data.patch,
        batch=recipe.train.batch,
        seed=recipe.head.seed,
        steps=recipe.train.steps_per_epoch,
        augment=recipe.data.augment,
        candidates=recipe.data.candidates,
        degradation=degradation if isinstance(degradation, PerStep) else None,
        windows=windows,
    )
    log(
        f"{recipe.name}: {recipe.arch.name}, {facts.parameters:,} parameters; "
        f"{len(pictures):,} training and {len(caches['validation']):,} validation pictures; "
        f"{patches.steps:,} steps an epoch"
    )
    metrics = {part.name: build(METRICS, part) for part in recipe.metrics}
    return Components(
        network=network,
        facts=facts,
        adversarial=adversarial,
        losses={part.name: (weight, build(LOSSES, part)) for weight, part in recipe.losses},
        patches=patches,
        validation=caches["validation"],
        options=recipe.train,
        schedule=build(SCHEDULES, recipe.schedule),
        monitor=recipe.monitor,
        protocol=recipe.protocol,
        metrics=metrics,
        training_metrics={name: metrics.get(name) or metric(name) for name in recipe.train.metrics},
        further={
            name: ValidationSet(caches[f"validation_sets.{name}.sources"], chosen.protocol)
            for name, chosen in recipe.validation_sets.items()
        },
        original=_original(recipe),
        devices=devices,
        nodes=nodes,
        device=device,
    )


def _training_pictures(
    recipe: Recipe, caches: Mapping[str, Cache], degradation: Degradation, log: Log
) -> tuple[Cache | Shards, Windows | None]:
    """Return what crops come from: the cache, or shards with what tells which of them are at hand."""
    chosen = recipe.data
    if chosen.shards is None:
        return caches["train"], None
    if recipe.head.colour != "rgb":
        raise ConfigError(f"data.shards hold pictures in rgb, and colour is {recipe.head.colour}; name sources instead")
    address = chosen.shards
    if address_of(address) is None:
        address = str(Path(chosen.root).expanduser() / address)
    degraded = None if isinstance(degradation, PerStep) else recipe.degradation.dump()
    shards = open_shards(
        address,
        scale=recipe.head.scale,
        degraded=degraded,
        disk=parse_memory(chosen.disk),
        window=chosen.window,
    )
    log(
        f"train: {address}: {shards.count} shards, {shards.window} at hand, at most {shards.bytes / 1e9:.3g} GB on "
        "this disk for each process"
    )
    return shards, Windows(shards, seed=recipe.head.seed, steps=chosen.window_steps)


def new_network(recipe: Recipe) -> tuple[Facts, Network]:
    """Build the recipe's untrained network and its facts."""
    head = recipe.head
    blank = Facts(name=head.name, scale=head.scale, colour=head.colour)
    network = build_network(ARCHS, recipe.arch, scale=head.scale, channels=blank.channels)
    INITIALIZATIONS[recipe.train.initialization](network)
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


def open_validation(recipe: Recipe, log: Log) -> Cache:
    """Check the pictures that the recipe's training validates on, and open them from the cache.

    Raises:
        DataFaultsError: lists what is missing, unreadable, mis-paired or too small.
    """
    splits = {"validation": recipe.validation_sources}
    return _open(recipe, splits, build(DEGRADATIONS, recipe.degradation), log)["validation"]


def _original(recipe: Recipe) -> Callable[[int], NDArray[np.uint8]] | None:
    """Return what opens a validation picture as it lies there, where the sample panels show that."""
    if not recipe.train.samples or "original" not in recipe.train.samples_show:
        return None
    root = Path(recipe.data.root).expanduser()
    sources = [build(SOURCES, part, root=root) for part in recipe.validation_sources]
    lengths = [len(source) for source in sources]

    def original(index: int) -> NDArray[np.uint8]:
        number = 0
        while index >= lengths[number]:
            index -= lengths[number]
            number += 1
        return sources[number].original(index)

    return original


def _adversarial(recipe: Recipe, channels: int) -> AdversarialTraining | None:
    """Build the recipe's untrained discriminator and its loss, where it has one."""
    if recipe.adversarial is None:
        return None
    chosen = recipe.adversarial
    return AdversarialTraining(
        build_network(DISCRIMINATORS, chosen.discriminator, channels=channels),
        chosen.options,
        build(SCHEDULES, chosen.schedule),
    )


def _open(
    recipe: Recipe, splits: Mapping[str, Sequence[NamedPart]], degradation: Degradation, log: Log
) -> Mapping[str, Cache]:
    margin = degradation.margin if isinstance(degradation, PerStep) else 0
    chosen = recipe.degradation
    return open_splits(
        splits,
        degradation,
        f"Part(name={chosen.name!r}, config={chosen.config!r})",  # in every cache's identity: other words, other caches
        root=Path(recipe.data.root).expanduser(),
        scale=recipe.head.scale,
        colour=recipe.head.colour,
        seed=recipe.head.seed,
        patch={"train": recipe.data.patch + margin},
        log=log,
    )
