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
# # Import someone's weights
#
# Most published weights are a `.pth`: a pickle with tensors, without a word about scale, colour or licence. upres finds out which network they
# belong to from the tensors alone, runs them, and writes a file that knows its facts. Needs `pip install "upres[train]"`.
#
# Nothing is downloaded here: the next cell makes a file of the kind of `realesr-animevideov3.pth` (Real-ESRGAN's compact network), with random weights
# and fewer channels. **Put the file that you have in its place.**

# %%
import torch


def published(width: int = 16, convolutions: int = 4, scale: int = 4) -> dict[str, torch.Tensor]:
    """Return tensors under the names that Real-ESRGAN's compact networks have."""
    generator = torch.Generator().manual_seed(0)
    channels = [3, *[width] * (convolutions + 1), 3 * scale**2]
    tensors = {}
    for number, (before, after) in enumerate(zip(channels, channels[1:])):
        tensors[f"body.{2 * number}.weight"] = torch.randn(after, before, 3, 3, generator=generator) * 0.02
        tensors[f"body.{2 * number}.bias"] = torch.zeros(after)
        if number <= convolutions:
            tensors[f"body.{2 * number + 1}.weight"] = torch.full((after,), 0.1)
    return tensors


torch.save({"params": published()}, "theirs.pth")

# %% [markdown]
# ## Run it as it is
#
# Nothing in the file is executed: it is opened as tensors alone.

# %%
import numpy as np

import upres
from upres.compare.demonstration import PHOTOGRAPH

lr = upres.imresize(np.asarray(upres.read(PHOTOGRAPH)), 0.25)
sr = upres.upscale(lr, model="theirs.pth")
print(lr.shape, "→", sr.shape)

# %% [markdown]
# ## Make a file of it that knows what it is
#
# The ONNX file is written only when ONNX Runtime gives the pixels that PyTorch gives. It runs without PyTorch, and faster.

# %% language="bash"
# upres convert theirs.pth -o theirs.onnx --name theirs --licence BSD-3-Clause

# %%
from pathlib import Path

from upres.models.onnx_facts import read_facts

facts = read_facts(Path("theirs.onnx"))
print(f"×{facts.scale}, sees {facts.radius} pixels around, {facts.parameters:,} parameters, licence {facts.licence}")
print("largest difference, levels:", np.abs(sr.astype(int) - upres.upscale(lr, model="theirs.onnx")).max())

# %% [markdown]
# ## How good is it?
#
# Against the shipped ones, on the same pictures and under the papers' protocol. Random weights lose, of course.

# %% language="bash"
# mkdir -p pictures
# python -c "from upres.compare.demonstration import PHOTOGRAPH; import shutil; shutil.copy(PHOTOGRAPH, 'pictures')"
# upres evaluate theirs.onnx base bicubic --data pictures --scale 4

# %% [markdown]
# ## What is refused
#
# A file that holds more than tensors could run code when it is opened. upres says what it holds, and opens nothing.

# %%
torch.save(torch.nn.Conv2d(3, 3, 3), "whole-module.pth")
try:
    upres.upscale(lr, model="whole-module.pth")
except upres.UpresError as error:
    print(error)

# %% [markdown]
# Which networks are known, and how their conventions are met: [models](../models.md#other-peoples-weights).
