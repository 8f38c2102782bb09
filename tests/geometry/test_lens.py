"""What lens polynomials say, and where they end."""

import numpy as np
import pytest

from leadline.errors import CalibrationError
from leadline.geometry.camera import DistortedCamera, Pinhole
from leadline.geometry.lens import corner_radius, ideal_radius, likely_model, reach, within_reach
from leadline.geometry.rectify import rectify
from leadline.geometry.rig import StereoRig, UnrectifiedRig

CAMERA = Pinhole(300.0, 300.0, 319.5, 239.5, 480, 640)


def test_reach_of_one_coefficient():
    """r (1 + k r^2) turns where 1 + 3 k r^2 = 0; for k = -1/3 at r = 1, where it is 2/3."""
    radius, image = reach(DistortedCamera(CAMERA, (-1.0 / 3.0, 0.0, 0.0, 0.0), "radtan"))
    assert radius == pytest.approx(1.0, abs=3e-3)
    assert image == pytest.approx(2.0 / 3.0, abs=1e-5)
    radius, image = reach(DistortedCamera(CAMERA, (-1.0 / 3.0, 0.0, 0.0, 0.0), "equidistant"))
    assert radius == pytest.approx(1.0, abs=2e-3)
    assert reach(DistortedCamera(CAMERA, (0.1, 0.0, 0.0, 0.0), "radtan")) == (np.inf, np.inf)
    # A rational lens whose denominator reaches 0: 1 - r^2.
    assert reach(DistortedCamera(CAMERA, (0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0), "radtan"))[0] == pytest.approx(
        1.0, abs=3e-3
    )


def test_ideal_radius_inverts_the_polynomial():
    lens = DistortedCamera(CAMERA, (-0.2, 0.05, 0.0, 0.0), "radtan")
    radius = np.linspace(0.0, 0.9, 7)
    image = radius * (1.0 - 0.2 * radius**2 + 0.05 * radius**4)
    assert np.allclose(ideal_radius(lens, image), radius, atol=1e-5)


def test_corner_radius():
    # 320 px right of and 240 px below the middle: 400 px of a focal length of 300 px.
    assert corner_radius(CAMERA) == pytest.approx(400.0 / 300.0)


def test_within_reach():
    lens = DistortedCamera(CAMERA, (-1.0 / 3.0, 0.0, 0.0, 0.0), "radtan")
    rays = np.array([[0.0, 0.0, 1.0], [0.9, 0.0, 1.0], [1.1, 0.0, 1.0], [0.0, 0.0, -1.0]])
    assert within_reach(lens, rays).tolist() == [True, True, False, False]
    fisheye = DistortedCamera(CAMERA, (0.0, 0.0, 0.0, 0.0), "equidistant")
    assert within_reach(fisheye, rays).tolist() == [True, True, True, False]


def test_nothing_is_shown_beyond_the_turn():
    """With alpha 1 the polynomial's far side would mirror the image into rings; the maps point outside there."""
    lens = DistortedCamera(CAMERA, (-0.3, 0.0, 0.0, 0.0), "radtan")
    transform = np.eye(4)
    transform[0, 3] = -0.1
    found = rectify(UnrectifiedRig(lens, lens, transform), alpha=1.0)
    assert found.rig is not None
    camera = found.rig.left
    down, across = np.mgrid[: camera.height, : camera.width]
    radius = np.hypot(across - camera.center_x_px, down - camera.center_y_px) / camera.focal_x_px
    seen, other = found.seen
    turn = float(np.sqrt(1.0 / 0.9))
    assert not seen[radius > turn].any()
    assert not other[radius > turn].any()
    assert seen[radius < 0.7].all()
    black, _ = found.apply(np.full((480, 640, 3), 200, np.uint8), np.full((480, 640, 3), 200, np.uint8))
    assert (black[radius > 1.05 * turn] == 0).all()


def test_likely_model_of_disagreeing_coefficients():
    wide = Pinhole(100.0, 100.0, 319.5, 239.5, 480, 640)
    # Neither polynomial reaches the corner: nobody can tell.
    assert likely_model(wide, (-0.05, -0.3, 0.001, 0.001)) is None
    assert likely_model(wide, (-0.05, -0.3, -0.1, -0.1)) is None


def test_exchanged_rig():
    transform = np.eye(4)
    transform[:3, :3] = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    transform[:3, 3] = [0.1, 0.02, 0.03]
    left, right = DistortedCamera(CAMERA, (), "radtan"), DistortedCamera(CAMERA.scaled(240, 320), (), "radtan")
    rig = UnrectifiedRig(left, right, transform)
    other = rig.exchanged()
    assert (other.left, other.right) == (right, left)
    assert np.allclose(other.right_from_left @ transform, np.eye(4))
    straight = np.eye(4)
    straight[0, 3] = 0.1  # points move to the right: the second camera stands on the left
    assert UnrectifiedRig(left, right, straight).right_first
    assert not UnrectifiedRig(left, right, straight).exchanged().right_first


def test_rigs_in_one_line():
    rig = StereoRig.from_fov(480, 640, 90.0, 0.12)
    assert rig.left.focal_x_px == pytest.approx(320.0)  # half of the width at tan 45 degrees = 1
    straight = StereoRig.from_focal(480, 640, 320.0, 0.12)
    assert straight.left == straight.right == Pinhole(320.0, 320.0, 319.5, 239.5, 480, 640)
    assert straight.baseline_m == rig.baseline_m == 0.12
    with pytest.raises(CalibrationError, match="field of view"):
        StereoRig.from_fov(480, 640, 180.0, 0.12)
    with pytest.raises(CalibrationError, match="baseline"):
        StereoRig.from_focal(480, 640, 320.0, 0.0)
