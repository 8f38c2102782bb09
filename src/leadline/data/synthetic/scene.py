"""Rendered scenes: triangles, materials, lights and a camera, all drawn from one seed.

World axes: x right, y down, z forward, metres. The left camera stands at the origin.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from leadline.data.synthetic.shapes import Mesh
from leadline.data.synthetic.textures import TILE_PX, TextureBank, image_bank


@dataclass(frozen=True)
class Material:
    """Appearance of a surface: two tiles of the bank mixed, recoloured, and lit.

    Attributes:
        entries: Bank entries of the two layers.
        tile_m: Side of one tile of each layer, metres.
        turn_rad: Turn of each layer on the surface.
        mix: Share of the second layer.
        gain: Colour contrast of the pattern.
        bias: Colour added to it.
        specular: Strength of the highlight.
        shininess: Blinn-Phong exponent.
        texture: An image of the mesh's own, of ``TILE_PX`` squared, in place of the tiles.
    """

    entries: tuple[int, int]
    tile_m: tuple[float, float]
    turn_rad: tuple[float, float]
    mix: float
    gain: np.ndarray
    bias: np.ndarray
    specular: float
    shininess: float
    texture: UInt8[np.ndarray, "t t 3"] | None = None


@dataclass(frozen=True)
class Light:
    """A lamp at a place, or (``is_sun``) a direction towards the sun.

    Attributes:
        place: Position in metres, or the unit vector towards the sun.
        colour: Linear radiance; for a lamp, at ``reach_m``.
        is_sun: Whether it is infinitely far.
        reach_m: Distance at which a lamp gives ``colour``.
        softness_px: Blur of its shadow's edge on the image.
    """

    place: Float32[np.ndarray, "3"]
    colour: Float32[np.ndarray, "3"]
    is_sun: bool
    reach_m: float
    softness_px: float


@dataclass(frozen=True)
class Air:
    """Medium and background: fog between the things, and the sky beyond them.

    Attributes:
        ambient_up: Light from above, linear.
        ambient_down: Light from below, linear.
        sky_entry: Bank entry of the sky.
        sky_gain: Brightness of the sky.
        fog_per_m: Extinction; 0 for clear air.
        fog_colour: Linear colour of the fog.
        sky: An image in place of the entry: from the horizon to the zenith, mirrored all around.
    """

    ambient_up: Float32[np.ndarray, "3"]
    ambient_down: Float32[np.ndarray, "3"]
    sky_entry: int
    sky_gain: Float32[np.ndarray, "3"]
    fog_per_m: float
    fog_colour: Float32[np.ndarray, "3"]
    sky: UInt8[np.ndarray, "t t 3"] | None = None


@dataclass(frozen=True)
class Scene:
    """A scene ready to be traced.

    A chart is one object seen along one axis: it says how a point of the surface maps to the tiles.

    Attributes:
        vertices: World positions.
        faces: Vertex indices.
        facets: World unit normals of the faces.
        normals: World vertex normals, zero where the facet is flat.
        smooth: Faces whose normals are to be interpolated.
        face_chart: Chart of each face: three times the object's number plus the axis.
        charts: For both layers, the axes u and v with their offsets: rows (u, u0, v, v0, u', u0', v', v0').
        entries: Bank entries of each object.
        texels_per_m: Density of both layers, texels.
        looks: Per object gain (3), bias (3), mix, specular, shininess.
        bodies: Rigid body of each object; the parts of one thing are one body.
        lights: The lamps; the first casts shadows, as do those marked by the renderer.
        air: Ambient light, sky, fog.
        world_from_camera: Rotation of the camera.
        hfov_rad: Horizontal field of view.
        largest_disparity_px: What the 99th percentile of the disparity should be.
        name: Kind of world.
        images: Textures of meshes' own; None without any.
        own: For each object, its image; -1 for those with tiles.
        uv: Places of the faces' corners on their image.
        models: Packages and names of the models in it.
        rest: Vertices as the charts know them, where bodies bend; None where nothing does.
    """

    vertices: Float32[np.ndarray, "v 3"]
    faces: Int32[np.ndarray, "f 3"]
    facets: Float32[np.ndarray, "f 3"]
    normals: Float32[np.ndarray, "v 3"]
    smooth: Bool[np.ndarray, " f"]
    face_chart: Int32[np.ndarray, " f"]
    charts: Float32[np.ndarray, "c 16"]
    entries: Int32[np.ndarray, "n 2"]
    texels_per_m: Float32[np.ndarray, "n 2"]
    looks: Float32[np.ndarray, "n 9"]
    bodies: Int32[np.ndarray, " n"]
    lights: tuple[Light, ...]
    air: Air
    world_from_camera: Float32[np.ndarray, "3 3"]
    hfov_rad: float
    largest_disparity_px: float
    name: str
    images: TextureBank | None = None
    own: Int32[np.ndarray, " n"] | None = None
    uv: Float32[np.ndarray, "f 3 2"] | None = None
    models: tuple[str, ...] = ()
    rest: Float32[np.ndarray, "v 3"] | None = None


def rotation_matrix(yaw_rad: float, pitch_rad: float, roll_rad: float) -> np.ndarray:
    """Turn about y, then x, then z (intrinsic).

    Example:
        >>> np.rint(rotation_matrix(np.pi / 2, 0.0, 0.0) @ [0.0, 0.0, 1.0]).tolist()
        [1.0, 0.0, 0.0]
    """
    (cy, cp, cr), (sy, sp, sr) = (f([yaw_rad, pitch_rad, roll_rad]) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """A rotation drawn uniformly, by a unit quaternion."""
    w, x, y, z = (q := rng.standard_normal(4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


@dataclass
class Assembly:
    """Collects placed objects; ``parts`` holds what each gives to the scene's arrays."""

    vertices: list[np.ndarray] = field(default_factory=list)
    normals: list[np.ndarray] = field(default_factory=list)
    faces: list[np.ndarray] = field(default_factory=list)
    materials: list[Material] = field(default_factory=list)
    frames: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    uvs: list[np.ndarray | None] = field(default_factory=list)

    def add(self, mesh: Mesh, rotation: np.ndarray, scale: np.ndarray, centre: np.ndarray, look: Material) -> None:
        """Place a mesh: scaled along its own axes, turned, moved."""
        self.vertices.append(((mesh.vertices * scale) @ rotation.T + centre).astype(np.float32))
        normal = (mesh.normals / scale) @ rotation.T
        length = np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        self.normals.append((normal / length).astype(np.float32))
        self.faces.append(mesh.faces)
        self.materials.append(look)
        self.frames.append((rotation, centre))
        self.uvs.append(mesh.uv if look.texture is not None else None)

    def arrays(self) -> dict[str, Any]:
        """The geometry and material fields of a ``Scene``."""
        starts = np.cumsum([0] + [len(v) for v in self.vertices[:-1]])
        vertices, normals = np.concatenate(self.vertices), np.concatenate(self.normals)
        faces = np.concatenate([f + np.int32(s) for f, s in zip(self.faces, starts, strict=True)])
        owner = np.repeat(np.arange(len(self.faces)), [len(f) for f in self.faces])
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        flat = np.cross(b - a, c - a)
        turned = np.stack([r for r, _ in self.frames]).astype(np.float32)[owner]
        axis = np.argmax(np.abs(np.einsum("fij,fi->fj", turned, flat)), axis=1)
        looks = [np.concatenate([m.gain, m.bias, [m.mix, m.specular, m.shininess]]) for m in self.materials]
        return {
            "vertices": np.ascontiguousarray(vertices),
            "faces": np.ascontiguousarray(faces, np.int32),
            "facets": flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-20),
            "normals": normals,
            "smooth": np.abs(normals[faces[:, 0]]).sum(1) > 0.5,
            "face_chart": (3 * owner + axis).astype(np.int32),
            "charts": np.concatenate([_charts(*f, m) for f, m in zip(self.frames, self.materials, strict=True)]),
            "entries": np.array([m.entries for m in self.materials], np.int32),
            "texels_per_m": np.array([self._texels(number) for number in range(len(self.faces))], np.float32),
            "looks": np.array(looks, np.float32),
            "bodies": self._bodies(),
            **self._images(),
        }

    def _images(self) -> dict[str, Any]:
        """The images of a ``Scene``, nothing without any."""
        owners = [number for number, uv in enumerate(self.uvs) if uv is not None]
        if not owners:
            return {}
        places: dict[int, int] = {}
        images = list[np.ndarray]()
        own = np.full(len(self.faces), -1, np.int32)
        corners = [np.zeros((len(faces), 3, 2), np.float32) for faces in self.faces]
        for number in owners:
            texture, uv = self.materials[number].texture, self.uvs[number]
            assert texture is not None, "a mesh has its place on a texture"
            assert uv is not None, "it is an owner"
            if id(texture) not in places:
                places[id(texture)] = len(images)
                images.append(texture)
            own[number] = places[id(texture)]
            corners[number] = uv[self.faces[number]]
        return {"images": image_bank(images), "own": own, "uv": np.concatenate(corners)}

    def _texels(self, number: int) -> tuple[float, float]:
        """Texels a metre of both layers of an object; of its own image, on the middle one of its faces."""
        uv, tiles_m = self.uvs[number], self.materials[number].tile_m
        if uv is None:
            return TILE_PX / tiles_m[0], TILE_PX / tiles_m[1]
        faces = self.faces[number]
        a, b, c = (self.vertices[number][faces[:, k]] for k in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        p, q = (uv[faces[:, k]] - uv[faces[:, 0]] for k in (1, 2))
        covered = np.abs(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0])
        density = TILE_PX * float(np.sqrt(np.median(covered / np.maximum(area, 1e-12))))
        return density, density

    def _bodies(self) -> Int32[np.ndarray, " n"]:
        """Objects placed one after the other in the same frame are parts of one body."""
        starts = [not (np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])) for a, b in pairwise(self.frames)]
        return np.cumsum([0, *starts]).astype(np.int32)


#: For a surface facing along x, y, z: which of the object's axes carry u and v.
_CHART_AXES = ((2, 1), (0, 2), (0, 1))


def _charts(rotation: np.ndarray, centre: np.ndarray, look: Material) -> Float32[np.ndarray, "3 16"]:
    rows = np.zeros((3, 16))
    for axis, (i, j) in enumerate(_CHART_AXES):
        for layer in range(2):
            c, s = np.cos(look.turn_rad[layer]), np.sin(look.turn_rad[layer])
            along, across = rotation[:, i] / look.tile_m[layer], rotation[:, j] / look.tile_m[layer]
            for k, direction in enumerate((c * along + s * across, c * across - s * along)):
                start = 8 * layer + 4 * k
                rows[axis, start : start + 3] = direction
                # An irrational-looking offset keeps the faces of a box from showing the same piece.
                rows[axis, start + 3] = 0.37 * axis + 0.61 * k + 0.23 * layer - direction @ centre
    return rows.astype(np.float32)


def random_material(rng: np.random.Generator, bank: TextureBank, metres_per_px: float, kind: str = "") -> Material:
    """A random look for a surface.

    Args:
        rng: Where chance comes from.
        bank: The tiles.
        metres_per_px: Size of a pixel on the surface, so that the pattern's scale fits the image.
        kind: A group of the bank to draw from; by default a mixture.
    """
    draw = rng.random()
    group = kind or ("photo" if draw < 0.38 else "regular" if draw < 0.5 else "noise")
    if group not in bank.groups:
        group = "noise"
    entries = (int(rng.choice(bank.groups[group])), int(rng.choice(bank.groups["noise"])))
    widths = np.exp(rng.uniform(np.log(90), np.log(1100), 2)) * metres_per_px
    mean = bank.mean[entries[0]]
    gain, bias = np.full(3, rng.uniform(0.75, 1.15)), np.zeros(3)
    style = rng.random()
    if style < 0.15:
        gain = np.full(3, rng.uniform(0.0, 0.1))
        bias = _colour(rng) - gain * mean
    elif style < 0.6:
        gain = gain * rng.uniform(0.5, 1.2) * rng.uniform(0.6, 1.1, 3)
        bias = 0.7 * _colour(rng) + 0.3 * mean - gain * mean
    turn = rng.uniform(0, 2 * np.pi, 2) if rng.random() < 0.6 and kind != "facade" else np.zeros(2)
    shiny = rng.random() < 0.3
    return Material(
        entries,
        (float(widths[0]), float(widths[1])),
        (float(turn[0]), float(turn[1])),
        float(rng.uniform(0.05, 0.6) if rng.random() < 0.45 else 0.0),
        gain,
        bias,
        float(rng.uniform(0.1, 1.0)) if shiny else 0.0,
        float(np.exp(rng.uniform(np.log(5), np.log(120)))),
    )


def _colour(rng: np.random.Generator) -> np.ndarray:
    """A plausible surface colour: mostly muted, sometimes strong."""
    value, saturation = rng.uniform(0.25, 0.95), rng.beta(1.2, 2.2)
    return value * (1 - saturation * rng.random(3))
