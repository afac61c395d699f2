"""A recipe: one YAML file that says everything about a training run, read once into typed parts."""

from __future__ import annotations

import dataclasses
import re
import sys
import warnings
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import yaml

from upres.archs import ARCHS, DISCRIMINATORS
from upres.config import also_called, config, dump, nearest_key, parse
from upres.config.amounts import parse_memory
from upres.config.limits import MAX_RECIPE_BYTES, MAX_SCALE, MAX_SEED
from upres.config.named_parts import NamedPart, parse_part
from upres.data import SOURCES, parse_source
from upres.degrade import DEGRADATIONS
from upres.errors import ConfigError, RenamedWarning, nearest
from upres.losses import LOSSES
from upres.metrics import METRICS, Protocol
from upres.models.facts import Colour
from upres.recipes.yaml_text import parse_yaml
from upres.storage.atomic import write_whole
from upres.train import SCHEDULES, AdversarialConfig, TrainConfig, monitored

_HERE = Path(__file__).parent
# Names that recipes had once.
_RENAMED = {"base-photo-x2": "base-x2-heavy", "base-photo-x4": "base-x4-heavy"}
# One folder's name on every system.
_NAME = re.compile(r"\w[\w .+-]{0,98}[\w+-]|\w")
# A column of metrics.csv begins with it.
_SET_NAME = re.compile(r"[A-Za-z][\w-]{0,49}", re.ASCII)


@config
class Head:
    """What a recipe says about itself and its model.

    Attributes:
        name: the run's and the model's name.
        scale: output side ÷ input side.
        colour: `rgb`, `gray`, or `luma` (the network sees BT.601 Y, chroma is enlarged by bicubic).
        seed: decides the initial weights and every batch.
        init: weights to start from: the name of a shipped model, a model file of upres or of others, or a run folder.
        init_missing: what to do where they do not fill the network: `refuse`, or `allow` the others to begin anew.
        trained_on: the data in words, for the model's facts.
        licence: the licence of the weights, for the model's facts.
    """

    name: str
    scale: int
    colour: Colour = "rgb"
    seed: int = 0
    init: str | None = None
    init_missing: Literal["refuse", "allow"] = "refuse"
    trained_on: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"name = {self.name!r}: names the run's folder; use letters, digits, spaces, '.', '_' and '-', at most "
                "100, and begin with a letter, digit or '_'"
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise ValueError(f"seed = {self.seed}: should be from 0 to 2^64 - 1")


@config
class DataOptions:
    """Attributes:

    root: folder that the sources' paths are relative to.
    patch: side of a training crop, in lr pixels.
    augment: flip and turn training crops at random.
    candidates: training crops drawn for each that is taken, the one with most detail; 1 takes what comes.
    shards: a folder or bucket that `upres pack --shards` wrote, in place of `train`: no disk has to hold all of it.
    window: shards that are at hand at once; crops come from those.
    window_steps: steps after which the window moves on by a shard.
    disk: how much of the system's temporary folder shards may take, a number with a unit; for each process.
    """

    root: str = "."
    patch: int = 32
    augment: bool = True
    candidates: int = 1
    shards: str | None = None
    window: int = 8
    window_steps: int = 100
    disk: str = "50GB"

    def __post_init__(self) -> None:
        for name in ("patch", "candidates", "window", "window_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: should be at least 1")
        try:
            parse_memory(self.disk)
        except ConfigError as error:
            raise ValueError(f"disk = {self.disk!r}: should be a number with a unit, as 50GB") from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdversarialSection:
    """A recipe's `adversarial` section: the loss, the discriminator, and its schedule."""

    options: AdversarialConfig
    discriminator: NamedPart
    schedule: NamedPart

    def dump(self) -> dict[str, Any]:
        """Return it as the recipe writes it."""
        return {
            **dump(self.options),
            "discriminator": self.discriminator.dump(),
            "schedule": self.schedule.dump(),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValidationSection:
    """One of a recipe's `validation_sets`: pictures that are measured besides, and how."""

    sources: tuple[NamedPart, ...]
    protocol: Protocol

    def dump(self) -> dict[str, Any]:
        """Return it as the recipe writes it."""
        return {"sources": [part.dump() for part in self.sources], "protocol": dump(self.protocol)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A recipe whose every part has been checked.

    `monitor` is what decides the best weights, resolved: a recipe may leave `train.monitor` out.
    """

    head: Head
    arch: NamedPart
    losses: tuple[tuple[float, NamedPart], ...]
    degradation: NamedPart
    train_sources: tuple[NamedPart, ...]
    validation_sources: tuple[NamedPart, ...]
    data: DataOptions
    train: TrainConfig
    schedule: NamedPart
    adversarial: AdversarialSection | None
    protocol: Protocol
    metrics: tuple[NamedPart, ...]
    validation_sets: Mapping[str, ValidationSection]
    monitor: str

    @property
    def name(self) -> str:
        """The run's name."""
        return self.head.name

    def dump(self) -> dict[str, Any]:
        """Return it as the YAML file would hold it, every default written out."""
        return {
            **dump(self.head),
            "arch": self.arch.dump(),
            "losses": [{"name": part.name, "weight": weight, **dump(part.config)} for weight, part in self.losses],
            "degradation": self.degradation.dump(),
            "data": {
                **dump(self.data),
                **({} if self.data.shards else {"train": [part.dump() for part in self.train_sources]}),
                "validation": [part.dump() for part in self.validation_sources],
            },
            "train": dump(self.train),
            "schedule": self.schedule.dump(),
            "adversarial": None if self.adversarial is None else self.adversarial.dump(),
            "protocol": dump(self.protocol),
            "metrics": [part.dump() for part in self.metrics],
            "validation_sets": {name: chosen.dump() for name, chosen in self.validation_sets.items()},
        }

    def save(self, path: Path, *, notes: Sequence[str] = ()) -> None:
        """Write it as YAML, behind notes, which become comments of a line each."""
        head = "".join(f"# {note}\n" for note in notes)
        write_whole(path, head + yaml.safe_dump(self.dump(), sort_keys=False, allow_unicode=True))


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with upres, by name."""
    return {path.stem: path for path in sorted(_HERE.glob("*.yaml"))}


def shipped_recipe(name: str) -> Path:
    """Return the file of a recipe that comes with upres.

    Raises:
        ConfigError: there is none of that name; the nearest ones are named.
    """
    known = shipped_recipes()
    if name in _RENAMED:
        warnings.warn(f"recipe {name} is {_RENAMED[name]} now; say so", RenamedWarning, stacklevel=3)
        name = _RENAMED[name]
    if name not in known:
        raise ConfigError(f"{name}: no recipe of that name ({nearest(name, known)}); a recipe file ends in .yaml")
    return known[name]


def read_recipe(name_or_path: str, *, settings: Sequence[str] = (), data: Path | None = None) -> Recipe:
    """Read a recipe file, or one that comes with upres, and apply changes to it.

    Args:
        name_or_path: a path that ends in .yaml or .yml, or the name of a shipped recipe.
        settings: changes as `key.path=value`; the value is read as YAML.
        data: overrides `data.root`.

    Raises:
        ConfigError: the file is missing or is not YAML, or a key, a name or a value in it is wrong.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = shipped_recipe(name_or_path)
    if not path.is_file():
        names = nearest(path.stem, shipped_recipes())
        raise ConfigError(f"{path}: no such recipe file; or give the name of one that comes with upres: {names}")
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_RECIPE_BYTES + 1)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error
    values = parse_yaml(text, where=str(path))
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds {type(values).__name__}; a recipe is a mapping of name, scale, arch, …")
    changed = _changed(values, settings, data)
    try:
        return parse_recipe(changed, where=str(path))
    except ConfigError:
        guilty = _guilty(values, settings, data, str(path))
        if not guilty:
            raise
    try:
        return parse_recipe(changed, where=", ".join(guilty))
    except ConfigError as error:
        raise ConfigError(str(error), settings=("set",)) from None


def _changed(values: Mapping[str, Any], settings: Sequence[str], data: Path | None) -> dict[str, Any]:
    """Return a recipe's plain data with changes; what is given stays as it is."""
    result = deepcopy(dict(values))
    for setting in settings:
        _set(result, setting)
    if data is not None:
        result.setdefault("data", {})["root"] = str(data)
    return result


def _guilty(values: Mapping[str, Any], settings: Sequence[str], data: Path | None, where: str) -> list[str]:
    """Return the changes without which a recipe that is wrong would be right: alone, else all; none if it is itself."""

    def right(kept: Sequence[str]) -> bool:
        try:
            parse_recipe(_changed(values, kept, data), where=where)
        except ConfigError:
            return False
        return True

    if not settings or not right(()):
        return []
    alone = [one for number, one in enumerate(settings) if right([*settings[:number], *settings[number + 1 :]])]
    return alone or list(settings)


def parse_recipe(values: Mapping[str, Any], *, where: str) -> Recipe:
    """Check a recipe's plain data.

    Raises:
        ConfigError: a key, a name or a value in it is wrong.
    """
    sections = {"arch", "losses", "degradation", "data", "train", "schedule", "adversarial", "protocol", "metrics"}
    sections.add("validation_sets")
    head_keys = {field.name for field in dataclasses.fields(Head)}
    for key in values:
        if key not in sections | head_keys:
            raise ConfigError(f"{where}: unknown key {key} = {values[key]!r}: {_place(str(key), sections | head_keys)}")
    for key in ("name", "scale", "arch", "data", "train"):
        if key not in values:
            raise ConfigError(f"{where}: {key} is missing and has no default")
    head = parse(Head, {key: values[key] for key in values if key in head_keys}, where=where)
    if not 1 <= head.scale <= MAX_SCALE:
        bound = "at least 1" if head.scale < 1 else f"at most {MAX_SCALE}"
        raise ConfigError(f"{where}: scale = {head.scale}: should be {bound}")
    data = values["data"]
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where}: data = {data!r}: should be a mapping with train and validation")
    _check_keys(
        data, [*(field.name for field in dataclasses.fields(DataOptions)), "train", "validation"], where, "data"
    )
    border = 0 if head.colour == "gray" else head.scale
    default_protocol = {"space": "luma" if head.colour == "rgb" else "gray", "border": border}
    losses = _losses(values.get("losses", [{"name": "l1"}]), where)
    adversarial = _adversarial(values.get("adversarial"), where)
    terms = [part.name for _, part in losses]
    train = parse(TrainConfig, values["train"], where=where, key="train")
    metrics = _metrics(values.get("metrics", []), train.metrics, terms, where)
    try:
        monitor = monitored(
            train.monitor,
            terms,
            adversarial=adversarial is not None,
            metrics={part.name: METRICS[part.name] for part in metrics},
        )
    except ValueError as fault:
        raise ConfigError(f"{where}: train.{fault}") from None
    return Recipe(
        head=head,
        arch=parse_part(ARCHS, values["arch"], where=where, key="arch"),
        losses=losses,
        degradation=parse_part(DEGRADATIONS, values.get("degradation", "bicubic"), where=where, key="degradation"),
        train_sources=_train_sources(data, train, where),
        validation_sources=_sources(data, "validation", where),
        data=parse(
            DataOptions,
            {k: v for k, v in data.items() if k not in ("train", "validation")},
            where=where,
            key="data",
        ),
        train=train,
        schedule=parse_part(SCHEDULES, values.get("schedule", "constant"), where=where, key="schedule"),
        adversarial=adversarial,
        protocol=parse(Protocol, values.get("protocol", default_protocol), where=where, key="protocol"),
        metrics=metrics,
        validation_sets=_validation_sets(values.get("validation_sets", {}), default_protocol, where),
        monitor=monitor,
    )


def _check_keys(values: Mapping[str, Any], known: Sequence[str], where: str, section: str) -> None:
    """Refuse a key of a section that holds more than one configuration.

    Raises:
        ConfigError: names the nearest one.
    """
    for key in values:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {section}.{key} = {values[key]!r}: {nearest_key(str(key), known)}")


def _place(key: str, known: Collection[str]) -> str:
    """Return where a key stands that is none of a recipe's top, or the nearest one that is."""
    for section, cls in (("train", TrainConfig), ("data", DataOptions)):
        names = [field.name for field in dataclasses.fields(cls)]
        meant = key if key in names else also_called(key, names)
        if meant is not None and also_called(key, known) is None:
            return f"did you mean {section}.{meant}?"
    return nearest_key(key, known)


def _listed(values: Any, table: Mapping[str, Any], what: str) -> str:
    """Return what to say of something that should be a list of named parts."""
    wrong = "is empty; name at least one of" if values == [] else f"should be a list of {what}:"
    return f"{values!r}: {wrong} {', '.join(sorted(table))}"


def _losses(values: Any, where: str) -> tuple[tuple[float, NamedPart], ...]:
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{where}: losses = {_listed(values, LOSSES, 'losses')}")
    result = []
    for number, item in enumerate(values):
        weight: Any = 1.0
        term = item
        if isinstance(item, Mapping):
            weight = item.get("weight", 1.0)
            term = {name: value for name, value in item.items() if name != "weight"}
        key = f"losses.{number}"
        if isinstance(term, Mapping) and term.get("name") in LOSSES:
            known = ["weight", *(field.name for field in dataclasses.fields(LOSSES[term["name"]].config_type))]
            _check_keys(term, ["name", *known], where, key)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or abs(weight) > sys.float_info.max:
            raise ConfigError(f"{where}: {key}.weight = {repr(weight)[:40]}: should be a number")
        if not weight >= 0:
            raise ConfigError(f"{where}: {key}.weight = {weight}: should be 0 or more; a loss is made small, not large")
        result.append((float(weight), parse_part(LOSSES, term, where=where, key=key)))
    names = [part.name for _, part in result]
    if len(set(names)) < len(names):
        raise ConfigError(f"{where}: losses names a term twice ({', '.join(names)}); give each once, with its weight")
    return tuple(result)


def _metrics(values: Any, trained: Sequence[str], terms: Sequence[str], where: str) -> tuple[NamedPart, ...]:
    """Read what is measured besides PSNR; it stands under its name beside the losses' terms.

    What is measured on the training crops is measured on the validation pictures too.
    """
    if not isinstance(values, list):
        raise ConfigError(f"{where}: metrics = {_listed(values, METRICS, 'metrics')}")
    result = tuple(
        parse_part(METRICS, item, where=where, key=f"metrics.{number}") for number, item in enumerate(values)
    )
    taken = ["psnr", *terms]
    for part in result:
        if part.name in taken:
            raise ConfigError(f"{where}: metrics names {part.name}, which is measured already; leave it out there")
        taken.append(part.name)
    for number, name in enumerate(trained):
        if name in terms:
            raise ConfigError(
                f"{where}: train.metrics names {name}, whose column is that of the loss; leave it out there"
            )
        if name not in taken:
            result += (parse_part(METRICS, name, where=where, key=f"train.metrics.{number}"),)
    return result


def _validation_sets(values: Any, protocol: Mapping[str, Any], where: str) -> dict[str, ValidationSection]:
    """Read the pictures that are measured besides `data.validation`, by name."""
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{where}: validation_sets = {values!r}: should be a mapping of names to sources and protocol"
        )
    result = {}
    for name, given in values.items():
        key = f"validation_sets.{name}"
        if not _SET_NAME.fullmatch(str(name)) or name in ("train", "val", "step"):
            raise ConfigError(
                f"{where}: {key}: names a column of metrics.csv; use letters, digits, '_' and '-', begin with a "
                "letter, and leave train, val and step to the others"
            )
        section = given if isinstance(given, Mapping) else {"sources": given}
        _check_keys(section, ["sources", "protocol"], where, key)
        result[str(name)] = ValidationSection(
            sources=_source_list(section.get("sources"), f"{key}.sources", where),
            protocol=parse(Protocol, section.get("protocol", protocol), where=where, key=f"{key}.protocol"),
        )
    return result


def _adversarial(values: Any, where: str) -> AdversarialSection | None:
    if values is None:
        return None
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: adversarial = {values!r}: should be a mapping with kind and weight")
    named = ("discriminator", "schedule")
    known = [field.name for field in dataclasses.fields(AdversarialConfig)]
    _check_keys(values, [*known, *named], where, "adversarial")
    options = {key: value for key, value in values.items() if key not in named}
    schedule = parse_part(SCHEDULES, values.get("schedule", "constant"), where=where, key="adversarial.schedule")
    if schedule.name == "plateau":
        raise ConfigError(
            f"{where}: adversarial.schedule.name = 'plateau': it waits for the validation loss, which knows nothing of "
            "the discriminator; use constant, cosine, multi-step or one-cycle"
        )
    return AdversarialSection(
        options=parse(AdversarialConfig, options, where=where, key="adversarial"),
        discriminator=parse_part(
            DISCRIMINATORS, values.get("discriminator", "vgg"), where=where, key="adversarial.discriminator"
        ),
        schedule=schedule,
    )


def _sources(data: Mapping[str, Any], split: str, where: str) -> tuple[NamedPart, ...]:
    return _source_list(data.get(split), f"data.{split}", where)


def _train_sources(data: Mapping[str, Any], train: TrainConfig, where: str) -> tuple[NamedPart, ...]:
    """Read what is trained on: sources, or none where there are shards."""
    if data.get("shards") is None:
        return _sources(data, "train", where)
    if "train" in data:
        raise ConfigError(f"{where}: data.shards and data.train both say what is trained on; leave one out")
    if train.steps_per_epoch is None:
        raise ConfigError(
            f"{where}: data.shards needs train.steps_per_epoch: a few pictures are at hand at a time, and none in turn"
        )
    return ()


def _source_list(values: Any, key: str, where: str) -> tuple[NamedPart, ...]:
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{where}: {key} = {_listed(values, SOURCES, 'sources')}")
    return tuple(parse_source(item, where=where, key=f"{key}.{number}") for number, item in enumerate(values))


def _set(values: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise ConfigError("should be key=value, for example train.epochs=3", where=setting, settings=("set",))
    value = parse_yaml(text, where=setting)
    node: Any = values
    *path, last = key.split(".")
    for name in path:
        if isinstance(node, list) and name.isdigit() and int(name) < len(node):
            node = node[int(name)]
        elif isinstance(node, dict):
            if node.get(name) is None:
                node[name] = {}
            elif isinstance(node[name], str):  # the short form `arch: srcnn`
                node[name] = {"name": node[name]}
            node = node[name]
        else:
            raise ConfigError(f"{setting}: there is no {key} in the recipe")
    if isinstance(node, list) and last.isdigit() and int(last) < len(node):
        node[int(last)] = value
    elif isinstance(node, dict):
        node[last] = value
    else:
        raise ConfigError(f"{setting}: there is no {key} in the recipe")
