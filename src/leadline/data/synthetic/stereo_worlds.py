"""Further worlds for stereo pairs: furnished rooms with floating objects, boards through the border, thin parts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from leadline.data.synthetic import outdoors, rooms, shapes, worlds
from leadline.data.synthetic.scene import Material, Scene, random_material, random_rotation, rotation_matrix
from leadline.data.synthetic.shelf import Shelf
from leadline.data.synthetic.stage import MonoStage
from leadline.data.synthetic.textures import TextureBank
from leadline.data.synthetic.things import Thing
from leadline.data.synthetic.worlds import DISPARITY_RANGE_PX, Stage, scene_around

_BLANK_SHARE: Final = 0.45
_REAL_FLOATERS: Final = 0.6
"""Share of floating objects that are real models where there are any."""
#: Meshes that are thin somewhere, with how often each is drawn.
_THIN: Final = (
    (shapes.pole, 3.0),
    (shapes.lattice, 2.0),
    (shapes.leaves, 2.0),
    (shapes.star, 1.5),
    (shapes.plate_with_holes, 1.0),
)


def _thin_mesh(rng: np.random.Generator) -> shapes.Mesh:
    weights = np.array([w for _, w in _THIN])
    return _THIN[int(rng.choice(len(_THIN), p=weights / weights.sum()))][0](rng)


def _blank(material: Material, rng: np.random.Generator, bank: TextureBank) -> Material:
    """The same surface with hardly any pattern: a painted wall, a board."""
    colour = rng.uniform(0.35, 0.95) * (1 - 0.4 * rng.random() * rng.random(3))
    gain = np.full(3, rng.uniform(0.0, 0.12))
    return replace(material, gain=gain, bias=colour - gain * bank.mean[material.entries[0]], specular=0.0)


def _look(rng: np.random.Generator, bank: TextureBank, metres_per_px: float, blank_share: float) -> Material:
    material = random_material(rng, bank, metres_per_px)
    return _blank(material, rng, bank) if rng.random() < blank_share else material


def _floaters(stage: MonoStage, low: int, high: int, nearest_m: float, farthest_m: float) -> None:
    """Put objects of any kind in the air before the camera."""
    rng, view = stage.rng, stage.view
    half = float(np.tan(0.5 * view.hfov_rad))
    turn = rotation_matrix(float(view.yaw_rad), float(view.pitch_rad), float(view.roll_rad))
    thin_share = rng.uniform(0.05, 0.5)
    for _ in range(int(rng.integers(low, high))):
        share = rng.random() ** 1.2
        z = 1.0 / (share / nearest_m + (1 - share) / farthest_m)
        mesh = _thin_mesh(rng) if rng.random() < thin_share else shapes.random_mesh(rng)
        size = 2 * half * z * float(np.exp(rng.uniform(np.log(0.04), np.log(0.35))))
        scale = size * np.exp(rng.normal(0, 0.25, 3))
        found = stage.shelf.draw(rng, "air") if stage.shelf is not None and rng.random() < _REAL_FLOATERS else None
        z = max(z, 0.7 * nearest_m + 0.5 * float(scale.max()))
        centre = turn @ np.array([z * half * rng.uniform(-1.15, 1.15), z * half * rng.uniform(-0.6, 0.6), z])
        if found is not None:
            _float(stage, found, size, centre, _look(rng, stage.bank, z * 2 * half / 640, 0.12))
            continue
        look = _look(rng, stage.bank, z * 2 * half / 640, 0.12)
        stage.parts.add(mesh, random_rotation(rng), scale, centre, look)


def _float(stage: MonoStage, thing: Thing, size_m: float, centre: np.ndarray, look: Material) -> None:
    """Put a real model into the air, its longest side of a size, turned by chance about its middle.

    A bare shape gets the look; the others have their own.
    """
    rotation = random_rotation(stage.rng)
    scale = size_m / max(float(thing.width_m), float(thing.height_m), float(thing.depth_m))
    middle = centre + rotation @ np.array([0.0, 0.5 * scale * float(thing.height_m), 0.0])
    stage.models.add(thing.source)
    for mesh, own in thing.parts:
        assert isinstance(own, Material), "a model brings its materials"
        stage.parts.add(mesh, rotation, np.full(3, scale), middle, look if thing.bare else own)


def _room_floaters(stage: MonoStage) -> None:
    if stage.rng.random() < 0.75:
        _floaters(stage, 4, 26, float(stage.rng.uniform(0.5, 1.1)), float(stage.rng.uniform(2.0, 5.0)))


def _street_floaters(stage: MonoStage) -> None:
    if stage.rng.random() < 0.35:
        _floaters(stage, 3, 18, float(stage.rng.uniform(3.0, 7.0)), 40.0)


def boards(stage: Stage) -> None:
    """Walls, boards and screens that run out of the image, most of them through the left border."""
    rng = stage.rng
    if rng.random() < 0.5:
        worlds.table(stage)
    else:
        worlds.room(stage)
    for _ in range(int(rng.integers(1, 6))):
        z = stage.depth() * rng.uniform(1.0, 1.6)
        reach = 2 * stage.half_width * z
        width, height = reach * rng.uniform(0.25, 1.3), reach * rng.uniform(0.3, 1.6)
        draw = rng.random()
        edge = -0.5 * reach * rng.uniform(0.2, 1.0) if draw < 0.6 else 0.5 * reach * rng.uniform(0.3, 1.0)
        x = edge - 0.5 * width if draw < 0.6 else edge + 0.5 * width
        y = reach * rng.uniform(-0.3, 0.3)
        rotation = rotation_matrix(rng.normal(0, 0.6), rng.normal(0, 0.15), rng.normal(0, 0.1))
        scale = np.array([width, height, reach * rng.uniform(0.002, 0.05)])
        look = _look(rng, stage.bank, stage.metres_per_px(z), _BLANK_SHARE)
        mesh = shapes.boxes(np.zeros((1, 3)), np.ones((1, 3)))
        stage.parts.add(mesh, rotation, scale, np.array([x, y, z + 0.3 * width]), look)


def thickets(stage: Stage) -> None:
    """Many thin or small things one behind the other, before a wall or the sky."""
    rng = stage.rng
    if rng.random() < 0.7:
        worlds.table(stage)
    else:
        worlds.clutter(stage)
    for _ in range(int(rng.integers(15, 60))):
        z = stage.depth()
        size = 2 * stage.half_width * z * float(np.exp(rng.uniform(np.log(0.06), np.log(0.7))))
        x, y = z * stage.half_width * rng.uniform(-1.1, 1.1), z * stage.half_height * rng.uniform(-1.0, 1.0)
        rotation = (
            random_rotation(rng) if rng.random() < 0.5 else rotation_matrix(rng.uniform(0, 6), rng.normal(0, 0.2), 0)
        )
        z = max(z, stage.near_m * 0.6 + 0.5 * size)
        scale = size * np.exp(rng.normal(0, 0.25, 3))
        look = _look(rng, stage.bank, stage.metres_per_px(z), 0.1)
        stage.parts.add(_thin_mesh(rng), rotation, scale, np.array([x, y, z]), look)


def swarm(stage: Stage) -> None:
    """Objects floating densely before the sky or a far wall."""
    rng = stage.rng
    if rng.random() < 0.6:
        worlds.clutter(stage)
    for _ in range(int(rng.integers(60, 160))):
        z = stage.depth()
        size = 2 * stage.half_width * z * float(np.exp(rng.uniform(np.log(0.03), np.log(0.25))))
        x, y = z * stage.half_width * rng.uniform(-1.15, 1.15), z * stage.half_height * rng.uniform(-1.1, 1.1)
        mesh = _thin_mesh(rng) if rng.random() < 0.2 else shapes.random_mesh(rng)
        look = _look(rng, stage.bank, stage.metres_per_px(z), 0.1)
        centre = np.array([x, y, max(z, stage.near_m * 0.6 + 0.5 * size)])
        stage.parts.add(mesh, random_rotation(rng), size * np.exp(rng.normal(0, 0.25, 3)), centre, look)


#: Worlds that are laid out in real sizes, with what is added to them and how often each is drawn.
_REAL: Final[tuple[tuple[Callable[..., Scene], Callable[[MonoStage], None], float], ...]] = (
    (rooms.room, _room_floaters, 0.34),
    (rooms.desk, _room_floaters, 0.14),
    (rooms.corridor, _room_floaters, 0.1),
    (outdoors.street, _street_floaters, 0.08),
    (outdoors.landscape, _street_floaters, 0.04),
)
_ROOMS: Final = (rooms.room, rooms.desk, rooms.corridor)
#: Worlds around a camera at the origin.
_AROUND: Final[tuple[tuple[Callable[[Stage], None], float], ...]] = ((boards, 0.14), (thickets, 0.1), (swarm, 0.06))


def further_scene(
    seed: int, bank: TextureBank, aspect: float = 0.5, attempt: int = 0, shelf: Shelf | None = None
) -> Scene:
    """The scene of a seed, out of the further worlds.

    Args:
        seed: Every choice follows from it.
        bank: A bank with the household groups.
        aspect: Height of the image over its width.
        attempt: Another scene of the same seed, for when one turned out unusable.
        shelf: Real models, which then furnish the rooms.
    """
    # The last number sets these scenes apart from those of the first worlds and of single images.
    rng = np.random.Generator(np.random.PCG64([seed, attempt, 4 if shelf is None else 5]))
    weights = np.array([entry[-1] for entry in (*_REAL, *_AROUND)])
    choice = int(rng.choice(len(weights), p=weights / weights.sum()))
    if choice >= len(_REAL):
        return scene_around(rng, _AROUND[choice - len(_REAL)][0], bank, aspect)
    layout, extra, _ = _REAL[choice]
    low, high = np.log(DISPARITY_RANGE_PX)
    largest = float(np.exp(rng.uniform(low, high)))
    furnished = {} if shelf is None or layout not in _ROOMS else {"shelf": shelf}
    scene = layout(rng, bank, extra, **furnished)
    return replace(scene, largest_disparity_px=largest, name=f"furnished {scene.name}")
