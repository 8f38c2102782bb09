"""A bank of tileable images, held as a mip-mapped atlas and sampled per ray."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, Int, UInt8

TILE_PX = 512
_LEVELS = 9
_SIZES_PX = np.float32(TILE_PX) / 2.0 ** np.arange(_LEVELS, dtype=np.float32)
_PAD_PX = 2
_BANK_SEED = 20240607

#: Photographs inside scikit-image's wheel (public domain or CC0); never its Middlebury motorcycle pair.
PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
    "microaneurysms.png",
)


@dataclass(frozen=True)
class TextureBank:
    """Images of ``TILE_PX`` squared with their mip levels, packed in one atlas.

    Attributes:
        atlas: All levels of all entries, RGB.
        origin_px: First texel of each level of each entry, x and y.
        period: Tiles after which an entry repeats: 1 for tileable patterns, 2 for photographs, which are mirrored.
        mean: Mean colour of each entry, in [0, 1].
        groups: Entry numbers by kind: "photo", "noise", "regular", "facade", "sky".
        missing: How many photographs were not found.
    """

    atlas: UInt8[np.ndarray, "a b 3"]
    origin_px: Float32[np.ndarray, "2 levels n"]
    period: Float32[np.ndarray, " n"]
    mean: Float32[np.ndarray, "n 3"]
    groups: dict[str, np.ndarray]
    missing: int

    def sample(
        self,
        entry: Int[np.ndarray, " n"],
        u: Float32[np.ndarray, " n"],
        v: Float32[np.ndarray, " n"],
        footprint_px: Float32[np.ndarray, " n"],
    ) -> Float32[np.ndarray, "3 n"]:
        """Trilinear lookup.

        Args:
            entry: Bank entry of each sample, of which there are fewer than 32767 (a limit of OpenCV's).
            u: Horizontal coordinate, one unit a tile.
            v: Vertical coordinate, one unit a tile.
            footprint_px: Width of the sample on the finest level, texels.
        Returns:
            Colours in [0, 1].
        """
        period = self.period.take(entry)
        u, v = _wrap(u, period), _wrap(v, period)
        level = np.clip(np.log2(np.maximum(footprint_px, 1.0)), 0.0, _LEVELS - 1.001)
        lower = level.astype(np.intp)
        fine, coarse = self._bilinear(entry, u, v, lower), self._bilinear(entry, u, v, lower + 1)
        fine += (level - lower.astype(np.float32)) * (coarse - fine)
        fine *= np.float32(1 / 255)
        return fine

    def _bilinear(self, entry: np.ndarray, u: np.ndarray, v: np.ndarray, level: np.ndarray) -> np.ndarray:
        size = _SIZES_PX.take(level)
        x, y = self.origin_px.reshape(2, -1).take(level * len(self.period) + entry, axis=1)
        x += u * size - 0.5
        y += v * size - 0.5
        texels = cv2.remap(self.atlas, x[None], y[None], cv2.INTER_LINEAR)[0]
        return texels.T.astype(np.float32, order="C")


def _wrap(t: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Fold a coordinate into one tile; the second half of a period of 2 runs backwards."""
    t = t - period * np.floor(t / period)
    return 1.0 - np.abs(t - 1.0)


@cache
def texture_bank() -> TextureBank:
    """The bank: the same in every process, built on the first call (seconds)."""
    return _pack(*_common_entries(np.random.Generator(np.random.PCG64(_BANK_SEED))))


@cache
def household_bank() -> TextureBank:
    """The bank with grey patterns of known scale besides, to be coloured by the material; built likewise.

    Groups "wood" (grain along u), "plaster" and "carpet" have no scale; a tile shows 4 boards along u ("planks"),
    4 x 4 pieces ("tiles", "setts"), 8 courses of 4 bricks ("brickwork"), or 4 storeys of 4 windows ("windows").
    """
    rng = np.random.Generator(np.random.PCG64(_BANK_SEED))
    entries, missing = _common_entries(rng)
    for name, maker, count in _HOUSEHOLD:
        entries += [(name, False, _grey(maker(rng))) for _ in range(count)]
    entries += [("windows", False, _facade(rng, (4, 4))) for _ in range(10)]
    return _pack(entries, missing)


def image_bank(images: Sequence[UInt8[np.ndarray, "t t 3"]], mirrored: bool = False) -> TextureBank:
    """A bank of some images of ``TILE_PX`` squared.

    Args:
        images: At least one.
        mirrored: Whether an image is mirrored where it repeats.
    """
    return _pack([("image", mirrored, image) for image in images], 0)


def _common_entries(rng: np.random.Generator) -> tuple[list[tuple[str, bool, np.ndarray]], int]:
    entries: list[tuple[str, bool, np.ndarray]] = []
    photographs, missing = _photographs(rng)
    entries += [("photo", True, p) for p in photographs]
    for _ in range(26):
        entries.append(("noise", False, _palette(rng, _noise_like(rng))))
    for maker in (_stripes, _checkers, _bricks, _dots, _grid, _weave, _bricks, _stripes, _grid, _dots):
        entries.append(("regular", False, _palette(rng, maker(rng))))
    for maker in (
        _cells,
        _cells,
        _cells,
        _wood,
        _wood,
        _glyphs,
        _glyphs,
        _glyphs,
        _scratches,
        _blotches,
        _blotches,
        _leaf_litter,
    ):
        entries.append(("noise", False, _palette(rng, maker(rng))))
    entries += [("facade", False, _facade(rng)) for _ in range(6)]
    entries += [("sky", False, _clouds(rng)) for _ in range(4)]
    return entries, missing


def _pack(entries: list[tuple[str, bool, np.ndarray]], missing: int) -> TextureBank:
    columns = 12
    rows = -(-len(entries) // columns)
    cell = [(TILE_PX >> k) + 2 * _PAD_PX for k in range(_LEVELS)]
    atlas = np.zeros((rows * sum(cell), columns * cell[0], 3), np.uint8)
    origin = np.zeros((2, _LEVELS, len(entries)), np.float32)
    for i, (_, mirror, image) in enumerate(entries):
        level, top = image, 0
        for k in range(_LEVELS):
            x, y = (i % columns) * cell[k], top + (i // columns) * cell[k]
            border = cv2.BORDER_REFLECT if mirror else cv2.BORDER_WRAP
            pad = min(_PAD_PX, level.shape[0])
            atlas[y : y + cell[k], x : x + cell[k]] = cv2.copyMakeBorder(level, pad, pad, pad, pad, border)
            origin[:, k, i] = x + _PAD_PX, y + _PAD_PX
            top += rows * cell[k]
            level = cv2.resize(level, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    names = [name for name, _, _ in entries]
    groups = {g: np.flatnonzero([n == g for n in names]) for g in sorted(set(names))}
    mean = np.array([p.reshape(-1, 3).mean(0) / 255 for _, _, p in entries], np.float32)
    period = np.array([2 if mirror else 1 for _, mirror, _ in entries], np.float32)
    return TextureBank(atlas, origin, period, mean, groups, missing)


def _photographs(rng: np.random.Generator) -> tuple[list[UInt8[np.ndarray, "t t 3"]], int]:
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        return [], len(PHOTOGRAPHS)
    folder, found, missing = Path(spec.origin).parent / "data", [], 0
    for name in PHOTOGRAPHS:
        path = folder / name
        image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
        if image is None:
            missing += 1
            continue
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        side = min(image.shape[:2])
        for share in (1.0, 0.6):
            crop = int(side * share)
            y, x = (int(rng.integers(0, n - crop + 1)) for n in image.shape[:2])
            if share < 1.0 and crop < 200:
                continue
            square = image[y : y + crop, x : x + crop]
            method = cv2.INTER_AREA if crop > TILE_PX else cv2.INTER_CUBIC
            found.append(cv2.resize(square, (TILE_PX, TILE_PX), interpolation=method))
    return found, missing


def _unit(values: np.ndarray) -> np.ndarray:
    low, high = np.quantile(values, [0.01, 0.99])
    return np.clip((values - low) / max(high - low, 1e-9), 0, 1).astype(np.float32)


def _palette(rng: np.random.Generator, values: Float32[np.ndarray, "t t"]) -> UInt8[np.ndarray, "t t 3"]:
    """Colour a grey pattern by a random ramp of two to four colours, with a little grain."""
    stops = int(rng.integers(2, 5))
    base, saturation = rng.random(3), rng.beta(1.3, 1.8)
    colours = 0.55 * base + 0.45 * rng.random((stops, 3))
    grey = colours.mean(-1, keepdims=True)
    colours = np.clip(grey + saturation * (colours - grey) + rng.uniform(-0.35, 0.35, (stops, 1)), 0.03, 1.0)
    ramp = np.linspace(0, 1, stops)
    grain = 0.08 * rng.random() * (_spectrum(rng, 0.5) - 0.5)
    image = np.stack([np.interp(values, ramp, colours[:, c]) for c in range(3)], -1) + grain[..., None]
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def _spectrum(rng: np.random.Generator, slope: float, stretch: float = 1.0) -> Float32[np.ndarray, "t t"]:
    """Tileable noise whose amplitude falls as frequency to the power -slope."""
    fy, fx = np.meshgrid(np.fft.fftfreq(TILE_PX), np.fft.rfftfreq(TILE_PX), indexing="ij")
    radius = np.sqrt((fx * stretch) ** 2 + fy**2)
    radius[0, 0] = 1.0
    phase = np.exp(2j * np.pi * rng.random(radius.shape)) * radius**-slope
    phase[0, 0] = 0.0
    return _unit(np.fft.irfft2(phase, s=(TILE_PX, TILE_PX)))


def _noise_like(rng: np.random.Generator) -> np.ndarray:
    noise = _spectrum(rng, rng.uniform(0.3, 2.0), 1.0 if rng.random() < 0.7 else rng.uniform(2, 8))
    kind = rng.integers(4)
    if kind == 1:
        return np.abs(2 * noise - 1)
    if kind == 2:
        return _unit(np.sin(rng.uniform(6, 40) * _spectrum(rng, 1.8)) + 0.5 * noise)
    if kind == 3:
        return _unit(0.6 * (noise > rng.uniform(0.3, 0.7)) + 0.4 * _spectrum(rng, 1.0))
    return noise


def _phase(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates in whole numbers of periods, so that the pattern tiles."""
    count = 2 ** rng.integers(1, 6, 2) if rng.random() < 0.5 else np.repeat(2 ** rng.integers(2, 6), 2)
    y, x = np.mgrid[0:TILE_PX, 0:TILE_PX] / TILE_PX
    return x * count[0], y * count[1]


def _soften(rng: np.random.Generator, pattern: np.ndarray) -> Float32[np.ndarray, "t t"]:
    wear = rng.uniform(0, 0.4) * _spectrum(rng, rng.uniform(0.7, 1.5))
    return _unit(cv2.GaussianBlur(pattern.astype(np.float32), (0, 0), rng.uniform(0.6, 1.5)) + wear)


def _stripes(rng: np.random.Generator) -> np.ndarray:
    x, y = _phase(rng)
    return _soften(rng, (np.sin(2 * np.pi * (x + (y if rng.random() < 0.4 else 0))) > rng.uniform(-0.7, 0.7)))


def _checkers(rng: np.random.Generator) -> np.ndarray:
    x, y = _phase(rng)
    return _soften(rng, (x % 1 < 0.5) ^ (y % 1 < 0.5))


def _bricks(rng: np.random.Generator) -> np.ndarray:
    x, y = _phase(rng)
    row = np.floor(2 * y)
    x = x + 0.5 * (row % 2)
    gap = rng.uniform(0.03, 0.12)
    tone = rng.random((64, 128))[row.astype(int) % 64, np.floor(x).astype(int) % 128]
    return _soften(rng, np.where((x % 1 < gap) | (2 * y % 1 < 2 * gap), 0.0, 0.5 + 0.5 * tone))


def _dots(rng: np.random.Generator) -> np.ndarray:
    x, y = _phase(rng)
    return _soften(rng, np.hypot(x % 1 - 0.5, y % 1 - 0.5) < rng.uniform(0.15, 0.42))


def _grid(rng: np.random.Generator) -> np.ndarray:
    x, y = _phase(rng)
    width = rng.uniform(0.06, 0.25)
    return _soften(rng, (x % 1 < width) | (y % 1 < width))


def _weave(rng: np.random.Generator) -> np.ndarray:
    x, y = _phase(rng)
    over = (np.floor(2 * x) + np.floor(2 * y)) % 2 > 0
    return _soften(rng, np.where(over, np.abs(np.sin(2 * np.pi * x)), np.abs(np.sin(2 * np.pi * y)) * 0.8))


def _cells(rng: np.random.Generator) -> np.ndarray:
    """Voronoi cells, or the distance to their seeds."""
    margin, count = 96, int(2 ** rng.uniform(4, 10))
    seeds = rng.integers(0, TILE_PX, (count, 2))
    canvas = np.full((TILE_PX, TILE_PX), 255, np.uint8)
    canvas[seeds[:, 1], seeds[:, 0]] = 0
    wide = cv2.copyMakeBorder(canvas, margin, margin, margin, margin, cv2.BORDER_WRAP)
    distance, label = cv2.distanceTransformWithLabels(wide, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    label = np.asarray(label, np.int32)
    inside = (slice(margin, -margin), slice(margin, -margin))
    tone = rng.random(int(label.max()) + 1)[label]
    edge = cv2.morphologyEx(label.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
    kind = rng.integers(3)
    values = distance if kind == 0 else np.where(edge, 0, tone) if kind == 1 else distance / distance.max() + 0.3 * tone
    return _unit(values[inside])


def _wood(rng: np.random.Generator) -> np.ndarray:
    rings = np.sin(2 * np.pi * rng.uniform(3, 20) * _spectrum(rng, 1.9, rng.uniform(4, 12)))
    return _unit(rings + 1.2 * _spectrum(rng, 0.8, 20.0))


def _glyphs(rng: np.random.Generator) -> np.ndarray:
    canvas = np.zeros((TILE_PX, TILE_PX), np.uint8)
    size = rng.uniform(0.35, 1.6)
    step = int(26 * size)
    for y in range(step, TILE_PX, step):
        text = "".join(chr(int(c)) if rng.random() > 0.15 else " " for c in rng.integers(40, 123, 90))
        cv2.putText(
            canvas,
            text,
            (int(rng.integers(-20, 10)), y),
            int(rng.integers(0, 5)),
            size * 0.75,
            255,
            max(1, int(size * 1.6)),
            cv2.LINE_AA,
        )
    return _unit(canvas / 255.0 + 0.15 * _spectrum(rng, 1.2))


def _scratches(rng: np.random.Generator) -> np.ndarray:
    canvas = (_spectrum(rng, 1.3) * 120).astype(np.uint8)
    for _ in range(400):
        a = rng.integers(0, TILE_PX, 2)
        b = a + rng.normal(0, 60, 2).astype(int)
        cv2.line(canvas, tuple(map(int, a)), tuple(map(int, b)), int(rng.integers(60, 255)), 1, cv2.LINE_AA)
    return _unit(canvas)


def _blotches(rng: np.random.Generator) -> np.ndarray:
    layers = np.floor(_spectrum(rng, rng.uniform(1.4, 2.0)) * rng.integers(3, 8))
    return _unit(cv2.GaussianBlur(layers.astype(np.float32), (0, 0), 1.0) + 0.4 * _spectrum(rng, 0.9))


def _leaf_litter(rng: np.random.Generator) -> np.ndarray:
    canvas = np.zeros((TILE_PX, TILE_PX), np.uint8)
    for _ in range(1500):
        centre = tuple(int(c) for c in rng.integers(0, TILE_PX, 2))
        axes = (int(rng.integers(6, 22)), int(rng.integers(3, 9)))
        turn, tone = float(rng.uniform(0, 360)), int(rng.integers(30, 255))
        cv2.ellipse(canvas, centre, axes, turn, 0, 360, tone, -1, cv2.LINE_AA)
    return _unit(canvas + 30 * _spectrum(rng, 0.8))


def _facade(rng: np.random.Generator, counts: tuple[int, int] | None = None) -> UInt8[np.ndarray, "t t 3"]:
    """Rows of windows on a wall."""
    wall = _palette(rng, _spectrum(rng, 1.0) if rng.random() < 0.5 else _bricks(rng)).astype(np.float32)
    image = 0.3 * wall + 0.7 * wall.mean((0, 1))
    columns, floors = 2 ** rng.integers(1, 4, 2) if counts is None else counts
    w, h = TILE_PX // columns, TILE_PX // floors
    x0, y0 = int(w * rng.uniform(0.12, 0.3)), int(h * rng.uniform(0.12, 0.3))
    frame = tuple(float(c) for c in rng.uniform(40, 240, 3))
    for i in range(columns):
        for j in range(floors):
            a, b = (i * w + x0, j * h + y0), (i * w + w - x0, j * h + h - y0)
            glass = rng.uniform(10, 120) * np.array([0.8, 0.9, 1.0]) + rng.uniform(0, 25, 3)
            cv2.rectangle(image, a, b, tuple(map(float, glass)), -1)
            cv2.rectangle(image, a, b, frame, max(1, w // 40))
            middle = (a[0] + b[0]) // 2
            cv2.line(image, (middle, a[1]), (middle, b[1]), frame, max(1, w // 60))
    return np.clip(image, 0, 255).astype(np.uint8)


def _clouds(rng: np.random.Generator) -> UInt8[np.ndarray, "t t 3"]:
    cover = np.clip((_spectrum(rng, 1.5) - rng.uniform(0.2, 0.7)) * 3, 0, 1)[..., None]
    blue = np.array([90, 140, 220]) * rng.uniform(0.6, 1.1)
    return np.clip((1 - cover) * blue + cover * rng.uniform(190, 250), 0, 255).astype(np.uint8)


def _grey(values: np.ndarray) -> UInt8[np.ndarray, "t t 3"]:
    return np.repeat((np.clip(values, 0, 1) * 255).astype(np.uint8)[..., None], 3, -1)


def _plaster(rng: np.random.Generator) -> np.ndarray:
    return 0.25 + 0.5 * _unit(_spectrum(rng, rng.uniform(0.8, 1.8)) + 0.3 * _spectrum(rng, 0.3))


def _carpet(rng: np.random.Generator) -> np.ndarray:
    return _unit(_spectrum(rng, rng.uniform(0.1, 0.7)) + rng.uniform(0, 0.6) * _spectrum(rng, 1.5))


def _planks(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[0:TILE_PX, 0:TILE_PX] / TILE_PX
    board = np.floor(4 * y).astype(int)
    # Each board starts elsewhere along its length.
    along = (x + rng.random(4)[board]) % 1.0
    tone = rng.random((4, 2))[board, np.floor(2 * along).astype(int)]
    gap = (4 * y % 1 < 0.03) | (2 * along % 1 < 0.006)
    return np.where(gap, 0.1, 0.25 + 0.4 * tone + 0.3 * _wood(rng))


def _pieces(rng: np.random.Generator, rows: int, shift: float, joint: float) -> np.ndarray:
    y, x = np.mgrid[0:TILE_PX, 0:TILE_PX] / TILE_PX
    row = np.floor(rows * y).astype(int)
    across = (4 * x + shift * (row % 2)) % 4
    tone = rng.random((rows, 4))[row, np.floor(across).astype(int)]
    gap = (across % 1 < joint) | (rows * y % 1 < joint * rows / 4)
    value = 0.4 + rng.uniform(0.05, 0.5) * (tone - 0.5) + 0.25 * _spectrum(rng, rng.uniform(0.8, 1.5))
    return np.asarray(cv2.GaussianBlur(np.where(gap, rng.uniform(0.05, 0.95), value), (0, 0), 0.8))


def _tiles(rng: np.random.Generator) -> np.ndarray:
    return _pieces(rng, 4, 0.0, rng.uniform(0.015, 0.05))


def _brickwork(rng: np.random.Generator) -> np.ndarray:
    return _pieces(rng, 8, 0.5, rng.uniform(0.04, 0.07))


def _setts(rng: np.random.Generator) -> np.ndarray:
    return _pieces(rng, 4, 0.5, rng.uniform(0.05, 0.12))


#: Group, maker, how many.
_HOUSEHOLD = (
    ("wood", _wood, 4),
    ("plaster", _plaster, 4),
    ("carpet", _carpet, 4),
    ("planks", _planks, 4),
    ("tiles", _tiles, 4),
    ("brickwork", _brickwork, 3),
    ("setts", _setts, 2),
)
