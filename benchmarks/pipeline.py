"""What share of a training step the data takes.

    python -m benchmarks.pipeline [RECIPE …] [--threads 2]

Each recipe's own patches, batch, network, losses and precision, on made pictures; the data is not overlapped with the
step here, so the share is what it costs at worst. Without names: the recipe with the fewest parameters of those
that need no features, and the ones that ship.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.common import argument_parser, machine, medians, picture, run
from benchmarks.marks import Mark, held_against
from upres.archs import Network
from upres.config.named_parts import build
from upres.data import Patches, build_cache
from upres.data.sources.folder import Folder, FolderConfig
from upres.degrade.bicubic import Bicubic, BicubicConfig
from upres.evaluation.text_tables import text_table
from upres.image import Picture, write
from upres.losses import LOSSES
from upres.recipes import Recipe, new_network, read_recipe
from upres.train.step import loss_terms, weighted_sum
from upres.train.validation import unit_batch

SHARE = Mark("the data's share of a step", "<", 5, "%")
RECIPES = ("div2k-x4", "div2k-cnn-x4", "base-x4", "cifar10-x2")
_PICTURES, _SIDE = 16, 512


def patches_of(recipe: Recipe, work: Path) -> Patches:
    """Return the recipe's patches of made pictures; whole small ones where its pictures are small."""
    small = recipe.name.startswith("cifar10")
    side, count = (32, 1024) if small else (_SIDE, _PICTURES)
    folder = work / f"{side}"
    if not folder.is_dir():
        folder.mkdir()
        large = picture(_SIDE, _SIDE * 2)
        for number in range(count):
            rng = np.random.default_rng(number)
            top, left = (int(rng.integers(0, most - side + 1)) for most in large.shape[:2])
            write(
                Picture(np.ascontiguousarray(large[top : top + side, left : left + side])), folder / f"{number:04}.png"
            )
    source = Folder(FolderConfig(path=str(folder)), root=work)
    cache = build_cache(
        [source],
        Bicubic(BicubicConfig()),
        "bicubic",
        scale=recipe.head.scale,
        colour=recipe.head.colour,
        seed=0,
        home=work / "cache",
    )
    return Patches(
        cache, patch=recipe.data.patch, batch=recipe.train.batch, seed=0, steps=1000, augment=recipe.data.augment
    )


def step_of(recipe: Recipe, network: Network, patches: Patches) -> Callable[[], None]:
    """Return one step of training on a batch that is there already."""
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    losses = {part.name: build(LOSSES, part) for _, part in recipe.losses}
    weights = {part.name: weight for weight, part in recipe.losses}
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    drawn = patches.at(0)
    lr, hr = unit_batch((torch.from_numpy(drawn[0]), torch.from_numpy(drawn[1])))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.train.precision == "bf16"):
            sr = network(lr).float()
            loss = weighted_sum(loss_terms(losses, sr, hr), weights)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=40)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{machine('torch')}; {given.threads} threads")
    rows, shares = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.recipes:
            recipe = read_recipe(name)
            patches = patches_of(recipe, Path(folder))
            facts, network = new_network(recipe)
            step, numbers = step_of(recipe, network, patches), iter(range(1000))
            for _ in range(5):
                step()
            data, compute = medians([lambda p=patches, n=numbers: p.at(next(n)), step], given.repeats)  # type: ignore[misc]
            share = shares[name] = data / (data + compute)
            rows.append((name, f"{facts.parameters:,}", f"{data * 1e3:.2f}", f"{compute * 1e3:.1f}", f"{share:.1%}"))
    print(text_table(("recipe", "parameters", "data (ms)", "step (ms)", "data's share"), rows), end="\n\n")
    for name, share in shares.items():
        held_against(SHARE, 100 * share, name)


if __name__ == "__main__":
    run(main)
