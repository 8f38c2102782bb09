"""Images in and out of files: always 8-bit RGB inside."""

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt16

from leadline.errors import InputError, OutputError
from leadline.io.atomic import atomic_write
from leadline.io.exif import exif_orientation
from leadline.io.files import read_bytes
from leadline.io.image_header import ImageHeader, inspect_image, tiff_plane

_DEPTHS = (8, 10, 12, 14, 16)
_SUFFIXES_8BIT = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".ppm", ".pgm")
# The share of full scale within which a 16-bit image is too dark or too even for 8 bits: it would keep 32 levels or
# less.
_NARROW_SHARE = 0.125
_LEAST_RANGE = 16  # counts; less is noise on one colour
_NARROW_PERCENTILES = (0.02, 99.98)
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
        turned: The orientation tag by which it was turned upright; 1 if it was not.
        notes: What else is to be known of it, for the user.
    """

    samples: UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]
    full_scale: int | None
    alpha: bool
    name: str
    turned: int = 1
    notes: tuple[str, ...] = ()


def read_image(path: Path | str, max_pixels: int | None = None) -> Image:
    """Reads a PNG, JPEG, TIFF, BMP, WebP, AVIF, PPM or PGM image, grey or colour, 8 or 16 bit, as 8-bit RGB.

    16-bit samples become round(255 v / white), where white is the file's own largest value if it states one (PPM,
    packed TIFF), else the smallest of 2^8-1, 2^10-1, 2^12-1, 2^14-1 and 2^16-1 that no sample exceeds: a 12-bit camera
    stored in 16 bits is thus neither black nor clipped. Where all samples lie in an eighth of that range, as those of
    thermal cameras do, their own range is stretched to 8 bits instead. The note says which was taken.

    Args:
        path: The file.
        max_pixels: Most pixels that are allowed; 134 million if absent.
    Returns:
        The pixels and notes on what was changed.
    Raises:
        InputError: If it is missing, not such an image, cut off, absurdly large, or has float or signed samples.
    """
    return to_8bit([decode_image(read_bytes(path, "an image"), str(path), max_pixels)])[0]


def image_size(path: Path | str) -> tuple[int, int]:
    """The (height, width) of an image when it is upright, by its header alone.

    Raises:
        InputError: As `read_image`, as far as the header tells.
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_image(f"{folder}/a.png", np.zeros((2, 3), np.uint8))
        ...     image_size(f"{folder}/a.png")
        (2, 3)
    """
    data = read_bytes(path, "an image")
    header = inspect_image(data, str(path))
    turned = exif_orientation(data, str(path)) if header.kind in ("JPEG", "PNG") else header.orientation
    return (header.width, header.height) if turned >= 5 else (header.height, header.width)


def decode_image(data: bytes, name: str, max_pixels: int | None = None) -> Decoded:
    """Decodes the bytes of an image file.

    Args:
        data: The whole file.
        name: The file, for messages.
        max_pixels: As for `read_image`.
    Raises:
        InputError: As `read_image`.
    """
    header = inspect_image(data, name, max_pixels)
    notes = (f"{name}: the first of several images in the file is read",) if header.pages else ()
    if header.planes > 1:
        count = 3 if header.planes >= 3 else 1
        planes = [_decode(tiff_plane(data, plane), header, name)[..., 0] for plane in range(count)]
        samples = np.stack(planes * (3 // count), axis=2)
    else:
        samples = _decode(data, header, name)
    upright = np.ascontiguousarray(_upright(samples, header.orientation))
    # OpenCV has turned JPEG and PNG upright itself.
    turned = exif_orientation(data, name) if header.kind in ("JPEG", "PNG") else header.orientation
    return Decoded(upright, header.full_scale, header.alpha, name, turned, notes)


def _decode(data: bytes, header: ImageHeader, name: str) -> np.ndarray:
    """RGB samples, turned upright but for TIFF."""
    buffer = np.frombuffer(data, np.uint8)
    if header.unassociated_alpha_at is not None or header.orientation_at is not None:
        buffer = buffer.copy()
    if header.unassociated_alpha_at is not None and header.planes == 1:
        # libtiff multiplies colours by an alpha of kind 2 ("unassociated"), not of kind 0: ask it to leave them.
        buffer[header.unassociated_alpha_at : header.unassociated_alpha_at + 2] = 0
    if header.orientation_at is not None:
        # OpenCV turns the tiles of an image one by one; it is told that there is nothing to turn.
        at, first = header.orientation_at, 0 if data.startswith(b"II") else 1
        buffer[at + first], buffer[at + 1 - first] = 1, 0
    try:
        decoded = cv2.imdecode(buffer, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError):
        decoded = None
    if decoded is None and header.kind == "AVIF":  # pyright: ignore[reportUnnecessaryComparison]
        return _decode_with_pillow(data, name)
    if decoded is None or decoded.dtype.name not in ("uint8", "uint16") or decoded.ndim != 3:  # pyright: ignore[reportUnnecessaryComparison]
        raise InputError(f"expected a readable {header.kind}, got one that OpenCV cannot decode in {name}; convert it")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


def _decode_with_pillow(data: bytes, name: str) -> np.ndarray:
    """HEIC, and AVIF where OpenCV has no decoder, by pillow and its plug-in if they are installed."""
    try:
        with suppress(ImportError):
            import_module("pillow_heif").register_heif_opener()
        opened = import_module("PIL.Image").open(io.BytesIO(data))
        return np.asarray(import_module("PIL.ImageOps").exif_transpose(opened).convert("RGB"), dtype=np.uint8)
    except Exception as error:  # pillow's plug-ins raise what they like
        raise InputError(
            f"expected a readable image, got HEIC or AVIF without a decoder for it in {name}; install pillow-heif, or "
            "convert it to PNG or JPEG"
        ) from error


def _upright(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Source: TIFF 6.0, Orientation: where the stored first row and column belong in the upright image."""
    turned = samples.transpose(1, 0, 2) if orientation >= 5 else samples
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return turned[:, ::-1] if orientation in (2, 3, 6, 7) else turned


def to_8bit(images: Sequence[Decoded]) -> list[Image]:
    """Brings images that belong together to 8 bits by one rule, so that two views keep their relative brightness.

    Args:
        images: Decoded images; those of 16 bits that do not state their white share one.
    Returns:
        An image for each.
    """
    unstated = [image.samples for image in images if image.samples.dtype == np.uint16 and image.full_scale is None]
    shared = next((1 << bits) - 1 for bits in _DEPTHS if max((int(s.max()) for s in unstated), default=0) < 1 << bits)
    ranges = [np.percentile(samples[::3, ::3], _NARROW_PERCENTILES) for samples in unstated]
    low, high = (min(r[0] for r in ranges), max(r[1] for r in ranges)) if ranges else (0.0, 0.0)
    if len(unstated) == len(images) and shared > 255 and _LEAST_RANGE <= high - low < _NARROW_SHARE * shared:
        return [_stretched(image, int(low), int(np.ceil(high))) for image in images]
    return [_scaled(image, image.full_scale or shared) for image in images]


def _stretched(image: Decoded, low: int, high: int) -> Image:
    """The given range of 16-bit samples as 0 to 255."""
    levels = np.clip(np.arange(65536, dtype=np.int64), low, high) - low
    table = ((levels * 255 + (high - low) // 2) // (high - low)).astype(np.uint8)
    notes = (f"{image.name}: alpha channel dropped",) if image.alpha else ()
    narrow = f"{image.name}: 16-bit samples in a narrow range, {low} to {high} stretched to 8 bit"
    return Image(table[image.samples], (*notes, *image.notes, narrow))


def _scaled(image: Decoded, white: int) -> Image:
    notes = (*((f"{image.name}: alpha channel dropped",) if image.alpha else ()), *image.notes)
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
    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_image(f"{folder}/a.png", np.array([[[255, 128, 0]]], np.uint8))
        ...     read_image(f"{folder}/a.png").pixels.tolist()
        [[[255, 128, 0]]]
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


def write_depth_mm_png(
    path: Path | str,
    depth_m: Float32[np.ndarray, "h w"],
    valid: Bool[np.ndarray, "h w"],
    steps_per_m: int = 1000,
) -> None:
    """Writes depth as a 16-bit PNG, 0 where it is unknown: in millimetres as RGB-D cameras do, or in other steps.

    Args:
        path: A .png file; replaced whole if it exists.
        depth_m: Metres. What 16 bits cannot hold (in millimetres, beyond 65.535 m or nearer than half a millimetre)
            becomes 0.
        valid: Where depth is known.
        steps_per_m: The sample that stands for one metre: 256 is KITTI's form, and reaches 255.99 m.
    Raises:
        OutputError: If it cannot be written.
    """
    if Path(path).suffix.lower() != ".png":
        raise OutputError(f"expected a name that ends in .png, got {Path(path).name}; choose another suffix")
    steps = np.rint(np.where(valid & np.isfinite(depth_m), depth_m, 0.0).astype(np.float64) * steps_per_m)
    held = (steps >= 1) & (steps <= 65535)
    write_image(path, np.where(held, steps, 0).astype(np.uint16))
