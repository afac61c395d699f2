"""Imports go down or sideways, the light half needs no training stack, and importing upres costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import upres

SOURCE = Path(upres.__file__).parent

# HOUSE.md's floors; a folder's files share its floor. What is new must be given one.
FLOORS = {
    "upres": 0,  # the lazy front: it imports nothing but errors
    "errors": 0,
    "config": 0,
    "facts": 0,
    "atomic": 0,
    "spread": 0,
    "folders": 0,
    "image": 0,
    "parts": 1,
    "archs": 1,
    "degrade": 1,
    "losses": 1,
    "metrics": 1,
    "tiling": 1,
    "sizes": 1,
    "data": 2,
    "checkpoint": 2,
    "foreign": 2,
    "models": 2,
    "predictors": 3,
    "stages": 4,
    "upscaler": 4,
    "pages": 4,
    "progress": 1,
    "memory": 4,
    "loading": 4,
    "api": 4,
    "train": 5,
    "evaluate": 5,
    "report": 5,
    "export": 5,
    "convert": 5,
    "interpolate": 5,
    "quantise": 5,
    "bench": 5,
    "explore": 5,
    "pack": 5,
    "recipes": 6,
    "batch": 6,
    "service": 7,
    "demo": 7,
    "cli": 7,
    "__main__": 7,
}
LIGHT = (
    "errors",
    "config",
    "facts",
    "folders",
    "image",
    "tiling",
    "sizes",
    "models",
    "predictors",
    "stages",
    "memory",
    "pages",
    "upscaler",
    "loading",
    "api",
    "metrics",
    "cli",
)
HEAVY = {
    "torch",
    "openvino",
    "lightning",
    "pytorch_lightning",
    "matplotlib",
    "safetensors",
    "onnx",
    "yaml",
    "tensorboard",
}

FILES = sorted(SOURCE.rglob("*.py"))


def room(module: str) -> str:
    """Return the first name below upres of a dotted module: upres.image.files → image."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def module_of(path: Path) -> str:
    parts = ["upres", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, *, at_import_only: bool) -> set[str]:
    """Return the modules that a file imports: all of them, or those it imports when it is imported itself."""
    found: set[str] = set()

    def walk(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if at_import_only and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                if not at_import_only:
                    walk(child)
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative imports hide which room they enter"
                assert child.module is not None
                if child.module == "upres":
                    found.update(f"upres.{alias.name}" for alias in child.names)
                else:
                    found.add(child.module)
            walk(child)

    walk(ast.parse(path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SOURCE)) for path in FILES])
def test_no_import_goes_up(path: Path) -> None:
    here = room(module_of(path))
    assert here in FLOORS, f"{here} is new: give it a floor"
    if here == "upres":
        return
    for module in imported(path, at_import_only=False):
        there = room(module)
        if module.split(".")[0] == "upres" and there not in upres.__all__:
            assert FLOORS[there] <= FLOORS[here], f"{path.name} on floor {FLOORS[here]} imports {module}"


@pytest.mark.parametrize("name", LIGHT)
def test_the_light_half_imports_no_training_stack(name: str) -> None:
    files = [path for path in FILES if room(module_of(path)) == name]
    assert files
    for path in files:
        loaded = {module.split(".")[0] for module in imported(path, at_import_only=True)}
        assert not loaded & HEAVY, path


def loaded_by(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize("code", ["import upres", "import upres.cli"])
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
        upres.upscaled  # noqa: B018


def is_module(value: object) -> bool:
    return isinstance(value, type(sys))


def test_no_module_takes_the_place_of_a_public_name() -> None:
    taken = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not taken & set(upres.__all__)


def test_the_package_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()
