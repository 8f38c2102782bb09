"""The kinds of world: rooms, streets, tables, terrain, clutter. Each is laid out from a random generator."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from leadline.data.synthetic import shapes
from leadline.data.synthetic.scene import (
    Air,
    Assembly,
    Light,
    Scene,
    random_material,
    random_rotation,
    rotation_matrix,
)
from leadline.data.synthetic.textures import TextureBank

DISPARITY_RANGE_PX = (8.0, 190.0)


@dataclass(frozen=True)
class Stage:
    """State that the layout functions share.

    Attributes:
        rng: Where chance comes from.
        bank: The tiles.
        parts: The objects so far.
        half_width: Tangent of half the horizontal field of view.
        half_height: Tangent of half the vertical field of view.
        near_m: Nearest depth at which objects are put.
        far_m: Farthest such depth.
        floor_m: Height of the camera over the floor.
    """

    rng: np.random.Generator
    bank: TextureBank
    parts: Assembly
    half_width: float
    half_height: float
    near_m: float
    far_m: float
    floor_m: float

    def metres_per_px(self, depth_m: float) -> float:
        """Size of a pixel at a depth, for an image 640 wide."""
        return depth_m * 2 * self.half_width / 640

    def depth(self) -> float:
        """A depth whose inverse is spread evenly, with more of the far ones."""
        share = self.rng.random() ** 1.2
        return 1.0 / (share / self.near_m + (1 - share) / self.far_m)


def _plane(
    stage: Stage,
    centre: np.ndarray,
    rotation: np.ndarray,
    size_m: tuple[float, float],
    pixel_m: float,
    kind: str = "",
    relief_m: float = 0.0,
) -> None:
    mesh = shapes.boxes(np.zeros((1, 3)), np.ones((1, 3)))
    scale = np.array([size_m[0], size_m[1], 1e-3])
    if relief_m > 0.0:
        mesh = shapes.sheet(stage.rng, steps=int(stage.rng.integers(30, 110)), height=1.0, roughness=1.0)
        scale[2] = relief_m
    stage.parts.add(mesh, rotation, scale, centre, random_material(stage.rng, stage.bank, pixel_m, kind))


_LEVEL = rotation_matrix(0.0, np.pi / 2, 0.0)
_SIDE = rotation_matrix(np.pi / 2, 0.0, 0.0)


def _floor(stage: Stage, relief_m: float = 0.0, reach_m: float | None = None) -> None:
    reach = 6 * stage.far_m if reach_m is None else reach_m
    pixel = stage.metres_per_px(stage.floor_m * stage.rng.uniform(1.5, 4))
    _plane(stage, np.array([0, stage.floor_m, reach * 0.4]), _LEVEL, (2 * reach, 2 * reach), pixel, "", relief_m)


def _backdrop(stage: Stage, depth_m: float) -> None:
    """One big wall across the view: straight, slanted or bumpy."""
    rng = stage.rng
    rotation = rotation_matrix(rng.normal(0, 0.35), rng.normal(0, 0.12), 0.0)
    relief = depth_m * rng.uniform(0.05, 0.3) if rng.random() < 0.4 else 0.0
    width = 6 * depth_m * max(stage.half_width, 0.6)
    kind = "photo" if rng.random() < 0.3 else ""
    _plane(stage, np.array([0, 0, depth_m]), rotation, (width, width), stage.metres_per_px(depth_m), kind, relief)


def _object(stage: Stage, grounded: bool, depth_m: float | None = None) -> None:
    """Put one random thing somewhere in view."""
    rng = stage.rng
    z = stage.depth() if depth_m is None else depth_m
    mesh = shapes.random_mesh(rng)
    # Near things are somewhat larger in the image, but never all of it.
    share = np.exp(rng.uniform(np.log(0.05), np.log(0.45))) * (0.6 + 0.5 * stage.near_m / z)
    size = 2 * stage.half_width * z * share
    scale = size * np.exp(rng.normal(0, 0.25, 3))
    x = z * stage.half_width * rng.uniform(-1.15, 1.15)
    y = z * stage.half_height * rng.uniform(-1.1, 1.1)
    if grounded:
        rotation = rotation_matrix(rng.uniform(0, 2 * np.pi), 0.0, 0.0)
        if rng.random() < 0.15:
            rotation = rotation @ rotation_matrix(0.0, rng.normal(0, 0.5), np.pi / 2)
        foot = float(((mesh.vertices * scale) @ rotation.T)[:, 1].max())
        y = stage.floor_m - foot
    else:
        rotation = random_rotation(rng)
    z = max(z, stage.near_m * 0.6 + 0.5 * float(scale.max()))
    look = random_material(rng, stage.bank, stage.metres_per_px(z))
    stage.parts.add(mesh, rotation, scale, np.array([x, y, z]), look)


def _objects(stage: Stage, low: int, high: int, grounded_share: float) -> None:
    for _ in range(int(stage.rng.integers(low, high))):
        _object(stage, bool(stage.rng.random() < grounded_share))


def _room(stage: Stage, long: bool = False) -> None:
    rng, far = stage.rng, stage.far_m
    side = stage.near_m * rng.uniform(1.3, 2.2) if long else far * stage.half_width * rng.uniform(0.7, 1.3)
    side = max(side, 1.2 * stage.near_m)
    ceiling = stage.floor_m * rng.uniform(0.8, 2.0)
    height, middle = stage.floor_m + ceiling, 0.5 * (stage.floor_m - ceiling)
    back = far * rng.uniform(1.0, 1.4)
    depth = 2 * (back + stage.near_m)
    z, pixel = back - depth / 2, stage.metres_per_px(0.6 * far)
    turn = rotation_matrix(0.0 if long else rng.normal(0, 0.2), 0.0, 0.0)
    walls = [
        ([0, middle, back], np.eye(3), (2 * side, height)),
        ([-side, middle, z], _SIDE, (depth, height)),
        ([side, middle, z], _SIDE, (depth, height)),
        ([0, stage.floor_m, z], _LEVEL, (2 * side, depth)),
        ([0, -ceiling, z], _LEVEL, (2 * side, depth)),
    ]
    for centre, rotation, size in walls:
        _plane(stage, turn @ np.array(centre), turn @ rotation, size, pixel * rng.uniform(0.5, 1.2))
    for _ in range(int(rng.integers(0, 7))):
        _hanging(stage, turn, side, back, middle, height)


def _hanging(stage: Stage, turn: np.ndarray, side: float, back: float, middle: float, height: float) -> None:
    """An image, board or shelf on a wall."""
    rng = stage.rng
    wall = int(rng.integers(3))
    y, size = middle + height * rng.uniform(-0.25, 0.25), height * rng.uniform(0.15, 0.5, 3)
    size[2] = height * rng.uniform(0.01, 0.15)
    along = back * rng.uniform(0.2, 0.9)
    place = ([side * rng.uniform(-0.8, 0.8), y, back], [-side, y, along], [side, y, along])[wall]
    look = random_material(rng, stage.bank, stage.metres_per_px(0.5 * back), "photo" if rng.random() < 0.6 else "")
    mesh = shapes.furniture(rng) if rng.random() < 0.25 else shapes.boxes(np.zeros((1, 3)), np.ones((1, 3)))
    stage.parts.add(mesh, turn @ (_SIDE if wall else np.eye(3)), size, turn @ np.array(place), look)


def room(stage: Stage) -> None:
    """A furnished room."""
    _room(stage)
    _objects(stage, 14, 36, 0.75)


def corridor(stage: Stage) -> None:
    """A long passage."""
    _room(stage, long=True)
    _objects(stage, 10, 28, 0.7)


def street(stage: Stage) -> None:
    """Ground, houses along both sides, things on the pavement, sky."""
    rng = stage.rng
    _floor(stage)
    for side in (-1, 1):
        z = -2 * stage.near_m
        edge = stage.near_m * rng.uniform(1.3, 3.0)
        while z < 2.5 * stage.far_m:
            length = stage.far_m * rng.uniform(0.12, 0.5)
            size = np.array([stage.far_m * 0.4, stage.floor_m * rng.uniform(2.5, 14), length])
            back = edge * rng.uniform(1.0, 1.5) + size[0] / 2
            centre = np.array([side * back, stage.floor_m - size[1] / 2, z + length / 2])
            look = random_material(
                rng, stage.bank, stage.metres_per_px(0.4 * stage.far_m) * 0.6, "facade" if rng.random() < 0.6 else ""
            )
            block = shapes.boxes(np.zeros((1, 3)), np.ones((1, 3)))
            stage.parts.add(block, np.eye(3), size * [1, 1, 0.98], centre, look)
            z += length * (1.0 if rng.random() < 0.7 else rng.uniform(1.1, 2.0))
    _objects(stage, 12, 36, 0.92)


def table(stage: Stage) -> None:
    """Many things on a surface before a wall."""
    _floor(stage)
    _backdrop(stage, stage.far_m * stage.rng.uniform(1.0, 1.5))
    _objects(stage, 16, 44, 0.8)


def terrain(stage: Stage) -> None:
    """Rough ground with plants and rocks, sky above."""
    rng = stage.rng
    _floor(stage, relief_m=stage.floor_m * rng.uniform(0.1, 0.8), reach_m=3 * stage.far_m)
    for _ in range(int(rng.integers(2, 14))):
        z = stage.depth() * rng.uniform(1.0, 2.0)
        look = random_material(rng, stage.bank, stage.metres_per_px(z))
        place = np.array([z * stage.half_width * rng.uniform(-1.2, 1.2), 0.0, z + stage.near_m])
        size = stage.floor_m * rng.uniform(0.5, 2.5)
        place[1] = stage.floor_m - size * rng.uniform(0.3, 1.0)
        stage.parts.add(shapes.leaves(rng, int(rng.integers(150, 700))), np.eye(3), np.full(3, size), place, look)
    _objects(stage, 8, 26, 0.85)


def clutter(stage: Stage) -> None:
    """Things floating everywhere before a wall or other things."""
    rng = stage.rng
    _backdrop(stage, stage.far_m * rng.uniform(1.0, 1.8))
    for _ in range(int(rng.integers(0, 30))):
        _object(stage, False, stage.far_m * rng.uniform(0.6, 1.0))
    _objects(stage, 10, 36, 0.0)


def open_sky(stage: Stage) -> None:
    """Things over flat ground with nothing behind."""
    _floor(stage)
    _objects(stage, 18, 48, 0.6)


LAYOUTS: tuple[tuple[Callable[[Stage], None], float], ...] = (
    (room, 0.2),
    (corridor, 0.08),
    (street, 0.17),
    (table, 0.2),
    (terrain, 0.12),
    (clutter, 0.15),
    (open_sky, 0.08),
)
_OUTDOORS = ("street", "terrain", "open_sky")


def _lights(rng: np.random.Generator, stage: Stage, outdoors: bool) -> tuple[Light, ...]:
    lights = []
    for i in range(1 if outdoors else int(rng.integers(1, 4))):
        tint = 1.0 - 0.3 * rng.random() * rng.random(3)
        strength = rng.uniform(0.5, 1.3) * (1.0 if i == 0 else 0.5)
        if outdoors or rng.random() < 0.35:
            place = np.array([rng.normal(0, 0.7), -rng.uniform(0.3, 1.5), -rng.normal(0.2, 0.6)])
            place, is_sun, reach = place / np.linalg.norm(place), True, 1.0
        else:
            z = stage.near_m * rng.uniform(0.0, 1.0) + 0.5 * stage.far_m * rng.random()
            place = np.array([rng.normal(0, 0.4) * stage.near_m, -0.7 * stage.floor_m * rng.uniform(0.3, 1.0), z])
            is_sun, reach = False, 0.7 * stage.far_m
        lights.append(
            Light(
                place.astype(np.float32),
                (tint * strength).astype(np.float32),
                is_sun,
                float(reach),
                float(rng.uniform(0.5, 4.0)),
            )
        )
    return tuple(lights)


def _air(rng: np.random.Generator, stage: Stage, outdoors: bool) -> Air:
    up = rng.uniform(0.25, 0.7) * (1.0 - 0.25 * rng.random(3))
    fog = rng.uniform(0.05, 1.2) / (2.0 * stage.far_m) if rng.random() < (0.4 if outdoors else 0.08) else 0.0
    grey = rng.uniform(0.4, 0.9)
    return Air(
        up.astype(np.float32),
        (up * rng.uniform(0.3, 0.9)).astype(np.float32),
        int(rng.choice(stage.bank.groups["sky"])),
        (rng.uniform(0.7, 1.4) * (1 - 0.2 * rng.random(3))).astype(np.float32),
        float(fog),
        (grey * np.array([0.93, 0.97, 1.0])).astype(np.float32),
    )


def random_scene(seed: int, bank: TextureBank, aspect: float = 0.5, attempt: int = 0) -> Scene:
    """The scene of a seed.

    Args:
        seed: Every choice follows from it.
        bank: The tiles.
        aspect: Height of the image over its width.
        attempt: Another scene of the same seed, for when one turned out unusable.
    """
    rng = np.random.Generator(np.random.PCG64([seed, attempt]))
    weights = np.array([w for _, w in LAYOUTS])
    layout = LAYOUTS[int(rng.choice(len(LAYOUTS), p=weights / weights.sum()))][0]
    return scene_around(rng, layout, bank, aspect)


def scene_around(rng: np.random.Generator, layout: Callable[[Stage], None], bank: TextureBank, aspect: float) -> Scene:
    """A scene of one kind of world around a camera at the origin.

    Args:
        rng: Where chance comes from.
        layout: Puts the objects.
        bank: The tiles.
        aspect: Height of the image over its width.
    """
    hfov = np.deg2rad(rng.uniform(35, 90))
    half = float(np.tan(hfov / 2))
    near = float(np.exp(rng.uniform(np.log(0.5), np.log(3))))
    outdoors = layout.__name__ in _OUTDOORS
    far = near * float(np.exp(rng.uniform(np.log(5 if outdoors else 2.0), np.log(40 if outdoors else 9))))
    floor = near * half * rng.uniform(0.5, 1.6) * (1.0 if aspect < 0.8 else 1.4)
    stage = Stage(rng, bank, Assembly(), half, half * aspect, near, far, floor)
    layout(stage)
    pitch = -abs(rng.normal(0.05, 0.12)) if layout.__name__ != "clutter" else rng.normal(0, 0.3)
    low, high = np.log(DISPARITY_RANGE_PX)
    return Scene(
        **stage.parts.arrays(),
        lights=_lights(rng, stage, outdoors),
        air=_air(rng, stage, outdoors),
        world_from_camera=rotation_matrix(rng.normal(0, 0.15), pitch, rng.normal(0, 0.04)).astype(np.float32),
        hfov_rad=float(hfov),
        largest_disparity_px=float(np.exp(rng.uniform(low, high))),
        name=layout.__name__,
    )
