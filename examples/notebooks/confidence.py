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
# # What a confidence is worth
#
# A network predicts, for every pixel, the probability that its error is below 1 px. Three questions decide whether this
# number is useful: does it sort the pixels (sparsification), is it calibrated, and how accurate is the network at the
# density of a classical matcher (equal density)?

# %%
import numpy as np

import leadline
from leadline.classical import ClassicalStereo
from leadline.metrics.disparity import absolute_error, avgerr, bad
from leadline.metrics.uncertainty import expected_calibration_error, reliability
from leadline.protocols.stereo.motorcycle import motorcycle

scene, _ = motorcycle()
truth, known = scene.truth.disparity, scene.truth.valid
found = leadline.stereo(scene.left, scene.right, "leadline-fast")
error, confidence = absolute_error(found.disparity, truth), found.confidence

# %% [markdown]
# ## Sparsification
#
# Remove the least confident pixels step by step. The EPE of the rest should fall.

# %%
order = np.argsort(-confidence[known])
for share in (1.0, 0.9, 0.8, 0.6, 0.4):
    kept = error[known][order[: round(share * order.size)]]
    print(f"most confident {100 * share:3.0f} %: EPE {kept.mean():.2f} px")

# %% [markdown]
# ## Calibration
#
# Group the pixels by confidence. In each group, the share of errors below 1 px should equal the mean confidence.

# %%
bins = reliability(error, confidence, known, 1.0)
print(f"expected calibration error {expected_calibration_error(bins):.3f}")
for low in (0.0, 0.5, 0.8, 0.95):
    high = {0.0: 0.5, 0.5: 0.8, 0.8: 0.95, 0.95: 1.01}[low]
    inside = known & (confidence >= low) & (confidence < high)
    print(f"confidence {confidence[inside].mean():.2f}: {(error[inside] < 1.0).mean():.2f} are correct")

# %% [markdown]
# ## Equal density
#
# SGBM marks the pixels that fail its left-right check as invalid. Comparing its valid pixels with all pixels of the
# network would favour SGBM, so we take as many of the network's most confident pixels.

# %%
sgbm = ClassicalStereo("sgbm-3way", 96)(scene.left, scene.right)
sgbm_error, sgbm_valid = absolute_error(sgbm.disparity, truth), sgbm.valid & known
density = sgbm_valid.sum() / known.sum()
threshold = np.sort(confidence[known])[::-1][int(sgbm_valid.sum()) - 1]
kept = known & (confidence >= threshold)
print(f"density {100 * density:.1f} %")
print(
    f"SGBM-3WAY      bad-2 {100 * bad(sgbm_error, sgbm_valid, 2.0):.2f} %, EPE {avgerr(sgbm_error, sgbm_valid):.2f} px"
)
print(f"leadline-fast  bad-2 {100 * bad(error, kept, 2.0):.2f} %, EPE {avgerr(error, kept):.2f} px")
