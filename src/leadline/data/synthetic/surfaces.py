"""Surfaces by name, with patterns of a plausible size."""

from collections.abc import Callable

import numpy as np

from leadline.data.synthetic.scene import Material, random_material
from leadline.data.synthetic.solids import Real
from leadline.data.synthetic.textures import TextureBank

_WOODS = (
    (0.78, 0.62, 0.45),
    (0.62, 0.45, 0.32),
    (0.45, 0.3, 0.2),
    (0.85, 0.76, 0.62),
    (0.55, 0.5, 0.45),
    (0.3, 0.2, 0.15),
)


def surface(name: str, rng: np.random.Generator, bank: TextureBank) -> Material:
    """A material of a kind.

    Args:
        name: One of the kinds of ``SURFACES``; what follows a colon only tells surfaces of a kind apart.
        rng: Where chance comes from.
        bank: A bank with the household groups.
    """
    return SURFACES[name.partition(":")[0]](rng, bank)


def tinted(
    rng: np.random.Generator,
    bank: TextureBank,
    group: str,
    tile_m: Real,
    colour: np.ndarray,
    contrast: Real,
    specular: Real = 0.0,
    turn_rad: Real = 0.0,
) -> Material:
    """A grey pattern in a colour: colour (1 + contrast (tile - mean of the tile))."""
    entry = int(rng.choice(bank.groups[group]))
    other = int(rng.choice(bank.groups["plaster"]))
    bias = colour * (1.0 - contrast * bank.mean[entry])
    shininess = float(np.exp(rng.uniform(np.log(8), np.log(100))))
    # A second, wide layer of blotches: wear and dirt, never as strong as the pattern.
    mix = float(rng.uniform(0.0, 0.3)) if rng.random() < 0.4 else 0.0
    turns = (float(turn_rad), float(rng.uniform(0, 3)))
    tiles_m = (float(tile_m), 3.0 * float(tile_m))
    return Material((entry, other), tiles_m, turns, mix, contrast * colour, bias, float(specular), shininess)


def colour(rng: np.random.Generator, low: Real, high: Real, saturation: Real) -> np.ndarray:
    """A colour of some brightness; saturation is the largest share by which a channel is darkened.

    Example:
        >>> colour(np.random.default_rng(0), low=0.5, high=0.5, saturation=0.0).tolist()
        [0.5, 0.5, 0.5]
    """
    return rng.uniform(low, high) * (1.0 - saturation * rng.random() * rng.random(3))


def _shine(rng: np.random.Generator, chance: Real, most: Real) -> float:
    return float(rng.uniform(0.05, most)) if rng.random() < chance else 0.0


def _wall(rng: np.random.Generator, bank: TextureBank) -> Material:
    draw = rng.random()
    if draw < 0.72:
        tone = colour(rng, 0.72, 0.95, 0.22) if rng.random() < 0.75 else colour(rng, 0.4, 0.85, 0.6)
        return tinted(rng, bank, "plaster", rng.uniform(0.8, 4.0), tone, rng.uniform(0.0, 0.15) * rng.random())
    if draw < 0.86:
        group = str(rng.choice(["regular", "carpet", "noise"]))
        return tinted(rng, bank, group, rng.uniform(0.3, 1.5), colour(rng, 0.55, 0.9, 0.35), rng.uniform(0.05, 0.35))
    if draw < 0.93:
        return _bricks(rng, bank)
    return _tiles(rng, bank) if rng.random() < 0.5 else _planks(rng, bank)


def _ceiling(rng: np.random.Generator, bank: TextureBank) -> Material:
    if rng.random() < 0.25:
        return tinted(rng, bank, "tiles", 2.4, colour(rng, 0.75, 0.95, 0.08), rng.uniform(0.05, 0.3))
    return tinted(rng, bank, "plaster", 2.0, colour(rng, 0.8, 0.96, 0.1), rng.uniform(0.0, 0.1))


def _floor(rng: np.random.Generator, bank: TextureBank) -> Material:
    draw = rng.random()
    if draw < 0.38:
        return _planks(rng, bank)
    if draw < 0.62:
        return tinted(rng, bank, "carpet", rng.uniform(0.25, 1.2), colour(rng, 0.25, 0.8, 0.45), rng.uniform(0.1, 0.6))
    if draw < 0.82:
        return _tiles(rng, bank)
    return tinted(rng, bank, "plaster", rng.uniform(1, 3), colour(rng, 0.4, 0.85, 0.2), rng.uniform(0.1, 0.5), 0.2)


def _tiles(rng: np.random.Generator, bank: TextureBank) -> Material:
    tone, side = colour(rng, 0.45, 0.95, 0.3), float(rng.choice([0.1, 0.2, 0.3, 0.45, 0.6]))
    return tinted(rng, bank, "tiles", 4 * side, tone, rng.uniform(0.3, 0.9), _shine(rng, 0.5, 0.4))


def _planks(rng: np.random.Generator, bank: TextureBank) -> Material:
    turn = float(rng.choice([0.0, np.pi / 2]))
    tone = _wood_tone(rng)
    return tinted(rng, bank, "planks", rng.uniform(0.4, 0.9), tone, rng.uniform(0.3, 0.9), _shine(rng, 0.4, 0.3), turn)


def _bricks(rng: np.random.Generator, bank: TextureBank) -> Material:
    tone = np.array([0.68, 0.42, 0.34]) * rng.uniform(0.7, 1.2) if rng.random() < 0.6 else colour(rng, 0.5, 0.9, 0.2)
    return tinted(rng, bank, "brickwork", rng.uniform(0.85, 1.1), tone, rng.uniform(0.5, 1.0))


def _wood_tone(rng: np.random.Generator) -> np.ndarray:
    return np.array(_WOODS[int(rng.integers(len(_WOODS)))]) * rng.uniform(0.8, 1.15) * rng.uniform(0.94, 1.06, 3)


def _wood(rng: np.random.Generator, bank: TextureBank) -> Material:
    turn = float(rng.choice([0.0, np.pi / 2]))
    if rng.random() < 0.3:
        return tinted(rng, bank, "plaster", 1.0, colour(rng, 0.7, 0.95, 0.1), 0.05, _shine(rng, 0.4, 0.3))
    return tinted(
        rng, bank, "wood", rng.uniform(0.5, 1.6), _wood_tone(rng), rng.uniform(0.1, 0.6), _shine(rng, 0.4, 0.35), turn
    )


def _cloth(rng: np.random.Generator, bank: TextureBank) -> Material:
    tone = colour(rng, 0.25, 0.9, 0.75)
    if rng.random() < 0.25:
        group, tile = str(rng.choice(["regular", "noise"])), rng.uniform(0.2, 0.9)
        return tinted(rng, bank, group, tile, tone, rng.uniform(0.3, 0.9), 0.0, rng.uniform(0, 3))
    return tinted(rng, bank, "carpet", rng.uniform(0.15, 0.6), tone, rng.uniform(0.05, 0.35))


def _plastic(rng: np.random.Generator, bank: TextureBank) -> Material:
    tone = colour(rng, 0.3, 0.95, 0.95 if rng.random() < 0.5 else 0.15)
    return tinted(rng, bank, "plaster", 0.5, tone, rng.uniform(0.0, 0.12), _shine(rng, 0.6, 0.5))


def _metal(rng: np.random.Generator, bank: TextureBank) -> Material:
    return tinted(rng, bank, "plaster", 0.4, colour(rng, 0.3, 0.75, 0.12), rng.uniform(0, 0.3), rng.uniform(0.2, 0.8))


def _dark(rng: np.random.Generator, bank: TextureBank) -> Material:
    return tinted(rng, bank, "plaster", 0.5, colour(rng, 0.1, 0.3, 0.2), rng.uniform(0, 0.3), _shine(rng, 0.4, 0.3))


def _paper(rng: np.random.Generator, bank: TextureBank) -> Material:
    return tinted(rng, bank, "noise", rng.uniform(0.15, 0.4), colour(rng, 0.8, 0.97, 0.1), rng.uniform(0.0, 0.3))


def _print(rng: np.random.Generator, bank: TextureBank) -> Material:
    """Images, packagings, book covers."""
    groups = ["photo", "noise", "regular"] if "photo" in bank.groups else ["noise", "regular"]
    entry = int(rng.choice(bank.groups[groups[int(rng.random() * len(groups))]]))
    gain, tile_m = rng.uniform(0.7, 1.1) * rng.uniform(0.8, 1.0, 3), rng.uniform(0.2, 0.8)
    return Material((entry, entry), (tile_m, tile_m), (0.0, 0.0), 0.0, gain, np.zeros(3), 0.0, 10.0)


def _screen(rng: np.random.Generator, bank: TextureBank) -> Material:
    return (
        _print(rng, bank)
        if rng.random() < 0.4
        else tinted(rng, bank, "plaster", 1.0, colour(rng, 0.08, 0.2, 0.2), 0.1, 0.4)
    )


def _white(rng: np.random.Generator, bank: TextureBank) -> Material:
    return tinted(rng, bank, "plaster", 1.0, colour(rng, 0.82, 0.97, 0.08), 0.04, _shine(rng, 0.4, 0.3))


def _cardboard(rng: np.random.Generator, bank: TextureBank) -> Material:
    return tinted(
        rng, bank, "carpet", 0.5, np.array([0.75, 0.62, 0.46]) * rng.uniform(0.75, 1.15), rng.uniform(0.05, 0.2)
    )


def _leaf(rng: np.random.Generator, bank: TextureBank) -> Material:
    tone = np.array([rng.uniform(0.3, 0.6), rng.uniform(0.45, 0.7), rng.uniform(0.2, 0.4)]) * rng.uniform(0.6, 1.1)
    if rng.random() < 0.12:
        tone = np.array([0.75, 0.5, 0.25]) * rng.uniform(0.7, 1.1)
    return tinted(rng, bank, "carpet", rng.uniform(0.3, 1.5), tone, rng.uniform(0.3, 0.9))


def _bark(rng: np.random.Generator, bank: TextureBank) -> Material:
    return tinted(rng, bank, "wood", 0.8, colour(rng, 0.25, 0.6, 0.35), 0.7, 0.0, np.pi / 2)


def _asphalt(rng: np.random.Generator, bank: TextureBank) -> Material:
    return tinted(rng, bank, "carpet", rng.uniform(1.5, 5.0), colour(rng, 0.3, 0.55, 0.1), rng.uniform(0.15, 0.5))


def _pavement(rng: np.random.Generator, bank: TextureBank) -> Material:
    side = rng.uniform(0.3, 0.8)
    group = "tiles" if rng.random() < 0.5 else "setts"
    return tinted(rng, bank, group, 4 * side, colour(rng, 0.4, 0.75, 0.15), rng.uniform(0.3, 0.7))


def _grass(rng: np.random.Generator, bank: TextureBank) -> Material:
    dry = rng.random()
    tone = np.array([0.42 + 0.3 * dry, 0.55 + 0.05 * dry, 0.25 + 0.12 * dry]) * rng.uniform(0.7, 1.15)
    return tinted(rng, bank, "carpet", rng.uniform(1.0, 6.0), tone, rng.uniform(0.3, 0.9))


def _earth(rng: np.random.Generator, bank: TextureBank) -> Material:
    draw = rng.random()
    if draw < 0.5:
        return _grass(rng, bank)
    tone = (
        np.array([0.7, 0.6, 0.45]) if draw < 0.8 else np.array([0.6, 0.58, 0.56]) if draw < 0.93 else np.full(3, 0.95)
    )
    return tinted(rng, bank, "carpet", rng.uniform(1.5, 8.0), tone * rng.uniform(0.7, 1.1), rng.uniform(0.2, 0.9))


def _rock(rng: np.random.Generator, bank: TextureBank) -> Material:
    return tinted(rng, bank, "noise", rng.uniform(0.7, 3.0), colour(rng, 0.35, 0.75, 0.2), rng.uniform(0.3, 0.9))


def _front(rng: np.random.Generator, bank: TextureBank) -> Material:
    """The front of a house with windows, a storey of 2.7 to 3.6 m."""
    entry, storey = int(rng.choice(bank.groups["windows"])), rng.uniform(2.7, 3.6)
    tint, mean = colour(rng, 0.5, 0.95, 0.5), bank.mean[entry]
    gain = rng.uniform(0.6, 1.0) * np.ones(3)
    bias, tile_m = 0.5 * (tint - gain * mean), 4 * storey
    return Material((entry, entry), (tile_m, tile_m), (0.0, 0.0), 0.0, gain, bias, 0.0, 10.0)


def _paint(rng: np.random.Generator, bank: TextureBank) -> Material:
    """Car paint."""
    tone = colour(rng, 0.15, 0.95, 0.9) if rng.random() < 0.4 else np.full(3, rng.choice([0.15, 0.35, 0.6, 0.93]))
    return tinted(rng, bank, "plaster", 2.0, tone, 0.05, rng.uniform(0.3, 1.0))


def _anything(rng: np.random.Generator, bank: TextureBank) -> Material:
    return random_material(rng, bank, 0.002)


SURFACES: dict[str, Callable[[np.random.Generator, TextureBank], Material]] = {
    "wall": _wall,
    "ceiling": _ceiling,
    "floor": _floor,
    "tiles": _tiles,
    "planks": _planks,
    "bricks": _bricks,
    "wood": _wood,
    "cloth": _cloth,
    "plastic": _plastic,
    "metal": _metal,
    "dark": _dark,
    "paper": _paper,
    "print": _print,
    "screen": _screen,
    "white": _white,
    "cardboard": _cardboard,
    "leaf": _leaf,
    "bark": _bark,
    "asphalt": _asphalt,
    "pavement": _pavement,
    "grass": _grass,
    "earth": _earth,
    "rock": _rock,
    "front": _front,
    "paint": _paint,
    "anything": _anything,
}
