"""Networks of Keras as ONNX graphs: small versions of five published projects, for the tests of `upres convert`.

    python -m tools.keras_graphs tests/graphs --pictures docs/pictures/gallery

It needs Keras 3 with a backend of PyTorch (`pip install keras`, and `KERAS_BACKEND=torch`), or of TensorFlow with
tf2onnx; upres itself and its tests need neither. Each network learns for some hundred steps, so that it enlarges
pictures at all, is written by Keras' own export, and leaves beside it what Keras gives for a picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upres.image import gray, imresize, picture_files, read, to_unit

try:
    import keras
    from keras import layers
except ModuleNotFoundError:  # main says what to install: --help answers without it
    keras = layers = None

_BATCH = 16
_SIDE = 16
_KEPT = 8  # side of the picture that is kept with what Keras makes of it


@dataclass(frozen=True)
class Project:
    """A network, and what its author does to pictures before and behind it.

    Attributes:
        build: makes the network.
        scale: how much larger pictures become.
        takes, gives: black and white as the network has them.
        enlarged: whether it gets pictures that bicubic has enlarged, as SRCNN does.
        channels: 3, or 1 for gray.
        steps: how long it learns; behind a sigmoid it takes longer.
        reversed: whether colours come as B, G, R, as OpenCV reads them.
    """

    build: Callable[[], Any]
    scale: int
    takes: tuple[float, float] = (0, 1)
    gives: tuple[float, float] = (0, 1)
    enlarged: bool = False
    channels: int = 3
    reversed: bool = False
    steps: int = 500


def _conv(width: int, side: int = 3, activation: str | None = "relu") -> Any:
    return layers.Conv2D(width, side, padding="same", activation=activation)


def cifar() -> Any:
    """Two convolutions, a transposed one, three more, sigmoid: 16×16 → 32×32."""
    lr = keras.Input((None, None, 3))
    x = _conv(12)(_conv(12)(lr))
    x = layers.Conv2DTranspose(12, 3, strides=2, padding="same", activation="relu")(x)
    x = _conv(8)(_conv(8)(x))
    return keras.Model(lr, _conv(3, activation="sigmoid")(x))


def faces() -> Any:
    """A U-Net with batch normalisation and skips, then two upsampling layers: 32×32 → 128×128."""
    lr = keras.Input((None, None, 3))

    def double(x: Any, width: int) -> Any:
        for _ in range(2):
            x = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(_conv(width, activation=None)(x)))
        return x

    first = double(lr, 8)
    second = double(layers.MaxPooling2D()(first), 8)
    x = double(layers.MaxPooling2D()(second), 8)
    for skip in (second, first):
        x = layers.Conv2DTranspose(8, 2, strides=2, padding="same")(x)
        x = double(layers.Concatenate()([x, skip]), 8)
    for _ in range(2):
        x = layers.Conv2DTranspose(8, 2, strides=2, padding="same", activation="relu")(x)
    return keras.Model(lr, layers.Conv2D(3, 1)(x))


def patches() -> Any:
    """Residual blocks, then upsampling by nearest neighbour with a convolution behind each."""
    lr = keras.Input((None, None, 3))
    x = features = _conv(8)(lr)
    for _ in range(2):
        x = layers.Add()([x, _conv(8, activation=None)(_conv(8)(x))])
    x = layers.Add()([x, features])
    for _ in range(2):
        x = _conv(8)(layers.UpSampling2D(2)(x))
    return keras.Model(lr, _conv(3, activation=None)(x))


def div2k() -> Any:
    """Three convolutions with ReLU around a transposed one, on values from 0 to 255, as OpenCV orders colours."""
    lr = keras.Input((None, None, 3))
    x = layers.Conv2DTranspose(8, 8, strides=4, padding="same", activation="relu")(_conv(12, 5)(lr))
    return keras.Model(lr, _conv(3, 5, activation=None)(x))


def srcnn() -> Any:
    """Dong et al. 2014, narrow: 9, 1, 5, on gray pictures that are as large as they are to be."""
    lr = keras.Input((None, None, 1))
    return keras.Model(lr, _conv(1, 5, activation=None)(_conv(6, 1)(_conv(8, 9)(lr))))


def srgan() -> Any:
    """A generator from [0, 1] to [−1, 1]: PReLU shared over the picture, bilinear upsampling, tanh."""
    lr = keras.Input((None, None, 3))
    x = layers.PReLU(shared_axes=[1, 2])(_conv(8, 5, activation=None)(lr))
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    return keras.Model(lr, _conv(3, 5, activation="tanh")(_conv(8)(x)))


PROJECTS = {
    "cifar": Project(cifar, 2, steps=3000),
    "faces": Project(faces, 4),
    "patches": Project(patches, 4),
    "div2k": Project(div2k, 4, takes=(0, 255), gives=(0, 255), reversed=True),
    "srcnn": Project(srcnn, 2, enlarged=True, channels=1),
    "srgan": Project(srgan, 2, gives=(-1, 1)),
}


def main() -> None:
    """Train, export, and keep a picture of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("names", nargs="*", default=list(PROJECTS))
    parser.add_argument("--pictures", type=Path, required=True, help="a folder of photographs to learn from")
    arguments = parser.parse_args()
    if keras is None:
        parser.error("Keras 3 is not installed: pip install keras, and set KERAS_BACKEND=torch")
    arguments.output.mkdir(parents=True, exist_ok=True)
    pictures = [to_unit(read(path).pixels)[..., :3] for path in picture_files(arguments.pictures)]
    for name in arguments.names:
        project = PROJECTS[name]
        keras.utils.set_random_seed(0)
        network = project.build()
        network.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mae")
        loss = 0.0
        for lr, hr in _batches(project, pictures, project.steps):
            loss = float(network.train_on_batch(lr, hr))
        print(f"{name}: {network.count_params():,} parameters, L1 {loss:.4f}")
        file = arguments.output / f"{name}.onnx"
        _export(network, file, project)
        lr = np.random.default_rng(1).random((1, _KEPT, _KEPT, project.channels), dtype=np.float32)
        lr = lr * np.float32(project.takes[1] - project.takes[0]) + np.float32(project.takes[0])
        np.savez_compressed(file.with_suffix(".npz"), lr=lr, sr=network.predict(lr, verbose=0))
        print(f"{file}: {file.stat().st_size:,} bytes")


def _export(network: Any, file: Path, project: Project) -> None:
    """Write a network as Keras does: over PyTorch it runs on a picture of one pixel, which is too small for pooling."""
    try:
        network.export(file, format="onnx", verbose=False)
    except RuntimeError:
        sides = keras.InputSpec(shape=(None, 32, 32, project.channels), dtype="float32")
        network.export(file, format="onnx", verbose=False, input_signature=[sides])


def _batches(
    project: Project, pictures: list[NDArray[np.float32]], steps: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    rng = np.random.default_rng(0)
    length = _SIDE * project.scale

    def pair() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        pixels = pictures[rng.integers(len(pictures))]
        top, left = (rng.integers(side - length + 1) for side in pixels.shape[:2])
        hr = pixels[top : top + length, left : left + length]
        hr = gray(hr)[..., None].astype(np.float32) if project.channels == 1 else hr
        lr = np.clip(imresize(hr, 1 / project.scale), 0, 1)
        lr = imresize(lr, project.scale) if project.enlarged else lr
        return (lr[..., ::-1], hr[..., ::-1]) if project.reversed else (lr, hr)

    for _ in range(steps):
        lrs, hrs = zip(*(pair() for _ in range(_BATCH)), strict=True)
        yield (
            np.stack(lrs) * np.float32(project.takes[1] - project.takes[0]) + np.float32(project.takes[0]),
            np.stack(hrs) * np.float32(project.gives[1] - project.gives[0]) + np.float32(project.gives[0]),
        )


if __name__ == "__main__":
    main()
