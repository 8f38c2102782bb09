"""Ranking of errors of depth by a method's confidence, and its calibration, over all pixels from 1 mm to 80 m.

ECE-10% reads the confidence as P(depth is within 10 % of the truth after the alignment), as that of leadline-mono is
meant; expected is the mean relative error that it stands for then, as of `leadline.maps.expected_relative_error`, and
AbsRel the one that there is.

Methods without a confidence are left out and counted, and so are images on which a number is undefined.

>>> [metric.name for metric in DEPTH_CONFIDENCE.metrics][:3]
['AUSE-AbsRel', 'AURG-AbsRel', 'AUSE-RMSE']
>>> DEPTH_CONFIDENCE.clamp_range_m, DEPTH_CONFIDENCE.alignments[0]
((0.001, 80.0), 'none')
"""

from typing import Literal

import numpy as np

from leadline.maps import RELATIVE_ERROR, expected_relative_error
from leadline.metrics.depth import DELTA_BASE, abs_rel, ratio_error, relative_error
from leadline.metrics.disparity import absolute_error
from leadline.metrics.uncertainty import (
    Sparsification,
    expected_calibration_error,
    reliability,
    roc_auc,
    sparsification,
    sparsification_rms,
)
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


def _auc(pixels: ScoredDepth) -> float | None:
    outlier = ratio_error(pixels.depth, pixels.truth) > DELTA_BASE
    outliers = int(outlier[pixels.mask].sum())
    if pixels.confidence is None or outliers in (0, int(pixels.mask.sum())):
        return None
    return roc_auc(outlier, pixels.confidence, pixels.mask)


def _ece(pixels: ScoredDepth) -> float | None:
    if pixels.confidence is None:
        return None
    error = relative_error(pixels.depth, pixels.truth)
    return expected_calibration_error(reliability(error, pixels.confidence, pixels.mask, RELATIVE_ERROR))


def _expected(pixels: ScoredDepth) -> float | None:
    if pixels.confidence is None:
        return None
    return float(expected_relative_error(pixels.confidence)[pixels.mask].mean())


def _abs_rel(pixels: ScoredDepth) -> float | None:
    return None if pixels.confidence is None else abs_rel(pixels.depth, pixels.truth, pixels.mask)


DEPTH_CONFIDENCE = DepthProtocol(
    name="depth-confidence",
    metrics=(
        *_metrics("AbsRel"),
        *_metrics("RMSE"),
        *_metrics("delta>1.25"),
        Metric("AUC-delta>1.25", "1", _auc),
        Metric("ECE-10%", "1", _ece),
        Metric("expected", "1", _expected),
        Metric("AbsRel", "1", _abs_rel),
    ),
    crops=("no-crop",),
    truth_range_m=(1e-3, 80.0),
    clamp_range_m=(1e-3, 80.0),
    alignments=("none", "median", "lsq-disparity", "lsq-depth", "huber-disparity"),
    source="Poggi et al., On the Uncertainty of Self-Supervised Monocular Depth Estimation, CVPR 2020 (AUSE, AURG); "
    "Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (ECE)",
    rules=("sparse",),
)
