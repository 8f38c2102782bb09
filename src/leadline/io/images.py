"""Images in and out of files: always 8-bit RGB inside."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt16

from leadline.errors import InputError, OutputError
from leadline.io.atomic import atomic_write
from leadline.io.files import read_bytes
from leadline.io.image_header import inspect_image

_DEPTHS = (8, 10, 12, 14, 16)
_SUFFIXES_8BIT = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".ppm", ".pgm")
_SUFFIXES_16BIT = (".png", ".tif", ".tiff", ".ppm", ".pgm")


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded image.

    Args:
        pixels: RGB, upright (EXIF orientation applied). Grey images have three equal channels.
        notes: What was changed on the way, one line each, for the user: alpha dropped, 16 bit scaled to 8.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Decoded:
    """An image before its samples are brought to 8 bits.

    Args:
        samples: RGB, upright.
        full_scale: The sample that stands for white, or None where a 16-bit file does not say.
        alpha: Whether an alpha channel was dropped.
        name: The file, for notes.
    """

    samples: UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]
    full_scale: int | None
    alpha: bool
    name: str


def read_image(path: Path | str) -> Image:
    """Reads a PNG, JPEG, TIFF, PPM or PGM image, grey or colour, 8 or 16 bit, as 8-bit RGB.

    16-bit samples become round(255 v / white), where white is the file's own largest value if it states one (PPM,
    packed TIFF), else the smallest of 2^8-1, 2^10-1, 2^12-1, 2^14-1 and 2^16-1 that no sample exceeds: a 12-bit camera
    stored in 16 bits is thus neither black nor clipped. The note says which was taken.

    Args:
        path: The file.
    Returns:
        The pixels and notes on what was changed.
    Raises:
        InputError: If it is missing, not such an image, cut off, absurdly large, or has float or signed samples.
    """
    return to_8bit([decode_image(read_bytes(path, "an image"), str(path))])[0]


def decode_image(data: bytes, name: str) -> Decoded:
    """Decodes the bytes of an image file.

    Raises:
        InputError: As `read_image`.
    """
    header = inspect_image(data, name)
    buffer = np.frombuffer(data, np.uint8)
    if header.unassociated_alpha_at is not None:
        # libtiff multiplies colours by an alpha of kind 2 ("unassociated"), not of kind 0: ask it to leave them.
        buffer = buffer.copy()
        buffer[header.unassociated_alpha_at : header.unassociated_alpha_at + 2] = 0
    try:
        decoded = cv2.imdecode(buffer, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError):
        decoded = None
    if decoded is None or decoded.dtype.name not in ("uint8", "uint16") or decoded.ndim != 3:  # pyright: ignore[reportUnnecessaryComparison]
        raise InputError(f"expected a readable {header.kind}, got one that OpenCV cannot decode in {name}; convert it")
    samples = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    return Decoded(samples, header.full_scale, header.alpha, name)


def to_8bit(images: Sequence[Decoded]) -> list[Image]:
    """Brings images that belong together to 8 bits by one rule, so that two views keep their relative brightness.

    Args:
        images: Decoded images; those of 16 bits that do not state their white share one.
    Returns:
        An image for each.
    """
    peaks = [int(p.samples.max()) for p in images if p.samples.dtype == np.uint16 and p.full_scale is None]
    shared = next((1 << bits) - 1 for bits in _DEPTHS if max(peaks, default=0) < 1 << bits)
    return [_scaled(image, image.full_scale or shared) for image in images]


def _scaled(image: Decoded, white: int) -> Image:
    notes = (f"{image.name}: alpha channel dropped",) if image.alpha else ()
    if image.samples.dtype == np.uint8 and white == 255:
        return Image(np.asarray(image.samples, dtype=np.uint8), notes)
    levels = np.arange(65536 if image.samples.dtype == np.uint16 else 256, dtype=np.uint32)
    table = np.minimum((levels * 255 + white // 2) // white, 255).astype(np.uint8)
    if image.samples.dtype == np.uint16:
        notes += (f"{image.name}: 16-bit samples scaled to 8 bit, {white} taken as white",)
    return Image(table[image.samples], notes)


def write_image(
    path: Path | str,
    pixels: UInt8[np.ndarray, "h w"]
    | UInt8[np.ndarray, "h w 3"]
    | UInt16[np.ndarray, "h w"]
    | UInt16[np.ndarray, "h w 3"],
) -> None:
    """Writes a grey or RGB image; the suffix chooses the format.

    Args:
        path: .png, .jpg (8 bit only), .tif, .ppm or .pgm; replaced whole if it exists.
        pixels: Grey or RGB samples, 8 or 16 bit.
    Raises:
        OutputError: If the suffix is not one of these or does not fit, or the file cannot be written.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    allowed = _SUFFIXES_8BIT if pixels.dtype == np.uint8 else _SUFFIXES_16BIT
    if suffix not in allowed or (suffix == ".pgm" and pixels.ndim == 3):
        raise OutputError(
            f"expected a name that ends in {', '.join(allowed)} for {pixels.dtype} pixels of {pixels.shape}, "
            f"got {target.name}; choose another suffix"
        )
    image = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    try:
        done, encoded = cv2.imencode(suffix, image)
    except cv2.error:
        done, encoded = False, np.empty(0, np.uint8)
    if not done:
        raise OutputError(f"expected an image that {suffix} can hold, got shape {pixels.shape} for {target.name}")
    with atomic_write(target) as file:
        file.write(encoded.tobytes())


def write_depth_mm_png(path: Path | str, depth_m: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]) -> None:
    """Writes depth as a 16-bit PNG in millimetres, 0 where it is unknown: the form of RGB-D cameras.

    Args:
        path: A .png file; replaced whole if it exists.
        depth_m: Metres. What 16 bits cannot hold (beyond 65.535 m, or nearer than half a millimetre) becomes 0.
        valid: Where depth is known.
    Raises:
        OutputError: If it cannot be written.
    """
    if Path(path).suffix.lower() != ".png":
        raise OutputError(f"expected a name that ends in .png, got {Path(path).name}; choose another suffix")
    millimetres = np.where(valid & np.isfinite(depth_m), depth_m, 0.0).astype(np.float64) * 1000.0
    millimetres = np.rint(millimetres)
    held = (millimetres >= 1) & (millimetres <= 65535)
    write_image(path, np.where(held, millimetres, 0).astype(np.uint16))
