"""Disparity to depth, depth to points."""

import numpy as np
import pytest

from leadline.errors import CalibrationError
from leadline.geometry import Pinhole, depth_from_disparity, points_from_depth


def test_depth_of_known_disparities() -> None:
    """F b / (d + doffs) = 100 * 0.5 / (d + 5); nothing at or behind infinity."""
    depth = depth_from_disparity(np.array([[5.0, 20.0, -5.0, -6.0]]), 100.0, 0.5, 5.0)
    np.testing.assert_allclose(depth, [[5.0, 2.0, np.inf, np.inf]])


@pytest.mark.parametrize(("focal", "baseline"), [(0.0, 0.1), (100.0, 0.0), (100.0, -0.1), (float("nan"), 0.1)])
def test_depth_without_rig_is_refused(focal: float, baseline: float) -> None:
    """Focal length and baseline are positive."""
    with pytest.raises(CalibrationError, match="positive focal length and baseline"):
        depth_from_disparity(np.ones((1, 1)), focal, baseline)


def test_points_project_back_onto_their_pixels() -> None:
    """K X / Z is the pixel that X came from."""
    camera = Pinhole(80.0, 90.0, 3.2, 1.1, 4, 6)
    depth = np.random.default_rng(0).uniform(0.5, 9.0, (4, 6))
    points = points_from_depth(depth, camera)
    projected = points @ camera.matrix.T
    rows, columns = np.indices((4, 6))
    np.testing.assert_allclose(projected[..., 0] / projected[..., 2], columns, atol=1e-9)
    np.testing.assert_allclose(projected[..., 1] / projected[..., 2], rows, atol=1e-9)
    np.testing.assert_array_equal(points[..., 2], depth)
