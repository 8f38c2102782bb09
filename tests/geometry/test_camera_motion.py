"""The camera's motion from made-up measurements whose motion is known."""

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.geometry.camera_motion import (
    CameraMotion,
    Observed,
    camera_motion,
    deviations,
    points_of,
    read_between,
    rigid_prediction,
)
from leadline.geometry.rig import StereoRig

LEFT = Pinhole(300.0, 300.0, 159.5, 119.5, 240, 320)
RIG = StereoRig(LEFT, Pinhole(300.0, 300.0, 164.5, 119.5, 240, 320), 0.2)
"""doffs 5 px."""


def pose(turn_deg, shift) -> np.ndarray:
    motion = np.eye(4)
    motion[:3, :3] = cv2.Rodrigues(np.radians(np.array(turn_deg, float)))[0]
    motion[:3, 3] = shift
    return motion


def by_hand(x, y, disparity, motion):
    """Through 3D, one pixel at a time."""
    z = 300.0 * 0.2 / (disparity + 5.0)
    moved = motion @ np.array([(x - 159.5) / 300.0 * z, (y - 119.5) / 300.0 * z, z, 1.0])
    u, v = 300.0 * moved[:2] / moved[2] + np.array([159.5, 119.5]) - (x, y)
    return u, v, 300.0 * 0.2 / moved[2] - 5.0


def observed(motion, count=800, noise=0.0, wrong=0.0, seed=3) -> Observed:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 319, count), rng.uniform(0, 239, count)
    disparity = rng.uniform(-3.0, 30.0, count)
    u, v, then, _ = rigid_prediction(x, y, disparity, motion, RIG)
    u, v, then, seen = (part + rng.normal(0, noise, count) if noise else part for part in (u, v, then, disparity))
    off = rng.random(count) < wrong
    u, v = u + off * 7.0, v - off * 4.0
    return Observed(x, y, seen, u, v, then, np.full(count, max(noise, 0.1)), np.full(count, max(noise, 0.1)))


def test_prediction_is_projection():
    motion = pose((1.0, -2.0, 3.0), (0.1, -0.05, -0.3))
    x, y, disparity = np.array([10.0, 300.0]), np.array([20.0, 200.0]), np.array([7.0, -2.0])
    found = rigid_prediction(x, y, disparity, motion, RIG)
    for index in (0, 1):
        wanted = by_hand(x[index], y[index], disparity[index], motion)
        np.testing.assert_allclose([part[index] for part in found[:3]], wanted, rtol=1e-9)
    assert found[3].all()
    assert points_of(x, y, disparity, RIG)[2, 0] == pytest.approx(60.0 / 12.0)


def test_what_comes_behind_the_camera_is_told():
    *_, ahead = rigid_prediction(
        np.array([160.0]), np.array([120.0]), np.array([55.0]), pose((0, 0, 0), (0, 0, -2)), RIG
    )
    assert not ahead.any()
    seen = observed(np.eye(4), 60)
    off, _ = deviations(seen, pose((0, 0, 0), (0, 0, -50)), RIG)
    assert np.isinf(off).any()


@pytest.mark.parametrize(
    "motion",
    [
        pose((0, 0, 0), (0, 0, 0)),
        pose((0.3, -0.8, 0.1), (0.02, 0.0, -0.4)),
        pose((4.0, 9.0, -5.0), (0.3, 0.1, 0.2)),
    ],
    ids=["still", "drive", "fast"],
)
def test_the_motion_is_found_among_what_moves_by_itself(motion):
    """A third of the pixels goes elsewhere; the rest has noise of 0.3 px."""
    found = camera_motion(observed(motion, 3000, noise=0.3, wrong=0.33), RIG)
    error = CameraMotion(found.second_from_first @ np.linalg.inv(motion), 1, 1)
    assert error.rotation_deg < 0.05
    assert np.linalg.norm(found.second_from_first[:3, 3] - motion[:3, 3]) < 0.01
    assert found.share == pytest.approx(0.67, abs=0.04)
    assert found.looked_at == 3000


def test_without_noise_it_is_exact():
    motion = pose((0.5, 1.0, 0.0), (0.1, 0.0, -0.5))
    found = camera_motion(observed(motion), RIG)
    np.testing.assert_allclose(found.second_from_first, motion, atol=1e-7)
    assert found.translation_m == pytest.approx(np.hypot(0.1, 0.5))
    assert found.rotation_deg == pytest.approx(np.hypot(0.5, 1.0))
    np.testing.assert_allclose(found.first_from_second @ motion, np.eye(4), atol=1e-6)


def test_too_few_pixels_are_refused():
    with pytest.raises(InputError, match="expected at least 50 pixels with sure disparity and flow, got 40"):
        camera_motion(observed(np.eye(4), 40), RIG)


def test_expected_deviation_has_both_sources():
    """Moving 0.5 m ahead, d = Z'-wise: what a disparity error does to the motion is the slope times the error."""
    motion = pose((0, 0, 0), (0.1, 0.0, 0.0))
    seen = observed(motion, 60)
    _, expected = deviations(seen, motion, RIG)
    # A shift by 0.1 m across moves a pixel by 300 * 0.1 / Z = (d + doffs) / 2: half as wrong as the disparity.
    np.testing.assert_allclose(expected[0], np.hypot(0.1, 0.5 * 0.1), rtol=1e-6)
    np.testing.assert_allclose(expected[2], np.hypot(0.1, 0.1), rtol=1e-6)


def test_reading_keeps_edges():
    layer = np.array([[0.0, 1.0, 10.0]], np.float32)
    x = np.array([[0.25, 1.4, 1.6, 5.0]], np.float32)
    assert read_between(layer, x, np.zeros_like(x), 1.0).tolist() == [[0.25, 1.0, 10.0, 10.0]]
