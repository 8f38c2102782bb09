from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError, OutputError
from leadline.io import read_kitti_disparity, write_image, write_kitti_disparity


def test_by_hand(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "a.png"), np.array([[0, 1, 256, 65535]], np.uint16))
    disparity, valid = read_kitti_disparity(tmp_path / "a.png")
    assert disparity.tolist() == [[0.0, 1 / 256, 1.0, 65535 / 256]]
    assert valid.tolist() == [[False, True, True, True]]


def test_what_is_written_is_read(tmp_path: Path):
    disparity = np.array([[12.34, 0.0, np.nan, 255.99]], np.float32)
    valid = np.array([[True, True, False, True]])
    write_kitti_disparity(tmp_path / "a.png", disparity, valid)
    back, known = read_kitti_disparity(tmp_path / "a.png")
    assert known.tolist() == valid.tolist()
    assert back[0, [0, 3]] == pytest.approx([12.34, 255.99], abs=1 / 512)
    assert back[0, 1] == 1 / 256  # 0 means unknown, so a known 0 becomes the smallest value


@pytest.mark.parametrize("bad", [-0.1, 256.0, np.nan, np.inf])
def test_disparities_that_do_not_fit_are_refused(tmp_path: Path, bad: float):
    with pytest.raises(OutputError, match="below 256 px"):
        write_kitti_disparity(tmp_path / "a.png", np.array([[bad]], np.float32), np.array([[True]]))
    assert list(tmp_path.iterdir()) == []


def test_other_images_are_refused(tmp_path: Path):
    write_image(tmp_path / "8.png", np.zeros((2, 2), np.uint8))
    write_image(tmp_path / "rgb.png", np.zeros((2, 2, 3), np.uint16))
    write_image(tmp_path / "16.tif", np.zeros((2, 2), np.uint16))
    for name in ("8.png", "rgb.png", "16.tif"):
        with pytest.raises(InputError, match="grey 16-bit PNG"):
            read_kitti_disparity(tmp_path / name)


def test_real_truth(real_dir: Path):
    disparity, valid = read_kitti_disparity(real_dir / "kitti2012" / "disp_occ" / "000027_10.png")
    assert disparity.shape == valid.shape
    assert 0.1 < valid.mean() < 0.6
    assert disparity[valid].max() < 150
    assert not disparity[~valid].any()
