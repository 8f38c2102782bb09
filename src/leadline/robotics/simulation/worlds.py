"""Seeded worlds to fly through: forests, rooms, corridors, doors, crowds and glass."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from leadline.errors import InputError
from leadline.robotics.simulation.bodies import Ball, Bodies, Box, Pole, World

_LENGTH_M: Final = 10.0
_PASSAGE_M: Final = 0.35
"""Half of the width that the way to the goal has at least: there is always one."""
_ATTEMPTS: Final = 200
_GRID_M: Final = 0.1

_Rng = np.random.Generator


def make_world(seed: int, index: int) -> World:
    """One world; the same for the same seed and number. The kinds take turns.

    In each of them there is a way from the start to the goal, 10 m ahead, that is at least 0.7 m wide, but for people
    who walk.

    Args:
        seed: Of the set of worlds.
        index: Number of the world in the set.
    Raises:
        InputError: If one of them is negative.
    Example:
        >>> world = make_world(1, 0)
        >>> world.family, world == make_world(1, 0), world == make_world(2, 0)
        ('forest', True, False)
    """
    if seed < 0 or index < 0:
        raise InputError(f"expected a seed and a number of 0 or more, got {seed} and {index}")
    name = tuple(FAMILIES)[index % len(FAMILIES)]
    rng = np.random.default_rng([seed, index, 0])
    for _ in range(_ATTEMPTS):
        world = FAMILIES[name](rng)
        if is_passable(world):
            return world
    raise AssertionError(f"no passable world of {name} in {_ATTEMPTS} attempts")


def is_passable(world: World, half_width_m: float = _PASSAGE_M) -> bool:
    """Whether a disc can move from the start to the goal, past all that stands still.

    Args:
        world: Any.
        half_width_m: Radius of the disc.
    """
    gx, gy = world.goal_m
    xs = np.arange(min(0.0, gx) - 1.0, max(0.0, gx) + 1.0, _GRID_M)
    ys = np.arange(min(0.0, gy) - 5.0, max(0.0, gy) + 5.0, _GRID_M)
    right, up = np.meshgrid(xs, ys)
    places = np.stack([right.ravel(), up.ravel(), np.full(right.size, world.altitude_m)], axis=1)
    still = tuple(pole for pole in world.poles if pole.walk_rad_s == 0.0)
    bodies = Bodies.of([World(world.family, world.boxes, still, world.balls)])
    free = (bodies.distance_m(places[None])[0] >= half_width_m).reshape(right.shape)
    labels = np.asarray(cv2.connectedComponents(free.astype(np.uint8), connectivity=4)[1], np.int64)
    start, goal = (int(labels[np.abs(ys - y).argmin(), np.abs(xs - x).argmin()]) for x, y in ((0.0, 0.0), (gx, gy)))
    return start == goal and start > 0


def _forest(rng: _Rng) -> World:
    """Trunks at random, thick and thin, in a hall with wind."""
    poles: list[Pole] = []
    for _ in range(400):
        x, y = rng.uniform(1.6, _LENGTH_M - 1.0), rng.uniform(-3.5, 3.5)
        radius = rng.uniform(0.06, 0.25)
        gap = [np.hypot(x - p.center_m[0], y - p.center_m[1]) - radius - p.radius_m for p in poles]
        if min(gap, default=np.inf) > 0.8:
            poles.append(Pole((x, y), radius, reflectance=rng.uniform(0.2, 0.6)))
        if len(poles) >= 24:
            break
    walls, height = _shell(rng, 4.5)
    return _windy(World("forest", walls, tuple(poles), ceiling_m=2.0 * height), rng, 0.8)


def _shell(rng: _Rng, half_width_m: float) -> tuple[tuple[Box, ...], float]:
    """Walls around the way, and the height of the ceiling."""
    height, shade = rng.uniform(2.4, 3.2), rng.uniform(0.4, 0.85)
    middle, half = 0.5 * _LENGTH_M, 0.5 * _LENGTH_M + 1.5
    walls = [
        Box((middle, side * (half_width_m + 0.1), 0.5 * height), (half, 0.1, 0.5 * height), 0.0, shade)
        for side in (-1.0, 1.0)
    ]
    walls += [
        Box((middle + side * (half + 0.1), 0.0, 0.5 * height), (0.1, half_width_m + 0.2, 0.5 * height), 0.0, shade)
        for side in (-1.0, 1.0)
    ]
    return tuple(walls), height


def _room(rng: _Rng) -> World:
    """Furniture of all heights, lamps, and balls that hang."""
    walls, height = _shell(rng, rng.uniform(2.2, 3.0))
    boxes: list[Box] = list(walls)
    for _ in range(rng.integers(6, 10)):
        half = (rng.uniform(0.15, 0.6), rng.uniform(0.15, 0.6), rng.uniform(0.35, 1.1))
        place = (rng.uniform(1.6, _LENGTH_M - 1.0), rng.uniform(-2.4, 2.4), half[2])
        boxes.append(Box(place, half, rng.uniform(0.0, np.pi), rng.uniform(0.08, 0.85)))
    lamps = tuple(
        Pole((rng.uniform(2.0, 9.0), rng.uniform(-1.5, 1.5)), rng.uniform(0.03, 0.06), 0.0, 1.8, rng.uniform(0.2, 0.8))
        for _ in range(rng.integers(1, 4))
    )
    balls = tuple(
        Ball((rng.uniform(2.0, 9.0), rng.uniform(-2.0, 2.0), rng.uniform(0.7, 1.3)), rng.uniform(0.15, 0.35), 0.6)
        for _ in range(rng.integers(0, 3))
    )
    return _windy(World("room", tuple(boxes), lamps, balls, ceiling_m=height), rng, 0.1)


def _corridor(rng: _Rng) -> World:
    """A narrow way with things that stand out from alternate sides."""
    half_width = rng.uniform(0.9, 1.3)
    walls, height = _shell(rng, half_width)
    boxes, side, x = list(walls), rng.choice([-1.0, 1.0]), 2.0
    while x < _LENGTH_M - 1.2:
        out = rng.uniform(0.7, 1.15) * half_width
        half = (rng.uniform(0.1, 0.4), 0.5 * out, rng.uniform(0.65, 1.2))
        place = (x, side * (half_width - 0.5 * out), half[2])
        boxes.append(Box(place, half, 0.0, rng.uniform(0.1, 0.85)))
        side, x = -side, x + rng.uniform(1.6, 2.6)
    return _windy(World("corridor", tuple(boxes), ceiling_m=height), rng, 0.1)


def _doors(rng: _Rng) -> World:
    """Walls across the way, each with a door and some with a gap that is too narrow."""
    half_width = rng.uniform(2.0, 3.0)
    walls, height = _shell(rng, half_width)
    boxes, shade = list(walls), rng.uniform(0.3, 0.85)
    for x in (rng.uniform(2.2, 3.2), rng.uniform(5.2, 6.2), rng.uniform(7.8, 8.4)):
        door = (rng.uniform(-half_width + 0.8, half_width - 0.8), rng.uniform(0.45, 0.65))
        openings = [door]
        if rng.random() < 0.5:
            slit = (rng.uniform(-half_width + 0.4, half_width - 0.4), rng.uniform(0.08, 0.13))
            if abs(slit[0] - door[0]) > door[1] + slit[1] + 0.3:
                openings.append(slit)
        left = -half_width
        for middle, half in sorted(openings):
            boxes.append(_partition(x, left, middle - half, height, shade))
            left = middle + half
        boxes.append(_partition(x, left, half_width, height, shade))
    return _windy(World("doors", tuple(boxes), ceiling_m=height), rng, 0.1)


def _partition(x: float, left: float, right: float, height: float, shade: float) -> Box:
    half = max(0.5 * (right - left), 0.005)
    return Box((x, 0.5 * (left + right), 0.5 * height), (0.06, half, 0.5 * height), 0.0, shade)


def _crowd(rng: _Rng) -> World:
    """People who walk to and fro across the way, whoever stands in it, and a few posts."""
    people: list[Pole] = []
    for x in np.linspace(2.0, _LENGTH_M - 1.5, int(rng.integers(3, 6))):
        reach, angle = rng.uniform(0.6, 1.6), rng.normal(0.5 * np.pi, 0.4)
        pace = rng.uniform(0.15, 0.45) / reach
        walk = (reach * np.cos(angle), reach * np.sin(angle))
        place = (x + rng.uniform(-0.4, 0.4), rng.uniform(-0.8, 0.8))
        shade, phase = rng.uniform(0.2, 0.6), rng.uniform(0.0, 2.0 * np.pi)
        people.append(Pole(place, 0.22, 0.0, 1.75, shade, walk, pace, phase))
    posts = tuple(
        Pole((rng.uniform(2.0, 9.0), rng.uniform(-2.0, 2.0)), rng.uniform(0.06, 0.2), 0.0, 2.5, rng.uniform(0.2, 0.7))
        for _ in range(rng.integers(2, 5))
    )
    walls, height = _shell(rng, 3.0)
    return _windy(World("crowd", walls, (*people, *posts), ceiling_m=height), rng, 0.1)


def _glass(rng: _Rng) -> World:
    """Panes across the way, some in frames, in a room with some furniture."""
    walls, height = _shell(rng, 2.6)
    boxes, frames = list(walls), list[Pole]()
    for x in (rng.uniform(2.2, 3.5), rng.uniform(4.5, 6.0), rng.uniform(7.2, 8.4)):
        middle, half, turn = rng.uniform(-1.2, 1.2), rng.uniform(0.4, 0.9), rng.normal(0.0, 0.35)
        boxes.append(Box((x, middle, 1.1), (0.01, half, 1.1), turn, 0.04, glass=True))
        if rng.random() < 0.5:
            for end in (-half, half):
                place = (x - end * np.sin(turn), middle + end * np.cos(turn))
                frames.append(Pole(place, 0.03, 0.0, 2.2, 0.5))
    for _ in range(rng.integers(2, 5)):
        half = (rng.uniform(0.15, 0.4), rng.uniform(0.15, 0.4), rng.uniform(0.6, 1.1))
        place = (rng.uniform(1.8, 9.0), rng.uniform(-2.2, 2.2), half[2])
        boxes.append(Box(place, half, rng.uniform(0.0, np.pi), rng.uniform(0.1, 0.8)))
    return _windy(World("glass", tuple(boxes), tuple(frames), ceiling_m=height), rng, 0.1)


def _windy(world: World, rng: _Rng, strength_m_s: float) -> World:
    angle, speed = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.0, strength_m_s)
    return replace(world, wind_m_s=(speed * np.cos(angle), speed * np.sin(angle)), gust_m_s=0.4 * strength_m_s)


FAMILIES: Final[dict[str, Callable[[_Rng], World]]] = {
    "forest": _forest,
    "room": _room,
    "corridor": _corridor,
    "doors": _doors,
    "crowd": _crowd,
    "glass": _glass,
}
"""Kinds of worlds, in the order in which they take turns."""
