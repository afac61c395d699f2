"""What `upres upscale` does unless it is told otherwise: from `upres.toml` files and `UPRES_…` variables.

The command line stands above the environment, that above the folder's file, that above the user's, and all of them
above what is built in.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from upres.config import config, parse
from upres.config.limits import MAX_SCALE
from upres.errors import ConfigError, UpresError, nearest

FILE = "upres.toml"
"""The name of a file of defaults, in a folder and in the user's own."""

NO_CONFIG = "UPRES_NO_CONFIG"
"""The variable that stands for `--no-config`."""

VARIABLES = {
    NO_CONFIG: "1: enlarge by the command line and what is built in alone, as --no-config does.",
    "UPRES_CACHE": "The folder for what can be made again; by default upres in the user's cache folder.",
    "UPRES_TOKEN": "What requests to upres serve must bring.",
}
"""The variables that are no option's default, and what each is for."""

# Of these one decides: where a nearer place says one of them, what a farther one says of the others is left aside.
_EITHER = (("scale", "width", "height", "fit"), ("device", "gpu"), ("overwrite", "skip_existing"))

_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@config
class Defaults:
    """What may have a default; each is the option of that name, and `None` where nothing was said."""

    scale: int | float | str | None = None
    width: int | None = None
    height: int | None = None
    fit: str | None = None
    model: str | None = None
    denoise: int | float | str | None = None
    detail: float | None = None
    ensemble: bool | None = None
    format: str | None = None
    quality: int | None = None
    lossless: bool | None = None
    background: str | None = None
    overwrite: bool | None = None
    max_pixels: int | None = None
    max_frames: int | None = None
    max_memory: int | str | None = None
    strict: bool | None = None
    skip_existing: bool | None = None
    include: list[str] | None = None
    exclude: list[str] | None = None
    device: str | None = None
    backend: str | None = None
    precision: str | None = None
    tile: int | None = None
    halo: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("width", "height", "max_pixels", "max_frames", "tile", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} = {value}: should be at least 1")
        if self.halo is not None and self.halo < 0:
            raise ValueError(f"halo = {self.halo}: should be at least 0")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ValueError(f"quality = {self.quality}: should be from 1 to 100")
        if self.detail is not None and not 0 <= self.detail <= 1:
            raise ValueError(f"detail = {self.detail:g}: should be from 0 to 1")
        if self.denoise not in (None, "auto") and not 0 <= _number(self.denoise) <= 1:
            raise ValueError(f"denoise = {self.denoise!r}: should be a number from 0 to 1, or auto")


@dataclass(frozen=True)
class Setting:
    """A default that is in force.

    Attributes:
        name: of the default.
        value: as Typer takes it.
        origin: the file, or the variable, that says it.
    """

    name: str
    value: Any
    origin: str


def user_file() -> Path:
    """Return the user's own file, whether it is there or not."""
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", "~/AppData/Roaming")).expanduser() / "upres" / FILE
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "upres" / FILE


def files() -> list[Path]:
    """Return the files that are looked for, the nearer first: in this folder, and the user's own."""
    return [Path(FILE), user_file()]


def ignored(arguments: Sequence[str]) -> bool:
    """Return whether files and variables are to be left aside.

    Raises:
        ConfigError: the variable is neither yes nor no.
    """
    said = os.environ.get(NO_CONFIG, "").lower()
    if said and said not in _WORDS:
        raise ConfigError(f"{NO_CONFIG}: {said!r} should be 1 or 0")
    return "--no-config" in arguments or _WORDS.get(said, False)


def in_force(said: Sequence[str] = ()) -> dict[str, Setting]:
    """Return the defaults that files and variables set, by their names.

    Args:
        said: the options that the command line says, by their names; it decides.

    Raises:
        ConfigError: names the file and its line, or the variable: an unknown key, or a value that cannot be.
    """
    found: dict[str, Setting] = {}
    taken = set(_with_others(said))
    for place in (_variables(), *(_file(path) for path in _once(files()))):
        found |= {name: setting for name, setting in place.items() if name not in taken}
        taken.update(_with_others(place))
    return found


def defaults_of(command: Any) -> dict[str, Any]:
    """Return what is built in: the defaults of Typer's command for `upres upscale`, by their names."""
    known = set(_names())
    return {name: param.default for name, param in _params(command).items() if name in known}


def for_command(command: Any, arguments: Sequence[str]) -> dict[str, Setting]:
    """Return the defaults for a command line, by the names that Typer's command for `upres upscale` gives them.

    Raises:
        ConfigError: as `in_force`.
    """
    if ignored(arguments):
        return {}
    params = _params(command)
    typed = {argument.partition("=")[0] for argument in arguments}
    said = [name for name, param in params.items() if typed & {*param.opts, *param.secondary_opts}]
    if _names_a_format(arguments):
        said.append("format")
    return {params[name].name: setting for name, setting in in_force(said).items()}


def _names_a_format(arguments: Sequence[str]) -> bool:
    """Return whether the output is a file whose ending says its format, which then needs no default."""
    from upres.image.codecs.table import WRITTEN

    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if name in ("-o", "--output"):
            path = Path(value if equals else following)
            return path.suffix.lower() in WRITTEN and not path.is_dir()
    return False


def _params(command: Any) -> dict[str, Any]:
    """Return Typer's options by what people call them: `format` is `form` in Python."""
    return {max(param.opts, key=len).strip("-").replace("-", "_"): param for param in command.params}


def unknown_variables() -> list[str]:
    """Return what begins with `UPRES_` in the environment and sets nothing."""
    known = {*VARIABLES, *map(variable, _names())}
    return sorted(name for name in os.environ if name.startswith("UPRES_") and name not in known)


def variable(name: str) -> str:
    """Return the variable of a default."""
    return f"UPRES_{name.upper()}"


def _with_others(names: Sequence[str] | Mapping[str, Any]) -> Iterator[str]:
    """Yield names, and those that are left aside because of them."""
    for name in names:
        yield name
        yield from next((group for group in _EITHER if name in group), ())


def _once(paths: Sequence[Path]) -> list[Path]:
    """Return files without those that are one of the others: the user's folder may be this one."""
    return list({path.resolve(): path for path in reversed(paths)}.values())[::-1]


def _names() -> list[str]:
    return [field.name for field in fields(Defaults)]


def _variables() -> dict[str, Setting]:
    kinds = {name: get_args(hint) for name, hint in get_type_hints(Defaults).items()}
    found = {}
    for name in _names():
        text = os.environ.get(variable(name), "")
        if text:
            found[name] = _setting(name, _read(text, kinds[name]), where=variable(name), origin=variable(name))
    return found


def _read(text: str, kinds: tuple[Any, ...]) -> Any:
    """Return what a variable says as a file would say it; what cannot be read so stays text, which is refused later."""
    if bool in kinds:
        return _WORDS.get(text.lower(), text)
    if list[str] in kinds:
        return [text]
    if str not in kinds:
        for kind in (int, float):
            with contextlib.suppress(ValueError):
                return kind(text)
    return text


def _file(path: Path) -> dict[str, Setting]:
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}); --no-config leaves it aside", where=path) from error
    except (ValueError, RecursionError) as error:  # what is not TOML, or not UTF-8
        raise ConfigError(f'is no TOML: {error}; a line is such as model = "best"', where=path) from error
    return {
        name: _setting(name, _beside(path, name, value), where=f"{path}, line {_line(text, name)}", origin=str(path))
        for name, value in values.items()
    }


def _beside(path: Path, name: str, value: Any) -> Any:
    """Return a value as it is meant where it stands: a model's file lies where the file that names it does."""
    if name != "model" or not isinstance(value, str):
        return value
    from upres.predictors.opening import is_path

    return str(path.parent / Path(value).expanduser()) if is_path(value) else value


def _line(text: str, name: str) -> int:
    """Return the line of a file on which a key or a table begins."""
    written = re.compile(rf"""\s*\[*\s*["']?{re.escape(name)}\b""")
    return next((number for number, line in enumerate(text.split("\n"), 1) if written.match(line)), 1)


def _setting(name: str, value: Any, *, where: str, origin: str) -> Setting:
    """Check one default, and return it as Typer takes it."""
    if name not in _names() and isinstance(value, dict):
        raise ConfigError(f"unknown table {name}: defaults stand in no table; {nearest(name, _names())}", where=where)
    checked: Any = getattr(parse(Defaults, {name: value}, where=where), name)
    if name in _RULES:
        try:
            _RULES[name](checked)
        except UpresError as error:
            raise ConfigError(str(error), where=where) from error
    # These options are text: "4x" is a scale, and "auto" an amount of denoising.
    if name in ("scale", "denoise", "max_memory"):
        checked = f"{checked:g}" if isinstance(checked, float) else str(checked)
    return Setting(name, checked, origin)


def _number(text: Any) -> float:
    with contextlib.suppress(ValueError):
        return float(text)
    return -1.0


def _a_scale(value: int | float | str) -> None:
    from upres.config.amounts import parse_scale

    scale = parse_scale(str(value))
    if not 0 < scale <= MAX_SCALE:
        raise ConfigError(f"scale = {value!r}: should be above 0 and at most {MAX_SCALE}")


def _a_box(value: str) -> None:
    from upres.upscaling.sizes import Size, box

    try:
        Size(fit=box(value))
    except ConfigError as error:
        raise ConfigError(f"fit {error}") from error


def _a_model(value: str) -> None:
    from upres.errors import ModelError
    from upres.models.shipped import RENAMED, scales
    from upres.predictors.opening import is_bicubic, is_path

    if is_path(value):
        if not Path(value).exists():
            raise ModelError(f"model = {value!r}: no such file")
    elif not is_bicubic(value) and value not in RENAMED:
        scales(value)


def _a_format(value: str) -> None:
    from upres.upscaling.batch.jobs import suffix_of

    suffix_of(value)


def _a_colour(value: str) -> None:
    from upres.image.background import parse_colour

    parse_colour(value)


def _an_amount(value: int | str) -> None:
    from upres.config.amounts import parse_memory

    try:
        parse_memory(str(value))
    except ConfigError as error:
        raise ConfigError(f"max_memory {error}") from error


def _an_execution(**named: str) -> None:
    from upres.predictors.executions import check_names

    besides = ("auto", "near") if "precision" in named else ("auto",)
    check_names(**{"device": None, "backend": None, "precision": None, **named}, besides=besides)


# What other folders know of values; they are asked only where a file or variable says one.
_RULES: dict[str, Callable[[Any], None]] = {
    "scale": _a_scale,
    "fit": _a_box,
    "model": _a_model,
    "format": _a_format,
    "background": _a_colour,
    "max_memory": _an_amount,
    "device": lambda value: _an_execution(device=value),
    "backend": lambda value: _an_execution(backend=value),
    "precision": lambda value: _an_execution(precision=value),
}
