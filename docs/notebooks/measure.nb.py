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
# # Measure like a paper
#
# A PSNR without its protocol means nothing. Here one number is measured rightly, and then wrongly in each of the usual ways. The four pictures are
# cut from the photograph that comes with upres; give a folder of your own, or `upres data get Set5`. Needs `pip install upres`.

# %%
from pathlib import Path

import numpy as np

import upres
from upres.compare.demonstration import PHOTOGRAPH
from upres.metrics import Protocol, measure

photograph = np.asarray(upres.read(PHOTOGRAPH))
Path("pictures").mkdir(exist_ok=True)
for number, (top, left) in enumerate([(0, 0), (0, 240), (192, 0), (192, 240)]):
    upres.Picture(photograph[top : top + 192, left : left + 240]).save(f"pictures/{number}.png")

# %% [markdown]
# The command does it all: low resolution by MATLAB's bicubic, 8 bits, luma, a border of the scale, the mean over pictures. The table says so.

# %% language="bash"
# upres evaluate "base?detail=0" best fast bicubic --data pictures --scale 4 --metric niqe-upres -o scores

# %% [markdown]
# ## The same by hand
#
# Each step is one function.

# %%
SCALE = 4
upscaler = upres.load("base", scale=SCALE, detail=0.0)
pictures = [np.asarray(upres.read(path)) for path in sorted(Path("pictures").glob("*.png"))]


def cropped(hr: np.ndarray) -> np.ndarray:
    height, width = (side // SCALE * SCALE for side in hr.shape[:2])
    return hr[:height, :width]


def mean_psnr(protocol: Protocol, *, antialias: bool = True) -> float:
    scores = []
    for hr in map(cropped, pictures):
        lr = upres.imresize(hr, 1 / SCALE, antialias=antialias)
        scores.append(measure(upscaler(lr), hr, protocol)["psnr"])
    return float(np.mean(scores))


papers = mean_psnr(Protocol(space="luma", border=SCALE))
print(f"as the papers do: {papers:.2f} dB")

# %% [markdown]
# ## How the number moves when somebody does it otherwise
#
# Nothing about the network changes below.

# %%
others = {
    "all colours instead of luma": Protocol(space="rgb", border=SCALE),
    "no border": Protocol(space="luma", border=0),
    "gray from 0 to 255 instead of BT.601's 16 to 235": Protocol(space="gray", border=SCALE),
    "results not rounded to 8 bits": Protocol(space="luma", border=SCALE, quantised=False),
}
for words, protocol in others.items():
    print(f"{mean_psnr(protocol) - papers:+.2f} dB  {words}")
print(
    f"{mean_psnr(Protocol(space='luma', border=SCALE), antialias=False) - papers:+.2f} dB  low resolution not antialiased"
)

# %% [markdown]
# Two tables compare only where all of this is equal. [Why, and what else differs](../evaluation.md#the-protocol-and-why-numbers-differ).
# The errors per picture lie in `scores/pictures.csv`, and the protocol in `scores/evaluation.json`.

# %%
import json

json.loads(Path("scores/evaluation.json").read_text(encoding="utf-8"))["protocol"]
