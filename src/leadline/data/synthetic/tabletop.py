"""Things on tables and shelves: screens, keyboards, cups, books, bottles."""

import itertools

import numpy as np

from leadline.data.synthetic import shapes
from leadline.data.synthetic.solids import blocks, cylinder, moved, pillow, rod, tilted, turned
from leadline.data.synthetic.things import Maker, Thing


def monitor(rng: np.random.Generator) -> Thing:
    """A flat screen on a stand."""
    w = rng.uniform(0.42, 0.7)
    h, up = w * rng.uniform(0.56, 0.75), rng.uniform(0.08, 0.2)
    panel = shapes.merge(
        [blocks((0, up, 0.02, w, h, 0.035)), blocks((0, 0, 0.05, 0.24, 0.015, 0.2), (0, 0, 0.05, 0.06, up + 0.1, 0.03))]
    )
    return Thing(
        (
            (panel, "dark" if rng.random() < 0.7 else "metal"),
            (blocks((0, up + 0.015, 0, w - 0.03, h - 0.03, 0.01)), "screen"),
        ),
        w,
        0.25,
        up + h,
    )


def keyboard(rng: np.random.Generator) -> Thing:
    """A keyboard with its keys."""
    columns, rows, step = int(rng.integers(14, 22)), 5, 0.019
    w, d = columns * step + 0.015, rows * step + 0.015
    x = (np.arange(columns) - (columns - 1) / 2) * step
    z = (np.arange(rows) - (rows - 1) / 2) * step
    keys = [(a, 0.016, b, 0.016, 0.008, 0.016) for a in x for b in z]
    body = "dark" if rng.random() < 0.6 else "white"
    return Thing(((blocks((0, 0, 0, w, 0.018, d)), body), (blocks(*keys), body + ":keys")), w, d, 0.025)


def mouse(rng: np.random.Generator) -> Thing:
    """A computer mouse, sometimes on a mat."""
    body = (pillow((0.062, 0.05, 0.11), (0, 0.012, 0), 0.8), "dark" if rng.random() < 0.6 else "white")
    mat = ((blocks((0, 0, 0, 0.24, 0.004, 0.2)), "cloth"),) if rng.random() < 0.4 else ()
    return Thing((body, *mat), 0.1, 0.12, 0.04)


def laptop(rng: np.random.Generator) -> Thing:
    """An open laptop."""
    w, d = rng.uniform(0.3, 0.38), rng.uniform(0.21, 0.26)
    lid = blocks((0, 0, 0, w, d, 0.008))
    face = blocks((0, 0.012, -0.005, w - 0.02, d - 0.025, 0.003))
    lean = rng.uniform(0.05, 0.6)
    keys = [(a, 0.017, b, 0.015, 0.003, 0.015) for a in np.arange(-6, 7) * 0.019 for b in np.arange(0, 4) * 0.019]
    return Thing(
        (
            (
                shapes.merge([blocks((0, 0, 0, w, 0.018, d)), tilted(lid, lean, 0.018, d / 2)]),
                "metal" if rng.random() < 0.5 else "dark",
            ),
            (tilted(face, lean, 0.018, d / 2), "screen"),
            (blocks(*keys), "dark:keys"),
        ),
        w,
        d + 0.1,
        0.25,
    )


def books(rng: np.random.Generator) -> Thing:
    """A pile of books or papers."""
    parts, up = [], 0.0
    for i in range(int(rng.integers(1, 6))):
        w, h, d = rng.uniform(0.12, 0.24), rng.uniform(0.006, 0.045), rng.uniform(0.18, 0.31)
        kind = str(rng.choice(["print", "plastic", "paper", "cloth"]))
        parts.append((moved(blocks((0, 0, 0, w, h, d)), up=up, yaw_rad=rng.normal(0, 0.2)), f"{kind}:{i}"))
        up += h
    return Thing(tuple(parts), 0.3, 0.32, up)


def papers(rng: np.random.Generator) -> Thing:
    """Sheets of paper lying about."""
    sheets = [
        (
            moved(
                blocks((0, 0.001 * i, 0, 0.21, 0.001, 0.297)),
                float(rng.normal(0, 0.06)),
                0.0,
                float(rng.normal(0, 0.04)),
                rng.normal(0, 0.4),
            ),
            f"paper:{i}",
        )
        for i in range(int(rng.integers(1, 4)))
    ]
    return Thing(tuple(sheets), 0.3, 0.35, 0.004)


def cup(rng: np.random.Generator) -> Thing:
    """A mug, glass or beaker.

    Example:
        >>> 0.03 < cup(np.random.default_rng(0)).height_m < 0.3
        True
    """
    r, h = rng.uniform(0.032, 0.048), rng.uniform(0.07, 0.13)
    foot = r * rng.uniform(0.7, 1.0)
    side = turned([(0, 0), (foot, 0), (r, h), (0.9 * r, h), (0.85 * foot, 0.01), (0, 0.01)])
    if rng.random() < 0.6:
        angle = np.linspace(-1.2, 1.2, 7)
        spots = [(r + 0.028 * np.cos(a) - 0.012, h / 2 + 0.3 * h * np.sin(a), 0.0) for a in angle]
        side = shapes.merge([side, *(rod(a, b, 0.005) for a, b in itertools.pairwise(spots))])
    return Thing(((side, str(rng.choice(["white", "plastic", "metal"]))),), 2 * r + 0.04, 2 * r, h)


def bottle(rng: np.random.Generator) -> Thing:
    """A bottle or carafe."""
    r, h = rng.uniform(0.03, 0.05), rng.uniform(0.18, 0.34)
    neck = r * rng.uniform(0.25, 0.6)
    side = turned([(0, 0), (r, 0), (r, 0.55 * h), (0.9 * r, 0.65 * h), (neck, 0.78 * h), (neck, h), (0, h)], 20)
    label = turned([(r + 0.001, 0.15 * h), (r + 0.001, 0.45 * h)], 20)
    return Thing(((side, "plastic" if rng.random() < 0.7 else "dark"), (label, "print")), 2 * r, 2 * r, h)


def can(rng: np.random.Generator) -> Thing:
    """A tin or a box of food standing up."""
    if rng.random() < 0.5:
        r, h = rng.uniform(0.03, 0.055), rng.uniform(0.08, 0.16)
        return Thing(((cylinder(r, 0, h), "print"),), 2 * r, 2 * r, h)
    w, h, d = rng.uniform(0.06, 0.2), rng.uniform(0.1, 0.3), rng.uniform(0.04, 0.12)
    return Thing(((blocks((0, 0, 0, w, h, d)), "print"),), w, d, h)


def bowl(rng: np.random.Generator) -> Thing:
    """A bowl or plate, sometimes with fruit."""
    r, h = rng.uniform(0.07, 0.16), rng.uniform(0.015, 0.09)
    rings = [(r * s, h * s**2) for s in np.linspace(0.3, 1.0, 7)] + [
        (0.97 * r * s, h * s**2 + 0.004) for s in np.linspace(1.0, 0.0, 8)
    ]
    parts = [(turned(rings, 28, soft=True), "white" if rng.random() < 0.6 else "plastic")]
    for i in range(int(rng.integers(0, 5)) if h > 0.04 else 0):
        size = rng.uniform(0.05, 0.085)
        a = 2 * np.pi * i / 4
        parts.append(
            (pillow((size,) * 3, (0.4 * r * np.cos(a), size / 2 + 0.2 * h, 0.4 * r * np.sin(a)), 1.0), f"plastic:{i}")
        )
    return Thing(tuple(parts), 2 * r, 2 * r, h)


def desk_lamp(rng: np.random.Generator) -> Thing:
    """A lamp with a shade or with an arm."""
    if rng.random() < 0.5:
        h, r = rng.uniform(0.3, 0.55), rng.uniform(0.08, 0.16)
        foot = turned([(0, 0), (0.07, 0), (0.05, 0.03), (0.02, 0.1), (0.02, h - 0.1)])
        return Thing(((foot, "plastic"), (turned([(r, h - 0.18), (0.7 * r, h)]), "white")), 2 * r, 2 * r, h)
    elbow, tip = (0.12, 0.3, 0.05), (-0.15, 0.45, -0.1)
    arm = shapes.merge([cylinder(0.09, 0, 0.02), rod((0, 0, 0.05), elbow, 0.009), rod(elbow, tip, 0.009)])
    shade = moved(turned([(0.07, 0.0), (0.02, 0.1), (0, 0.1)]), tip[0], tip[1] - 0.07, tip[2])
    return Thing(((arm, "metal"), (shade, "plastic")), 0.25, 0.25, 0.5)


def gadget(rng: np.random.Generator) -> Thing:
    """A telephone, a stapler, a pencil pot or a small box."""
    draw = rng.random()
    if draw < 0.3:
        pens = [rod((0, 0.01, 0), (*rng.normal(0, 0.02, 1), 0.15, *rng.normal(0, 0.02, 1)), 0.004) for _ in range(5)]
        pot = turned([(0, 0), (0.04, 0), (0.04, 0.1), (0.036, 0.1), (0.036, 0.01)])
        return Thing(((pot, "plastic"), (shapes.merge(pens), "plastic:pens")), 0.09, 0.09, 0.15)
    if draw < 0.5:
        return Thing(((blocks((0, 0, 0, 0.07, 0.008, 0.15)), "dark"),), 0.08, 0.15, 0.01)
    w, h, d = rng.uniform(0.05, 0.22), rng.uniform(0.03, 0.15), rng.uniform(0.05, 0.2)
    return Thing(((blocks((0, 0, 0, w, h, d)), str(rng.choice(["plastic", "cardboard", "dark", "print"]))),), w, d, h)


def ornament(rng: np.random.Generator) -> Thing:
    """A vase, a toy or any odd shape."""
    if rng.random() < 0.4:
        h, knots = rng.uniform(0.12, 0.35), rng.uniform(0.25, 1.0, 5)
        radius = np.interp(np.linspace(0, 4, 13), np.arange(5), knots) * 0.35 * h
        profile = [(0.0, 0.0), *((float(r), float(up)) for r, up in zip(radius, np.linspace(0, h, 13), strict=True))]
        return Thing(((turned(profile, soft=True), "plastic"),), 0.7 * h, 0.7 * h, h)
    mesh, size = shapes.random_mesh(rng), rng.uniform(0.08, 0.3)
    points = mesh.vertices * np.float32(size)
    points = points - np.array([0, points[:, 1].max(), 0], np.float32)
    return Thing(((shapes.Mesh(points, mesh.faces, mesh.normals), "anything"),), size, size, size)


def pot_plant(rng: np.random.Generator) -> Thing:
    """A small plant in a pot."""
    h = rng.uniform(0.15, 0.4)
    crown = shapes.leaves(rng, int(rng.integers(50, 150)))
    leaves = crown.vertices * [0.8 * h, 0.8 * h, 0.8 * h] - [0, 0.75 * h, 0]
    pot = turned([(0, 0), (0.18 * h, 0), (0.25 * h, 0.4 * h), (0, 0.38 * h)])
    return Thing(
        ((pot, "plastic"), (shapes.Mesh(leaves.astype(np.float32), crown.faces, crown.normals), "leaf")),
        0.5 * h,
        0.5 * h,
        h,
    )


def teddy(rng: np.random.Generator) -> Thing:
    """A soft toy."""
    s = rng.uniform(0.6, 1.2)
    parts = [
        ((0.16, 0.18, 0.13), (0, 0.11, 0)),
        ((0.13, 0.12, 0.12), (0, 0.24, 0)),
        ((0.05, 0.05, 0.05), (0, 0.23, -0.06)),
    ]
    for side in (-1, 1):
        parts += [((0.05, 0.05, 0.03), (0.05 * side, 0.3, 0)), ((0.06, 0.13, 0.06), (0.09 * side, 0.14, -0.03))]
        parts += [((0.07, 0.07, 0.14), (0.06 * side, 0.04, -0.08))]
    mesh = shapes.merge([pillow(np.multiply(size, s), np.multiply(at, s), 1.0) for size, at in parts])
    return Thing(((mesh, "cloth"),), 0.2 * s, 0.22 * s, 0.32 * s)


ON_TABLES: tuple[tuple[Maker, float], ...] = (
    (cup, 2.0),
    (bottle, 1.3),
    (can, 1.5),
    (books, 2.0),
    (papers, 1.2),
    (bowl, 0.8),
    (gadget, 2.0),
    (laptop, 0.6),
    (desk_lamp, 0.5),
    (ornament, 1.0),
    (pot_plant, 0.6),
    (teddy, 0.4),
)
OFFICE: tuple[tuple[Maker, float], ...] = ((monitor, 1.0), (keyboard, 1.0), (mouse, 0.6), (laptop, 0.4))
