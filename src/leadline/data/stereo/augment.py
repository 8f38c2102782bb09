"""Augmentation of training samples: pure functions of a sample and a random generator."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.data.augmentation import require_between
from leadline.data.tone import apply_tone, random_tone
from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

#: Least and largest spread of the blur.
_BLUR_PX: Final = (0.6, 8.0)

#: Images are not shrunk or enlarged by more than 2 to the power of this.
_MOST_LOG2: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class StereoAugmentation:
    """Limits of the changes to training samples.

    Args:
        crop: Height and width of the network's input.
        log2_scale: The image is scaled by 2 to the power of a value drawn from this range.
        log2_stretch: Extra horizontal scale, likewise, symmetric around 0.
        flip_views: Probability of mirroring the pair, which swaps the views.
        flip_rows: Probability of turning the pair upside down.
        photometric: Probability of changing light and colour of both views alike.
        asymmetric: Probability of changing them differently.
        erase: Probability of covering patches of the right view with its mean colour.
        blur: Probability of blurring both views alike, as a lens out of focus does.
    """

    crop: tuple[int, int] = (256, 448)
    log2_scale: tuple[float, float] = (-0.3, 0.6)
    log2_stretch: float = 0.15
    flip_views: float = 0.5
    flip_rows: float = 0.1
    photometric: float = 0.7
    asymmetric: float = 0.3
    erase: float = 0.3
    blur: float = 0.0

    def __post_init__(self) -> None:
        """Refuses changes that give no image."""
        require_between(self, -_MOST_LOG2, _MOST_LOG2, "log2_scale")
        require_between(self, 0.0, _MOST_LOG2, "log2_stretch")
        require_between(self, 0.0, 1.0, "flip_views", "flip_rows", "photometric", "asymmetric", "erase", "blur")


def augment_stereo(sample: StereoSample, options: StereoAugmentation, rng: np.random.Generator) -> StereoSample:
    """A changed copy of a sample, of the crop's size; its truth changes with it.

    Example:
        >>> sample = StereoSample("a", np.zeros((100, 200, 3), np.uint8), np.zeros((100, 200, 3), np.uint8))
        >>> augment_stereo(sample, StereoAugmentation(crop=(64, 96)), np.random.default_rng(0)).left.shape
        (64, 96, 3)
    """
    if rng.random() < options.flip_views and sample.right_truth is not None:
        sample = mirror(sample)
    sample = _scale_crop(sample, options, rng)
    if rng.random() < options.flip_rows:
        sample = _map_layers(sample, np.flipud)
    left, right = sample.left, sample.right
    if rng.random() < options.photometric:
        table = random_tone(rng, 1.0)
        left, right = apply_tone(left, table), apply_tone(right, table)
    if rng.random() < options.asymmetric:
        right = apply_tone(right, random_tone(rng, 0.5))
    if rng.random() < options.erase:
        right = _erase(right, rng)
    if options.blur > 0 and rng.random() < options.blur:
        sigma_px = float(np.exp(rng.uniform(*np.log(_BLUR_PX))))
        left, right = (np.asarray(cv2.GaussianBlur(view, (0, 0), sigma_px)) for view in (left, right))
    return replace(sample, left=np.ascontiguousarray(left), right=np.ascontiguousarray(right))


def mirror(sample: StereoSample) -> StereoSample:
    """The pair seen in a mirror: left becomes right, so the right view's truth becomes the left one's.

    Raises:
        InputError: If the sample lacks the right view's truth.
    Example:
        >>> image, seen = np.zeros((1, 3, 3), np.uint8), np.zeros((1, 3), bool)
        >>> left, right = (DisparityMap(np.array([row], np.float32), ~seen) for row in ([1, 2, 3], [4, 5, 6]))
        >>> mirror(StereoSample("a", image, image, left, seen, right, seen)).disparity.tolist()
        [[6.0, 5.0, 4.0]]
    """
    if sample.right_truth is None or sample.right_occluded is None:
        raise InputError("expected a sample with the right view's truth, got one without; mirror only such samples")
    swapped = StereoSample(
        sample.key,
        sample.right,
        sample.left,
        sample.right_truth,
        sample.right_occluded,
        sample.truth,
        sample.occluded,
    )
    return _map_layers(swapped, np.fliplr)


def _map_layers(sample: StereoSample, change: Callable[[np.ndarray], np.ndarray]) -> StereoSample:
    def layer(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else change(values)

    def truth(known: DisparityMap | None) -> DisparityMap | None:
        return None if known is None else DisparityMap(change(known.disparity), change(known.valid))

    return StereoSample(
        sample.key,
        change(sample.left),
        change(sample.right),
        truth(sample.truth),
        layer(sample.occluded),
        truth(sample.right_truth),
        layer(sample.right_occluded),
    )


def _scale_crop(sample: StereoSample, options: StereoAugmentation, rng: np.random.Generator) -> StereoSample:
    """Scales and crops in one step: only the wanted window is resampled. Drops the right view's truth."""
    height, width = sample.left.shape[:2]
    crop_height, crop_width = options.crop
    scale_y = 2.0 ** rng.uniform(*options.log2_scale)
    scale_x = scale_y * 2.0 ** rng.uniform(-options.log2_stretch, options.log2_stretch)
    scale_y, scale_x = max(scale_y, crop_height / height), max(scale_x, crop_width / width)
    rows, columns = min(round(crop_height / scale_y), height), min(round(crop_width / scale_x), width)
    scale_x = crop_width / columns
    top, first = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    window = np.s_[top : top + rows, first : first + columns]
    size = (crop_width, crop_height)

    def image(layer: np.ndarray) -> np.ndarray:
        shrinks = columns > crop_width or rows > crop_height
        return cv2.resize(layer[window], size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)

    def truth(layer: np.ndarray) -> np.ndarray:
        return cv2.resize(layer[window].astype(np.float32), size, interpolation=cv2.INTER_NEAREST_EXACT)

    return StereoSample(
        sample.key,
        image(sample.left),
        image(sample.right),
        DisparityMap(truth(sample.disparity) * np.float32(scale_x), truth(sample.valid) > 0.5),
        None if sample.occluded is None else truth(sample.occluded) > 0.5,
    )


def _erase(image: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Occluders that only one view sees."""
    height, width = image.shape[:2]
    erased = image.copy()
    color = image.reshape(-1, 3).mean(axis=0).astype(np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        rows, columns = rng.integers(16, 72, 2)
        top, first = int(rng.integers(max(height - rows, 1))), int(rng.integers(max(width - columns, 1)))
        erased[top : top + rows, first : first + columns] = color
    return erased
