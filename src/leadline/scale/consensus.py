"""Linear regression where up to half of the data may be wrong."""

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from leadline.errors import InputError

_MOST_SUBSETS: Final = 1000
_AT_ONCE: Final = 100
_SIGMAS_PER_MEDIAN: Final = 1.4826
_OUTLYING: Final = 2.5
"""Residuals beyond this many standard deviations are outliers."""
_EXACT: Final = 1e-6
"""Share of the largest value below which a residual is rounding: what single precision leaves."""
_RANK: Final = 1e-9


@dataclass(frozen=True, eq=False)
class RobustFit:
    """A fitted linear model.

    Args:
        coefficients: One for each column of the design.
        covariance: Of the coefficients, as if the inliers' errors were independent; None where as many data as
            coefficients leave no error to be seen.
        inliers: The data that the fit rests on.
        sigma: Standard deviation of the inliers' residuals, in the unit of the values.
    """

    coefficients: Float64[np.ndarray, " p"]
    covariance: Float64[np.ndarray, "p p"] | None
    inliers: Bool[np.ndarray, " n"]
    sigma: float


def consensus_fit(design: Float[np.ndarray, "n p"], values: Float[np.ndarray, " n"]) -> RobustFit:
    """Coefficients of values = design @ coefficients, by the consensus of subsets and least squares on the inliers.

    It tries exact fits to subsets of p data (all of them, or 1000 drawn with a fixed seed). The least median residual
    among them gives the standard deviation; the fit with the least sum of squares, each capped at 2.5 standard
    deviations, says which data are inliers. The median alone would not do: where half of the data share one place, a
    fit through them and any outlier has the same median. Under 3 p data no outlier can be told from the others: they
    are fitted by least squares.

    Args:
        design: Any numbers; finite.
        values: Finite.
    Raises:
        InputError: If there are fewer data than coefficients, or the data do not determine the coefficients.
    Example:
        >>> x = np.arange(9.0)
        >>> y = 2.0 * x + 1.0
        >>> y[4] = 50.0
        >>> fit = consensus_fit(np.stack([x, np.ones(9)], axis=1), y)
        >>> fit.coefficients.round(6).tolist(), fit.inliers.tolist().index(False)
        ([2.0, 1.0], 4)

    Source: Rousseeuw, Least Median of Squares Regression, JASA 1984; Rousseeuw and Leroy, Robust Regression and Outlier
        Detection, 1987, for the correction of sigma in small samples; Torr and Zisserman, MLESAC, CVIU 2000, for the
        capped sum (MSAC).
    """
    x, y = design.astype(np.float64), values.astype(np.float64)
    count, unknowns = x.shape
    scale = np.maximum(np.abs(x).max(axis=0, initial=0.0), np.finfo(np.float64).tiny)
    x = x / scale
    if not _determined(x):
        raise InputError(f"expected data that determine {unknowns} numbers, got {count} that do not; give more of them")
    inliers = _inliers(x, y) if count >= 3 * unknowns else np.ones(count, dtype=bool)
    # The best subset is among them, so they determine the coefficients, too.
    x, y = x[inliers], y[inliers]
    coefficients: Float64[np.ndarray, " p"] = np.asarray(np.linalg.lstsq(x, y, rcond=None)[0], dtype=np.float64)
    freedom = len(y) - unknowns
    if freedom == 0:
        return RobustFit(coefficients / scale, None, inliers, 0.0)
    variance = float(np.sum(np.square(y - x @ coefficients)) / freedom)
    covariance = np.asarray(variance * np.linalg.inv(x.T @ x) / np.outer(scale, scale), dtype=np.float64)
    return RobustFit(coefficients / scale, covariance, inliers, variance**0.5)


def _determined(x: Float64[np.ndarray, "n p"]) -> bool:
    return len(x) >= x.shape[1] and int(np.linalg.matrix_rank(x, tol=_RANK * len(x) ** 0.5)) == x.shape[1]


def _inliers(x: Float64[np.ndarray, "n p"], y: Float64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    count, unknowns = x.shape
    middle = min(count // 2 + (unknowns + 1) // 2, count) - 1
    subsets = _subsets(count, unknowns)
    subsets = subsets[np.abs(np.linalg.det(x[subsets])) > _RANK]
    if len(subsets) == 0:
        return np.asarray(np.ones(count), dtype=bool)
    candidates: Float64[np.ndarray, "m p"] = np.linalg.solve(x[subsets], y[subsets][..., None])[..., 0]
    chunks = [candidates[start : start + _AT_ONCE] for start in range(0, len(candidates), _AT_ONCE)]
    medians = [np.partition(np.abs(y - chunk @ x.T), middle, axis=1)[:, middle].min() for chunk in chunks]
    sigma = _SIGMAS_PER_MEDIAN * (1.0 + 5.0 / (count - unknowns)) * float(min(medians))
    bound = max(_OUTLYING * sigma, _EXACT * float(np.abs(y).max()))
    costs = [np.minimum(np.square(y - chunk @ x.T), bound**2).sum(axis=1) for chunk in chunks]
    best = candidates[int(np.concatenate(costs).argmin())]
    return np.asarray(np.abs(y - x @ best) <= bound, dtype=bool)


def _subsets(count: int, size: int) -> Int64[np.ndarray, "m size"]:
    """All subsets, or a random choice in which a datum may come twice: such a one determines nothing."""
    if comb(count, size) <= _MOST_SUBSETS:
        return np.array(list(combinations(range(count), size)), dtype=np.int64)
    return np.random.default_rng(0).integers(0, count, (_MOST_SUBSETS, size), dtype=np.int64)
