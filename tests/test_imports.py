"""Imports go down or sideways, the light half needs no training stack, and importing upres costs nothing."""

import ast
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

import upres

SOURCE = Path(upres.__file__).parent

# The floors: a folder imports from folders on lower floors and from itself. A sub-folder has a floor of its own: its
# parent imports it, or it imports its parent. docs/architecture.md is compared with this list.
FLOORS = {
    "errors": 1.0,
    "config": 2.0,
    "html": 2.0,
    "storage": 2.0,
    "image.metadata": 2.4,  # below the codecs, which read and write it
    "image.codecs": 2.5,
    "image": 3.0,
    "archs.layers": 3.25,
    "archs": 3.5,
    "degrade.steps": 3.5,
    "degrade": 4.0,
    "models": 4.0,
    "data.sources": 4.5,
    "models.foreign": 4.5,
    "metrics": 4.75,
    "data": 5.0,
    "predictors": 5.0,
    "export": 6.0,
    "losses": 6.0,
    "upscaling": 6.0,
    "upscaling.batch": 6.5,
    "upscaling.batch.engines": 6.6,  # an engine knows jobs; a job knows no engine
    "evaluation": 7.0,
    "compare": 8.0,
    "explore": 8.0,
    "train": 8.0,
    "recipes": 9.0,
    "cli": 10.0,
}
# Files at the package's root. __init__ is the lazy front, __main__ calls the command: neither has a floor.
ROOT_FILES = {"__init__.py", "__main__.py", "errors.py"}

# What needs an extra, as docs/architecture.md's last column says: folders, and single files of light folders.
NEEDS_AN_EXTRA = {
    "archs",
    "archs.layers",
    "data.pack",
    "degrade",
    "export",
    "losses",
    "models.activations",
    "models.checkpoint",
    "models.mixing",
    "models.vgg",
    "models.foreign",
    "recipes",
    "train",
}
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


def module_of(path: Path) -> str:
    """Return a file's dotted name below upres; a folder's own for its `__init__`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def folder_of(module: str) -> str:
    """Return the folder with a floor of its own in which a module below upres lies: image.codecs.gif → image.codecs."""
    found = [folder for folder in FLOORS if module == folder or module.startswith(f"{folder}.")]
    assert found, f"{module} is new: give its folder a floor"
    return max(found, key=len)


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
                assert child.level == 0, f"{path}: relative imports hide which folder they enter"
                assert child.module is not None
                # What is imported from a package may be a module of it.
                for alias in child.names:
                    inner = SOURCE.parent / Path(*child.module.split("."), alias.name)
                    is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                    found.add(f"{child.module}.{alias.name}" if is_module else child.module)
            walk(child)

    walk(ast.parse(path.read_text(encoding="utf-8")))
    return found


def entered(path: Path) -> set[str]:
    """Return the folders of upres that a file imports from."""
    inside = {module.removeprefix("upres.") for module in imported(path, at_import_only=False) if "upres." in module}
    return {folder_of(module) for module in inside}


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


def needs_an_extra(module: str) -> bool:
    return any(module == heavy or module.startswith(f"{heavy}.") for heavy in NEEDS_AN_EXTRA)


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SOURCE)) for path in FILES])
def test_the_light_half_imports_no_training_stack(path: Path) -> None:
    if needs_an_extra(module_of(path)):
        return
    modules = imported(path, at_import_only=True)
    assert not {module.split(".")[0] for module in modules} & HEAVY
    inside = {module.removeprefix("upres.") for module in modules if module.startswith("upres.")}
    assert not {module for module in inside if needs_an_extra(module)}


def loaded_by(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


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
        upres.upscaled  # noqa: B018


def is_module(value: object) -> bool:
    return isinstance(value, type(sys))


def test_no_module_takes_the_place_of_a_public_name() -> None:
    taken = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not taken & set(upres.__all__)


def test_the_package_is_typed() -> None:
    assert (SOURCE / "py.typed").is_file()


PAGE = (SOURCE.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_page_lists_the_floors() -> None:
    rows = re.findall(r"^\| ([\d.]+) \| `([\w/.]+)` \|", PAGE, re.MULTILINE)
    listed = {name.removesuffix(".py").strip("/").replace("/", "."): float(floor) for floor, name in rows}
    assert listed == FLOORS


def journeys() -> dict[str, list[str]]:
    """Return the files of each journey on the page, in their order."""
    chapters = re.findall(r"^### ([^\n]+)\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    found = {name: re.findall(r"^\d+\. `([\w/]+\.py)`", text, re.MULTILINE) for name, text in chapters}
    return {name: files for name, files in found.items() if files}


@pytest.mark.parametrize("name", journeys())
def test_a_journey_takes_no_step_back(name: str) -> None:
    files = journeys()[name]
    reached: set[str] = set()
    for number, file in enumerate(files):
        module = "upres." + module_of(SOURCE / file)
        assert number == 0 or module in reached, f"{file} is imported by none before it"
        reached |= imported(SOURCE / file, at_import_only=False)
        reached |= {found for package in set(reached) for found in named_by(package)}
    folders = [folder for folder, _ in itertools.groupby(file.split("/")[0] for file in files)]
    again = {folder for folder in folders if folders.count(folder) > (2 if folder == "image" else 1)}
    assert not again, f"{again} are entered again"


def named_by(module: str) -> set[str]:
    """Return the modules whose names a package's `__init__` passes on."""
    init = SOURCE.parent / Path(*module.split(".")) / "__init__.py"
    return imported(init, at_import_only=True) if module.startswith("upres.") and init.is_file() else set()
