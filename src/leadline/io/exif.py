"""The focal length that a camera wrote into an image, in pixels."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import atan, degrees, hypot, isfinite, isnan, nan
from pathlib import Path
from typing import Final

from leadline.errors import InputError
from leadline.io.files import read_bytes
from leadline.io.jpeg import scan_jpeg

NARROWEST_DEG: Final = 5.0
WIDEST_DEG: Final = 170.0
"""Fields of view over the diagonal that a pinhole camera may have: beyond, a focal length is a mistake or a fisheye."""

_USUAL_WIDEST_DEG: Final = 130.0
_FILM_DIAGONAL_MM: Final = 43.27
"""Of the 36 mm x 24 mm frame, to which equivalent focal lengths refer."""
_EXIF_POINTER, _FOCAL_MM, _FOCAL_35MM = 0x8769, 0x920A, 0xA405
_ORIENTATION: Final = 0x0112
_CUSTOM_RENDERED, _PANORAMA = 0xA401, 6
_EXIF_WIDTH, _EXIF_HEIGHT, _PLANE_X, _PLANE_UNIT = 0xA002, 0xA003, 0xA20E, 0xA210
_UNIT_MM: Final = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
"""Inch, centimetre, millimetre, micrometre; what is not said is inch."""
_INCH: Final = 2
_FORMATS: Final = {3: "H", 4: "I", 5: "II"}
"""Of the values that a focal length is made of: SHORT, LONG, RATIONAL."""
_PROJECTION: Final = re.compile(rb"ProjectionType\s*(?:=\s*[\"']|>)\s*([A-Za-z]+)")
"""In the XMP data of a panorama, as an attribute or as an element."""
_CONTRADICTION: Final = 1.25
"""Ratio of two focal lengths of one image that no rounding explains."""
_MOST_TAGS: Final = 1000
_SAME_SHAPE: Final = 0.02


@dataclass(frozen=True)
class ExifFocal:
    """Focal length by an image's EXIF data.

    Args:
        focal_px: Pixels of the image at its present size; None if it says nothing usable.
        source: Where it comes from, or why there is none, in words.
        refused: Whether the image has EXIF data on its lens that are damaged, absurd or no longer true.
    """

    focal_px: float | None
    source: str
    refused: bool = False


def read_exif_focal(path: Path | str, height: int, width: int) -> ExifFocal:
    """The focal length from a JPEG's, PNG's or TIFF's EXIF data; pixels are taken to be square.

    First the equivalent for 35 mm film, which refers to the diagonal; else the focal length in mm with the resolution
    in the focal plane, which refers to the size at which the camera stored the image. Both stay right if the image
    was resized, and neither depends on which way up it is. Without either there is none: a sensor's size is not
    guessed from the camera's name.

    Args:
        path: The image.
        height: Its rows, before or after it was turned upright.
        width: Its columns.
    Returns:
        Pixels and their source; no pixels where the file has no EXIF data, or damaged or absurd ones (a field of view
        under 5 or over 170 degrees across the diagonal), two that contradict each other, the image was cropped since,
        or it says of itself that it is a panorama, which no pinhole camera took.
    Raises:
        InputError: If the file cannot be read.
    Source: CIPA DC-008 (Exif 2.32), tags 0xA405, 0x920A, 0xA20E, 0xA210, 0xA002, 0xA003 and, with Apple's value 6 for
        a panorama, 0xA401; Google's Photo Sphere XMP metadata, GPano:ProjectionType.
    """
    data = read_bytes(path, "an image")
    try:
        if (projection := _projection(data, str(path))) is not None:
            return ExifFocal(None, f"a panorama ({projection}), which no pinhole camera took: no focal length", True)
        tags = _exif_tags(_exif_block(data, str(path)))
    except (struct.error, ValueError, ZeroDivisionError, OverflowError):
        return ExifFocal(None, "its EXIF data are damaged: no focal length", refused=True)
    if tags.get(_CUSTOM_RENDERED) == _PANORAMA:
        return ExifFocal(None, "a panorama by its EXIF data, which no pinhole camera took: no focal length", True)
    stored = sorted((tags.get(_EXIF_WIDTH, 0.0), tags.get(_EXIF_HEIGHT, 0.0)))
    now = sorted((float(height), float(width)))
    if stored[0] > 0 and abs(stored[1] * now[0] / (stored[0] * now[1]) - 1.0) > _SAME_SHAPE:
        was = f"{stored[1]:.0f}x{stored[0]:.0f}"
        return ExifFocal(None, f"cropped since its EXIF data were written ({was}): no focal length", refused=True)
    return _usable(*_focal_px(tags, now, stored[1]), hypot(height, width))


def exif_orientation(data: bytes, name: str) -> int:
    """The orientation tag of a JPEG or PNG, 1 to 8; 1 where there is none or it is damaged.

    Args:
        data: The whole file.
        name: The file, for messages.
    Source: CIPA DC-008 (Exif 2.32), tag 0x0112.
    """
    try:
        found = _exif_tags(_exif_block(data, name)).get(_ORIENTATION, 1.0)
    except (struct.error, ValueError, ZeroDivisionError, OverflowError):
        return 1
    return int(found) if found in range(1, 9) else 1


def doubtful_focal(focal_px: float, angle_deg: float) -> tuple[str, ...]:
    """A note on a given focal length that is more likely one in millimetres.

    Args:
        focal_px: As it was given.
        angle_deg: The field of view that it means, over the diagonal.
    """
    if angle_deg <= _USUAL_WIDEST_DEG:
        return ()
    return (
        f"warning: a focal length of {focal_px:g} px is a field of view of {angle_deg:.0f} degrees; it must be in "
        "pixels of the image, not in mm",
    )


def field_of_view_deg(focal_px: float, length_px: float) -> float:
    """The angle that a length in the middle of the image spans.

    >>> round(field_of_view_deg(500.0, 1000.0), 6)
    90.0
    """
    return degrees(2.0 * atan(length_px / (2.0 * focal_px)))


def _focal_px(tags: dict[int, float], now: list[float], stored_long_px: float) -> tuple[float | None, str]:
    equivalent, focal_mm = tags.get(_FOCAL_35MM, 0.0), tags.get(_FOCAL_MM)
    if equivalent <= 0:  # 0 means unknown
        return _in_focal_plane(tags, focal_mm, now, stored_long_px)
    focal_px = equivalent * hypot(*now) / _FILM_DIAGONAL_MM
    other, other_source = _in_focal_plane(tags, focal_mm, now, stored_long_px)
    source = f"EXIF: {equivalent:g} mm on 35 mm film, by the diagonal of {_FILM_DIAGONAL_MM} mm"
    if other is not None and other > 0 and max(other / focal_px, focal_px / other) > _CONTRADICTION:
        return nan, f"{source} ({focal_px:.0f} px), contradicted by {other_source} ({other:.0f} px)"
    return focal_px, source


def _in_focal_plane(
    tags: dict[int, float], focal_mm: float | None, now: list[float], stored_long_px: float
) -> tuple[float | None, str]:
    if focal_mm is None:
        return None, "no focal length in its EXIF data" if tags else "no EXIF data: no focal length"
    per_unit, unit_mm = tags.get(_PLANE_X, 0.0), _UNIT_MM.get(int(tags.get(_PLANE_UNIT, _INCH)), 0.0)
    if not (per_unit > 0 and unit_mm > 0 and stored_long_px > 0):
        return None, f"EXIF data with a focal length of {focal_mm:g} mm but no size of the sensor: not used"
    per_mm = per_unit / unit_mm
    source = f"EXIF: {focal_mm:g} mm at {per_mm:.4g} px/mm in the focal plane"
    return focal_mm * per_mm * now[1] / stored_long_px, source


def _usable(focal_px: float | None, source: str, diagonal_px: float) -> ExifFocal:
    if focal_px is None:
        return ExifFocal(None, source)
    if isnan(focal_px):
        return ExifFocal(None, f"{source}: not used", refused=True)
    if not (isfinite(focal_px) and focal_px > 0):
        return ExifFocal(None, f"{source}: absurd, not used", refused=True)
    angle = field_of_view_deg(focal_px, diagonal_px)
    if not NARROWEST_DEG <= angle <= WIDEST_DEG:
        return ExifFocal(None, f"{source}: absurd (a field of view of {angle:.1f} degrees), not used", refused=True)
    return ExifFocal(focal_px, source)


def _exif_block(data: bytes, name: str) -> bytes:
    """The TIFF structure that holds the tags; empty where there is none."""
    if data.startswith(b"\xff\xd8\xff"):
        try:
            segments = scan_jpeg(data, name).segments
        except InputError as error:
            raise ValueError(str(error)) from error
        blocks = (data[s.start : s.end] for s in segments if s.marker == 0xE1)
        return next((block[6:] for block in blocks if block.startswith(b"Exif\0\0")), b"")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return next((content for kind, content in _png_chunks(data) if kind == b"eXIf"), b"")
    return data if data.startswith((b"II*\0", b"MM\0*")) else b""


def _projection(data: bytes, name: str) -> str | None:
    """The projection that a JPEG's XMP data give a panorama; None for other images."""
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    try:
        segments = scan_jpeg(data, name).segments
    except InputError as error:
        raise ValueError(str(error)) from error
    for segment in segments:
        content = data[segment.start : segment.end]
        if segment.marker == 0xE1 and content.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            if found := _PROJECTION.search(content):
                return found[1].decode("ascii")
    return None


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 8
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def _exif_tags(block: bytes) -> dict[int, float]:
    """The numbers of the first directory and of the EXIF directory that it points to."""
    if not block:
        return {}
    if block[:4] not in (b"II*\0", b"MM\0*"):
        raise ValueError("no TIFF structure")
    order = "<" if block.startswith(b"II") else ">"
    (first,) = struct.unpack_from(f"{order}I", block, 4)
    tags = _directory(block, order, first)
    return tags | _directory(block, order, int(tags[_EXIF_POINTER])) if _EXIF_POINTER in tags else tags


def _directory(block: bytes, order: str, start: int) -> dict[int, float]:
    """Tag -> first value. Tags of other types, and those whose value lies outside of the block, are passed over."""
    (count,) = struct.unpack_from(f"{order}H", block, start)
    if count > _MOST_TAGS:
        raise ValueError("absurd number of tags")
    tags: dict[int, float] = {}
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(f"{order}HHI", block, entry)
        if kind not in _FORMATS or values < 1:
            continue
        fits = values * struct.calcsize(f"<{_FORMATS[kind]}") <= 4
        place = entry + 8 if fits else struct.unpack_from(f"{order}I", block, entry + 8)[0]
        if place + struct.calcsize(f"<{_FORMATS[kind]}") > len(block):
            continue
        number, *divisor = struct.unpack_from(order + _FORMATS[kind], block, place)
        # A camera writes 0/0 for what it does not know.
        tags[tag] = float(number) if not divisor else number / divisor[0] if divisor[0] else 0.0
    return tags
