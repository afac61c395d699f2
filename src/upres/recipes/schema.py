"""The JSON Schema of recipes, from the configurations and tables themselves: editors complete and check by it.

Draft 7, which editors' YAML extensions know best: https://json-schema.org/draft-07/schema.
"""

from __future__ import annotations

import dataclasses
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from upres.archs.initializing import INITIALIZATIONS
from upres.config.limits import MAX_SCALE
from upres.config.options import options_of, summary
from upres.degrade.chain import ChainConfig
from upres.degrade.presets import PRESETS
from upres.degrade.steps.shuffle import ShuffleConfig
from upres.losses import ADVERSARIAL
from upres.metrics import METRICS, Protocol
from upres.recipes.recipe import DataOptions, Head
from upres.recipes.table import KINDS
from upres.train import LOGGERS, OPTIMIZERS, PRECISIONS, AdversarialConfig, OptimizerConfig, TrainConfig

Schema = dict[str, Any]

_PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string", NoneType: "null"}


def recipe_schema() -> Schema:
    """Return the schema of a recipe, with the parts of packages that are installed here."""
    sources = {"type": "array", "minItems": 1, "items": _reference("sources")}
    head = _object(Head)
    head["properties"]["scale"] |= {"minimum": 1, "maximum": MAX_SCALE}
    data = _object(DataOptions)
    data["properties"] |= {"train": sources, "validation": sources}
    training = _object(TrainConfig)
    # Packages may bring metrics: which ones is asked here, and not when this is imported.
    training["properties"]["metrics"]["items"] = {"enum": list(METRICS)}
    adversarial = _object(AdversarialConfig)
    adversarial["properties"] |= {"discriminator": _reference("discriminators"), "schedule": _reference("schedules")}
    sections = {
        "arch": _reference("archs"),
        "losses": {"type": "array", "minItems": 1, "items": _reference("losses")},
        "degradation": _reference("degradations"),
        "data": {**data, "required": ["validation"], "oneOf": [{"required": [name]} for name in ("train", "shards")]},
        "train": {
            **training,
            "anyOf": [{"type": "object", "required": [length]} for length in ("epochs", "steps")],
        },
        "schedule": _reference("schedules"),
        "adversarial": {"anyOf": [{"type": "null"}, adversarial]},
        "protocol": _object(Protocol),
        "metrics": {"type": "array", "items": _reference("metrics")},
        "validation_sets": {
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    sources,
                    {
                        "type": "object",
                        "properties": {"sources": sources, "protocol": _object(Protocol)},
                        "required": ["sources"],
                        "additionalProperties": False,
                    },
                ]
            },
        },
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A recipe of upres",
        "type": "object",
        "properties": {**head["properties"], **sections},
        "required": ["name", "scale", "arch", "data", "train"],
        "additionalProperties": False,
        "definitions": {kind: _part(kind) for kind in KINDS if kind not in ("optimizers", "loggers")},
    }


def _reference(kind: str) -> Schema:
    return {"$ref": f"#/definitions/{kind}"}


def _part(kind: str) -> Schema:
    """Return the schema of a named part: its name alone, or a mapping of its name and options."""
    rows = KINDS[kind]
    forms: list[Schema] = []
    alone = []
    for name in rows.table:
        cls = rows.config_of(name)
        form: Schema = {"type": "object", "properties": {}} if cls is None else _object(cls)
        said = summary(rows.table[name], name, of_module=rows.of_module)
        form["properties"] = {"name": {"const": name, "description": said}, **form["properties"]}
        if kind == "losses":
            form["properties"]["weight"] = {"type": "number", "minimum": 0, "default": 1}
        if not form.get("required"):
            alone.append(name)
        forms.append({**form, "description": said, "required": ["name", *form.get("required", [])]})
    if kind == "sources":  # hf://owner/name alone, or as the path of a mapping
        hub = {"type": "string", "pattern": "^hf://"}
        return {"anyOf": [hub, {"type": "object", "properties": {"path": hub}, "required": ["path"]}, *forms]}
    return {"anyOf": [{"enum": alone}, *forms]}


def _object(cls: Any) -> Schema:
    """Return the schema of a configuration."""
    options = options_of(cls)
    properties = {}
    for option in options:
        known = _NAMES.get((cls, option.name))
        schema = dict(_of(option.hint) if known is None else known)
        if option.meaning:
            schema["description"] = option.meaning
        if not option.required and not dataclasses.is_dataclass(option.default):
            schema["default"] = list(option.default) if isinstance(option.default, tuple) else option.default
        properties[option.name] = schema
    result: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [option.name for option in options if option.required]
    return {**result, "required": required} if required else result


def _of(hint: Any) -> Schema:
    """Return the schema of a field's type."""
    kind, given = get_origin(hint), get_args(hint)
    schema: Schema = {}
    if hint in _PLAIN:
        schema = {"type": _PLAIN[hint]}
    elif kind is Literal:
        schema = {"enum": list(given)}
    elif kind in (Union, UnionType):
        schema = {"anyOf": [_of(one) for one in given]}
    elif kind is tuple and given[-1] is not Ellipsis:
        several = [_of(one) for one in given]
        schema = {"type": "array", "items": several, "minItems": len(given), "maxItems": len(given)}
    elif kind in (tuple, list):
        schema = {"type": "array", "items": _of(given[0])}
    elif kind is dict:
        schema = {"type": "object", "additionalProperties": _of(given[1])}
    elif dataclasses.is_dataclass(hint):
        schema = _object(hint)
    return schema


# Fields that are names of a table, or parts of one, which their types do not say.
_STEPS: Schema = {"type": "array", "items": _reference("steps")}
_NAMES: dict[tuple[Any, str], Schema] = {
    (OptimizerConfig, "name"): {"enum": list(OPTIMIZERS)},
    (TrainConfig, "precision"): {"enum": list(PRECISIONS)},
    (TrainConfig, "initialization"): {"enum": list(INITIALIZATIONS)},
    (TrainConfig, "loggers"): {"type": "array", "items": {"enum": list(LOGGERS)}},
    (AdversarialConfig, "kind"): {"enum": list(ADVERSARIAL)},
    (ChainConfig, "preset"): {"enum": [*PRESETS, None]},
    (ChainConfig, "steps"): _STEPS,
    (ShuffleConfig, "steps"): _STEPS,
}
