"""PFM: the float image format of Middlebury, ETH3D and SceneFlow."""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from leadline.errors import InputError
from leadline.io.atomic import atomic_write
from leadline.io.files import read_bytes

# Magic, width, height, scale; exactly one line end (or blank) stands before the numbers. Some programs write blanks
# before that line end, which most readers strip.
_HEADER = re.compile(rb"P([fF])\s+(\d{1,9})\s+(\d{1,9})\s+([-+]?[0-9.]+(?:[eE][-+]?\d{1,3})?)")
_GAPS = (re.compile(rb"\r\n|\s"), re.compile(rb"[ \t]*(?:\r\n|\n|\r)"))
_LONGEST_HEADER = 512


def read_pfm(path: Path | str) -> Float32[np.ndarray, "h w"]:
    """A one-channel PFM, top row first.

    NaN and infinity are returned as they are: Middlebury marks unknown disparity with inf, and what they mean is
    the caller's to decide. The size of the header's scale is ignored, as the Middlebury tools do; its sign gives the
    byte order (negative is little-endian).

    Args:
        path: The file.
    Returns:
        The values, in this machine's byte order.
    Raises:
        InputError: If it is missing, not a PFM, has three channels, or is shorter than its header says.
    Source: Debevec, HDRShop PFM; Middlebury stereo evaluation, `ImageIO`.
    """
    return _values(path, 1)[..., 0].copy()


def read_colour_pfm(path: Path | str) -> Float32[np.ndarray, "h w 3"]:
    """A three-channel PFM, top row first; FlyingThings3D keeps flow in the first two.

    Args:
        path: The file.
    Returns:
        The values, in this machine's byte order; NaN and infinity as they are.
    Raises:
        InputError: If it is missing, not a PFM, has one channel, or is shorter than its header says.
    Source: as of `read_pfm`.
    """
    return _values(path, 3)


def _values(path: Path | str, channels: int) -> Float32[np.ndarray, "h w c"]:
    content = read_bytes(path, "a PFM file")
    header = _HEADER.match(content, 0, _LONGEST_HEADER)
    if header is None:
        raise InputError(f"expected a PFM file that begins with 'Pf WIDTH HEIGHT SCALE', got other bytes in {path}")
    if header[1] == b"F" and channels == 1:
        raise InputError(f"expected one channel ('Pf'), got three ('PF') in {path}; save the disparity alone")
    if header[1] == b"f" and channels == 3:
        raise InputError(f"expected three channels ('PF'), got one ('Pf') in {path}; name the file of the flow")
    width, height = int(header[2]), int(header[3])
    try:
        scale = float(header[4])
    except ValueError:
        scale = 0.0
    if width == 0 or height == 0 or scale == 0:
        raise InputError(
            f"expected a positive size and a non-zero scale, got {width}x{height} and "
            f"{header[4].decode()} in {path}; write it again"
        )
    expected = 4 * width * height * channels
    # Where the numbers begin: where exactly as many bytes follow as there should be, else after one line end.
    starts = [gap.end() for pattern in _GAPS if (gap := pattern.match(content, header.end())) is not None]
    if not starts:
        raise InputError(f"expected a line end after the scale of a PFM, got other bytes in {path}; write it again")
    start = next((place for place in starts if len(content) - place == expected), starts[0])
    got = len(content) - start
    if got < expected:
        raise InputError(
            f"expected {expected} bytes of data for {width}x{height}, got {got} in {path}; "
            "it is cut off: fetch it again"
        )
    order = "<f4" if scale < 0 else ">f4"
    values = np.frombuffer(content, order, width * height * channels, start).reshape(height, width, channels)
    return np.ascontiguousarray(values[::-1], dtype=np.float32)


def write_pfm(path: Path | str, values: Float32[np.ndarray, "h w"]) -> None:
    """Writes a one-channel, little-endian PFM; NaN and infinity are kept.

    Args:
        path: The file; replaced whole if it exists.
        values: Any numbers, top row first.
    Raises:
        OutputError: If it cannot be written.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_pfm(f"{folder}/a.pfm", np.array([[1.5, np.inf], [2.0, 3.0]], np.float32))
        ...     read_pfm(f"{folder}/a.pfm").tolist()
        [[1.5, inf], [2.0, 3.0]]
    """
    height, width = values.shape
    with atomic_write(path) as file:
        file.write(b"Pf\n%d %d\n-1.0\n" % (width, height))
        file.write(np.ascontiguousarray(values[::-1], dtype="<f4").data)
