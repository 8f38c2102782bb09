"""Augmentation of frames: pure functions of a sample and a random generator; the camera changes with the frames."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.data.augmentation import require_between
from leadline.data.tone import apply_tone, random_tone
from leadline.geometry.camera import Pinhole
from leadline.samples import VideoSample


@dataclass(frozen=True, kw_only=True)
class VideoAugmentation:
    """Limits of the changes to training samples; all frames of a sample change alike.

    Args:
        crop: Height and width of what the networks see.
        log2_scale: The frames are enlarged by 2 to the power of a value drawn from this range, relative to the scale at
            which the crop is as large a part of the frame as its shape allows; at least 0.
        flip_columns: Probability of mirroring left and right.
        reverse: Probability of reversing time; the motion of a camera that mostly drives forward is learned later then.
        photometric: Probability of changing light and colour.
    """

    crop: tuple[int, int] = (192, 640)
    log2_scale: tuple[float, float] = (0.0, 0.2)
    flip_columns: float = 0.5
    reverse: float = 0.0
    photometric: float = 0.5

    def __post_init__(self) -> None:
        """Refuses changes that give no frame."""
        require_between(self, 0.0, 3.0, "log2_scale")
        require_between(self, 0.0, 1.0, "flip_columns", "reverse", "photometric")


def augment_video(sample: VideoSample, options: VideoAugmentation, rng: np.random.Generator) -> VideoSample:
    """A changed copy of a sample, of the crop's size.

    Example:
        >>> frame = np.zeros((100, 200, 3), np.uint8)
        >>> sample = VideoSample("a", frame, frame, frame, Pinhole(150.0, 150.0, 99.5, 49.5, 100, 200))
        >>> augment_video(sample, VideoAugmentation(crop=(32, 64)), np.random.default_rng(0)).camera.width
        64
    """
    sample = _scale_crop(sample, options, rng)
    if rng.random() < options.flip_columns:
        sample = mirrored(sample)
    if rng.random() < options.reverse:
        # The right view of the frame that comes after now is not there.
        swapped = {"previous": sample.following, "following": sample.previous, "following_right": None}
        sample = replace(sample, **swapped)
    if rng.random() < options.photometric:
        table = random_tone(rng, 0.5)
        sample = _with_frames(sample, [apply_tone(frame, table) for frame in _frames(sample)], sample.camera)
    return sample


def mirrored(sample: VideoSample) -> VideoSample:
    """The frames seen in a mirror: the principal point moves, and the right camera stands to the left.

    Example:
        >>> frame = np.zeros((2, 4, 3), np.uint8)
        >>> mirrored(VideoSample("a", frame, frame, frame, Pinhole(9.0, 9.0, 1.0, 0.5, 2, 4))).camera.center_x_px
        2.0
    """
    camera = replace(sample.camera, center_x_px=sample.camera.width - 1 - sample.camera.center_x_px)
    flipped = _with_frames(sample, [np.ascontiguousarray(frame[:, ::-1]) for frame in _frames(sample)], camera)
    return flipped if sample.baseline_m is None else replace(flipped, baseline_m=-sample.baseline_m)


def _scale_crop(sample: VideoSample, options: VideoAugmentation, rng: np.random.Generator) -> VideoSample:
    """Crops and scales in one step: only the wanted window is resampled."""
    height, width = sample.target.shape[:2]
    crop_height, crop_width = options.crop
    scale = max(crop_height / height, crop_width / width) * 2.0 ** rng.uniform(*options.log2_scale)
    rows, columns = min(round(crop_height / scale), height), min(round(crop_width / scale), width)
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    shrinks = rows > crop_height or columns > crop_width

    def window(frame: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h2 w2 3"]:
        part = frame[top : top + rows, left : left + columns]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(part, (crop_width, crop_height), interpolation=how), np.uint8)

    cropped = replace(
        sample.camera,
        center_x_px=sample.camera.center_x_px - left,
        center_y_px=sample.camera.center_y_px - top,
        height=rows,
        width=columns,
    )
    frames = [window(frame) for frame in _frames(sample)]
    return _with_frames(sample, frames, cropped.scaled(crop_height, crop_width))


def _frames(sample: VideoSample) -> list[UInt8[np.ndarray, "h w 3"]]:
    rights = (sample.right, sample.following_right)
    return [sample.previous, sample.target, sample.following, *(right for right in rights if right is not None)]


def _with_frames(sample: VideoSample, frames: list[UInt8[np.ndarray, "h w 3"]], camera: Pinhole) -> VideoSample:
    previous, target, following, *rights = frames
    right, following_right, *_ = (*rights, None, None)
    baseline_m = None if right is None else sample.baseline_m
    return VideoSample(sample.key, previous, target, following, camera, right, baseline_m, following_right)
