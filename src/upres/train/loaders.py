"""The data pipeline as PyTorch sees it: whole batches, numbered through all epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from upres.data import Cache, Patches, whole_pictures
from upres.train.resident import ResidentPatches

Pair = tuple[Tensor, Tensor]


class _Batches(Dataset[Pair]):
    """Batches by their number; a thread draws those that are asked for next.

    One alone: the order of an epoch, and the shards at hand, are those of the batch that was drawn last.
    """

    def __init__(
        self, patches: Patches, share: slice, ahead: int, device: torch.device, resident: ResidentPatches | None
    ) -> None:
        self._patches, self._share, self._ahead, self._device = patches, share, ahead, device
        self._resident = resident
        self._thread = ThreadPoolExecutor(1, "upres-prefetch") if ahead else None
        self._drawn: dict[int, Future[Pair]] = {}

    def __getitem__(self, step: int) -> Pair:
        if self._thread is None:
            return self._at(step)
        # A run that paused asks for the same batch again, or for an earlier one: nothing else is kept.
        wanted = range(step, step + self._ahead + 1)
        self._drawn = {number: drawn for number, drawn in self._drawn.items() if number in wanted}
        for number in wanted:
            if number not in self._drawn:
                self._drawn[number] = self._thread.submit(self._at, number)
        return self._drawn.pop(step).result()

    def _at(self, step: int) -> Pair:
        if self._resident is not None:
            return self._resident.at(step, self._share)
        lr, hr = (torch.from_numpy(pixels) for pixels in self._patches.at(step, self._share, device=self._device))
        # Memory that a GPU may read while the processor goes on.
        return (lr.pin_memory(), hr.pin_memory()) if self._device.type == "cuda" else (lr, hr)


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
    patches: Patches,
    *,
    first: Callable[[], int | None],
    pauses: Callable[[int], bool],
    rank: int = 0,
    world: int = 1,
    ahead: int = 0,
    device: torch.device | None = None,
    resident: ResidentPatches | None = None,
) -> DataLoader[Pair]:
    """Load batches in the training process: drawing one costs less than sending it between processes.

    Args:
        patches: where batches come from.
        first: tells the batch with which training goes on, or that none is to come before the next pause.
        pauses: tells whether training pauses when so many batches are behind it.
        rank, world: this process takes every `world`-th pair of each batch, from pair `rank`.
        ahead: how many batches a thread draws before they are asked for.
        device: where degradations that are drawn anew are computed; by default the CPU.
        resident: the same patches, where the pictures lie on the device.
    """
    share = slice(rank, None, world)
    # With a generator of its own the loader takes nothing from the numbers that a network draws.
    return DataLoader(
        _Batches(patches, share, ahead, device or torch.device("cpu"), resident),
        batch_size=None,
        sampler=_Leg(first, pauses),
        generator=torch.Generator(),
    )


def picture_batches(cache: Cache, *, rank: int = 0, world: int = 1) -> Iterator[tuple[int, Pair]]:
    """Yield whole validation pictures with the number of their batch: every `world`-th batch, from batch `rank`."""
    for number, (lr, hr) in islice(enumerate(whole_pictures(cache)), rank, None, world):
        yield number, (torch.from_numpy(lr), torch.from_numpy(hr))
