# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Train on your folder
#
# A minute of training, to see every part once: pictures, recipe, run, curves, scores, an ONNX file that needs no PyTorch. Needs
# `pip install "upres[train]"`. The folder is made of parts of the photograph that comes with upres: **put your pictures in its place** and give the
# training more than a minute.

# %%
from pathlib import Path

import numpy as np

import upres
from upres.compare.demonstration import PHOTOGRAPH

photograph = np.asarray(upres.read(PHOTOGRAPH))
Path("my-photos").mkdir(exist_ok=True)
for number, (top, left) in enumerate(
    [(0, 0), (0, 160), (0, 320), (128, 0), (128, 160), (128, 320), (256, 0), (256, 160)]
):
    upres.Picture(photograph[top : top + 128, left : left + 160]).save(f"my-photos/{number}.png")

# %% [markdown]
# ## What is in it
#
# Also duplicates, faults, and what bicubic reaches; `exploration/exploration.html` shows more.

# %% language="bash"
# upres explore my-photos --scale 4 -o exploration

# %% [markdown]
# ## The recipe
#
# The last two pictures are held out. `init: base` goes on from the shipped model: of a minute most is gained so. Without that line it begins from nothing.

# %%
RECIPE = """
name: mine
scale: 4
init: base
arch: {name: plainres, width: 32, blocks: 6}
data:
  root: my-photos
  patch: 16
  train: [{name: folder, path: ., take: -2}]
  validation: [{name: folder, path: ., skip: -2}]
train: {epochs: 3, steps_per_epoch: 8, batch: 8, optimizer: {rate: 1.0e-4}, ema: 0.9, loggers: []}
schedule: cosine
protocol: {space: luma, border: 4}
"""
Path("mine.yaml").write_text(RECIPE, encoding="utf-8")

# %% [markdown]
# In a terminal this is `upres train mine.yaml`. Killed at any moment, `upres train runs/mine --resume` goes on, bit for bit.

# %%
from upres.recipes import read_recipe, run_recipe

best = run_recipe(read_recipe("mine.yaml"), Path("runs/mine"), log=print)

# %%
print(Path("runs/mine/metrics.csv").read_text(encoding="utf-8"))
upres.read("runs/mine/loss.png")

# %% [markdown]
# Low resolution, bicubic, ours and the original, after the last epoch:

# %%
upres.read(sorted(Path("runs/mine/samples").glob("*.png"))[-1])

# %% [markdown]
# ## Is it better?
#
# Only pictures that it has not seen say so. With six small ones and a minute do not expect more than a hundredth of a decibel beyond `base`.

# %% language="bash"
# upres evaluate runs/mine/best.safetensors "base?detail=0" bicubic --data "my-photos?skip=-2" --scale 4 -o scores

# %% [markdown]
# ## Use it, without PyTorch

# %% language="bash"
# upres export runs/mine/best.safetensors -o mine.onnx
# upres my-photos/7.png --model mine.onnx -o large.png

# %%
upres.read("large.png")

# %% [markdown]
# More: [training](../training.md), [going on from a shipped model](../finetuning.md), [every key](../recipe-keys.md).
