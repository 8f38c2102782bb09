"""Motion of one camera from the inverse depth of a frame and the flow to another, and where the motion takes points.

Depth may have any scale: the motion's translation has the same.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, Float64

FEWEST_PIXELS: Final = 50
"""Fewer tell no motion."""
_MOST_PIXELS: Final = 3000
_COUNTS: Final = 0.3
"""Pixels of less weight are not asked."""
_ROUNDS: Final = 5
_NEAREST: Final = 1e-2
"""Least depth after a motion, in units of the depth before."""

_Layer = Float32[np.ndarray, "h w"]


@dataclass(frozen=True, eq=False)
class Rays:
    """Directions of an image's pixels: a point of depth Z lies at Z (x, y, 1).

    Args:
        x: To the right.
        y: Down.
        focal_px: Focal length.
    """

    x: _Layer
    y: _Layer
    focal_px: float


def rays(height: int, width: int, focal_px: float) -> Rays:
    """Rays of a camera whose principal point is the image's centre.

    Args:
        height: Of the image.
        width: Of the image.
        focal_px: Focal length.
    Example:
        >>> rays(1, 3, 2.0).x.tolist()
        [[-0.5, 0.0, 0.5]]
    """
    columns = (np.arange(width) - (width - 1) / 2) / focal_px
    rows = (np.arange(height) - (height - 1) / 2) / focal_px
    x, y = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    return Rays(x, y, focal_px)


def motion_of_flow(
    inverse_depth: _Layer, flow: Float32[np.ndarray, "h w 2"], weight: _Layer, directions: Rays
) -> Float64[np.ndarray, "4 4"] | None:
    """The camera's motion, other_from_this, that explains the flow of most pixels of still things best.

    To first order in the motion the flow is linear in turn and translation where depth is known, so that they are
    solved for directly; Cauchy weights leave out what moves by itself.

    Args:
        inverse_depth: Of this frame, above 0, in any unit.
        flow: From this frame to the other, pixels.
        weight: How far each pixel's flow is trusted.
        directions: Of this frame's pixels.
    Returns:
        The motion; None if fewer than `FEWEST_PIXELS` pixels are trusted.
    Source: Longuet-Higgins and Prazdny 1980, "The interpretation of a moving retinal image".
    """
    asked = np.flatnonzero(weight.ravel() > _COUNTS)
    if len(asked) < FEWEST_PIXELS:
        return None
    asked = asked[:: -(-len(asked) // _MOST_PIXELS)]
    x, y, q, trust = (
        layer.ravel()[asked].astype(np.float64) for layer in (directions.x, directions.y, inverse_depth, weight)
    )
    none = np.zeros_like(x)
    across = np.stack([q, none, -q * x, -x * y, 1.0 + x * x, -y], 1)
    down = np.stack([none, q, -q * y, -(1.0 + y * y), x * y, x], 1)
    columns = np.concatenate([across, down])
    seen = (flow.reshape(-1, 2)[asked].T.astype(np.float64) / directions.focal_px).ravel()
    counts, twist = np.tile(trust, 2), np.zeros(6)
    for _ in range(_ROUNDS):
        weighted = (columns * counts[:, None]).T
        square = weighted @ columns + 1e-12 * np.eye(6)
        twist = np.asarray(np.linalg.solve(square, weighted @ seen), np.float64)
        astray = np.hypot(*(seen - columns @ twist).reshape(2, -1))
        robust = 1.0 / (1.0 + (astray / (1.5 * np.median(astray) + 1e-9)) ** 2)
        counts = np.tile(trust * robust, 2)
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = np.asarray(cv2.Rodrigues(twist[3:])[0]), twist[:3]
    return motion


def seen_at(
    inverse_depth: _Layer, motion: Float64[np.ndarray, "4 4"], directions: Rays
) -> tuple[_Layer, _Layer, _Layer]:
    """Columns and rows at which the other camera sees this frame's points, and their depth there over that here.

    Args:
        inverse_depth: Of this frame, above 0.
        motion: Motion other_from_this, in the unit of depth.
        directions: Of this frame's pixels, and of the other's.
    Example:
        >>> motion = np.eye(4)
        >>> motion[2, 3] = -1.0  # the camera moves ahead by 1
        >>> x, y, ratio = seen_at(np.full((1, 3), 0.5, np.float32), motion, rays(1, 3, 2.0))
        >>> x.tolist(), ratio.tolist()
        ([[-1.0, 1.0, 3.0]], [[0.5, 0.5, 0.5]])
    """
    turn, shift = motion[:3, :3].astype(np.float32), motion[:3, 3].astype(np.float32)
    x, y, z = (
        row[0] * directions.x + row[1] * directions.y + row[2] + step * inverse_depth
        for row, step in zip(turn, shift, strict=True)
    )
    ratio = np.maximum(z, np.float32(_NEAREST))
    height, width = inverse_depth.shape
    focal = np.float32(directions.focal_px)
    return (
        x / ratio * focal + np.float32((width - 1) / 2),
        y / ratio * focal + np.float32((height - 1) / 2),
        ratio,
    )


def depth_ratio(
    inverse_depth: _Layer, x_px: _Layer, y_px: _Layer, motion: Float64[np.ndarray, "4 4"], directions: Rays
) -> _Layer:
    """Depth after a motion over that before, of points that need not lie at whole pixels.

    Args:
        inverse_depth: Of the points before the motion, above 0.
        x_px: Their columns before.
        y_px: Their rows before.
        motion: The motion, in the unit of depth.
        directions: Of the pixels; says the focal length.
    """
    height, width = inverse_depth.shape
    row, step = motion[2, :3].astype(np.float32), np.float32(motion[2, 3])
    focal = np.float32(directions.focal_px)
    x, y = (x_px - np.float32((width - 1) / 2)) / focal, (y_px - np.float32((height - 1) / 2)) / focal
    return np.maximum(row[0] * x + row[1] * y + row[2] + step * inverse_depth, np.float32(_NEAREST))
