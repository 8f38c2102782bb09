"""Rectification of two images of which nothing is known but that they show one scene."""

import numpy as np
from jaxtyping import Float32, Float64

from leadline.errors import InputError
from leadline.geometry.check import GROUND_CORRELATION, MIN_MATCHES, ground_correlation, only_turned
from leadline.geometry.epipolar import Matches, match_views
from leadline.geometry.image import Image
from leadline.geometry.rectify import Rectification

# What is known beforehand of hand-held pairs (standard deviations): angles of some degrees, and a focal length within
# a factor of 1.35 of the image's longer side. They decide only what the features leave open, above all the common
# turn of a scene without relief, where a free fit would distort the image for nothing.
_ANGLE_RAD = 0.1
_LOG_FOCAL = 0.3
_FEATURE_PX = 0.5
# Crops below this share of either side mean that the views have too little in common.
_MIN_KEPT = 0.5


def rectify_uncalibrated(left: Image, right: Image) -> Rectification:
    """Rectifies two images by their matched features; depth from the result is known only up to scale.

    Both cameras are taken to be alike and are only turned, never stretched or sheared (five angles and one focal
    length, fitted to zero vertical offset), so that the images keep their shape and scale. They are cropped to
    what both show of each row, and shifted against each other so that the farthest feature keeps a small positive
    disparity (1 % of the width).

    Args:
        left: Left view, grey or RGB.
        right: Right view of the same size.
    Returns:
        Maps for both views, somewhat smaller than the images; its rig is None.
    Raises:
        InputError: If the sizes differ, too few features match, the views are swapped, the camera only turned, or they
            overlap too little.
    Source: Fusiello and Irsara 2011, "Quasi-Euclidean epipolar rectification of uncalibrated images", with the
        vertical offset itself as the residual and priors instead of their regularisation.
    Example:
        >>> left = np.random.default_rng(0).integers(0, 256, (240, 320), np.uint8)
        >>> right = np.concatenate([np.roll(left[:120], -4, axis=1), np.roll(left[120:], -20, axis=1)])
        >>> lower = np.roll(right, 3, axis=0)
        >>> matches = match_views(*rectify_uncalibrated(left, lower).apply(left, lower))
        >>> bool(abs(np.median(matches.vertical_offsets_px)) < 0.3)
        True
    """
    matches = match_views(left, right)
    if len(matches) < MIN_MATCHES:
        raise InputError(
            f"expected at least {MIN_MATCHES} features that match, got {len(matches)}; "
            "use sharp images with texture that show the same scene"
        )
    if np.percentile(matches.disparities_px, 90.0) < 0.0 and ground_correlation(matches) < -GROUND_CORRELATION:
        raise InputError("expected the left view first, but left and right seem swapped; exchange them")
    height, width = left.shape[:2]
    if only_turned(matches, (height, width)):
        raise InputError(
            "expected two images from two places, got a camera that only turned: no parallax, and so no depth; take "
            "the "
            "second image from another place, moved sideways"
        )
    center, longer_side = np.array([(width - 1.0) / 2.0, (height - 1.0) / 2.0]), float(max(height, width))
    parameters = _fitted_turns(Matches(matches.left - center, matches.right - center), longer_side)
    to_center = np.array([[1.0, 0.0, -center[0]], [0.0, 1.0, -center[1]], [0.0, 0.0, 1.0]])
    left_turn, right_turn = (turn @ to_center for turn in _homographies(parameters, longer_side))
    disparities = _transformed(left_turn, matches.left)[:, 0] - _transformed(right_turn, matches.right)[:, 0]
    shift = float(np.percentile(disparities, 1.0)) - max(2.0, 0.01 * width)
    right_turn = np.array([[1.0, 0.0, shift], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) @ right_turn
    start, size = _common_frame((left_turn, right_turn), height, width)
    maps = [_source_map(turn, start, size) for turn in (left_turn, right_turn)]
    return Rectification(maps[0], maps[1], (height, width), (height, width), None)


def _turned(x_rad: float, y_rad: float, z_rad: float) -> Float64[np.ndarray, "3 3"]:
    """Rotation about x, then y, then z."""
    cos_x, cos_y, cos_z = np.cos([x_rad, y_rad, z_rad])
    sin_x, sin_y, sin_z = np.sin([x_rad, y_rad, z_rad])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cos_x, -sin_x], [0.0, sin_x, cos_x]])
    about_y = np.array([[cos_y, 0.0, sin_y], [0.0, 1.0, 0.0], [-sin_y, 0.0, cos_y]])
    about_z = np.array([[cos_z, -sin_z, 0.0], [sin_z, cos_z, 0.0], [0.0, 0.0, 1.0]])
    return about_z @ about_y @ about_x


def _homographies(
    parameters: Float64[np.ndarray, "6"], focal_guess_px: float
) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3 3"]]:
    """K R K^-1 of both views about their centres: yaw and roll left; pitch, yaw and roll right; log focal length.

    A pitch of both views together changes no vertical offset; that is why only one of them has it.
    """
    left_y, left_z, right_x, right_y, right_z, log_focal = parameters.tolist()
    focal = focal_guess_px * float(np.exp(log_focal))
    matrix, inverse = np.diag([focal, focal, 1.0]), np.diag([1.0 / focal, 1.0 / focal, 1.0])
    left = matrix @ _turned(0.0, left_y, left_z) @ inverse
    right = matrix @ _turned(right_x, right_y, right_z) @ inverse
    return left, right


def _transformed(
    homography: Float64[np.ndarray, "3 3"], points: Float64[np.ndarray, "n 2"]
) -> Float64[np.ndarray, "n 2"]:
    projected = points @ homography[:, :2].T + homography[:, 2]
    return projected[:, :2] / projected[:, 2:]


def _fitted_turns(matches: Matches, focal_guess_px: float) -> Float64[np.ndarray, "6"]:
    """Turns that bring matches (about the image centres) onto common rows: robust Levenberg-Marquardt."""
    spread = np.array([_ANGLE_RAD] * 5 + [_LOG_FOCAL])

    def residuals(scaled: Float64[np.ndarray, "6"]) -> Float64[np.ndarray, " n"]:
        left, right = _homographies(scaled * spread, focal_guess_px)
        offsets = _transformed(right, matches.right)[:, 1] - _transformed(left, matches.left)[:, 1]
        return offsets / _FEATURE_PX

    def cost(scaled: Float64[np.ndarray, "6"]) -> float:
        # Huber's loss: linear beyond two standard deviations.
        size = np.abs(residuals(scaled))
        return float(np.where(size < 2.0, size**2, 4.0 * size - 4.0).sum() + (scaled**2).sum())

    scaled, damping = np.zeros(6), 1e-3
    best = cost(scaled)
    for _ in range(60):
        now = residuals(scaled)
        jacobian = np.stack([(residuals(scaled + step) - now) / 1e-5 for step in 1e-5 * np.eye(6)], axis=1)
        weights = np.minimum(1.0, 2.0 / np.maximum(np.abs(now), 1e-12))
        normal = (jacobian * weights[:, None]).T @ jacobian + np.eye(6)
        gradient = (jacobian * weights[:, None]).T @ now + scaled
        trial = scaled - np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient)
        trial_cost = cost(trial)
        if trial_cost < best:
            converged = best - trial_cost < 1e-9 * best
            scaled, best, damping = trial, trial_cost, damping / 10.0
            if converged:
                break
        else:
            damping *= 10.0
    return scaled * spread


def _common_frame(
    turns: tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3 3"]], height: int, width: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """First (row, column) and (height, width) of the largest frame that both turned images fill."""
    corners = np.array([[0.0, 0.0], [width - 1.0, 0.0], [0.0, height - 1.0], [width - 1.0, height - 1.0]])
    quads = [_transformed(turn, corners) for turn in turns]
    first_x = int(np.ceil(max(quad[[0, 2], 0].max() for quad in quads)))
    last_x = int(np.floor(min(quad[[1, 3], 0].min() for quad in quads)))
    first_y = int(np.ceil(max(quad[[0, 1], 1].max() for quad in quads)))
    last_y = int(np.floor(min(quad[[2, 3], 1].min() for quad in quads)))
    size = (last_y - first_y + 1, last_x - first_x + 1)
    if size[0] < _MIN_KEPT * height or size[1] < _MIN_KEPT * width:
        raise InputError(
            f"expected views that share at least half of their height and width, got {max(size[0], 0)}x"
            f"{max(size[1], 0)} of {height}x{width} in common; take them closer together"
        )
    return (first_y, first_x), size


def _source_map(
    turn: Float64[np.ndarray, "3 3"], start: tuple[int, int], size: tuple[int, int]
) -> Float32[np.ndarray, "h w 2"]:
    columns, rows = np.meshgrid(np.arange(size[1]) + float(start[1]), np.arange(size[0]) + float(start[0]))
    places = _transformed(np.linalg.inv(turn), np.stack([columns.ravel(), rows.ravel()], axis=1))
    return places.reshape(*size, 2).astype(np.float32)
