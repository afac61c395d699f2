"""Frozen configuration dataclasses, validated where a file or an option enters upres.

One decorator (`config`) makes a component's configuration; one function (`parse`) turns plain data into it, and
`checked` does so where the place is not known, such as in the rule of a configuration that holds another.
pydantic does the checking and is imported only when something is checked.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import MISSING
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

from upres.errors import ConfigError, nearest

T = TypeVar("T")

# What other programs call what a recipe says.
_ALSO_CALLED = {
    "accumulate": ("accumulate_grad_batches", "grad_accum", "accum_iter", "gradient_accumulation_steps"),
    "arch": ("network", "network_g", "model", "net", "generator"),
    "augment": ("use_flip", "use_hflip", "use_rot", "flip"),
    "batch": ("batch_size", "bs", "batch_size_per_gpu", "mini_batch"),
    "blocks": ("num_block", "num_blocks", "n_resblocks", "depth", "num_layers"),
    "clip": ("grad_clip", "clip_grad", "gradient_clip_val", "max_norm"),
    "degradation": ("downsample", "degrade"),
    "early_stopping": ("patience",),
    "ema": ("ema_decay", "decay"),
    "epochs": ("max_epochs", "num_epochs", "n_epochs", "total_epochs"),
    "epsilon": ("eps",),
    "init": ("pretrain_network_g", "pretrained", "pretrain", "weights", "resume_from", "checkpoint"),
    "losses": ("loss", "criterion", "pixel_opt"),
    "milestones": ("steps", "lr_steps"),
    "optimizer": ("optim", "optim_g", "opt", "optimiser"),
    "patch": ("patch_size", "gt_size", "crop_size", "lq_size"),
    "path": ("dataroot", "dataroot_gt", "dir", "folder", "root"),
    "precision": ("amp", "fp16", "bf16", "use_amp", "dtype"),
    "rate": ("lr", "learning_rate", "base_lr"),
    "schedule": ("scheduler", "lr_scheduler", "sched"),
    "seed": ("manual_seed", "random_seed"),
    "steps_per_epoch": ("iterations", "iters", "total_iter", "dataset_enlarge_ratio", "repeat"),
    "take": ("limit", "max_samples", "n"),
    "validation": ("val", "valid", "test"),
    "warmup": ("warmup_iter", "warmup_steps", "warmup_iters"),
    "weight": ("loss_weight", "lambda"),
    "weight_decay": ("wd", "l2"),
    "width": ("num_feat", "n_feats", "nf", "channels", "features", "dim"),
}

# What pydantic's errors are about, in our words; others are told in its own.
_RULES = {
    "bool_parsing": "a valid boolean: true or false",
    "bool_type": "a valid boolean: true or false",
    "dict_type": "a mapping",
    "float_parsing": "a valid number",
    "float_type": "a valid number",
    "int_from_float": "a valid integer",
    "int_parsing": "a valid integer",
    "int_type": "a valid integer",
    "list_type": "a list",
    "string_type": "text",
    "tuple_type": "a list",
}


@dataclass_transform(kw_only_default=True, frozen_default=True)
def config(cls: type[T]) -> type[T]:
    """Make a class a frozen, keyword-only dataclass that refuses unknown keys and loose types.

    pydantic ignores unknown keys of a plain dataclass unless it is told not to on each class, which is why
    no configuration is declared with `dataclasses.dataclass` directly (a test holds us to it).
    """
    cls.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


def parse(cls: type[T], values: Any, *, where: str, key: str = "") -> T:
    """Check plain data (from YAML, JSON or the command line) and build the configuration `cls` from it.

    Args:
        cls: a class made by `config`.
        values: a mapping of the class's fields.
        where: the file or option the data came from, for the message.
        key: dotted path of `values` inside that file, for the message.

    Raises:
        ConfigError: names the place, the dotted key, the value and what was allowed, for every fault at once.
    """
    try:
        return checked(cls, values, key=key)
    except ValueError as fault:
        raise ConfigError(f"{where}: {fault}") from None


def checked(cls: type[T], values: Any, *, key: str = "") -> T:
    """Check plain data as `parse` does, for those who do not know the place.

    Raises:
        ValueError: every fault, each with its dotted key, the value and what was allowed; `parse` adds the place.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{key or 'the file'} is {values!r}; expected a mapping of {_fields(cls)}")
    if _fit(cls, values):
        # Building pydantic's schema takes longer than reading a picture does, and here it would change nothing.
        with contextlib.suppress(ValueError):  # a configuration's own rule: pydantic words it
            return cls(**values)
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(cls).validate_python(dict(values))
    except ValidationError as error:
        faults = [_fault(cls, item, key) for item in _of_forms(cls, error.errors())]
    raise ValueError("; ".join(faults))


def dump(value: Any) -> dict[str, Any]:
    """Return a configuration as plain data that `parse` accepts again (tuples become lists)."""
    plain = dataclasses.asdict(value)

    def listed(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: listed(item) for name, item in node.items()}
        if isinstance(node, list | tuple):
            return [listed(item) for item in node]
        return node

    result: dict[str, Any] = listed(plain)
    return result


def _fit(cls: Any, values: Mapping[str, Any]) -> bool:
    """Whether every key is known, none is missing, and every value is of its field's type already."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    hints = get_type_hints(cls)
    return all(name in fields and _is(hints[name], value) for name, value in values.items()) and all(
        name in values or field.default is not MISSING or field.default_factory is not MISSING
        for name, field in fields.items()
    )


def _is(hint: Any, value: Any) -> bool:
    """Whether a value needs neither conversion nor a closer look; where in doubt, it does."""
    if hint in (str, int, float, bool, NoneType):
        return type(value) is hint
    kind, given = get_origin(hint), get_args(hint)
    if kind is Literal:
        return type(value) is str and value in given
    if kind in (Union, UnionType):
        return any(_is(one, value) for one in given)
    if kind is dict and type(value) is dict and given[0] is str:
        return all(type(name) is str and (given[1] is Any or _is(given[1], item)) for name, item in value.items())
    return False


def _fields(cls: Any) -> str:
    return ", ".join(field.name for field in dataclasses.fields(cls))


def _of_forms(cls: Any, items: Iterable[Any]) -> list[Any]:
    """Return pydantic's errors as if a field had one form where it may be a number or a mapping.

    pydantic tells what is wrong with each form, and puts the form's name into the place.
    """
    result: list[Any] = []
    for item in items:
        name, *rest = item["loc"] or ("",)
        kind = get_type_hints(cls).get(str(name))
        forms = [one for one in get_args(kind) if one is not NoneType] if get_origin(kind) in (Union, UnionType) else []
        mapping = next((one for one in forms if dataclasses.is_dataclass(one)), None)
        if len(forms) < 2 or mapping is None or not rest:
            result.append(item)
        elif rest[0] == getattr(mapping, "__name__", ""):
            if len(rest) > 1 or item["type"] != "dataclass_type":
                result.append({**item, "loc": (name, *rest[1:])})
        elif not isinstance(item["input"], Mapping):
            said = f"should be a number of {_fields(mapping).split(', ')[0]}, or a mapping of {_fields(mapping)}"
            result.append({**item, "loc": (name,), "type": "form", "msg": said})
    return result


def _fault(cls: Any, item: Any, key: str) -> str:
    loc = [str(part) for part in item["loc"]]
    dotted = ".".join([key, *loc] if key else loc)
    if item["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        owner = _owner(cls, loc[:-1])
        return f"unknown key {dotted} = {item['input']!r}: {nearest_key(loc[-1], _names(owner))}"
    if item["type"] in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return f"{dotted} is missing and has no default"
    if item["type"] == "dataclass_type":
        inner = _owner(cls, loc)
        known = f" of {_fields(inner)}" if dataclasses.is_dataclass(inner) else ""
        return f"{dotted} = {item['input']!r}: should be a mapping{known}"
    if item["type"] == "value_error":  # a configuration's own rule: its message names the field and its value
        rule = str(item["ctx"]["error"])
        return f"{dotted}.{rule}" if dotted else rule
    allowed = item["ctx"]["expected"] if item["type"] == "literal_error" else _RULES.get(item["type"])
    return f"{dotted} = {item['input']!r}: {item['msg'] if allowed is None else f'should be {allowed}'}"


def _owner(cls: Any, path: list[str]) -> Any:
    """Return the class that a path leads to; of `Inner | None` it is `Inner`."""
    for name in path:
        hint = get_type_hints(cls).get(name) if dataclasses.is_dataclass(cls) else None
        cls = next((one for one in get_args(hint) if dataclasses.is_dataclass(one)), hint)
    return cls


def also_called(unknown: str, known: Iterable[str]) -> str | None:
    """Return the known key for which others have this word, or `None`."""
    return next((name for name in known if unknown in _ALSO_CALLED.get(name, ())), None)


def nearest_key(unknown: str, known: Iterable[str]) -> str:
    """Return the tail of a message about an unknown key: what is meant by the word that others have for it, or near.

    >>> nearest_key("lr", ["rate", "betas"])
    'did you mean rate? Known: rate, betas'
    """
    names = list(known)
    meant = also_called(unknown, names)
    if meant is None:
        return nearest(unknown, names)
    return f"did you mean {meant}? Known: {', '.join([meant, *sorted(name for name in names if name != meant)])}"


def _names(cls: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
