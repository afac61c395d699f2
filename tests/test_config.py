import ast
import dataclasses
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Mapping
from dataclasses import field

import pytest
from pydantic import TypeAdapter, ValidationError

import upres
from tests.commands import without
from upres.config import checked, config, dump, parse
from upres.errors import ConfigError


@config
class Crop:
    size: int = 48
    flips: bool = True


@config
class Run:
    scale: int
    crop: Crop = field(default_factory=Crop)
    sides: tuple[int, ...] = (1, 2)


def fault(values, cls=Run, key=""):
    with pytest.raises(ConfigError) as caught:
        parse(cls, values, where="run.yaml", key=key)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_configuration_survives_the_round_trip():
    run = parse(Run, {"scale": 4, "crop": {"size": 96}, "sides": [3, 4]}, where="run.yaml")
    assert run == Run(scale=4, crop=Crop(size=96), sides=(3, 4))
    assert dump(run) == {"scale": 4, "crop": {"size": 96, "flips": True}, "sides": [3, 4]}
    assert parse(Run, dump(run), where="again") == run


@config
class Simple:
    width: int
    rate: float = 1.0
    name: str | None = None
    kind: typing.Literal["a", "b"] = "a"
    table: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        if self.width < 1:
            raise ValueError(f"width = {self.width}: should be at least 1")


@pytest.mark.parametrize(
    "values",
    [
        {"width": 3},
        {"width": 3, "rate": 2.5, "name": None, "kind": "b", "table": {"one": 1.0}},
        {"width": 3, "rate": 2},  # an int for a float is converted
        {"width": 3, "table": {"one": 1}},
        {"width": 0},
        {"width": True},
        {"width": "3"},
        {"width": 3.5},
        {"width": 3, "kind": "c"},
        {"width": 3, "name": 4},
        {"width": 3, "table": {"one": "x"}},
        {"rate": 2.5},
        {"width": 3, "depth": 4},
    ],
)
def test_what_fits_already_is_taken_as_pydantic_would(values):
    """pydantic itself is the oracle: it converts the same, and refuses the same."""
    try:
        expected = [(type(value), value) for value in dataclasses.asdict(by_pydantic(values)).values()]
    except ValidationError:
        with pytest.raises(ConfigError):
            parse(Simple, values, where="file")
        return
    made = parse(Simple, values, where="file")
    assert [(type(value), value) for value in dataclasses.asdict(made).values()] == expected


def by_pydantic(values):
    return TypeAdapter(Simple).validate_python(values)


def test_simple_facts_are_read_without_pydantic():
    code = """
from dataclasses import field
from upres.config import config, parse
from upres.models.facts import Facts, from_json, to_json

@config
class Simple:
    width: int
    table: dict[str, float] = field(default_factory=dict)

print(parse(Simple, {"width": 3, "table": {"one": 1.0}}, where="file"))
facts = Facts(name="t", scale=2, scores={"Set5": 31.0})
print(from_json(to_json(facts), where="file") == facts)
"""
    assert without("pydantic", code=code).splitlines() == ["Simple(width=3, table={'one': 1.0})", "True"]


def test_it_is_frozen_and_keyword_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Crop().size = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        Crop(3)  # type: ignore[call-arg]


def test_an_unknown_key_is_refused_with_the_nearest():
    message = fault({"scale": 4, "crops": {}})
    assert message == ("run.yaml: unknown key crops = {}: did you mean crop? Known: crop, scale, sides")


def test_a_nested_key_is_dotted():
    message = fault({"scale": 4, "crop": {"sze": 32}})
    assert message == "run.yaml: unknown key crop.sze = 32: did you mean size? Known: size, flips"


def test_the_key_of_the_part_leads_the_dotted_path():
    assert "data.train.crop.size = 'big'" in fault({"scale": 2, "crop": {"size": "big"}}, key="data.train")


def test_a_wrong_type_names_key_value_and_rule():
    message = fault({"scale": "four"})
    assert message.startswith("run.yaml: scale = 'four': should be a valid integer")


@config
class Halo:
    width: int = 4

    def __post_init__(self):
        if self.width < 1:
            raise ValueError(f"width = {self.width}: should be at least 1")


@config
class Tiled:
    halo: Halo = field(default_factory=Halo)


def test_a_rule_of_the_configuration_itself_is_told_with_its_dotted_key():
    assert fault({"width": 0}, Halo) == "run.yaml: width = 0: should be at least 1"
    assert fault({"halo": {"width": 0}}, Tiled) == "run.yaml: halo.width = 0: should be at least 1"
    assert fault({"width": 0}, Halo, key="tiles") == "run.yaml: tiles.width = 0: should be at least 1"


def test_a_missing_key_is_named():
    assert fault({}) == "run.yaml: scale is missing and has no default"


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"width": "3.5"}, "width = '3.5': should be a valid integer"),
        ({"width": 3.5}, "width = 3.5: should be a valid integer"),
        ({"width": 3, "rate": "fast"}, "rate = 'fast': should be a valid number"),
        ({"width": 3, "name": 4}, "name = 4: should be text"),
        ({"width": 3, "kind": "c"}, "kind = 'c': should be 'a' or 'b'"),
        ({"width": 3, "table": [1]}, "table = [1]: should be a mapping"),
    ],
)
def test_the_rule_of_a_type_is_told_in_our_words(values, rule):
    assert fault(values, Simple) == f"run.yaml: {rule}"


def test_without_a_place_a_fault_is_a_value_error_with_its_key_alone():
    with pytest.raises(ValueError, match=r"^steps\.3\.width = 0: should be at least 1$"):
        checked(Halo, {"width": 0}, key="steps.3")


def test_several_faults_are_told_at_once():
    message = fault({"scale": "four", "crop": {"flips": "perhaps", "sze": 1}})
    assert "scale = 'four'" in message
    assert "crop.flips = 'perhaps'" in message
    assert "crop.sze = 1" in message


@pytest.mark.parametrize("values", [None, 3, "scale: 4", [1]])
def test_something_that_is_no_mapping_is_refused(values):
    assert fault(values) == (f"run.yaml: the file is {values!r}; expected a mapping of scale, crop, sides")


def modules():
    for info in pkgutil.walk_packages(upres.__path__, "upres."):
        try:
            yield importlib.import_module(info.name)
        except ImportError as error:  # an optional part whose library is not installed here
            if (error.name or "").partition(".")[0] == "upres":
                raise


def parts(annotation):
    """Every class inside an annotation: `tuple[Crop, ...] | None` holds Crop."""
    if isinstance(annotation, type):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from parts(inner)


def parsed(module):
    """The classes a module gives to `parse`: by name in its source, and through its tables of parts."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "parse" and node.args:
            named = vars(module).get(getattr(node.args[0], "id", ""))
            if isinstance(named, type):
                yield named
    for table in vars(module).values():
        if isinstance(table, Mapping):
            yield from (part.config_type for part in table.values() if hasattr(part, "config_type"))


def test_every_configuration_was_made_with_the_decorator():
    """Whatever `parse` is given, and every dataclass inside that."""
    waiting = {cls for module in modules() for cls in parsed(module)}
    assert waiting, "the walk found nothing, so it proves nothing"
    seen = set()
    while waiting:
        cls = waiting.pop()
        seen.add(cls)
        assert vars(cls).get("__pydantic_config__") == {"extra": "forbid"}, f"make {cls} with upres.config.config"
        inside = {part for hint in typing.get_type_hints(cls).values() for part in parts(hint)}
        waiting |= {part for part in inside if dataclasses.is_dataclass(part)} - seen
