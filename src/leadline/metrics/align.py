"""Alignments of predicted depth with the truth before it is scored. Their name is part of the score's.

The depth that a network gives for one image is defined up to a scale, or up to a scale and a shift. Each alignment
fits what is missing on the pixels that count, in float64, one image at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Float64

from leadline.errors import InputError
from leadline.maps import DepthKind, DepthMap
from leadline.metrics.reduce import masked_values

AlignmentName = Literal["none", "median", "x5.4", "lsq-depth", "lsq-disparity", "huber-disparity"]
"""The alignments; `align` says what each does."""

ACCEPTED_KINDS: Final[Mapping[AlignmentName, tuple[DepthKind, ...]]] = MappingProxyType(
    {
        "none": ("metric",),
        "median": ("metric", "up_to_scale"),
        "x5.4": ("up_to_scale",),
        "lsq-depth": ("metric", "up_to_scale", "affine_depth"),
        "lsq-disparity": ("metric", "up_to_scale", "affine_inverse"),
        "huber-disparity": ("metric", "up_to_scale", "affine_inverse"),
    }
)
"""Kinds of depth that an alignment makes metric. Only the two in disparity can undo the shift of affine_inverse,
only lsq-depth that of affine_depth."""

STEREO_SCALE: Final = 5.4
"""Metres per unit of networks that were trained on KITTI stereo with a nominal baseline of 0.1: it is 0.54 m."""

_HUBER: Final = 1.345
"""Residuals beyond this many standard deviations weigh less; 95 % as efficient as least squares on Gaussian ones."""
_SIGMAS_PER_MAD: Final = 1.4826
_HUBER_STEPS: Final = 100
_SETTLED: Final = 1e-10
_FLAT: Final = 1e-12
"""A prediction that varies by less than this share of its size is constant: no scale can be fitted."""


@dataclass(frozen=True)
class Alignment:
    """A line that makes a prediction metric: metres, or their inverse, are scale times the prediction plus shift.

    Args:
        space: What scale and shift give: depth in metres, or inverse_depth in 1/m.
        scale: What the prediction, in this space, is multiplied by.
        shift: What is added then, in m or 1/m.
    Example:
        >>> Alignment("inverse_depth", 2.0, 0.5).apply(np.array([0.25])).tolist()
        [1.0]
    """

    space: Literal["depth", "inverse_depth"]
    scale: float
    shift: float

    def apply(self, values: Float[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """Metres, or their inverse, of a prediction in this space."""
        with np.errstate(invalid="ignore"):  # pixels without a value may hold anything
            return self.scale * values.astype(np.float64) + self.shift


@dataclass(frozen=True, eq=False)
class Aligned:
    """A prediction in metres, and the alignment that made it so.

    Args:
        depth: Metres, where the prediction had a value; may be negative after a shift.
        by: The alignment.
    """

    depth: Float64[np.ndarray, "*shape"]
    by: Alignment

    def sigma(self, sigma: Float[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """A prediction's standard deviation, taken through the same alignment to first order.

        Args:
            sigma: In the unit of the prediction: of its depth if the space is depth, else of its inverse depth.
        Returns:
            Metres: |scale| sigma, times depth^2 if the space is inverse_depth.
        """
        scaled = abs(self.by.scale) * sigma.astype(np.float64)
        return scaled if self.by.space == "depth" else scaled * np.square(self.depth)


def align(
    prediction: DepthMap,
    truth: Float[np.ndarray, "h w"],
    mask: Bool[np.ndarray, "h w"],
    name: AlignmentName,
    max_depth_m: float,
) -> Aligned:
    """Makes a prediction metric by the alignment of this name.

    - none: nothing is fitted.
    - median: one scale, the ratio of the medians.
    - x5.4: one fixed scale, for networks trained on KITTI stereo.
    - lsq-depth: scale and shift of depth by least squares.
    - lsq-disparity: scale and shift of inverse depth by least squares.
    - huber-disparity: the same by Huber's robust regression.

    Args:
        prediction: Of a kind that the alignment accepts.
        truth: Metres, > 0 under the mask.
        mask: Pixels that count.
        name: Which alignment.
        max_depth_m: The alignments in disparity raise what is farther, or behind the camera, to this.
    Raises:
        InputError: If the alignment does not accept the prediction's kind, nothing counts, or a depth that counts is
            not finite, or not positive where it must be.
    """
    if prediction.kind not in ACCEPTED_KINDS[name]:
        fitting = ", ".join(other for other, kinds in ACCEPTED_KINDS.items() if prediction.kind in kinds)
        raise InputError(
            f"expected depth of kind {' or '.join(ACCEPTED_KINDS[name])} for the alignment {name}, "
            f"got {prediction.kind}; take one of {fitting}"
        )
    depth = prediction.depth
    match name:
        case "none":
            return scaled(depth, 1.0)
        case "x5.4":
            return scaled(depth, STEREO_SCALE)
        case "median":
            return median_ratio(depth, truth, mask)
        case "lsq-depth":
            return least_squares_depth(depth, truth, mask)
        case "lsq-disparity" | "huber-disparity":
            fit = least_squares_disparity if name == "lsq-disparity" else huber_disparity
            inverse = depth if prediction.kind == "affine_inverse" else _inverted(depth, mask)
            return fit(inverse, truth, mask, max_depth_m)


def scaled(depth: Float[np.ndarray, "*shape"], scale: float) -> Aligned:
    """Depth times a number that is known without the truth.

    Args:
        depth: Any unit.
        scale: Metres per unit; 1 for metric depth.
    Source: 5.4 for networks trained on stereo: Godard et al., Digging Into Self-Supervised Monocular Depth Estimation,
        ICCV 2019.
    """
    return Aligned(depth.astype(np.float64) * scale, Alignment("depth", scale, 0.0))


def median_ratio(
    depth: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> Aligned:
    """Depth times the ratio of the medians, median(truth) / median(depth).

    Args:
        depth: Any unit.
        truth: Metres.
        mask: Pixels that count.
    Raises:
        InputError: If nothing counts, a depth that counts is not finite, or the median depth is not positive.
    Example:
        >>> aligned = median_ratio(np.array([1.0, 2.0, 4.0]), np.array([2.5, 5.0, 9.0]), np.ones(3, dtype=bool))
        >>> aligned.by.scale, aligned.depth.tolist()
        (2.5, [2.5, 5.0, 10.0])

    Source: Zhou et al., Unsupervised Learning of Depth and Ego-Motion from Video, CVPR 2017.
    """
    middle = float(np.median(masked_values(depth, mask)))
    if middle <= 0.0:
        raise InputError(f"expected depth with a median above 0, got {middle:g}; check the sign and kind of the depth")
    return scaled(depth, float(np.median(masked_values(truth, mask))) / middle)


def least_squares_depth(
    depth: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> Aligned:
    """The line s depth + t with the least sum of squared differences to the truth.

    Args:
        depth: Up to a scale and a shift; a constant one becomes the mean truth (s = 0).
        truth: Metres.
        mask: Pixels that count.
    Raises:
        InputError: If nothing counts or a depth that counts is not finite.
    Source: Ke et al., Repurposing Diffusion-Based Image Generators for Monocular Depth Estimation, CVPR 2024
        (Marigold).
    """
    x = masked_values(depth, mask)
    line = Alignment("depth", *_fitted_line(x, masked_values(truth, mask), np.ones_like(x)))
    return Aligned(line.apply(depth), line)


def least_squares_disparity(
    inverse: Float[np.ndarray, "*shape"],
    truth: Float[np.ndarray, "*shape"],
    mask: Bool[np.ndarray, "*shape"],
    max_depth_m: float,
) -> Aligned:
    """1 / (s inverse + t) where the line has the least sum of squared differences to 1 / truth.

    Before it is inverted, the line is raised to at least 1 / max_depth_m: it may well fall below 0 in the distance.

    Args:
        inverse: Inverse depth up to a scale and a shift; a constant one becomes the mean inverse truth (s = 0).
        truth: Metres, > 0 under the mask.
        mask: Pixels that count.
        max_depth_m: > 0.
    Raises:
        InputError: If nothing counts, an inverse depth that counts is not finite, or a truth is not positive.
    Source: Ranftl et al., Towards Robust Monocular Depth Estimation, TPAMI 2022, equation 4, and its evaluation.
    """
    x, y = _inverse_pairs(inverse, truth, mask)
    return _from_disparity(inverse, _fitted_line(x, y, np.ones_like(x)), max_depth_m)


def huber_disparity(
    inverse: Float[np.ndarray, "*shape"],
    truth: Float[np.ndarray, "*shape"],
    mask: Bool[np.ndarray, "*shape"],
    max_depth_m: float,
) -> Aligned:
    """Robust variant of `least_squares_disparity`: residuals beyond 1.345 standard deviations count by size.

    Iteratively reweighted least squares; the standard deviation is 1.4826 times the median absolute residual, anew at
    each step. Nothing is drawn at random. It withstands wrong truth, not wrong predictions far outside the others.

    Args:
        inverse: Inverse depth up to a scale and a shift.
        truth: Metres, > 0 under the mask.
        mask: Pixels that count.
        max_depth_m: > 0.
    Raises:
        InputError: If nothing counts, an inverse depth that counts is not finite, or a truth is not positive.
    Source: Huber, Robust Estimation of a Location Parameter, 1964; Holland and Welsch, Robust Regression Using
        Iteratively Reweighted Least-Squares, 1977.
    """
    x, y = _inverse_pairs(inverse, truth, mask)
    scale, shift = _fitted_line(x, y, np.ones_like(x))
    # Where most residuals are 0, so is their median: the floor keeps the weights defined.
    floor = _FLAT * float(np.abs(y).max())
    for _ in range(_HUBER_STEPS):
        residual = np.abs(y - scale * x - shift)
        bound = max(_HUBER * _SIGMAS_PER_MAD * float(np.median(residual)), floor)
        before = scale, shift
        scale, shift = _fitted_line(x, y, bound / np.maximum(residual, bound))
        if np.allclose((scale, shift), before, rtol=_SETTLED, atol=0.0):
            break
    return _from_disparity(inverse, (scale, shift), max_depth_m)


def _fitted_line(
    x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"], weight: Float64[np.ndarray, " n"]
) -> tuple[float, float]:
    """Slope and intercept of the weighted least-squares line; slope 0 where x does not vary."""
    middle_x, middle_y = np.average(x, weights=weight), np.average(y, weights=weight)
    if np.ptp(x) <= _FLAT * np.abs(x).max():
        return 0.0, float(middle_y)
    offset = x - middle_x
    slope = np.sum(weight * offset * (y - middle_y)) / np.sum(weight * np.square(offset))
    return float(slope), float(middle_y - slope * middle_x)


def _from_disparity(inverse: Float[np.ndarray, "*shape"], line: tuple[float, float], max_depth_m: float) -> Aligned:
    by = Alignment("inverse_depth", *line)
    return Aligned(1.0 / np.maximum(by.apply(inverse), 1.0 / max_depth_m), by)


def _inverse_pairs(
    inverse: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Predicted and true inverse depth of the pixels that count."""
    depth = masked_values(truth, mask)
    if depth.min() <= 0.0:
        raise InputError(f"expected truth above 0 under the mask, got {depth.min():g}; take it out of the mask")
    return masked_values(inverse, mask), 1.0 / depth


def _inverted(depth: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> Float64[np.ndarray, "h w"]:
    lowest = masked_values(depth, mask).min()
    if lowest <= 0.0:
        raise InputError(f"expected depth above 0 to invert, got {lowest:g}; clamp it or take an alignment in depth")
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return 1.0 / depth.astype(np.float64)
