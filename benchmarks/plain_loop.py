"""The recipe base-x4 as a plain PyTorch loop of 40 lines, for `benchmarks.trainer` to hold the trainer against.

The network is the recipe's own class, and SOAP sees kernels as it does there; all else is what one writes by hand. A
test counts the lines.
"""

import numpy as np
import torch
from PIL import Image
from pytorch_optimizer.optimizer.soap import SOAP
from torch.nn.functional import interpolate
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, IterableDataset

from upres.archs.plainres import PlainRes, PlainResConfig


class Crops(IterableDataset[tuple[torch.Tensor, ...]]):
    def __init__(self, files: list[str]) -> None:
        self.hr = [torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1) for file in files]
        self.lr = [interpolate(hr[None], scale_factor=0.25, mode="bicubic", antialias=True)[0] for hr in self.hr]

    def __iter__(self):  # type: ignore[no-untyped-def]
        while True:
            n, flip, turns = (int(torch.randint(most, ())) for most in (len(self.hr), 2, 4))
            y, x = (int(torch.randint(side - 31, ())) for side in self.lr[n].shape[1:])
            crops = self.lr[n][:, y : y + 32, x : x + 32], self.hr[n][:, 4 * y : 4 * y + 128, 4 * x : 4 * x + 128]
            yield tuple(torch.rot90(one.flip(2) if flip else one, turns, (1, 2)) for one in crops)


def train(files: list[str], steps: int, target: str) -> None:
    network = PlainRes(PlainResConfig(width=32, blocks=6), scale=4, channels=3)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.999))  # type: ignore[no-untyped-call]
    sides = [(p, max(p.shape[0], p[0].numel()) if p.ndim > 1 else 0) for p in network.parameters()]
    groups = [{"params": [p], "merge_dims": side > 0, "max_precondition_dim": side or 1} for p, side in sides]
    optimizer = SOAP(groups, lr=2.5e-3, betas=(0.95, 0.99), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    for batch, _ in zip(DataLoader(Crops(files), 16), range(steps), strict=False):
        lr, hr = (crops.to(memory_format=torch.channels_last).float() / 255 for crops in batch)
        with torch.autocast("cpu", torch.bfloat16):
            sr = network(lr).float()
        mse = ((sr - hr) * luma).sum(1).square().flatten(1).mean(1)
        loss = 0.3 * (sr - hr).abs().mean() + 0.05 * torch.log10(1 + mse / 1e-5).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimizer.step()
        averaged.update_parameters(network)
        schedule.step()
    torch.save(averaged.module.state_dict(), target)
