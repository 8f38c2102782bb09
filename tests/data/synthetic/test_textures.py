"""The texture bank: texels come back as they are, tiles repeat as their kind asks."""

import numpy as np
import pytest

from leadline.data.synthetic.textures import TILE_PX, TextureBank


def look_up(bank: TextureBank, entry: int, u: np.ndarray, v: np.ndarray, footprint_px: float = 1.0) -> np.ndarray:
    n = len(u)
    size = np.full(n, footprint_px, np.float32)
    return bank.sample(np.full(n, entry), u.astype(np.float32), v.astype(np.float32), size).T


def test_a_texel_is_read_at_its_centre(bank: TextureBank) -> None:
    entry = int(bank.groups["noise"][0])
    x, y = np.array([0, 7, 511]), np.array([3, 250, 511])
    left, top = bank.origin_px[:, 0, entry].astype(int)
    expected = bank.atlas[top + y, left + x] / 255.0
    np.testing.assert_allclose(look_up(bank, entry, (x + 0.5) / TILE_PX, (y + 0.5) / TILE_PX), expected, atol=1e-6)


def test_patterns_repeat_after_one_tile(bank: TextureBank) -> None:
    u = (np.arange(40) * 13 + 0.5) / TILE_PX
    for entry in (int(bank.groups["noise"][0]), int(bank.groups["regular"][0])):
        once = look_up(bank, entry, u, u)
        for tiles in (-3, -1, 1, 2):
            np.testing.assert_allclose(look_up(bank, entry, u + tiles, u), once, atol=1 / 250)


def test_photographs_repeat_mirrored(bank: TextureBank) -> None:
    if "photo" not in bank.groups:
        pytest.skip("no photographs installed")
    entry = int(bank.groups["photo"][0])
    u = (np.arange(40) * 13 + 0.5) / TILE_PX
    once = look_up(bank, entry, u, u)
    for same in (-u, 2 - u, u + 2, u - 4):
        np.testing.assert_allclose(look_up(bank, entry, same, u), once, atol=1 / 250)
    assert np.abs(look_up(bank, entry, u + 1, u) - once).max() > 0.1


def test_a_footprint_of_the_whole_tile_gives_nearly_its_mean(bank: TextureBank) -> None:
    at = np.array([0.5])
    for group in ("noise", "regular"):
        entry = int(bank.groups[group][0])
        np.testing.assert_allclose(look_up(bank, entry, at, at, TILE_PX)[0], bank.mean[entry], atol=0.1)
