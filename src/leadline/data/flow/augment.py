"""Augmentation of flow samples: pure functions of a sample and a random generator."""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.data.tone import apply_tone, random_tone
from leadline.errors import InputError
from leadline.maps import FlowMap
from leadline.samples import FlowSample

_PATCH_PX: Final = (16, 80)


@dataclass(frozen=True)
class FlowAugmentation:
    """Limits of the changes to training samples.

    Args:
        crop: Height and width of what the network sees.
        log2_scale: The frames are scaled by 2 to the power of a value drawn from this range.
        log2_stretch: Extra horizontal scale, likewise, symmetric around 0.
        reverse: Probability of reversing time, where a sample has the backward motion.
        flip_columns: Probability of mirroring left and right.
        flip_rows: Probability of turning the frames upside down.
        photometric: Probability of changing light and colour of both frames alike.
        asymmetric: Probability of changing them differently.
        erase: Probability of covering patches of the second frame with its mean colour.
    """

    crop: tuple[int, int] = (320, 448)
    log2_scale: tuple[float, float] = (-0.2, 0.6)
    log2_stretch: float = 0.15
    reverse: float = 0.5
    flip_columns: float = 0.5
    flip_rows: float = 0.1
    photometric: float = 0.7
    asymmetric: float = 0.25
    erase: float = 0.3


def augment_flow(sample: FlowSample, options: FlowAugmentation, rng: np.random.Generator) -> FlowSample:
    """A changed copy of a sample, of the crop's size, without backward motion; its truth changes with it."""
    if rng.random() < options.reverse and sample.backward is not None:
        sample = reversed_in_time(sample)
    sample = _scale_crop(sample, options, rng)
    if rng.random() < options.flip_columns:
        sample = mirrored(sample, axis=1)
    if rng.random() < options.flip_rows:
        sample = mirrored(sample, axis=0)
    first, second = sample.first, sample.second
    if rng.random() < options.photometric:
        table = random_tone(rng, 1.0)
        first, second = apply_tone(first, table), apply_tone(second, table)
    if rng.random() < options.asymmetric:
        second = apply_tone(second, random_tone(rng, 0.4))
    if rng.random() < options.erase:
        second = _erased(second, rng)
    return replace(sample, first=np.ascontiguousarray(first), second=np.ascontiguousarray(second))


def reversed_in_time(sample: FlowSample) -> FlowSample:
    """The pair with its frames in the other order, so that the backward motion is the forward one.

    Raises:
        InputError: If the sample lacks the backward motion.
    """
    if sample.backward is None:
        raise InputError("expected a sample with the backward motion, got one without; reverse only such samples")
    return FlowSample(
        sample.key,
        sample.second,
        sample.first,
        sample.backward,
        sample.backward_occluded,
        sample.truth,
        sample.occluded,
    )


def mirrored(sample: FlowSample, axis: int) -> FlowSample:
    """The frames seen in a mirror, without the backward motion.

    Args:
        sample: What is mirrored.
        axis: 1 swaps left and right, 0 top and bottom.
    Example:
        >>> truth = FlowMap(np.array([[[1, 2], [3, 4]]], np.float32), np.ones((1, 2), bool))
        >>> image = np.zeros((1, 2, 3), np.uint8)
        >>> mirrored(FlowSample("a", image, image, truth), axis=1).flow.tolist()
        [[[-3.0, 4.0], [-1.0, 2.0]]]
    """
    sign = np.array([-1.0, 1.0] if axis == 1 else [1.0, -1.0], np.float32)
    hidden = np.zeros(sample.valid.shape, bool) if sample.occluded is None else sample.occluded
    layers = (sample.first, sample.second, sample.flow * sign, sample.valid, hidden)
    first, second, flow, valid, hidden = (np.ascontiguousarray(np.flip(layer, axis)) for layer in layers)
    return FlowSample(sample.key, first, second, FlowMap(flow, valid), hidden)


def _scale_crop(sample: FlowSample, options: FlowAugmentation, rng: np.random.Generator) -> FlowSample:
    """Scales and crops in one step: only the wanted window is resampled."""
    height, width = sample.valid.shape
    crop_height, crop_width = options.crop
    scale_y = 2.0 ** rng.uniform(*options.log2_scale)
    scale_x = scale_y * 2.0 ** rng.uniform(-options.log2_stretch, options.log2_stretch)
    scale_y, scale_x = max(scale_y, crop_height / height), max(scale_x, crop_width / width)
    rows, columns = min(round(crop_height / scale_y), height), min(round(crop_width / scale_x), width)
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    window = np.s_[top : top + rows, left : left + columns]
    size = (crop_width, crop_height)

    def image(layer: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "ch cw 3"]:
        shrinks = columns > crop_width or rows > crop_height
        return cv2.resize(layer[window], size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)

    def truth(layer: np.ndarray) -> np.ndarray:
        return cv2.resize(layer[window], size, interpolation=cv2.INTER_NEAREST_EXACT)

    flow = truth(sample.flow) * np.array([crop_width / columns, crop_height / rows], np.float32)
    valid, hidden = truth(sample.valid.astype(np.uint8)) > 0, _left_frame(flow)
    if sample.occluded is not None:
        hidden |= truth(sample.occluded.astype(np.uint8)) > 0
    return FlowSample(sample.key, image(sample.first), image(sample.second), FlowMap(flow, valid), hidden)


def _left_frame(flow: Float32[np.ndarray, "h w 2"]) -> Bool[np.ndarray, "h w"]:
    """Pixels that move out of the frame."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return (x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)


def _erased(image: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Occluders that only one frame sees."""
    height, width = image.shape[:2]
    erased = image.copy()
    colour = image.reshape(-1, 3).mean(axis=0).astype(np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        rows, columns = rng.integers(*_PATCH_PX, 2)
        top, left = int(rng.integers(max(height - rows, 1))), int(rng.integers(max(width - columns, 1)))
        erased[top : top + rows, left : left + columns] = colour
    return erased
