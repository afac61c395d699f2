"""What a request may ask for: one table, read by the parser, the description and the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from upres.config.limits import MAX_SIDE
from upres.errors import ConfigError, nearest
from upres.service.problems import Problem, ProblemError, problem_of
from upres.upscaling.sizes import Size, box


@dataclass(frozen=True)
class Parameter:
    """One thing that may be asked for, in the query or as a field of a form.

    Attributes:
        name: its name.
        kind: what its value is.
        meaning: in words.
        example: a value.
        least, most: the range of a number.
    """

    name: str
    kind: Literal["number", "integer", "text", "flag"]
    meaning: str
    example: str
    least: float | None = None
    most: float | None = None


PARAMETERS = (
    Parameter("scale", "number", "Output side ÷ input side; by default the model's own.", "2", 1, 32),
    Parameter("width", "integer", "Width of the output in pixels.", "1920", 1, MAX_SIDE),
    Parameter("height", "integer", "Height of the output in pixels.", "1080", 1, MAX_SIDE),
    Parameter("fit", "text", "Largest size that fits this box.", "3840x2160"),
    Parameter("model", "text", "A name from /v1/models.", "base"),
    Parameter("denoise", "text", "0 for clean pictures to 1 for hard compressed ones, or auto.", "auto"),
    Parameter(
        "detail", "number", "0: as near to the truth as can be; 1: with the detail it may have had.", "0.5", 0, 1
    ),
    Parameter("format", "text", "Format of the output; by default that of the picture.", "png"),
    Parameter("quality", "integer", "Of JPEG, WebP, AVIF and JPEG XL.", "95", 1, 100),
    Parameter("lossless", "flag", "Make WebP, AVIF and JPEG XL lossless.", "false"),
    Parameter("background", "text", "Colour on which transparent pictures are laid.", "white"),
    Parameter("strip", "flag", "Leave EXIF, IPTC and XMP behind.", "false"),
)
"""All that a request may ask for."""

_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
_FLAGS = {"true": True, "1": True, "on": True, "yes": True, "false": False, "0": False, "off": False, "no": False}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a request asks for; the names are those of `PARAMETERS`."""

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    fit: str | None = None
    model: str | None = None
    denoise: str = "auto"
    detail: float | None = None
    format: str | None = None
    quality: int = 95
    lossless: bool = False
    background: str | None = None
    strip: bool = False

    @property
    def size(self) -> Size:
        """The size that is wanted.

        Raises:
            ConfigError: it is said in two ways, or out of range.
        """
        return Size(self.scale, self.width, self.height, None if self.fit is None else box(self.fit))

    @property
    def position(self) -> float | None:
        """The position between the model's corners, or `None` where each picture gets its own.

        Raises:
            ConfigError: not a number from 0 to 1.
        """
        if self.denoise == "auto":
            return None
        try:
            value = float(self.denoise)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise ConfigError(f"denoise {self.denoise}: should be a number from 0 to 1, or auto", settings=("denoise",))
        return value

    def members(self) -> dict[str, Any]:
        """Return what was asked for as JSON holds it."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


def read_asked(given: Iterable[tuple[str, str]]) -> Asked:
    """Read what a query and a form say; a field that was left empty says nothing.

    Raises:
        ProblemError: an unknown name, one given twice, or a value that cannot be.
    """
    values: dict[str, Any] = {}
    for name, text in given:
        if not text.strip():
            continue
        if name not in _BY_NAME:
            raise ProblemError(Problem("bad-request", f"{name}: no such parameter; {nearest(name, _BY_NAME)}"))
        if name in values:
            raise ProblemError(Problem("bad-request", f"{name}: is given twice; give it once"))
        values[name] = _value(_BY_NAME[name], text.strip())
    asked = Asked(**values)
    try:
        _ = asked.size, asked.position
    except ConfigError as error:
        raise ProblemError(dataclasses.replace(problem_of(error), kind="bad-request")) from error
    return asked


def _value(parameter: Parameter, text: str) -> Any:
    if parameter.kind == "text":
        return text
    if parameter.kind == "flag":
        if text.lower() not in _FLAGS:
            raise ProblemError(Problem("bad-request", f"{parameter.name} {text}: should be true or false"))
        return _FLAGS[text.lower()]
    kinds = {"integer": (int, "a whole number"), "number": (float, "a number")}
    convert, words = kinds[parameter.kind]
    try:
        value = convert(text)
    except ValueError:
        raise ProblemError(Problem("bad-request", f"{parameter.name} {text}: is not {words}")) from None
    least, most = parameter.least, parameter.most
    if not (least is None or value >= least) or not (most is None or value <= most):
        span = f"at least {least:g}" if most is None else f"from {least:g} to {most:,.9g}"
        raise ProblemError(Problem("bad-request", f"{parameter.name} {text}: should be {span}"))
    return value
