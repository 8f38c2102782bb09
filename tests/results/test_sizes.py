"""One focal length is for images of one size, and one field of view for images of one shape."""

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.results.sizes import require_fitting_sizes


@pytest.fixture
def images(tmp_path):
    def write(*sizes):
        paths = []
        for number, (width, height) in enumerate(sizes):
            paths.append(tmp_path / f"{number}.png")
            cv2.imwrite(str(paths[-1]), np.zeros((height, width, 3), np.uint8))
        return paths

    return write


def test_one_size_fits_everything(images, tmp_path):
    paths = images((64, 48), (64, 48))
    (tmp_path / "K.txt").write_text("50 0 32 0 50 24 0 0 1")
    for known in ({"focal_px": 50.0}, {"fov_deg": 60.0}, {"calibration": tmp_path / "K.txt"}, {}):
        require_fitting_sizes(paths, **known)


def test_a_focal_length_in_pixels_is_of_one_size(images, tmp_path):
    paths = images((64, 48), (64, 48), (128, 96))
    with pytest.raises(InputError, match=r"focal length in pixels, got 64x48 .0.png. and 128x96 .2.png."):
        require_fitting_sizes(paths, focal_px=50.0)
    (tmp_path / "K.txt").write_text("50 0 32 0 50 24 0 0 1")
    with pytest.raises(InputError, match=r"K.txt, which states no size"):
        require_fitting_sizes(paths, calibration=tmp_path / "K.txt")
    require_fitting_sizes(paths, fov_deg=60.0)  # of one shape
    require_fitting_sizes(paths)


def test_a_calibration_that_states_its_size_is_scaled_or_refused_for_each_image(images, tmp_path):
    size, camera = "image_width: 64\nimage_height: 48\n", "camera_matrix: [50, 0, 32, 0, 50, 24, 0, 0, 1]\n"
    (tmp_path / "camera.yml").write_text(size + camera)
    require_fitting_sizes(images((64, 48), (128, 96)), calibration=tmp_path / "camera.yml")


def test_a_field_of_view_across_the_width_is_of_one_shape(images, tmp_path):
    paths = images((64, 48), (48, 64))
    with pytest.raises(InputError, match=r"field of view across the width, got 64x48 .0.png. and 48x64"):
        require_fitting_sizes(paths, fov_deg=60.0)
    (tmp_path / "0.png").write_bytes(b"no image")
    require_fitting_sizes(paths, fov_deg=60.0)  # the other one is read, and this one fails by itself
