"""Errors of optical flow, in float64. Shares are in [0, 1]; every comparison with a threshold is strict."""

import numpy as np
from jaxtyping import Bool, Float, Float64

from leadline.errors import InputError
from leadline.metrics.reduce import masked_mean

FL_ABSOLUTE_PX = 3.0
FL_RELATIVE = 0.05


def endpoint_error(flow: Float[np.ndarray, "h w 2"], truth: Float[np.ndarray, "h w 2"]) -> Float64[np.ndarray, "h w"]:
    """Length of the difference of two flows; NaN where either is unknown.

    Args:
        flow: Predicted (u, v), pixels.
        truth: True (u, v), pixels.
    Returns:
        Pixels.
    Source: Otte and Nagel 1994; "EE" of Baker et al. 2011 (Middlebury flow).

    Example:
        >>> endpoint_error(np.array([[[3.0, 4.0]]]), np.zeros((1, 1, 2))).tolist()
        [[5.0]]
    """
    difference = flow.astype(np.float64) - truth.astype(np.float64)
    return np.hypot(difference[..., 0], difference[..., 1])


def epe(error: Float64[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> float:
    """Mean endpoint error.

    Args:
        error: Endpoint error, pixels.
        mask: Pixels that count.
    Returns:
        Pixels.
    Raises:
        InputError: If nothing counts or an error that counts is not finite.
    """
    return masked_mean(error, mask)


def fl(error: Float64[np.ndarray, "h w"], truth: Float[np.ndarray, "h w 2"], mask: Bool[np.ndarray, "h w"]) -> float:
    """Share of outliers: an error above 3 px and above 5 % of the true motion's length.

    Args:
        error: Endpoint error, pixels; +inf where there is no prediction.
        truth: True (u, v), pixels.
        mask: Pixels that count.
    Returns:
        Share in [0, 1].
    Raises:
        InputError: If nothing counts or an error that counts is NaN.
    Source: "Fl" of the KITTI 2015 scene flow development kit, which has both clauses.
    """
    if np.isnan(error[mask]).any():
        raise InputError("expected an error at every pixel that counts, got NaN; mark missing predictions by +inf")
    length = np.hypot(truth[..., 0].astype(np.float64), truth[..., 1].astype(np.float64))
    return masked_mean((error > FL_ABSOLUTE_PX) & (error > FL_RELATIVE * length), mask)


def angular_error(flow: Float[np.ndarray, "h w 2"], truth: Float[np.ndarray, "h w 2"]) -> Float64[np.ndarray, "h w"]:
    """Angle between (u, v, 1) of both flows.

    Args:
        flow: Predicted (u, v), pixels.
        truth: True (u, v), pixels.
    Returns:
        Degrees.
    Source: Barron, Fleet and Beauchemin 1994; "AE" of Baker et al. 2011 (Middlebury flow).

    Example:
        >>> angular_error(np.array([[[1.0, 0.0]]]), np.zeros((1, 1, 2))).round(6).tolist()
        [[45.0]]
    """
    (u, v), (u2, v2) = (np.moveaxis(part.astype(np.float64), -1, 0) for part in (flow, truth))
    # By the sine too: the cosine alone knows small angles to 1e-6 degrees at best.
    cross = np.sqrt((v - v2) ** 2 + (u2 - u) ** 2 + (u * v2 - v * u2) ** 2)
    return np.degrees(np.arctan2(cross, 1.0 + u * u2 + v * v2))


def speed_band(truth: Float[np.ndarray, "h w 2"], slowest_px: float, fastest_px: float) -> Bool[np.ndarray, "h w"]:
    """Pixels whose true motion is at least as long as the first bound and shorter than the second.

    Args:
        truth: True (u, v), pixels.
        slowest_px: First bound.
        fastest_px: Second bound; inf for none.
    Source: s0-10, s10-40 and s40+ of Butler et al. 2012 (MPI Sintel).
    """
    length = np.hypot(truth[..., 0].astype(np.float64), truth[..., 1].astype(np.float64))
    return (length >= slowest_px) & (length < fastest_px)
