"""The structure of a JPEG file, without decoding it."""

import re
import struct
from dataclasses import dataclass

from leadline.errors import InputError

# The next marker that is not a stuffed zero, a fill byte or a restart inside the entropy-coded data.
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_EOI, _SOI, _TEM = 0xD9, 0xD8, 0x01
# Start of frame: C0..CF without the tables DHT (C4), JPG (C8) and DAC (CC).
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class JpegSegment:
    """One marker segment: `data[start:end]` is its content, without marker and length."""

    marker: int
    start: int
    end: int


@dataclass(frozen=True)
class JpegStructure:
    """Markers of a JPEG: size in pixels as stored, its segments, and where the image ends."""

    height: int
    width: int
    segments: tuple[JpegSegment, ...]
    end: int


def scan_jpeg(data: bytes, name: str) -> JpegStructure:
    """Walks the markers of the first image in `data` up to its end-of-image.

    Args:
        data: Begins with a JPEG; more may follow (the second view of an MPO).
        name: The file, for messages.
    Raises:
        InputError: If it ends before its end-of-image marker or has no frame header.
    Source: ITU-T T.81, annex B.
    Example:
        >>> import cv2, numpy
        >>> jpeg = cv2.imencode(".jpg", numpy.zeros((2, 3, 3), numpy.uint8))[1].tobytes()
        >>> found = scan_jpeg(jpeg, "a.jpg")
        >>> found.height, found.width, found.end == len(jpeg)
        (2, 3, True)
    """
    segments: list[JpegSegment] = []
    size = (0, 0)
    position = 2
    while (found := _MARKER.search(data, position)) is not None:
        marker, position = found[1][0], found.end()
        if marker == _EOI:
            if 0 in size:
                raise InputError(f"expected a JPEG with a frame header, got none in {name}; it is damaged")
            return JpegStructure(size[0], size[1], tuple(segments), position)
        if marker in (_SOI, _TEM):
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2 or position + length > len(data):
            break
        segments.append(JpegSegment(marker, position + 2, position + length))
        if marker in _SOF and length >= 7:
            size = struct.unpack_from(">HH", data, position + 3)
        position += length
    raise InputError(f"expected a whole JPEG, got one that ends early in {name}; it is cut off: fetch it again")
