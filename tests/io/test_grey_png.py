from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io import read_depth_png, read_grey8, read_png16, write_image


def test_depth_by_hand(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "a.png"), np.array([[0, 1, 5000, 65535]], np.uint16))
    depth, valid = read_depth_png(tmp_path / "a.png", 5000.0)
    assert depth[0] == pytest.approx([0.0, 0.0002, 1.0, 13.107])
    assert valid.tolist() == [[False, True, True, True]]
    assert read_png16(tmp_path / "a.png", "depth").tolist() == [[0, 1, 5000, 65535]]


def test_other_images_are_no_16_bit_measurements(tmp_path: Path):
    write_image(tmp_path / "8.png", np.zeros((2, 2), np.uint8))
    write_image(tmp_path / "rgb.png", np.zeros((2, 2, 3), np.uint16))
    write_image(tmp_path / "16.tif", np.zeros((2, 2), np.uint16))
    for name in ("8.png", "rgb.png", "16.tif"):
        with pytest.raises(InputError, match="grey 16-bit PNG with depth in 1/1000 m"):
            read_depth_png(tmp_path / name, 1000.0)


def test_grey_of_8_bits_in_one_or_three_channels(tmp_path: Path):
    grey = np.array([[0, 1, 255]], np.uint8)
    write_image(tmp_path / "1.png", grey)
    write_image(tmp_path / "3.png", np.dstack([grey] * 3))
    for name in ("1.png", "3.png"):
        assert read_grey8(tmp_path / name, "a mask").tolist() == grey.tolist()
    write_image(tmp_path / "rgb.png", np.dstack([grey, grey, grey + 1]))
    write_image(tmp_path / "16.png", grey.astype(np.uint16))
    for name in ("rgb.png", "16.png"):
        with pytest.raises(InputError, match="grey 8-bit image with a mask, got colours or 16 bits"):
            read_grey8(tmp_path / name, "a mask")
