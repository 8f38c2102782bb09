"""Ranking of errors of depth by a method's confidence, over all pixels with truth from 1 mm to 80 m.

Methods without a confidence are left out and counted.

>>> [metric.name for metric in DEPTH_CONFIDENCE.metrics][:3]
['AUSE-AbsRel', 'AURG-AbsRel', 'AUSE-RMSE']
>>> DEPTH_CONFIDENCE.clamp_range_m, DEPTH_CONFIDENCE.alignments[0]
((0.001, 80.0), 'none')
"""

from typing import Literal

import numpy as np

from leadline.metrics.depth import DELTA_BASE, ratio_error, relative_error
from leadline.metrics.disparity import absolute_error
from leadline.metrics.uncertainty import Sparsification, sparsification, sparsification_rms
from leadline.protocols.metric import Metric
from leadline.protocols.mono.protocol import DepthMetric, DepthProtocol
from leadline.protocols.mono.scored import ScoredDepth

Ranked = Literal["AbsRel", "RMSE", "delta>1.25"]


def _areas(pixels: ScoredDepth, ranked: Ranked) -> Sparsification | None:
    depth, truth, mask, confidence = pixels.depth, pixels.truth, pixels.mask, pixels.confidence
    if confidence is None:
        return None
    if ranked == "RMSE":
        return sparsification_rms(absolute_error(depth, truth), confidence, mask)
    if ranked == "AbsRel":
        return sparsification(relative_error(depth, truth), confidence, mask)
    return sparsification((ratio_error(depth, truth) > DELTA_BASE).astype(np.float64), confidence, mask)


def _metrics(ranked: Ranked) -> tuple[DepthMetric, DepthMetric]:
    def ause(pixels: ScoredDepth) -> float | None:
        areas = _areas(pixels, ranked)
        return None if areas is None else areas.ause

    def aurg(pixels: ScoredDepth) -> float | None:
        areas = _areas(pixels, ranked)
        return None if areas is None else areas.aurg

    unit = "m" if ranked == "RMSE" else "1"
    return Metric(f"AUSE-{ranked}", unit, ause), Metric(f"AURG-{ranked}", unit, aurg)


DEPTH_CONFIDENCE = DepthProtocol(
    name="depth-confidence",
    metrics=(*_metrics("AbsRel"), *_metrics("RMSE"), *_metrics("delta>1.25")),
    crops=("no-crop",),
    truth_range_m=(1e-3, 80.0),
    clamp_range_m=(1e-3, 80.0),
    alignments=("none", "median", "lsq-disparity", "lsq-depth", "huber-disparity"),
    source="Poggi et al., On the Uncertainty of Self-Supervised Monocular Depth Estimation, CVPR 2020",
    rules=("sparse",),
)
