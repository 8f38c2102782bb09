"""A smooth field of corrections of a depth map, from zones that tell how far it is off here and there."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float64

from leadline.robotics.tof_match import SeenZones

_ROUNDS: Final = 3
_CAUCHY: Final = 2.0


@dataclass(frozen=True)
class FieldSettings:
    """Kernel of the field of log corrections: close in the image and close in depth is corrected alike.

    Args:
        reach: Distance in the image, as x / z, over which corrections are alike.
        reach_log_depth: Ratio of depths, as a logarithm, over which they are.
        share: Standard deviation of the corrections themselves.
        offset: Standard deviation of a correction of everything.
        noise: Standard deviation of a zone beyond what the sensor states.
    Example:
        One zone in the middle says that depth is 10 % too small; far from it hardly anything is corrected:

        >>> one, middle = np.array([0.0]), np.zeros((1, 2))
        >>> seen = SeenZones(np.array([0.1]), np.array([0.02]), one, middle, one, one)
        >>> places = np.array([[[0.0, 0.0], [2.0, 0.0]]])
        >>> correction_field(seen, np.zeros((1, 2)), places, FieldSettings()).mean.round(3).tolist()
        [[0.095, 0.004]]
    """

    reach: float = 0.2
    reach_log_depth: float = 0.3
    share: float = 0.15
    offset: float = 0.03
    noise: float = 0.03


@dataclass(frozen=True, eq=False)
class CorrectionField:
    """Corrections of log depth.

    Args:
        mean: Of each pixel of the grid.
        sigma: Its standard deviation.
        left: What is left of each zone's error.
    """

    mean: Float64[np.ndarray, "r c"]
    sigma: Float64[np.ndarray, "r c"]
    left: Float64[np.ndarray, " k"]


def correction_field(
    seen: SeenZones,
    log_depth: Float64[np.ndarray, "r c"],
    places: Float64[np.ndarray, "r c 2"],
    settings: FieldSettings,
) -> CorrectionField:
    """Log corrections by Gaussian-process regression on the zones.

    Zones that stay far off are taken for wrong, one round after the other: their noise grows (Cauchy weights). Far from
    all zones the correction is 0 and its standard deviation that of a correction without any zone.

    Args:
        seen: The zones' errors.
        log_depth: Of each pixel of the grid, before the correction.
        places: Directions of the pixels.
        settings: Of the kernel.
    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equations 2.25 and 2.26.
    """
    at = np.concatenate([seen.place / settings.reach, seen.log_depth[:, None] / settings.reach_log_depth], axis=1)
    variance, constant = settings.share**2, settings.offset**2
    gram = variance * np.exp(-0.5 * _squares(at, at)) + constant
    noise = np.square(np.hypot(settings.noise, seen.sigma))
    weights = np.ones(len(at))
    for _ in range(_ROUNDS - 1):
        fitted = gram @ np.linalg.solve(gram + np.diag(noise / weights), seen.error)
        weights = 1.0 / (1.0 + np.square(seen.error - fitted) / (_CAUCHY**2 * (noise + 0.25 * variance)))
    inverse = np.linalg.inv(gram + np.diag(noise / weights))
    solved = inverse @ seen.error
    grid = np.concatenate([places / settings.reach, log_depth[..., None] / settings.reach_log_depth], axis=-1)
    # Single precision for what is computed at each pixel: it is twice as fast, and off by less than 0.001.
    single = _squares(grid.reshape(-1, 3).astype(np.float32), at.astype(np.float32))
    cross = np.float32(variance) * np.exp(np.float32(-0.5) * single) + np.float32(constant)
    explained = np.square(cross @ np.linalg.cholesky(inverse).astype(np.float32)).sum(axis=1, dtype=np.float64)
    sigma = np.sqrt(np.maximum(variance + constant - explained, 1e-6))
    mean = (cross @ solved.astype(np.float32)).astype(np.float64)
    shape = log_depth.shape
    return CorrectionField(mean.reshape(shape), sigma.reshape(shape), seen.error - gram @ solved)


def _squares(left: Float[np.ndarray, "a d"], right: Float[np.ndarray, "b d"]) -> Float[np.ndarray, "a b"]:
    """Squared distances of all pairs."""
    found = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1)[None] - 2.0 * left @ right.T
    return np.maximum(found, 0.0)
