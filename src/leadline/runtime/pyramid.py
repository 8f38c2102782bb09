"""Large images and large disparities: an image pyramid whose levels are computed in overlapping tiles.

The coarsest level is small enough for the network's range of disparities. Each finer level is cut into tiles; the
right image of a tile is moved by what the coarser level found there, so the network only sees the rest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

Image = UInt8[np.ndarray, "h w 3"]
Layer = Float32[np.ndarray, "h w"]
Network = Callable[[Image, Image], tuple[Layer, Layer]]

_TILE_PX: Final = 1024
"""Side of a tile's own part, as the network sees it. Together with its margins it takes less than about 2 GB."""
WHOLE_PX: Final = 2_000_000
"""An image of at most so many pixels, as the network sees it, is computed in one piece."""
_WHOLE_SIDE_PX: Final = 4096
"""A longer image is cut: networks compare whole rows, and their memory grows with the square of a row."""
MARGIN_PX: Final = 64
"""Context around a tile; half of it is blended with the neighbour."""


@dataclass(frozen=True)
class _Tile:
    """Rows and columns of a tile with its margins, and how much each of its pixels counts."""

    top: int
    bottom: int
    first: int
    last: int
    weight: Layer


def match_pyramid(
    network: Network, left: Image, right: Image, network_range: int, max_disparity: int, enlarge: float = 1.0
) -> tuple[Layer, Layer]:
    """Disparity and confidence of a pair of any size, for any range of disparities.

    Args:
        network: Maps a pair to disparity and confidence of its size.
        left: Left image.
        right: Right image, of the same size.
        network_range: Largest disparity in px that the network sees.
        max_disparity: Largest disparity in px that is looked for.
        enlarge: How much larger the network makes the images that it is given, and so its use of memory.
    Returns:
        Disparity in px and confidence in [0, 1].
    """
    levels = max(0, int(np.ceil(np.log2(max_disparity / network_range))))
    pairs = [(left, right)]
    for _ in range(levels):
        pairs.append((_halved(pairs[-1][0]), _halved(pairs[-1][1])))
    coarse_left, coarse_right = pairs[-1]
    disparity, confidence = _match_level(network, coarse_left, coarse_right, None, network_range, enlarge)
    for finer_left, finer_right in reversed(pairs[:-1]):
        height, width = finer_left.shape[:2]
        scale = width / disparity.shape[1]
        guess = cv2.resize(disparity, (width, height), interpolation=cv2.INTER_LINEAR) * np.float32(scale)
        trust = cv2.resize(confidence, (width, height), interpolation=cv2.INTER_LINEAR)
        found, certain = _match_level(network, finer_left, finer_right, guess, network_range, enlarge)
        if _in_sight(guess, network_range):
            disparity, confidence = found, certain
            continue
        # A tile sees only a window of disparities: what lies outside of it, or contradicts a sure coarse value
        # without being sure itself, keeps the coarse value.
        keep = (np.abs(found - guess) > 4.0 * scale) & (certain < trust)
        disparity, confidence = np.where(keep, guess, found), np.where(keep, trust * 0.5, certain)
    return disparity.astype(np.float32), confidence.astype(np.float32)


def _halved(image: Image) -> UInt8[np.ndarray, "half_h half_w 3"]:
    height, width = image.shape[:2]
    return np.asarray(cv2.resize(image, (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA))


def _match_level(
    network: Network, left: Image, right: Image, guess: Layer | None, network_range: int, enlarge: float
) -> tuple[Layer, Layer]:
    """One level of the pyramid, in tiles where it is large or where disparities must be shifted into range."""
    height, width = left.shape[:2]
    small = height * width * enlarge**2 <= WHOLE_PX and max(height, width) * enlarge <= _WHOLE_SIDE_PX
    if small and (guess is None or _in_sight(guess, network_range)):
        return network(left, right)
    totals = np.zeros((3, height, width), np.float32)
    for tile in _tiles(height, width, network_range, round(_TILE_PX / enlarge)):
        view = np.s_[tile.top : tile.bottom, tile.first : tile.last]
        shift = 0 if guess is None else _shift(guess[view], network_range)
        columns = np.clip(np.arange(tile.first, tile.last) - shift, 0, width - 1)
        disparity, confidence = network(left[view], right[tile.top : tile.bottom][:, columns])
        if guess is not None:
            outside = (guess[view] < shift) | (guess[view] > shift + network_range)
            disparity = np.where(outside, guess[view] - shift, disparity)
            confidence = np.where(outside, np.float32(0.0), confidence)
        for total, layer in zip(totals, (disparity + shift, confidence, np.float32(1.0)), strict=True):
            total[view] += tile.weight * layer
    return totals[0] / totals[2], totals[1] / totals[2]


def _in_sight(guess: Layer, network_range: int) -> bool:
    """Whether the network sees every disparity of an image without help."""
    return float(guess.max()) < network_range - MARGIN_PX


def _shift(guess: Layer, network_range: int) -> int:
    """Shift of the right image: as little as brings the nearest thing into range, leaving the farthest in it."""
    nearest, farthest = np.percentile(guess, (99.5, 0.5))
    if nearest < network_range - MARGIN_PX // 2:
        return 0
    return max(0, round(min(farthest - MARGIN_PX // 2, nearest - network_range / 2)))


def _tiles(height: int, width: int, network_range: int, side: int) -> Iterator[_Tile]:
    """Tiles that cover the image; each sees `network_range` more columns on its left, where its matches lie."""
    rows, columns = cuts(height, side), cuts(width, side)
    for top, bottom in rows:
        for first, last in columns:
            outer = (
                max(top - MARGIN_PX, 0),
                min(bottom + MARGIN_PX, height),
                max(first - MARGIN_PX - network_range, 0),
                min(last + MARGIN_PX, width),
            )
            weight = np.outer(
                ramp(outer[0], outer[1], top, bottom, height), ramp(outer[2], outer[3], first, last, width)
            )
            yield _Tile(*outer, weight.astype(np.float32))


def cuts(length: int, side: int) -> list[tuple[int, int]]:
    """Start and end of the pieces of a length, of at most `side` each.

    >>> cuts(2500, 1024)
    [(0, 833), (833, 1667), (1667, 2500)]
    """
    edges = np.linspace(0, length, -(-length // side) + 1).round().astype(int)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def ramp(start: int, stop: int, inner_start: int, inner_stop: int, length: int) -> Float32[np.ndarray, " n"]:
    """1 inside, falling to almost 0 over half the margin outside; 1 up to the image's own borders."""
    position = np.arange(start, stop)
    weight = np.ones(stop - start)
    reach = MARGIN_PX // 2
    if inner_start > 0:
        weight = np.minimum(weight, (position - inner_start + reach + 1) / (2.0 * reach))
    if inner_stop < length:
        weight = np.minimum(weight, (inner_stop + reach - position) / (2.0 * reach))
    return np.clip(weight, 0.0, 1.0).astype(np.float32)
