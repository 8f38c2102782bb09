"""Unusual storage: each form decodes to the same pixels, or is refused in one line."""

import struct
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io import read_image, read_pair
from leadline.io.image_header import MAX_PIXELS, inspect_image

RNG = np.random.default_rng(4)
SMOOTH = cv2.GaussianBlur(RNG.integers(0, 256, (96, 128, 3), dtype=np.uint8), (0, 0), 3)
PIXELS = cv2.normalize(SMOOTH, None, 0, 255, cv2.NORM_MINMAX)


def encoded(suffix: str, pixels: np.ndarray = PIXELS, *parameters: int) -> bytes:
    return cv2.imencode(suffix, pixels[..., ::-1], list(parameters))[1].tobytes()


def save(folder: Path, content: bytes, name: str) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def tiff(pixels: np.ndarray, *, planar: bool = False, tile: int = 0, orientation: int = 1, extra: dict | None = None):
    """An uncompressed little-endian TIFF by hand: interleaved or planar, strips of 16 rows or tiles."""
    height, width, samples = pixels.shape
    planes = [pixels[..., c : c + 1] for c in range(samples)] if planar else [pixels]
    pieces: list[bytes] = []
    for plane in planes:
        if tile:
            padded = np.zeros((-(-height // tile) * tile, -(-width // tile) * tile, plane.shape[2]), pixels.dtype)
            padded[:height, :width] = plane
            for top in range(0, padded.shape[0], tile):
                for first in range(0, padded.shape[1], tile):
                    pieces.append(padded[top : top + tile, first : first + tile].tobytes())
        else:
            pieces += [plane[top : top + 16].tobytes() for top in range(0, height, 16)]
    bits = pixels.dtype.itemsize * 8
    tags: dict[int, tuple[int, list[int]]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * samples),
        259: (3, [1]),
        262: (3, [2 if samples >= 3 else 1]),
        274: (3, [orientation]),
        277: (3, [samples]),
        284: (3, [2 if planar else 1]),
        339: (3, [1] * samples),
    }
    tags |= {322: (4, [tile]), 323: (4, [tile])} if tile else {278: (4, [16])}
    tags |= extra or {}
    starts, counts = (324, 325) if tile else (273, 279)
    tags[counts] = (4, [len(piece) for piece in pieces])
    tags[starts] = (4, [0] * len(pieces))
    directory = 8
    place = directory + 2 + 12 * len(tags) + 4
    values: dict[int, int] = {}
    for tag in sorted(tags):
        kind, numbers = tags[tag]
        size = {3: 2, 4: 4, 1: 1}[kind] * len(numbers)
        if size > 4:
            values[tag] = place
            place += size + size % 2
    tags[starts] = (4, [place + sum(map(len, pieces[:i])) for i in range(len(pieces))])
    out = bytearray(b"II*\0" + struct.pack("<IH", directory, len(tags)))
    tail = bytearray()
    for tag in sorted(tags):
        kind, numbers = tags[tag]
        packed = struct.pack(f"<{len(numbers)}{ {3: 'H', 4: 'I', 1: 'B'}[kind] }", *numbers)
        out += struct.pack("<HHI", tag, kind, len(numbers))
        out += packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", values[tag])
        if len(packed) > 4:
            tail += packed + b"\0" * (len(packed) % 2)
    return bytes(out + bytes(4) + tail + b"".join(pieces))


UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("tile", [0, 32])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_of_every_storage_and_orientation(tmp_path: Path, orientation: int, tile: int, planar: bool, bits: int):
    stored = PIXELS if bits == 8 else PIXELS.astype(np.uint16) * 257
    path = save(tmp_path, tiff(stored, planar=planar, tile=tile, orientation=orientation), "a.tif")
    assert np.array_equal(read_image(path).pixels, UPRIGHT[orientation](PIXELS))


def test_planar_with_alpha_and_one_strip(tmp_path: Path):
    four = np.dstack([PIXELS, np.full(PIXELS.shape[:2], 128, np.uint8)])[:16]
    found = read_image(save(tmp_path, tiff(four, planar=True, extra={338: (3, [2])}), "a.tif"))
    assert np.array_equal(found.pixels, PIXELS[:16])


def test_a_camera_raw_file_is_not_its_preview(tmp_path: Path):
    for extra in ({50706: (1, [1, 4, 0, 0])}, {254: (4, [1])}):
        with pytest.raises(InputError, match="preview; develop it"):
            read_image(save(tmp_path, tiff(PIXELS, extra=extra), "a.dng"))


def test_further_images_in_a_tiff_are_said(tmp_path: Path):
    data = bytearray(tiff(PIXELS))
    (count,) = struct.unpack_from("<H", data, 8)
    struct.pack_into("<I", data, 10 + 12 * count, 8)
    assert "first of several" in read_image(save(tmp_path, bytes(data), "a.tif")).notes[0]


def test_bmp_webp_and_avif(tmp_path: Path):
    assert np.array_equal(read_image(save(tmp_path, encoded(".bmp"), "a.bmp")).pixels, PIXELS)
    lossless = encoded(".webp", PIXELS, cv2.IMWRITE_WEBP_QUALITY, 101)
    assert np.array_equal(read_image(save(tmp_path, lossless, "a.webp")).pixels, PIXELS)
    lossy = read_image(save(tmp_path, encoded(".webp", PIXELS, cv2.IMWRITE_WEBP_QUALITY, 90), "b.webp")).pixels
    assert np.abs(lossy.astype(int) - PIXELS).mean() < 8
    if cv2.haveImageWriter("a.avif"):
        found = read_image(save(tmp_path, encoded(".avif"), "a.avif")).pixels
        assert found.shape == PIXELS.shape
        assert np.abs(found.astype(int) - PIXELS).mean() < 8


@pytest.mark.parametrize("suffix", [".bmp", ".webp"])
def test_cut_off_files_are_refused(tmp_path: Path, suffix: str):
    data = encoded(suffix)
    for length in (20, 60, len(data) // 2, len(data) - 1):
        with pytest.raises(InputError):
            read_image(save(tmp_path, data[:length], f"a{suffix}"))


def test_damaged_headers_are_refused(tmp_path: Path):
    for data in (
        b"BM" + bytes(60),
        b"RIFF" + struct.pack("<I", 20) + b"WEBPVP9 " + bytes(20),
        bytes(4) + b"ftypavif" + bytes(40),
        bytes(4) + b"ftypheic" + b"ispe\0\0\0\0" + struct.pack(">II", 64, 64) + bytes(40),
    ):
        with pytest.raises(InputError):
            read_image(save(tmp_path, data, "a.bin"))


def test_random_bytes_of_the_new_forms_never_escape(tmp_path: Path):
    rng = np.random.default_rng(5)
    sources = [encoded(suffix) for suffix in (".bmp", ".webp")] + [tiff(PIXELS, planar=True, tile=32)]
    for trial in range(600):
        data = bytearray(sources[trial % 3])
        for _ in range(rng.integers(1, 12)):
            data[rng.integers(0, min(len(data), 400))] = rng.integers(0, 256)
        with suppress(InputError):
            read_image(save(tmp_path, bytes(data), "a.bin"))


def test_the_pixel_limit_can_be_moved(tmp_path: Path):
    path = save(tmp_path, encoded(".png"), "a.png")
    with pytest.raises(InputError, match="at most 100 pixels, got 128x96"):
        read_image(path, max_pixels=100)
    with pytest.raises(InputError, match="at most 100 pixels"):
        read_pair(path, path, max_pixels=100)
    assert read_image(path, max_pixels=128 * 96).pixels.shape == PIXELS.shape


def test_a_small_file_of_many_pixels_is_refused():
    """11,600 px a side, all black: 134 million pixels are more than the limit, whatever the file's size."""
    header = struct.pack(">IIBBBBB", 11_600, 11_600, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + bytes(4)
    body = struct.pack(">I", 1_200_000) + b"IDAT" + bytes(1_200_000) + bytes(4)
    data = b"\x89PNG\r\n\x1a\n" + chunk + body + struct.pack(">I", 0) + b"IEND" + bytes(4)
    assert 11_600**2 > MAX_PIXELS
    with pytest.raises(InputError, match="at most"):
        inspect_image(data, "a.png")


def grey16(folder: Path, counts: np.ndarray, name: str) -> Path:
    return save(folder, cv2.imencode(".png", counts.astype(np.uint16))[1].tobytes(), name)


def test_a_thermal_pair_is_stretched_by_its_common_range(tmp_path: Path):
    base = PIXELS[..., 0].astype(np.float64) / 255.0
    left, right = 30_000 + 400 * base, 30_100 + 400 * base
    pair = read_pair(grey16(tmp_path, left, "l.png"), grey16(tmp_path, right, "r.png"))
    # 30,000 to 30,500 counts become 0 to 255: 100 counts between the views are 51 grey levels.
    assert int(pair.left.max()) - int(pair.left.min()) == pytest.approx(204, abs=12)
    gap = pair.right.astype(int) - pair.left
    assert np.median(gap) == pytest.approx(51, abs=4)
    assert "narrow range" in pair.notes[0]


def test_a_wide_16_bit_image_is_scaled_as_before(tmp_path: Path):
    counts = PIXELS[..., 0].astype(np.uint16) * 16
    found = read_image(grey16(tmp_path, counts, "a.png"))
    assert "4095 taken as white" in found.notes[0]


def two_views() -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(6).normal(size=(240, 360, 3))
    blurred = cv2.GaussianBlur(noise, (0, 0), 1.5) + 2 * cv2.GaussianBlur(noise, (0, 0), 4.0)
    scene = cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return scene[:, :320], scene[:, 12:332]


def test_layouts(tmp_path: Path):
    left, right = two_views()
    over = save(tmp_path, encoded(".png", np.vstack([left, right])), "o.png")
    pair = read_pair(over, layout="over-under")
    assert np.array_equal(pair.left, left)
    assert np.array_equal(pair.right, right)
    half = np.hstack([cv2.resize(view, (160, 240), interpolation=cv2.INTER_AREA) for view in (left, right)])
    squeezed = read_pair(save(tmp_path, encoded(".png", half), "h.png"), layout="half-side-by-side")
    assert squeezed.left.shape == left.shape
    assert np.abs(squeezed.left.astype(int) - left).mean() < 12
    low = np.vstack([cv2.resize(view, (320, 120), interpolation=cv2.INTER_AREA) for view in (left, right)])
    assert read_pair(save(tmp_path, encoded(".png", low), "l.png"), layout="half-over-under").right.shape == left.shape
    side = save(tmp_path, encoded(".png", np.hstack([left, right])), "s.png")
    assert np.array_equal(read_pair(side).right, right)
    with pytest.raises(InputError, match="one below the other; give the layout over-under"):
        read_pair(over)
    with pytest.raises(InputError, match="leave the layout out"):
        read_pair(side, side, layout="over-under")


def test_one_ordinary_image_is_no_pair(tmp_path: Path):
    noise = np.random.default_rng(7).normal(size=(240, 640, 3))
    scene = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.0), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    path = save(tmp_path, encoded(".png", scene), "a.png")
    with pytest.raises(InputError, match="halves that show different things; name both views' files"):
        read_pair(path)
    assert read_pair(path, layout="side-by-side").left.shape == (240, 320, 3)


def test_unlike_orientation_tags_of_a_pair_are_said(tmp_path: Path):
    paths = [save(tmp_path, tiff(PIXELS, orientation=turn), f"{turn}.tif") for turn in (1, 3)]
    assert "orientation tags" in read_pair(*paths).notes[0]


def with_orientation(jpeg: bytes, tag: int) -> bytes:
    block = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, tag, 0, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


def test_a_turned_jpeg_is_upright_and_says_so(tmp_path: Path):
    paths = [save(tmp_path, with_orientation(encoded(".jpg"), tag), f"{tag}.jpg") for tag in (1, 3)]
    upside, upright = read_image(paths[1]).pixels, read_image(paths[0]).pixels
    assert np.array_equal(upside, upright[::-1, ::-1])
    assert not read_pair(paths[0], paths[0]).turned
    both = read_pair(paths[1], paths[1], swap=True)
    assert both.turned
    assert both.notes == ("views swapped as asked",)
    assert "orientation tags" in read_pair(*paths).notes[0]


@pytest.mark.parametrize(
    "start",
    [b"\0\0\0\x20ftypisom", b"\0\0\0\x14ftypqt  ", b"RIFF\0\1\0\0AVI LIST", b"\x1a\x45\xdf\xa3\x93\x42\x82\x88"],
)
def test_a_film_is_called_one(tmp_path: Path, start: bytes):
    """And not a HEIC that is cut off."""
    (tmp_path / "clip.mp4").write_bytes(start + bytes(4000))
    with pytest.raises(InputError, match=r"got a film in .*clip.mp4; save its frames as images"):
        read_image(tmp_path / "clip.mp4")
