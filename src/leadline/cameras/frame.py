"""One pair of images of a stereo camera, with its moment and what is known of the cameras."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from leadline.geometry.rig import StereoRig, UnrectifiedRig

Clock = Literal["unix", "device", "recording", "assumed"]
"""What a frame's time counts from: 1970, the camera's start, the recording's own zero, or an assumed rate of frames."""


@dataclass(frozen=True)
class FrameMeta:
    """Facts about a pair besides its images.

    Args:
        number: The camera's own count; a gap is a frame that never arrived.
        arrived_s: `time.monotonic()` when both images were in this computer's memory: latency counts from it.
        clock: What `time_s` counts from.
        right_time_s: When the right image was exposed, where each image has a time of its own.
        exposure_s: Exposure times of the left and the right image, where the camera tells.
        emitter: Whether the camera's dot projector was on, where it has one and tells.
    """

    number: int
    arrived_s: float
    clock: Clock
    right_time_s: float | None = None
    exposure_s: tuple[float, float] | None = None
    emitter: bool | None = None


@dataclass(frozen=True, eq=False)
class StereoFrame:
    """A pair of images of one moment.

    Args:
        left: The left image, RGB.
        right: The right image, RGB.
        time_s: When it was exposed, seconds of the clock that `meta.clock` names.
        rig: The cameras: a `StereoRig` if the images are rectified, an `UnrectifiedRig` if they are raw, None if the
            source knows nothing of them.
        meta: Further facts.
    Example:
        >>> image = np.zeros((480, 640, 3), np.uint8)
        >>> StereoFrame(image, image, 0.5, None, FrameMeta(7, 0.0, "recording")).size
        (480, 640)
    """

    left: UInt8[np.ndarray, "h w 3"]
    right: UInt8[np.ndarray, "h2 w2 3"]
    time_s: float
    rig: StereoRig | UnrectifiedRig | None
    meta: FrameMeta

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the left image."""
        return self.left.shape[0], self.left.shape[1]
