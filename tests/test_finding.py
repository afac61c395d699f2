"""What a person finds without reading code: recipes, parts, the schema, and the first recipe of the documents."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.commands import Command
from tests.small_runs import save_photos
from upres.cli.parts import Kind
from upres.config import config
from upres.config.options import options_of
from upres.losses import LOSSES, Loss
from upres.recipes import header_of, parse_recipe, read_recipe, recipe_schema, run_recipe, shipped_recipes
from upres.recipes.table import KINDS

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = recipe_schema()
_TYPES: dict[str, Any] = {"integer": int, "number": (int, float), "string": str, "array": list, "object": dict}


def faults(value: Any, schema: dict[str, Any], at: str = "") -> list[str]:
    """What a validator says of the keywords that the schema uses (draft 7)."""
    if "$ref" in schema:
        return faults(value, SCHEMA["definitions"][schema["$ref"].rsplit("/", 1)[1]], at)
    if "anyOf" in schema and all(faults(value, one, at) for one in schema["anyOf"]):
        return [f"{at}: none of the forms"]
    kind = schema.get("type")
    fits = {"null": value is None, "boolean": isinstance(value, bool)}
    plain = kind in _TYPES and isinstance(value, _TYPES[kind]) and not isinstance(value, bool)
    if kind is not None and not fits.get(kind, plain):
        return [f"{at}: not {kind}"]
    found = [f"{at}: not {schema['const']}"] if value != schema.get("const", value) else []
    found += [f"{at}: not one of {schema['enum']}"] if value not in schema.get("enum", [value]) else []
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at}: not {schema['pattern']}")
    if kind in ("number", "integer") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{at}: out of range")
    return found + (_of_array if kind == "array" else _of_object if kind == "object" else _of_others)(value, schema, at)


def _of_others(value: Any, schema: dict[str, Any], at: str) -> list[str]:
    return []


def _of_array(value: list[Any], schema: dict[str, Any], at: str) -> list[str]:
    items = schema["items"]
    each = items if isinstance(items, list) else [items] * len(value)
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return [f"{at}: of another length"]
    return [
        fault
        for number, (one, form) in enumerate(zip(value, each, strict=True))
        for fault in faults(one, form, f"{at}.{number}")
    ]


def _of_object(value: dict[str, Any], schema: dict[str, Any], at: str) -> list[str]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = [f"{at}.{name}: missing" for name in schema.get("required", []) if name not in value]
    for name, inner in value.items():
        if name in properties:
            found += faults(inner, properties[name], f"{at}.{name}")
        elif others is False:
            found.append(f"{at}.{name}: unknown")
        elif isinstance(others, dict):
            found += faults(inner, others, f"{at}.{name}")
    return found


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipes_follow_the_schema_also_with_every_default_written_out(name: str) -> None:
    assert faults(yaml.safe_load(shipped_recipes()[name].read_text(encoding="utf-8")), SCHEMA) == []
    assert faults(json.loads(json.dumps(read_recipe(name).dump())), SCHEMA) == []


@pytest.mark.parametrize(
    "change",
    [
        {"archs": "espcn"},
        {"scale": "two"},
        {"scale": 0},
        {"arch": "epscn"},
        {"arch": {"name": "espcn", "width": 3}},
        {"losses": []},
        {"losses": [{"name": "l1", "weight": -1}]},
        {"train": {"epochs": 1, "epoch": 2}},
        {"train": {}},
        {"train": {"epochs": 1, "precision": "int8"}},
        {"train": {"epochs": 1, "optimizer": {"lr": 1}}},
        {"data": {"train": ["x"], "validation": [{"name": "folder", "path": "b"}]}},
        {"degradation": {"name": "chain", "preset": "foto"}},
        {"schedule": {"name": "multi-step"}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_recipes_refuse(change: dict[str, Any]) -> None:
    from upres.errors import ConfigError

    good = yaml.safe_load(shipped_recipes()["finetune-x4"].read_text(encoding="utf-8"))
    assert faults({**good, **change}, SCHEMA)
    with pytest.raises(ConfigError):
        parse_recipe({**good, **change}, where="r.yaml")


def test_the_schema_has_every_row_of_every_table_and_what_outsiders_add() -> None:
    assert set(SCHEMA["definitions"]) == set(KINDS) - {"optimizers", "loggers"}

    @config
    class MineConfig:
        """Attributes:

        depth: how deep,
            and how wide.
        """

        depth: int = 3

    class Mine(Loss):
        """Mine: nothing but an example. Of no use."""

        config_type = MineConfig

        def forward(self, sr: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
            return (sr - hr).mean()

    with LOSSES.added("mine", Mine):
        forms = recipe_schema()["definitions"]["losses"]["anyOf"]
    assert {form["properties"]["name"]["const"] for form in forms[1:]} == {*LOSSES, "mine"}
    mine = next(form for form in forms[1:] if form["properties"]["name"]["const"] == "mine")
    assert mine["properties"]["depth"] == {"type": "integer", "description": "how deep, and how wide.", "default": 3}
    assert [(one.name, one.shown_default, one.meaning) for one in options_of(MineConfig)] == [
        ("depth", "3", "how deep, and how wide.")
    ]


def test_recipes_are_listed_shown_and_copied(tmp_path: Path, command: Command) -> None:
    code, out, _ = command("recipes")
    assert code == 0
    for name, path in shipped_recipes().items():
        header = header_of(path)
        assert all((header.task, header.data, header.result, header.cost)), name
        assert all(text in out for text in (name, header.task, header.data, header.result, header.cost))
    text = shipped_recipes()["base-x4"].read_text(encoding="utf-8")
    assert command("recipes", "show", "base-x4") == (0, text, "")
    assert "base-x5: no recipe of that name (did you mean base-x4?" in command.refused(
        tmp_path, "recipes", "show", "base-x5"
    )
    assert "'shw' is not one of 'show', 'copy', 'convert', 'schema'" in command.refused(tmp_path, "recipes", "shw")

    mine = tmp_path / "my.yaml"
    assert command("recipes", "copy", "base-x4", str(mine)) == (0, f"{mine}\n", "")
    assert mine.read_text(encoding="utf-8") == f"# yaml-language-server: $schema=recipe.schema.json\n{text}"
    assert read_recipe(str(mine)) == read_recipe("base-x4")
    assert (
        json.loads((tmp_path / "recipe.schema.json").read_text())
        == SCHEMA
        == json.loads(command("recipes", "schema")[1])
    )
    assert "is there already; give another name" in command.refused(tmp_path, "recipes", "copy", "base-x4", str(mine))


def test_train_without_a_recipe_lists_them(command: Command) -> None:
    code, out, err = command("train")
    assert (code, out) == (2, "") and all(f"\n{name} " in f"\n{err}" for name in shipped_recipes())
    assert err.splitlines()[-1].startswith("upres: give one of these, a recipe file, or a run folder to resume")


def test_parts_are_listed_with_their_options(tmp_path: Path, command: Command) -> None:
    code, out, _ = command("list")
    assert code == 0 and [line.split()[0] for line in out.splitlines()[1:]] == list(KINDS)
    for kind, found in KINDS.items():
        code, out, _ = command("list", kind)
        assert code == 0 and re.findall(r"^([\w-]+): .", out, re.MULTILINE) == list(found.table), kind
    assert "width 48, blocks 6, repeats 1, upsampling nearest" in command("list", "archs")[1]
    assert "rate 0.001" in command("list", "optimizers")[1]
    assert "milestones, factor 0.5" in command("list", "schedules")[1]
    told = command("list", "sources", "folder")[1]
    assert re.search(r"^min_side +- +leave out pictures with a side of fewer pixels", told, re.MULTILINE)
    assert re.search(r"^path +needed ", told, re.MULTILINE) and re.search(
        r"^shrink +1 +reduce by this", told, re.MULTILINE
    )
    assert "'loses' is not one of 'archs', 'losses'," in command.refused(tmp_path, "list", "loses")
    assert list(Kind) == list(KINDS)
    assert "l3: there is none of that name among losses; did you mean l1?" in command.refused(
        tmp_path, "list", "losses", "l3"
    )


@pytest.mark.slow
def test_the_first_recipe_trains_on_a_folder_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPRES_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    text = re.findall(r"## A first recipe.*?```yaml\n(.*?)```", page, re.DOTALL)[0]
    assert len(text.splitlines()) <= 12 and faults(yaml.safe_load(text), SCHEMA) == []
    save_photos(tmp_path / "my-photos", 6)
    (tmp_path / "mine.yaml").write_text(text)
    short = ["train.epochs=1", "train.steps_per_epoch=1", "train.batch=2", "train.samples=0"]
    assert run_recipe(read_recipe("mine.yaml", settings=short), Path("run")).is_file()


def test_the_readme_stays_short() -> None:
    """Its words, the first recipe apart, which is the one that the page about training explains."""
    text, page = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/training.md"))
    recipe = re.findall(r"```yaml\n.*?```", text, re.DOTALL)
    assert len(recipe) == 1 and recipe[0] in page
    assert len(text.replace(recipe[0], "").split()) <= 700
