"""Model files of other frameworks, and the command that makes an ONNX file of each."""

from __future__ import annotations

from pathlib import Path

from upres.errors import ModelError

# Suffix → whose it is, and what makes an ONNX file of it. Keras' own export works with any of its backends; tf2onnx
# needs TensorFlow.
_KERAS = (
    "a Keras model",
    "python -c \"import keras; keras.saving.load_model('{path}', compile=False).export('{stem}.onnx', format='onnx')\"",
)
_TENSORFLOW = "python -m tf2onnx.convert --{kind} {path} --output {stem}.onnx"
_FRAMEWORKS = {
    ".keras": _KERAS,
    ".h5": _KERAS,
    ".hdf5": _KERAS,
    ".pb": ("a TensorFlow graph", _TENSORFLOW + " --inputs NAME:0 --outputs NAME:0"),
    ".tflite": ("a TensorFlow Lite model", _TENSORFLOW),
}
_SAVED_MODEL = "saved_model.pb"


def is_of_framework(path: Path) -> bool:
    """Return whether a file's suffix is that of another framework's models."""
    return path.suffix.lower() in _FRAMEWORKS


def check_framework(path: Path) -> None:
    """Refuse a model of another framework.

    Raises:
        ModelError: says with which command an ONNX file is made of it.
    """
    suffix = path.suffix.lower()
    if path.name == _SAVED_MODEL or (path / _SAVED_MODEL).is_file():
        folder = path.parent if path.name == _SAVED_MODEL else path
        what, how, path = "a TensorFlow SavedModel", _TENSORFLOW, folder
        kind, stem = "saved-model", folder.resolve().name
    elif suffix in _FRAMEWORKS:
        what, how = _FRAMEWORKS[suffix]
        kind, stem = "tflite" if suffix == ".tflite" else "graphdef", path.stem
    else:
        return
    made = how.format(path=path, stem=stem, kind=kind)
    raise ModelError(
        f"{what}, which upres does not run; write it as ONNX ({made}), then upres convert {stem}.onnx", where=path
    )
