"""A run that goes on: which settings may differ from those it began with, and the record of those that did."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upres.errors import ConfigError, DataError
from upres.recipes.recipe import Recipe, read_recipe
from upres.storage.atomic import write_whole
from upres.train import Reached

RECIPE = "recipe.yaml"
"""The recipe in a run's folder, every default written out."""

CHANGES = "changes.csv"
"""What a run's settings were before they were changed on the way, and from which step on they hold."""

# What decides neither a weight that was trained nor a row that was measured before: how long the run goes on, when it
# is measured, what is kept, drawn and told of it, where the data lies, how the machine is used, and words about the
# model.
_MAY_DIFFER = (
    "data.root",
    "init_missing",
    "licence",
    "train.checkpoint_every",
    "train.compile",
    "train.early_stopping",
    "train.epochs",
    "train.gradient_checkpointing",
    "train.hours",
    "train.keep_best",
    "train.keep_every",
    "train.log_every",
    "train.loggers",
    "train.prefetch",
    "train.resident",
    "train.samples",
    "train.samples_show",
    "train.samples_every",
    "train.steps",
    "train.validate_every",
    "trained_on",
)
_ABSENT = "nothing"


@dataclass(frozen=True)
class Change:
    """A setting that differs from step `step` on (the number of steps that the run had taken before)."""

    step: int
    key: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"from step {self.step:,} on {self.key} = {_words(self.after)} (before: {_words(self.before)})"


def recipe_of_run(folder: Path, *, settings: Sequence[str] = (), data: Path | None = None) -> Recipe:
    """Return the recipe of a run's folder, with changes as `read_recipe` takes them.

    Raises:
        ConfigError: there is none, or a change is wrong.
    """
    path = folder / RECIPE
    if not path.is_file():
        raise ConfigError(
            f"holds no {RECIPE}, so it is not the folder of a run; give the recipe, or another run folder",
            where=folder,
            settings=("run",),
        )
    return read_recipe(str(path), settings=settings, data=data)


def changes_of(folder: Path, asked: Recipe, reached: Reached, processes: Mapping[str, int]) -> list[Change]:
    """Compare what is asked of a run with its own recipe; return what differs and may.

    Args:
        folder: the run folder; a run of before without a recipe is taken as it is asked for.
        asked: the recipe to go on by.
        reached: how far the run is.
        processes: `devices` and `nodes` to go on with.

    Raises:
        ConfigError: names every setting that differs and may not, with both values and the way out.
    """
    path = folder / RECIPE
    own = read_recipe(str(path)).dump() if path.is_file() else asked.dump()
    now = {name: processes[name] for name in reached.processes}
    changes, refused = [], []
    for key, before, after in differences({**own, **reached.processes}, {**asked.dump(), **now}):
        if key in ("devices", "nodes") or any(key == name or key.startswith(f"{name}.") for name in _MAY_DIFFER):
            changes.append(Change(reached.steps, key, before, after))
        else:
            refused.append(f"{key} = {_words(after)} is asked for, and the run has {_words(before)}")
    if refused:
        raise ConfigError(
            f"{'; '.join(refused)}; a run keeps what its weights came from: resume it without the change, or start a "
            f"new run, from these weights with init: {folder}",
            where=folder,
            settings=("run",),
        )
    for key, length, behind in (
        ("epochs", asked.train.epochs, reached.epochs),
        ("steps", asked.train.steps, reached.steps),
    ):
        if length is not None and length < behind:
            raise ConfigError(
                f"train.{key} = {length} is asked for, and the run has {behind} behind it; ask for as many or more",
                where=folder,
            )
    return changes


def record(folder: Path, asked: Recipe, changes: Sequence[Change]) -> None:
    """Write the recipe that holds from now on, and what was otherwise before.

    A change that no saved epoch came from is forgotten when it is changed again.
    """
    kept = {(change.step, change.key): change for change in read_changes(folder)}
    for change in changes:
        last = kept.get((change.step, change.key))
        kept[change.step, change.key] = (
            change if last is None else Change(change.step, change.key, last.before, change.after)
        )
    told = [change for change in kept.values() if change.before != change.after]
    if kept:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("step", "key", "before", "after"))
        writer.writerows((one.step, one.key, json.dumps(one.before), json.dumps(one.after)) for one in told)
        write_whole(folder / CHANGES, text.getvalue())
    asked.save(folder / RECIPE, notes=[f"{change}." for change in told])


def read_changes(folder: Path) -> list[Change]:
    """Return what was recorded of a run, in the order of its steps.

    Raises:
        DataError: the file is damaged.
    """
    path = folder / CHANGES
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [
                Change(int(row["step"]), row["key"], json.loads(row["before"]), json.loads(row["after"]))
                for row in csv.DictReader(file)
            ]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"not the record of a run's changes ({error}); remove it", where=path) from error


def differences(before: Any, after: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs between two recipes' plain data: dotted key, value before and after.

    >>> list(differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}))
    [('a.c', 2, 3)]
    """
    if isinstance(before, dict) and isinstance(after, dict):
        if before.get("name") != after.get("name") and key:  # another part: its options say nothing of the first one's
            yield f"{key}.name", before.get("name"), after.get("name")
            return
        for name in {**before, **after}:
            yield from differences(before.get(name), after.get(name), f"{key}.{name}" if key else name)
    elif isinstance(before, list) and isinstance(after, list) and any(isinstance(item, dict) for item in before):
        for number in range(max(len(before), len(after))):
            left, right = (values[number] if number < len(values) else None for values in (before, after))
            yield from differences(left, right, f"{key}.{number}")
    elif before != after:
        yield key, before, after


def _words(value: Any) -> str:
    """Return a value as a recipe would write it, in one line."""
    return _ABSENT if value is None else value if isinstance(value, str) and value else json.dumps(value)
