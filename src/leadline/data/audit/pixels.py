"""Figures of single images: brightness, clipping, sharpness, texture, and what tells copies from others."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.runtime.sharpness import edge_blur_px

_WHITE: Final = 250
_BLACK: Final = 5
_THUMB: Final = 16
_HASH: Final = 8


def image_figures(image: UInt8[np.ndarray, "h w 3"]) -> dict[str, float]:
    """Figures of one image, as levels of 255 and shares of its pixels.

    Example:
        >>> flat = np.full((20, 30, 3), 255, np.uint8)
        >>> figures = image_figures(flat)
        >>> figures["range"], figures["white"], figures["texture"]
        (0.0, 1.0, 0.0)
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    low, high = np.percentile(grey, (1.0, 99.0))
    return {
        "brightness": float(grey.mean()),
        "range": float(high - low),
        "white": float((image.min(axis=2) >= _WHITE).mean()),
        "black": float((image.max(axis=2) <= _BLACK).mean()),
        "blur_px": edge_blur_px(image),
        "texture": local_deviation(grey),
    }


def local_deviation(grey: UInt8[np.ndarray, "h w"]) -> float:
    """Mean deviation within 7x7 pixels, levels."""
    values = grey.astype(np.float32)
    mean, square = np.asarray(cv2.blur(values, (7, 7))), np.asarray(cv2.blur(values * values, (7, 7)))
    return float(np.sqrt(np.maximum(square - mean * mean, 0.0)).mean())


def fingerprints(images: Sequence[UInt8[np.ndarray, "h w 3"]]) -> dict[str, Any]:
    """What tells copies: hashes of all pixels and of the first image's, its perceptual hash and a thumbnail.

    Args:
        images: Views of one sample; the first one stands for the sample where likeness is asked for.
    """
    hashes = [
        hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16, salt=_size(image)) for image in images
    ]
    grey = np.asarray(cv2.cvtColor(images[0], cv2.COLOR_RGB2GRAY)).astype(np.float32)
    thumb = np.asarray(cv2.resize(grey, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA))
    return {
        "pixels": hashlib.blake2b(b"".join(one.digest() for one in hashes), digest_size=16).hexdigest(),
        "first_pixels": hashes[0].hexdigest(),
        "look": perceptual_hash(grey),
        "thumb": np.rint(thumb).clip(0, 255).astype(np.uint8).tobytes().hex(),
    }


def _size(image: np.ndarray) -> bytes:
    return b"%dx%d" % image.shape[:2]


def perceptual_hash(grey: np.ndarray) -> str:
    """64 bits that stay nearly the same when an image is scaled, compressed or brightened, in hexadecimal.

    The signs of the 8x8 lowest frequencies of a 32x32 image against their median.

    Source: Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions", the DCT-based hash.
    """
    small = np.asarray(cv2.resize(grey, (4 * _HASH, 4 * _HASH), interpolation=cv2.INTER_AREA), np.float32)
    low = np.asarray(cv2.dct(small))[:_HASH, :_HASH]
    bits = (low > np.median(low)).ravel()
    return np.packbits(bits).tobytes().hex()
