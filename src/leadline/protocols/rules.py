"""Rules of scoring: the pixels that count, the meaning of missing predictions, reasons to leave a scene out.

>>> sorted(SCENE_REASONS)
['no object map', 'no occlusion mask', 'no pixel with truth', 'no truth']
"""

from typing import Literal

Mask = Literal["all", "noc"]
"""all: every pixel with truth. noc: those of them that both cameras see (not occluded)."""

Crop = Literal["no-crop", "garg-crop", "eigen-crop", "nyu-crop"]
"""no-crop: the whole image. garg-crop, eigen-crop: KITTI, by shares of the size. nyu-crop: NYU, by pixels."""

FlowPart = Literal["occ", "bg", "fg", "noc-bg", "noc-fg", "s0-10", "s10-40", "s40+"]
"""occ: what the second frame does not show. fg, bg: objects that move by themselves and the rest, where an object map
says so, all of them or those that both frames show (noc). s0-10, s10-40, s40+: by the length of the true motion, px."""

Region = Mask | Crop | FlowPart
"""Pixels with truth that count: a mask for stereo, a crop for depth from a single image, a mask or a part for flow."""

Rule = Literal["dense", "sparse", "background-interpolated"]
"""Meaning of a missing prediction.

- dense: every pixel with truth counts, and invalid pixels count with the method's guess. Where there is none either,
  the prediction is missing: an outlier at every threshold, and with the error of disparity 0, a point at infinity,
  where errors are averaged or ranked.
- sparse: only pixels on which the method is valid count; the density says how many of the pixels with truth those are.
- background-interpolated: missing predictions are filled from the background first, as the KITTI devkit does; then
  dense.
"""

NO_TRUTH = "no truth"
NO_OCCLUSION_MASK = "no occlusion mask"
NO_FOREGROUND = "no object map"
NO_PIXEL = "no pixel with truth"
NOTHING_PREDICTED = "nothing predicted where truth is known"
NO_CONFIDENCE = "no confidence"
UNDEFINED = "undefined on these pixels"
SCENE_REASONS = frozenset({NO_TRUTH, NO_OCCLUSION_MASK, NO_FOREGROUND, NO_PIXEL})
"""Reasons to leave a scene out that lie in the scene and not in the method."""
