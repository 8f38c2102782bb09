"""Triangle meshes of simple things, each about one unit across and centred on the origin.

The axes are those of the world: x right, y down, z forward, so a thing's foot is at y = +0.5.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int32


@dataclass(frozen=True)
class Mesh:
    """Triangles, with vertex normals where the surface is smooth.

    Attributes:
        vertices: Corner positions.
        faces: Corner indices, three a triangle.
        normals: Unit vertex normals; a zero row asks for the flat normal of the face.
        uv: Place of each vertex on a texture of its own, (0, 0) at its top left; None without one.
    """

    vertices: Float32[np.ndarray, "v 3"]
    faces: Int32[np.ndarray, "f 3"]
    normals: Float32[np.ndarray, "v 3"]
    uv: Float32[np.ndarray, "v 2"] | None = None


def flat_mesh(vertices: Float[np.ndarray, "v 3"], faces: np.ndarray) -> Mesh:
    """A mesh with flat facets."""
    points = np.ascontiguousarray(vertices, np.float32)
    return Mesh(points, np.ascontiguousarray(faces, np.int32), np.zeros_like(points))


def merge(meshes: list[Mesh]) -> Mesh:
    """One mesh of several."""
    starts = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    faces = [m.faces + np.int32(s) for m, s in zip(meshes, starts, strict=True)]
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate(faces),
        np.concatenate([m.normals for m in meshes]),
    )


def grid_mesh(points: Float[np.ndarray, "r c 3"], smooth: bool = True) -> Mesh:
    """The surface through a grid of points."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = (x.ravel() for x in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    mesh = flat_mesh(points.reshape(-1, 3), faces)
    if not smooth:
        return mesh
    normal = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1)).reshape(-1, 3)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    unit = np.where(length > 1e-9, normal / np.maximum(length, 1e-9), 0.0)
    return Mesh(mesh.vertices, mesh.faces, unit.astype(np.float32))


_BOX_CORNERS = np.array([[x, y, z] for z in (-0.5, 0.5) for y in (-0.5, 0.5) for x in (-0.5, 0.5)])
_BOX_QUADS = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
_BOX_FACES = np.concatenate([_BOX_QUADS[:, [0, 1, 2]], _BOX_QUADS[:, [0, 2, 3]]])


def boxes(centres: Float[np.ndarray, "n 3"], sizes: Float[np.ndarray, "n 3"]) -> Mesh:
    """Axis-aligned boxes.

    Example:
        >>> mesh = boxes(np.zeros((1, 3)), np.array([[2.0, 4.0, 6.0]]))
        >>> mesh.vertices.max(axis=0).tolist(), len(mesh.faces)
        ([1.0, 2.0, 3.0], 12)
    """
    corners = centres[:, None] + sizes[:, None] * _BOX_CORNERS
    faces = np.arange(len(centres))[:, None, None] * 8 + _BOX_FACES
    return flat_mesh(corners.reshape(-1, 3), faces.reshape(-1, 3))


def box(rng: np.random.Generator) -> Mesh:
    """A block, often flattened or stretched."""
    return boxes(np.zeros((1, 3)), 0.25 + 0.75 * rng.random((1, 3)))


def superquadric(rng: np.random.Generator) -> Mesh:
    """An ellipsoid, a pillow, a rounded block or a spindle.

    Source: Barr, "Superquadrics and Angle-Preserving Transformations", 1981.
    """
    e1, e2 = (1.0, 1.0) if rng.random() < 0.5 else rng.uniform(0.25, 1.8, 2)
    v, u = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 25), np.linspace(-np.pi, np.pi, 41), indexing="ij")
    power = lambda x, e: np.sign(x) * np.abs(x) ** e  # noqa: E731
    x, z = power(np.cos(v), e1) * power(np.cos(u), e2), power(np.cos(v), e1) * power(np.sin(u), e2)
    points = np.stack([x, power(np.sin(v), e1), z], -1) * rng.uniform(0.25, 0.5, 3)
    return grid_mesh(points)


def revolution(rng: np.random.Generator) -> Mesh:
    """A turned thing: cylinder, cone, vase, bowl, bottle."""
    steps = int(rng.integers(2, 9))
    radii = np.abs(rng.normal(0.3, 0.12, steps)) + 0.04
    if rng.random() < 0.35:
        radii = np.linspace(radii[0], radii[0] if rng.random() < 0.6 else 0.01, 2)
    heights = np.linspace(-0.5, 0.5, 20)
    profile = np.interp(heights, np.linspace(-0.5, 0.5, len(radii)), radii)
    if len(radii) > 2:
        padded = np.pad(profile, 2, mode="edge")
        profile = np.convolve(padded, np.ones(5) / 5, mode="valid")
    angle = np.linspace(0, 2 * np.pi, 37)
    ring = lambda r, y: np.stack([r * np.cos(angle), np.full(37, y), r * np.sin(angle)], -1)  # noqa: E731
    side = grid_mesh(np.stack([ring(r, y) for r, y in zip(profile, heights, strict=True)]))
    caps = [
        grid_mesh(np.stack([ring(r, y), ring(0.0, y)]), smooth=False)
        for r, y in ((profile[0], -0.5), (profile[-1], 0.5))
    ]
    return merge([side, *(caps if rng.random() < 0.8 else caps[1:])])


def torus(rng: np.random.Generator) -> Mesh:
    """A ring."""
    thickness = rng.uniform(0.03, 0.17)
    v, u = np.meshgrid(np.linspace(0, 2 * np.pi, 17), np.linspace(0, 2 * np.pi, 49), indexing="ij")
    radius = 0.5 - thickness + thickness * np.cos(v)
    return grid_mesh(np.stack([radius * np.cos(u), radius * np.sin(u), thickness * np.sin(v)], -1))


def sheet(rng: np.random.Generator, steps: int = 40, height: float | None = None, roughness: float = 2.2) -> Mesh:
    """A curved, crumpled or rippled sheet, in the x-y plane and displaced along z."""
    y, x = np.meshgrid(np.linspace(-0.5, 0.5, steps), np.linspace(-0.5, 0.5, steps), indexing="ij")
    coarse = rng.standard_normal((1 + int(rng.integers(2, 9)),) * 2)
    z = cv2.resize(coarse, (steps, steps), interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.standard_normal((16, 16)), (steps, steps), interpolation=cv2.INTER_CUBIC)
    z = z + fine / 2.0**roughness
    size = rng.uniform(0.03, 0.25) if height is None else height
    points = np.stack([x, y, size * z / max(float(np.abs(z).max()), 1e-6)], -1)
    if rng.random() < 0.3 and height is None:
        points[..., 2] += rng.uniform(-1.5, 1.5) * x**2
    return grid_mesh(points, smooth=rng.random() < 0.8)


def extrude_mask(mask: Bool[np.ndarray, "h w"], thickness: float) -> Mesh:
    """A plate in the x-y plane made of the set cells of a grid: holes, letters, grilles."""
    rows, columns = mask.shape
    scale = 1.0 / max(rows, columns)
    padded = np.pad(mask, 1)
    quads = []
    r, c = np.nonzero(mask)
    for z in (-0.5, 0.5):
        quads.append(
            np.stack([np.stack([c + i, r + j, np.full(len(r), z)], -1) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))], 1)
        )
    for dr, dc, edge in (
        (-1, 0, ((0, 0), (1, 0))),
        (1, 0, ((0, 1), (1, 1))),
        (0, -1, ((0, 0), (0, 1))),
        (0, 1, ((1, 0), (1, 1))),
    ):
        open_side = mask & ~padded[1 + dr : 1 + dr + rows, 1 + dc : 1 + dc + columns]
        r, c = np.nonzero(open_side)
        (i0, j0), (i1, j1) = edge
        ends = ((i0, j0, -0.5), (i1, j1, -0.5), (i1, j1, 0.5), (i0, j0, 0.5))
        quads.append(np.stack([np.stack([c + i, r + j, np.full(len(r), z)], -1) for i, j, z in ends], 1))
    corners = np.concatenate(quads).astype(np.float64)
    corners[..., 0] = (corners[..., 0] - columns / 2) * scale
    corners[..., 1] = (corners[..., 1] - rows / 2) * scale
    corners[..., 2] *= thickness
    base = 4 * np.arange(len(corners))[:, None]
    faces = np.concatenate([base + np.array([0, 1, 2]), base + np.array([0, 2, 3])])
    return flat_mesh(corners.reshape(-1, 3), faces)


def plate_with_holes(rng: np.random.Generator) -> Mesh:
    """A board with round or square holes."""
    mask = np.ones((40, int(rng.integers(20, 41))), np.uint8)
    for _ in range(int(rng.integers(1, 9))):
        x, y = (int(rng.integers(2, n - 2)) for n in mask.shape[::-1])
        if rng.random() < 0.5:
            cv2.circle(mask, (x, y), int(rng.integers(2, 8)), 0, -1)
        else:
            cv2.rectangle(mask, (x, y), (x + int(rng.integers(2, 12)), y + int(rng.integers(2, 12))), 0, -1)
    mask[:, 0] = mask[0] = 1
    return extrude_mask(mask.astype(bool), rng.uniform(0.01, 0.15))


def glyph(rng: np.random.Generator) -> Mesh:
    """A solid letter or two."""
    text = "".join(chr(int(rng.integers(48, 91))) for _ in range(int(rng.integers(1, 3))))
    mask = np.zeros((44, 30 * len(text) + 8), np.uint8)
    cv2.putText(mask, text, (2, 38), cv2.FONT_HERSHEY_DUPLEX, 1.35, 1, int(rng.integers(2, 7)))
    if not mask.any():
        mask[8:-8, 8:-8] = 1
    return extrude_mask(mask.astype(bool), rng.uniform(0.05, 0.4))


def star(rng: np.random.Generator) -> Mesh:
    """An extruded random polygon."""
    corners = int(rng.integers(3, 14))
    angle = np.sort(rng.random(corners)) * 0.6 + np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radius = rng.uniform(0.2, 0.5, corners) if rng.random() < 0.7 else np.full(corners, 0.5)
    half = rng.uniform(0.02, 0.35)
    rim = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(corners, -half)], -1)
    back = rim * [1, 1, -1]
    vertices = np.concatenate([rim, back, [[0, 0, -half], [0, 0, half]]])
    i = np.arange(corners)
    j = (i + 1) % corners
    middle = np.full(corners, 2 * corners)
    triangles = (
        (i, j, middle),
        (i + corners, j + corners, middle + 1),
        (i, j, j + corners),
        (i, j + corners, i + corners),
    )
    return flat_mesh(vertices, np.concatenate([np.stack(t, 1) for t in triangles]))


def lattice(rng: np.random.Generator) -> Mesh:
    """Crossed bars: a grille, a fence, a scaffold."""
    across, along = int(rng.integers(2, 13)), int(rng.integers(1, 7))
    width = rng.uniform(0.006, 0.03)
    vertical = np.stack([np.linspace(-0.5, 0.5, across), np.zeros(across), np.zeros(across)], 1)
    level = np.stack([np.zeros(along), np.linspace(-0.45, 0.4, along), np.full(along, width)], 1)
    sizes = np.concatenate([np.tile([width, 1.0, width], (across, 1)), np.tile([1.0, width, width], (along, 1))])
    return boxes(np.concatenate([vertical, level]), sizes)


def pole(rng: np.random.Generator) -> Mesh:
    """A thin round rod."""
    radius = rng.uniform(0.004, 0.03)
    angle = np.linspace(0, 2 * np.pi, 13)
    y = np.array([-0.5, 0.5])[:, None]
    points = np.stack(np.broadcast_arrays(radius * np.cos(angle), y, radius * np.sin(angle)), -1)
    return grid_mesh(points)


def leaves(rng: np.random.Generator, count: int | None = None) -> Mesh:
    """A clump of small quads, like a bush."""
    n = int(rng.integers(60, 400)) if count is None else count
    centre = rng.standard_normal((n, 3))
    centre *= (0.45 * rng.random(n) ** 0.4 / np.linalg.norm(centre, axis=1))[:, None]
    a, b = rng.standard_normal((2, n, 3))
    b -= a * ((a * b).sum(1) / (a * a).sum(1))[:, None]
    length = rng.uniform(0.03, 0.1)
    a *= (length / np.linalg.norm(a, axis=1))[:, None]
    b *= (length * rng.uniform(0.25, 1.0) / np.linalg.norm(b, axis=1))[:, None]
    corners = np.stack([centre - a, centre + b, centre + a, centre - b], 1)
    base = 4 * np.arange(n)[:, None]
    return flat_mesh(corners.reshape(-1, 3), np.concatenate([base + np.array([0, 1, 2]), base + np.array([0, 2, 3])]))


def stairs(rng: np.random.Generator) -> Mesh:
    """A flight of steps, or a shelf unit when turned."""
    n = int(rng.integers(3, 9))
    height = np.arange(1, n + 1) / n
    centres = np.stack([np.zeros(n), 0.5 - height / 2, (np.arange(n) + 0.5) / n - 0.5], 1)
    return boxes(centres, np.stack([np.ones(n), height, np.full(n, 1 / n)], 1))


def furniture(rng: np.random.Generator) -> Mesh:
    """A table, a chair or a shelf, made of boards."""
    t = rng.uniform(0.02, 0.07)
    kind = rng.integers(3)
    if kind == 2:
        n = int(rng.integers(2, 6))
        y = np.linspace(-0.5 + t, 0.5 - t, n)
        boards = [[0.0, v, 0.0, 0.8, t, 0.3] for v in y]
        sides = [[x, 0.0, 0.0, t, 1.0, 0.3] for x in (-0.4, 0.4)]
        parts = np.array(boards + sides + ([[0.0, 0.0, 0.15, 0.8, 1.0, t / 2]] if rng.random() < 0.5 else []))
    else:
        top = -0.5 if kind == 0 else 0.0
        legs = [[x, (top + 0.5) / 2, z, t, 0.5 - top, t] for x in (-0.4, 0.4) for z in (-0.25, 0.25)]
        parts = np.array([*legs, [0.0, top, 0.0, 0.9, t, 0.6], *([[0.0, -0.25, 0.25, 0.9, 0.5, t]] if kind else [])])
    return boxes(parts[:, :3], parts[:, 3:])


Maker = Callable[[np.random.Generator], Mesh]

#: Makers with how often each is drawn.
MAKERS: tuple[tuple[Maker, float], ...] = (
    (box, 3.0),
    (superquadric, 3.0),
    (revolution, 2.5),
    (torus, 1.2),
    (sheet, 1.5),
    (plate_with_holes, 1.2),
    (glyph, 1.0),
    (star, 1.5),
    (lattice, 1.0),
    (pole, 1.0),
    (leaves, 1.2),
    (stairs, 0.6),
    (furniture, 1.5),
)


def random_mesh(rng: np.random.Generator) -> Mesh:
    """A mesh of a random kind."""
    weights = np.array([w for _, w in MAKERS])
    return MAKERS[int(rng.choice(len(MAKERS), p=weights / weights.sum()))][0](rng)
