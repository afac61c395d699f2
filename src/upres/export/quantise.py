"""Float32 ONNX model → int8 ONNX model: static quantisation (QDQ), calibrated on real pictures.

Weights are signed 8-bit with one scale an output channel; activations unsigned 8-bit with one scale and zero
point a tensor (Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-
Only Inference", CVPR 2018, sections 2.1 and 3). A range leaves out a thousandth of each patch at either end.
(0.0003 cost 0.01 dB more on Set5, 0.003 cost 0.03; choosing it for each activation by PSNR on the patches bought
nothing.) Additions stay in float32: quantising them too cost 1.5 dB and saved 5 % of the time.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from upres.data.evenly_spaced import evenly_spaced
from upres.errors import ConfigError, DataError, MissingExtraError, ModelError, ParityError, PictureError
from upres.image import imresize, picture_files, read, to_unit, ycbcr_from_rgb
from upres.metrics import psnr
from upres.models.facts import METADATA_KEY, Facts, to_json
from upres.models.files import is_onnx
from upres.models.onnx_facts import read_facts
from upres.models.onnx_weights import read_weights, with_weights
from upres.models.shipped import int8_version
from upres.storage.atomic import whole_file

if TYPE_CHECKING:
    from upres.predictors import Predictor

# Side of a calibration patch in lr pixels: at least, and at most.
_SIDE, _LARGE = 64, 128
# Convolutions at the end that stay float32 where there are enough: a residual block and what enlarges.
_LAST = 3
# Patches on which the result is compared with float32; they are not calibrated on.
_HELD_OUT = 4
# dB from float32 below which a model is broken rather than rounded.
_BROKEN = 35.0
# The share of a patch that each end of a range leaves out.
_CUT = 0.001
# Of training: crops in a batch, their side in lr pixels, and how much of a picture's side is kept in memory.
_BATCH, _CROP, _KEPT = 16, 32, 1024


@dataclass(frozen=True)
class Quantised:
    """What was written.

    Attributes:
        path: the int8 model.
        facts: its facts.
        layers: how many convolutions are int8, and of how many.
        psnr: dB from the float32 model on held-out patches.
    """

    path: Path
    facts: Facts
    layers: tuple[int, int]
    psnr: float


def quantise(
    model: Path,
    data: Path,
    output: Path | None = None,
    *,
    patches: int = 32,
    spare_first: int = 2,
    spare_last: int | None = None,
    steps: int = 0,
    told: Callable[[int, float], None] | None = None,
) -> Quantised:
    """Write the int8 version of a float32 ONNX model; precision `int8` or `auto` finds it beside the model.

    Every mixture of a model's corners goes into it: the steps of weights are chosen anew for each; those of activations
    are the model's own. (With ranges that cover those of all corners base ×4 lost 0.066 dB on Set5 where it loses 0.037
    without, and mixtures lose no more.)

    Args:
        model: the float32 `.onnx` model.
        data: a folder of pictures to calibrate on, like those that will be enlarged; not the test pictures.
        output: the file to write; by default beside the model, `<its name>-int8.onnx`.
        patches: how many patches to calibrate on, from as many pictures as there are.
        spare_first, spare_last: so many convolutions at either end stay float32: the picture's own values
            pass through them. Two at the beginning, because OpenVINO 2026.4 computes the int8 convolution
            behind a float32 one wrongly (21 dB from float32, without an error) where a skip begins there too.
            By default the last three where more than as many again are left (half of what int8 costs comes from
            the last block, and hardly any of its time), otherwise the last.
        steps: for so many steps of 16 crops of 32×32 of these pictures, reduced by MATLAB's bicubic, weights and ranges
            learn to give what float32 gives (`upres.export.quantised_training`). Mixtures of corners keep the ranges.
        told: called after each such step with its number and loss.

    Raises:
        ModelError: the model cannot be read, or is int8 already.
        DataError: no usable pictures.
        ConfigError: fewer patches than one, or no convolution left to quantise.
        ParityError: the result is more than 35 dB away from float32; nothing was written.
        MissingExtraError: onnx is not installed, or PyTorch where there are steps.
    """
    facts = _float_facts(model)
    output = output or int8_version(model)
    if not is_onnx(output) or output == model:
        raise ModelError(f"{output}: should be another .onnx file than the model")
    if patches < 1 or min(spare_first, spare_last or 0, steps) < 0:
        raise ConfigError("patches should be at least 1, and spare_first, spare_last and steps at least 0")
    try:
        import onnx

        from upres.export.rounding import convolutions, ends_of, rounded_tensors, with_int8

        if steps:
            from upres.export.quantised_training import trained
    except ImportError as error:
        raise MissingExtraError(f'quantise needs {error.name}: pip install "upres[train]"') from error

    found = _patches(data, facts, patches + _HELD_OUT)
    held_out, calibrated = found[:_HELD_OUT], found[_HELD_OUT:]
    proto = onnx.load(str(model))
    there = convolutions(proto.graph)
    if spare_last is None:
        spare_last = _LAST if len(there) > 2 * (spare_first + _LAST) else 1
    chosen = there[spare_first : len(there) - spare_last]
    if not chosen:
        raise ConfigError(
            f"{model}: has {len(there)} convolutions, and sparing {spare_first} + {spare_last} of them "
            "leaves none; spare fewer"
        )
    ends = ends_of(proto, rounded_tensors(proto.graph, chosen), calibrated, _CUT)
    graph = with_int8(proto, chosen, ends)
    weights = read_weights(model)
    if steps:
        weights = trained(model, graph, _batches(data, facts), steps=steps, told=told)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "int8.onnx"
        onnx.save(graph, str(written))
        # As any mixture of its corners will be put into it.
        quantised = onnx.load_from_string(with_weights(written, weights))
    # Scores belong to the float32 model; those of this one are to be measured. It holds no more than that one.
    facts = replace(facts, precision="int8", scores={})
    return _write(quantised, facts, model, output, held_out, (len(chosen), len(there)))


def _write(
    proto: Any,
    facts: Facts,
    model: Path,
    output: Path,
    held_out: list[NDArray[np.float32]],
    layers: tuple[int, int],
) -> Quantised:
    import onnx

    from upres.predictors.onnx import OnnxPredictor

    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, {METADATA_KEY: to_json(facts)})
    with whole_file(output) as temporary:
        temporary.write_bytes(proto.SerializeToString())
        near = _nearness(OnnxPredictor(model), OnnxPredictor(temporary), held_out)
        if near < _BROKEN:
            raise ParityError(
                f"{output}: not written: int8 is {near:.1f} dB from float32, and less than {_BROKEN:.0f} is broken; "
                "spare more layers, or calibrate on more patches"
            )
    return Quantised(output, facts, layers, near)


def _nearness(exact: Predictor, reduced: Predictor, patches: list[NDArray[np.float32]]) -> float:
    pairs = [[np.clip(predictor.predict(patch), 0, 1).ravel() for patch in patches] for predictor in (exact, reduced)]
    first, second = (np.concatenate(values)[None] for values in pairs)  # psnr takes pictures
    return psnr(second, first)


def _float_facts(model: Path) -> Facts:
    facts = read_facts(model)
    if facts.precision != "fp32":
        raise ModelError(f"{model}: is {facts.precision} already; give the float32 model it was made from")
    return facts


def _patches(data: Path, facts: Facts, count: int) -> list[NDArray[np.float32]]:
    """Cut patches, lr `1 c h w`, out of the pictures of a folder, spread over all, the same every time."""
    files = picture_files(data) if data.is_dir() else []
    if not files:
        raise DataError(f"{data}: no pictures to calibrate on; give a folder that has some")
    rng = np.random.default_rng(0)
    found = list(_cut(files, facts, count, rng))
    if len(found) <= _HELD_OUT:
        least = _whole(_SIDE, facts) * facts.scale
        raise DataError(
            f"{data}: {len(found)} usable pictures; give at least {_HELD_OUT + 1} of {least}×{least} or more"
        )
    return found


def _cut(files: list[Path], facts: Facts, count: int, rng: np.random.Generator) -> Iterator[NDArray[np.float32]]:
    for index in evenly_spaced(len(files), count):
        try:
            pixels = to_unit(read(files[index]).pixels)
        except PictureError:  # one broken picture among many is no reason to stop
            continue
        for side in (_whole(_LARGE, facts), _whole(_SIDE, facts)):
            height, width = (length - side * facts.scale for length in pixels.shape[:2])
            if height >= 0 and width >= 0:
                top, left = rng.integers(0, height + 1), rng.integers(0, width + 1)
                hr = pixels[top : top + side * facts.scale, left : left + side * facts.scale]
                lr = np.clip(imresize(hr, size=(side, side)), 0, 1)
                yield np.ascontiguousarray(_coloured(lr, facts).transpose(2, 0, 1), np.float32)[None]
                break


def _batches(data: Path, facts: Facts) -> Iterator[NDArray[np.float32]]:
    """Yield batches without end, lr `n c h w` in [0, 1]: turned crops of a folder's pictures."""
    rng = np.random.default_rng(1)
    side = _whole(_CROP, facts)
    pictures = list(_middles(picture_files(data), facts, side))

    def crop() -> NDArray[np.float32]:
        lr = pictures[rng.integers(len(pictures))]
        top, left = (int(rng.integers(length - side + 1)) for length in lr.shape[:2])
        part = lr[top : top + side, left : left + side]
        turned = np.rot90(part[:, ::-1] if rng.integers(2) else part, int(rng.integers(4)))
        return _coloured(turned, facts).transpose(2, 0, 1).astype(np.float32)

    while True:
        yield np.stack([crop() for _ in range(_BATCH)])


def _middles(files: list[Path], facts: Facts, side: int) -> Iterator[NDArray[np.float32]]:
    """Yield the middle of each picture that is large enough, reduced by the model's scale."""
    for file in files:
        with contextlib.suppress(PictureError):  # as in calibration
            pixels = read(file).pixels
            lengths = [min(length, _KEPT) // facts.scale for length in pixels.shape[:2]]
            if min(lengths) >= side:
                starts = [
                    (whole - length * facts.scale) // 2 for whole, length in zip(pixels.shape, lengths, strict=False)
                ]
                (top, left), (height, width) = starts, (length * facts.scale for length in lengths)
                hr = to_unit(pixels[top : top + height, left : left + width])
                yield np.clip(imresize(hr, size=(lengths[0], lengths[1])), 0, 1).astype(np.float32)


def _whole(side: int, facts: Facts) -> int:
    """Return a side as the network takes it."""
    return -(-side // facts.multiple) * facts.multiple


def _coloured(lr: NDArray[np.float32], facts: Facts) -> NDArray[np.float32]:
    colour = np.repeat(lr, 3, axis=2) if lr.shape[2] == 1 else lr
    if facts.colour == "rgb":
        return colour
    luma = ycbcr_from_rgb(colour)[..., :1].astype(np.float32)
    return luma / np.float32(255) if facts.colour == "luma" else (luma - np.float32(16)) / np.float32(219)
