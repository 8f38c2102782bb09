"""Depth of a box: what is in front counts, with an error bar."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.boxes import LabelledBox
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.tracking.detection import BoxDepth, depth_in_box, detection_in_space, detections_in_space

CAMERA = Pinhole(100.0, 100.0, 50.0, 50.0, 101, 101)
BOX = LabelledBox((20.0, 10.0, 60.0, 90.0), 0.9, "person")


def _map(values, valid=None, error=None, kind="metric", camera=CAMERA):
    valid = np.ones(values.shape, bool) if valid is None else valid
    return DepthMap(values.astype(np.float32), valid, kind, None, camera, error)


def test_the_thing_in_front_counts_though_the_background_is_larger():
    values = np.full((101, 101), 9.0)
    values[20:80, 33:47] = 3.0  # a third of the box
    found = depth_in_box(_map(values), BOX)
    assert found.depth_m == 3.0


def test_specks_in_front_do_not_count():
    values = np.full((101, 101), 4.0)
    values[30:60:6, 30:50:6] = 1.0
    assert depth_in_box(_map(values), BOX).depth_m == 4.0


def test_the_error_bar_is_that_of_the_depth_map():
    """Laplace's standard deviation is sqrt(2) times the mean absolute error; a flat surface adds no scatter."""
    values = np.full((101, 101), 4.0)
    found = depth_in_box(_map(values, error=np.full((101, 101), 0.1, np.float32)), BOX)
    assert found.error_m == pytest.approx(0.1 * np.sqrt(2.0), rel=1e-3)


def test_doubt_about_the_surface_goes_into_the_error_bar():
    """Of the middle's 25 x 65 pixels 14 x 60 are 3 m away, the others 9 m: (1 - s)^2 for 6 m, beside 5 % of depth."""
    values = np.full((101, 101), 9.0)
    values[20:80, 33:47] = 3.0
    share = 14 * 60 / (25 * 65)
    expected = np.hypot(np.sqrt(2.0) * 0.05 * 3.0, (1.0 - share) * 6.0)
    assert depth_in_box(_map(values), BOX).error_m == pytest.approx(expected, rel=1e-6)


def test_a_box_without_depth_has_none():
    values = np.full((101, 101), 4.0)
    assert depth_in_box(_map(values, valid=np.zeros((101, 101), bool)), BOX) is None
    (found,) = detections_in_space((BOX,), _map(values, valid=np.zeros((101, 101), bool)))
    assert found.position_m is None


def test_boxes_that_reach_out_of_the_image_are_read_inside():
    values = np.full((101, 101), 4.0)
    assert depth_in_box(_map(values), LabelledBox((-30.0, -9.0, 30.0, 140.0), 0.9, "person")).depth_m == 4.0
    assert depth_in_box(_map(values), LabelledBox((-30.0, -9.0, -10.0, 40.0), 0.9, "person")) is None


def test_position_covariance_and_size():
    """A box 4 m away, 0.1 m to the left: X = Z (u - cx) / f; along the axis the error is the depth's own."""
    found = detection_in_space(BOX, BoxDepth(4.0, 0.2, 100), CAMERA)
    assert found.position_m.tolist() == pytest.approx([-0.4, 0.0, 4.0])
    assert found.size_m == pytest.approx((1.6, 3.2))
    assert found.covariance_m2[2, 2] == pytest.approx(0.04)
    # Across: 4 % of the box's 40 px at 4 m / 100 px, and the ray times the error of depth.
    assert found.covariance_m2[0, 0] == pytest.approx((1.6 * 0.04) ** 2 + (0.1 * 0.2) ** 2)


def test_depth_that_gives_no_place_is_refused():
    values = np.full((101, 101), 4.0)
    with pytest.raises(InputError, match="affine_inverse"):
        detections_in_space((BOX,), _map(values, kind="affine_inverse"))
    with pytest.raises(InputError, match="camera None"):
        detections_in_space((BOX,), _map(values, camera=None))


def test_doubt_of_a_single_images_depth_goes_into_the_error():
    """A confidence of 1 - exp(-0.5) that the error is below 10 % stands for a mean error of 20 %."""
    layers = (np.full((101, 101), 4.0, np.float32), np.ones((101, 101), bool))
    sure = np.full((101, 101), 1.0 - np.exp(-0.5), np.float32)
    found = depth_in_box(DepthMap(*layers, "metric", sure, CAMERA), BOX)
    assert found.error_m == pytest.approx(0.2 * 4.0 * np.sqrt(2.0), rel=1e-3)
    assert depth_in_box(DepthMap(*layers, "metric", None, CAMERA), BOX).error_m == pytest.approx(0.2 * np.sqrt(2.0))
