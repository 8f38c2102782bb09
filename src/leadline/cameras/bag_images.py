"""Images and calibrations out of ROS messages, of ROS 1 or 2."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.io.image_header import MAX_PIXELS
from leadline.io.images import decode_image, to_8bit

IMAGE: Final = "sensor_msgs/msg/Image"
COMPRESSED: Final = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO: Final = "sensor_msgs/msg/CameraInfo"
_SECONDS: Final = 1e-9
Pixels = UInt8[np.ndarray, "h w 3"]


def _bayer(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda raw: cv2.cvtColor(raw, code)


# Encoding -> samples a pixel, bytes a sample, and what makes RGB of it. OpenCV names a Bayer pattern by its second row.
_ENCODINGS: Final[Mapping[str, tuple[int, int, Callable[[np.ndarray], np.ndarray] | None]]] = {
    "mono8": (1, 1, None),
    "8uc1": (1, 1, None),
    "mono16": (1, 2, None),
    "16uc1": (1, 2, None),
    "rgb8": (3, 1, None),
    "8uc3": (3, 1, None),
    "bgr8": (3, 1, lambda raw: raw[..., ::-1]),
    "rgba8": (4, 1, lambda raw: raw[..., :3]),
    "bgra8": (4, 1, lambda raw: raw[..., 2::-1]),
    "bayer_rggb8": (1, 1, _bayer(cv2.COLOR_BayerBG2RGB)),
    "bayer_bggr8": (1, 1, _bayer(cv2.COLOR_BayerRG2RGB)),
    "bayer_gbrg8": (1, 1, _bayer(cv2.COLOR_BayerGR2RGB)),
    "bayer_grbg8": (1, 1, _bayer(cv2.COLOR_BayerGB2RGB)),
    "yuv422": (2, 1, _bayer(cv2.COLOR_YUV2RGB_UYVY)),
    "uyvy": (2, 1, _bayer(cv2.COLOR_YUV2RGB_UYVY)),
    "yuv422_yuy2": (2, 1, _bayer(cv2.COLOR_YUV2RGB_YUY2)),
    "yuyv": (2, 1, _bayer(cv2.COLOR_YUV2RGB_YUY2)),
}


def message_time_s(message: Any, recorded_ns: int) -> float:  # noqa: ANN401 - a message of ROS
    """When an image was exposed: its header's time, or the recording's where the header has none."""
    stamp = message.header.stamp
    nanoseconds = int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
    return (nanoseconds or recorded_ns) * _SECONDS


def message_pixels(message: Any, kind: str, topic: str) -> Pixels:  # noqa: ANN401 - a message of ROS
    """RGB of an Image or CompressedImage message.

    Args:
        message: As rosbags reads it.
        kind: Its type.
        topic: For messages.
    Raises:
        InputError: If its encoding is another one, or its data and its size contradict each other.
    """
    if kind == COMPRESSED:
        return to_8bit([decode_image(bytes(message.data), topic)])[0].pixels
    height, width, step = int(message.height), int(message.width), int(message.step)
    entry = _ENCODINGS.get(str(message.encoding).lower())
    if entry is None:
        raise InputError(
            f"expected images of an encoding out of {', '.join(_ENCODINGS)} in {topic}, got "
            f"{str(message.encoding)[:40]!r}; republish them as mono8 or rgb8"
        )
    samples, size, convert = entry
    data = np.frombuffer(memoryview(message.data), np.uint8)
    row = width * samples * size
    if not 0 < height * width <= MAX_PIXELS or step < row or data.size < (height - 1) * step + row:
        raise InputError(
            f"expected an image of {width}x{height} with rows of {step} bytes in {topic}, got {data.size} bytes; the "
            "recording is damaged"
        )
    whole = np.resize(data, height * step) if data.size < height * step else data[: height * step]
    raw = np.ascontiguousarray(whole.reshape(height, step)[:, :row])
    if size == 2:
        raw = _high_byte(raw, bool(message.is_bigendian))
    raw = raw.reshape(height, width) if samples == 1 else raw.reshape(height, width, samples)
    pixels = raw if convert is None else convert(raw)
    return np.ascontiguousarray(pixels if pixels.ndim == 3 else np.dstack([pixels] * 3), dtype=np.uint8)


def _high_byte(raw: UInt8[np.ndarray, "h w2"], big_endian: bool) -> UInt8[np.ndarray, "h w"]:
    """8 bits of samples of 16, by one rule for both views: their white is 65535, or the next power of 2 below it."""
    values = raw.view(">u2" if big_endian else "<u2")
    # Cameras of 10 or 12 bits fill the lower ones.
    bits = max(8, int(values.max()).bit_length()) if values.size else 16
    shift = next(depth for depth in (8, 10, 12, 14, 16) if bits <= depth) - 8
    return (values >> shift).astype(np.uint8)


def camera_info(message: Any) -> dict[str, Any]:  # noqa: ANN401 - a message of ROS
    """A CameraInfo message as the values of a camera_info file."""

    def values(name: str) -> list[float]:
        # ROS 1 writes the names in capitals.
        return [float(value) for value in getattr(message, name, getattr(message, name.upper(), ()))]

    return {
        "height": int(message.height),
        "width": int(message.width),
        "distortion_model": str(message.distortion_model) or "plumb_bob",
        "K": values("k"),
        "D": values("d"),
        "R": values("r"),
        "P": values("p"),
    }
