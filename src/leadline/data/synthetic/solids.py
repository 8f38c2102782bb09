"""Meshes of given size in metres, standing on y = 0 (so they reach up to negative y), to build things of."""

import itertools
from collections.abc import Sequence

import numpy as np

from leadline.data.synthetic import shapes
from leadline.data.synthetic.scene import rotation_matrix
from leadline.data.synthetic.shapes import Mesh

#: Numbers as they are written: 3 as well as 3.0.
Real = float | int


def blocks(*rows: Sequence[Real]) -> Mesh:
    """Boxes, one a row: x of the middle, height of the underside, z of the middle, width, height, depth.

    Example:
        >>> mesh = blocks((0.0, 0.5, 0.0, 1.0, 2.0, 1.0))  # from 0.5 m to 2.5 m above the floor; y points down
        >>> float(mesh.vertices[:, 1].max()), float(mesh.vertices[:, 1].min())
        (-0.5, -2.5)
    """
    table = np.array(rows, float)
    centres = np.stack([table[:, 0], -(table[:, 1] + table[:, 4] / 2), table[:, 2]], 1)
    return shapes.boxes(centres, table[:, 3:6])


def turned(profile: Sequence[tuple[Real, Real]], steps: int = 24, soft: bool = False) -> Mesh:
    """A surface of revolution about the vertical through (radius, height) points.

    Args:
        profile: Radius and height of the rings, metres.
        steps: Corners of a ring.
        soft: Whether the profile is rounded, or has an edge at each ring.
    """
    angle = np.linspace(0, 2 * np.pi, steps + 1)
    rings = np.stack(
        [np.stack([r * np.cos(angle), np.full(steps + 1, -up), r * np.sin(angle)], -1) for r, up in profile]
    )
    if soft:
        return shapes.grid_mesh(rings)
    pairs = itertools.pairwise(rings)
    return shapes.merge([shapes.grid_mesh(np.stack(pair), smooth=True) for pair in pairs])


def cylinder(radius: Real, low: Real, high: Real, steps: int = 20) -> Mesh:
    """A closed upright cylinder."""
    return turned([(0.0, low), (radius, low), (radius, high), (0.0, high)], steps)


def rod(start: Sequence[Real], end: Sequence[Real], radius: Real) -> Mesh:
    """A thin bar between two points, given as x, height, z."""
    a, b = (np.array([p[0], -p[1], p[2]], float) for p in (start, end))
    along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
    side = np.cross(along, [1.0, 0, 0] if abs(along[0]) < 0.9 else [0, 1.0, 0])
    side /= np.linalg.norm(side)
    other = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, 9)[:, None]
    ring = radius * (np.cos(angle) * side + np.sin(angle) * other)
    return shapes.grid_mesh(np.stack([a + ring, b + ring]))


def pillow(size: Sequence[Real] | np.ndarray, middle: Sequence[Real] | np.ndarray, edge: Real = 0.5) -> Mesh:
    """A rounded block: edge 1 is an ellipsoid, less is squarer.

    Args:
        size: Width, height, depth.
        middle: x, height and z of its middle.
        edge: Both exponents of the superquadric.

    Source: Barr, "Superquadrics and Angle-Preserving Transformations", 1981.
    """
    v, u = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 15), np.linspace(-np.pi, np.pi, 25), indexing="ij")
    rounded = lambda x: np.sign(x) * np.abs(x) ** edge  # noqa: E731
    unit = np.stack(
        [rounded(np.cos(v)) * rounded(np.cos(u)), rounded(np.sin(v)), rounded(np.cos(v)) * rounded(np.sin(u))], -1
    )
    return shapes.grid_mesh(unit * np.asarray(size, float) / 2 + [middle[0], -middle[1], middle[2]])


def prism(width: Real, low: Real, high: Real, depth: Real) -> Mesh:
    """A gable roof with its ridge along z."""
    x, z = width / 2, depth / 2
    corners = [[s * x, -low, t * z] for t in (-1, 1) for s in (-1, 1)] + [[0, -high, -z], [0, -high, z]]
    faces = [[0, 1, 4], [2, 5, 3], [0, 4, 5], [0, 5, 2], [1, 3, 5], [1, 5, 4]]
    return shapes.flat_mesh(np.array(corners, float), np.array(faces))


def moved(mesh: Mesh, x: Real = 0.0, up: Real = 0.0, z: Real = 0.0, yaw_rad: Real = 0.0) -> Mesh:
    """The mesh turned about the vertical, then shifted."""
    turn = rotation_matrix(yaw_rad, 0.0, 0.0)
    vertices = mesh.vertices @ turn.T + [x, -up, z]
    return Mesh(vertices.astype(np.float32), mesh.faces, (mesh.normals @ turn.T).astype(np.float32))


def tilted(mesh: Mesh, pitch_rad: Real, up: Real = 0.0, z: Real = 0.0) -> Mesh:
    """The mesh turned about x (positive leans its top backwards), then shifted."""
    turn = rotation_matrix(0.0, -pitch_rad, 0.0)
    vertices = mesh.vertices @ turn.T + [0.0, -up, z]
    return Mesh(vertices.astype(np.float32), mesh.faces, (mesh.normals @ turn.T).astype(np.float32))
