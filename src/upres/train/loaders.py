"""The data pipeline as PyTorch sees it: whole batches, numbered through all epochs."""

from __future__ import annotations

from collections.abc import Iterator

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
    """The steps of one epoch. Lightning tells it the epoch, also after a resume."""

    def __init__(self, steps: int) -> None:
        self._steps, self._epoch = steps, 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._epoch * self._steps, (self._epoch + 1) * self._steps))

    def __len__(self) -> int:
        return self._steps


class _Pictures(IterableDataset[Pair]):
    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._length = sum(1 for _ in whole_pictures(cache))

    def __iter__(self) -> Iterator[Pair]:
        return ((torch.from_numpy(lr), torch.from_numpy(hr)) for lr, hr in whole_pictures(self._cache))

    def __len__(self) -> int:
        return self._length


def train_loader(patches: Patches, *, rank: int = 0, world: int = 1) -> DataLoader[Pair]:
    """Load batches in the training process: drawing one costs less than sending it between processes."""
    return DataLoader(_Batches(patches, slice(rank, None, world)), batch_size=None, sampler=_Steps(patches.steps))


def picture_loader(cache: Cache) -> DataLoader[Pair]:
    """Load whole validation pictures."""
    return DataLoader(_Pictures(cache), batch_size=None)
