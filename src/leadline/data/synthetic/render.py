"""Ray casting of a scene: per view the colour, depth, object, and normal of every pixel.

The renderer knows nothing of stereo: any camera will do, so depth, flow and motion can share it.
Vectors of many rays lie in planes, shape (3, n), so that numpy's inner loops run over rays, not over x, y, z.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from jaxtyping import Bool, Float, Float32, Int, Int32

from leadline.data.synthetic.scene import Light, Scene
from leadline.data.synthetic.textures import TextureBank, image_bank

#: Four places (x, y) within a pixel, a rotated grid, for the pixels on silhouettes.
_SUBPIXELS = np.array([[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]], np.float32)

#: Rays shaded at a time: few enough for their intermediate values to stay in the cache.
_CHUNK = 1 << 14


@dataclass(frozen=True)
class RollingShutter:
    """Even motion of a camera from the exposure of its image's first row to that of its last.

    Attributes:
        shift_m: Of the optical centre, in the world.
        turn_rad: As axis times angle, in the world.
    """

    shift_m: Float32[np.ndarray, "3"]
    turn_rad: Float32[np.ndarray, "3"]

    def turned(self, vectors: Float[np.ndarray, "3 n"], share: Float[np.ndarray, " n"]) -> Float[np.ndarray, "3 n"]:
        """Vectors turned by shares of the turn.

        Source: Rodrigues' formula.
        """
        full = float(np.linalg.norm(self.turn_rad))
        axis = self.turn_rad / max(full, 1e-12)
        sine, cosine = np.sin(share * full), np.cos(share * full)
        crossed = np.stack([axis[i - 2] * vectors[i - 1] - axis[i - 1] * vectors[i - 2] for i in range(3)])
        return vectors * cosine + crossed * sine + axis[:, None] * (_dot(axis, vectors) * (1 - cosine))


@dataclass(frozen=True)
class Camera:
    """A pinhole with square pixels.

    Attributes:
        size: Height and width of its image.
        focal_px: Focal length.
        centre_px: Principal point (x, y); pixel centres are integers.
        world_from_camera: Rotation; with a rolling shutter that of the middle row.
        position_m: Optical centre in the world, likewise.
        rolling: How it moves while the rows are exposed one after the other; None for all at once.
    """

    size: tuple[int, int]
    focal_px: float
    centre_px: tuple[float, float]
    world_from_camera: Float32[np.ndarray, "3 3"]
    position_m: Float32[np.ndarray, "3"]
    rolling: RollingShutter | None = None

    def rays(
        self, x_px: Float32[np.ndarray, " n"], y_px: Float32[np.ndarray, " n"]
    ) -> tuple[Float32[np.ndarray, "3 ..."], Float32[np.ndarray, "3 n"]]:
        """Origin, or one of each ray with a rolling shutter, and direction of the rays through places of the image."""
        directions = self.directions(x_px, y_px)
        if self.rolling is None:
            return self.position_m, directions
        share = self.row_share(y_px)
        origins = self.position_m[:, None] + self.rolling.shift_m[:, None] * share
        return origins.astype(np.float32), self.rolling.turned(directions, share).astype(np.float32)

    def row_share(self, y_px: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """When rows are exposed: -1/2 for the first one, 1/2 for the last."""
        return y_px / (self.size[0] - 1) - 0.5

    def directions(
        self, x_px: Float32[np.ndarray, " n"], y_px: Float32[np.ndarray, " n"]
    ) -> Float32[np.ndarray, "3 n"]:
        """World directions of rays, scaled to one metre along the optical axis: a hit's ``t`` is its depth.

        A rolling shutter is not looked at: this is how the camera stands at the middle row.

        Example:
            >>> camera = Camera((3, 3), 2.0, (1.0, 1.0), np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
            >>> camera.directions(np.float32([1, 2]), np.float32([1, 1])).T.tolist()
            [[0.0, 0.0, 1.0], [0.5, 0.0, 1.0]]
        """
        a = (x_px - np.float32(self.centre_px[0])) / np.float32(self.focal_px)
        b = (y_px - np.float32(self.centre_px[1])) / np.float32(self.focal_px)
        # Written out: a matrix product would wake the threads of BLAS, which compete with the other workers.
        return np.stack([right * a + down * b + ahead for right, down, ahead in self.world_from_camera])


@dataclass(frozen=True)
class Hits:
    """Intersections of rays with the scene.

    Attributes:
        origin: The rays' origin: one for all, or one of each.
        directions: Their directions, not normalised.
        depth: Multiples of the direction; inf where nothing is hit.
        face: Triangles hit, -1 for none.
        u: First barycentric coordinate.
        v: Second barycentric coordinate.
    """

    origin: Float32[np.ndarray, "3 ..."]
    directions: Float32[np.ndarray, "3 n"]
    depth: Float32[np.ndarray, " n"]
    face: Int32[np.ndarray, " n"]
    u: Float32[np.ndarray, " n"]
    v: Float32[np.ndarray, " n"]

    def keep(self, index: Int[np.ndarray, " m"]) -> "Hits":
        """Some of the rays, in order."""
        if len(index) == len(self.face):
            return self
        fields = (self.directions, self.depth, self.face, self.u, self.v)
        origin = self.origin if self.origin.ndim == 1 else self.origin.take(index, axis=-1)
        return Hits(origin, *(f.take(index, axis=-1) for f in fields))

    def chunks(self) -> Iterator[tuple[slice, "Hits"]]:
        """The rays piece by piece, each piece with its place."""
        for start in range(0, len(self.face), _CHUNK):
            part = slice(start, start + _CHUNK)
            fields = (self.directions, self.depth, self.face, self.u, self.v)
            origin = self.origin if self.origin.ndim == 1 else self.origin[:, part]
            yield part, Hits(origin, *(f[..., part] for f in fields))

    def points(self) -> Float32[np.ndarray, "3 n"]:
        """End points of the rays, in the world."""
        return self.origin.reshape(3, -1) + self.directions * self.depth


@dataclass(frozen=True)
class View:
    """Image of a camera, with its depth.

    Attributes:
        colour: Linear radiance, antialiased; clip and code it to show it.
        depth: Metres along the optical axis at the pixel's centre; inf for the sky.
        chart: Object times three plus side; -1 for the sky.
        normal: Unit normals in the world, towards the camera; 0 for the sky.
    """

    colour: Float32[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"]
    chart: Int32[np.ndarray, "h w"]
    normal: Float32[np.ndarray, "h w 3"]


@final
class Renderer:
    """Traces and shades one scene."""

    def __init__(self, scene: Scene, bank: TextureBank, highlights: bool = True, shadows: bool = True) -> None:
        """Build the ray tracer's tree.

        Args:
            scene: What to look at.
            bank: The tiles its materials name.
            highlights: Whether shiny things shine.
            shadows: Whether the first light casts shadows.
        """
        self.scene, self.bank, self.highlights, self.shadows = scene, bank, highlights, shadows
        self._tree = EmbreeScene()
        self._mesh = TriangleMesh(self._tree, scene.vertices, scene.faces)
        tables = (scene.facets, scene.normals, scene.faces, scene.charts, scene.looks)
        self._sky_bank = None if scene.air.sky is None else image_bank([scene.air.sky], mirrored=True)
        self._facets, self._normals, self._corners, self._charts, self._looks = map(_planes, tables)

    def trace(self, origin: Float32[np.ndarray, "3 ..."], directions: Float32[np.ndarray, "3 n"]) -> Hits:
        """First hits of rays from one point, or each from its own."""
        rays = directions.T
        found = self._tree.run(np.broadcast_to(origin.T, rays.shape), rays, dists=np.inf, output=1)
        return Hits(origin, directions, found["tfar"], found["primID"], found["u"], found["v"])

    def geometry(self, camera: Camera) -> Hits:
        """First hits through the centres of a camera's pixels, row by row."""
        y, x = np.indices(camera.size, np.float32).reshape(2, -1)
        return self.trace(*camera.rays(x, y))

    def blocked(self, start: Float32[np.ndarray, "3"], end: Float32[np.ndarray, "3"]) -> bool:
        """Whether something stands between two points."""
        return bool(self.trace(start, (end - start)[:, None]).depth[0] < 1.0)

    def view(self, camera: Camera, hits: Hits | None = None, antialias: bool = True) -> View:
        """Render an image.

        Args:
            camera: From where.
            hits: ``geometry(camera)``, if already known.
            antialias: Whether to supersample silhouettes.
        """
        hits = self.geometry(camera) if hits is None else hits
        depth = hits.depth.reshape(camera.size)
        chart = np.where(hits.face >= 0, self.scene.face_chart.take(hits.face), -1).reshape(camera.size)
        edges = silhouettes(depth, chart)
        light = self._soften(self._light_share(hits).reshape(camera.size), edges)
        colour, normal = self._shade(hits, light.ravel(), camera.focal_px)
        if antialias:
            self._antialias(colour, camera, np.flatnonzero(edges))
        colour, normal = (cv2.merge([*planes.reshape(3, *camera.size)]) for planes in (colour, normal))
        return View(colour, depth, chart, normal)

    def _antialias(self, colour: Float32[np.ndarray, "3 n"], camera: Camera, edges: Int[np.ndarray, " m"]) -> None:
        """Supersample the pixels on silhouettes, in place."""
        y, x = np.divmod(edges, camera.size[1])
        places = np.stack([x, y], -1)[:, None].astype(np.float32) + _SUBPIXELS
        around = self.trace(*camera.rays(*places.reshape(-1, 2).T))
        fine, _ = self._shade(around, self._light_share(around), camera.focal_px)
        _put(colour, edges, fine.reshape(3, -1, len(_SUBPIXELS)).mean(-1))

    def _light_share(self, hits: Hits) -> Float32[np.ndarray, " n"]:
        """1 where the first light reaches the surface, 0 in its shadow and on sides that face away from it."""
        share = np.ones(len(hits.face), np.float32)
        if not self.shadows or not self.scene.lights:
            return share
        lamp = self.scene.lights[0]
        place = lamp.place[:, None]
        for part, some in hits.chunks():
            seen = np.flatnonzero(some.face >= 0)
            some = some.keep(seen)
            points, facet = some.points(), self._facets.take(some.face, axis=1)
            facet *= -np.sign(_dot(facet, some.directions))
            # Step off the surface on the viewer's side, by more than the rounding of a depth.
            start = points + facet * (np.float32(2e-3) * some.depth)
            towards = np.broadcast_to(place, start.shape) if lamp.is_sun else place - points
            # What faces away is dark; at the terminator rounded surfaces still need a ray.
            lit = _dot(facet, towards) > np.float32(-0.2) * _length(towards)
            facing = np.flatnonzero(lit)
            rays = start.take(facing, axis=1).T, towards.take(facing, axis=1).T
            reach = np.full(len(facing), np.inf if lamp.is_sun else 0.99, np.float32)
            lit[facing] = self._tree.run(*rays, reach, query="OCCLUDED") < 0
            share[part][seen] = lit
        return share

    def _soften(self, share: Float32[np.ndarray, "h w"], edges: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Blur shadows within surfaces, not across silhouettes."""
        if not self.shadows or not self.scene.lights:
            return share
        sigma = self.scene.lights[0].softness_px
        reach = 2 * int(np.ceil(1.5 * sigma)) + 1
        inner = 1.0 - cv2.dilate(edges.astype(np.float32), np.ones((3, 3), np.uint8))
        weight = cv2.GaussianBlur(inner, (reach, reach), sigma)
        blurred = cv2.GaussianBlur(share * inner, (reach, reach), sigma) / np.maximum(weight, 1e-3)
        near = cv2.dilate(edges.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
        return np.where(near, share, blurred)

    def _shade(
        self, hits: Hits, light_share: Float32[np.ndarray, " n"], focal_px: float
    ) -> tuple[Float32[np.ndarray, "3 n"], Float32[np.ndarray, "3 n"]]:
        """Radiance and normals of all rays."""
        colour, normal = np.zeros((2, 3, len(hits.face)), np.float32)
        for part, some in hits.chunks():
            seen, unseen = np.flatnonzero(some.face >= 0), np.flatnonzero(some.face < 0)
            if len(unseen):
                _put(colour[:, part], unseen, self._sky(some.directions.take(unseen, axis=1), focal_px))
            if len(seen):
                radiance, facing = self._surface(some.keep(seen), light_share[part].take(seen), focal_px)
                _put(colour[:, part], seen, radiance)
                _put(normal[:, part], seen, facing)
        return colour, normal

    def _surface(self, hits: Hits, light_share: np.ndarray, focal_px: float) -> tuple[np.ndarray, np.ndarray]:
        air, points = self.scene.air, hits.points()
        length = _length(hits.directions)
        away = hits.directions / length
        distance = hits.depth * length
        normal, cosine = self._normal(hits, away)
        chart = self.scene.face_chart.take(hits.face).astype(np.intp)
        look = self._looks.take(chart // 3, axis=1)
        places = points if self.scene.rest is None else on_faces(self.scene.rest[self.scene.faces[hits.face]], hits)
        albedo = self._albedo(hits, places, chart, distance / np.float32(focal_px), cosine, look)
        down, up = air.ambient_down[:, None], air.ambient_up[:, None]
        received = down + (0.5 - 0.5 * normal[1]) * (up - down)
        shine = np.zeros_like(received)
        for i, lamp in enumerate(self.scene.lights):
            self._add_light(lamp, points, normal, away, look, light_share if i == 0 else None, received, shine)
        received *= albedo
        received += shine
        if air.fog_per_m > 0:
            fog = air.fog_colour[:, None]
            received = fog + np.exp(-air.fog_per_m * distance) * (received - fog)
        return received, normal

    def _add_light(
        self,
        lamp: Light,
        points: np.ndarray,
        normal: np.ndarray,
        away: np.ndarray,
        look: np.ndarray,
        share: np.ndarray | None,
        received: np.ndarray,
        shine: np.ndarray,
    ) -> None:
        """Add one lamp's Lambert and Blinn-Phong parts."""
        place, colour = lamp.place[:, None], lamp.colour[:, None]
        if lamp.is_sun:
            towards = np.broadcast_to(place, points.shape)
            strength = np.float32(1.0)
        else:
            towards = place - points
            distance = _length(towards)
            towards /= np.maximum(distance, 1e-6)
            # Softer than the inverse square, which would leave most of a room black.
            strength = 2.0 / (1.0 + (distance / np.float32(lamp.reach_m)) ** 2)
        if share is not None:
            strength = strength * share
        lambert = np.maximum(_dot(normal, towards), 0.0) * strength
        received += lambert * colour
        glossy = np.flatnonzero((look[7] > 0) & (lambert > 0)) if self.highlights else ()
        if len(glossy):
            half = towards.take(glossy, axis=1) - away.take(glossy, axis=1)
            half /= np.maximum(_length(half), 1e-6)
            peak = np.maximum(_dot(normal.take(glossy, axis=1), half), 0.0) ** look[8].take(glossy)
            gloss = np.zeros_like(lambert)
            gloss[glossy] = peak
            shine += gloss * look[7] * strength * colour

    def _normal(self, hits: Hits, away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Unit normals towards the viewer, and the cosine between facet and view."""
        normal = self._facets.take(hits.face, axis=1)
        cosine = _dot(normal, away)
        round_ones = np.flatnonzero(self.scene.smooth.take(hits.face))
        if len(round_ones):
            some = hits.keep(round_ones)
            a, b, c = (self._normals.take(i, axis=1) for i in self._corners.take(some.face, axis=1))
            mixed = a * (1 - some.u - some.v) + b * some.u + c * some.v
            # Facet and vertex normals may be wound differently; the facet decides the side.
            side = np.sign(_dot(mixed, normal.take(round_ones, axis=1)))
            _put(normal, round_ones, mixed * (side / np.maximum(_length(mixed), 1e-6)))
        normal *= -np.sign(cosine)
        return normal, np.abs(cosine)

    def _albedo(
        self,
        hits: Hits,
        points: np.ndarray,
        chart: np.ndarray,
        pixel_m: np.ndarray,
        cosine: np.ndarray,
        look: np.ndarray,
    ) -> Float32[np.ndarray, "3 n"]:
        """Linear reflectance from the two texture layers."""
        # A slanted pixel is a long footprint; the power trades blur against aliasing along it.
        spread = pixel_m / np.maximum(cosine, 0.02) ** np.float32(0.75)
        colour = self._layer(0, points, chart, spread)
        mixed = np.flatnonzero(look[6] > 0)
        if len(mixed):
            one = colour.take(mixed, axis=1)
            other = self._layer(1, points.take(mixed, axis=1), chart.take(mixed), spread.take(mixed))
            _put(colour, mixed, one + look[6].take(mixed) * (other - one))
        self._put_images(colour, hits, chart // 3, spread)
        colour *= look[0:3]
        colour += look[3:6]
        np.clip(colour, 0.02, 0.97, out=colour)
        colour *= colour
        return colour

    def _put_images(
        self, colour: Float32[np.ndarray, "3 n"], hits: Hits, owner: np.ndarray, spread: np.ndarray
    ) -> None:
        """Replace the tiles of meshes that have an image of their own, in place."""
        scene = self.scene
        if scene.images is None or scene.own is None or scene.uv is None:
            return
        own = scene.own.take(owner)
        some = np.flatnonzero(own >= 0)
        if not len(some):
            return
        u, v = on_faces(scene.uv[hits.face[some]], hits.keep(some))
        footprint = spread[some] * scene.texels_per_m[owner[some], 0]
        _put(colour, some, scene.images.sample(own[some], u, v, footprint))

    def _layer(
        self, layer: int, points: np.ndarray, chart: np.ndarray, spread: np.ndarray
    ) -> Float32[np.ndarray, "3 n"]:
        rows = self._charts[8 * layer : 8 * layer + 8].take(chart, axis=1)
        owner = chart // 3
        u = _dot(rows[0:3], points) + rows[3]
        v = _dot(rows[4:7], points) + rows[7]
        density = self.scene.texels_per_m[:, layer].take(owner)
        return self.bank.sample(self.scene.entries[:, layer].take(owner), u, v, spread * density)

    def _sky(self, directions: Float32[np.ndarray, "3 n"], focal_px: float) -> Float32[np.ndarray, "3 n"]:
        air = self.scene.air
        heading = np.arctan2(directions[0], directions[2]) * np.float32(2 / np.pi)
        climb = -directions[1] / _length(directions)
        entry = np.full(len(climb), air.sky_entry if self._sky_bank is None else 0)
        colour = (self._sky_bank or self.bank).sample(
            entry, heading, climb, np.full(len(climb), 330.0 / focal_px, np.float32)
        )
        colour *= colour
        haze = np.clip(1.0 - 2.5 * climb, 0.0, 1.0)
        colour += haze * (air.fog_colour[:, None] - colour)
        return colour * air.sky_gain[:, None]


def silhouettes(depth: Float32[np.ndarray, "h w"], chart: Int[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels beside a change of surface or a kink in depth.

    Inverse depth is linear over a plane's image, so its second difference tells kinks from slants.
    """
    edges = np.zeros(depth.shape, bool)
    inverse = 1.0 / depth
    for axis in (0, 1):
        a, b = (slice(None),) * axis + (slice(1, None),), (slice(None),) * axis + (slice(None, -1),)
        change = chart[a] != chart[b]
        edges[a] |= change
        edges[b] |= change
        middle = (slice(None),) * axis + (slice(1, -1),)
        first = inverse[a] - inverse[b]
        edges[middle] |= np.abs(first[a] - first[b]) > 0.02 * inverse[middle]
    return edges


def on_faces(corners: Float32[np.ndarray, "n 3 c"], hits: Hits) -> Float32[np.ndarray, "c n"]:
    """Values at hits between those of their triangles' corners."""
    b, c = hits.u[:, None], hits.v[:, None]
    return np.ascontiguousarray((corners[:, 0] * (1 - b - c) + corners[:, 1] * b + corners[:, 2] * c).T)


def _planes(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows.T)


def _put(planes: np.ndarray, index: np.ndarray, values: np.ndarray) -> None:
    """``planes[:, index] = values``, three times as fast."""
    for plane, value in zip(planes, values, strict=True):
        plane[index] = value


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _length(a: np.ndarray) -> np.ndarray:
    return np.sqrt(_dot(a, a))
