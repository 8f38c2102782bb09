"""Streets and landscapes."""

import cv2
import numpy as np

from leadline.data.synthetic import furniture, shapes
from leadline.data.synthetic.rooms import field_of_view
from leadline.data.synthetic.scene import Light, Scene
from leadline.data.synthetic.solids import blocks, cylinder, moved, pillow, prism, rod, turned
from leadline.data.synthetic.stage import Extra, MonoStage, Viewpoint, air, nothing
from leadline.data.synthetic.textures import TextureBank
from leadline.data.synthetic.things import Maker, Thing, pick


def tree(rng: np.random.Generator) -> Thing:
    """A leafy tree or a conifer."""
    h = float(np.exp(rng.uniform(np.log(3.0), np.log(14.0))))
    bare, r = h * rng.uniform(0.12, 0.4), 0.012 * h + 0.04
    trunk = turned([(1.3 * r, 0), (r, 0.3 * bare), (0.4 * r, 0.85 * h)], 10)
    if rng.random() < 0.3:
        return _conifer(rng, h, trunk)
    low, spread = min(bare, 0.4 * h), rng.uniform(0.35, 0.7) * h
    clumps = []
    for _ in range(int(rng.integers(4, 10))):
        size = rng.uniform(0.35, 0.6) * (h - low) * rng.uniform(0.8, 1.2, 3)
        up = rng.uniform(low + 0.3 * size[1], max(h - 0.45 * size[1], low + 0.4 * size[1]))
        shift = np.array([rng.uniform(-0.35, 0.35) * spread, -up, rng.uniform(-0.35, 0.35) * spread])
        clump = shapes.leaves(rng, int(rng.integers(70, 150)))
        clumps.append(shapes.Mesh((clump.vertices * size + shift).astype(np.float32), clump.faces, clump.normals))
        # A solid core, so that the crown is not seen through.
        clumps.append(pillow(0.6 * size, (shift[0], up, shift[2]), 1.0))
    return Thing(((trunk, "bark"), (shapes.merge(clumps), "leaf")), 0.5 * h, 0.5 * h, h)


def _conifer(rng: np.random.Generator, h: float, trunk: shapes.Mesh) -> Thing:
    wide, steps = h * rng.uniform(0.13, 0.24), int(rng.integers(6, 12))
    ups = np.linspace(h * rng.uniform(0.05, 0.15), h, steps + 1)
    rings = []
    for i in range(steps):
        r, top = wide * (1 - i / steps) + 0.05, min(ups[i] + 2.2 * (ups[1] - ups[0]), h)
        rings.append(turned([(0.3 * r, ups[i] + 0.1 * r), (r, ups[i]), (0.02, top)], 14))
    return Thing(((trunk, "bark"), (shapes.merge(rings), "leaf")), wide, wide, h)


def bush(rng: np.random.Generator) -> Thing:
    """A shrub or hedge."""
    w, h, d = rng.uniform(0.6, 3.0), rng.uniform(0.4, 1.8), rng.uniform(0.6, 1.5)
    clump = shapes.leaves(rng, int(rng.integers(120, 300)))
    outer = shapes.Mesh((clump.vertices * [w, h, d] - [0, h / 2, 0]).astype(np.float32), clump.faces, clump.normals)
    return Thing(
        ((shapes.merge([outer, pillow((0.8 * w, 0.85 * h, 0.8 * d), (0, 0.42 * h, 0), 0.6)]), "leaf"),), w, d, h
    )


def rock(rng: np.random.Generator) -> Thing:
    """A boulder, half sunk."""
    size = np.exp(rng.uniform(np.log(0.3), np.log(3.0))) * rng.uniform(0.6, 1.2, 3)
    mesh = pillow(size, (0, 0.2 * size[1], 0), rng.uniform(0.6, 1.2))
    bumps = 1 + 0.12 * np.sin(mesh.vertices @ rng.normal(0, 4 / size.max(), (3, 3)) + rng.uniform(0, 6, 3)).sum(1)
    points = (mesh.vertices * bumps[:, None]).astype(np.float32)
    return Thing(
        ((shapes.Mesh(points, mesh.faces, mesh.normals), "rock"),), float(size[0]), float(size[2]), float(size[1])
    )


def car(rng: np.random.Generator) -> Thing:
    """A car or van; its bonnet points to -z.

    Example:
        >>> 1.0 < car(np.random.default_rng(0)).height_m < 3.0
        True
    """
    van = rng.random() < 0.25
    w, d = rng.uniform(1.65, 1.9), rng.uniform(3.7, 4.9) + 0.7 * van
    h, waist = rng.uniform(1.4, 1.65) + 0.6 * van, rng.uniform(0.85, 1.0)
    # The side view as a polygon (z, height), mirrored to both sides; the roof is narrower than the waist.
    bonnet, rear = (0.1, 0.02) if van else (rng.uniform(0.24, 0.32), rng.choice([0.03, 0.18]))
    z = np.array([-0.5, -0.5, -0.5 + bonnet, -0.5 + bonnet + 0.15, 0.5 - rear - 0.08, 0.5 - rear, 0.5, 0.5]) * d
    up = np.array([0.25, 0.72 * waist, waist, h, h, waist, 0.85 * waist if rear > 0.1 else waist, 0.25])
    half = np.where(up > waist + 0.1, 0.78, 1.0) * w / 2
    side = np.stack([half, -up, z], -1)
    body = shapes.grid_mesh(np.stack([side * [-1, 1, 1], side * [1, 1, 1]], 1), smooth=False)
    flanks = []
    for s in (-1, 1):
        ring = side * [s, 1, 1]
        fan = np.array([[0, i, i + 1] for i in range(1, len(ring) - 1)])
        flanks.append(shapes.flat_mesh(ring, fan))
    glass = [blocks((0, waist + 0.06, 0.5 * (z[3] + z[4]), 0.9 * w, 0.75 * (h - waist - 0.08), 0.86 * (z[4] - z[3])))]
    wheel = [moved(_wheel(), s * (w / 2 - 0.1), 0.31, v * d * 0.31) for s in (-1, 1) for v in (-1, 1)]
    lights = blocks(*[(s * 0.36 * w, 0.58, v * d / 2, 0.3, 0.14, 0.04) for s in (-1, 1) for v in (-1, 1)])
    parts = (
        (shapes.merge([body, *flanks]), "paint"),
        (shapes.merge(glass), "dark:glass"),
        (shapes.merge(wheel), "dark"),
        (lights, "white"),
        (blocks((0, 0.25, 0, w * 0.96, 0.06, d * 0.98)), "dark"),
    )
    return Thing(parts, w, d, h)


def _wheel() -> shapes.Mesh:
    disc = cylinder(0.31, -0.1, 0.1, 18)
    return shapes.Mesh(disc.vertices[:, [1, 0, 2]], disc.faces, disc.normals[:, [1, 0, 2]])


def lamp_post(rng: np.random.Generator) -> Thing:
    """A street lamp, leaning over to -x."""
    h, r = rng.uniform(3.5, 9.0), rng.uniform(0.05, 0.09)
    arm = rod((0, h, 0), (-rng.uniform(0.3, 1.8), h + 0.1, 0), 0.04)
    return Thing(
        ((shapes.merge([cylinder(r, 0, h, 10), arm, blocks((-0.9, h, 0, 0.5, 0.1, 0.2))]), "metal"),), 0.3, 0.3, h
    )


def sign(rng: np.random.Generator) -> Thing:
    """A traffic sign or a bollard."""
    if rng.random() < 0.35:
        return Thing(((cylinder(0.07, 0, rng.uniform(0.7, 1.1), 12), "metal"),), 0.15, 0.15, 1.0)
    h = rng.uniform(2.0, 2.7)
    face = blocks((0, h - 0.6, -0.05, 0.6, 0.6, 0.02))
    return Thing(
        ((cylinder(0.03, 0, h, 8), "metal"), (face, "plastic" if rng.random() < 0.6 else "print")), 0.6, 0.2, h
    )


def bench(rng: np.random.Generator) -> Thing:
    """A bench, or a litter bin."""
    if rng.random() < 0.4:
        return Thing(((cylinder(0.22, 0, rng.uniform(0.8, 1.1)), "metal"),), 0.45, 0.45, 1.0)
    w = rng.uniform(1.2, 2.0)
    slats = [(0, 0.42, z, w, 0.03, 0.1) for z in (-0.18, -0.05, 0.08)] + [
        (0, u, 0.2, w, 0.1, 0.03) for u in (0.55, 0.72)
    ]
    legs = [(s * 0.4 * w, 0, 0, 0.05, 0.45, 0.4) for s in (-1, 1)] + [
        (s * 0.4 * w, 0.4, 0.21, 0.05, 0.45, 0.04) for s in (-1, 1)
    ]
    return Thing(((blocks(*slats), "wood"), (blocks(*legs), "metal")), w, 0.5, 0.85)


_KERBSIDE: tuple[tuple[Maker, float], ...] = (
    (lamp_post, 1.5),
    (tree, 1.5),
    (sign, 1.5),
    (furniture.person, 2.0),
    (bench, 0.8),
    (bush, 0.5),
)


def street(rng: np.random.Generator, bank: TextureBank, extra: Extra = nothing) -> Scene:
    """A road with pavements, houses, cars, trees and people."""
    road, walk, kerb = rng.uniform(5.5, 13.0), rng.uniform(1.5, 4.5), 0.12
    on_walk = rng.random() < 0.35
    x = (
        float(rng.choice([-1, 1])) * (road / 2 + rng.uniform(0.4, walk - 0.4))
        if on_walk
        else rng.uniform(-0.35, 0.35) * road
    )
    up = rng.uniform(1.2, 2.0) + kerb * on_walk
    tilt = rng.normal(0.0, 0.06), rng.normal(0, 0.025)
    stage = MonoStage(rng, bank, Viewpoint(x, up, 0.0, rng.normal(0, 0.3), *tilt, field_of_view(rng)))
    _keep_lane(stage)
    stage.add(blocks((0, -0.5, 0, road, 0.5, 600)), stage.material("asphalt"), 0, 0, 200)
    stage.add(blocks((0, -1.2, 0, 900, 1.0, 900)), stage.material("grass"), 0, 0, 200)
    paving = stage.material("pavement")
    for s in (-1, 1):
        edge = s * (road / 2 + 0.06)
        stage.add(blocks((s * (road / 2 + 20.12), -0.5, 0, 40, 0.5 + kerb, 600)), paving, 0, 0, 200)
        stage.add(blocks((edge, -0.5, 0, 0.12, 0.5 + kerb + 0.01, 600)), stage.material("rock"), 0, 0, 200)
        _houses(stage, s * (road / 2 + walk), s)
        _parked(stage, s, road)
        _kerbside(stage, s, road, walk, kerb)
    _markings(stage, road)
    for _ in range(int(rng.integers(0, 5))):
        z, s = rng.uniform(7, 70), float(rng.choice([-1, 1]))
        if stage.reserve(s * road / 4, z, 1.0, 2.6):
            stage.put(car(rng), s * road / 4, z, np.pi if s > 0 else 0.0)
    extra(stage)
    return _daylight(stage, "street", 0.004)


def _keep_lane(stage: MonoStage) -> None:
    view = stage.view
    for step in (0.0, 1.5, 3.0):
        stage.taken.append(
            (view.x_m + step * float(np.sin(view.yaw_rad)), step * float(np.cos(view.yaw_rad)), 0.7, 0.9)
        )


def _houses(stage: MonoStage, edge: float, side: int) -> None:
    rng, z = stage.rng, -25.0
    end = rng.uniform(60, 220)
    while z < end:
        wide, tall, deep = rng.uniform(7, 24), rng.choice([1, 2, 2, 3, 3, 4, 5, 7]) * 3.0 + rng.uniform(0.3, 1.2), 11.0
        if rng.random() < 0.12:
            z += rng.uniform(4, 15)
            continue
        back = edge + side * (deep / 2 + (0.0 if rng.random() < 0.7 else rng.uniform(0.5, 6)))
        look = stage.material("front")
        stage.add(blocks((0, 0, 0, deep, tall, wide)), look, back, 0.0, z + wide / 2)
        if rng.random() < 0.45:
            stage.add(
                prism(deep + 0.6, tall, tall + rng.uniform(2, 4.5), wide),
                stage.material("bricks"),
                back,
                0.0,
                z + wide / 2,
            )
        front = back - side * deep / 2
        rows = [(0, 0.1, v, 0.12, 2.2, 1.0) for v in np.arange(-wide / 2 + 2, wide / 2 - 1, rng.uniform(4, 9))]
        rows += [(0, tall - 0.35, 0, 0.5, 0.3, wide)] if rng.random() < 0.6 else []
        if rng.random() < 0.3:
            rows += [
                (-side * 0.5, u, v, 1.2, 0.95, 2.4)
                for u in np.arange(3.0, tall - 2, 3.0)
                for v in np.arange(-wide / 2 + 2, wide / 2 - 2, 5.0)
            ]
        stage.add(
            blocks(*rows) if rows else blocks((0, 0, 0, 0.05, 0.6, wide)),
            stage.material("plastic"),
            front,
            0.0,
            z + wide / 2,
        )
        z += wide + (0.0 if rng.random() < 0.7 else rng.uniform(0.5, 8))


def _parked(stage: MonoStage, side: int, road: float) -> None:
    rng, z = stage.rng, _row_start(stage)
    if rng.random() < 0.35:
        return
    look = rng.uniform(0.3, 0.95)
    while z < 90:
        x = side * (road / 2 - 1.1)
        if rng.random() < look and stage.reserve(x, z, 1.0, 2.4):
            stage.put(car(rng), x, z, (np.pi if side > 0 else 0.0) + rng.normal(0, 0.02))
        z += rng.uniform(5.3, 7.5)


def _row_start(stage: MonoStage) -> float:
    return float(stage.rng.uniform(-3.0, 6.0))


def _kerbside(stage: MonoStage, side: int, road: float, walk: float, kerb: float) -> None:
    rng, z = stage.rng, _row_start(stage)
    gap = rng.uniform(2.0, 9.0)
    while z < 120:
        thing = pick(rng, _KERBSIDE)
        near_kerb = thing.height_m > 2.0
        x = side * (road / 2 + (0.5 if near_kerb else rng.uniform(0.4, max(walk - 0.3, 0.5))))
        if stage.reserve(x, z, 0.4, 0.5):
            turn = np.pi * (side < 0) if near_kerb else rng.uniform(0, 2 * np.pi)
            stage.put(thing, x, z, turn, kerb)
        z += gap * rng.uniform(0.3, 1.7)


def _markings(stage: MonoStage, road: float) -> None:
    rng, white = stage.rng, stage.material("white")
    rows: list[tuple[float, ...]] = []
    if rng.random() < 0.8:
        dash = rng.uniform(1.5, 4.0)
        rows += [(0, 0, z, 0.13, 0.006, dash) for z in np.arange(-12, 160, dash * rng.uniform(1.8, 3.0))]
    if rng.random() < 0.4:
        rows += [(s * (road / 2 - 0.3), 0, 100, 0.12, 0.006, 260) for s in (-1, 1)]
    if rng.random() < 0.3:
        z = rng.uniform(5, 25)
        rows += [(x, 0, z, 0.5, 0.007, 3.5) for x in np.arange(-road / 2 + 0.6, road / 2 - 0.4, 1.0)]
    if rows:
        stage.add(blocks(*rows), white, 0, 0, 0)


def landscape(rng: np.random.Generator, bank: TextureBank, extra: Extra = nothing) -> Scene:
    """Rolling ground with trees, bushes and rocks up to the horizon."""
    relief = Relief(rng)
    up = float(relief(np.zeros(1), np.zeros(1))[0]) + rng.uniform(1.2, 2.0)
    view = Viewpoint(0.0, up, 0.0, rng.normal(0, 1.0), rng.normal(-0.03, 0.09), rng.normal(0, 0.03), field_of_view(rng))
    stage = MonoStage(rng, bank, view)
    _keep_lane(stage)
    steps = np.linspace(-1, 1, 161)
    spread = np.sign(steps) * (0.04 * np.abs(steps) + 0.96 * np.abs(steps) ** 3) * 500
    x, z = np.meshgrid(spread, spread)
    ground = np.stack([x, -relief(x, z), z], -1)
    stage.add(shapes.grid_mesh(ground), stage.material("earth"), 0.0, 0.0, 0.0)
    kinds: tuple[tuple[Maker, float], ...] = (
        (tree, rng.uniform(0.1, 2.0)),
        (bush, rng.uniform(0.1, 1.5)),
        (rock, rng.uniform(0.0, 1.5)),
        (furniture.person, 0.05),
        (lamp_post, 0.05),
    )
    half = 0.7 * view.hfov_rad
    for _ in range(int(rng.integers(6, 70))):
        far = float(np.exp(rng.uniform(np.log(3.0), np.log(150.0))))
        angle = view.yaw_rad + rng.uniform(-half, half)
        a, b, thing = far * float(np.sin(angle)), far * float(np.cos(angle)), pick(rng, kinds)
        if stage.reserve(a, b, 0.3 * thing.width_m, 0.3 * thing.depth_m):
            foot = float(relief(np.array([a]), np.array([b]))[0])
            stage.put(thing, a, b, rng.uniform(0, 2 * np.pi), foot - 0.05)
    extra(stage)
    return _daylight(stage, "landscape", 0.006)


class Relief:
    """The height of the ground anywhere: smooth noise at a few wavelengths, flat near the origin."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draw the hills."""
        waves = rng.uniform(0.7, 1.5, 3) * [220.0, 45.0, 9.0]
        heights = np.array([12.0, 1.6, 0.15]) * rng.uniform(0.0, 1.6, 3)
        self._layers = [
            (rng.standard_normal((64, 64)).astype(np.float32), w, h) for w, h in zip(waves, heights, strict=True)
        ]

    def __call__(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Heights in metres at the points."""
        total = np.zeros(x.shape)
        for noise, wave, height in self._layers:
            a, b = ((v.reshape(1, -1) / wave + 32).astype(np.float32) for v in (x, z))
            smooth = cv2.remap(noise, a, b, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
            total += height * smooth.reshape(x.shape)
        near = np.clip(np.hypot(x, z) / 60.0, 0.0, 1.0)
        return total * near


def _daylight(stage: MonoStage, name: str, most_fog: float) -> Scene:
    rng = stage.rng
    overcast = rng.random() < 0.35
    strength = rng.uniform(0.0, 0.3) if overcast else rng.uniform(0.8, 2.0)
    lights: tuple[Light, ...] = (stage.sun(rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(12, 65)), strength),)
    up = rng.uniform(0.5, 0.9) if overcast else rng.uniform(0.25, 0.55)
    fog = most_fog * rng.random() ** 2 if rng.random() < 0.6 else 0.0
    return stage.scene(name, lights, air(rng, stage.bank, up, up * rng.uniform(0.3, 0.6), float(fog)))
