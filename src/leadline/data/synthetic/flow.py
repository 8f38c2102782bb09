"""Pairs of frames of moving scenes, with exact motion in both directions, occlusion, depth and identities."""

from dataclasses import asdict, dataclass, replace
from typing import Final, final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from leadline.data.synthetic.footage import Footage, known_flow, usable_view
from leadline.data.synthetic.motion import BendingMotion, MovingScene
from leadline.data.synthetic.motion_truth import Motion
from leadline.data.synthetic.moving_worlds import MovingWorlds, PathKind, World, draw_motion, draw_world, slowed
from leadline.data.synthetic.render import Camera, Hits, Renderer
from leadline.data.synthetic.sensor import SensorParams, apply_sensor, encode, exposure_gain, random_sensor
from leadline.data.synthetic.textures import TextureBank
from leadline.samples import FlowSample

_ATTEMPTS: Final = 12
_SHUTTERS: Final = (0.15, 0.6)
_BLUR_TAPS: Final = 7


@dataclass(frozen=True)
class FlowTruth:
    """All that is true of a pair of frames.

    Attributes:
        forward: Motion of the first frame's pixels.
        backward: Motion of the second frame's pixels towards the first.
        depth: Metres along the optical axis in both frames; inf for the sky.
        bodies: Rigid body that each pixel shows, in both frames; -1 for the sky.
        moving: Where that body moves by itself, in both frames.
        cameras: The camera at both times.
    """

    forward: Motion
    backward: Motion
    depth: tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]
    bodies: tuple[Int32[np.ndarray, "h w"], Int32[np.ndarray, "h w"]]
    moving: tuple[Bool[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]
    cameras: tuple[Camera, Camera]


@dataclass(frozen=True)
class FlowNotes:
    """Parameters with which a pair of frames was rendered.

    Attributes:
        seed: Seed of the scene.
        world: Kind of world.
        path: Kind of camera path.
        attempt: Which try of the seed was usable.
        focal_px: Focal length.
        centre_px: Principal point (x, y).
        second_from_first: Camera pose of the second frame relative to the first, rows of a 3x4 matrix, metres.
        moving_bodies: How many bodies move by themselves; a limb that swings is a body of its own.
        bending_bodies: How many of them bend.
        moving_lights: How many lights move.
        readout: Share of a frame's time between the exposure of the first row and that of the last; 0 for all at once.
        shutter: Share of the time between the frames that the shutter is open; 0 for no motion blur.
        sensors: Parameters of the sensor in both frames, empty for a perfect one.
    """

    seed: int
    world: str
    path: str
    attempt: int
    focal_px: float
    centre_px: tuple[float, float]
    second_from_first: list[list[float]]
    moving_bodies: int
    bending_bodies: int
    moving_lights: int
    readout: float
    shutter: float
    sensors: list[dict[str, object]]


def render_flow(
    seed: int, size: tuple[int, int] = (320, 640), sensor: bool = True, worlds: MovingWorlds = "first"
) -> tuple[FlowSample, FlowTruth, FlowNotes]:
    """The pair of frames of a seed.

    Args:
        seed: Every choice follows from it.
        size: Height and width.
        sensor: Whether to add motion blur and the faults of real cameras.
        worlds: Which set of worlds it is drawn from.
    """
    drawn = draw_pair(seed, size, worlds)
    world, pair, rng = drawn.world, drawn.pair, drawn.rng
    moving = pair.moving
    truth = pair.truth()
    shutter = float(rng.uniform(*_SHUTTERS)) if sensor and rng.random() < 0.3 else 0.0
    sensors = _random_sensors(rng) if sensor else None
    frames = _frames(pair.colours(), truth, shutter, sensors, rng)
    notes = FlowNotes(
        seed,
        world.scene.name,
        drawn.path,
        drawn.attempt,
        world.camera.focal_px,
        world.camera.centre_px,
        relative_pose(*truth.cameras),
        len(moving.bodies),
        sum(isinstance(motion, BendingMotion) for motion in moving.bodies.values()),
        len(moving.lights),
        moving.readout,
        shutter,
        [asdict(s) for s in sensors] if sensors else [],
    )
    return _sample(f"{seed:08d}", frames, truth), truth, notes


@final
class FramePair:
    """A moving scene seen at the times 0 and 1.

    Args:
        moving: The scene.
        bank: The tiles.
        first: Renderer of the scene at time 0, if there is one.
        hits: What the camera sees at time 0, likewise.
    """

    def __init__(
        self, moving: MovingScene, bank: TextureBank, first: Renderer | None = None, hits: Hits | None = None
    ) -> None:
        self.moving = moving
        self.footage = Footage(moving, bank, (0.0, 1.0), first, hits)
        self.forward = self.footage.motion(0, 1)

    @property
    def tame(self) -> bool:
        """Whether the motion is small enough to be learned from, and the second view is not against something."""
        return self.footage.usable_after(1, self.forward)

    def truth(self) -> FlowTruth:
        """All that is true of the pair."""
        footage = self.footage
        return FlowTruth(
            self.forward,
            footage.motion(1, 0),
            (footage.depth(0), footage.depth(1)),
            (footage.bodies(0), footage.bodies(1)),
            (footage.shows_moving(0), footage.shows_moving(1)),
            (footage.cameras[0], footage.cameras[1]),
        )

    def colours(self) -> list[Float32[np.ndarray, "h w 3"]]:
        """Linear radiance of both frames."""
        return self.footage.colours()


@dataclass(frozen=True)
class DrawnPair:
    """A moving world of a seed that two frames can be taken of.

    Attributes:
        world: The world.
        pair: Its two times.
        path: Kind of camera path.
        attempt: Which try of the seed was usable.
        rng: Where further chance comes from.
    """

    world: World
    pair: FramePair
    path: PathKind
    attempt: int
    rng: np.random.Generator


def draw_pair(seed: int, size: tuple[int, int], worlds: MovingWorlds = "first") -> DrawnPair:
    """The moving world of a seed: the first try whose views and motions are usable.

    Args:
        seed: Every choice follows from it.
        size: Height and width.
        worlds: Which set of worlds it is drawn from.
    """
    for attempt in range(_ATTEMPTS):
        world = draw_world(seed, attempt, size, worlds)
        rng = np.random.Generator(np.random.PCG64([seed, attempt, 5]))
        renderer = Renderer(world.scene, world.bank)
        hits = renderer.geometry(world.camera)
        if not usable_view(world.scene, hits):
            continue
        moving, kind = draw_motion(world, renderer, hits, rng, worlds)
        for _ in range(3):
            # Rows that are exposed one after the other see something else.
            seen = hits if moving.readout == 0 else None
            pair = FramePair(moving, world.bank, renderer, seen)
            if pair.tame:
                break
            moving = slowed(moving, 0.5)
        if pair.tame:
            return DrawnPair(world, pair, kind, attempt, rng)
    raise AssertionError(
        f"none of {_ATTEMPTS} worlds of seed {seed} is usable"
    )  # pragma: no cover - next to impossible


def _random_sensors(rng: np.random.Generator) -> list[SensorParams]:
    """One camera for both frames; in one pair of five its exposure and colours drift a little."""
    first = random_sensor(rng)
    if rng.random() > 0.2:
        return [first, first]
    drift = replace(
        first,
        exposure_stops=first.exposure_stops + float(rng.normal(0, 0.15)),
        gamma=first.gamma * float(np.exp(rng.normal(0, 0.03))),
    )
    return [first, drift]


def _frames(
    colours: list[Float32[np.ndarray, "h w 3"]],
    truth: FlowTruth,
    shutter: float,
    sensors: list[SensorParams] | None,
    rng: np.random.Generator,
) -> list[UInt8[np.ndarray, "h w 3"]]:
    gain = exposure_gain(colours[0], float(rng.uniform(0.36, 0.55)))
    colours = [c * gain for c in colours]
    if shutter > 0:
        motions = (truth.forward.flow, -truth.backward.flow)
        colours = [motion_blur(c, m, shutter) for c, m in zip(colours, motions, strict=True)]
    if sensors is None:
        return [encode(c) for c in colours]
    return [apply_sensor(c, s, rng) for c, s in zip(colours, sensors, strict=True)]


def motion_blur(
    colour: Float32[np.ndarray, "h w 3"], flow: Float32[np.ndarray, "h w 2"], shutter: float
) -> Float32[np.ndarray, "h w 3"]:
    """The image smeared along its motion, centred on the frame's time: each pixel gathers along its own path.

    Args:
        colour: Linear radiance.
        flow: Motion to the next frame, px.
        shutter: Share of that motion during which the shutter is open.
    Example:
        >>> bar = np.zeros((1, 101, 3), np.float32)
        >>> bar[:, 50] = 1.0
        >>> blurred = motion_blur(bar, np.broadcast_to(np.float32([10.0, 0.0]), (1, 101, 2)).copy(), shutter=0.5)
        >>> bool(blurred[0, 50, 0] < 0.5), np.flatnonzero(blurred[0, :, 0] > 0).tolist()
        (True, [47, 48, 49, 50, 51, 52, 53])
    """
    rows, columns = np.indices(flow.shape[:2], np.float32)
    # Beyond this length a few taps would show as ghosts.
    longest = np.maximum(np.hypot(flow[..., 0], flow[..., 1]) * shutter / (2.5 * _BLUR_TAPS), 1.0)
    u, v = (flow[..., k] * np.float32(shutter) / longest for k in (0, 1))
    total = np.zeros_like(colour)
    for place in np.linspace(-0.5, 0.5, _BLUR_TAPS, dtype=np.float32):
        total += cv2.remap(
            colour, columns + place * u, rows + place * v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return total / np.float32(_BLUR_TAPS)


def relative_pose(first: Camera, second: Camera) -> list[list[float]]:
    """Rows of the 3x4 matrix that takes a point of the first camera's frame into the second's, metres."""
    rotation = second.world_from_camera.T.astype(np.float64) @ first.world_from_camera.astype(np.float64)
    moved = first.position_m.astype(np.float64) - second.position_m.astype(np.float64)
    shift = second.world_from_camera.T.astype(np.float64) @ moved
    return np.column_stack([rotation, shift]).tolist()


def _sample(key: str, frames: list[UInt8[np.ndarray, "h w 3"]], truth: FlowTruth) -> FlowSample:
    forward, backward = truth.forward, truth.backward
    maps = known_flow(forward), known_flow(backward)
    return FlowSample(key, frames[0], frames[1], maps[0], forward.occluded, maps[1], backward.occluded)
