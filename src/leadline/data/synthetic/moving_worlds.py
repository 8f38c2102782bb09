"""Worlds in motion: those of stereo pairs and of single images, with a drawn camera path and drawn moving bodies."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from jaxtyping import Float64

from leadline.data.synthetic.further_motions import slow_body, slow_rigid, with_further_motions
from leadline.data.synthetic.mono_worlds import random_mono_scene
from leadline.data.synthetic.motion import MovingScene, RigidMotion, SwayingMotion
from leadline.data.synthetic.outdoors import street
from leadline.data.synthetic.render import Camera, Hits, Renderer
from leadline.data.synthetic.scene import Scene
from leadline.data.synthetic.stereo_worlds import further_scene
from leadline.data.synthetic.textures import TextureBank, household_bank, texture_bank
from leadline.data.synthetic.worlds import random_scene

PathKind = Literal["still", "hand", "drone", "car"]
MovingWorlds = Literal["first", "further"]
"""Sets of worlds: in the first ones rigid bodies move; in further ones, whose stereo worlds are the further ones, limbs
swing and bodies bend as well, lights move, and rolling shutters expose row after row."""

#: Kind of world and how often it is drawn.
_WORLDS: Final = (("stereo", 0.5), ("mono", 0.22), ("drive", 0.28))
#: How often a camera path is drawn, of a car on a street and of any other camera.
_PATHS: Final = {"drive": (0.1, 0.1, 0.0, 0.8), "other": (0.18, 0.44, 0.3, 0.08)}
_PATH_KINDS: Final[tuple[PathKind, ...]] = ("still", "hand", "drone", "car")


@dataclass(frozen=True)
class PathLimits:
    """How fast the camera moves from frame to frame.

    Attributes:
        shift_px: Range of the 95th percentile of the motion that the camera's shift causes, px of an image 640 wide.
        turn_px: Range of the motion that the camera's turn causes at the image's centre, likewise.
        turns_alone: Share of the paths, but for those of a car, that have no shift.
    """

    shift_px: dict[PathKind, tuple[float, float]]
    turn_px: dict[PathKind, tuple[float, float]]
    turns_alone: float


_FLOW_LIMITS: Final = PathLimits(
    {"hand": (0.4, 45.0), "drone": (1.0, 90.0), "car": (8.0, 130.0)},
    {"hand": (0.3, 40.0), "drone": (0.3, 40.0), "car": (0.1, 25.0)},
    0.1,
)
#: Range of the motion of a body at its centre, and at its rim as it turns, likewise.
_BODY_PX: Final = (0.4, 60.0)
_BODY_TURN_PX: Final = (0.2, 15.0)
_MOST_TURN_RAD: Final = 0.5
#: Largest body that moves: radius over distance where the scale is free, and metres where it is not. Larger ones are
#: grounds, houses, or pieces of walls that show no texture to see a motion by.
_LARGEST_SHARE: Final = 0.6
_LARGEST_M: Final = {"street": 3.2, "landscape": 3.2}
_LARGEST_INDOORS_M: Final = 0.9


@dataclass(frozen=True)
class World:
    """A scene before anything moves.

    Attributes:
        kind: stereo, mono or drive: whose scene it is.
        scene: The scene.
        bank: The tiles of its materials.
        camera: The camera at time 0.
    """

    kind: str
    scene: Scene
    bank: TextureBank
    camera: Camera


def draw_world(seed: int, attempt: int, size: tuple[int, int], worlds: MovingWorlds = "first") -> World:
    """The world of a seed; a stereo or mono world is that of the same seed's stereo pair or single image.

    Args:
        seed: Every choice follows from it.
        attempt: Another world of the same seed, for when one turned out unusable.
        size: Height and width of the frames.
        worlds: Which set of worlds the stereo ones are drawn from.
    """
    rng = np.random.Generator(np.random.PCG64([seed, attempt, 4]))
    weights = np.array([w for _, w in _WORLDS])
    kind = _WORLDS[int(rng.choice(len(_WORLDS), p=weights))][0]
    bank = texture_bank() if kind == "stereo" and worlds == "first" else household_bank()
    if kind == "stereo":
        layout = random_scene if worlds == "first" else further_scene
        scene = layout(seed, bank, size[0] / size[1], attempt)
    else:
        scene = random_mono_scene(seed, bank, attempt) if kind == "mono" else street(rng, bank)
    height, width = size
    focal = 0.5 * width / np.tan(0.5 * scene.hfov_rad)
    centre = ((width - 1) / 2, (height - 1) / 2)
    camera = Camera(size, float(focal), centre, scene.world_from_camera, np.zeros(3, np.float32))
    return World(kind, scene, bank, camera)


def draw_motion(
    world: World, renderer: Renderer, hits: Hits, rng: np.random.Generator, worlds: MovingWorlds = "first"
) -> tuple[MovingScene, PathKind]:
    """Draws how camera and bodies move, at speeds that give motions of a drawn size in the image.

    Args:
        world: The world.
        renderer: Of its scene.
        hits: What the camera sees at time 0.
        rng: Where chance comes from.
        worlds: Which set of worlds it belongs to.
    Returns:
        The moving scene, and the kind of its camera path.
    """
    weights = np.array(_PATHS["drive" if world.kind == "drive" else "other"])
    kind = _PATH_KINDS[int(rng.choice(len(_PATH_KINDS), p=weights))]
    path = draw_path(world.camera, hits, kind, rng, _FLOW_LIMITS)
    for _ in range(4):
        end = (world.camera.position_m + 1.6 * path.velocity_m).astype(np.float32)
        if not np.any(path.velocity_m) or not renderer.blocked(world.camera.position_m, end):
            break
        path = RigidMotion(path.centre_m, 0.5 * path.velocity_m, path.spin_rad)
    moving = MovingScene(world.scene, world.camera, path, _draw_bodies(world, rng))
    return (moving if worlds == "first" else with_further_motions(moving, rng)), kind


def slowed(moving: MovingScene, share: float) -> MovingScene:
    """The same motion at a share of its speed."""
    bodies = {body: slow_body(motion, share) for body, motion in moving.bodies.items()}
    return replace(moving, path=_slow_path(moving.path, share), bodies=bodies)


def _slow_path(path: RigidMotion | SwayingMotion, share: float) -> RigidMotion | SwayingMotion:
    if isinstance(path, RigidMotion):
        return slow_rigid(path, share)
    return replace(path, even=slow_rigid(path.even, share), sway_m=share * path.sway_m, sway_rad=share * path.sway_rad)


def log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    """A number whose logarithm is spread evenly."""
    return float(np.exp(rng.uniform(*np.log(bounds))))


def draw_path(camera: Camera, hits: Hits, kind: PathKind, rng: np.random.Generator, limits: PathLimits) -> RigidMotion:
    """Draws an even motion of the camera.

    Args:
        camera: At time 0.
        hits: What it sees then.
        kind: Kind of path.
        rng: Where chance comes from.
        limits: How fast it is.
    """
    if kind == "still":
        return RigidMotion(np.zeros(3), np.zeros(3), np.zeros(3))
    scale = camera.size[1] / 640
    turn = np.zeros(3)
    if rng.random() < 0.8:
        pixels = log_uniform(rng, limits.turn_px[kind]) * scale
        angle = rng.uniform(0, 2 * np.pi)
        level = np.array([0.25 if kind == "car" else 1.0, 1.0, 0.15 if kind == "car" else 0.5 * rng.random()])
        turn = pixels / camera.focal_px * level * np.array([np.sin(angle), np.cos(angle), rng.normal()])
    heading = rng.normal(0, 1, 3) * {"hand": (1, 1, 0.5), "drone": (1, 0.7, 1), "car": (0.04, 0.02, 0)}[kind]
    if kind == "car":
        heading[2] = 1.0 if rng.random() < 0.9 else -1.0
    heading /= max(float(np.linalg.norm(heading)), 1e-9)
    shift = log_uniform(rng, limits.shift_px[kind]) * scale
    speed = 0.0 if kind != "car" and rng.random() < limits.turns_alone else _speed(camera, hits, heading, shift)
    to_world = camera.world_from_camera.astype(np.float64)
    return RigidMotion(camera.position_m.astype(np.float64), speed * (to_world @ heading), to_world @ turn)


def _speed(camera: Camera, hits: Hits, heading: Float64[np.ndarray, "3"], wanted_px: float) -> float:
    """Metres a frame along a heading in the camera's frame, so that the faster pixels move as far as wanted."""
    seen = np.flatnonzero(hits.face[::17] >= 0) * 17
    if not len(seen):
        return 0.0
    rows, columns = np.divmod(seen, camera.size[1])
    depth = hits.depth[seen].astype(np.float64)
    a, b = (columns - camera.centre_px[0]) / camera.focal_px, (rows - camera.centre_px[1]) / camera.focal_px
    moved = np.hypot(heading[0] - heading[2] * a, heading[1] - heading[2] * b) * camera.focal_px / depth
    # Slow enough never to run into what is nearest.
    nearest = float(np.quantile(depth, 0.005))
    return min(wanted_px / max(float(np.quantile(moved, 0.95)), 1e-9), 0.6 * nearest / max(abs(heading[2]), 0.05))


def _draw_bodies(world: World, rng: np.random.Generator) -> dict[int, RigidMotion]:
    share = 0.0 if rng.random() < 0.25 else float(rng.uniform(0.05, 0.9 if world.kind == "stereo" else 0.5))
    return {} if share == 0.0 else draw_bodies(world, rng, share, _BODY_PX)


def draw_bodies(
    world: World, rng: np.random.Generator, share: float, shift_px: tuple[float, float]
) -> dict[int, RigidMotion]:
    """Draws how bodies move by themselves.

    Args:
        world: The world.
        rng: Where chance comes from.
        share: Share of the bodies that move, out of those that may: large and far ones stand still.
        shift_px: Range of their motion from frame to frame at their centres, px of an image 640 wide.
    """
    camera, scene = world.camera, world.scene
    forward = camera.world_from_camera[:, 2].astype(np.float64)
    motions: dict[int, RigidMotion] = {}
    for body, centre, radius in _extents(scene):
        away = float(np.linalg.norm(centre))
        free = world.kind == "stereo"
        largest = _LARGEST_SHARE * away if free else min(_LARGEST_M.get(scene.name, _LARGEST_INDOORS_M), 0.8 * away)
        depth = float(centre @ forward)
        if rng.random() > share or radius > largest or depth <= 0.5 * radius:
            continue
        pixel_m = depth / camera.focal_px
        motions[body] = _draw_body(rng, centre, radius, pixel_m, camera.size[1] / 640, world.kind, shift_px)
    return motions


def _draw_body(
    rng: np.random.Generator,
    centre: Float64[np.ndarray, "3"],
    radius: float,
    pixel_m: float,
    scale: float,
    kind: str,
    shift_px: tuple[float, float],
) -> RigidMotion:
    grounded = kind != "stereo" and rng.random() < 0.8
    heading = rng.normal(0, 1, 3) * ((1, 0, 1) if grounded else (1, 1, 0.7))
    heading /= max(float(np.linalg.norm(heading)), 1e-9)
    velocity = heading * log_uniform(rng, shift_px) * scale * pixel_m * (rng.random() < 0.85)
    spin = np.zeros(3)
    if rng.random() < 0.6:
        axis = np.array([0.0, rng.choice([-1.0, 1.0]), 0.0]) if grounded else rng.normal(0, 1, 3)
        angle = min(log_uniform(rng, _BODY_TURN_PX) * scale * pixel_m / radius, _MOST_TURN_RAD)
        spin = axis / np.linalg.norm(axis) * angle
    return RigidMotion(centre, velocity, spin)


def _extents(scene: Scene) -> list[tuple[int, Float64[np.ndarray, "3"], float]]:
    """Number, middle and radius of each body."""
    body = scene.bodies[scene.face_chart // 3]
    order = np.argsort(body, kind="stable")
    starts = np.flatnonzero(np.diff(body[order], prepend=-1))
    corners = scene.vertices[scene.faces[order]]
    low = np.minimum.reduceat(corners.min(axis=1), starts).astype(np.float64)
    high = np.maximum.reduceat(corners.max(axis=1), starts).astype(np.float64)
    radii = 0.5 * np.linalg.norm(high - low, axis=1)
    return [
        (int(number), middle, float(max(radius, 1e-6)))
        for number, middle, radius in zip(body[order][starts], 0.5 * (low + high), radii, strict=True)
    ]
