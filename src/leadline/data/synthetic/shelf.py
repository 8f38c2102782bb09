"""Real models for rendered worlds: which of the installed ones stands where, as things."""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, Literal, final

import numpy as np
from jaxtyping import UInt8

from leadline.data.assets.catalog import ASSET_PACKS, FOLDERS_VARIABLE, installed_packs
from leadline.data.assets.models import ModelEntry, list_models, load_model
from leadline.data.assets.skies import read_panorama, sky_tile
from leadline.data.synthetic.scene import Material
from leadline.data.synthetic.shapes import Mesh
from leadline.data.synthetic.things import Thing
from leadline.errors import InputError, MissingExtraError

#: Where a thing stands: its back to a wall, anywhere on the floor, on top of another one, or in the air.
Place = Literal["wall", "floor", "top", "air"]

_NOT_INDOORS: Final = ("Doors and windows", "Staircases", "Vehicles", "Exterior")
_TOPS: Final = re.compile(r"table|desk|cabinet|drawer|chest|dresser|stand|sideboard|counter", re.IGNORECASE)
_PEOPLE: Final = "Characters"
_PEOPLE_SHARE: Final = 0.12
"""Of the things on the floor."""
_SHAPES_SHARE: Final = 0.3
"""Of the things in the air: shapes that are nothing in particular."""
_TRIES: Final = 8
_KEPT: Final = 96


@final
class Shelf:
    """The models and skies that worlds may use.

    Args:
        models: In a fixed order: what a seed draws depends on it.
        skies: Files of panoramas, likewise.
    """

    def __init__(self, models: Sequence[ModelEntry], skies: Sequence[Path] = ()) -> None:
        self.models, self._skies = tuple(models), tuple(skies)
        self._places = {place: [one for one in models if _stands(one, place)] for place in ("wall", "floor", "top")}
        self._places["air"] = [one for one in models if one.category]
        self._shapes = [one for one in models if not one.category]
        self._people = [one for one in self._places["floor"] if one.category == _PEOPLE]

    def draw(self, rng: np.random.Generator, place: Place) -> Thing | None:
        """A model as a thing for a place; None if there is none for it.

        A model that cannot be read is passed over.
        """
        entries = self._places[place]
        if place == "air" and self._shapes and (not entries or rng.random() < _SHAPES_SHARE):
            entries = self._shapes
        if place == "floor" and self._people:
            others = [one for one in entries if one.category != _PEOPLE]
            entries = self._people if rng.random() < _PEOPLE_SHARE or not others else others
        for _ in range(_TRIES if entries else 0):
            if (thing := _thing(entries[int(rng.integers(len(entries)))])) is not None:
                return thing
        return None

    def sky(self, rng: np.random.Generator) -> UInt8[np.ndarray, "t t 3"] | None:
        """A piece of a sky as a tile; None if there is none."""
        if not self._skies:
            return None
        panorama = _panorama(self._skies[int(rng.integers(len(self._skies)))])
        return sky_tile(panorama, float(rng.random()))


@cache
def installed_shelf() -> Shelf:
    """The models and skies of all packages that are installed.

    Raises:
        InputError: If there are no models.
    """
    models = [one for name, files in installed_packs("models").items() for one in list_models(name, files)]
    if not models:
        raise InputError(
            "expected an installed package of models for these worlds, found none; install one (`leadline data assets` "
            f"lists {len(ASSET_PACKS)}), or name its folder in {FOLDERS_VARIABLE}"
        )
    skies = [file for files in installed_packs("skies").values() for file in files]
    try:
        for file in skies[:1]:
            read_panorama(file)
    except MissingExtraError:
        skies = []
    return Shelf(models, skies)


def _stands(entry: ModelEntry, place: str) -> bool:
    """Whether a model stands at such a place in a room."""
    if entry.size_m is None or entry.raised or entry.category in _NOT_INDOORS:
        return False
    width, height, depth = entry.size_m
    if entry.category == _PEOPLE:
        return place == "floor" and height > 1.4
    if place == "top":
        return max(entry.size_m) < 0.45 and min(entry.size_m) > 0.01
    if place == "floor":
        return 0.25 < height < 1.4 and max(width, depth) < 1.7
    return 0.35 < height < 2.4 and 0.3 < width < 3.2 and depth < 1.2


@lru_cache(maxsize=_KEPT)
def _thing(entry: ModelEntry) -> Thing | None:
    try:
        parts = load_model(entry)
    except InputError:
        return None
    made = tuple(
        (Mesh(part.vertices, part.faces, part.normals, part.uv), _look(part.texture, part.colour)) for part in parts
    )
    every = np.concatenate([part.vertices for part in parts])
    width, height, depth = (float(side) for side in every.max(axis=0) - every.min(axis=0))
    top = bool(_TOPS.search(entry.title)) and height < 1.0
    return Thing(made, width, depth, height, top, bare=not entry.category, source=f"{entry.pack}/{entry.key}")


def _look(texture: UInt8[np.ndarray, "t t 3"] | None, colour: tuple[float, float, float]) -> Material:
    gain, bias = (np.ones(3), np.zeros(3)) if texture is not None else (np.zeros(3), np.array(colour))
    return Material((0, 0), (1.0, 1.0), (0.0, 0.0), 0.0, gain, bias, 0.0, 10.0, texture)


@lru_cache(maxsize=4)
def _panorama(path: Path) -> np.ndarray:
    return read_panorama(path)
