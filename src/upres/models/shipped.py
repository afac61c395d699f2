"""The models that come inside the package: `<name>-x<scale>.onnx`, each with a card `<name>-x<scale>.md`.

Adding one is putting its two files into this folder. Facts are read from the ONNX file itself, without a
runtime, so that listing models costs milliseconds.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from upres.errors import ModelError, nearest
from upres.models.facts import Facts
from upres.models.onnx_facts import read_facts

DEFAULT = "base"
RENAMED = {"base-photo": ("base", 1.0)}
"""Names that models had once: which it is now, and at which position between its corners."""

PURPOSES = {
    "fast": "many pictures, previews",
    "base": "photographs as they come",
    "best": "clean pictures, a little sharper",
    "bicubic": "to compare with",
}
"""What each model is for, in a line."""

BICUBIC = "bicubic"
"""The model that is a formula: it has every scale, and no file."""

PACKAGE = Path(__file__).parent
"""The folder of the models that come with upres."""

DIGESTS = "SHA256SUMS"
"""The file with a digest of each model, written by `tools.digests`."""

_NAME = re.compile(r"(?P<name>.+)-x(?P<scale>\d+)\.onnx")


@dataclass(frozen=True)
class Shipped:
    """One model inside the package."""

    name: str
    scale: int
    path: Path

    @property
    def facts(self) -> Facts:
        """What the model's file says about it; read each time it is asked for.

        Raises:
            ModelError: the file is damaged or carries no facts.
        """
        return read_facts(self.path)


def shipped(folder: Path = PACKAGE) -> list[Shipped]:
    """Return the models inside the package, or laid out like them in another folder, sorted by name and scale."""
    found = []
    for path in folder.glob("*.onnx"):
        match = _NAME.fullmatch(path.name)
        if match:
            found.append(Shipped(match["name"], int(match["scale"]), path))
    return sorted(found, key=lambda model: (model.name, model.scale))


def scales(name: str, folder: Path = PACKAGE) -> list[int]:
    """Return the scales in which the model `name` is shipped, ascending.

    Raises:
        ModelError: no model has that name; the known ones are listed, closest first.
    """
    return [model.scale for model in named(name, folder)]


def named(name: str, folder: Path = PACKAGE) -> list[Shipped]:
    """Return the shipped models of a name, by ascending scale.

    Raises:
        ModelError: there is none; the known names are listed, closest first.
    """
    models = shipped(folder)
    found = [model for model in models if model.name == name]
    if not found:
        known = {model.name for model in models} | {BICUBIC}
        raise ModelError(f"unknown model {name!r}: {nearest(name, known)}, or the path of a .onnx file")
    return found


def find(name: str, scale: int | None = None, folder: Path = PACKAGE) -> Shipped:
    """Return one shipped model; without `scale`, the one that enlarges most.

    Raises:
        ModelError: no model has that name, or not at that scale.
    """
    found = named(name, folder)
    if scale is None:
        return found[-1]
    for model in found:
        if model.scale == scale:
            return model
    known = ", ".join(f"×{model.scale}" for model in found)
    raise ModelError(f"model {name!r} is not shipped at ×{scale}; it is at {known}")


def check_whole(path: Path, folder: Path = PACKAGE) -> None:
    """Refuse a model inside the package whose bytes are not those that were shipped; other files are not looked at.

    It costs a millisecond for a megabyte. Without it, most changes of one byte load, and change pixels.

    Raises:
        ModelError: the file is missing, or damaged.
    """
    if path.parent != folder:
        return
    known = {
        name: digest
        for digest, name in (line.split() for line in (folder / DIGESTS).read_text(encoding="utf-8").splitlines())
    }
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror}); install upres again", where=path) from error
    if found != known.get(path.name, found):
        raise ModelError("not the model that came with upres: its bytes have changed; install upres again", where=path)


def weights_of(name: str, folder: Path = PACKAGE) -> str:
    """Return a digest of all shipped files of a model, as the package lists them; empty where it lists none."""
    lines = (folder / DIGESTS).read_text(encoding="utf-8").splitlines()
    own = sorted(line for line in lines if line.split()[1].startswith(f"{name}-x"))
    return hashlib.sha256("\n".join(own).encode()).hexdigest()[:16] if own else ""


def int8_version(path: Path) -> Path:
    """Return where the int8 version of a float32 model lies, if it has one: beside it, `<its name>-int8.onnx`."""
    return path.with_name(f"{path.stem}-int8.onnx")
