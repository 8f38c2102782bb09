"""Connected things that move by themselves: where they are, how large, and how they move."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int32

_JUMP: Final = 0.1
"""Difference in depth, as a share of it, at which one thing ends and another begins."""
_LEAST_PIXELS: Final = 40
_LEAST_SURE: Final = 0.4
_APART: Final = 0.5
_EXTENT: Final = (5.0, 95.0)
_GROWTH: Final = 3


@dataclass(frozen=True)
class MovingObject:
    """A connected area that moves by itself.

    Args:
        number: Its label, from 1.
        pixels: How many it has.
        box_px: Left column, top row, width and height.
        centre_m: Median of its points in the first left camera's frame (x right, y down, z forward).
        size_m: Its extent along x, y and z, from the 5th to the 95th percentile: of the side that is seen.
        motion_m: Median motion of its points over still ground between the two times, in the same frame.
    """

    number: int
    pixels: int
    box_px: tuple[int, int, int, int]
    centre_m: tuple[float, float, float]
    size_m: tuple[float, float, float]
    motion_m: tuple[float, float, float]

    @property
    def distance_m(self) -> float:
        """From the camera to its centre."""
        return float(np.linalg.norm(self.centre_m))

    @property
    def moved_m(self) -> float:
        """Length of its motion."""
        return float(np.linalg.norm(self.motion_m))


def moving_objects(
    mask: Bool[np.ndarray, "h w"],
    points: Float64[np.ndarray, "h w 3"],
    motion: Float64[np.ndarray, "h w 3"],
    sure: Bool[np.ndarray, "h w"],
) -> tuple[Int32[np.ndarray, "h w"], tuple[MovingObject, ...]]:
    """The objects of a mask, the largest first.

    Args:
        mask: What moves by itself.
        points: Points of the pixels in the camera's frame, metres.
        motion: Their motion over still ground, metres.
        sure: Where both stand.
    Returns:
        Number of each pixel's object, 0 for none, and the objects. Areas that are too small, mostly
        unsure, or whose motions do not agree, are none.
    Example:
        >>> mask = np.zeros((20, 30), bool)
        >>> mask[5:15, 10:20] = True
        >>> points = np.dstack([*np.meshgrid(np.arange(30.0), np.arange(20.0)), np.full((20, 30), 50.0)])
        >>> labels, (found,) = moving_objects(mask, points, np.ones((20, 30, 3)), mask)
        >>> found.pixels, found.box_px, found.centre_m
        (100, (10, 5, 10, 10), (14.5, 9.5, 50.0))
    """
    areas = _split_at_jumps(mask, points[..., 2])
    found: list[tuple[Bool[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]] = []
    for number in range(1, int(areas.max()) + 1):
        area = areas == number
        if area.sum() >= _LEAST_PIXELS and sure[area].mean() >= _LEAST_SURE and _as_one(motion[area & sure]):
            found.append((area, area & sure))
    found.sort(key=lambda pair: -int(pair[0].sum()))
    labels = np.zeros(mask.shape, np.int32)
    objects: list[MovingObject] = []
    for number, (area, certain) in enumerate(found, start=1):
        labels[area] = number
        low, high = np.percentile(points[certain], _EXTENT, axis=0)
        objects.append(
            MovingObject(
                number,
                int(area.sum()),
                _box(area),
                _three(np.median(points[certain], axis=0)),
                _three(high - low),
                _three(np.median(motion[certain], axis=0)),
            )
        )
    return labels, tuple(objects)


def _as_one(motion: Float64[np.ndarray, "n 3"]) -> bool:
    """Whether motions agree: they are apart by less than they are long, in the median."""
    median = np.median(motion, axis=0)
    apart = float(np.median(np.linalg.norm(motion - median, axis=1)))
    return apart < _APART * float(np.linalg.norm(median))


def _split_at_jumps(mask: Bool[np.ndarray, "h w"], depth: Float64[np.ndarray, "h w"]) -> Int32[np.ndarray, "h w"]:
    """Connected areas of the mask that depth does not jump within."""
    jump = np.zeros(mask.shape, bool)
    for axis in (0, 1):
        near, far = (np.moveaxis(depth, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        steps = np.abs(near - far) > _JUMP * np.minimum(near, far)
        np.moveaxis(jump, axis, 0)[1:] |= steps
    _, labels = cv2.connectedComponents((mask & ~jump).astype(np.uint8), connectivity=4)
    areas = np.asarray(labels, np.float32)
    # The pixels at jumps join an area beside them.
    for _ in range(_GROWTH):
        grown = np.asarray(cv2.dilate(areas, np.ones((3, 3), np.uint8)))
        areas = np.where(mask & (areas == 0), grown, areas)
    return areas.astype(np.int32)


def _box(area: Bool[np.ndarray, "h w"]) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero(area.any(axis=axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top


def _three(values: Float64[np.ndarray, "3"]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
