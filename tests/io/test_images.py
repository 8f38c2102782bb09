import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError, OutputError
from leadline.io import read_image, read_pair, write_depth_mm_png, write_image

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)


def png(pixels: np.ndarray, color: int, extra: bytes = b"") -> bytes:
    """A PNG written by hand, so that no library's reading of the format is trusted twice."""
    height, width = pixels.shape[:2]
    bits = 8 * pixels.dtype.itemsize
    rows = pixels.astype(f">u{pixels.dtype.itemsize}").reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)) + extra
    return b"\x89PNG\r\n\x1a\n" + chunks + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tiff(pixels: bytes, width: int, height: int, bits: int, samples: int, **tags: int) -> bytes:
    """An uncompressed little-endian TIFF of one strip, written by hand."""
    values = {256: [width], 257: [height], 258: [bits] * samples, 259: [1], 262: [1 if samples < 3 else 2]}
    values |= {273: [0], 277: [samples], 278: [height], 279: [len(pixels)]}
    values |= {int(name[1:]): [value] for name, value in tags.items()}
    first = 8 + 2 + 12 * len(values) + 4
    arrays = b"".join(struct.pack(f"<{len(v)}H", *v) for v in values.values() if len(v) > 2)
    values[273] = [first + len(arrays)]
    entries, used = b"", 0
    for tag in sorted(values):
        value = values[tag]
        wide = tag in (273, 279)
        entries += struct.pack("<HHI", tag, 4 if wide else 3, len(value))
        if len(value) > 2:
            entries += struct.pack("<I", first + used)
            used += 2 * len(value)
        else:
            entries += struct.pack(f"<{len(value)}{'I' if wide else 'H'}", *value).ljust(4, b"\0")
    return b"II*\0" + struct.pack("<IH", 8, len(values)) + entries + bytes(4) + arrays + pixels


def save(folder: Path, content: bytes, name: str = "a") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm"])
def test_lossless_rgb_and_grey(tmp_path: Path, suffix: str):
    write_image(tmp_path / f"rgb{suffix}", RGB)
    assert np.array_equal(read_image(tmp_path / f"rgb{suffix}").pixels, RGB)
    name = "grey.pgm" if suffix == ".ppm" else f"grey{suffix}"
    write_image(tmp_path / name, GREY)
    image = read_image(tmp_path / name)
    assert np.array_equal(image.pixels, np.dstack([GREY] * 3))
    assert image.notes == ()


def test_hand_written_files(tmp_path: Path):
    assert np.array_equal(read_image(save(tmp_path, png(RGB, 2))).pixels, RGB)
    assert np.array_equal(read_image(save(tmp_path, tiff(RGB.tobytes(), 9, 6, 8, 3))).pixels, RGB)
    content = b"P6 # by hand\n9 6\n#\n255\n" + RGB.tobytes()
    assert np.array_equal(read_image(save(tmp_path, content)).pixels, RGB)


def test_jpeg_is_close(tmp_path: Path):
    smooth = cv2.resize(RGB, (64, 48), interpolation=cv2.INTER_CUBIC)
    for name in ("a.jpg", "a.jpeg"):
        write_image(tmp_path / name, smooth)
        assert np.abs(read_image(tmp_path / name).pixels.astype(int) - smooth).mean() < 6


def test_suffix_does_not_matter_for_reading(tmp_path: Path):
    assert np.array_equal(read_image(save(tmp_path, png(RGB, 2), "a.jpg")).pixels, RGB)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_dropped_with_a_note(tmp_path: Path, dtype: type):
    rgba = RNG.integers(0, 256, (4, 5, 4)).astype(dtype) * (257 if dtype == np.uint16 else 1)
    rgba[0, 0] = np.iinfo(dtype).max
    expected = (rgba[..., :3] // (257 if dtype == np.uint16 else 1)).astype(np.uint8)
    bits = 8 * rgba.itemsize
    files = [png(rgba, 6)]
    # 0: unspecified, 1: associated, 2: unassociated, which libtiff would multiply in
    files += [tiff(rgba.tobytes(), 5, 4, bits, 4, t338=kind) for kind in (0, 1, 2)]
    for content in files:
        image = read_image(save(tmp_path, content))
        assert np.array_equal(image.pixels, expected)
        assert any("alpha channel dropped" in note for note in image.notes)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_with_alpha(tmp_path: Path, dtype: type):
    both = RNG.integers(0, 256, (4, 5, 2)).astype(dtype) * (257 if dtype == np.uint16 else 1)
    both[0, 0] = np.iinfo(dtype).max
    image = read_image(save(tmp_path, png(both, 4)))
    assert np.array_equal(image.pixels[..., 1], both[..., 0] // (257 if dtype == np.uint16 else 1))
    assert "alpha channel dropped" in image.notes[0]


def test_a_transparent_color_counts_as_alpha(tmp_path: Path):
    image = read_image(save(tmp_path, png(RGB, 2, chunk(b"tRNS", bytes(6)))))
    assert np.array_equal(image.pixels, RGB)
    assert "alpha channel dropped" in image.notes[0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int):
    # EXIF 2.3: where row 0 and column 0 of the stored image belong.
    upright = {
        1: RGB, 2: RGB[:, ::-1], 3: RGB[::-1, ::-1], 4: RGB[::-1], 5: RGB.transpose(1, 0, 2),
        6: RGB[::-1].transpose(1, 0, 2), 7: RGB[::-1, ::-1].transpose(1, 0, 2), 8: RGB[:, ::-1].transpose(1, 0, 2),
    }[orientation]  # fmt: skip
    exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    found = read_image(save(tmp_path, tiff(RGB.tobytes(), 9, 6, 8, 3, t274=orientation))).pixels
    assert np.array_equal(found, upright)
    jpeg = cv2.imencode(".jpg", RGB)[1].tobytes()
    app1 = b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif
    plain = read_image(save(tmp_path, jpeg)).pixels
    turned = read_image(save(tmp_path, jpeg[:2] + app1 + jpeg[2:])).pixels
    assert turned.shape == upright.shape
    same = {1: plain, 3: plain[::-1, ::-1], 6: plain[::-1].transpose(1, 0, 2)}.get(orientation)
    if same is not None:
        assert np.array_equal(turned, same)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_16_bit_files_of_any_depth_use_the_whole_8_bit_range(tmp_path: Path, bits: int):
    white = (1 << bits) - 1
    ramp = np.array([[0, white // 2, white]], np.uint16)
    for content in (png(ramp, 0), tiff(ramp.tobytes(), 3, 1, 16, 1), b"P5 3 1 65535\n" + ramp.astype(">u2").tobytes()):
        image = read_image(save(tmp_path, content))
        assert image.pixels[0, :, 0].tolist() == [0, (255 * (white // 2) + white // 2) // white, 255]
        assert image.notes == (f"{tmp_path / 'a'}: 16-bit samples scaled to 8 bit, {white} taken as white",)


def test_a_black_16_bit_image_stays_black(tmp_path: Path):
    assert not read_image(save(tmp_path, png(np.zeros((2, 2), np.uint16), 0))).pixels.any()


def test_the_white_a_file_states_is_used(tmp_path: Path):
    samples = np.array([[0, 500, 1000]], ">u2")
    assert read_image(save(tmp_path, b"P5 3 1 1000\n" + samples.tobytes())).pixels[0, :, 0].tolist() == [0, 128, 255]
    assert read_image(save(tmp_path, b"P5 3 1 100\n" + bytes([0, 50, 100]))).pixels[0, :, 0].tolist() == [0, 128, 255]
    packed = int(f"{0x000:012b}{0x800:012b}{0xFFF:012b}{0x001:012b}", 2).to_bytes(6, "big")
    assert read_image(save(tmp_path, tiff(packed, 4, 1, 12, 1))).pixels[0, :, 0].tolist() == [0, 128, 255, 0]


def test_16_bit_views_share_one_white(tmp_path: Path):
    left, right = np.full((2, 2), 4095, np.uint16), np.full((2, 2), 4096, np.uint16)
    pair = read_pair(save(tmp_path, png(left, 0), "l.png"), save(tmp_path, png(right, 0), "r.png"))
    assert pair.left[0, 0, 0] == pair.right[0, 0, 0] == round(4095 * 255 / 16383)


def test_one_pixel_is_a_image(tmp_path: Path):
    assert read_image(save(tmp_path, png(RGB[:1, :1], 2))).pixels.shape == (1, 1, 3)


def encoded(suffix: str) -> bytes:
    image = cv2.resize(RGB, (90, 60), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(suffix, image)[1].tobytes()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".ppm"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_truncated_images_are_refused(tmp_path: Path, suffix: str, share: float):
    content = encoded(suffix)
    with pytest.raises(InputError, match=r"cut off|damaged|got other bytes"):
        read_image(save(tmp_path, content[: int(len(content) * share)]))


def test_a_progressive_jpeg_is_whole_and_its_half_is_not(tmp_path: Path):
    content = cv2.imencode(".jpg", cv2.resize(RGB, (90, 60)), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert read_image(save(tmp_path, content)).pixels.shape == (60, 90, 3)
    with pytest.raises(InputError, match="cut off"):
        read_image(save(tmp_path, content[:-2]))


def test_a_png_with_too_little_data_is_refused(tmp_path: Path):
    content = png(RGB, 2)
    taller = content.replace(struct.pack(">II", 9, 6), struct.pack(">II", 9, 60))
    header = chunk(b"IHDR", taller[16:29])
    with pytest.raises(InputError, match="cannot decode"):
        read_image(save(tmp_path, taller[:8] + header + taller[33:]))


@pytest.mark.parametrize("side", [20_000, 1_000_000])
def test_absurd_sizes_are_refused(tmp_path: Path, side: int):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    jpeg = bytearray(encoded(".jpg"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 16000, 16000)
    for content in (b"\x89PNG\r\n\x1a\n" + head + body, bytes(jpeg), b"P6 %d %d 255\n\0" % (side, side)):
        with pytest.raises(InputError, match=r"more than the file|at most \d+ pixels|cut off"):
            read_image(save(tmp_path, content))
    wide = bytearray(tiff(RGB.tobytes(), 9, 6, 8, 3))
    for tag in (256, 257):
        place = wide.index(struct.pack("<HHI", tag, 3, 1))
        wide[place + 2 : place + 12] = struct.pack("<HII", 4, 1, side)
    with pytest.raises(InputError, match=r"more than the file|at most \d+ pixels"):
        read_image(save(tmp_path, bytes(wide)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hello", "got other bytes"),
        (b"GIF89a" + bytes(50), "got other bytes"),
        (b"P3 1 1 255 1 2 3", "got other bytes"),
        (b"P5 0 1 255\n", "with pixels"),
        (b"P5 1 1 0\n\0", "largest value"),
        (b"P5 1 1 70000\n\0\0", "largest value"),
        (b"\xff\xd8\xff\xd9", "frame header"),
        (b"\xff\xd8\xff\xe0\0\0\xff\xd9", "cut off"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "damaged header"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 9, 0, 0, 0)), "damaged header"),
        (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 0, 2, 0, 0, 0))
            + chunk(b"IDAT", b"")
            + chunk(b"IEND", b""),
            "damaged header",
        ),
        (b"II*\0" + bytes(60), "damaged header|with pixels|cut off"),
        (b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1 << 40), "damaged header"),
        (tiff(bytes(16), 2, 2, 32, 1, t339=3), "32-bit float or signed"),
        (tiff(bytes(8), 2, 2, 16, 1, t339=2), "16-bit float or signed"),
        (tiff(bytes(16), 2, 2, 16, 2, t338=2), "another colour form"),
        (tiff(bytes(16), 2, 2, 8, 4, t262=5), "another colour form"),
        (tiff(bytes(8), 2, 2, 16, 1, t262=0), "another colour form"),
        (b"", "empty"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes, reason: str):
    with pytest.raises(InputError, match=reason) as caught:
        read_image(save(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_missing_and_folder(tmp_path: Path):
    with pytest.raises(InputError, match="no such file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(InputError, match="got a folder"):
        read_image(tmp_path)


def test_write_16_bit(tmp_path: Path):
    samples = RNG.integers(0, 65536, (4, 5), dtype=np.uint16)
    for name in ("a.png", "a.tif", "a.pgm"):
        write_image(tmp_path / name, samples)
        assert np.array_equal(cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED), samples)


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("a.jpg", np.zeros((2, 2), np.uint16)),
        ("a.xyz", np.zeros((2, 2), np.uint8)),
        ("a", np.zeros((2, 2), np.uint8)),
        ("a.pgm", np.zeros((2, 2, 3), np.uint8)),
        ("a.png", np.zeros((0, 2), np.uint8)),
    ],
)
def test_write_refuses_what_the_format_cannot_hold(tmp_path: Path, name: str, pixels: np.ndarray):
    with pytest.raises(OutputError, match="expected a"):
        write_image(tmp_path / name, pixels)
    assert list(tmp_path.iterdir()) == []


def test_depth_in_millimetres(tmp_path: Path):
    depth = np.array([[1.2344, 0.0004, 65.535, 65.5361, np.nan, np.inf, -1.0, 2.0]], np.float32)
    valid = np.array([[True] * 7 + [False]])
    write_depth_mm_png(tmp_path / "d.png", depth, valid)
    found = cv2.imread(str(tmp_path / "d.png"), cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint16
    assert found.tolist() == [[1234, 0, 65535, 0, 0, 0, 0, 0]]
    with pytest.raises(OutputError, match=r"ends in \.png"):
        write_depth_mm_png(tmp_path / "d.tif", depth, valid)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "pointer of Git LFS"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"\0" * 12 + cv2.imencode(".png", np.zeros((2, 3), np.uint16))[1].tobytes(), "compressedDepth message"),
        (b"neither", "other bytes"),
    ],
)
def test_what_stands_in_place_of_an_image_is_named(tmp_path, content, named):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=named):
        read_image(tmp_path / "a.png")
