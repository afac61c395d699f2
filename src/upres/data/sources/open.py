"""The table of sources, and the ways to write one: a mapping in a recipe, one line anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from upres.config import parse
from upres.config.named_parts import NamedPart, build, line_options, parse_part
from upres.data.sources.celeba import Celeba, celeba_home
from upres.data.sources.celeba_hq import NAMES as HQ_NAMES
from upres.data.sources.celeba_hq import CelebaHq, celeba_hq_home
from upres.data.sources.cifar10 import Cifar10, cifar10_home
from upres.data.sources.div2k import Div2k, div2k_home, holds_div2k
from upres.data.sources.folder import Folder
from upres.data.sources.hf import Hf, holds_dataset
from upres.data.sources.npz import Npz
from upres.data.sources.source import Source
from upres.errors import ConfigError, DataError

SOURCES: dict[str, type[Source]] = {
    "celeba": Celeba,
    "celeba-hq": CelebaHq,
    "cifar10": Cifar10,
    "div2k": Div2k,
    "folder": Folder,
    "hf": Hf,
    "npz": Npz,
}

_HUB = "hf://"
_Found = tuple[str, dict[str, Any]] | None


def parse_source(values: Any, *, where: str, key: str) -> NamedPart:
    """Read one source of a recipe: a mapping with a name, or anything whose path is `hf://owner/name`.

    Raises:
        ConfigError: an unknown source, or a wrong option of it.
    """
    if isinstance(values, str) and values.startswith(_HUB):
        return _hub_part(values, {}, where=where, key=key)
    if isinstance(values, Mapping) and str(values.get("path", "")).startswith(_HUB):
        rest = {name: value for name, value in values.items() if name not in ("name", "path")}
        return _hub_part(values["path"], rest, where=where, key=key)
    return parse_part(SOURCES, values, where=where, key=key)


def open_source(text: str, *, scale: int | None = None, split: str | None = None) -> Source:
    """Open what one line names: `PATH`, or `hf://owner/name`, with options behind a question mark.

    `faces?take=100&resize=128`, `DIV2K?split=validation`, `hf://owner/name@revision?split=test`. What a path
    holds is recognised: an `.npz` file, DIV2K, CelebA, CelebA-HQ, CIFAR-10, a saved Hugging Face dataset, a
    folder with `HR` (and `LRx<scale>`), or else a folder of pictures.

    Args:
        text: the line.
        scale: hr side ÷ lr side, to find the published low-resolution partners; `None` looks for none.
        split: of the published layouts, where the line does not say another; `None` takes the training pictures.

    Raises:
        ConfigError: an option that the source does not have.
        DataError: nothing usable is there.
    """
    return build(SOURCES, locate(text, scale=scale, split=split), root=Path())


def locate(text: str, *, scale: int | None = None, split: str | None = None) -> NamedPart:
    """Recognise what one line names, as `open_source`, without opening it."""
    if text.startswith(_HUB):
        return _hub_part(text, {}, where=text, key="")
    place, options = _split(text)
    path = Path(place).expanduser()
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; give pictures, an .npz file, or hf://owner/name")
    name, found = _recognised(path, scale, options.get("split", split))
    if options.keys() & {"crop", "shrink", "resize"} and "lr" not in options:  # these would tear pairs apart
        found = {option: value for option, value in found.items() if option not in ("lr", "partner")}
    return NamedPart(name, parse(SOURCES[name].config_type, {**found, **options}, where=text))


def _recognised(path: Path, scale: int | None, split: str | None) -> tuple[str, dict[str, Any]]:
    if path.is_dir():
        looks = (_div2k, _celeba, _cifar10, _dataset, _benchmark)
        return next((found for look in looks if (found := look(path, scale, split))), ("folder", {"path": str(path)}))
    if path.suffix == ".npz":
        return "npz", {"path": str(path)}
    if path.name.endswith((".tar.gz", ".tgz")):
        return "cifar10", {"path": str(path)}
    raise DataError(f"{path}: not a set of pictures; give a folder, an .npz file, or hf://owner/name")


def _div2k(path: Path, scale: int | None, split: str | None) -> _Found:
    home = div2k_home(path)
    if not holds_div2k(home):
        return None
    chosen = split or ("train" if (home / "DIV2K_train_HR").is_dir() else "validation")
    published = home / f"DIV2K_{'valid' if chosen == 'validation' else 'train'}_LR_bicubic" / f"X{scale}"
    lr = {"lr": f"bicubic/X{scale}"} if published.is_dir() else {}
    return "div2k", {"path": str(home), "split": chosen, **lr}


def _celeba(path: Path, _: int | None, split: str | None) -> _Found:
    if celeba_home(path) is not None:
        return "celeba", {"path": str(path), **({"split": split} if split else {})}
    # A folder that merely holds 0.png is taken for what it is unless its name says CelebA-HQ.
    home = celeba_hq_home(path)
    if home is not None and (home != path or path.name in HQ_NAMES):
        return "celeba-hq", {"path": str(path), "split": split or "all"}
    return None


def _cifar10(path: Path, _: int | None, split: str | None) -> _Found:
    return (
        None if cifar10_home(path) is None else ("cifar10", {"path": str(path), **({"split": split} if split else {})})
    )


def _dataset(path: Path, _: int | None, __: str | None) -> _Found:
    return ("hf", {"dataset": str(path.absolute())}) if holds_dataset(path) else None


def _benchmark(path: Path, scale: int | None, _: str | None) -> _Found:
    if not (path / "HR").is_dir():
        return None
    given = path / f"LRx{scale}"
    return "folder", {"path": str(path / "HR"), **({"lr": str(given.absolute())} if given.is_dir() else {})}


def _split(text: str) -> tuple[str, dict[str, str]]:
    """Return the path and the options behind its question mark; a file of that very name comes first."""
    if Path(text).expanduser().exists():
        return text, {}
    place, mark, query = text.partition("?")
    return (place, line_options(query, where=text)) if mark else (text, {})


def _hub_part(address: str, options: Mapping[str, Any], *, where: str, key: str) -> NamedPart:
    name, _, query = address.removeprefix(_HUB).removeprefix("datasets/").partition("?")
    name, _, revision = name.partition("@")
    values = {
        **options,
        **line_options(query, where=address),
        "dataset": name,
        **({"revision": revision} if revision else {}),
    }
    if not name.strip("/"):
        raise ConfigError(f"{where}: {key or 'data'} = {address!r}: should be hf://owner/name")
    return NamedPart("hf", parse(Hf.config_type, values, where=where, key=key))
