"""The data pipeline as PyTorch sees it: whole batches, numbered through all epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from upres.data import Cache, Patches, whole_pictures

Pair = tuple[Tensor, Tensor]


class _Batches(Dataset[Pair]):
    def __init__(self, patches: Patches, share: slice) -> None:
        self._patches, self._share = patches, share

    def __getitem__(self, step: int) -> Pair:
        lr, hr = self._patches.at(step, self._share)
        return torch.from_numpy(lr), torch.from_numpy(hr)


class _Steps(Sampler[int]):
    """The steps of one epoch, counted through all epochs.

    It asks for the number of the epoch when its first step is drawn. Lightning makes the iterator before it
    restores a checkpoint, and tells samplers (`set_epoch`) 0 again after a resume: either way a resumed run
    would repeat its first batches.
    """

    def __init__(self, steps: int, epoch: Callable[[], int]) -> None:
        self._steps, self._epoch = steps, epoch

    def __iter__(self) -> Iterator[int]:
        first = self._epoch() * self._steps
        yield from range(first, first + self._steps)

    def __len__(self) -> int:
        return self._steps


class _Pictures(IterableDataset[Pair]):
    def __init__(self, cache: Cache, batches: int, rank: int, world: int) -> None:
        # With fewer batches than processes some measure a picture again: a process without any would wait for ever.
        self._cache, self._first, self._world = cache, rank % batches, world
        self._length = len(range(self._first, batches, world))

    def __iter__(self) -> Iterator[Pair]:
        for lr, hr in islice(whole_pictures(self._cache), self._first, None, self._world):
            yield torch.from_numpy(lr), torch.from_numpy(hr)

    def __len__(self) -> int:
        return self._length


def train_loader(patches: Patches, *, epoch: Callable[[], int], rank: int = 0, world: int = 1) -> DataLoader[Pair]:
    """Load batches in the training process: drawing one costs less than sending it between processes.

    Args:
        patches: where batches come from.
        epoch: tells the number of the epoch that begins.
        rank, world: this process takes every `world`-th pair of each batch, from pair `rank`.
    """
    share = slice(rank, None, world)
    return DataLoader(_Batches(patches, share), batch_size=None, sampler=_Steps(patches.steps, epoch))


def picture_batches(cache: Cache) -> int:
    """Return how many batches the validation pictures make."""
    return sum(1 for _ in whole_pictures(cache))


def picture_loader(cache: Cache, batches: int, *, rank: int = 0, world: int = 1) -> DataLoader[Pair]:
    """Load whole validation pictures; this process takes every `world`-th of those batches, from batch `rank`."""
    return DataLoader(_Pictures(cache, batches, rank, world), batch_size=None)
