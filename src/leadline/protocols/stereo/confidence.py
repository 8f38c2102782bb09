"""Trust in a method's confidence, read as P(error < 1 px), where it predicts.

in-80 is the share of pixels whose true disparity lies in the interval that should hold 80 % of them, and expected the
mean of the errors that the confidence stands for, both as of `leadline.maps.error_bound_px`.

Methods without a confidence are left out and counted, and so are scenes on which a number is undefined.

>>> [metric.name for metric in CONFIDENCE.metrics][:3]
['AUSE', 'AURG', 'AUC-bad-2']
>>> CONFIDENCE.rules, CONFIDENCE.averaging
(('sparse',), 'mean-over-scenes')
"""

from leadline.maps import error_bound_px, expected_error_px
from leadline.metrics.uncertainty import expected_calibration_error, reliability, roc_auc, sparsification
from leadline.protocols.metric import Metric
from leadline.protocols.stereo.protocol import StereoProtocol
from leadline.protocols.stereo.scored import ScoredPixels

INTERVAL_SHARE = 0.8
OUTLIER_PX = 2.0
CORRECT_PX = 1.0


def _ause(pixels: ScoredPixels) -> float | None:
    if pixels.confidence is None:
        return None
    return sparsification(pixels.error, pixels.confidence, pixels.mask).ause


def _aurg(pixels: ScoredPixels) -> float | None:
    if pixels.confidence is None:
        return None
    return sparsification(pixels.error, pixels.confidence, pixels.mask).aurg


def _auc(pixels: ScoredPixels) -> float | None:
    outlier = pixels.error > OUTLIER_PX
    outliers = int(outlier[pixels.mask].sum())
    if pixels.confidence is None or outliers in (0, int(pixels.mask.sum())):
        return None
    return roc_auc(outlier, pixels.confidence, pixels.mask)


def _ece(pixels: ScoredPixels) -> float | None:
    if pixels.confidence is None:
        return None
    return expected_calibration_error(reliability(pixels.error, pixels.confidence, pixels.mask, CORRECT_PX))


def _covered(pixels: ScoredPixels) -> float | None:
    if pixels.confidence is None:
        return None
    within = pixels.error <= error_bound_px(pixels.confidence, INTERVAL_SHARE)
    return float(within[pixels.mask].mean())


def _expected(pixels: ScoredPixels) -> float | None:
    if pixels.confidence is None:
        return None
    return float(expected_error_px(pixels.confidence)[pixels.mask].mean())


CONFIDENCE = StereoProtocol(
    name="confidence",
    metrics=(
        Metric("AUSE", "px", _ause),
        Metric("AURG", "px", _aurg),
        Metric("AUC-bad-2", "1", _auc),
        Metric("ECE-1px", "1", _ece),
        Metric("in-80", "1", _covered),
        Metric("expected", "px", _expected),
    ),
    masks=("noc", "all"),
    rules=("sparse",),
    averaging="mean-over-scenes",
    source="Poggi et al., On the Uncertainty of Self-Supervised Monocular Depth Estimation, CVPR 2020 (AUSE, AURG); "
    "Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (ECE)",
)
