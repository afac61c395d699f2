"""Imports go down or sideways, the light half needs no training stack, and importing upres costs nothing."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

import upres
from tests.commands import loaded_by
from tests.floors import (
    FILES,
    FLOORS,
    HEAVY,
    ROOT_FILES,
    SOURCE,
    entered,
    folder_of,
    imported,
    module_of,
    needs_an_extra,
)


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SOURCE)) for path in FILES])
def test_imports_go_down(path: Path) -> None:
    if path.parent == SOURCE:
        assert path.name in ROOT_FILES, f"{path.name}: at the root stand {', '.join(sorted(ROOT_FILES))} only"
        return
    here = folder_of(module_of(path))
    up = {there for there in entered(path) if there != here and FLOORS[there] >= FLOORS[here]}
    assert not up, f"{path.relative_to(SOURCE)} on floor {FLOORS[here]:g} imports {', '.join(sorted(up))}"


def test_the_root_imports_nothing_but_errors() -> None:
    assert {path.name for path in SOURCE.glob("*.py")} == ROOT_FILES
    assert imported(SOURCE / "__init__.py", at_import_only=True) - {"__future__", "typing"} == {"upres.errors"}


def test_every_floor_is_of_a_folder() -> None:
    for name in FLOORS:
        there = SOURCE / Path(*name.split("."))
        assert there.is_dir() or there.with_suffix(".py").is_file(), name


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.name == "__init__.py" and path.parent != SOURCE], ids=str
)
def test_init_names_and_defines_nothing(path: Path) -> None:
    docstring, *rest = ast.parse(path.read_text(encoding="utf-8")).body
    assert isinstance(docstring, ast.Expr), f"{path}: begins with what the folder holds"
    for node in rest:
        names = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        assert names or isinstance(node, ast.ImportFrom), f"{path}:{node.lineno} defines something"


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SOURCE)) for path in FILES])
def test_the_light_half_imports_no_training_stack(path: Path) -> None:
    if needs_an_extra(module_of(path)):
        return
    modules = imported(path, at_import_only=True)
    assert not {module.split(".")[0] for module in modules} & HEAVY
    inside = {module.removeprefix("upres.") for module in modules if module.startswith("upres.")}
    assert not {module for module in inside if needs_an_extra(module)}


@pytest.mark.parametrize("code", ["import upres", "import upres.cli.main"])
def test_importing_loads_nothing_heavy(code: str) -> None:
    expensive = HEAVY | {"numpy", "pyvips", "onnxruntime", "pydantic", "rich", "PIL"}
    loaded = loaded_by(code)
    assert "upres" in loaded
    assert not loaded & expensive


def test_the_upscaler_loads_no_runtime_before_it_is_asked() -> None:
    assert not loaded_by("import upres; upres.Upscaler") & (HEAVY | {"pyvips", "onnxruntime", "PIL", "pydantic"})


def test_the_public_surface_is_what_all_says() -> None:
    assert sorted(upres.__all__) == upres.__all__
    for name in upres.__all__:
        assert getattr(upres, name) is not None
    public = {name for name, value in vars(upres).items() if not name.startswith("_") and not is_module(value)}
    assert public - {"TYPE_CHECKING", "Any", "annotations"} <= set(upres.__all__)
    with pytest.raises(AttributeError, match="module 'upres' has no attribute 'upscaled'"):
        upres.upscaled  # type: ignore[attr-defined]  # noqa: B018


def is_module(value: object) -> bool:
    return isinstance(value, type(sys))


def test_no_module_takes_the_place_of_a_public_name() -> None:
    taken = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not taken & set(upres.__all__)


def test_the_package_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()


def test_test_modules_import_helpers_and_never_each_other() -> None:
    tests = sorted(Path(__file__).parent.glob("*.py"))
    assert Path(__file__) in tests
    known = {path.stem for path in tests if path.stem.startswith("test_")} | {"conftest"}
    for path in tests:
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.module is not None and node.level == 0, f"{path.name}:{node.lineno}"
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        names = {name.removeprefix("tests.").split(".")[0] for name in found}
        assert not names & known, f"{path.name} imports {', '.join(sorted(names & known))}: put what they share beside"


def test_what_tests_share_is_typed_strictly() -> None:
    settings = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    strict = [part["module"] for part in settings["tool"]["mypy"]["overrides"] if part.get("disallow_untyped_defs")]
    shared = {path.stem for path in Path(__file__).parent.glob("[!_]*.py") if not path.stem.startswith("test_")}
    assert strict == [[f"tests.{name}" for name in sorted(shared)]]


def test_lightning_is_imported_without_what_it_does_not_use() -> None:
    """Where SciPy is installed, all of its signal part came with it; whoever wants it still gets it."""
    without = "import sys, upres.train; assert 'scipy.signal' not in sys.modules"
    later = "import upres.train, scipy.signal; assert len(scipy.signal.windows.hamming(3)) == 3"
    before = "import scipy.signal, upres.train; assert len(scipy.signal.windows.hamming(3)) == 3"
    for code in (without, f"{without}; {later}", before):
        assert "pytorch_lightning" in loaded_by(code)  # which fails where the code does
