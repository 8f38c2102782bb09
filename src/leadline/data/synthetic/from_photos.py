"""Stereo pairs from single photographs: depth by a model, a random baseline, and a right view by forward warping."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.data.stereo.shards import write_stereo_shard
from leadline.errors import InputError
from leadline.io.atomic import make_output_folder
from leadline.io.images import read_image
from leadline.io.shards import ShardReader
from leadline.maps import DepthMap, DisparityMap
from leadline.samples import StereoSample

MonoMethod = Callable[[UInt8[np.ndarray, "h w 3"]], DepthMap]
_RANGE: Final = (2.0, 98.0)
"""Percentiles of inverse depth that become the smallest and the largest disparity."""
_USUAL: Final = (0.05, 0.15)
_LARGEST: Final = 0.2
_USUAL_SHARE: Final = 0.8
_NEAREST_SHARE: Final = 0.03
"""The farthest point's disparity is at most this share of the nearest one's, so that skies lie far away."""
_EDGE: Final = 0.04
"""Of the largest disparity, a pixel: what changes faster is the soft edge of a network, not a surface."""
_SAME_SURFACE_PX: Final = 1.0
_HIDDEN_PX: Final = 1.0
_CODED_LIMIT_PX: Final = 250.0


@dataclass(frozen=True)
class PhotoNotes:
    """How a pair was made.

    Args:
        photo: Name of the photograph.
        filler: Name of the photograph that fills what no pixel of the first one shows.
        seed: Of the scale and the filler.
        largest_px: Disparity of the nearest things.
    """

    photo: str
    filler: str
    seed: int
    largest_px: float


def stereo_from_photo(
    photo: UInt8[np.ndarray, "h w 3"],
    filler: UInt8[np.ndarray, "h2 w2 3"],
    inverse: Float32[np.ndarray, "h3 w3"],
    largest_px: float,
    key: str = "photo",
) -> StereoSample:
    """A pair whose left view is a photograph.

    Edges of the depth are sharpened: what changes too fast gets the disparity of the nearest pixel that does not. Each
    row of the left view is a line of surfaces that are moved by their disparity; the nearest surface wins. The right
    view then takes its colours from where its own disparity points, so that both truths are exact to a fraction of a
    pixel. Its holes are filled by another photograph with the same brightness and contrast.

    Args:
        photo: Left view, RGB.
        filler: Another photograph of this size.
        inverse: Inverse depth of the photo up to scale and shift, finite; larger is nearer.
        largest_px: Disparity of the nearest things, at least 1.
        key: Name of the sample.
    Raises:
        InputError: If the sizes differ, or the disparity is out of range.
    Source: Watson et al. 2020, "Learning Stereo from Single Images".
    Example:
        >>> photo = np.random.default_rng(0).integers(0, 256, (20, 40, 3), np.uint8)
        >>> sample = stereo_from_photo(photo, photo, np.ones((20, 40), np.float32), 6.0)
        >>> bool((sample.right[:, :30] == photo[:, 6:36]).all()), float(sample.disparity[0, 0])
        (True, 6.0)
    """
    if photo.shape != filler.shape or photo.shape[:2] != inverse.shape:
        raise InputError(
            f"expected photo, filler and depth of one size, got {photo.shape[:2]}, {filler.shape[:2]} and "
            f"{inverse.shape}; scale them together"
        )
    if not 1.0 <= largest_px <= _CODED_LIMIT_PX or not np.isfinite(inverse).all():
        raise InputError(f"expected finite depth and a disparity from 1 to {_CODED_LIMIT_PX:g} px, got {largest_px:g}")
    disparity = sharpened(_scaled(inverse, largest_px), _EDGE * largest_px)
    right_disparity, seen = forward_warped(disparity)
    columns, rows = (grid.astype(np.float32) for grid in np.meshgrid(*(np.arange(n) for n in photo.shape[1::-1])))
    warped = cv2.remap(photo, columns + right_disparity, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    right = np.where(seen[..., None], np.asarray(warped, np.uint8), _toned(filler, photo))
    known = np.ones(inverse.shape, bool)
    hidden = _hidden(disparity, right_disparity, seen)
    truths = DisparityMap(disparity, known), DisparityMap(np.where(seen, right_disparity, np.float32(0.0)), seen)
    return StereoSample(key, photo, right.astype(np.uint8), truths[0], hidden, truths[1], ~seen)


def _scaled(inverse: Float32[np.ndarray, "h w"], largest_px: float) -> Float32[np.ndarray, "h w"]:
    low, high = np.percentile(inverse, _RANGE)
    if high - low < 1e-6 * max(abs(float(high)), 1.0):
        return np.full(inverse.shape, largest_px, np.float32)
    share = np.clip((inverse - low) / (high - low), 0.0, 1.1)
    return (largest_px * (_NEAREST_SHARE + (1.0 - _NEAREST_SHARE) * share)).astype(np.float32)


def sharpened(disparity: Float32[np.ndarray, "h w"], most_px: float) -> Float32[np.ndarray, "h w"]:
    """Disparity whose soft edges are steps: pixels that change faster get the value of the nearest one that does not.

    Args:
        disparity: Pixels.
        most_px: Change from pixel to pixel that is still a surface.
    Example:
        >>> soft = np.repeat([[1.0, 1.0, 1.0, 3.0, 7.0, 9.0, 9.0, 9.0]], 3, axis=0).astype(np.float32)
        >>> sorted(set(sharpened(soft, 0.5)[1].tolist()))
        [1.0, 9.0]
    """
    change = np.hypot(*(np.asarray(cv2.Sobel(disparity, cv2.CV_32F, *axes, scale=0.125)) for axes in ((1, 0), (0, 1))))
    edge = change > most_px
    if not edge.any() or edge.all():
        return disparity
    _, labels = cv2.distanceTransformWithLabels(edge.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = np.asarray(labels, np.int64)
    value_of = np.zeros(int(labels.max()) + 1, np.float32)
    value_of[labels[~edge]] = disparity[~edge]
    return value_of[labels]


def forward_warped(
    disparity: Float32[np.ndarray, "h w"],
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Disparity of the right view, and where the left view shows what it sees.

    Neighbours of a row whose disparities differ by less than 1 px are one surface, which is drawn between the places
    that they move to; where several surfaces come to lie, the nearest one is seen.

    Example:
        >>> right, seen = forward_warped(np.full((1, 6), 2.0, np.float32))
        >>> seen[0].tolist(), right[0, 0].item()
        ([True, True, True, True, False, False], 2.0)
    """
    height, width = disparity.shape
    targets = np.arange(width) - disparity
    start, end = targets[:, :-1], targets[:, 1:]
    near, far = disparity[:, :-1], disparity[:, 1:]
    surface = (np.abs(far - near) < _SAME_SURFACE_PX) & (end > start)
    right = np.full((height, width), -1.0, np.float32)
    rows = np.broadcast_to(np.arange(height)[:, None], start.shape)
    for ahead in (0, 1, 2):
        column = np.ceil(start).astype(int) + ahead
        at = surface & (column <= end) & (column >= 0) & (column < width)
        share = (column[at] - start[at]) / (end[at] - start[at])
        found = (near[at] + share * (far[at] - near[at])).astype(np.float32)
        np.maximum.at(right, (rows[at], column[at]), found)
    seen = right >= 0.0
    return np.where(seen, right, np.float32(0.0)), seen


def _hidden(
    disparity: Float32[np.ndarray, "h w"], right: Float32[np.ndarray, "h w"], seen: Bool[np.ndarray, "h w"]
) -> Bool[np.ndarray, "h w"]:
    """Left pixels that leave the right view or lie behind something in it."""
    width = disparity.shape[1]
    targets = np.rint(np.arange(width) - disparity).astype(int)
    inside = (targets >= 0) & (targets < width)
    at = np.clip(targets, 0, width - 1)
    in_front = np.take_along_axis(right, at, 1) > disparity + _HIDDEN_PX
    return ~inside | in_front | ~np.take_along_axis(seen, at, 1)


def _toned(filler: UInt8[np.ndarray, "h w 3"], photo: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """The filler with the photo's mean and deviation in each channel."""
    wanted, given = photo.reshape(-1, 3).astype(np.float32), filler.reshape(-1, 3).astype(np.float32)
    gain = wanted.std(axis=0) / np.maximum(given.std(axis=0), 1.0)
    toned = (filler - given.mean(axis=0)) * gain + wanted.mean(axis=0)
    return np.clip(np.rint(toned), 0, 255).astype(np.uint8)


def random_scale(rng: np.random.Generator) -> float:
    """Disparity of the nearest things as a share of the width: mostly 5 to 15 %, else up to 20 %.

    Source: ZeroStereo 2025, whose networks gain most from this range.
    """
    if rng.random() < _USUAL_SHARE:
        return float(rng.uniform(*_USUAL))
    return float(rng.uniform(0.01, _LARGEST))


def inverse_depth(found: DepthMap) -> Float32[np.ndarray, "h w"]:
    """Inverse depth of any kind of depth; unknown pixels are as far as the farthest.

    Raises:
        InputError: If nothing is known.
    """
    valid = found.valid & np.isfinite(found.depth)
    if found.kind in ("metric", "up_to_scale"):
        valid = valid & (found.depth > 0)
        values = np.where(valid, 1.0 / np.where(valid, found.depth, 1.0), 0.0)
    else:
        values = -found.depth if found.kind == "affine_depth" else found.depth
    if not valid.any():
        raise InputError("expected depth of a photograph, got none from the model; leave the photograph out")
    return np.where(valid, values, values[valid].min()).astype(np.float32)


@dataclass(frozen=True)
class PhotoPairs:
    """Pairs made from photographs, by number.

    Args:
        photos: Files; pair n is made from photo n modulo their number, each time at another scale.
        method: Depth of an image.
        size: Height and width; photos are scaled and cropped to it.
        seed: Of scales and fillers.
    """

    photos: tuple[Path, ...]
    method: MonoMethod
    size: tuple[int, int]
    seed: int

    def __call__(self, number: int) -> tuple[StereoSample, PhotoNotes]:
        """Makes one pair.

        Raises:
            InputError: If a photograph cannot be read.
        """
        rng = np.random.default_rng((self.seed, number))
        photo = self.photos[number % len(self.photos)]
        others = [other for other in self.photos if other != photo] or [photo]
        filler = others[int(rng.integers(len(others)))]
        largest = float(np.clip(random_scale(rng) * self.size[1], 1.0, _CODED_LIMIT_PX))
        left, other = (fitted(read_image(path).pixels, self.size) for path in (photo, filler))
        inverse = inverse_depth(self.method(left))
        sample = stereo_from_photo(left, other, inverse, largest, f"{number:08d}")
        return sample, PhotoNotes(photo.name, filler.name, self.seed, largest)


def fitted(image: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "h2 w2 3"]:
    """An image scaled so that it covers a size, and cut to it around its middle."""
    scale = max(size[0] / image.shape[0], size[1] / image.shape[1])
    height, width = (max(wanted, round(side * scale)) for side, wanted in zip(image.shape, size, strict=False))
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return np.ascontiguousarray(scaled[top : top + size[0], left : left + size[1]])


def generate_from_photos(
    pairs: PhotoPairs, count: int, output: Path, shard_size: int = 100, advance: Callable[[int], None] = lambda _: None
) -> list[Path]:
    """Writes pairs into shards; finished ones are kept, so that a run that was stopped goes on where it stopped.

    Args:
        pairs: What is made.
        count: How many pairs.
        output: Folder for the shards.
        shard_size: Pairs a shard.
        advance: Told how many pairs have been made since it was last told.
    Raises:
        OutputError: If a shard cannot be written.
    """
    folder, paths = make_output_folder(output), list[Path]()
    for start in range(0, count, shard_size):
        path, numbers = folder / f"photos-{start:08d}.tar", range(start, min(start + shard_size, count))
        paths.append(path)
        if path.exists() and len(ShardReader([path])) == len(numbers):
            advance(len(numbers))
            continue
        write_stereo_shard(path, _told(pairs, numbers, advance))
    return paths


def _told(
    pairs: PhotoPairs, numbers: Sequence[int], advance: Callable[[int], None]
) -> Iterator[tuple[StereoSample, dict[str, object]]]:
    for number in numbers:
        sample, notes = pairs(number)
        yield sample, asdict(notes)
        advance(1)
