"""What another program's graph is, found out by running it: layout, scale, range, order of colours.

A photograph whose original is known is reduced, given to the graph in every way in which graphs take pictures, and what
comes back is held against the original. A graph that is fed wrongly is ten and more dB worse, so one picture decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from upres.config.limits import MAX_SCALE
from upres.errors import ConfigError, FailedError, ModelError, first_line
from upres.export.foreign_graph import ForeignGraph
from upres.export.wrapping import IN_WORDS, Layout, Order, Range, Wrapping, decoded, encoded
from upres.image import imresize
from upres.image.sample import reduced_photograph
from upres.metrics import psnr
from upres.models.facts import Colour
from upres.predictors.onnx import session_of

_CHANNEL_AXIS: dict[Layout, int] = {"nchw": 1, "nhwc": 3}
SIZE_AXES: dict[Layout, tuple[int, int]] = {"nchw": (2, 3), "nhwc": (1, 2)}

_CODES = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")

# Sides of the reduced photograph: the first that a graph takes, whatever its multiple.
_SIDES = (64, 96, 120, 112, 128, 80, 100, 144)
# Lr pixels at the picture's edge that are not compared: graphs fill them up in many ways.
_BORDER = 4
# dB within which two ranges are the same: a graph without offsets takes all, and the first is the plainest.
_EQUAL = 0.02
# dB by which B before G before R must be better to be believed: most networks hardly tell.
_CLEARLY = 0.1
# dB below bicubic from which nothing fits, and what is a picture in any case: one flat colour reaches 12.
_NONSENSE, _PICTURE = 10.0, 16.0


@dataclass(frozen=True)
class Asked:
    """What somebody knows about a graph, which is not probed then; `None` is to be found.

    Attributes:
        scale: output side ÷ input side; for a graph that takes pictures already enlarged, by how much.
        layout: `nchw` or `nhwc`.
        range: of its pictures, `unit` (0 to 1), `byte` (0 to 255), `signed` (−1 to 1), or of input and output as
            `unit:signed`.
        colour: `rgb`, `bgr`, `luma` or `gray`.
    """

    scale: int | None = None
    layout: str | None = None
    range: str | None = None
    colour: str | None = None

    def __post_init__(self) -> None:
        for name, value, known in (
            ("layout", self.layout, get_args(Layout)),
            ("colour", self.colour, (*get_args(Order), "luma", "gray")),
        ):
            if value is not None and value not in known:
                raise ConfigError(f"{name} = {value!r}: should be one of {', '.join(known)}", settings=(name,))
        if self.scale is not None and not 1 <= self.scale <= MAX_SCALE:
            raise ConfigError(f"scale = {self.scale}: should be from 1 to {MAX_SCALE}", settings=("scale",))
        _ = self.ranges

    @property
    def ranges(self) -> list[tuple[Range, Range]]:
        """The ranges of input and output that come into question, the plainest first."""
        known = get_args(Range)
        if self.range is None:
            same = [(each, each) for each in known]
            return [*same, *(pair for pair in product(known, known) if pair not in same)]
        takes, _, gives = self.range.partition(":")
        for name in (takes, gives or takes):
            if name not in known:
                raise ConfigError(
                    f"range = {self.range!r}: should be unit (0 to 1), byte (0 to 255) or signed (−1 to 1), or two of "
                    "them for input and output, such as unit:signed",
                    settings=("range",),
                )
        return [(takes, gives or takes)]  # type: ignore[list-item]  # they are in `known`


@dataclass(frozen=True)
class Finding:
    """What a graph is.

    Attributes:
        wrapping: what to put around it.
        scale: output side ÷ input side of the wrapped graph.
        colour: as in facts.
        side: of the pictures it was probed with.
        psnr: dB from the included photograph, reduced and enlarged again.
        bicubic: the same of bicubic.
        next: the next best range that is another one, and its dB; `None` where only one came into question.
        reversed: dB with the colours the other way round, or `None`.
    """

    wrapping: Wrapping
    scale: int
    colour: Colour
    side: int
    psnr: float
    bicubic: float
    next: tuple[str, float] | None = None
    reversed: float | None = None


class Run:
    """Runs a graph in ONNX Runtime.

    Args:
        graph: the graph.
        as_written: with the sides that its file declares, instead of free ones.

    Raises:
        ModelError: ONNX Runtime does not take it.
    """

    def __init__(self, graph: ForeignGraph, *, as_written: bool = False) -> None:
        self._graph = graph
        try:
            self._session = session_of(graph.written if as_written else graph.proto.SerializeToString())
        except Exception as error:  # the runtime's exceptions share no base class of their own
            raise ModelError(
                f"{graph.where}: ONNX Runtime cannot run it ({_plain(error)}); export it with ONNX's own operators"
            ) from error

    def given(self, pictures: NDArray[Any]) -> NDArray[Any]:
        """Return what the graph gives for its own kind of input.

        Raises:
            FailedError: it cannot take an input of this size.
        """
        try:
            found: NDArray[Any] = self._session.run([self._graph.output], {self._graph.input: pictures})[0]
        except Exception as error:
            raise FailedError(_plain(error)) from error
        return found

    def __call__(self, lr: NDArray[np.float32], wrapping: Wrapping) -> NDArray[np.float32]:
        """Return `n c s·h s·w` for `n c h w` in [0, 1]; raises as `given`."""
        given = self.given(encoded(lr, wrapping, self._graph.takes))
        if given.ndim != 4:
            raise FailedError(f"it gives {given.ndim} axes")
        return decoded(given, wrapping)


def find(graph: ForeignGraph, run: Run, asked: Asked) -> Finding:
    """Find out what a graph is.

    Raises:
        ModelError: it enlarges no pictures, only those of one size, or in no range that upres knows.
        ConfigError: it is not what was asked.
    """
    candidates = _candidates(graph, asked)
    found: list[Finding] = []
    faults: list[str] = []
    for wrapping in candidates:
        try:
            found.append(_fitted(graph, run, wrapping, asked))
        except FailedError as error:
            faults.append(str(error))
    if not found:
        raise ModelError(f"{graph.where}: {_why(graph, run, candidates, faults)}")
    best = max(found, key=lambda each: each.psnr)
    if asked.range is None and not best.psnr > min(best.bicubic - _NONSENSE, _PICTURE):
        raise ModelError(
            f"{graph.where}: gives no picture in any range: at best {best.psnr:.1f} dB from a photograph, and bicubic "
            f"{best.bicubic:.1f} (it would take {IN_WORDS[best.wrapping.takes]}, and give "
            f"{IN_WORDS[best.wrapping.gives]}); is it trained? If so, say its range: unit, byte or signed",
            settings=("range",),
        )
    return best


def _candidates(graph: ForeignGraph, asked: Asked) -> list[Wrapping]:
    """Return the layouts that the declared sides allow: those that they name, or all."""
    layouts = {name: axis for name, axis in _CHANNEL_AXIS.items() if asked.layout in (None, name)}
    told = [Wrapping(name, graph.dims[axis] or 0) for name, axis in layouts.items() if graph.dims[axis] in (1, 3)]
    # One fixed side beside a free one is a number of channels, not half of a size.
    free = [
        Wrapping(name, count)
        for name, axis in layouts.items()
        if graph.dims[axis] is None and len({graph.dims[side] is None for side in SIZE_AXES[name]}) == 1
        for count in (3, 1)
    ]
    wanted: tuple[int, ...] = (1, 3) if asked.colour is None else (3,) if asked.colour in get_args(Order) else (1,)
    found = [each for each in told or free if each.channels in wanted]
    if not found:
        sides = "×".join("?" if side is None else str(side) for side in graph.dims)
        raise ModelError(
            f"{graph.where}: takes {sides}, which as {asked.layout or 'nchw or nhwc'} is no "
            f"{asked.colour or 'rgb or gray'} picture; upres enlarges pictures of 1 or 3 channels",
        )
    return found


def _fitted(graph: ForeignGraph, run: Run, wrapping: Wrapping, asked: Asked) -> Finding:
    """Return the range and order with which a graph comes nearest to the photograph.

    Raises:
        FailedError: it takes no pictures of this layout.
        ModelError, ConfigError: as `find`.
    """
    side, ratio = _ratio(graph, run, wrapping)
    scale, wrapping = _scaled(graph, wrapping, ratio, asked)
    ranges = [
        (takes, gives)
        for takes, gives in asked.ranges
        if (graph.takes != TensorProto.UINT8 or takes == "byte")
        and (graph.gives != TensorProto.UINT8 or gives == "byte")
    ]
    if not ranges:
        raise ConfigError(f"range = {asked.range}: its uint8 pictures go from 0 to 255", settings=("range",))
    colour: Colour = "rgb" if wrapping.channels == 3 else "gray" if asked.colour == "gray" else "luma"
    if asked.colour == "bgr":
        wrapping = replace(wrapping, order="bgr")
    hr, lr = reduced_photograph(side, scale, wrapping.channels, colour)
    given = {
        takes: run.given(encoded(lr, replace(wrapping, takes=takes), graph.takes))
        for takes in dict.fromkeys(takes for takes, _ in ranges)
    }
    scores: dict[tuple[Range, Range], float] = {}
    for takes, gives in ranges:
        tried = replace(wrapping, takes=takes, gives=gives)
        scores[takes, gives] = _score(decoded(given[takes], tried), hr, scale)
    top = max(scores.values())
    chosen = next(pair for pair, score in scores.items() if score >= top - _EQUAL)
    others = {pair: score for pair, score in scores.items() if pair != chosen}
    second = max(others, key=lambda pair: others[pair], default=None)
    wrapping = replace(wrapping, takes=chosen[0], gives=chosen[1])
    finding = Finding(
        wrapping=wrapping,
        scale=scale,
        colour=colour,
        side=side,
        psnr=scores[chosen],
        bicubic=_score(_by_bicubic(lr, scale), hr, scale),
        next=None if second is None else (":".join(dict.fromkeys(second)), others[second]),
    )
    return _coloured(run, finding, lr, hr, asked)


def _coloured(run: Run, finding: Finding, lr: NDArray[np.float32], hr: NDArray[Any], asked: Asked) -> Finding:
    """Return the finding with the order of channels that comes nearer."""
    wrapping = finding.wrapping
    if wrapping.channels == 1:
        return finding
    other: Order = "rgb" if wrapping.order == "bgr" else "bgr"
    turned = replace(wrapping, order=other)
    score = _score(run(lr, turned), hr, finding.scale)
    if asked.colour is None and score > finding.psnr + _CLEARLY:
        return replace(finding, wrapping=turned, psnr=score, reversed=finding.psnr)
    return replace(finding, reversed=score)


def _scaled(graph: ForeignGraph, wrapping: Wrapping, ratio: int, asked: Asked) -> tuple[int, Wrapping]:
    """Return the scale, and the wrapping that enlarges first where the graph does not enlarge."""
    if ratio == 1 and asked.scale is None:
        raise ConfigError(
            f"{graph.where}: gives pictures as large as it takes; say scale 4 if it takes pictures that bicubic has "
            "enlarged by 4, or 1 if it keeps the size",
            settings=("scale",),
        )
    if ratio == 1 and asked.scale is not None:
        return asked.scale, replace(wrapping, enlarged=asked.scale)
    if asked.scale not in (None, ratio):
        raise ConfigError(f"{graph.where}: enlarges ×{ratio}, and ×{asked.scale} was asked for", settings=("scale",))
    return ratio, wrapping


def _ratio(graph: ForeignGraph, run: Run, wrapping: Wrapping) -> tuple[int, int]:
    """Return a side that the graph takes, and output side ÷ input side.

    Raises:
        FailedError: it takes none, or the output's sides are no multiple of the input's.
    """
    fault = ""
    for side in _SIDES:
        try:
            ratios = {_times(run, wrapping, side, side), _times(run, wrapping, side, 2 * side)}
        except FailedError as error:
            fault = fault or str(error)
            continue
        if len(ratios) == 1:
            return side, ratios.pop()
    raise FailedError(fault)


def _times(run: Run, wrapping: Wrapping, height: int, width: int) -> int:
    size = out_size(run, wrapping, height, width)
    times = size[0] // height
    if not 1 <= times <= MAX_SCALE or size != (height * times, width * times):
        raise FailedError(f"of {width}×{height} pixels it makes {size[1]}×{size[0]}")
    return times


def out_size(run: Run, wrapping: Wrapping, height: int, width: int) -> tuple[int, int]:
    """Return height and width of what the graph makes of a picture.

    Raises:
        FailedError: it does not take one of this size, or gives another number of pictures or channels.
    """
    lr = np.full((1, wrapping.channels, height, width), 0.5, np.float32)
    sr = run(lr, wrapping)
    if sr.shape[:2] != lr.shape[:2]:
        raise FailedError(f"of {wrapping.channels} channels it makes {sr.shape[1]}")
    return sr.shape[2], sr.shape[3]


def _why(graph: ForeignGraph, run: Run, candidates: list[Wrapping], faults: list[str]) -> str:
    """Say why no picture comes out, and what to do."""
    fixed = any(side is not None and side > 3 for side in graph.dims[1:])
    free = "export it with free sides: in Keras, build it for keras.Input((None, None, 3)) and give it the weights"
    for wrapping in candidates:
        declared = tuple(graph.dims[axis] or 64 for axis in SIZE_AXES[wrapping.layout])
        try:
            before = out_size(run, wrapping, *declared)
        except FailedError:
            continue
        try:
            larger = out_size(run, wrapping, declared[0] + 16, declared[1] + 16)
        except FailedError as error:
            return f"takes pictures of {declared[1]}×{declared[0]} alone ({error}); {free}"
        if larger == before:
            return f"gives {before[1]}×{before[0]} whatever it takes: that size was fixed at export; {free}"
        lost = [(out - side) for out, side in zip(before, declared, strict=True)]
        if larger[0] - before[0] == 16 and max(lost) < 0:
            return (
                f"of {declared[1]}×{declared[0]} pixels makes {before[1]}×{before[0]}: its convolutions have no "
                "padding; build it with padding='same'"
            )
        return f"of {declared[1]}×{declared[0]} pixels makes {before[1]}×{before[0]}, which is no whole multiple"
    said = next(iter(dict.fromkeys(faults)), "")
    return f"takes no picture of any size that was tried ({said}){f'; {free}' if fixed else ''}"


def _score(sr: NDArray[np.float32], hr: NDArray[Any], scale: int) -> float:
    border = slice(_BORDER * scale, -_BORDER * scale)
    shown = np.clip(np.nan_to_num(sr[0].transpose(1, 2, 0)), 0, 1)
    return psnr(shown[border, border], hr[border, border].astype(np.float32))


def _by_bicubic(lr: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    large: NDArray[np.float32] = imresize(lr[0].transpose(1, 2, 0), scale)
    return large.transpose(2, 0, 1)[None]


def _plain(error: BaseException) -> str:
    """Return what ONNX Runtime says, without its codes and places."""
    said = first_line(error).rpartition("Status Message: ")[2]
    return _CODES.sub("", said).strip() or first_line(error)
