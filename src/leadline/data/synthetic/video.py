"""Sequences of frames of rendered worlds, of one camera or a stereo pair, with all that is true of them."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from leadline.data.synthetic.footage import Footage, draw_baseline_m, known_flow, usable_view
from leadline.data.synthetic.mono import known_depth
from leadline.data.synthetic.motion import MovingScene, SwayingMotion
from leadline.data.synthetic.moving_worlds import (
    PathKind,
    PathLimits,
    World,
    draw_bodies,
    draw_path,
    draw_world,
    log_uniform,
    slowed,
)
from leadline.data.synthetic.render import Camera, Hits, Renderer
from leadline.data.synthetic.sensor import apply_sensor, encode, exposure_gain, random_sensor, random_sensor_pair
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.samples import SequenceSample

Objects = Literal["still", "moving"]
"""Whether bodies move by themselves."""
Views = Literal["mono", "stereo"]

_ATTEMPTS: Final = 24
_SLOWER: Final = (1.0, 0.6, 0.36)
#: Fast enough for depth to show, slow enough for a network to find the motion from nothing.
_LIMITS: Final = PathLimits(
    {"hand": (6.0, 36.0), "drone": (6.0, 36.0), "car": (8.0, 48.0)},
    {"hand": (0.3, 14.0), "drone": (0.3, 14.0), "car": (0.1, 8.0)},
    0.0,
)
_PATH_KINDS: Final[tuple[PathKind, ...]] = ("hand", "drone", "car")
_PATH_SHARES: Final = (0.5, 0.4, 0.1)
"""How often each is drawn but on a street, where it is always that of a car."""
_SWAY: Final = (0.2, 0.8)
"""Range of the share by which speed and direction change."""
_SWAY_FRAMES: Final = (5.0, 16.0)
_BODY_PX: Final = (4.0, 40.0)
_BODY_SHARE: Final = (0.1, 0.5)
_SHOWN: Final = (0.02, 0.4)
"""Share of the pixels that moving bodies take."""


@dataclass(frozen=True)
class VideoNotes:
    """Parameters with which a sequence was rendered.

    Attributes:
        seed: Seed of the scene.
        world: Kind of world.
        path: Kind of camera path.
        attempt: Which try of the seed was usable.
        objects: Whether bodies move by themselves.
        moving_bodies: How many do.
        sensors: Parameters of each camera's sensor, empty for perfect ones.
    """

    seed: int
    world: str
    path: str
    attempt: int
    objects: Objects
    moving_bodies: int
    sensors: list[dict[str, object]]


def render_video(
    seed: int,
    size: tuple[int, int] = (160, 480),
    frames: int = 3,
    objects: Objects = "still",
    views: Views = "mono",
    sensor: bool = True,
) -> tuple[SequenceSample, VideoNotes]:
    """The frames of a seed, in the order of time.

    Args:
        seed: Every choice follows from it.
        size: Height and width.
        frames: How many, at least 2.
        objects: Whether only the camera moves, or bodies as well.
        views: Whether there is a right view of each frame.
        sensor: Whether to add the faults of real cameras.
    """
    world, path, attempt, footage, rng = draw_footage(seed, size, frames, objects)
    baseline_m = draw_baseline_m(footage, rng) if views == "stereo" else None
    colours = [footage.colours()]
    if baseline_m is not None:
        colours.append(footage.right_colours(baseline_m))
    images, sensors = _images(colours, sensor, rng)
    bodies = len(footage.moving.bodies)
    notes = VideoNotes(seed, world.scene.name, path, attempt, objects, bodies, sensors)
    return _sample(f"{seed:08d}", images, footage, baseline_m), notes


def draw_footage(
    seed: int, size: tuple[int, int], frames: int, objects: Objects
) -> tuple[World, PathKind, int, Footage, np.random.Generator]:
    """The first try of a seed whose views and motions are usable.

    Args:
        seed: Every choice follows from it.
        size: Height and width.
        frames: How many, at least 2.
        objects: Whether only the camera moves, or bodies as well.
    Returns:
        The world, the kind of camera path, the number of the try, the footage, and the randomness that goes on.
    """
    for attempt in range(_ATTEMPTS):
        world = draw_world(seed, attempt, size)
        rng = np.random.Generator(np.random.PCG64([seed, attempt, 7]))
        renderer = Renderer(world.scene, world.bank)
        hits = renderer.geometry(world.camera)
        if not usable_view(world.scene, hits):
            continue
        bodies = draw_bodies(world, rng, float(rng.uniform(*_BODY_SHARE)), _BODY_PX) if objects == "moving" else {}
        drawn = _PATH_KINDS[int(rng.choice(len(_PATH_KINDS), p=_PATH_SHARES))]
        kind: PathKind = "car" if world.kind == "drive" else drawn
        moving = MovingScene(world.scene, world.camera, _draw_path(world.camera, hits, kind, rng), bodies)
        for share in _SLOWER:
            footage = _usable(slowed(moving, share), world, frames, renderer, hits)
            if footage is not None and (objects == "still" or _shows_enough(footage)):
                return world, kind, attempt, footage, rng
    raise AssertionError(
        f"none of {_ATTEMPTS} worlds of seed {seed} is usable"
    )  # pragma: no cover - next to impossible


def _draw_path(camera: Camera, hits: Hits, kind: PathKind, rng: np.random.Generator) -> SwayingMotion:
    even = draw_path(camera, hits, kind, rng, _LIMITS)
    period = log_uniform(rng, _SWAY_FRAMES)
    # The velocity of a sway is 2 pi / period times its amplitude.
    level = float(rng.uniform(*_SWAY)) * period / (2 * np.pi)
    side = rng.normal(0, 1, 3) * ((0.3, 0.1, 1.0) if kind == "car" else (1.0, 1.0, 1.0))
    side = camera.world_from_camera.astype(np.float64) @ (side / max(float(np.linalg.norm(side)), 1e-9))
    sway_m = level * float(np.linalg.norm(even.velocity_m)) * side
    return SwayingMotion(even, sway_m, level * even.spin_rad * rng.uniform(-1, 1), period, rng.uniform(0, 2 * np.pi))


def _usable(moving: MovingScene, world: World, frames: int, renderer: Renderer, hits: Hits) -> Footage | None:
    """The footage, if nothing is in the camera's way and each frame shows enough of the one before."""
    cameras = [moving.camera_at(float(time)) for time in range(frames)]
    for before, after in pairwise(cameras):
        ahead = after.position_m + 0.6 * (after.position_m - before.position_m)
        if np.any(ahead != before.position_m) and renderer.blocked(before.position_m, ahead):
            return None
    footage = Footage(moving, world.bank, [float(time) for time in range(frames)], renderer, hits)
    if not all(usable_view(world.scene, each) for each in footage.hits):
        return None
    usable = all(footage.usable_after(frame, footage.motion(frame - 1, frame)) for frame in range(1, frames))
    return footage if usable else None


def _shows_enough(footage: Footage) -> bool:
    shares = [float(footage.shows_moving(frame).mean()) for frame in range(len(footage.times))]
    return min(shares) > _SHOWN[0] and max(shares) < _SHOWN[1]


def _images(
    colours: list[list[Float32[np.ndarray, "h w 3"]]], sensor: bool, rng: np.random.Generator
) -> tuple[list[list[UInt8[np.ndarray, "h w 3"]]], list[dict[str, object]]]:
    """Images of each camera; it keeps its sensor, and all keep their exposure."""
    gain = exposure_gain(colours[0][0], float(rng.uniform(0.36, 0.55)))
    if not sensor:
        return [[encode(colour * gain) for colour in view] for view in colours], []
    sensors = [random_sensor(rng)] if len(colours) == 1 else list(random_sensor_pair(rng))
    images = [
        [apply_sensor(colour * gain, own, rng) for colour in view] for view, own in zip(colours, sensors, strict=True)
    ]
    return images, [asdict(own) for own in sensors]


def _sample(
    key: str, images: list[list[UInt8[np.ndarray, "h w 3"]]], footage: Footage, baseline_m: float | None
) -> SequenceSample:
    camera, count = footage.cameras[0], len(footage.times)
    forward = [footage.motion(frame, frame + 1) for frame in range(count - 1)]
    backward = [footage.motion(frame + 1, frame) for frame in range(count - 1)]
    return SequenceSample(
        key,
        tuple(images[0]),
        Pinhole(camera.focal_px, camera.focal_px, *camera.centre_px, *camera.size),
        rights=tuple(images[1]) if baseline_m is not None else (),
        baseline_m=baseline_m,
        depths=tuple(DepthMap(*known_depth(footage.depth(frame)), "metric") for frame in range(count)),
        first_from_frame=camera_poses(footage.cameras),
        forward=tuple(map(known_flow, forward)),
        backward=tuple(map(known_flow, backward)),
        hidden_after=tuple(each.occluded for each in forward),
        hidden_before=tuple(each.occluded for each in backward),
        moving=tuple(footage.shows_moving(frame) for frame in range(count)),
    )


def camera_poses(cameras: tuple[Camera, ...]) -> Float64[np.ndarray, "n 4 4"]:
    """Where each camera stands, in the frame of the first one.

    Args:
        cameras: Of a moving scene.
    """
    poses = np.tile(np.eye(4), (len(cameras), 1, 1))
    first = cameras[0].world_from_camera.T.astype(np.float64)
    for pose, camera in zip(poses, cameras, strict=True):
        pose[:3, :3] = first @ camera.world_from_camera.astype(np.float64)
        pose[:3, 3] = first @ (camera.position_m.astype(np.float64) - cameras[0].position_m.astype(np.float64))
    return poses
