"""The floors of the folders, and what is read of the imports between them: for the tests and for the drawing."""

from __future__ import annotations

import ast
from pathlib import Path

import upres

SOURCE = Path(upres.__file__).parent

# The floors: a folder imports from folders on lower floors and from itself. A sub-folder has a floor of its own: its
# parent imports it, or it imports its parent. docs/architecture.md is compared with this list.
FLOORS = {
    "errors": 1.0,
    "config": 1.5,
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
    "video": 8.0,
    "recipes": 9.0,
    "service": 9.0,
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
    "models.backbones",
    "models.checkpoint",
    "models.dists",
    "models.lpips",
    "models.mixing",
    "models.tensor_files",
    "models.vgg",
    "models.foreign",
    "recipes",
    "service.about",
    "service.answers",
    "service.app",
    "service.guard",
    "service.job_routes",
    "service.page",
    "service.pictures",
    "service.server",
    "service.service",
    "service.table",
    "service.uploads",
    "train",
    "video.captions",
    "video.colours",
    "video.decoding",
    "video.dolby",
    "video.encoding",
    "video.enlarging",
    "video.joining",
    "video.keeping",
    "video.languages",
    "video.opening",
    "video.planning",
    "video.predicting",
    "video.repeats",
    "video.sequences",
    "video.subtitles",
    "video.trial",
}
HEAVY = {
    "av",
    "torch",
    "openvino",
    "lightning",
    "pytorch_lightning",
    "matplotlib",
    "safetensors",
    "onnx",
    "yaml",
    "tensorboard",
    "starlette",
    "uvicorn",
    "python_multipart",
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


def needs_an_extra(module: str) -> bool:
    """Return whether a module below upres may be there only with an extra."""
    return any(module == heavy or module.startswith(f"{heavy}.") for heavy in NEEDS_AN_EXTRA)
