"""Who is told the rows of metrics.csv besides. A new one is a function here and one line in `table.py`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from upres.errors import MissingExtraError


def tensorboard(folder: Path) -> Logger:
    """TensorBoard's events, in `events/`."""
    return TensorBoardLogger(save_dir=folder, name="", version="events")


def wandb(folder: Path) -> Logger:
    """Weights & Biases, named as the run folder; its own settings (WANDB_MODE, WANDB_PROJECT) hold."""
    folder.mkdir(parents=True, exist_ok=True)
    return WandbLogger(name=folder.name, save_dir=folder)


def check_installed(name: str) -> None:
    """Refuse a logger whose library is not there, before anything is done.

    Raises:
        MissingExtraError: says what to install.
    """
    if find_spec(name) is None:
        raise MissingExtraError(
            f'train.loggers = {name} needs {name}: pip install "upres[{name}]", or leave it out of train.loggers'
        )
