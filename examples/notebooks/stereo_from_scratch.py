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
# # Stereo from scratch
#
# A pair of rectified images becomes disparity by four methods: block matching, census, semi-global matching, and a
# network. Each is scored against the true disparity of Middlebury's Motorcycle.

# %%
import numpy as np
import torch

import leadline
from leadline.classical import ClassicalStereo
from leadline.metrics.disparity import absolute_error, avgerr, bad
from leadline.ops import census_transform, sad_volume
from leadline.protocols.stereo.motorcycle import motorcycle

scene, rig = motorcycle()
truth, known = scene.truth.disparity, scene.truth.valid
print(f"{truth.shape[1]}x{truth.shape[0]} pixels, truth for {100 * known.mean():.0f} % of them")


# %%
def score(name, disparity):
    """Print bad-2 and EPE over all pixels with truth."""
    error = absolute_error(disparity, truth)
    print(f"{name:24} bad-2 {100 * bad(error, known, 2.0):5.1f} %   EPE {avgerr(error, known):5.2f} px")


# %% [markdown]
# ## 1. Block matching
#
# The cost of a disparity $d$ at a pixel is the sum of absolute differences between a window around $(x, y)$ in the left
# image and one around $(x - d, y)$ in the right image. The winner is the cheapest disparity. We work at half size.

# %%
left, right = (
    torch.from_numpy(view[::2, ::2].copy()).float().permute(2, 0, 1)[None].mean(dim=1, keepdim=True) / 255.0
    for view in (scene.left, scene.right)
)


def full_size(costs):
    """The cheapest disparity at half size, in pixels of the full size."""
    half = 2.0 * costs.argmin(dim=1)[0].numpy().astype(np.float32)
    return np.repeat(np.repeat(half, 2, axis=0), 2, axis=1)[: truth.shape[0], : truth.shape[1]]


score("block matching (SAD)", full_size(sad_volume(left, right, 48, 3)))

# %% [markdown]
# ## 2. Census
#
# Census compares each pixel with its neighbours and keeps the signs, which a change of exposure does not alter.

# %%
score("census", full_size(sad_volume(census_transform(left), census_transform(right), 48, 3)))

# %% [markdown]
# ## 3. Semi-global matching
#
# SGBM adds a smoothness term along several directions, a left-right check, and fills what the check removed.

# %%
score("SGBM-3WAY", ClassicalStereo("sgbm-3way", 96)(scene.left, scene.right).disparity)

# %% [markdown]
# ## 4. A network
#
# leadline-fast compares learned features instead of grey values. On this pair it is about as accurate as SGBM, which
# was tuned on it; where the views differ in exposure or noise it is far more accurate. It also predicts the probability
# that the error of a pixel is below 1 px.

# %%
found = leadline.stereo(scene.left, scene.right)
score("leadline-fast", found.disparity)
certain = found.confidence > 0.9
error = absolute_error(found.disparity, truth)
print(f"{100 * certain.mean():.0f} % of the pixels have a confidence above 0.9; their EPE is ", end="")
print(f"{avgerr(error, known & certain):.2f} px")

# %% [markdown]
# ## Depth
#
# With the calibration, disparity becomes metres: $Z = f b / (d + \mathrm{doffs})$.

# %%
depth = found.to_depth(rig)
print(f"depth from {np.quantile(depth.depth, 0.02):.2f} to {np.quantile(depth.depth, 0.98):.2f} m")
print(f"{len(depth.to_cloud(scene.left).points)} points in the cloud")
