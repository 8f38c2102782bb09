import struct
from pathlib import Path

import numpy as np
import pytest

from leadline.errors import CalibrationError, InputError
from leadline.io import read_dpt, read_sintel_camera

TAG = struct.pack("<f", 202021.25)


def test_width_stands_before_height(tmp_path: Path):
    values = np.array([1, 2, 3, np.inf, 5, 6], "<f4")
    (tmp_path / "a.dpt").write_bytes(TAG + struct.pack("<ii", 3, 2) + values.tobytes())
    depth = read_dpt(tmp_path / "a.dpt")
    assert depth.tolist() == [[1, 2, 3], [np.inf, 5, 6]]
    assert depth.dtype == np.float32


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"Pf\n1 1\n-1\n\0\0\0\0", "begins with the tag"),
        (TAG + bytes(4), "begins with the tag"),
        (TAG + struct.pack("<ii", 0, 5), "positive size, got 0x5"),
        (TAG + struct.pack("<ii", 5, -5), "positive size, got 5x-5"),
        (TAG + struct.pack("<ii", 2, 2) + bytes(15), "expected 16 bytes of data for 2x2, got 15"),
        (TAG + struct.pack("<ii", 2**31 - 1, 2**31 - 1), "bytes of data for 2147483647x2147483647, got 0"),
    ],
)
def test_bad_depth_is_refused_before_any_allocation(tmp_path: Path, content: bytes, reason: str):
    (tmp_path / "a.dpt").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_dpt(tmp_path / "a.dpt")


def test_cameras(tmp_path: Path):
    matrix = np.array([[1120.0, 0, 511.5], [0, 1100.0, 217.5], [0, 0, 1]])
    good = TAG + matrix.tobytes() + np.eye(3, 4).tobytes()
    (tmp_path / "a.cam").write_bytes(good)
    camera = read_sintel_camera(tmp_path / "a.cam", (436, 1024))
    assert np.array_equal(camera.matrix, matrix)
    assert (camera.height, camera.width) == (436, 1024)
    for bad in (good[:-1], good + b"\0", b"PIEX" + good[4:]):
        (tmp_path / "a.cam").write_bytes(bad)
        with pytest.raises(InputError, match="172 bytes that begins with the tag"):
            read_sintel_camera(tmp_path / "a.cam", (436, 1024))
    (tmp_path / "a.cam").write_bytes(TAG + np.full(21, np.nan).tobytes())
    with pytest.raises(CalibrationError, match=r"the intrinsics in .*a\.cam of the form"):
        read_sintel_camera(tmp_path / "a.cam", (436, 1024))
