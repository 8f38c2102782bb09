"""True motion between two times of a moving scene: a point is moved with its body, not searched."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from leadline.data.synthetic.motion import BendingMotion, MovingScene
from leadline.data.synthetic.render import Camera, Hits, Renderer, on_faces

#: How much nearer than the point itself something must be to hide it, as a share of its distance.
_NEARER = 1e-3
#: A point nearer to the second camera's plane than this share of its distance has no place in its image.
_AHEAD = 1e-3
#: How closely the row of a rolling shutter is found, and rounds after which a point without one is given up.
_SETTLED_PX = 1e-3
_MOST_ROUNDS = 40


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
    directions = hits.directions.astype(np.float64)
    points = hits.origin.reshape(3, -1).astype(np.float64) + directions * np.where(sky, 1.0, hits.depth)
    if carried:
        points = _carried(moving, times, points, hits, other)
    place = _projected(target, np.where(sky, directions, points), sky)
    rows, columns = np.indices(camera.size).reshape(2, -1)
    flow = np.where(place.ahead, np.stack([place.x - columns, place.y - rows]), 0.0)
    height, width = target.size
    across = (place.x >= -0.5) & (place.x <= width - 0.5)
    seen = place.ahead & across & (place.y >= -0.5) & (place.y <= height - 0.5)
    asked = np.flatnonzero(seen)
    seen[asked] = _reaches(other, place, asked, hits.face[asked])
    shape = camera.size
    return Motion(
        np.ascontiguousarray(flow.T.reshape(*shape, 2).astype(np.float32)),
        place.ahead.reshape(shape),
        ~seen.reshape(shape),
        np.where(sky | ~place.ahead, np.inf, place.z).reshape(shape).astype(np.float32),
    )


def _carried(
    moving: MovingScene, times: tuple[float, float], points: Float64[np.ndarray, "3 n"], hits: Hits, other: Renderer
) -> Float64[np.ndarray, "3 n"]:
    """The points taken from one time to the other with the bodies they lie on."""
    if not moving.bodies:
        return points
    points = points.copy()
    body = np.where(hits.face < 0, -1, moving.scene.bodies[moving.scene.face_chart[hits.face] // 3])
    for number, motion in moving.bodies.items():
        some = np.flatnonzero(body == number)
        if isinstance(motion, BendingMotion):
            # The triangle's corners say where its points are, as exactly as the renderer knows them.
            scene = other.scene
            points[:, some] = on_faces(scene.vertices[scene.faces[hits.face[some]]], hits.keep(some))
            continue
        (from_rotation, from_shift), (to_rotation, to_shift) = (motion.at(time) for time in times)
        still = _rotated(from_rotation.T, points[:, some] - from_shift[:, None])
        points[:, some] = _rotated(to_rotation, still) + to_shift[:, None]
    return points


def _rotated(rotation: Float64[np.ndarray, "3 3"], points: Float64[np.ndarray, "3 n"]) -> Float64[np.ndarray, "3 n"]:
    # Written out: a matrix product would wake the threads of BLAS, which compete with the other workers.
    return np.stack([a * points[0] + b * points[1] + c * points[2] for a, b, c in rotation])


@dataclass(frozen=True)
class _Place:
    """Where points are in an image: pixel (x, y), metres along the axis, whether in front, and the ray there."""

    x: Float64[np.ndarray, " n"]
    y: Float64[np.ndarray, " n"]
    z: Float64[np.ndarray, " n"]
    ahead: Bool[np.ndarray, " n"]
    origin: Float64[np.ndarray, "3 ..."]
    towards: Float64[np.ndarray, "3 n"]


def _projected(camera: Camera, points: Float64[np.ndarray, "3 n"], far: Bool[np.ndarray, " n"]) -> _Place:
    """Projection of points, or of directions where ``far``; with a rolling shutter into the row that is exposed then.

    That row is a fixed point: the row where the point is seen is the one whose camera sees it there.
    """
    place = _projected_at(camera, points, far, None)
    if camera.rolling is None:
        return place
    rows = (-0.5 * camera.size[0], 1.5 * camera.size[0])
    row, settled = np.clip(place.y, *rows), np.zeros(len(place.y), bool)
    for _ in range(_MOST_ROUNDS):
        place, before = _projected_at(camera, points, far, camera.row_share(row)), row
        row = np.clip(place.y, *rows)
        settled = np.abs(row - before) < _SETTLED_PX
        if settled[place.ahead].all():
            break
    return replace(place, ahead=place.ahead & settled)


def _projected_at(
    camera: Camera,
    points: Float64[np.ndarray, "3 n"],
    far: Bool[np.ndarray, " n"],
    share: Float64[np.ndarray, " n"] | None,
) -> _Place:
    """Projection by the camera as it stands at the middle row, or as each point's row has it."""
    origin = camera.position_m.astype(np.float64)
    if share is not None:
        assert camera.rolling is not None, "rows differ"
        origin = origin[:, None] + camera.rolling.shift_m[:, None] * share
    towards = np.where(far, points, points - origin.reshape(3, -1))
    still = towards if share is None or camera.rolling is None else camera.rolling.turned(towards, -share)
    seen = _rotated(camera.world_from_camera.T.astype(np.float64), still)
    ahead = seen[2] > _AHEAD * np.linalg.norm(towards, axis=0)
    scale = camera.focal_px / np.where(ahead, seen[2], 1.0)
    x, y = seen[0] * scale + camera.centre_px[0], seen[1] * scale + camera.centre_px[1]
    return _Place(x, y, seen[2], ahead, origin, towards)


def _reaches(
    renderer: Renderer, place: _Place, asked: Int64[np.ndarray, " m"], face: Int32[np.ndarray, " m"]
) -> Bool[np.ndarray, " m"]:
    """Whether the rays to some points come as far as they, or to their own triangles; for the sky, to it."""
    origin = place.origin if place.origin.ndim == 1 else place.origin[:, asked]
    found = renderer.trace(origin.astype(np.float32), place.towards[:, asked].astype(np.float32))
    return np.where(face < 0, found.face < 0, (found.depth > 1.0 - _NEARER) | (found.face == face))
