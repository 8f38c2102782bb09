"""Middlebury's .flo and KITTI's flow PNG: bytes as their development kits define them."""

import struct

import cv2
import numpy as np
import pytest

from leadline.errors import InputError, OutputError
from leadline.io.flo import read_flo, write_flo
from leadline.io.kitti_flow_png import read_kitti_flow, write_kitti_flow

FLOW = np.array([[[1.5, -2.25], [0.0, 0.0], [300.0, -400.5]]], np.float32)
KNOWN = np.array([[True, False, True]])


def test_flo_is_tag_width_height_and_pairs(tmp_path):
    path = tmp_path / "a.flo"
    path.write_bytes(b"PIEH" + struct.pack("<ii4f", 2, 1, 1.5, -2.25, 1e10, 1e10))
    flow, valid = read_flo(path)
    np.testing.assert_array_equal(flow, [[[1.5, -2.25], [0.0, 0.0]]])
    np.testing.assert_array_equal(valid, [[True, False]])
    write_flo(path, FLOW, KNOWN)
    assert path.read_bytes()[:12] == b"PIEH" + struct.pack("<ii", 3, 1)
    flow, valid = read_flo(path)
    np.testing.assert_array_equal(flow, FLOW)
    np.testing.assert_array_equal(valid, KNOWN)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a Middlebury .flo file"),
        (b"PFII" + struct.pack("<ii2f", 1, 1, 0, 0), "begins with PIEH"),
        (b"PIEH" + struct.pack("<ii2f", 2, 1, 0, 0), "expected 2x1 pixels of 8 bytes"),
        (b"PIEH" + struct.pack("<ii", -1, 1), "expected -1x1 pixels"),
    ],
)
def test_other_bytes_are_no_flo(tmp_path, content, message):
    path = tmp_path / "a.flo"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_flo(path)


def test_nothing_unknown_is_written_as_known(tmp_path):
    with pytest.raises(OutputError, match="finite valid flow"):
        write_flo(tmp_path / "a.flo", np.full((1, 1, 2), np.nan, np.float32), np.ones((1, 1), bool))
    with pytest.raises(OutputError, match="from -512 to below 512 px"):
        write_kitti_flow(tmp_path / "a.png", np.full((1, 1, 2), 600.0, np.float32), np.ones((1, 1), bool))
    assert not list(tmp_path.iterdir())


def test_kitti_flow_is_64_units_a_pixel_about_32768(tmp_path):
    path = tmp_path / "a.png"
    # OpenCV writes BGR: blue is valid, green v, red u.
    cv2.imwrite(str(path), np.array([[[1, 32768 - 128, 32768 + 96], [0, 5, 7]]], np.uint16))
    flow, valid = read_kitti_flow(path)
    np.testing.assert_array_equal(flow, [[[1.5, -2.0], [0.0, 0.0]]])
    np.testing.assert_array_equal(valid, [[True, False]])
    write_kitti_flow(path, FLOW, KNOWN)
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(raw[0, 0], [1, 32768 - 144, 32768 + 96])
    np.testing.assert_array_equal(raw[0, 1], 0)
    flow, valid = read_kitti_flow(path)
    np.testing.assert_array_equal(flow, FLOW)
    np.testing.assert_array_equal(valid, KNOWN)


def test_rounding_is_to_the_nearest_64th(tmp_path):
    flow = np.array([[[0.0077, 0.0079]]], np.float32)
    write_kitti_flow(tmp_path / "a.png", flow, np.ones((1, 1), bool))
    np.testing.assert_array_equal(read_kitti_flow(tmp_path / "a.png")[0], [[[0.0, 1 / 64]]])


@pytest.mark.parametrize("image", [np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint16)])
def test_other_images_are_no_kitti_flow(tmp_path, image):
    cv2.imwrite(str(tmp_path / "a.png"), image)
    with pytest.raises(InputError, match="expected a 16-bit RGB PNG with KITTI's flow"):
        read_kitti_flow(tmp_path / "a.png")
