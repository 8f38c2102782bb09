"""A depth map as a textured surface."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt32

from leadline.geometry.camera import Pinhole
from leadline.geometry.unproject import points_from_depth

_MOST_VERTICES: Final = 1_000_000


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """Triangles that face the camera, in its frame: x right, y down, z forward.

    Args:
        points: Of the vertices, in the unit of the depth.
        uv: Place of each vertex in the image as shares of its width and height, from the top left corner.
        faces: Three vertices each, counter-clockwise as the camera sees them.
    """

    points: Float32[np.ndarray, "n 3"]
    uv: Float32[np.ndarray, "n 2"]
    faces: UInt32[np.ndarray, "m 3"]


def mesh_from_depth(
    depth: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"], camera: Pinhole, max_edge_ratio: float = 0.1
) -> TriangleMesh:
    """Two triangles between each four neighbouring pixels, but none across an edge of depth or an unknown pixel.

    An image of more than a million pixels gives a vertex for every second, third, ... one.

    Args:
        depth: Along the optical axis, > 0 where valid.
        valid: Where it is known.
        camera: The camera that took the image, at this size.
        max_edge_ratio: Largest ratio, minus 1, of the depths at the corners of a triangle.
    Returns:
        The mesh; vertices without a triangle are left out.

    >>> plane = mesh_from_depth(np.full((3, 4), 2.0), np.ones((3, 4), bool), Pinhole(9.0, 9.0, 1.5, 1.0, 3, 4))
    >>> len(plane.points), len(plane.faces)
    (12, 12)
    """
    step = max(1, int(np.ceil(np.sqrt(depth.size / _MOST_VERTICES))))
    whole = points_from_depth(np.where(valid, depth, 1.0), camera)
    points = whole[::step, ::step].reshape(-1, 3).astype(np.float32)
    height, width = depth.shape
    uv = np.empty((-(-height // step), -(-width // step), 2), dtype=np.float32)
    uv[..., 0] = (np.arange(0, width, step) + 0.5) / width
    uv[..., 1] = (np.arange(0, height, step)[:, None] + 0.5) / height
    numbers = np.arange(uv.shape[0] * uv.shape[1], dtype=np.int64).reshape(uv.shape[:2])
    top_left, top_right = numbers[:-1, :-1].ravel(), numbers[:-1, 1:].ravel()
    low_left, low_right = numbers[1:, :-1].ravel(), numbers[1:, 1:].ravel()
    faces = np.concatenate(
        [np.stack([top_left, low_left, top_right], axis=1), np.stack([top_right, low_left, low_right], axis=1)]
    )
    z, known = points[:, 2][faces], valid[::step, ::step].ravel()[faces].all(axis=1)
    faces = faces[known & (z.max(axis=1) <= (1.0 + max_edge_ratio) * z.min(axis=1))]
    used = np.zeros(len(points), dtype=bool)
    used[faces] = True
    renumbered = np.cumsum(used) - 1
    return TriangleMesh(points[used], uv.reshape(-1, 2)[used], renumbered[faces].astype(np.uint32))
