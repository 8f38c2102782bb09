"""Both views of a stereo pair, from two files or from one."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.errors import InputError
from leadline.geometry.check import MIN_MATCHES
from leadline.geometry.epipolar import match_grey
from leadline.geometry.image import brightness, stretch_contrast
from leadline.io.files import read_bytes
from leadline.io.images import Decoded, Image, decode_image, to_8bit
from leadline.io.jpeg import scan_jpeg

_LEAST_SIDE_PX, _LEAST_CORNERS, _MOST_FEATURES, _MATCHED_PX = 48, 100, 800, 512
_JPS_MARK = b"_JPSJPS_"
_DISPARITY_VIEW, _UNDEFINED_VIEW, _PRIMARY_VIEW = 0x020002, 0x000000, 0x030000
_MP_ENTRIES, _MP_VIEW_NUMBER = 0xB002, 0xB101


@dataclass(frozen=True, eq=False)
class ImagePair:
    """The two views of a stereo pair.

    Args:
        left: What the left eye sees, RGB.
        right: What the right eye sees, RGB. From two files it may have another size.
        notes: What was assumed or changed on the way, one line each, for the user.
        turned: Whether an orientation tag turned an image: a calibration of the sensor as it lies no longer fits.
    """

    left: UInt8[np.ndarray, "h w 3"]
    right: UInt8[np.ndarray, "h2 w2 3"]
    notes: tuple[str, ...] = ()
    turned: bool = False


Layout = Literal["side-by-side", "half-side-by-side", "over-under", "half-over-under"]
"""How two views lie in one image; half: each was squeezed to half its width or height."""


def read_pair(
    left: Path | str,
    right: Path | str | None = None,
    swap: bool = False,
    layout: Layout | None = None,
    max_pixels: int | None = None,
) -> ImagePair:
    """Reads a stereo pair from two images, or from one file that holds both views.

    One file may be an MPO (views ordered by their viewpoint numbers), a JPS, or an image with the views side by side.
    A JPS's own header says which eye comes first and whether the halves are squeezed; a `.jps` without that header is
    taken as right eye first (the custom of that suffix: for crossed eyes), any other image as left eye first.
    Two 16-bit views are scaled to 8 bits by one factor.

    Args:
        left: The left view, or the file with both.
        right: The right view, if it has a file of its own.
        swap: Exchange the views, where a file has them the other way round.
        layout: How two views lie in one image, where its header does not say; if absent, side by side, and an image
            whose halves show different things is refused.
        max_pixels: Largest image that is read.
    Returns:
        Both views and notes on what was assumed.
    Raises:
        InputError: If an image cannot be read, or one file does not hold two views.
    Example:
        >>> import tempfile
        >>> from leadline.io.images import write_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_image(f"{folder}/left.png", np.full((2, 3), 10, np.uint8))
        ...     write_image(f"{folder}/right.png", np.full((2, 3), 20, np.uint8))
        ...     pair = read_pair(f"{folder}/left.png", f"{folder}/right.png")
        >>> pair.left.shape, int(pair.right.max())
        ((2, 3, 3), 20)
    """
    if right is None:
        pair = _split(read_bytes(left, "an image with both views"), str(left), layout, max_pixels)
    else:
        if layout is not None:
            raise InputError("expected one image with both views for a layout, got two images; leave the layout out")
        decoded = [decode_image(read_bytes(path, "an image"), str(path), max_pixels) for path in (left, right)]
        first, second = to_8bit(decoded)
        pair = _paired(first, second, *_turn_notes(decoded))
        pair = replace(pair, turned=any(image.turned != 1 for image in decoded))
    if not swap:
        return pair
    return replace(pair, left=pair.right, right=pair.left, notes=(*pair.notes, "views swapped as asked"))


def _paired(left: Image, right: Image, *notes: str) -> ImagePair:
    return ImagePair(left.pixels, right.pixels, (*notes, *left.notes, *right.notes))


def _turn_notes(decoded: Sequence[Decoded]) -> tuple[str, ...]:
    """Notes where orientation tags turned the views: a calibration of the sensor no longer fits."""
    turned = [image.turned for image in decoded]
    if turned[0] == turned[1]:
        return ()
    return (
        f"the orientation tags of {decoded[0].name} and {decoded[1].name} differ: one was turned and the other was "
        f"not; "
        "remove the tags if the cameras were mounted alike",
    )


def _split(data: bytes, name: str, asked: Layout | None, max_pixels: int | None) -> ImagePair:
    """Chooses by content how one file holds two views."""
    layout: _JpsLayout | None = None
    if data.startswith(b"\xff\xd8\xff"):
        views = _mpo_views(data, name)
        if len(views) >= 2:
            return _split_mpo(views, name, max_pixels)
        if name.lower().endswith(".mpo"):
            raise InputError(f"expected two views in {name}, got {len(views)}; name the other view's file too")
        layout = _jps_layout(data, name)
    whole = to_8bit([decode_image(data, name, max_pixels)])[0]
    if layout is not None:
        return _halves(whole, layout, name, f"{name}: split as its JPS header says")
    crossed = name.lower().endswith(".jps")
    if asked is None and not crossed:
        _refuse_one_view(whole.pixels, name)
    below, squeezed = (asked or "").endswith("over-under"), (asked or "").startswith("half")
    how = "one below the other" if below else "side by side"
    order = "right view first, as .jps files are" if crossed else "left view first"
    note = f"{name}: taken as two views {how}, {order}; if they are exchanged, swap them"
    return _halves(whole, _JpsLayout(below, not crossed, squeezed), name, note)


def _refuse_one_view(pixels: UInt8[np.ndarray, "h w 3"], name: str) -> None:
    """Refuses an ordinary image: one with texture whose halves show different things.

    Raises:
        InputError: If it is one; says if its upper and lower halves are two views.
    """
    height, width = pixels.shape[:2]
    side_by_side = _alike(pixels[:, : width // 2], pixels[:, width - width // 2 :])
    if side_by_side is not False:
        return
    if _alike(pixels[: height // 2], pixels[height - height // 2 :]):
        raise InputError(
            f"expected two views side by side in {name}, got two one below the other; give the layout over-under, or "
            "name both views' files"
        )
    raise InputError(
        f"expected two views side by side in {name}, got halves that show different things; name both views' files"
    )


def _alike(first: UInt8[np.ndarray, "h w 3"], second: UInt8[np.ndarray, "h w 3"]) -> bool | None:
    """Whether two images show one scene; None where there is too little in them to tell."""
    if min(first.shape[:2]) < _LEAST_SIDE_PX:
        return None
    greys = [brightness(view) for view in (first, second)]
    detector = cv2.FastFeatureDetector.create()
    if min(len(detector.detect(stretch_contrast(grey))) for grey in greys) < _LEAST_CORNERS:
        return None
    return len(match_grey(greys[0], greys[1], _MOST_FEATURES, _MATCHED_PX)) >= MIN_MATCHES


class _JpsLayout(NamedTuple):
    """Layout of two views in one image: one below the other or side by side, which comes first, at half size or not."""

    below: bool
    left_first: bool
    squeezed: bool


def _jps_layout(data: bytes, name: str) -> _JpsLayout | None:
    """The stereoscopic descriptor of a JPS file, if it has one.

    Source: VRex, JPS/stereo JPEG specification: APP3, "_JPSJPS_", length, then separation, flags (1 half height,
    2 half width, 4 left view first), layout (2 side by side, 3 one below the other) and type (1 stereo).
    """
    for segment in scan_jpeg(data, name).segments:
        content = data[segment.start : segment.end]
        if segment.marker != 0xE3 or not content.startswith(_JPS_MARK) or len(content) < 14:
            continue
        flags, layout, kind = content[11], content[12], content[13]
        if kind != 1 or layout not in (2, 3):
            raise InputError(
                f"expected two views side by side or one below the other, got JPS layout {layout} of type {kind} "
                f"in {name}; save the views as two files"
            )
        return _JpsLayout(layout == 3, bool(flags & 4), bool(flags & (1 if layout == 3 else 2)))
    return None


def split_views(
    pixels: UInt8[np.ndarray, "h w 3"], name: str, layout: Layout | None = None, check: bool = True
) -> tuple[UInt8[np.ndarray, "h2 w2 3"], UInt8[np.ndarray, "h2 w2 3"]]:
    """Cuts one image, such as a frame of a camera, into the left and the right view.

    Args:
        pixels: The image, left view first.
        name: Of its source, for messages.
        layout: How the views lie in it; side by side if absent.
        check: Whether an image whose halves show different things is refused where no layout is given.
    Raises:
        InputError: If it is refused, or a pixel wide or high.
    Example:
        >>> both = np.hstack([np.full((2, 3, 3), 10, np.uint8), np.full((2, 3, 3), 20, np.uint8)])
        >>> left, right = split_views(both, "camera 0")
        >>> left.shape, int(right.max())
        ((2, 3, 3), 20)
    """
    if layout is None and check:
        _refuse_one_view(pixels, name)
    below, squeezed = (layout or "").endswith("over-under"), (layout or "").startswith("half")
    pair = _halves(Image(pixels, ()), _JpsLayout(below, True, squeezed), name, "")
    return pair.left, pair.right


def _halves(whole: Image, layout: _JpsLayout, name: str, note: str) -> ImagePair:
    """Cuts an image into its two views; an odd middle line belongs to neither."""
    axis = 0 if layout.below else 1
    length = whole.pixels.shape[axis]
    half = length // 2
    if half == 0:
        raise InputError(f"expected two views in {name}, got an image 1 px wide or high; name both views' files")
    views = [whole.pixels[:half], whole.pixels[length - half :]]
    if axis == 1:
        views = [whole.pixels[:, :half], whole.pixels[:, length - half :]]
    if layout.squeezed:
        height, width = views[0].shape[:2]
        size = (width * (1 + axis), height * (2 - axis))
        views = [np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_LINEAR), np.uint8) for view in views]
    first, second = (np.ascontiguousarray(view) for view in views)
    left, right = (first, second) if layout.left_first else (second, first)
    return ImagePair(left, right, (note, *whole.notes))


class _MpoView(NamedTuple):
    """One image in a multi-image file: its bytes and its viewpoint number, 1 being the leftmost."""

    data: bytes
    number: int | None


def _split_mpo(views: list[_MpoView], name: str, max_pixels: int | None) -> ImagePair:
    numbers = [view.number for view in views]
    note = f"{name}: views taken in file order, left first"
    if None not in numbers and len(set(numbers)) == len(numbers):
        views = sorted(views, key=lambda view: view.number or 0)
        note = f"{name}: views taken by their viewpoint numbers, left first"
    if len(views) > 2:
        note += f"; the first two of {len(views)}"
    left, right = to_8bit([decode_image(view.data, name, max_pixels) for view in views[:2]])
    if left.pixels.shape != right.pixels.shape:
        raise InputError(
            f"expected two views of one size in {name}, got {left.pixels.shape[:2]} and {right.pixels.shape[:2]}; "
            "its second image is no stereo view: name both views' files"
        )
    return _paired(left, right, note)


def _mpo_views(data: bytes, name: str) -> list[_MpoView]:
    """The stereo views that a JPEG's multi-image index lists; none if it has no index.

    Source: CIPA DC-007-2009, Multi-Image Format, 5.2.3: each 16-byte entry is attribute, size, offset (from the
    index's own TIFF header; 0 for the first image) and two dependencies. Thumbnails and panoramas are passed over.
    """
    try:
        base, order, tags = _mp_tags(data, name)
        count, place = tags.get(_MP_ENTRIES, (0, 0))
        entries = [struct.unpack_from(order + "III", data, base + place + 16 * i) for i in range(min(count // 16, 64))]
        images = [(kind & 0xFFFFFF, base + start if start else 0, size) for kind, size, start in entries]
        stereo = [p for p in images if p[0] == _DISPARITY_VIEW]
        if len(stereo) < 2 and name.lower().endswith(".mpo"):
            stereo = [p for p in images if p[0] in (_DISPARITY_VIEW, _UNDEFINED_VIEW, _PRIMARY_VIEW)]
        if len(stereo) < 2:
            return []
        return [_mpo_view(data[start : start + size], size, name) for _, start, size in stereo]
    except struct.error as error:
        raise InputError(f"expected a whole multi-image file, got a damaged index in {name}; fetch it again") from error


def _mpo_view(view: bytes, size: int, name: str) -> _MpoView:
    if len(view) < size or not view.startswith(b"\xff\xd8\xff"):
        raise InputError(f"expected a view where the index of {name} says, got none; it is cut off: fetch it again")
    _, order, tags = _mp_tags(view, name)
    count, value = tags.get(_MP_VIEW_NUMBER, (0, 0))
    return _MpoView(view, value if count == 1 and order and 0 < value < 0xFFFFFFFF else None)


def _mp_tags(data: bytes, name: str) -> tuple[int, str, dict[int, tuple[int, int]]]:
    """Position of a JPEG's MP header, its byte order, and its tags as (count, value or offset).

    Source: CIPA DC-007-2009, 5.2: APP2, "MPF", then a TIFF header with at most two directories of 12-byte entries.
    """
    for segment in scan_jpeg(data, name).segments:
        content = data[segment.start : segment.end]
        if segment.marker != 0xE2 or not content.startswith(b"MPF\0") or len(content) < 12:
            continue
        base = segment.start + 4
        order = "<" if data[base : base + 2] == b"II" else ">"
        (directory,) = struct.unpack_from(order + "I", data, base + 4)
        tags: dict[int, tuple[int, int]] = {}
        for _ in range(2):
            if directory == 0:
                break
            (count,) = struct.unpack_from(order + "H", data, base + directory)
            for index in range(count):
                tag, _, values, value = struct.unpack_from(order + "HHII", data, base + directory + 2 + 12 * index)
                tags[tag] = (values, value)
            (directory,) = struct.unpack_from(order + "I", data, base + directory + 2 + 12 * count)
        return base, order, tags
    return 0, "", {}
