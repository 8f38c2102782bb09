"""Furniture of rooms: tables, seats, shelves, beds, lamps, plants."""

import numpy as np

from leadline.data.synthetic import shapes
from leadline.data.synthetic.shapes import Mesh
from leadline.data.synthetic.solids import blocks, cylinder, moved, pillow, rod, turned
from leadline.data.synthetic.things import Maker, Thing


def table(rng: np.random.Generator) -> Thing:
    """A desk or dining table, with four legs, a pedestal, or side panels.

    Example:
        >>> made = table(np.random.default_rng(0))
        >>> made.top, 0.7 < made.height_m < 0.78
        (True, True)
    """
    w, d, h = rng.uniform(0.9, 2.0), rng.uniform(0.6, 1.0), rng.uniform(0.7, 0.78)
    t, leg = rng.uniform(0.02, 0.05), rng.uniform(0.03, 0.08)
    top = blocks((0, h - t, 0, w, t, d))
    x, z = w / 2 - leg / 2 - 0.03, d / 2 - leg / 2 - 0.03
    draw = rng.random()
    if draw < 0.65:
        legs = blocks(*[(sx * x, 0, sz * z, leg, h - t, leg) for sx in (-1, 1) for sz in (-1, 1)])
    elif draw < 0.9:
        legs = blocks(*[(s * (w / 2 - 0.04), 0, 0, 0.03, h - t, 0.92 * d) for s in (-1, 1)])
        legs = shapes.merge([legs, blocks((0, 0.35, d / 2 - 0.08, w - 0.1, h - t - 0.35, 0.02))])
    else:
        legs = turned([(0, 0.04), (0.3, 0.02), (0.3, 0), (0.05, 0.06), (0.05, h - t)])
    parts = [(top, "wood"), (legs, "wood" if rng.random() < 0.5 else "metal")]
    if draw < 0.9 and rng.random() < 0.3:
        side = float(rng.choice([-1, 1])) * (w / 2 - 0.27)
        parts.append((_drawers(side, 0.04, 0.4, h - t - 0.06, d * 0.85, 3), "wood:drawers"))
    return Thing(tuple(parts), w, d, h, True)


def _drawers(x: float, up: float, w: float, h: float, d: float, count: int) -> Mesh:
    """A body with slightly proud fronts and handles towards -z."""
    step = h / count
    rows = [(x, up, 0.01, w, h, d - 0.02)]
    for i in range(count):
        rows.append((x, up + i * step + 0.01, -d / 2 + 0.01, w - 0.02, step - 0.02, 0.02))
        rows.append((x, up + (i + 0.6) * step, -d / 2 - 0.012, min(0.3 * w, 0.2), 0.015, 0.025))
    return blocks(*rows)


def coffee_table(rng: np.random.Generator) -> Thing:
    """A low table."""
    w, d, h, t = rng.uniform(0.5, 1.3), rng.uniform(0.45, 0.7), rng.uniform(0.35, 0.5), rng.uniform(0.02, 0.06)
    if rng.random() < 0.3:
        r = d / 2
        parts = ((turned([(0, h - t), (r, h - t), (r, h), (0, h)], 32), "wood"), (cylinder(0.04, 0, h - t), "metal"))
        return Thing(parts, d, d, h)
    legs = [(sx * (w / 2 - 0.05), 0, sz * (d / 2 - 0.05), 0.05, h - t, 0.05) for sx in (-1, 1) for sz in (-1, 1)]
    shelf = [(0, 0.12, 0, w - 0.1, 0.02, d - 0.1)] if rng.random() < 0.4 else []
    return Thing(((blocks((0, h - t, 0, w, t, d), *legs, *shelf), "wood"),), w, d, h, True)


def chair(rng: np.random.Generator) -> Thing:
    """A dining chair."""
    w, d, seat, h = rng.uniform(0.4, 0.5), rng.uniform(0.4, 0.5), rng.uniform(0.43, 0.48), rng.uniform(0.8, 1.05)
    leg, x, z = rng.uniform(0.025, 0.045), w / 2 - 0.03, d / 2 - 0.03
    frame = [(sx * x, 0, -z, leg, seat, leg) for sx in (-1, 1)] + [(sx * x, 0, z, leg, h, leg) for sx in (-1, 1)]
    if rng.random() < 0.5:
        rails = [(0, seat + f * (h - seat), z, 2 * x, 0.05, 0.02) for f in (0.3, 0.6, 0.9)]
    else:
        rails = [(0, seat + 0.12, z, 2 * x, h - seat - 0.12, 0.025)]
    seat_part = (
        pillow((w, 0.07, d), (0, seat, 0), 0.4) if rng.random() < 0.4 else blocks((0, seat - 0.02, 0, w, 0.03, d))
    )
    frame_kind = "wood" if rng.random() < 0.7 else "metal"
    return Thing(
        ((blocks(*frame, *rails), frame_kind), (seat_part, "wood" if rng.random() < 0.5 else "cloth")), w, d, h
    )


def office_chair(rng: np.random.Generator) -> Thing:
    """A swivel chair on five wheels."""
    seat, w = rng.uniform(0.42, 0.55), rng.uniform(0.45, 0.55)
    angles = np.arange(5) * 2 * np.pi / 5
    feet = [rod((0, 0.1, 0), (0.3 * np.cos(a), 0.06, 0.3 * np.sin(a)), 0.02) for a in angles]
    wheels = [moved(pillow((0.06, 0.06, 0.06), (0, 0.03, 0), 1.0), 0.3 * np.cos(a), 0, 0.3 * np.sin(a)) for a in angles]
    base = shapes.merge([*feet, *wheels, cylinder(0.03, 0.08, seat), rod((0, seat, 0.1), (0, seat + 0.2, 0.27), 0.025)])
    back = rng.uniform(0.4, 0.75)
    soft = [
        pillow((w, 0.1, w), (0, seat, 0), 0.4),
        pillow((w * 0.9, back, 0.09), (0, seat + 0.15 + back / 2, w / 2 + 0.02), 0.4),
    ]
    parts = [(base, "dark"), (shapes.merge(soft), "cloth" if rng.random() < 0.5 else "dark:seat")]
    if rng.random() < 0.7:
        arms = [(s * (w / 2 + 0.03), seat + 0.18, 0, 0.06, 0.03, 0.26) for s in (-1, 1)]
        arms += [(s * (w / 2 + 0.03), seat - 0.02, 0.05, 0.025, 0.2, 0.04) for s in (-1, 1)]
        parts.append((blocks(*arms), "dark"))
    return Thing(tuple(parts), 0.65, 0.65, seat + 0.15 + back)


def stool(rng: np.random.Generator) -> Thing:
    """A stool or pouf."""
    h, r = rng.uniform(0.35, 0.7), rng.uniform(0.15, 0.25)
    if rng.random() < 0.5:
        return Thing(((pillow((2 * r, h, 2 * r), (0, h / 2, 0), 0.5), "cloth"),), 2 * r, 2 * r, h)
    legs = [
        rod((1.1 * r * x, 0, 1.1 * r * z), (0.7 * r * x, h - 0.03, 0.7 * r * z), 0.015)
        for x in (-1, 1)
        for z in (-1, 1)
    ]
    return Thing(((cylinder(r, h - 0.04, h), "wood"), (shapes.merge(legs), "metal")), 2 * r, 2 * r, h)


def sofa(rng: np.random.Generator) -> Thing:
    """An armchair or sofa with cushions."""
    seats = int(rng.integers(1, 5))
    one, d, h, arm = rng.uniform(0.55, 0.7), rng.uniform(0.8, 1.0), rng.uniform(0.7, 0.95), rng.uniform(0.12, 0.25)
    w, seat = seats * one + 2 * arm, rng.uniform(0.38, 0.46)
    body = [(0, 0.06, 0, w, seat - 0.18, d), (0, 0.06, d / 2 - 0.1, w, h - 0.12, 0.2)]
    body += [(s * (w - arm) / 2, 0.06, 0, arm, seat + 0.12, d) for s in (-1, 1)]
    body += [(i * (w / 2 - 0.06), 0, j * (d / 2 - 0.06), 0.05, 0.06, 0.05) for i in (-1, 1) for j in (-1, 1)]
    x = (np.arange(seats) - (seats - 1) / 2) * one
    soft = [pillow((one, 0.2, d - 0.22), (v, seat - 0.06, -0.1), 0.3) for v in x]
    soft += [pillow((one, h - seat + 0.05, 0.24), (v, (h + seat) / 2 + 0.05, d / 2 - 0.26), 0.35) for v in x]
    parts = [(blocks(*body), "cloth"), (shapes.merge(soft), "cloth" if rng.random() < 0.8 else "cloth:b")]
    for i in range(int(rng.integers(0, 3))):
        spot = rng.uniform(-w / 2 + arm + 0.2, w / 2 - arm - 0.2)
        parts.append((pillow((0.42, 0.4, 0.16), (spot, seat + 0.22, d / 2 - 0.42), 0.5), f"cloth:cushion{i}"))
    return Thing(tuple(parts), w, d, h)


def bed(rng: np.random.Generator) -> Thing:
    """A bed; its head is at the back."""
    w, d, h = rng.choice([0.9, 1.2, 1.4, 1.6, 1.8]), rng.uniform(1.95, 2.15), rng.uniform(0.4, 0.6)
    frame = [(0, 0.08, 0, w, 0.22, d), (0, 0, d / 2 - 0.03, w + 0.05, rng.uniform(0.7, 1.2), 0.05)]
    frame += [(i * (w / 2 - 0.05), 0, 0.05 - d / 2, 0.06, 0.08, 0.06) for i in (-1, 1)]
    pillows = [
        pillow((0.6, 0.16, 0.4), (v, h + 0.05, d / 2 - 0.3), 0.5) for v in ([0.0] if w < 1.3 else [-w / 4, w / 4])
    ]
    parts = (
        (blocks(*frame), "wood" if rng.random() < 0.6 else "cloth:frame"),
        (pillow((w, h - 0.25, d - 0.06), (0, (h + 0.25) / 2, 0), 0.2), "white"),
        (pillow((w + 0.08, h - 0.16, d * 0.68), (0, (h + 0.2) / 2 + 0.01, -0.15 * d), 0.22), "cloth"),
        (shapes.merge(pillows), "white" if rng.random() < 0.5 else "cloth:pillow"),
    )
    return Thing(parts, float(w), d, 0.9)


def shelf(rng: np.random.Generator) -> Thing:
    """An open shelf with books and boxes."""
    w, d, h, t = rng.uniform(0.5, 1.6), rng.uniform(0.22, 0.4), rng.uniform(0.8, 2.2), 0.02
    levels = max(2, round(h / rng.uniform(0.3, 0.42)))
    ups = np.linspace(0.06, h - t, levels + 1)
    rows = [(0, u, 0, w, t, d) for u in ups] + [(s * (w / 2 - t / 2), 0, 0, t, h, d) for s in (-1, 1)]
    rows += [(0, 0, d / 2 - 0.005, w, h, 0.01)] if rng.random() < 0.7 else []
    parts: list[tuple[Mesh, str]] = [(blocks(*rows), "wood")]
    fill = books_in(rng, ups[:-1] + t, w - 2 * t, d, float(ups[1] - ups[0]) - t)
    return Thing((*parts, *fill), w, d, h, h < 1.3)


def books_in(rng: np.random.Generator, ups: np.ndarray, w: float, d: float, room: float) -> list[tuple[Mesh, str]]:
    """Rows of books, with gaps and boxes, on boards at the given heights."""
    names = ["plastic:0", "plastic:1", "cloth:2", "paper", "dark", "print", "cardboard"]
    rows: dict[str, list[tuple[float, ...]]] = {}
    for up in ups:
        x, fullness = -w / 2 + 0.01, rng.random()
        while x < w / 2 - 0.05:
            if rng.random() > fullness:
                x += rng.uniform(0.05, 0.3)
                continue
            wide = rng.random() < 0.12
            thick = rng.uniform(0.1, 0.3) if wide else rng.uniform(0.012, 0.05)
            if x + thick > w / 2 - 0.01:
                break
            tall, deep = room * rng.uniform(0.5, 0.92), d * rng.uniform(0.55, 0.9)
            name = names[int(rng.integers(len(names)))]
            rows.setdefault(name, []).append((x + thick / 2, up, d / 2 - 0.015 - deep / 2, thick, tall, deep))
            x += thick + 0.001
    return [(blocks(*some), name) for name, some in rows.items()]


def cabinet(rng: np.random.Generator) -> Thing:
    """A chest of drawers, sideboard or wardrobe."""
    tall = rng.random() < 0.4
    w = rng.uniform(0.6, 2.0)
    d, h = rng.uniform(0.38, 0.62), rng.uniform(1.7, 2.2) if tall else rng.uniform(0.5, 1.05)
    if tall or rng.random() < 0.4:
        doors = max(1, round(w / 0.5))
        step = w / doors
        rows = [(0.0, 0.05, 0.01, w, h - 0.05, d - 0.02)]
        for i in range(doors):
            x = -w / 2 + (i + 0.5) * step
            rows.append((x, 0.08, -d / 2 + 0.01, step - 0.012, h - 0.11, 0.02))
            rows.append((x + (0.4 if i % 2 else -0.4) * step, h * 0.45, -d / 2 - 0.015, 0.015, 0.12, 0.03))
        mesh = blocks(*rows)
    else:
        columns = max(1, round(w / 0.8))
        step, count = w / columns, max(2, round(h / 0.25))
        mesh = shapes.merge(
            [_drawers(-w / 2 + (i + 0.5) * step, 0.06, step - 0.005, h - 0.06, d, count) for i in range(columns)]
        )
    return Thing(((mesh, "wood"), (blocks((0, 0, 0.03, w - 0.04, 0.07, d - 0.1)), "dark")), w, d, h, not tall)


def kitchen(rng: np.random.Generator) -> Thing:
    """A run of base units with a worktop, and cupboards above."""
    w, d, h = rng.uniform(1.2, 3.2), 0.6, rng.uniform(0.86, 0.94)
    count = max(2, round(w / 0.6))
    step = w / count
    low = [
        _drawers(-w / 2 + (i + 0.5) * step, 0.1, step - 0.004, h - 0.14, d - 0.04, int(rng.integers(1, 4)))
        for i in range(count)
    ]
    parts = [(shapes.merge(low), "wood"), (blocks((0, 0, 0.05, w, 0.1, d - 0.12)), "dark")]
    parts.append((blocks((0, h - 0.04, 0, w, 0.04, d)), "tiles" if rng.random() < 0.3 else "wood:top"))
    if rng.random() < 0.6:
        high = [
            moved(_drawers(-w / 2 + (i + 0.5) * step, h + 0.55, step - 0.004, 0.7, 0.34, 1), z=0.13)
            for i in range(count)
            if rng.random() < 0.85
        ]
        parts += [(shapes.merge(high), "wood")] if high else []
    return Thing(tuple(parts), w, d, h, True)


def fridge(rng: np.random.Generator) -> Thing:
    """A fridge, washing machine or copier."""
    w, d, h = rng.uniform(0.55, 0.75), 0.62, rng.choice([0.85, 1.2, 1.7, 1.9])
    split = h * rng.uniform(0.4, 0.7)
    rows = [(0, 0.03, 0.01, w, h - 0.03, d - 0.04), (0, 0.04, -d / 2 + 0.02, w, split - 0.05, 0.04)]
    rows += [(0, split, -d / 2 + 0.02, w, h - split, 0.04), (-w * 0.4, split - 0.3, -d / 2 - 0.02, 0.025, 0.25, 0.04)]
    return Thing(((blocks(*rows), "white" if rng.random() < 0.6 else "metal"),), w, d, float(h))


def floor_lamp(rng: np.random.Generator) -> Thing:
    """A standard lamp."""
    h, r = rng.uniform(1.3, 1.8), rng.uniform(0.13, 0.25)
    pole = shapes.merge([cylinder(0.14, 0, 0.03), cylinder(0.012, 0.03, h - 0.15, 8)])
    return Thing(((pole, "metal"), (turned([(r, h - 0.28), (r * rng.uniform(0.5, 1), h)]), "white")), 0.35, 0.35, h)


def plant(rng: np.random.Generator) -> Thing:
    """A plant in a pot."""
    h, r = rng.uniform(0.5, 1.7), rng.uniform(0.12, 0.22)
    pot = 1.8 * r * rng.uniform(0.7, 1.1)
    crown = shapes.leaves(rng, int(rng.integers(60, 220)))
    spread = np.array([rng.uniform(0.35, 0.8), h - pot, rng.uniform(0.35, 0.8)])
    crown = Mesh((crown.vertices * spread - [0, (h + pot) / 2, 0]).astype(np.float32), crown.faces, crown.normals)
    parts = (
        (turned([(0, 0), (0.75 * r, 0), (r, pot), (0.9 * r, pot - 0.03), (0, pot - 0.03)]), "plastic"),
        (rod((0, pot - 0.03, 0), (0, (h + pot) / 2, 0), 0.015), "bark"),
        (crown, "leaf"),
    )
    return Thing(parts, 0.5, 0.5, h)


def carton(rng: np.random.Generator) -> Thing:
    """One to three boxes on each other."""
    parts, up, w0 = [], 0.0, 0.0
    for i in range(int(rng.choice([1, 1, 1, 2, 2, 3]))):
        w, h, d = rng.uniform(0.22, 0.6, 3)
        kind = "cardboard" if rng.random() < 0.6 else "plastic"
        parts.append((moved(blocks((0, 0, 0, w, h, d)), up=up, yaw_rad=rng.normal(0, 0.2)), f"{kind}:{i}"))
        up, w0 = up + h, max(w0, w, d)
    return Thing(tuple(parts), w0, w0, up)


def bin_(rng: np.random.Generator) -> Thing:
    """A waste-paper bin or bucket."""
    r, h = rng.uniform(0.11, 0.2), rng.uniform(0.28, 0.6)
    side = turned([(0, 0.01), (0.8 * r, 0.0), (r, h), (0.93 * r, h), (0.74 * r, 0.02)])
    return Thing(((side, "plastic" if rng.random() < 0.6 else "metal"),), 2 * r, 2 * r, h)


def bag(rng: np.random.Generator) -> Thing:
    """A bag, a ball or a heap of cloth."""
    w, h, d = rng.uniform(0.2, 0.5), rng.uniform(0.15, 0.5), rng.uniform(0.15, 0.4)
    return Thing(((pillow((w, h, d), (0, h / 2, 0), rng.uniform(0.4, 1.0)), "cloth"),), w, d, h)


def person(rng: np.random.Generator) -> Thing:
    """Somebody standing or walking."""
    h, stride = rng.uniform(1.5, 1.9), rng.uniform(0, 0.25)
    leg = 0.48 * h
    legs = [rod((s * 0.09, 0.02, s * stride), (s * 0.08, leg, 0), 0.075) for s in (-1, 1)]
    feet = [pillow((0.1, 0.09, 0.26), (s * 0.09, 0.045, s * stride - 0.05), 0.7) for s in (-1, 1)]
    arms = [rod((s * 0.23, 0.8 * h, 0), (s * 0.27, 0.45 * h, -s * stride), 0.05) for s in (-1, 1)]
    body = pillow((0.44, 0.4 * h, 0.25), (0, 0.65 * h, 0), 0.7)
    head = shapes.merge(
        [pillow((0.17, 0.24, 0.2), (0, h - 0.12, 0), 1.0), rod((0, 0.82 * h, 0), (0, h - 0.15, 0), 0.06)]
    )
    parts = (
        (shapes.merge(legs), "cloth:legs"),
        (shapes.merge(feet), "dark"),
        (shapes.merge([body, *arms]), "cloth"),
        (head, "cardboard"),
        (pillow((0.19, 0.16, 0.22), (0, h - 0.06, 0.015), 1.0), "dark:hair"),
    )
    return Thing(parts, 0.55, 0.6, h)


#: What stands with its back to a wall, and what stands anywhere, with how often.
ALONG_WALLS: tuple[tuple[Maker, float], ...] = (
    (shelf, 3.0),
    (cabinet, 3.0),
    (table, 2.5),
    (sofa, 2.0),
    (bed, 1.2),
    (kitchen, 1.0),
    (fridge, 0.6),
    (floor_lamp, 0.8),
    (plant, 0.8),
    (carton, 0.8),
    (chair, 1.0),
)
ANYWHERE: tuple[tuple[Maker, float], ...] = (
    (table, 1.6),
    (coffee_table, 1.2),
    (chair, 2.0),
    (office_chair, 1.5),
    (stool, 0.8),
    (sofa, 0.8),
    (carton, 1.2),
    (bin_, 0.7),
    (bag, 0.8),
    (plant, 0.5),
    (person, 0.25),
)
SEATS: tuple[tuple[Maker, float], ...] = ((chair, 2.0), (office_chair, 1.5), (stool, 0.3))
