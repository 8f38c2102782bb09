"""Skies of packages of assets: panoramas with a high range, as the tiles that rendered worlds have for a sky."""

import base64
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from leadline.errors import InputError, MissingExtraError

_TILE_PX: Final = 512
_WHITE: Final = 0.8
"""Share of white that the sky's 90th percentile gets."""


def read_panorama(path: Path) -> Float32[np.ndarray, "h w 3"]:
    """A panorama of the whole sphere, linear RGB; the top row is the zenith.

    Args:
        path: A .hdr or .png file, an .exr file, or one that a JavaScript module (.exr.js) holds.
    Raises:
        InputError: If it cannot be read, or is not twice as wide as high.
        MissingExtraError: If OpenEXR is needed and not installed.
    """
    try:
        content = path.read_bytes()
        if path.name.endswith(".exr.js"):
            content = base64.b64decode(content.split(b"base64,")[1].split(b'"')[0])
        if ".exr" in path.suffixes:
            image = _exr(content)
        else:
            code = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)
            if code is None:
                raise ValueError("it is no image")
            # 8-bit images are coded for screens.
            image = np.asarray(code, np.float32) if code.dtype == np.float32 else (code / 255.0) ** 2.2
    except (OSError, ValueError, IndexError, RuntimeError, cv2.error) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"expected a panorama at {path}, could not read it: {reason}") from error
    if image.shape[1] != 2 * image.shape[0] or not np.isfinite(image).all():
        raise InputError(
            f"expected a panorama twice as wide as high at {path}, got {image.shape[1]}x{image.shape[0]}; choose "
            "another one"
        )
    return np.maximum(image, 0.0).astype(np.float32)


def _exr(content: bytes) -> np.ndarray:
    try:
        import OpenEXR  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtraError(
            "expected the package OpenEXR to read this sky, found none; install it with pip install OpenEXR"
        ) from error
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".exr") as file:
        file.write(content)
        file.flush()
        opened: Any = OpenEXR.File(file.name)
        channels = opened.channels()
        if "RGB" in channels:
            return np.asarray(channels["RGB"].pixels, np.float32)
        return np.stack([np.asarray(channels[name].pixels, np.float32) for name in "RGB"], -1)


def sky_tile(panorama: Float32[np.ndarray, "h w 3"], start: float = 0.0) -> UInt8[np.ndarray, "t t 3"]:
    """A quarter of a panorama's upper half as a tile, which the renderer mirrors all around.

    Rows go from the horizon to the zenith by the sine of the elevation, columns over 90 degrees.

    Args:
        panorama: The whole sphere, linear.
        start: Where the quarter begins, as a share of the panorama's width.
    Example:
        >>> blue = np.zeros((4, 8, 3), np.float32)
        >>> blue[..., 2] = 1.0
        >>> sky_tile(blue)[0, 0].tolist()
        [0, 0, 228]
    """
    height, width = panorama.shape[:2]
    rise, turn = (np.arange(_TILE_PX) + 0.5) / _TILE_PX, (np.arange(_TILE_PX) + 0.5) / _TILE_PX
    # Columns go round, but the zenith has nothing above it.
    row = np.maximum((0.5 - np.arcsin(rise) / np.pi) * height - 0.5, 0.0)
    column = ((start + 0.25 * turn) % 1.0) * width - 0.5
    x, y = np.meshgrid(column.astype(np.float32), row.astype(np.float32))
    seen = cv2.remap(panorama, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    bright = max(float(np.quantile(seen.max(axis=-1), 0.9)), 1e-6)
    # The renderer squares a tile's values.
    return np.rint(255.0 * np.sqrt(np.clip(_WHITE * seen / bright, 0.0, 1.0))).astype(np.uint8)
