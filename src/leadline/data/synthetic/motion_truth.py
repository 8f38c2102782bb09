"""True motion between two times of a moving scene: a point is moved with its body, not searched."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

from leadline.data.synthetic.motion import MovingScene
from leadline.data.synthetic.render import Camera, Hits, Renderer

#: How much nearer than the point itself something must be to hide it, as a share of its distance.
_NEARER = 1e-3
#: A point nearer to the second camera's plane than this share of its distance has no place in its image.
_AHEAD = 1e-3


@dataclass(frozen=True)
class Motion:
    """Motion of the pixels of one frame.

    Attributes:
        flow: Motion (u, v) in px; 0 where not ``valid``.
        valid: Where the point is in front of the camera at the other time.
        occluded: Where the other frame does not show the point: hidden, or outside it.
        depth: Metres along the optical axis at the other time; inf for the sky, and where not ``valid``.
    """

    flow: Float32[np.ndarray, "h w 2"]
    valid: Bool[np.ndarray, "h w"]
    occluded: Bool[np.ndarray, "h w"]
    depth: Float32[np.ndarray, "h w"]


def motion_between(
    moving: MovingScene, times: tuple[float, float], hits: Hits, other: Renderer, carried: bool = True
) -> Motion:
    """The motion of the pixels at one time towards another.

    The sky is infinitely far: it moves as the camera turns.

    Args:
        moving: The scene.
        times: Time of the pixels, and the other time.
        hits: ``geometry`` of the camera at the first of the times.
        other: Renderer of the scene at the other time.
        carried: Whether bodies move; if not, the motion is that of the camera alone.
    """
    camera, target = moving.camera_at(times[0]), moving.camera_at(times[1])
    sky = hits.face < 0
    owner = np.where(sky, 0, moving.scene.face_chart[hits.face] // 3)
    directions = hits.directions.astype(np.float64)
    points = camera.position_m[:, None].astype(np.float64) + directions * np.where(sky, 1.0, hits.depth)
    if carried:
        points = _carried(moving, times, points, owner)
    towards = np.where(sky, directions, points - target.position_m[:, None].astype(np.float64))
    x, y, z, ahead = _projected(target, towards)
    rows, columns = np.indices(camera.size).reshape(2, -1)
    flow = np.where(ahead, np.stack([x - columns, y - rows]), 0.0)
    height, width = target.size
    inside = ahead & (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    seen = inside.copy()
    asked = np.flatnonzero(inside)
    seen[asked] = _reaches(other, target, towards[:, asked], hits.face[asked])
    shape = camera.size
    return Motion(
        np.ascontiguousarray(flow.T.reshape(*shape, 2).astype(np.float32)),
        ahead.reshape(shape),
        ~seen.reshape(shape),
        np.where(sky | ~ahead, np.inf, z).reshape(shape).astype(np.float32),
    )


def _carried(
    moving: MovingScene, times: tuple[float, float], points: Float64[np.ndarray, "3 n"], owner: Int32[np.ndarray, " n"]
) -> Float64[np.ndarray, "3 n"]:
    """The points taken from one time to the other with the bodies they lie on."""
    if not moving.bodies:
        return points
    points = points.copy()
    body = moving.scene.bodies[owner]
    for number, motion in moving.bodies.items():
        (from_rotation, from_shift), (to_rotation, to_shift) = (motion.at(time) for time in times)
        some = np.flatnonzero(body == number)
        still = _rotated(from_rotation.T, points[:, some] - from_shift[:, None])
        points[:, some] = _rotated(to_rotation, still) + to_shift[:, None]
    return points


def _rotated(rotation: Float64[np.ndarray, "3 3"], points: Float64[np.ndarray, "3 n"]) -> Float64[np.ndarray, "3 n"]:
    # Written out: a matrix product would wake the threads of BLAS, which compete with the other workers.
    return np.stack([a * points[0] + b * points[1] + c * points[2] for a, b, c in rotation])


def _projected(
    camera: Camera, towards: Float64[np.ndarray, "3 n"]
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"], Float64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Pixels (x, y) of directions from the camera, how far they reach along its axis, and which are in front of it."""
    seen = _rotated(camera.world_from_camera.T.astype(np.float64), towards)
    ahead = seen[2] > _AHEAD * np.linalg.norm(towards, axis=0)
    scale = camera.focal_px / np.where(ahead, seen[2], 1.0)
    return seen[0] * scale + camera.centre_px[0], seen[1] * scale + camera.centre_px[1], seen[2], ahead


def _reaches(
    renderer: Renderer, camera: Camera, towards: Float64[np.ndarray, "3 n"], face: Int32[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Whether a ray from the camera comes as far as the point, or to the point's own triangle; for the sky, to it."""
    found = renderer.trace(camera.position_m, towards.astype(np.float32))
    return np.where(face < 0, found.face < 0, (found.depth > 1.0 - _NEARER) | (found.face == face))
