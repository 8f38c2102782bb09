"""Headers of image files, checked before a decoder allocates anything.

OpenCV's decoders differ by version in what they do with a file that is cut off, and trust the size in its header. Here
the structure is walked first: an image that ends early, or whose header claims more pixels than its bytes can hold, is
refused in one line.
"""

import re
import struct
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from leadline.errors import InputError, TooLargeError
from leadline.io.jpeg import scan_jpeg

MAX_PIXELS = 2**27
"""Largest image that is read unless the caller allows more: 134 megapixels, 805 MB as 16-bit RGB."""

# How many bytes (PNG, TIFF: raw samples) or pixels (JPEG) one byte of file can stand for at the very most. Deflate
# reaches 1032; TIFF also has codecs that squeeze flat images harder; a JPEG spends at least 6 bits on 256 pixels.
_PNG_RATIO, _TIFF_RATIO, _JPEG_RATIO = 1100, 20_000, 1024
# WebP and AVIF describe flat areas in a few bits: only the pixel limit holds.
_FLAT_RATIO = 1 << 40

# Blanks and comments may stand between the numbers; exactly one blank stands before the data.
_GAP = rb"(?:\s|#[^\n]*\n)+"
_PPM = re.compile(rb"P([56])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,5})\s")
_LONGEST_PPM_HEADER = 4096
# MP4 and QuickTime; AVI; Matroska and WebM; MPEG; and the brands of images in MP4's container.
_FILM = re.compile(rb"....(?:ftyp|moov|mdat)|RIFF....AVI |\x1a\x45\xdf\xa3|\x00\x00\x01\xba", re.DOTALL)
_STILL = re.compile(rb"....ftyp(?:mif1|msf1|hei[cxms]|hev[cxms]|avi[fso]|jpeg|jpgs)", re.DOTALL)
_TIFF_FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class ImageHeader:
    """Facts about an image that is not decoded yet.

    Args:
        kind: The file format.
        height: Rows as stored (before any EXIF orientation).
        width: Columns as stored.
        alpha: Whether it has an alpha channel.
        full_scale: The sample that OpenCV returns for white; None where a 16-bit file does not say.
        unassociated_alpha_at: Where a TIFF's ExtraSamples value stands if it is 2 (see `images`), else None.
        orientation: A TIFF's orientation tag, 1 to 8.
        orientation_at: Where it stands; None where there is none.
        planes: Of a TIFF whose colours are stored one after the other, else 1.
        pages: Whether a TIFF holds further images.
    """

    kind: Literal["PNG", "JPEG", "TIFF", "PPM", "BMP", "WebP", "AVIF"]
    height: int
    width: int
    alpha: bool = False
    full_scale: int | None = 255
    unassociated_alpha_at: int | None = None
    orientation: int = 1
    orientation_at: int | None = None
    planes: int = 1
    pages: bool = False


def inspect_image(data: bytes, name: str, max_pixels: int | None = None) -> ImageHeader:
    """Reads the header and checks that the file is whole.

    Args:
        data: The whole file.
        name: The file, for messages.
        max_pixels: Most pixels that are allowed; `MAX_PIXELS` if absent.
    Raises:
        InputError: If it is not a PNG, JPEG, TIFF, BMP, WebP, AVIF or binary PPM/PGM, is cut off, is a camera's raw
            file, has a size of zero or an absurd one, or has samples that cannot be shown in 8 bits (float, signed).
        TooLargeError: If it has more pixels than are allowed.
    Example:
        >>> import cv2
        >>> png = cv2.imencode(".png", np.zeros((2, 3, 3), np.uint8))[1].tobytes()
        >>> header = inspect_image(png, "a.png")
        >>> header.kind, header.height, header.width
        ('PNG', 2, 3)
    """
    header = _inspect(data, name)
    allowed = MAX_PIXELS if max_pixels is None else max_pixels
    if header.height * header.width > allowed:
        raise TooLargeError(
            f"expected at most {allowed} pixels, got {header.width}x{header.height} in {name}; make it smaller first, "
            f"or "
            "allow more pixels"
        )
    return header


def _inspect(data: bytes, name: str) -> ImageHeader:
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            header = _inspect_png(data, name)
        elif data.startswith(b"\xff\xd8\xff"):
            found = scan_jpeg(data, name)
            header = ImageHeader("JPEG", found.height, found.width)
            _check_size(header, len(data) * _JPEG_RATIO, name)
        elif data.startswith(_TIFF_MAGICS):
            header = _inspect_tiff(data, name)
        elif (ppm := _PPM.match(data, 0, _LONGEST_PPM_HEADER)) is not None:
            header = _inspect_ppm(data, ppm, name)
        elif data.startswith(b"BM") and len(data) > 54:
            header = _inspect_bmp(data, name)
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            header = _inspect_webp(data, name)
        elif _FILM.match(data) and not _STILL.match(data):
            raise InputError(
                f"expected an image, got a film in {name}; save its frames as images, such as by ffmpeg -i FILM "
                "frames/%06d.png, and give their folder"
            )
        elif data[4:8] == b"ftyp":
            header = _inspect_heif(data, name)
        else:
            raise InputError(
                f"expected a PNG, JPEG, TIFF, BMP, WebP, AVIF or binary PPM/PGM image, got {_what_else(data)} in {name}"
            )
    except (struct.error, ValueError, IndexError, KeyError, OverflowError) as error:
        raise InputError(f"expected a whole image, got a damaged header in {name}; fetch it again") from error
    return header


def _what_else(data: bytes) -> str:
    """What the bytes are, and the mend, where they are often met in place of an image."""
    if data.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS (fetch the file by git lfs pull)"
    if data[:1024].lstrip().lower().startswith((b"<html", b"<!doctype")):
        return "a web page (fetch the file itself)"
    if data[12:20] == b"\x89PNG\r\n\x1a\n":
        return "a compressedDepth message of ROS (cut off the 12 bytes before the PNG)"
    return "other bytes"


def _check_size(header: ImageHeader, most_pixels: int, name: str) -> None:
    pixels = header.height * header.width
    if pixels == 0:
        raise InputError(f"expected an image with pixels, got {header.width}x{header.height} in {name}")
    if pixels > most_pixels:
        raise InputError(
            f"expected a whole image, got a header that claims {header.width}x{header.height}, more than the file "
            f"{name} can hold; it is damaged: fetch it again"
        )


def _inspect_png(data: bytes, name: str) -> ImageHeader:
    """Source: PNG specification, third edition, 5.3 and 11."""
    header: ImageHeader | None = None
    bits_per_pixel, compressed, position = 8, 0, 8
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        start, end = position + 8, position + 8 + length
        if end + 4 > len(data):
            break
        if kind == b"IHDR":
            width, height, bits, color = struct.unpack_from(">IIBB", data, start)
            if bits not in (1, 2, 4, 8, 16):
                raise ValueError("no such bit depth")
            bits_per_pixel = bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
            header = ImageHeader("PNG", height, width, color in (4, 6), None if bits == 16 else 255)
        elif header is None:
            raise ValueError("IHDR must come first")
        elif kind == b"tRNS":
            header = replace(header, alpha=True)
        elif kind == b"IDAT":
            compressed += length
        elif kind == b"IEND":
            _check_size(header, compressed * _PNG_RATIO * 8 // bits_per_pixel, name)
            return header
        position = end + 4
    raise InputError(f"expected a whole PNG, got one that ends early in {name}; it is cut off: fetch it again")


def _inspect_ppm(data: bytes, found: "re.Match[bytes]", name: str) -> ImageHeader:
    """Source: Netpbm ppm(5) and pgm(5)."""
    width, height, white = int(found[2]), int(found[3]), int(found[4])
    if not 0 < white < 65536:
        raise InputError(f"expected a largest value from 1 to 65535, got {white} in {name}; write it again")
    # Cameras of 10 to 14 bits are often saved with 65535 here whatever they fill: then it says nothing.
    header = ImageHeader("PPM", height, width, False, None if white == 65535 else white)
    sample_bytes = (3 if found[1] == b"6" else 1) * (2 if white > 255 else 1)
    got = len(data) - found.end()
    if got < width * height * sample_bytes:
        raise InputError(
            f"expected {width * height * sample_bytes} bytes of data for {width}x{height}, got {got} in {name}; "
            "it is cut off: fetch it again"
        )
    _check_size(header, _FLAT_RATIO, name)
    return header


def _inspect_bmp(data: bytes, name: str) -> ImageHeader:
    """Source: Microsoft, BITMAPFILEHEADER, BITMAPCOREHEADER and BITMAPINFOHEADER."""
    start, size = struct.unpack_from("<II", data, 10)
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        packing = 0
    else:
        width, height, _, bits, packing = struct.unpack_from("<iiHHI", data, 18)
    header = ImageHeader("BMP", abs(height), width, alpha=bits == 32)
    if width < 0 or bits not in (1, 4, 8, 16, 24, 32) or packing not in (0, 1, 2, 3, 6):
        raise ValueError("no such bitmap")
    needed = (width * bits + 31) // 32 * 4 * abs(height)
    if packing in (0, 3, 6) and len(data) < start + needed:
        raise InputError(
            f"expected {needed} bytes of data for {width}x{abs(height)}, got {max(0, len(data) - start)} in {name}; "
            f"it is "
            "cut off: fetch it again"
        )
    _check_size(header, len(data) * 255, name)
    return header


def _inspect_webp(data: bytes, name: str) -> ImageHeader:
    """Source: Google, WebP container specification; RFC 9649."""
    (length,) = struct.unpack_from("<I", data, 4)
    if len(data) < length + 8:
        raise InputError(f"expected a whole WebP, got one that ends early in {name}; it is cut off: fetch it again")
    kind, body = data[12:16], data[20:]
    if kind == b"VP8X":
        width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
        alpha = bool(body[0] & 0x10)
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", body, 1)
        width, height, alpha = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    elif kind == b"VP8 ":
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", body, 6))
        alpha = False
    else:
        raise ValueError("no such chunk")
    header = ImageHeader("WebP", height, width, alpha)
    _check_size(header, _FLAT_RATIO, name)
    return header


def _inspect_heif(data: bytes, name: str) -> ImageHeader:
    """AVIF and HEIC: the largest `ispe` property is the image's size, those of its tiles are smaller.

    Source: ISO/IEC 23008-12, 6.5.3.
    """
    sizes = [struct.unpack_from(">II", data, at.start() + 8) for at in re.finditer(rb"ispe\0\0\0\0", data[:65536])]
    if not sizes:
        raise InputError(
            f"expected a whole HEIC or AVIF image, got one without a size in {name}; convert it to PNG or JPEG"
        )
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    header = ImageHeader("AVIF", height, width)
    _check_size(header, _FLAT_RATIO, name)
    return header


def _inspect_tiff(data: bytes, name: str) -> ImageHeader:
    """Source: TIFF 6.0, and the BigTIFF design note for its wider offsets."""
    tags = _TiffTags(data)
    if tags.has(50706) or tags.number(254, 0) & 1:
        raise InputError(
            f"expected a developed image, got a camera's raw file (DNG or its like) in {name}: its first image is "
            f"only a "
            "preview; develop it to TIFF or PNG"
        )
    height, width = tags.number(257, 0), tags.number(256, 0)
    bits, samples = tags.number(258, 1), tags.number(277, 1)
    photometric = tags.number(262, 1)
    if tags.number(339, 1) not in (1, 4) or bits > 16:
        raise InputError(
            f"expected 8- or 16-bit unsigned samples, got {bits}-bit float or signed ones in {name}; "
            "convert it to 8 or 16 bit"
        )
    if photometric not in (0, 1, 2, 3, 6) or (bits > 8 and (photometric not in (1, 2) or samples == 2)):
        raise InputError(f"expected a grey or RGB TIFF, got another colour form in {name}; convert it to RGB")
    for starts, counts in ((273, 279), (324, 325)):
        if tags.largest_end(starts, counts) > len(data):
            raise InputError(f"expected a whole TIFF, got one that ends early in {name}; it is cut off: fetch it again")
    if not (tags.has(273) or tags.has(324)):
        raise ValueError("no image data")
    extra_at = tags.value_at(338) if tags.number(338, 0) == 2 else None
    # OpenCV shifts packed 10-, 12- and 14-bit samples to the top of 16 bits.
    full_scale = 255 if bits <= 8 else None if bits == 16 else ((1 << bits) - 1) << (16 - bits)
    header = ImageHeader("TIFF", height, width, tags.has(338) or (photometric == 2 and samples == 4), full_scale)
    _check_size(header, len(data) * _TIFF_RATIO * 8 // max(bits * samples, 1), name)
    orientation = tags.number(274, 1)
    return replace(
        header,
        unassociated_alpha_at=extra_at,
        orientation=orientation if 1 <= orientation <= 8 else 1,
        orientation_at=tags.value_at(274) if tags.has(274) else None,
        planes=samples if tags.number(284, 1) == 2 and samples > 1 else 1,
        pages=tags.further,
    )


def tiff_plane(data: bytes, plane: int) -> bytes:
    """A grey TIFF with one colour of a planar one: the same bytes with another directory.

    Args:
        data: A TIFF (not BigTIFF) whose header says that it has planes.
        plane: Which one, from 0.
    Raises:
        InputError: If its directory has another form.
    """
    order = "<" if data[:2] == b"II" else ">"
    if data[2:4] in (b"+\0", b"\0+"):
        raise InputError(
            "expected a TIFF whose colours are interleaved, got a planar BigTIFF; write it again interleaved"
        )
    (directory,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    tags, changed = _TiffTags(data), bytearray(data)
    samples = tags.number(277, 1)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(f"{order}HHI", data, entry)
        if tag in (273, 279, 324, 325) and kind in (3, 4) and values >= samples:
            numbers = tags.numbers(tag)[plane * values // samples : (plane + 1) * values // samples].astype(int)
            packed = struct.pack(f"{order}{len(numbers)}I", *numbers.tolist())
            struct.pack_into(f"{order}HI", changed, entry + 2, 4, len(numbers))
            if len(numbers) == 1:
                changed[entry + 8 : entry + 12] = packed
            else:
                struct.pack_into(f"{order}I", changed, entry + 8, len(changed))
                changed += packed
        elif tag in (258, 339):  # bits and form of each sample: one of them, in the entry itself
            struct.pack_into(f"{order}HIHH", changed, entry + 2, 3, 1, tags.number(tag, 8), 0)
        elif tag in (262, 277, 284):  # brightness of one sample, which is then interleaved with nothing
            struct.pack_into(f"{order}HIHH", changed, entry + 2, 3, 1, 1, 0)
        elif tag == 338:
            # A tag that nothing knows: the extra sample is in another plane.
            struct.pack_into(f"{order}H", changed, entry, 65000)
    return bytes(changed)


class _TiffTags:
    """The first directory of a TIFF or BigTIFF."""

    def __init__(self, data: bytes) -> None:
        """Raises struct.error or ValueError where the directory is not inside the file."""
        self._data = data
        self._order = "<" if data[:2] == b"II" else ">"
        self._big = data[2:4] in (b"+\0", b"\0+")
        offset_format, count_format, entry_bytes = ("Q", "Q", 20) if self._big else ("I", "H", 12)
        (directory,) = struct.unpack_from(self._order + offset_format, data, 8 if self._big else 4)
        (count,) = struct.unpack_from(self._order + count_format, data, directory)
        if count > 65535:
            raise ValueError("absurd number of tags")
        first = directory + struct.calcsize("<" + count_format)
        following = data[
            first + count * entry_bytes : first + count * entry_bytes + struct.calcsize("<" + offset_format)
        ]
        self.further = any(following)
        self._entries: dict[int, tuple[str, int, int]] = {}
        for entry in range(first, first + count * entry_bytes, entry_bytes):
            tag, kind, values = struct.unpack_from(self._order + "HH" + offset_format, data, entry)
            if kind in _TIFF_FORMATS:
                self._entries[tag] = (_TIFF_FORMATS[kind], values, self._place(entry, kind, values, offset_format))

    def _place(self, entry: int, kind: int, values: int, offset_format: str) -> int:
        """Place of an entry's values: in the entry itself if they fit, else at the offset it holds."""
        here = entry + 4 + struct.calcsize("<" + offset_format)
        if values * struct.calcsize("<" + _TIFF_FORMATS[kind]) <= struct.calcsize("<" + offset_format):
            return here
        return struct.unpack_from(self._order + offset_format, self._data, here)[0]

    def has(self, tag: int) -> bool:
        return tag in self._entries

    def value_at(self, tag: int) -> int:
        return self._entries[tag][2]

    def number(self, tag: int, default: int) -> int:
        """The first value of a tag."""
        if tag not in self._entries:
            return default
        kind, _, place = self._entries[tag]
        return struct.unpack_from(self._order + kind, self._data, place)[0]

    def largest_end(self, starts: int, counts: int) -> int:
        """End of the last strip or tile; 0 where there are none."""
        if starts not in self._entries:
            return 0
        ends = self.numbers(starts)
        if counts in self._entries:
            ends = ends + self.numbers(counts)[: len(ends)]
        return int(ends.max(initial=0))

    def numbers(self, tag: int) -> "np.ndarray":
        """All values of a tag."""
        kind, count, place = self._entries[tag]
        size = struct.calcsize("<" + kind)
        return np.frombuffer(self._data, f"{self._order}u{size}", count, place).astype(np.float64)
