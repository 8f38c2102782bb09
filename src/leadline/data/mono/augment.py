"""Augmentation of single images with depth: a pure function of a sample and a random generator."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from leadline.data.augmentation import require_between
from leadline.data.tone import apply_tone, random_tone
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.samples import DepthSample, OrdinalSample


@dataclass(frozen=True, kw_only=True)
class MonoAugmentation:
    """Limits of the changes to training samples.

    Args:
        crop: Height and width of what the network sees.
        scale: The cut window has this share of the largest window's sides, drawn from this range.
        log2_stretch: The window's shape departs from the crop's by 2 to the power of up to this.
        flip: Probability of mirroring the image.
        tone: Probability of changing gain, gamma, offset and colour cast.
        grey: Probability of taking the colour away.
        saturation: Probability of making colours weaker or stronger.
        blur: Probability of Gaussian blur.
        noise: Probability of noise.
        jpeg: Probability of compressing as JPEG.
    """

    crop: tuple[int, int] = (192, 256)
    scale: tuple[float, float] = (0.6, 1.0)
    log2_stretch: float = 0.2
    flip: float = 0.5
    tone: float = 0.8
    grey: float = 0.18
    saturation: float = 0.3
    blur: float = 0.25
    noise: float = 0.35
    jpeg: float = 0.3

    def __post_init__(self) -> None:
        """Refuses changes that give no image."""
        require_between(self, 1e-3, 1.0, "scale")
        require_between(self, 0.0, 5.0, "log2_stretch")
        require_between(self, 0.0, 1.0, "flip", "tone", "grey", "saturation", "blur", "noise", "jpeg")


def augment_mono(sample: DepthSample, options: MonoAugmentation, rng: np.random.Generator) -> DepthSample:
    """A changed copy of a sample, of the crop's size; its camera, if known, is the one that would have seen it.

    Depth stays what it was. Who learns metres has to take the focal length out of it afterwards; who learns inverse
    depth up to a scale and a shift need not.

    Example:
        >>> sample = DepthSample("a", np.zeros((100, 200, 3), np.uint8))
        >>> augment_mono(sample, MonoAugmentation(crop=(64, 96)), np.random.default_rng(0)).image.shape
        (64, 96, 3)
    """
    sample = _resized_crop(sample, options, rng)
    if rng.random() < options.flip:
        layers = (np.ascontiguousarray(np.fliplr(layer)) for layer in (sample.image, sample.depth, sample.valid))
        image, depth, valid = layers
        truth = DepthMap(depth, valid, sample.annotation)
        sample = replace(sample, image=image, truth=truth, camera=_mirrored(sample.camera))
    return replace(sample, image=photometric(sample.image, options, rng))


def photometric(
    image: UInt8[np.ndarray, "h w 3"], options: MonoAugmentation, rng: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """Another light, colour and camera: blur comes before noise, and compression last, as in a camera."""
    if rng.random() < options.tone:
        image = apply_tone(image, random_tone(rng, 1.0))
    saturation = 2.0 ** rng.normal(0.0, 0.6) if rng.random() < options.saturation else 1.0
    if rng.random() < options.grey:
        saturation = 0.0
    if saturation != 1.0:
        image = _saturated(image, saturation)
    if rng.random() < options.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6)))
    if rng.random() < options.noise:
        image = _noisy(image, rng)
    if rng.random() < options.jpeg:
        _, code = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))))
        image = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))
    return image


class _Window(NamedTuple):
    """A part of an image."""

    top: int
    first: int
    rows: int
    columns: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.top + self.rows), slice(self.first, self.first + self.columns)


def _random_window(height: int, width: int, options: MonoAugmentation, rng: np.random.Generator) -> _Window:
    crop_height, crop_width = options.crop
    shape = crop_width / crop_height * 2.0 ** rng.uniform(-options.log2_stretch, options.log2_stretch)
    share = rng.uniform(*options.scale)
    columns = max(1, min(width, round(share * min(width, height * shape))))
    rows = max(1, min(height, round(columns / shape)))
    return _Window(int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1)), rows, columns)


def _resized(image: UInt8[np.ndarray, "h w 3"], window: _Window, crop: tuple[int, int]) -> UInt8[np.ndarray, "h2 w2 3"]:
    shrinks = window.columns > crop[1] or window.rows > crop[0]
    mode = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image[window.slices], crop[::-1], interpolation=mode))


def augment_ordinal(sample: OrdinalSample, options: MonoAugmentation, rng: np.random.Generator) -> OrdinalSample:
    """A changed copy of a sample, of the crop's size, with those of its pairs that the window shows.

    A window that shows no pair is replaced by the whole image.

    Example:
        >>> points = np.array([[10, 20]], np.int32), np.array([[150, 80]], np.int32)
        >>> sample = OrdinalSample("a", np.zeros((100, 200, 3), np.uint8), *points, np.array([1], np.int8))
        >>> changed = augment_ordinal(sample, MonoAugmentation(crop=(50, 100), flip=0.0), np.random.default_rng(0))
        >>> changed.image.shape, len(changed.relation)
        ((50, 100, 3), 1)
    """
    height, width = sample.image.shape[:2]
    window = _random_window(height, width, options, rng)
    inside = [_in_window(points, window) for points in (sample.first, sample.second)]
    shown = inside[0] & inside[1]
    if not shown.any():
        window, shown = _Window(0, 0, height, width), np.ones(len(sample.relation), bool)
    first, second = (_moved(points[shown], window, options.crop) for points in (sample.first, sample.second))
    image = _resized(sample.image, window, options.crop)
    if rng.random() < options.flip:
        image = np.ascontiguousarray(np.fliplr(image))
        first, second = (np.stack([options.crop[1] - 1 - end[:, 0], end[:, 1]], axis=1) for end in (first, second))
    image = photometric(image, options, rng)
    return replace(sample, image=image, first=first, second=second, relation=sample.relation[shown])


def _in_window(points: Int32[np.ndarray, "n 2"], window: _Window) -> Bool[np.ndarray, " n"]:
    away = points - np.array([window.first, window.top])
    return np.asarray(((away >= 0) & (away < np.array([window.columns, window.rows]))).all(axis=1))


def _moved(points: Int32[np.ndarray, "n 2"], window: _Window, crop: tuple[int, int]) -> Int32[np.ndarray, "n 2"]:
    """Points of an image where the resized window shows them."""
    scale = np.array([crop[1] / window.columns, crop[0] / window.rows])
    places = (points - np.array([window.first, window.top]) + 0.5) * scale - 0.5
    return np.clip(np.rint(places), 0, np.array(crop[::-1]) - 1).astype(np.int32)


def _resized_crop(sample: DepthSample, options: MonoAugmentation, rng: np.random.Generator) -> DepthSample:
    window = _random_window(sample.image.shape[0], sample.image.shape[1], options, rng)
    crop_height, crop_width = options.crop
    size = (crop_width, crop_height)

    def truth(layer: np.ndarray) -> Float32[np.ndarray, "h w"]:
        part = layer[window.slices].astype(np.float32)
        return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_NEAREST_EXACT))

    return replace(
        sample,
        image=_resized(sample.image, window, options.crop),
        truth=DepthMap(truth(sample.depth), truth(sample.valid) > 0.5, sample.annotation),
        camera=sample.camera and _cut(sample.camera, window).scaled(crop_height, crop_width),
    )


def _mirrored(camera: Pinhole | None) -> Pinhole | None:
    return camera and replace(camera, center_x_px=camera.width - 1 - camera.center_x_px)


def _cut(camera: Pinhole, window: _Window) -> Pinhole:
    """The camera that sees a window of the image only."""
    return Pinhole(
        camera.focal_x_px,
        camera.focal_y_px,
        camera.center_x_px - window.first,
        camera.center_y_px - window.top,
        window.rows,
        window.columns,
    )


def _saturated(image: UInt8[np.ndarray, "h w 3"], saturation: float) -> UInt8[np.ndarray, "h w 3"]:
    grey = np.repeat(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[..., None], 3, axis=2)
    return np.asarray(cv2.addWeighted(image, saturation, grey, 1.0 - saturation, 0.0))


def _noisy(image: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    sigma = 255.0 * rng.uniform(0.005, 0.05)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(sigma)
    return np.clip(np.round(image + noise), 0, 255).astype(np.uint8)
