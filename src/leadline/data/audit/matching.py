"""How well known motion or disparity explains two images: patches at the truth against patches beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32

_HALF: Final = 3
"""Half the side of a patch, px."""
_MOST_POINTS: Final = 2000
LEAST_POINTS: Final = 150
"""Textured points below which nothing is said."""
_LEAST_DEVIATION: Final = 3.0 / 255.0
_DECOY_PX: Final = 7.0
_FINE_PX: Final = 4
_ROWS_PX: Final = 12
_JUMP: Final = 0.1
_FEWEST_JUMPS: Final = 100


@dataclass(frozen=True)
class Agreement:
    """How a truth explains a pair of images.

    Args:
        points: Textured points that were looked at.
        share: Share of them whose patches are more alike at the truth than 7 and 14 px beside it; chance is 0.2.
        alike: Median correlation of the patches at the truth.
        offset_x_px: Shift along x by which the patches would be most alike; 0 for a right truth.
        offset_y_px: The same along y, the mean of the left and the right half of the image.
        gain: Correlation that the better of the shifts would gain, in the mean.
        tilt_px: By how much the shift along y is larger in the right half than in the left one: what a roll does at
            the left and right border, about.
        gain_y: Correlation that the shifts along y would gain.
    """

    points: int
    share: float
    alike: float
    offset_x_px: float
    offset_y_px: float
    gain: float
    tilt_px: float
    gain_y: float


@dataclass(frozen=True)
class Explained:
    """The first two figures of `Agreement`.

    Args:
        share: As there.
        alike: As there.
    """

    share: float
    alike: float


def explained(
    first: Float32[np.ndarray, "h w"],
    second: Float32[np.ndarray, "h w"],
    motion: Float[np.ndarray, "h w 2"],
    known: Bool[np.ndarray, "h w"],
) -> Explained | None:
    """How many points a truth explains, without the shifts that `agreement` looks for; arguments as there."""
    points, targets = _points(first, motion, known)
    if len(points) < LEAST_POINTS:
        return None
    return _explained(_patches(first, points), second, targets)[1]


def _explained(
    wanted: Float32[np.ndarray, "n p"], second: Float32[np.ndarray, "h w"], targets: Float32[np.ndarray, "n 2"]
) -> tuple[Float32[np.ndarray, " n"], Explained]:
    at_truth = _likeness(wanted, second, targets, (0.0, 0.0))
    beside = [(sign * reach, 0.0) for reach in (_DECOY_PX, 2.0 * _DECOY_PX) for sign in (-1.0, 1.0)]
    decoys = np.max([_likeness(wanted, second, targets, shift) for shift in beside], axis=0)
    return at_truth, Explained(float((at_truth > decoys).mean()), float(np.median(at_truth)))


def agreement(
    first: Float32[np.ndarray, "h w"],
    second: Float32[np.ndarray, "h w"],
    motion: Float[np.ndarray, "h w 2"],
    known: Bool[np.ndarray, "h w"],
) -> Agreement | None:
    """Judges a truth by normalised correlation of 7x7 patches, which gain and offset of the brightness do not change.

    Args:
        first: Grey, in [0, 1].
        second: Likewise; shows at (x + u, y + v) what the first shows at (x, y).
        motion: (u, v); (-disparity, 0) for a stereo pair.
        known: Where it is known and both images see the point.
    Returns:
        None if too few textured points are known.
    Example:
        >>> first = np.random.default_rng(0).random((80, 120), np.float32)
        >>> motion = np.broadcast_to(np.array([-5.0, 0.0]), (80, 120, 2))
        >>> found = agreement(first, np.roll(first, -5, axis=1), motion, np.ones((80, 120), bool))
        >>> found.share > 0.95, abs(found.offset_x_px) < 0.1
        (True, True)
    """
    points, targets = _points(first, motion, known)
    if len(points) < LEAST_POINTS:
        return None
    wanted = _patches(first, points)
    at_truth, told = _explained(wanted, second, targets)
    along_x = _search(wanted, second, targets, (1.0, 0.0), _FINE_PX)
    along_y = _search(wanted, second, targets, (0.0, 1.0), _ROWS_PX)
    left = points[:, 0] < np.median(points[:, 0])
    halves = [_peak(along_y[:, half]) for half in (left, ~left)]
    at, mean = float(at_truth.mean()), float(along_x.mean(axis=1).max())
    best_y = sum(float(along_y[:, half].mean(axis=1).max()) * float(half.mean()) for half in (left, ~left))
    return Agreement(
        points=len(points),
        share=told.share,
        alike=told.alike,
        offset_x_px=_peak(along_x),
        offset_y_px=0.5 * (halves[0] + halves[1]),
        gain=max(mean, best_y) - at,
        tilt_px=halves[1] - halves[0],
        gain_y=best_y - at,
    )


def _search(
    wanted: Float32[np.ndarray, "n p"],
    grey: Float32[np.ndarray, "h w"],
    targets: Float32[np.ndarray, "n 2"],
    along: tuple[float, float],
    reach: int,
) -> Float32[np.ndarray, "steps n"]:
    """Likeness at whole steps from -reach to reach along a direction."""
    steps = range(-reach, reach + 1)
    return np.stack([_likeness(wanted, grey, targets, (step * along[0], step * along[1])) for step in steps])


def _points(
    grey: Float32[np.ndarray, "h w"], motion: Float[np.ndarray, "h w 2"], known: Bool[np.ndarray, "h w"]
) -> tuple[Float32[np.ndarray, "n 2"], Float32[np.ndarray, "n 2"]]:
    """Places (x, y) of textured points and where the other image shows them, well inside both."""
    height, width = grey.shape
    side = 2 * _HALF + 1
    mean, square = cv2.blur(grey, (side, side)), cv2.blur(grey * grey, (side, side))
    textured = np.asarray(square) - np.asarray(mean) ** 2 > _LEAST_DEVIATION**2
    rows, columns = np.nonzero(known & textured)
    places = np.stack([columns, rows], axis=1).astype(np.float32)
    targets = places + motion[rows, columns].astype(np.float32)
    low = _HALF + _FINE_PX
    high = np.array([width - 1 - low, height - 1 - low])
    inside = ((places >= low) & (places <= high) & (targets >= low) & (targets <= high)).all(axis=1)
    kept = np.flatnonzero(inside)
    if len(kept) > _MOST_POINTS:
        kept = np.random.default_rng(0).choice(kept, _MOST_POINTS, replace=False)
    return places[kept], targets[kept]


def _patches(grey: Float32[np.ndarray, "h w"], centers: Float32[np.ndarray, "n 2"]) -> Float32[np.ndarray, "n p"]:
    """Patches around points, each with mean 0 and length 1."""
    reach = np.arange(-_HALF, _HALF + 1, dtype=np.float32)
    dy, dx = (grid.ravel() for grid in np.meshgrid(reach, reach, indexing="ij"))
    columns, rows = centers[:, :1] + dx, centers[:, 1:] + dy
    found = np.asarray(cv2.remap(grey, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    found = found - found.mean(axis=1, keepdims=True)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-4)


def _likeness(
    wanted: Float32[np.ndarray, "n p"],
    grey: Float32[np.ndarray, "h w"],
    targets: Float32[np.ndarray, "n 2"],
    shift: Sequence[float],
) -> Float32[np.ndarray, " n"]:
    return (wanted * _patches(grey, targets + np.asarray(shift, np.float32))).sum(axis=1)


def _peak(scores: Float32[np.ndarray, "steps n"]) -> float:
    """Shift with the highest mean score, by a parabola between whole pixels."""
    means = scores.mean(axis=1).astype(np.float64) if scores.size else np.zeros(len(scores))
    best, reach = int(np.argmax(means)), len(means) // 2
    if not 0 < best < len(means) - 1:
        return float(best - reach)
    before, at, after = means[best - 1 : best + 2]
    bend = before - 2.0 * at + after
    return float(best - reach + (0.5 * (before - after) / bend if bend < 0 else 0.0))


def edge_alignment(
    grey: Float32[np.ndarray, "h w"], depth: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
) -> tuple[float, int] | None:
    """How much stronger the image's edges are where depth jumps than where it would jump if it were moved.

    Args:
        grey: The image, in [0, 1].
        depth: Its depth of any kind, positive where valid.
        valid: Where it is known.
    Returns:
        The difference of mean ranks of the edges' strengths in deviations over moves, the sum of two: moves along x by
        5 % to 50 % of the width, and moves in all directions by 3 % to 10 % of it; and the number of jumps. None if
        there are too few.
    Example:
        >>> rng = np.random.default_rng(0)
        >>> depth = np.kron(rng.integers(1, 5, (9, 12)), np.ones((10, 10)))
        >>> grey, everywhere = (depth / 6.0 + 0.1 * rng.random((90, 120))).astype(np.float32), np.ones((90, 120), bool)
        >>> right = edge_alignment(grey, depth, everywhere)
        >>> wrong = edge_alignment(grey, np.roll(depth, 7, 1), everywhere)
        >>> right[0] > 4.0, wrong[0] < 1.0
        (True, True)
    """
    log = np.log(np.where(valid & (depth > 0), depth, 1.0)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0))
    places, strengths = list[np.ndarray](), list[np.ndarray]()
    for axis in (0, 1):
        places.append(_jumps(log, valid, axis))
        edges = np.abs(np.asarray(cv2.Sobel(smooth, cv2.CV_32F, axis, 1 - axis)))
        strengths.append(_ranks(np.asarray(cv2.dilate(edges, np.ones((3, 5) if axis else (5, 3), np.uint8)))))
    count = len(places[0]) + len(places[1])
    if len(places[1]) < _FEWEST_JUMPS or count < LEAST_POINTS:
        return None
    width = grey.shape[1]
    far = [(round(sign * share * width), 0) for share in np.linspace(0.05, 0.5, 10) for sign in (-1, 1)]
    turns = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
    radii = [max(4.0, share * width) for share in (0.03, 0.045, 0.07, 0.1)]
    near = [(round(r * np.cos(turn)), round(r * np.sin(turn))) for r in radii for turn in turns]
    return _deviations(places[1:], strengths[1:], far) + _deviations(places, strengths, near), count


def _jumps(log: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"], axis: int) -> np.ndarray:
    """Rows and columns where depth jumps along an axis."""
    before, after = (slice(None), slice(None, -1)), (slice(None), slice(1, None))
    if axis == 0:
        before, after = before[::-1], after[::-1]
    found = np.argwhere(valid[before] & valid[after] & (np.abs(log[after] - log[before]) > _JUMP))
    if len(found) > _MOST_POINTS:
        found = found[np.random.default_rng(0).choice(len(found), _MOST_POINTS, replace=False)]
    return found


def _ranks(strength: np.ndarray) -> Float32[np.ndarray, "h w"]:
    """Ranks of values, from 0 to 1."""
    ranks = np.empty(strength.size, np.float32)
    ranks[np.argsort(strength, axis=None)] = np.linspace(0.0, 1.0, strength.size, dtype=np.float32)
    return ranks.reshape(strength.shape)


def _deviations(
    places: Sequence[np.ndarray], strengths: Sequence[np.ndarray], moves: Sequence[tuple[int, int]]
) -> float:
    """Mean strength at places, in deviations of what moves of the places have."""
    height, width = strengths[0].shape

    def mean(move: tuple[int, int]) -> float:
        found = [
            strength[np.clip(at[:, 0] + move[1], 0, height - 1), (at[:, 1] + move[0]) % width]
            for at, strength in zip(places, strengths, strict=True)
        ]
        return float(np.concatenate(found).mean())

    moved = np.array([mean(move) for move in moves])
    return (mean((0, 0)) - float(moved.mean())) / max(float(moved.std()), 0.01)
