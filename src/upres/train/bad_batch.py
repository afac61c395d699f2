"""What is left to look at when a loss term is no number any more: the batch's pictures, and every value of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upres.errors import NonFiniteError
from upres.image import Picture, write
from upres.storage.atomic import whole_file
from upres.train.processes import gather, rank

# Pairs on the sheet; the .npz holds all.
_SHOWN = 8
# What is no number is drawn in a colour that photographs lack.
_MAGENTA = np.array([255, 0, 255], dtype=np.uint8)


@dataclass(frozen=True)
class Pictures:
    """A batch: lr `n h w c` and hr `n s·h s·w c` uint8, and sr float32 of hr's shape."""

    lr: NDArray[np.uint8]
    sr: NDArray[np.float32]
    hr: NDArray[np.uint8]


class BadBatchError(NonFiniteError):
    """A term was not finite on a batch of this process, or on another one's (without terms and pictures).

    Args:
        terms: the bad terms, with their values.
        step: optimiser steps taken before.
        epoch: its number, from 0.
        advice: what to try.
        pictures: the batch.
    """

    def __init__(
        self, terms: dict[str, float], *, step: int, epoch: int, advice: str, pictures: Pictures | None
    ) -> None:
        named = " and ".join(f"loss {name} is {value}" for name, value in terms.items())
        self.what = f"{named} at step {step} (epoch {epoch})"
        self.terms, self.step, self.advice, self.pictures = terms, step, advice, pictures
        super().__init__(f"{self.what}; {advice}")


def keep(batch: BadBatchError, folder: Path) -> NonFiniteError:
    """Save the batch's pictures and return the error that names their place; every process must call it."""
    said = ""
    if batch.pictures is not None:
        path = folder / f"step_{batch.step:06d}{f'_process_{rank()}' if rank() else ''}.png"
        pictures = batch.pictures
        folder.mkdir(parents=True, exist_ok=True)
        write(Picture(_sheet(pictures)), path)
        with whole_file(path.with_suffix(".npz")) as temporary:
            np.savez_compressed(
                temporary,
                lr=pictures.lr,
                sr=pictures.sr,
                hr=pictures.hr,
                loss_names=np.array(list(batch.terms)),
                loss_values=np.array(list(batch.terms.values())),
            )
        said = f"{batch.what}; the batch's pictures are in {path} and .npz"
    return NonFiniteError(f"{next(text for text in gather(said) if text)}; {batch.advice}")


def _sheet(pictures: Pictures) -> NDArray[np.uint8]:
    """Return one row a pair: lr with its pixels repeated, sr, hr."""
    rows = []
    for lr, sr, hr in list(zip(pictures.lr, pictures.sr, pictures.hr, strict=True))[:_SHOWN]:
        scale = hr.shape[0] // lr.shape[0]
        bad = ~np.isfinite(sr).all(axis=2)
        ours = (np.clip(np.nan_to_num(sr), 0, 1) * 255 + 0.5).astype(np.uint8)
        shown = (lr.repeat(scale, axis=0).repeat(scale, axis=1), ours, hr)
        colour = [np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy() for pixels in shown]
        colour[1][bad] = _MAGENTA
        rows.append(np.concatenate(colour, axis=1))
    return np.concatenate(rows)
