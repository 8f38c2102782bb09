"""Augmentation for metric depth: the field of view changes, and is known, since depth in metres depends on it."""

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from leadline.data.augmentation import require_between
from leadline.data.mono.shards import FARTHEST_M
from leadline.data.tone import apply_tone, random_tone
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.samples import DepthSample


@dataclass(frozen=True)
class FovAugmentation:
    """Limits of the changes to training samples.

    Args:
        crop: Height and width of what the network sees.
        window: The window around the image's centre has this multiple of the sides of the largest one inside the
            image, drawn from this range: below 1 it crops, above 1 it uncrops, with noise around the image.
        flip: Probability of mirroring the image.
        tone: Probability of changing gain, gamma, offset and colour cast.
        missing: What stands where the image has no truth: the nearest known depth, or farthest, which is right for
            rendered images, where only the sky has none.
    """

    crop: tuple[int, int] = (96, 128)
    window: tuple[float, float] = (0.7, 1.4)
    flip: float = 0.5
    tone: float = 0.8
    missing: Literal["nearest", "farthest"] = "farthest"

    def __post_init__(self) -> None:
        """Refuses what gives no image."""
        if not 0.0 < self.window[0] <= self.window[1]:
            raise InputError(f"expected a window of 0 < least <= most in the recipe, got {self.window}")
        require_between(self, 0.0, 10.0, "window")
        require_between(self, 0.0, 1.0, "flip", "tone")


@dataclass(frozen=True)
class FovSample:
    """One image with a depth everywhere, of which some is true.

    Attributes:
        image: RGB.
        depth: Metres everywhere; infilled where not ``valid``.
        valid: Where ``depth`` is the truth.
        inside: Where the image is, not the noise around it.
        camera: Who saw it, with the noise around it as part of the image.
    """

    image: UInt8[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]
    inside: Bool[np.ndarray, "h w"]
    camera: Pinhole


def tan_half_fov(camera: Pinhole) -> float:
    """Tangent of half the vertical field of view: height / (2 focal_y).

    Example:
        >>> tan_half_fov(Pinhole(240.0, 240.0, 319.5, 239.5, height=480, width=640))
        1.0
    """
    return camera.height / (2.0 * camera.focal_y_px)


def augment_fov(sample: DepthSample, options: FovAugmentation, rng: np.random.Generator) -> FovSample:
    """A changed copy of a sample, of the crop's size, whose camera changes with it.

    Raises:
        InputError: If the sample's depth is not metric or its camera is unknown.
    """
    seen = through_window(sample, rng.uniform(*options.window), options.crop, options.missing, rng)
    image, camera = seen.image, seen.camera
    if rng.random() < options.tone:
        image = apply_tone(image, random_tone(rng, 1.0))
    if rng.random() >= options.flip:
        return replace(seen, image=image)
    mirrored = {
        name: np.ascontiguousarray(np.fliplr(layer))
        for name, layer in (("image", image), ("depth", seen.depth), ("valid", seen.valid), ("inside", seen.inside))
    }
    return FovSample(**mirrored, camera=replace(camera, center_x_px=camera.width - 1.0 - camera.center_x_px))


def through_window(
    sample: DepthSample,
    window: float,
    crop: tuple[int, int],
    missing: Literal["nearest", "farthest"],
    rng: np.random.Generator,
) -> FovSample:
    """Part of a sample inside a window around the image's centre, at the crop's size.

    Args:
        sample: Metric, with its camera.
        window: Multiple of the largest window of the crop's shape inside the image.
        crop: Height and width of the answer.
        missing: As in `FovAugmentation`. Around the image stands the nearest depth in any case.
        rng: Of the noise around the image.
    Returns:
        Its depth is the sample's: cropping and resizing do not change distances, only the camera.
    Raises:
        InputError: If the sample's depth is not metric or its camera is unknown.
    Source: Saxena et al. 2023 (DMD), field-of-view augmentation.
    """
    if sample.camera is None or sample.annotation != "metric":
        known = "no camera" if sample.camera is None else sample.annotation
        raise InputError(f"expected metric depth with a camera in sample {sample.key}, got {known}; leave it out")
    sizes = sample.image.shape[:2]
    zoom = min(side / wanted for side, wanted in zip(sizes, crop, strict=True)) * window
    parts = [_axis(side, wanted, zoom) for side, wanted in zip(sizes, crop, strict=True)]
    (top, rows, row, tall), (left, columns, column, wide) = parts
    source, target = np.s_[top : top + rows, left : left + columns], np.s_[row : row + tall, column : column + wide]
    shrinks = rows > tall or columns > wide

    def placed(layer: np.ndarray, canvas: np.ndarray, how: int) -> np.ndarray:
        canvas[target] = cv2.resize(layer[source], (wide, tall), interpolation=how)
        return canvas

    noise = np.clip(np.round(rng.normal(127.5, 64.0, (*crop, 3))), 0, 255).astype(np.uint8)
    image = placed(sample.image, noise, cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    depth = placed(sample.depth, np.zeros(crop, np.float32), cv2.INTER_NEAREST_EXACT)
    valid = placed(sample.valid.astype(np.uint8), np.zeros(crop, np.uint8), cv2.INTER_NEAREST_EXACT) > 0
    inside = np.zeros(crop, bool)
    inside[target] = True
    if missing == "farthest":
        depth = nearest_filled(np.where(valid, depth, np.float32(FARTHEST_M)), inside)
    else:
        depth = nearest_filled(depth, valid)
    return FovSample(image, depth, valid, inside, _moved(sample.camera, crop, *parts))


def _moved(
    camera: Pinhole, crop: tuple[int, int], rows: tuple[int, int, int, int], columns: tuple[int, int, int, int]
) -> Pinhole:
    """The camera of what was cut, resized and put into a larger image; `_axis` says where."""
    (top, read_rows, row, tall), (left, read_columns, column, wide) = rows, columns
    center = camera.center_x_px - left, camera.center_y_px - top
    small = Pinhole(camera.focal_x_px, camera.focal_y_px, *center, read_rows, read_columns).scaled(tall, wide)
    center = small.center_x_px + column, small.center_y_px + row
    return Pinhole(small.focal_x_px, small.focal_y_px, *center, crop[0], crop[1])


def _axis(side: int, wanted: int, zoom: float) -> tuple[int, int, int, int]:
    """First pixel and number of those that are read, first pixel and number of those that are written."""
    full = zoom * wanted
    read = max(1, min(side, round(full)))
    written = wanted if full <= side else max(1, round(side / zoom))
    return (side - read) // 2, read, (wanted - written) // 2, written


def nearest_filled(depth: Float32[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Depth with that of the nearest known pixel where it is not known; the farthest if none is.

    Example:
        >>> depth = np.array([[2.0, 0.0, 0.0, 5.0]], np.float32)
        >>> nearest_filled(depth, depth > 0).tolist()
        [[2.0, 2.0, 5.0, 5.0]]
    """
    if not known.any():
        return np.full(depth.shape, FARTHEST_M, np.float32)
    _, numbered = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = np.asarray(numbered, np.intp)
    table = np.zeros(int(labels.max()) + 1, np.float32)
    table[labels[known]] = depth[known]
    return table[labels]
