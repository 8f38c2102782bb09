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
_LOOKED_AT, _FEWEST = 4096, 12
_LEAST_PLAIN, _MOST_PLAIN = 0.4, 0.95
"""Shares of plain numbers, in the stated and in the other byte order, at which the stated one is wrong."""


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
        InputError: If it is missing, not a PFM, has three channels, is shorter than its header says, or its numbers
            make sense in the other byte order alone.
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
    values = np.frombuffer(content, order, width * height * channels, start)
    _refuse_other_order(values, path)
    return np.ascontiguousarray(values.reshape(height, width, channels)[::-1], dtype=np.float32)


def _refuse_other_order(values: Float32[np.ndarray, " n"], path: Path | str) -> None:
    """Refuses numbers that make sense in the other byte order only: programs forget the scale's sign."""
    looked_at = values[:: max(1, len(values) // _LOOKED_AT)]
    stated, other = (_plain_share(numbers) for numbers in (looked_at, looked_at.byteswap()))
    if stated < _LEAST_PLAIN and other > _MOST_PLAIN:
        written, named = ("big", "little") if values.dtype.str == "<f4" else ("little", "big")
        raise InputError(
            f"expected {named}-endian numbers, as the sign of the scale says, got numbers that make sense as "
            f"{written}-endian alone in {path}; turn the sign of the scale"
        )


def _plain_share(values: Float32[np.ndarray, " n"]) -> float:
    """Share of plain numbers among those that are finite and not 0; 0.5 where there are too few to judge."""
    with np.errstate(all="ignore"):
        size = np.abs(values[np.isfinite(values) & (values != 0)].astype(np.float64))
    return 0.5 if size.size < _FEWEST else float(((size > 1e-6) & (size < 1e7)).mean())


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
