"""Rooms, corridors and desks seen close."""

from dataclasses import dataclass

import numpy as np

from leadline.data.synthetic import furniture, tabletop
from leadline.data.synthetic.scene import Light, Material, Scene
from leadline.data.synthetic.shapes import grid_mesh
from leadline.data.synthetic.shelf import Shelf
from leadline.data.synthetic.solids import blocks, cylinder, turned
from leadline.data.synthetic.stage import Extra, MonoStage, Viewpoint, air, nothing, placed
from leadline.data.synthetic.textures import TextureBank
from leadline.data.synthetic.things import Thing, pick

_THICK_M = 0.15


@dataclass(frozen=True)
class Plan:
    """A room: x from 0 to width, z from 0 to depth."""

    width_m: float
    depth_m: float
    height_m: float

    def wall(self, side: int) -> tuple[float, float, float, float]:
        """Middle (x, z) of a wall, the yaw of what has its back to it, and its length.

        Example:
            >>> Plan(width_m=4.0, depth_m=6.0, height_m=2.5).wall(0)
            (2.0, 6.0, 0.0, 4.0)
        """
        w, d = self.width_m, self.depth_m
        return (
            (w / 2, d, 0.0, w),
            (w, d / 2, np.pi / 2, d),
            (w / 2, 0.0, np.pi, w),
            (0.0, d / 2, -np.pi / 2, d),
        )[side]


def room(rng: np.random.Generator, bank: TextureBank, extra: Extra = nothing, shelf: Shelf | None = None) -> Scene:
    """A furnished room."""
    plan = Plan(rng.uniform(2.6, 7.0), rng.uniform(2.8, 8.0), rng.uniform(2.3, 3.1))
    stage = MonoStage(rng, bank, _viewpoint(rng, plan), shelf=shelf)
    _keep_clear(stage)
    sunny = _shell(stage, plan, windows=0.6, doors=0.7)
    furnish(stage, plan, int(rng.integers(5, 15)), int(rng.integers(2, 15)))
    extra(stage)
    return _lit(stage, plan, sunny, "room")


def corridor(rng: np.random.Generator, bank: TextureBank, extra: Extra = nothing, shelf: Shelf | None = None) -> Scene:
    """A long passage with doors."""
    plan = Plan(rng.uniform(1.2, 2.8), rng.uniform(6.0, 22.0), rng.uniform(2.3, 3.2))
    z = rng.uniform(0.4, 0.35 * plan.depth_m)
    x, up = rng.uniform(0.3, 0.7) * plan.width_m, rng.uniform(0.7, 1.8)
    tilt = rng.normal(-0.08, 0.13), rng.normal(0, 0.06)
    stage = MonoStage(rng, bank, Viewpoint(x, up, z, rng.normal(0, 0.16), *tilt, field_of_view(rng)), shelf=shelf)
    _keep_clear(stage)
    sunny = _shell(stage, plan, windows=0.25, doors=0.95)
    furnish(stage, plan, int(rng.integers(0, 9)), int(rng.integers(0, 4)))
    extra(stage)
    return _lit(stage, plan, sunny, "corridor")


def desk(rng: np.random.Generator, bank: TextureBank, extra: Extra = nothing, shelf: Shelf | None = None) -> Scene:
    """A desk or table from close by, often looking down on it."""
    plan = Plan(rng.uniform(2.6, 5.0), rng.uniform(2.8, 5.5), rng.uniform(2.4, 3.0))
    thing = furniture.table(rng)
    against = rng.random() < 0.65
    x = rng.uniform(thing.width_m / 2 + 0.1, max(plan.width_m - thing.width_m / 2 - 0.1, thing.width_m / 2 + 0.2))
    z = plan.depth_m - thing.depth_m / 2 - (0.02 if against else rng.uniform(0.6, 1.5))
    target = x + rng.uniform(-0.35, 0.35) * thing.width_m, thing.height_m + rng.uniform(0.0, 0.25)
    away, azimuth = rng.uniform(0.45, 1.5), rng.normal(0, 0.5)
    up = thing.height_m + away * rng.uniform(0.25, 0.95)
    ahead, level = z + rng.uniform(-0.2, 0.2), away * rng.uniform(0.6, 1.0)
    place = target[0] - level * np.sin(azimuth), ahead - level * np.cos(azimuth)
    place = float(np.clip(place[0], 0.15, plan.width_m - 0.15)), max(float(place[1]), 0.15)
    yaw = np.arctan2(target[0] - place[0], ahead - place[1])
    pitch = np.arctan2(target[1] - up, np.hypot(target[0] - place[0], ahead - place[1]))
    view = Viewpoint(
        place[0],
        up,
        place[1],
        yaw + rng.normal(0, 0.12),
        pitch + rng.normal(0.03, 0.1),
        rng.normal(0, 0.09),
        field_of_view(rng),
    )
    stage = MonoStage(rng, bank, view, shelf=shelf)
    stage.reserve(x, z, thing.width_m / 2, thing.depth_m / 2)
    stage.taken.append((view.x_m, view.z_m, 0.35, 0.35))
    sunny = _shell(stage, plan, windows=0.5, doors=0.5)
    stage.put(thing, x, z, 0.0)
    _on_desk(stage, thing, x, z)
    furnish(stage, plan, int(rng.integers(1, 5)), int(rng.integers(0, 4)))
    extra(stage)
    return _lit(stage, plan, sunny, "desk")


def _on_desk(stage: MonoStage, thing: Thing, x: float, z: float) -> None:
    rng = stage.rng
    office = rng.random() < 0.65
    if office:
        back = z + thing.depth_m / 2 - 0.16
        for i in range(int(rng.integers(1, 3))):
            stage.put(
                tabletop.monitor(rng),
                x + (i - 0.3) * 0.62 * rng.uniform(0.9, 1.1),
                back,
                rng.normal(0, 0.2),
                thing.height_m,
            )
        front, middle = z - thing.depth_m * rng.uniform(0.1, 0.25), x + rng.uniform(-0.2, 0.1)
        stage.put(tabletop.keyboard(rng), middle, front, rng.normal(0, 0.1), thing.height_m)
        stage.put(tabletop.mouse(rng), middle + 0.32, front, rng.normal(0, 0.3), thing.height_m)
    stage.scatter(thing, x, z, 0.0, 7 if office else 14)
    if rng.random() < 0.6:
        seat = pick(rng, furniture.SEATS)
        side = z - thing.depth_m / 2 - 0.2
        if stage.reserve(x + 0.3, side - 0.1, 0.15, 0.2):
            stage.put(seat, x + 0.3, side, np.pi + rng.normal(0, 0.5))


def field_of_view(rng: np.random.Generator) -> float:
    """A horizontal field of view, often that of RGB-D sensors and telephones."""
    degrees = rng.uniform(52, 68) if rng.random() < 0.5 else rng.uniform(45, 82)
    return float(np.deg2rad(degrees))


def _viewpoint(rng: np.random.Generator, plan: Plan) -> Viewpoint:
    """A hand-held camera that looks across the room."""
    x, z = (rng.uniform(0.35, n - 0.35) for n in (plan.width_m, plan.depth_m))
    for _ in range(20):
        there = rng.uniform(0, plan.width_m), rng.uniform(0, plan.depth_m)
        if np.hypot(there[0] - x, there[1] - z) > 0.45 * min(plan.width_m, plan.depth_m):
            break
    yaw = np.arctan2(there[0] - x, there[1] - z)
    up = rng.uniform(0.6, 1.8)
    pitch = np.clip(rng.normal(np.deg2rad(-6 - 8 * (up - 1.0)), np.deg2rad(11)), np.deg2rad(-38), np.deg2rad(20))
    return Viewpoint(x, up, z, float(yaw), float(pitch), float(rng.normal(0, np.deg2rad(3.5))), field_of_view(rng))


def _keep_clear(stage: MonoStage) -> None:
    """Leave room before the lens."""
    view = stage.view
    ahead = stage.rng.uniform(0.3, 0.7)
    for step in (0.0, ahead):
        spot = view.x_m + step * np.sin(view.yaw_rad), view.z_m + step * np.cos(view.yaw_rad)
        stage.taken.append((float(spot[0]), float(spot[1]), 0.3, 0.3))


def _shell(stage: MonoStage, plan: Plan, windows: float, doors: float) -> bool:
    """Floor, ceiling and walls; whether there are windows."""
    rng, (w, d, h) = stage.rng, (plan.width_m, plan.depth_m, plan.height_m)
    floor, ceiling, wall = (stage.material(n) for n in ("floor", "ceiling", "wall"))
    stage.add(blocks((0, -0.2, 0, w + 12, 0.2, d + 12)), floor, w / 2, 0, d / 2)
    stage.add(blocks((0, 0, 0, w + 0.4, 0.2, d + 0.4)), ceiling, w / 2, h, d / 2)
    accent = int(rng.integers(4)) if rng.random() < 0.35 else -1
    trim, sunny = stage.material("white"), False
    for side in range(4):
        look = stage.material("wall") if side == accent else wall
        draw, length = rng.random(), plan.wall(side)[3]
        glazed = draw < windows and rng.random() < 0.5 and length > 1.6
        kind = "window" if glazed else "door" if rng.random() < doors and length > 1.4 else ""
        _wall(stage, plan, side, kind, look, trim)
        sunny |= kind == "window"
    if sunny:
        _outside(stage, plan)
    return sunny


def _wall(stage: MonoStage, plan: Plan, side: int, kind: str, look: Material, trim: Material) -> None:
    rng, h = stage.rng, plan.height_m
    x, z, yaw, length = plan.wall(side)
    openings: list[tuple[float, float, float, float]] = []
    if kind == "window":
        low, high = (
            (rng.uniform(0.02, 0.1) if rng.random() < 0.2 else rng.uniform(0.75, 1.0)),
            min(h - 0.15, rng.uniform(2.0, 2.4)),
        )
        openings = _spread(rng, length, rng.uniform(0.7, 1.8), 0.6, low, high)
    elif kind == "door":
        openings = _spread(rng, length, rng.uniform(0.8, 0.95), 1.6, 0.0, rng.uniform(2.0, 2.1))
    pieces, start = [], -length / 2 - _THICK_M
    for a, b, low, high in openings:
        pieces.append(((start + a) / 2, 0.0, a - start, h))
        pieces += [((a + b) / 2, 0.0, b - a, low)] if low > 0 else []
        pieces.append(((a + b) / 2, high, b - a, h - high))
        start = b
    pieces.append(((start + length / 2 + _THICK_M) / 2, 0.0, length / 2 + _THICK_M - start, h))
    mesh = blocks(*[(m, u, _THICK_M / 2, wide, tall, _THICK_M) for m, u, wide, tall in pieces])
    stage.add(mesh, look, x, 0.0, z, yaw)
    bars = [r for o in openings for r in _frame(rng, o, kind == "window")]
    if rng.random() < 0.6:
        bars += [(m, 0.0, -0.006, wide, 0.09, 0.012) for m, u, wide, tall in pieces if u == 0.0 and tall == h]
    if bars:
        stage.add(blocks(*bars), trim, x, 0.0, z, yaw)
    for opening in openings:
        (_curtains if kind == "window" else _door)(stage, opening, (x, z, yaw), h)
    _on_wall(stage, openings, (x, z, yaw, length), h)


def _spread(
    rng: np.random.Generator, length: float, wide: float, gap: float, low: float, high: float
) -> list[tuple[float, float, float, float]]:
    """Openings along a wall, as many as chance and length allow."""
    most = int((length - 0.5) / (wide + gap))
    count = min(max(most, 1), int(rng.integers(1, 6)))
    wide = min(wide, length - 0.6)
    step = (length - 0.4) / count
    spots = (np.arange(count) - (count - 1) / 2) * step + rng.uniform(-0.4, 0.4) * max(step - wide - 0.2, 0.0)
    return [(float(s) - wide / 2, float(s) + wide / 2, low, high) for s in spots]


def _frame(
    rng: np.random.Generator, opening: tuple[float, float, float, float], window: bool
) -> list[tuple[float, ...]]:
    a, b, low, high = opening
    t, middle = 0.06, (a + b) / 2
    rows = [(v, low, 0.04, t, high - low, _THICK_M) for v in (a + t / 2, b - t / 2)]
    rows.append((middle, high - t, 0.04, b - a, t, _THICK_M))
    if window:
        rows += [(middle, low, -0.02, b - a + 0.1, 0.04, _THICK_M + 0.16), (middle, low, 0.07, 0.05, high - low, 0.05)]
        if rng.random() < 0.5:
            rows.append((middle, low + 0.7 * (high - low), 0.07, b - a, 0.05, 0.05))
    return rows


def _curtains(
    stage: MonoStage, opening: tuple[float, float, float, float], wall: tuple[float, float, float], h: float
) -> None:
    rng, (a, b, low, high) = stage.rng, opening
    draw, (x, z, yaw) = rng.random(), wall
    if draw < 0.35:
        look, foot = stage.material("cloth"), 0.05 if rng.random() < 0.6 else low - 0.1
        for side, edge in ((-1, a), (1, b)):
            wide = rng.uniform(0.2, 0.55 * (b - a))
            folds = np.linspace(0, wide, 24)
            points = [
                [[edge - side * (f - 0.12), -up, -0.1 + 0.03 * np.sin(45 * f)] for f in folds]
                for up in (foot, min(h, high + 0.12))
            ]
            stage.add(grid_mesh(np.array(points)), look, x, 0.0, z, yaw)
    elif draw < 0.55:
        drop = (high - low) * rng.uniform(0.15, 1.0)
        slats = np.arange(0.0, drop, 0.05)
        stage.add(
            blocks(
                *[((a + b) / 2, high - s - 0.04, -0.03, b - a, 0.035, 0.012) for s in slats],
                ((a + b) / 2, high - 0.05, -0.03, b - a, 0.05, 0.06),
            ),
            stage.material("white"),
            x,
            0.0,
            z,
            yaw,
        )
    if rng.random() < 0.4 and low > 0.5:
        fins = np.arange(a + 0.05, b - 0.05, 0.08)
        stage.add(blocks(*[(f, 0.12, -0.07, 0.065, 0.55, 0.08) for f in fins]), stage.material("white"), x, 0.0, z, yaw)


def _door(
    stage: MonoStage, opening: tuple[float, float, float, float], wall: tuple[float, float, float], h: float
) -> None:
    """A closed door, or an open one with a space behind."""
    rng, (a, b, _, high) = stage.rng, opening
    (x, z, yaw), wide = wall, b - a
    leaf = [(wide / 2, 0.0, 0.0, wide - 0.08, high - 0.06, 0.04), (wide - 0.12, 1.0, -0.04, 0.12, 0.025, 0.06)]
    if rng.random() < 0.5:
        leaf += [(wide / 2, u, -0.02, wide - 0.35, t, 0.02) for u, t in ((0.25, 0.65), (1.1, 0.7))]
    look = stage.material(str(rng.choice(["wood", "white", "plastic"])))
    opened = rng.random() < 0.45
    at = placed(x, z, yaw, a, 0.06)
    swing = rng.uniform(0.4, 1.7) if opened else 0.0
    if not opened or rng.random() < 0.7:
        # Hinged on its left edge; it opens outwards, away from the furniture.
        stage.add(blocks(*leaf), look, at[0], 0.0, at[1], yaw - swing)
    deep, side = rng.uniform(1.3, 4.0), rng.uniform(0.1, 1.2)
    middle = (a + b) / 2
    walls = blocks(
        (middle, 0, deep + _THICK_M, wide + 2 * side + 0.3, h, 0.1),
        *[(middle + s * (wide / 2 + side), 0, deep / 2 + _THICK_M, 0.1, h, deep) for s in (-1, 1)],
        (middle, h, deep / 2, wide + 2 * side + 0.3, 0.1, deep + 0.4),
    )
    stage.add(walls, stage.material("wall"), x, 0.0, z, yaw)


def _on_wall(
    stage: MonoStage,
    openings: list[tuple[float, float, float, float]],
    wall: tuple[float, float, float, float],
    h: float,
) -> None:
    """Images, boards, clocks and shelves between the openings."""
    rng, (x, z, yaw, length) = stage.rng, wall
    blocked = [((a + b) / 2, (b - a) / 2 + 0.15) for a, b, _, _ in openings]
    for _ in range(int(rng.integers(0, 2 + round(length)))):
        kind = rng.random()
        w, t = (rng.uniform(0.9, 2.0), rng.uniform(0.7, 1.2)) if kind < 0.12 else rng.uniform(0.2, 0.9, 2)
        s, up = rng.uniform(-length / 2 + 0.1, length / 2 - 0.1), rng.uniform(1.3, 1.75)
        if (
            abs(s) + w / 2 > length / 2 - 0.05
            or up + t / 2 > h - 0.1
            or any(abs(s - m) < r + w / 2 for m, r in blocked)
        ):
            continue
        blocked.append((s, w / 2 + 0.1))
        if kind < 0.65:
            frame = blocks((s, up - t / 2, -0.012, w, t, 0.025))
            inner = blocks((s, up - t / 2 + 0.03, -0.018, w - 0.06, t - 0.06, 0.018))
            stage.add(frame, stage.material(str(rng.choice(["wood", "dark", "white"]))), x, 0.0, z, yaw)
            stage.add(
                inner, stage.material("print" if kind > 0.12 else str(rng.choice(["white", "screen"]))), x, 0.0, z, yaw
            )
        elif kind < 0.9:
            stage.add(blocks((s, up, -0.12, w, 0.03, 0.24)), stage.material("wood"), x, 0.0, z, yaw)
            for mesh, name in furniture.books_in(rng, np.array([up + 0.03]), w, 0.24, 0.3):
                stage.add(mesh, stage.material(name), *_shifted(x, z, yaw, s, -0.12), yaw)
        else:
            stage.add(blocks((s, up - 0.2, -0.05, min(w, 0.4), 0.4, 0.1)), stage.material("plastic"), x, 0.0, z, yaw)


def _shifted(x: float, z: float, yaw: float, a: float, b: float) -> tuple[float, float, float]:
    there = placed(x, z, yaw, a, b)
    return there[0], 0.0, there[1]


def _outside(stage: MonoStage, plan: Plan) -> None:
    """View from the windows: ground some storeys below, and sometimes a house opposite."""
    rng, (w, d) = stage.rng, (plan.width_m, plan.depth_m)
    drop = rng.choice([0.3, 0.6, 3.0, 6.0, 12.0])
    ground = stage.material("grass" if rng.random() < 0.6 else "pavement")
    stage.add(blocks((0, -drop - 1.0, 0, 300, 1.0, 300)), ground, w / 2, 0, d / 2)
    for _ in range(int(rng.integers(0, 6))):
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(14, 50)
        size, tall = rng.uniform(8, 20), rng.uniform(5, 20)
        place = w / 2 + far * np.sin(angle), -drop, d / 2 + far * np.cos(angle)
        stage.add(blocks((0, 0, 0, size, tall, 8)), stage.material("front"), *place, angle)


def furnish(stage: MonoStage, plan: Plan, along: int, anywhere: int) -> None:
    """Put things with their backs to the walls, then things in the middle."""
    rng = stage.rng
    for _ in range(along):
        thing = stage.draw(furniture.ALONG_WALLS, "wall")
        x, z, yaw, length = plan.wall(int(rng.integers(4)))
        if length < thing.width_m + 0.1:
            continue
        shift = rng.uniform(-0.5, 0.5) * (length - thing.width_m - 0.1)
        at = placed(x, z, yaw, shift, -thing.depth_m / 2 - 0.03)
        _stand(stage, thing, at, yaw)
    for _ in range(anywhere):
        thing = stage.draw(furniture.ANYWHERE, "floor")
        at = rng.uniform(0.4, plan.width_m - 0.4), rng.uniform(0.4, plan.depth_m - 0.4)
        yaw = float(rng.integers(4)) * np.pi / 2 if rng.random() < 0.5 else rng.uniform(0, 2 * np.pi)
        reach = 0.5 * max(thing.width_m, thing.depth_m)
        if min(at[0], at[1], plan.width_m - at[0], plan.depth_m - at[1]) > reach:
            _stand(stage, thing, at, yaw)


def _stand(stage: MonoStage, thing: Thing, at: tuple[float, float], yaw: float) -> None:
    rng = stage.rng
    c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
    half = (c * thing.width_m + s * thing.depth_m) / 2, (s * thing.width_m + c * thing.depth_m) / 2
    if not stage.reserve(*at, *half):
        return
    stage.put(thing, *at, yaw)
    if not thing.top:
        return
    stage.scatter(thing, *at, yaw, int(2 + 4 * thing.width_m * thing.depth_m))
    if thing.height_m < 0.79 and thing.height_m > 0.69:
        for _ in range(int(rng.integers(0, 4))):
            side, seat = float(rng.choice([-1, 1])), pick(rng, furniture.SEATS)
            spot = rng.uniform(-0.4, 0.4) * thing.width_m, -side * (thing.depth_m / 2 + rng.uniform(0.05, 0.3))
            there = placed(*at, yaw, *spot)
            # A seat may stand partly under the table, so only its outer half needs room.
            outer = placed(*at, yaw, spot[0], spot[1] - side * 0.3)
            if stage.reserve(*outer, 0.2, 0.2):
                stage.put(seat, *there, yaw + (np.pi if side > 0 else 0.0) + rng.normal(0, 0.25))


def _lit(stage: MonoStage, plan: Plan, sunny: bool, name: str) -> Scene:
    """Ceiling lamps, sometimes the sun through the windows."""
    rng, (w, d, h) = stage.rng, (plan.width_m, plan.depth_m, plan.height_m)
    spots = [(w * rng.uniform(0.3, 0.7), d * rng.uniform(0.2, 0.8))]
    if d > 5:
        spots.append((w * rng.uniform(0.3, 0.7), d * rng.uniform(0.1, 0.9)))
    drop = rng.choice([0.08, 0.3, 0.6])
    lights: list[Light] = []
    for x, z in spots:
        if drop > 0.1:
            shade = turned([(0.22, h - drop - 0.1), (0.1, h - drop + 0.08), (0.02, h - drop + 0.1), (0.01, h)])
        elif rng.random() < 0.5:
            shade = blocks((0, h - 0.03, 0, 0.6, 0.03, 0.6))
        else:
            shade = cylinder(0.2, h - 0.07, h)
        stage.add(shade, stage.material("white"), x, 0.0, z)
        lights.append(
            stage.lamp(x, h - drop - 0.12, z, rng.uniform(0.35, 1.1) / len(spots) ** 0.5, rng.uniform(1.5, 4.0))
        )
    if sunny and rng.random() < 0.65:
        lights.insert(0, stage.sun(rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(15, 55)), rng.uniform(1.0, 3.0)))
    elif rng.random() < 0.3:
        side = rng.uniform(0.3, w - 0.3), rng.uniform(0.3, d - 0.3)
        lights.append(stage.lamp(side[0], rng.uniform(0.8, h - 0.3), side[1], rng.uniform(0.2, 0.6), 2.0))
    up = rng.uniform(0.12, 0.45)
    return stage.scene(name, tuple(lights), air(rng, stage.bank, up, up * rng.uniform(0.5, 0.95)))
