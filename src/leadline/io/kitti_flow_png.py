"""KITTI's flow maps: 16-bit RGB PNG, 64 u + 32768 and 64 v + 32768 in red and green, 1 in blue where known."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt16

from leadline.errors import InputError, OutputError
from leadline.io.files import read_bytes
from leadline.io.image_header import inspect_image
from leadline.io.images import write_image

_UNIT: Final = np.float32(64.0)
_ZERO: Final = np.float32(32768.0)
LARGEST_PX: Final = 511.984375
"""Largest component that the code can hold; the smallest is -512."""


def read_kitti_flow(path: Path | str) -> tuple[Float32[np.ndarray, "h w 2"], Bool[np.ndarray, "h w"]]:
    """Reads a flow map of the KITTI 2012 and 2015 benchmarks.

    Args:
        path: A 16-bit RGB PNG.
    Returns:
        Flow (u, v) in pixels (0 where unknown), and where it is known.
    Raises:
        InputError: If it is missing, not an image, cut off, or not a 16-bit RGB PNG.
    Source: KITTI flow development kit, readme.txt: u = (uint16 - 2^15) / 64, valid where blue is not 0.
    """
    return decode_flow(parse_kitti_flow(read_bytes(path, "a KITTI flow PNG"), str(path)))


def parse_kitti_flow(data: bytes, name: str) -> UInt16[np.ndarray, "h w 3"]:
    """The coded image in the bytes of a PNG, channels u, v, known.

    Args:
        data: Content of the file.
        name: Of the file, for messages.
    Raises:
        InputError: If it is not an image, cut off, or not a 16-bit RGB PNG.
    """
    header = inspect_image(data, name)
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError):
        values = None
    if header.kind != "PNG" or values is None or values.dtype != np.uint16 or values.shape[2:] != (3,):  # pyright: ignore[reportUnnecessaryComparison]
        raise InputError(f"expected a 16-bit RGB PNG with KITTI's flow, got another image in {name}")
    return np.asarray(values[..., ::-1], dtype=np.uint16)


def write_kitti_flow(path: Path | str, flow: Float32[np.ndarray, "h w 2"], valid: Bool[np.ndarray, "h w"]) -> None:
    """Writes flow in KITTI's form, rounded to 1/64 px.

    Args:
        path: A .png file; replaced whole if it exists.
        flow: Pixels; from -512 to below 512 wherever valid.
        valid: Where flow is known.
    Raises:
        OutputError: If a valid flow does not fit, or the file cannot be written.
    """
    known = flow[valid]
    if not ((known >= -512.0) & (known <= LARGEST_PX)).all():
        raise OutputError("expected valid flow from -512 to below 512 px for a KITTI PNG; write a .flo file instead")
    write_image(path, encode_flow(flow, valid))


def encode_flow(flow: Float32[np.ndarray, "h w 2"], valid: Bool[np.ndarray, "h w"]) -> UInt16[np.ndarray, "h w 3"]:
    """Flow as KITTI codes it, channels u, v, known; what the code cannot hold is cut to what it can.

    Example:
        >>> encode_flow(np.array([[[1.5, -2.0]]], np.float32), np.array([[True]])).tolist()
        [[[32864, 32640, 1]]]
    """
    # In float64: beside 32768, float32 knows a pixel to 1/256 only.
    known = np.where(valid[..., None], flow, 0.0).astype(np.float64)
    coded = np.clip(np.rint(known * float(_UNIT) + float(_ZERO)), 0, 65535)
    return np.where(valid[..., None], np.dstack([coded, valid]), 0).astype(np.uint16)


def decode_flow(coded: UInt16[np.ndarray, "h w 3"]) -> tuple[Float32[np.ndarray, "h w 2"], Bool[np.ndarray, "h w"]]:
    """Flow (u, v) in pixels (0 where unknown), and where it is known."""
    valid = coded[..., 2] > 0
    flow = (coded[..., :2].astype(np.float32) - _ZERO) / _UNIT
    return np.where(valid[..., None], flow, np.float32(0.0)), valid
