"""Sensors of simulated robots: zones of time of flight, stereo, zones fused with learned depth, and perfect depth."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float64, UInt8

from leadline.geometry.camera import Pinhole
from leadline.robotics.sight import Sight, level_rays, sight_of_images, sight_of_zones
from leadline.robotics.simulation.bodies import Bodies, Hits, cast_rays
from leadline.robotics.simulation.robots import RobotState
from leadline.robotics.tof_frame import STATUS_CONFIDENCE
from leadline.robotics.tof_sensor import TofSensor
from leadline.robotics.tof_zones import TofZones

_TOF_PIXELS: Final = 32
_CAMERA: Final = Pinhole(41.57, 41.57, 23.5, 11.5, 24, 48)
"""60 degrees wide and 32 high: what a camera of 60 x 45 degrees shows around the height of the robot."""

_ATTITUDE_RAD: Final = float(np.radians(0.5))
"""Standard deviation of the attitude that a robot believes to have."""

Chances = Sequence[np.random.Generator]


@runtime_checkable
class Eye(Protocol):
    """A sensor on each of b robots."""

    def look(self, bodies: Bodies, state: RobotState, chances: Chances, which: np.ndarray) -> Sight:
        """What the robots see now.

        Args:
            bodies: Of the robots' worlds, now.
            state: Of the robots.
            chances: Source of chance of each robot.
            which: Numbers of these robots among those that the sensor was made for.
        """
        ...


@dataclass(frozen=True)
class TofEye:
    """A time-of-flight sensor with 8x8 zones that looks ahead.

    Args:
        ambient: Light of the surroundings of each robot, as of `TofSensor`.
        zones: Where it looks.
    """

    ambient: Float64[np.ndarray, " b"]
    zones: TofZones = field(default_factory=TofZones)

    def look(self, bodies: Bodies, state: RobotState, chances: Chances, which: np.ndarray) -> Sight:
        """As of `Eye`."""
        distances, status, valid = self.measure(bodies, state, chances, which)
        return sight_of_zones(self.zones, distances, valid, status, *believed_attitude(state, chances))

    def measure(
        self, bodies: Bodies, state: RobotState, chances: Chances, which: np.ndarray
    ) -> tuple[Float64[np.ndarray, "b n n"], UInt8[np.ndarray, "b n n"], Bool[np.ndarray, "b n n"]]:
        """Distances in metres, statuses, and which zones are valid.

        Args:
            bodies: As for `Eye.look`.
            state: Likewise.
            chances: Likewise.
            which: Likewise.
        """
        camera = _covering(self.zones)
        hits = seen_by_camera(bodies, state, camera)
        shape = (len(chances), camera.height, camera.width)
        depth, grey, glass = (layer.reshape(shape) for layer in (hits.way, hits.reflectance, hits.glass))
        zones = self.zones.size
        distances = np.zeros((len(chances), zones, zones))
        status = np.zeros((len(chances), zones, zones), np.uint8)
        for i, rng in enumerate(chances):
            sensor = TofSensor(self.zones, ambient=float(self.ambient[which[i]]))
            panes = glass[i : i + 1] if np.isfinite(glass[i]).any() else None
            found = sensor.measure(depth[i : i + 1], camera, grey[i : i + 1], rng=rng, glass_m=panes)
            distances[i], status[i] = found.distances_m[0], found.status[0]
        return distances, status, np.isin(status, list(STATUS_CONFIDENCE)) & (distances > 0.0)


@dataclass(frozen=True)
class PerfectEye:
    """A camera with perfect depth, which sees glass, too. Rate, delay and field of view are those of the others."""

    def look(self, bodies: Bodies, state: RobotState, chances: Chances, which: np.ndarray) -> Sight:
        """As of `Eye`."""
        hits = seen_by_camera(bodies, state, _CAMERA)
        depth = np.minimum(hits.way, hits.glass)
        return _sight_of_camera(depth, np.isfinite(depth), state, chances)


@dataclass(frozen=True)
class StereoEye:
    """A small stereo camera: disparity with noise and holes; glass is not seen.

    Args:
        focal_px: Of the images that are matched.
        baseline_m: Between its cameras.
        noise_px: Standard deviation of the disparity.
        holes: Share of cells without a match, in patches.
        least_px: Smallest disparity that counts.
    """

    focal_px: float = 277.0
    baseline_m: float = 0.06
    noise_px: float = 0.3
    holes: float = 0.08
    least_px: float = 1.5

    def look(self, bodies: Bodies, state: RobotState, chances: Chances, which: np.ndarray) -> Sight:
        """As of `Eye`."""
        depth = seen_by_camera(bodies, state, _CAMERA).way
        factor = self.focal_px * self.baseline_m
        noise = np.zeros(depth.shape)
        for i, rng in enumerate(chances):
            noise[i] = rng.normal(size=depth.shape[1])
        disparity = factor / np.maximum(depth, 0.1) + self.noise_px * noise
        patches = np.stack([rng.random((_CAMERA.height // 4, _CAMERA.width // 4)) for rng in chances]) < self.holes
        holes = patches.repeat(4, axis=1).repeat(4, axis=2).reshape(depth.shape)
        valid = np.isfinite(depth) & (disparity >= self.least_px) & ~holes
        found = factor / np.where(valid, disparity, 1.0)
        return _sight_of_camera(found, valid, state, chances)


@dataclass(frozen=True, eq=False)
class FusedEye:
    """Zones of time of flight, and learned depth of a camera that takes its scale from them, by a model of its error.

    Learned depth is the true depth times a factor that varies smoothly over the image and slowly over time. It keeps
    edges, and does not see glass. The camera adds obstacles, but only zones say what is free: they may see glass.

    Args:
        tof: The zones.
        error: Standard deviation of the logarithm of the factor.
        seconds: After which the factor is another one.
        every: Frames of the zones for each image of the camera.
    """

    tof: TofEye
    error: float = 0.12
    seconds: float = 0.5
    every: int = 1
    _factors: dict[int, Float64[np.ndarray, "3 5"]] = field(default_factory=lambda: {}, repr=False)
    _frames: dict[int, int] = field(default_factory=lambda: {}, repr=False)

    def look(self, bodies: Bodies, state: RobotState, chances: Chances, which: np.ndarray) -> Sight:
        """As of `Eye`."""
        zones = self.tof.look(bodies, state, chances, which)
        depth = seen_by_camera(bodies, state, _CAMERA).way
        keep = float(np.exp(-1.0 / (15.0 * self.seconds)))
        fields: list[np.ndarray] = []
        shown = np.array([self._frames.get(number, 0) % self.every == 0 for number in which.tolist()])
        for number, rng in zip(which.tolist(), chances, strict=True):
            new = rng.normal(size=(3, 5))
            before = self._factors.get(number)
            now = new if before is None else keep * before + np.sqrt(1.0 - keep * keep) * new
            self._factors[number] = now
            self._frames[number] = self._frames.get(number, 0) + 1
            fields.append(_stretched(now, _CAMERA.height, _CAMERA.width).ravel())
        valid = np.isfinite(depth) & shown[:, None]
        learned = np.where(valid, depth, 0.0) * np.exp(self.error * np.stack(fields))
        seen = _sight_of_camera(learned, valid, state, chances)
        return zones.joined(replace(seen, free_m=np.zeros_like(seen.free_m)))


def _covering(zones: TofZones) -> Pinhole:
    """A camera whose image is the field of view of the zones."""
    focal = 0.5 * _TOF_PIXELS / float(zones.edges[-1])
    middle = 0.5 * (_TOF_PIXELS - 1)
    return Pinhole(focal, focal, middle, middle, _TOF_PIXELS, _TOF_PIXELS)


def _directions(camera: Pinhole) -> Float64[np.ndarray, "n 3"]:
    """Rays of all pixels with z = 1, row by row."""
    right = (np.arange(camera.width) - camera.center_x_px) / camera.focal_x_px
    down = (np.arange(camera.height) - camera.center_y_px) / camera.focal_y_px
    x, y = np.meshgrid(right, down)
    return np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1)


def seen_by_camera(bodies: Bodies, state: RobotState, camera: Pinhole) -> Hits:
    """Depth along the optical axis, reflectance and glass of all pixels."""
    level = level_rays(_directions(camera), state.roll_rad, state.pitch_rad)
    sine, cosine = np.sin(state.yaw_rad)[:, None], np.cos(state.yaw_rad)[:, None]
    x, y = level[..., 0], level[..., 1]
    rays = np.stack([cosine * x - sine * y, sine * x + cosine * y, level[..., 2]], axis=-1)
    return cast_rays(bodies, state.place_m, rays)


def believed_attitude(
    state: RobotState, chances: Chances
) -> tuple[Float64[np.ndarray, " b"], Float64[np.ndarray, " b"]]:
    """Roll and pitch as the robots estimate them."""
    errors = np.stack([rng.normal(size=2) for rng in chances]) * _ATTITUDE_RAD
    return state.roll_rad + errors[:, 0], state.pitch_rad + errors[:, 1]


def _sight_of_camera(
    depth: Float[np.ndarray, "b n"], valid: Bool[np.ndarray, "b n"], state: RobotState, chances: Chances
) -> Sight:
    shape = (len(chances), _CAMERA.height, _CAMERA.width)
    return sight_of_images(depth.reshape(shape), valid.reshape(shape), _CAMERA, *believed_attitude(state, chances))


def _stretched(coarse: Float[np.ndarray, "r c"], height: int, width: int) -> Float64[np.ndarray, "h w"]:
    """A coarse grid over the image, linear between its points."""
    down, across = _linear(coarse.shape[0], height), _linear(coarse.shape[1], width)
    return down @ coarse @ across.T


def _linear(points: int, size: int) -> Float64[np.ndarray, "s p"]:
    """Weights of points at equal distances for places between them: the first and the last place are points."""
    place = np.linspace(0.0, points - 1.0, size)
    return np.maximum(1.0 - np.abs(place[:, None] - np.arange(points)[None]), 0.0)
