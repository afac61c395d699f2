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
# # Enlarge and compare
#
# A photograph is made small, and enlarged again in several ways. It is the one that comes with upres (`upres demo`), and no shipped model was
# trained on it; put your own in its place. Needs `pip install upres`.

# %%
import numpy as np

import upres
from upres.compare.demonstration import PHOTOGRAPH

hr = upres.read(PHOTOGRAPH)
hr

# %% [markdown]
# Low resolution is made as the papers make it, by MATLAB's `imresize`: a quarter of each side.

# %%
lr = upres.Picture(upres.imresize(np.asarray(hr), 0.25))
lr.save("small.png")
print(lr)

# %% [markdown]
# Bicubic, the default, and the same model without the detail that the truth *may* have had. An array in, an array out.

# %%
ways = {"bicubic": {"model": "bicubic"}, "base": {}, "base, detail 0": {"detail": 0.0}, "fast": {"model": "fast"}}
small = np.asarray(lr)
enlarged = {name: upres.upscale(small, scale=4, **options) for name, options in ways.items()}

# %% [markdown]
# The same part of each, side by side in this order, and the photograph itself at the end.


# %%
def part(pixels: np.ndarray) -> np.ndarray:
    return pixels[120:280, 180:340]


upres.Picture(np.concatenate([part(each) for each in (*enlarged.values(), np.asarray(hr))], axis=1))

# %% [markdown]
# Numbers: luma PSNR in dB (more is nearer to the photograph). Detail costs some of it, and looks better: a PSNR rewards what is soft.

# %%
from upres.metrics import Protocol, measure

for name, sr in enlarged.items():
    print(f"{name:16} {measure(sr, np.asarray(hr), Protocol(space='luma', border=4))['psnr']:.2f} dB")

# %% [markdown]
# One page with everything, to look at in a browser: a divider, flip, zoom, a magnifier. It works offline.

# %% language="bash"
# upres compare small.png --models bicubic,base,best -o comparison.html

# %% [markdown]
# Files go the same way, and keep profile, depth and metadata: `upres.upscale("photo.jpg").save("large.png")`.
