"""Ray casting of a scene: per view the colour, depth, object, and normal of every pixel.

The renderer knows nothing of stereo: any camera will do, so depth, flow and motion can share it.
"""

from dataclasses import dataclass
from typing import final

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from jaxtyping import Bool, Float32, Int, Int32

from leadline.data.dreams.scene import Light, Scene
from leadline.data.dreams.textures import TextureBank

#: Four places within a pixel, a rotated grid, for the pixels on silhouettes.
_SUBPIXELS = np.array([[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]], np.float32)


@dataclass(frozen=True)
class Camera:
    """A pinhole with square pixels.

    Attributes:
        size: Height and width of its picture.
        focal_px: Focal length.
        centre_px: Principal point (x, y); pixel centres are integers.
        world_from_camera: Rotation.
        position_m: Optical centre in the world.
    """

    size: tuple[int, int]
    focal_px: float
    centre_px: tuple[float, float]
    world_from_camera: Float32[np.ndarray, "3 3"]
    position_m: Float32[np.ndarray, "3"]

    def directions(
        self, x_px: Float32[np.ndarray, " n"], y_px: Float32[np.ndarray, " n"]
    ) -> Float32[np.ndarray, "n 3"]:
        """World directions of rays, scaled to one metre along the optical axis: a hit's ``t`` is its depth."""
        a = (x_px - np.float32(self.centre_px[0])) / np.float32(self.focal_px)
        b = (y_px - np.float32(self.centre_px[1])) / np.float32(self.focal_px)
        rays = np.empty((len(a), 3), np.float32)
        # Written out: a matrix product would wake the threads of BLAS, which compete with the other workers.
        for i, (right, down, ahead) in enumerate(self.world_from_camera):
            rays[:, i] = right * a + down * b + ahead
        return rays


@dataclass(frozen=True)
class Hits:
    """Where rays from one point meet the scene.

    Attributes:
        origin: The rays' origin.
        directions: Their directions, not normalised.
        depth: Multiples of the direction; inf where nothing is hit.
        face: Triangles hit, -1 for none.
        u: First barycentric coordinate.
        v: Second barycentric coordinate.
        facet: Normals of the triangles, not normalised.
    """

    origin: Float32[np.ndarray, "3"]
    directions: Float32[np.ndarray, "n 3"]
    depth: Float32[np.ndarray, " n"]
    face: Int32[np.ndarray, " n"]
    u: Float32[np.ndarray, " n"]
    v: Float32[np.ndarray, " n"]
    facet: Float32[np.ndarray, "n 3"]

    def keep(self, index: Int[np.ndarray, " m"]) -> "Hits":
        """Some of the rays, in order."""
        if len(index) == len(self.face):
            return self
        fields = (self.directions, self.depth, self.face, self.u, self.v, self.facet)
        return Hits(self.origin, *(f[index] for f in fields))


@dataclass(frozen=True)
class View:
    """What a camera sees.

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

    def trace(self, origin: Float32[np.ndarray, "3"], directions: Float32[np.ndarray, "n 3"]) -> Hits:
        """First hits of rays from one point."""
        origins = np.ascontiguousarray(np.broadcast_to(origin, directions.shape), np.float32)
        found = self._tree.run(origins, directions, output=1)
        face = found["primID"]
        depth = np.where(face >= 0, found["tfar"], np.float32(np.inf))
        return Hits(origin, directions, depth, face, found["u"], found["v"], found["Ng"])

    def geometry(self, camera: Camera) -> Hits:
        """First hits through the centres of a camera's pixels, row by row."""
        y, x = np.indices(camera.size, np.float32).reshape(2, -1)
        return self.trace(camera.position_m, camera.directions(x, y))

    def blocked(self, start: np.ndarray, end: np.ndarray) -> bool:
        """Whether something stands between two points."""
        ray = np.ascontiguousarray((end - start)[None], np.float32)
        found = self._tree.run(np.ascontiguousarray(start[None], np.float32), ray, output=1)
        return bool(found["primID"][0] >= 0 and found["tfar"][0] < 1.0)

    def view(self, camera: Camera, hits: Hits | None = None, antialias: bool = True) -> View:
        """Render a picture.

        Args:
            camera: From where.
            hits: ``geometry(camera)``, if already known.
            antialias: Whether to supersample silhouettes.
        """
        hits = self.geometry(camera) if hits is None else hits
        height, width = camera.size
        depth = hits.depth.reshape(camera.size)
        chart = np.where(hits.face >= 0, self.scene.face_chart[hits.face], -1).reshape(camera.size)
        edges = silhouettes(depth, chart)
        light = self._light_share(hits)
        colour, normal = self._shade(hits, self._soften(light.reshape(camera.size), edges).ravel(), camera.focal_px)
        if antialias and edges.any():
            y, x = (c.astype(np.float32) for c in np.nonzero(edges))
            around = self.trace(
                camera.position_m,
                camera.directions((x[:, None] + _SUBPIXELS[:, 0]).ravel(), (y[:, None] + _SUBPIXELS[:, 1]).ravel()),
            )
            fine, _ = self._shade(around, self._light_share(around), camera.focal_px)
            colour[edges.ravel()] = fine.reshape(-1, len(_SUBPIXELS), 3).mean(1)
        return View(colour.reshape(height, width, 3), depth, chart.astype(np.int32), normal.reshape(height, width, 3))

    def _light_share(self, hits: Hits) -> Float32[np.ndarray, " n"]:
        """1 where the first light reaches the surface, 0 in its shadow."""
        share = np.ones(len(hits.face), np.float32)
        seen = np.flatnonzero(hits.face >= 0)
        if not self.shadows or not self.scene.lights or not len(seen):
            return share
        lamp, some = self.scene.lights[0], hits.keep(seen)
        points = _points(some)
        towards = lamp.place if lamp.is_sun else lamp.place - points
        facet = some.facet / np.maximum(_length(some.facet), 1e-20)[:, None]
        side = np.sign(_dot(facet, some.directions))[:, None]
        # Step off the surface on the viewer's side, by more than the rounding of a depth.
        start = points - facet * side * (2e-3 * some.depth)[:, None]
        away = np.ascontiguousarray(np.broadcast_to(towards, start.shape), np.float32)
        reach = np.full(len(seen), 1e6 if lamp.is_sun else 0.99, np.float32)
        share[seen] = self._tree.run(start, away, reach, query="OCCLUDED") < 0
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
    ) -> tuple[Float32[np.ndarray, "n 3"], Float32[np.ndarray, "n 3"]]:
        """Radiance and normals of all rays."""
        colour = np.empty((len(hits.face), 3), np.float32)
        normal = np.zeros_like(colour)
        seen, unseen = np.flatnonzero(hits.face >= 0), np.flatnonzero(hits.face < 0)
        if len(unseen):
            colour[unseen] = self._sky(hits.directions[unseen], focal_px)
        if len(seen):
            colour[seen], normal[seen] = self._surface(hits.keep(seen), light_share[seen], focal_px)
        return colour, normal

    def _surface(self, hits: Hits, light_share: np.ndarray, focal_px: float) -> tuple[np.ndarray, np.ndarray]:
        scene, points = self.scene, _points(hits)
        length = _length(hits.directions)
        away = hits.directions / length[:, None]
        normal, cosine = self._normals(hits, away)
        chart = scene.face_chart[hits.face]
        look = scene.looks[chart // 3]
        albedo = self._albedo(points, chart, hits.depth * length / focal_px, cosine, look)
        sky_share = (0.5 - 0.5 * normal[:, 1])[:, None]
        received = scene.air.ambient_down + sky_share * (scene.air.ambient_up - scene.air.ambient_down)
        shine = np.zeros_like(received)
        for i, lamp in enumerate(scene.lights):
            self._add_light(lamp, points, normal, away, look, light_share if i == 0 else None, received, shine)
        received *= albedo
        received += shine
        if scene.air.fog_per_m > 0:
            clear = np.exp(-scene.air.fog_per_m * hits.depth * length)[:, None]
            received = scene.air.fog_colour + clear * (received - scene.air.fog_colour)
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
        if lamp.is_sun:
            towards = np.broadcast_to(lamp.place, points.shape)
            strength = np.ones(len(points), np.float32) if share is None else share
        else:
            towards = lamp.place - points
            distance = _length(towards)
            towards = towards / np.maximum(distance, 1e-6)[:, None]
            # Softer than the inverse square, which would leave most of a room black.
            strength = np.float32(2.0) / (1.0 + (distance / np.float32(lamp.reach_m)) ** 2)
            strength = strength if share is None else strength * share
        lambert = np.maximum(_dot(normal, towards), 0.0) * strength
        received += lambert[:, None] * lamp.colour
        glossy = np.flatnonzero((look[:, 7] > 0) & (lambert > 0)) if self.highlights else np.zeros(0, np.int64)
        if len(glossy):
            half = towards[glossy] - away[glossy]
            half /= np.maximum(_length(half), 1e-6)[:, None]
            peak = np.maximum(_dot(normal[glossy], half), 0.0) ** look[glossy, 8]
            shine[glossy] += (peak * look[glossy, 7] * strength[glossy])[:, None] * lamp.colour

    def _normals(self, hits: Hits, away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Unit normals towards the viewer, and the cosine between facet and view."""
        normal = hits.facet / np.maximum(_length(hits.facet), 1e-20)[:, None]
        cosine = _dot(normal, away)
        round_ones = np.flatnonzero(self.scene.smooth[hits.face])
        if len(round_ones):
            corner = self.scene.faces[hits.face[round_ones]]
            u, v = hits.u[round_ones, None], hits.v[round_ones, None]
            n = self.scene.normals
            mixed = n[corner[:, 0]] * (1 - u - v) + n[corner[:, 1]] * u + n[corner[:, 2]] * v
            mixed /= np.maximum(_length(mixed), 1e-6)[:, None]
            # Facet and vertex normals may be wound differently; the facet decides the side.
            mixed *= np.sign(_dot(mixed, normal[round_ones]))[:, None]
            normal[round_ones] = mixed
        normal *= -np.sign(cosine)[:, None]
        return normal, np.abs(cosine)

    def _albedo(
        self, points: np.ndarray, chart: np.ndarray, pixel_m: np.ndarray, cosine: np.ndarray, look: np.ndarray
    ) -> Float32[np.ndarray, "n 3"]:
        """Linear reflectance from the two texture layers."""
        # A slanted pixel is a long footprint; the power trades blur against aliasing along it.
        spread = pixel_m / np.maximum(cosine, 0.02) ** np.float32(0.75)
        colour = self._layer(0, points, chart, spread)
        mixed = np.flatnonzero(look[:, 6] > 0)
        if len(mixed):
            other = self._layer(1, points[mixed], chart[mixed], spread[mixed])
            colour[mixed] += look[mixed, 6:7] * (other - colour[mixed])
        colour *= look[:, 0:3]
        colour += look[:, 3:6]
        np.clip(colour, 0.02, 0.97, out=colour)
        colour *= colour
        return colour

    def _layer(
        self, layer: int, points: np.ndarray, chart: np.ndarray, spread: np.ndarray
    ) -> Float32[np.ndarray, "n 3"]:
        rows = self.scene.charts[:, 8 * layer : 8 * layer + 8][chart]
        owner = chart // 3
        u = _dot(rows[:, 0:3], points) + rows[:, 3]
        v = _dot(rows[:, 4:7], points) + rows[:, 7]
        density = self.scene.texels_per_m[:, layer][owner]
        return self.bank.sample(self.scene.entries[:, layer][owner], u, v, spread * density)

    def _sky(self, directions: np.ndarray, focal_px: float) -> Float32[np.ndarray, "n 3"]:
        air = self.scene.air
        heading = np.arctan2(directions[:, 0], directions[:, 2]) * np.float32(2 / np.pi)
        climb = -directions[:, 1] / _length(directions)
        entry = np.full(len(directions), air.sky_entry)
        colour = self.bank.sample(entry, heading, climb, np.full(len(directions), 330.0 / focal_px, np.float32))
        colour *= colour
        haze = np.clip(1.0 - 2.5 * climb, 0.0, 1.0)[:, None]
        colour += haze * (air.fog_colour - colour)
        return colour * air.sky_gain


def silhouettes(depth: Float32[np.ndarray, "h w"], chart: Int[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels beside a change of surface or a kink in depth.

    Inverse depth is linear over a plane's picture, so its second difference tells kinks from slants.
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


def _points(hits: Hits) -> Float32[np.ndarray, "n 3"]:
    points = hits.directions * hits.depth[:, None]
    points += hits.origin
    return points


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", a, b)


def _length(a: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("ij,ij->i", a, a))
