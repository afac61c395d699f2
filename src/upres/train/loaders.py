"""The data pipeline as PyTorch sees it: whole batches, numbered through all epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from upres.data import Cache, Patches, whole_pictures

Pair = tuple[Tensor, Tensor]


class _Batches(Dataset[Pair]):
    def __init__(self, patches: Patches, share: slice) -> None:
        self._patches, self._share = patches, share

    def __getitem__(self, step: int) -> Pair:
        lr, hr = self._patches.at(step, self._share)
        return torch.from_numpy(lr), torch.from_numpy(hr)


class _Leg(Sampler[int]):
    """The batches up to the next pause, counted from the run's beginning.

    Lightning draws one batch ahead: whether a batch is the last is asked before that one is trained on. The first is
    asked for when it is drawn, since Lightning makes an iterator long before.
    """

    def __init__(self, first: Callable[[], int | None], pauses: Callable[[int], bool]) -> None:
        self._first, self._pauses = first, pauses

    def __iter__(self) -> Iterator[int]:
        batch = self._first()
        while batch is not None:
            yield batch
            batch = None if self._pauses(batch + 1) else batch + 1


def train_loader(
    patches: Patches, *, first: Callable[[], int | None], pauses: Callable[[int], bool], rank: int = 0, world: int = 1
) -> DataLoader[Pair]:
    """Load batches in the training process: drawing one costs less than sending it between processes.

    Args:
        patches: where batches come from.
        first: tells the batch with which training goes on, or that none is to come before the next pause.
        pauses: tells whether training pauses when so many batches are behind it.
        rank, world: this process takes every `world`-th pair of each batch, from pair `rank`.
    """
    share = slice(rank, None, world)
    # With a generator of its own the loader takes nothing from the numbers that a network draws.
    return DataLoader(
        _Batches(patches, share), batch_size=None, sampler=_Leg(first, pauses), generator=torch.Generator()
    )


def picture_batches(cache: Cache, *, rank: int = 0, world: int = 1) -> Iterator[tuple[int, Pair]]:
    """Yield whole validation pictures with the number of their batch: every `world`-th batch, from batch `rank`."""
    for number, (lr, hr) in islice(enumerate(whole_pictures(cache)), rank, None, world):
        yield number, (torch.from_numpy(lr), torch.from_numpy(hr))
