import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io import read_image, read_pair, write_image

# Flat views survive JPEG: red is left, blue is right.
RED = np.full((16, 24, 3), (200, 0, 0), np.uint8)
BLUE = np.full((16, 24, 3), (0, 0, 200), np.uint8)


def jpeg(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", pixels[..., ::-1])[1].tobytes()


def with_segment(content: bytes, marker: int, payload: bytes) -> bytes:
    return content[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload + content[2:]


def jps(pixels: np.ndarray, flags: int, layout: int, kind: int = 1) -> bytes:
    return with_segment(jpeg(pixels), 0xE3, b"_JPSJPS_" + struct.pack(">HBBBB", 4, 0, flags, layout, kind))


def mpo(views: list[np.ndarray], numbers: list[int | None], kinds: list[int], order: str = ">") -> bytes:
    """A multi-image file written by hand; its index is filled in once the sizes are known."""
    mark = {">": b"MM\0*", "<": b"II*\0"}[order]
    files: list[bytes] = []
    places = 0
    for index, (view, number) in enumerate(zip(views, numbers, strict=True)):
        tags = [] if number is None else [struct.pack(order + "HHII", 0xB101, 4, 1, number)]
        own = struct.pack(order + "H", len(tags)) + b"".join(tags) + bytes(4)
        body = struct.pack(order + "I", 8) + own
        if index == 0:
            after = 8 + 2 + 12 + 4
            places = after + len(own)
            index_ifd = struct.pack(order + "HHHIII", 1, 0xB002, 7, 16 * len(views), places, after)
            body = struct.pack(order + "I", 8) + index_ifd + own + bytes(16 * len(views))
        files.append(with_segment(jpeg(view), 0xE2, b"MPF\0" + mark + body))
    base = files[0].index(b"MPF\0") + 4
    entries, start = b"", 0
    for kind, file in zip(kinds, files, strict=True):
        entries += struct.pack(order + "IIIHH", kind, len(file), start - base if start else 0, 0, 0)
        start += len(file)
    at = base + places
    return files[0][:at] + entries + files[0][at + len(entries) :] + b"".join(files[1:])


def is_red(view: np.ndarray) -> bool:
    return bool(view[..., 0].mean() > 150 and view[..., 2].mean() < 50)


def save(folder: Path, content: bytes, name: str) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def test_two_files(tmp_path: Path):
    write_image(tmp_path / "l.png", RED)
    write_image(tmp_path / "r.png", BLUE[:8])
    pair = read_pair(tmp_path / "l.png", tmp_path / "r.png")
    assert np.array_equal(pair.left, RED)
    assert np.array_equal(pair.right, BLUE[:8])
    assert pair.notes == ()
    swapped = read_pair(tmp_path / "l.png", tmp_path / "r.png", swap=True)
    assert np.array_equal(swapped.left, BLUE[:8])
    assert swapped.notes == ("views swapped as asked",)


def test_side_by_side_is_left_first(tmp_path: Path):
    write_image(tmp_path / "s.png", np.hstack([RED, BLUE]))
    pair = read_pair(tmp_path / "s.png")
    assert np.array_equal(pair.left, RED)
    assert np.array_equal(pair.right, BLUE)
    assert "left view first" in pair.notes[0]


def test_an_odd_middle_column_belongs_to_neither(tmp_path: Path):
    write_image(tmp_path / "s.png", np.hstack([RED, RED[:, :1] * 0, BLUE]))
    pair = read_pair(tmp_path / "s.png")
    assert np.array_equal(pair.left, RED)
    assert np.array_equal(pair.right, BLUE)


def test_jps_without_header_is_right_first(tmp_path: Path):
    pair = read_pair(save(tmp_path, jpeg(np.hstack([BLUE, RED])), "a.jps"))
    assert is_red(pair.left)
    assert not is_red(pair.right)
    assert "right view first" in pair.notes[0]
    assert not is_red(read_pair(tmp_path / "a.jps", swap=True).left)


@pytest.mark.parametrize("flags", [0, 4])
def test_jps_header_says_which_view_is_first(tmp_path: Path, flags: int):
    views = [RED, BLUE] if flags & 4 else [BLUE, RED]
    pair = read_pair(save(tmp_path, jps(np.hstack(views), flags, 2), "a.jpg"))
    assert is_red(pair.left)
    assert pair.left.shape == pair.right.shape == RED.shape
    over = read_pair(save(tmp_path, jps(np.vstack(views), flags, 3), "b.jps"))
    assert is_red(over.left)
    assert over.left.shape == RED.shape
    assert "JPS header" in over.notes[0]


def test_squeezed_views_are_stretched(tmp_path: Path):
    pair = read_pair(save(tmp_path, jps(np.hstack([RED, BLUE]), 4 | 2, 2), "a.jps"))
    assert pair.left.shape == pair.right.shape == (16, 48, 3)
    pair = read_pair(save(tmp_path, jps(np.vstack([RED, BLUE]), 4 | 1, 3), "a.jps"))
    assert pair.left.shape == pair.right.shape == (32, 24, 3)


@pytest.mark.parametrize(("layout", "kind"), [(1, 1), (4, 1), (2, 0)])
def test_other_jps_layouts_are_refused(tmp_path: Path, layout: int, kind: int):
    with pytest.raises(InputError, match="JPS layout"):
        read_pair(save(tmp_path, jps(RED, 4, layout, kind), "a.jps"))


def test_a_image_too_small_to_split(tmp_path: Path):
    write_image(tmp_path / "a.png", RED[:1, :1])
    with pytest.raises(InputError, match="1 px wide"):
        read_pair(tmp_path / "a.png")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("numbers", [[1, 2], [2, 1], [None, None]])
def test_mpo_views_go_by_viewpoint_number(tmp_path: Path, order: str, numbers: list[int | None]):
    views = [BLUE, RED] if numbers == [2, 1] else [RED, BLUE]
    for name in ("a.mpo", "a.jpg"):
        pair = read_pair(save(tmp_path, mpo(views, numbers, [0x20020002, 0x020002], order), name))
        assert is_red(pair.left)
        assert not is_red(pair.right)
        assert ("viewpoint" if numbers[0] else "file order") in pair.notes[0]


def test_mpo_with_thumbnail_and_three_views(tmp_path: Path):
    content = mpo([RED, RED[:8, :8], BLUE, BLUE], [1, None, 2, 3], [0x020002, 0x010001, 0x020002, 0x020002])
    pair = read_pair(save(tmp_path, content, "a.mpo"))
    assert is_red(pair.left)
    assert pair.right.shape == BLUE.shape
    assert "first two of 3" in pair.notes[0]


def test_mpo_views_of_undefined_kind(tmp_path: Path):
    content = mpo([RED, BLUE], [None, None], [0x030000, 0])
    assert is_red(read_pair(save(tmp_path, content, "a.mpo")).left)
    # A phone's JPEG lists its gain map the same way: then it is one ordinary image.
    assert "side by side" in read_pair(save(tmp_path, content, "a.jpg")).notes[0]


def test_mpo_that_is_no_pair(tmp_path: Path):
    with pytest.raises(InputError, match="expected two views in"):
        read_pair(save(tmp_path, jpeg(RED), "a.mpo"))
    with pytest.raises(InputError, match="of one size"):
        read_pair(save(tmp_path, mpo([RED, BLUE[:8]], [1, 2], [0x020002] * 2), "a.mpo"))


def test_truncated_mpo(tmp_path: Path):
    content = mpo([RED, BLUE], [1, 2], [0x020002] * 2)
    with pytest.raises(InputError, match="cut off"):
        read_pair(save(tmp_path, content[:-20], "a.mpo"))
    damaged = content.replace(struct.pack(">I", 8 + 18 + 18), struct.pack(">I", 1 << 30))
    assert damaged != content
    with pytest.raises(InputError, match="damaged index"):
        read_pair(save(tmp_path, damaged, "a.mpo"))


def test_real_jps_is_nearer_in_front(real_dir: Path):
    pair = read_pair(real_dir / "photos" / "costa_super-mario.jps")
    assert pair.left.shape == pair.right.shape == (720, 522, 3)

    def disparity(rows: slice, columns: slice) -> int:
        """Where a piece of the left view lies in the right one, by correlation."""
        strip = pair.right[rows, columns.start - 30 : columns.stop + 30]
        scores = cv2.matchTemplate(strip, pair.left[rows, columns], cv2.TM_CCOEFF_NORMED)
        return 30 - int(scores[0].argmax())

    # The sign on the cap stands before the shop window's print: the eyes are the right way round.
    assert disparity(slice(70, 150), slice(215, 290)) > disparity(slice(0, 45), slice(50, 130)) + 5


def test_real_mpo(real_dir: Path):
    path = real_dir / "photos" / "pillow_frozenpond.mpo"
    pair = read_pair(path)
    assert pair.left.shape == pair.right.shape == (480, 640, 3)
    assert np.array_equal(pair.left, read_image(path).pixels)
    assert not np.array_equal(pair.left, pair.right)
    assert "viewpoint numbers" in pair.notes[0]


def test_real_two_files(real_dir: Path):
    photos = real_dir / "photos"
    pair = read_pair(photos / "niebert_bench_left.jpg", photos / "niebert_bench_right.jpg")
    assert pair.left.shape == pair.right.shape == (480, 640, 3)
