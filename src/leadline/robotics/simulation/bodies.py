"""Worlds of simple bodies, many at once: rays that hit them, and distances from them."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Float64

NOWHERE_M: Final = -1000.0
_FAR: Final = np.float32(np.inf)
_TINY: Final = np.float32(1e-9)


@dataclass(frozen=True)
class Box:
    """A box that stands upright, turned about the vertical.

    Args:
        center_m: x, y, z.
        half_m: Half of its length, depth and height.
        turn_rad: About the vertical.
        reflectance: At the sensor's wavelength.
        glass: Whether light passes: such a box is seen by its faint reflection only.
    Example:
        >>> wall = Box((3.0, 0.0, 1.0), (0.1, 2.0, 1.0))
        >>> wall.glass, wall.reflectance
        (False, 0.5)
    """

    center_m: tuple[float, float, float]
    half_m: tuple[float, float, float]
    turn_rad: float = 0.0
    reflectance: float = 0.5
    glass: bool = False


@dataclass(frozen=True)
class Pole:
    """An upright cylinder, which may walk to and fro.

    Args:
        center_m: x, y; the middle of its walk.
        radius_m: Its radius.
        bottom_m: z.
        top_m: z.
        reflectance: At the sensor's wavelength.
        walk_m: Half of the way that it walks, x and y.
        walk_rad_s: Angular frequency of the walk: its fastest speed over half of its way.
        phase_rad: Where in its walk it begins.
    """

    center_m: tuple[float, float]
    radius_m: float
    bottom_m: float = 0.0
    top_m: float = 3.0
    reflectance: float = 0.5
    walk_m: tuple[float, float] = (0.0, 0.0)
    walk_rad_s: float = 0.0
    phase_rad: float = 0.0


@dataclass(frozen=True)
class Ball:
    """A sphere.

    Args:
        center_m: x, y, z.
        radius_m: Its radius.
        reflectance: At the sensor's wavelength.
    """

    center_m: tuple[float, float, float]
    radius_m: float
    reflectance: float = 0.5


@dataclass(frozen=True)
class World:
    """A place to fly through, from (0, 0) to a goal.

    Args:
        family: What kind.
        boxes: Walls, furniture, panes.
        poles: Trees, posts, people.
        balls: Spheres.
        goal_m: x, y.
        altitude_m: At which the robot flies.
        ceiling_m: Height of the ceiling; inf outdoors.
        floor_reflectance: Of floor and ceiling.
        ambient: Light of the surroundings for the sensor, 1 is a room.
        wind_m_s: Mean wind, x and y.
        gust_m_s: Standard deviation of the gusts.
    """

    family: str
    boxes: tuple[Box, ...] = ()
    poles: tuple[Pole, ...] = ()
    balls: tuple[Ball, ...] = ()
    goal_m: tuple[float, float] = (10.0, 0.0)
    altitude_m: float = 1.0
    ceiling_m: float = np.inf
    floor_reflectance: float = 0.4
    ambient: float = 1.0
    wind_m_s: tuple[float, float] = (0.0, 0.0)
    gust_m_s: float = 0.0


@dataclass(frozen=True, eq=False)
class Bodies:
    """The bodies of w worlds, padded to the same number with bodies that nobody can reach.

    Args:
        boxes: x, y, z, half sizes, turn, reflectance, and 1 for glass.
        poles: x, y, radius, bottom, top, reflectance, walk x, walk y, frequency, phase.
        balls: x, y, z, radius, reflectance.
        ceiling_m: Of each world.
        floor: Reflectance of floor and ceiling.
    """

    boxes: Float64[np.ndarray, "w k 9"]
    poles: Float64[np.ndarray, "w c 10"]
    balls: Float64[np.ndarray, "w s 5"]
    ceiling_m: Float64[np.ndarray, " w"]
    floor: Float64[np.ndarray, " w"]

    @classmethod
    def of(cls, worlds: list[World]) -> "Bodies":
        """The bodies of worlds.

        Args:
            worlds: At least one.
        """
        boxes = [
            [(*b.center_m, *b.half_m, b.turn_rad, b.reflectance, float(b.glass)) for b in world.boxes]
            for world in worlds
        ]
        poles = [
            [
                (*p.center_m, p.radius_m, p.bottom_m, p.top_m, p.reflectance, *p.walk_m, p.walk_rad_s, p.phase_rad)
                for p in world.poles
            ]
            for world in worlds
        ]
        balls = [[(*s.center_m, s.radius_m, s.reflectance) for s in world.balls] for world in worlds]
        return cls(
            _padded(boxes, 9),
            _padded(poles, 10),
            _padded(balls, 5),
            np.array([world.ceiling_m for world in worlds]),
            np.array([world.floor_reflectance for world in worlds]),
        )

    def only(self, which: np.ndarray) -> "Bodies":
        """Those of some of the worlds.

        Args:
            which: Their numbers, or a mask.
        """
        return Bodies(*(getattr(self, name)[which] for name in ("boxes", "poles", "balls", "ceiling_m", "floor")))

    def at(self, time_s: Float[np.ndarray, " w"] | float) -> "Bodies":
        """The same with what walks where it is at a time.

        Args:
            time_s: Of each world, or of all.
        """
        poles = self.poles.copy()
        swing = np.sin(poles[..., 8] * np.broadcast_to(np.asarray(time_s), len(poles))[:, None] + poles[..., 9])
        poles[..., :2] += poles[..., 6:8] * swing[..., None]
        poles[..., 6:9] = 0.0
        return replace(self, poles=poles)

    def distance_m(self, places: Float[np.ndarray, "w n 3"]) -> Float64[np.ndarray, "w n"]:
        """Distance of points in each world from the nearest body, floor or ceiling; 0 or less inside.

        Args:
            places: x, y, z.
        """
        x, y, z = (places[..., i, None] for i in range(3))
        boxes, poles, balls = self.boxes[:, None], self.poles[:, None], self.balls[:, None]
        dx, dy = x - boxes[..., 0], y - boxes[..., 1]
        sine, cosine = np.sin(boxes[..., 6]), np.cos(boxes[..., 6])
        local = np.stack([cosine * dx + sine * dy, cosine * dy - sine * dx, z - boxes[..., 2]], axis=-1)
        beyond = np.abs(local) - boxes[..., 3:6]
        found = [np.linalg.norm(np.maximum(beyond, 0.0), axis=-1) + np.minimum(beyond.max(axis=-1), 0.0)]
        side = np.hypot(x - poles[..., 0], y - poles[..., 1]) - poles[..., 2]
        above = np.maximum(poles[..., 3] - z, z - poles[..., 4])
        found.append(np.where(above > 0.0, np.hypot(np.maximum(side, 0.0), above), side))
        gap = np.sqrt(np.square(x - balls[..., 0]) + np.square(y - balls[..., 1]) + np.square(z - balls[..., 2]))
        found.append(gap - balls[..., 3])
        nearest = np.concatenate(found, axis=-1).min(axis=-1, initial=np.inf)
        return np.minimum(nearest, np.minimum(places[..., 2], self.ceiling_m[:, None] - places[..., 2]))


@dataclass
class Hits:
    """What rays hit: how many lengths of the ray away, with which reflectance, and glass in front of it.

    Args:
        way: Lengths of the ray; inf where it hits nothing.
        reflectance: Of what was hit.
        glass: Lengths to the nearest glass; inf where there is none before what was hit.
    """

    way: Float32[np.ndarray, "w n"]
    reflectance: Float32[np.ndarray, "w n"]
    glass: Float32[np.ndarray, "w n"] = field(repr=False)

    def nearer(self, way: Float32[np.ndarray, "w n"], reflectance: Float32[np.ndarray, "w 1"]) -> None:
        """Takes hits that are nearer than those known."""
        won = way < self.way
        np.copyto(self.way, way, where=won)
        np.copyto(self.reflectance, np.broadcast_to(reflectance, way.shape), where=won)


def cast_rays(bodies: Bodies, origins: Float[np.ndarray, "w 3"], rays: Float[np.ndarray, "w n 3"]) -> Hits:
    """What the rays of each world hit.

    Args:
        bodies: Of the worlds, at one time.
        origins: Where the rays of each world begin.
        rays: Of any length: hits are counted in these lengths.
    """
    start = np.asarray(origins, np.float32)
    dx, dy, dz = (np.ascontiguousarray(rays[..., i], np.float32) for i in range(3))
    shape = dx.shape
    hits = Hits(np.full(shape, _FAR), np.zeros(shape, np.float32), np.full(shape, _FAR))
    down = np.where(np.abs(dz) < _TINY, _TINY, dz)
    floor = bodies.floor.astype(np.float32)[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        for height in (np.zeros(len(start)), bodies.ceiling_m):
            way = (height.astype(np.float32)[:, None] - start[:, 2:3]) / down
            hits.nearer(np.where(way > 0.0, way, _FAR), floor)
        _hit_poles(hits, bodies.poles.astype(np.float32), start, (dx, dy, dz))
        _hit_balls(hits, bodies.balls.astype(np.float32), start, (dx, dy, dz))
        _hit_boxes(hits, bodies.boxes.astype(np.float32), start, (dx, dy, down))
    hits.glass[hits.glass >= hits.way] = _FAR
    return hits


Rays = tuple[Float32[np.ndarray, "w n"], Float32[np.ndarray, "w n"], Float32[np.ndarray, "w n"]]


def _hit_poles(hits: Hits, poles: Float32[np.ndarray, "w c 10"], start: Float32[np.ndarray, "w 3"], rays: Rays) -> None:
    dx, dy, dz = rays
    square = np.maximum(dx * dx + dy * dy, _TINY)
    for k in range(poles.shape[1]):
        pole = poles[:, k]
        ox, oy = (start[:, 0] - pole[:, 0])[:, None], (start[:, 1] - pole[:, 1])[:, None]
        half = ox * dx + oy * dy
        inside = half * half - square * (ox * ox + oy * oy - np.square(pole[:, 2:3]))
        way = (-half - np.sqrt(np.maximum(inside, 0.0))) / square
        height = start[:, 2:3] + way * dz
        good = (inside > 0.0) & (way > 0.0) & (height >= pole[:, 3:4]) & (height <= pole[:, 4:5])
        hits.nearer(np.where(good, way, _FAR), pole[:, 5:6])


def _hit_balls(hits: Hits, balls: Float32[np.ndarray, "w s 5"], start: Float32[np.ndarray, "w 3"], rays: Rays) -> None:
    dx, dy, dz = rays
    square = np.maximum(dx * dx + dy * dy + dz * dz, _TINY)
    for k in range(balls.shape[1]):
        ox, oy, oz = ((start[:, i] - balls[:, k, i])[:, None] for i in range(3))
        half = ox * dx + oy * dy + oz * dz
        inside = half * half - square * (ox * ox + oy * oy + oz * oz - np.square(balls[:, k, 3:4]))
        way = (-half - np.sqrt(np.maximum(inside, 0.0))) / square
        hits.nearer(np.where((inside > 0.0) & (way > 0.0), way, _FAR), balls[:, k, 4:5])


def _hit_boxes(hits: Hits, boxes: Float32[np.ndarray, "w k 9"], start: Float32[np.ndarray, "w 3"], rays: Rays) -> None:
    dx, dy, dz = rays
    for k in range(boxes.shape[1]):
        box = boxes[:, k]
        sine, cosine = np.sin(box[:, 6:7]), np.cos(box[:, 6:7])
        ox, oy = start[:, 0:1] - box[:, 0:1], start[:, 1:2] - box[:, 1:2]
        ox, oy, oz = cosine * ox + sine * oy, cosine * oy - sine * ox, start[:, 2:3] - box[:, 2:3]
        enter, leave = np.full_like(dx, -_FAR), np.full_like(dx, _FAR)
        for o, d, half in (
            (ox, cosine * dx + sine * dy, box[:, 3:4]),
            (oy, cosine * dy - sine * dx, box[:, 4:5]),
            (oz, dz, box[:, 5:6]),
        ):
            slope = np.float32(1.0) / np.where(np.abs(d) < _TINY, _TINY, d)
            middle, reach = -o * slope, half * np.abs(slope)
            np.maximum(enter, middle - reach, out=enter)
            np.minimum(leave, middle + reach, out=leave)
        way = np.where((enter < leave) & (enter > 0.0), enter, _FAR)
        glass = box[:, 8:9] > 0.5
        np.minimum(hits.glass, np.where(glass, way, _FAR), out=hits.glass)
        hits.nearer(np.where(glass, _FAR, way), box[:, 7:8])


def _padded(rows: list[list[tuple[float, ...]]], width: int) -> Float64[np.ndarray, "w k d"]:
    """Rows of different numbers as one array, filled with bodies of no size far below."""
    most = max(len(each) for each in rows)
    filled = np.zeros((len(rows), most, width))
    filled[..., :2] = NOWHERE_M
    for i, each in enumerate(rows):
        if each:
            filled[i, : len(each)] = each
    return filled
