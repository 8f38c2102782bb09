"""Flow of a scene that stands still: what a camera sees of planes, worked out by hand from their depths."""

import numpy as np
import pytest

from leadline.classical.flow import filled
from leadline.classical.rigid_flow import rigid_flow

SIZE = (120, 200)
FOCAL_PX, CENTRE = 150.0, (99.5, 40.0)


def street(ahead_m: float = 0.8, turn_px: float = 3.0) -> np.ndarray:
    """Flow of a road 1.5 m below a camera that drives ahead and turns a little, with a wall 12 m away above it."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float64)
    a, b = (x - CENTRE[0]) / FOCAL_PX, (y - CENTRE[1]) / FOCAL_PX
    depth = np.minimum(12.0, 1.5 / np.maximum(b, 1e-6))
    moved = depth - ahead_m
    u, v = FOCAL_PX * a * depth / moved + CENTRE[0], FOCAL_PX * b * depth / moved + CENTRE[1]
    angle = turn_px / FOCAL_PX
    a, b = (u - CENTRE[0]) / FOCAL_PX, (v - CENTRE[1]) / FOCAL_PX
    down = np.cos(angle) - a * np.sin(angle)
    u, v = FOCAL_PX * (np.sin(angle) + a * np.cos(angle)) / down + CENTRE[0], FOCAL_PX * b / down + CENTRE[1]
    return np.stack([u - x, v - y], axis=2).astype(np.float32)


def test_a_road_goes_on_where_no_pixel_is_sure():
    truth = street()
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    unknown = (y > 95) | (x > 170)
    spoilt = np.where(unknown[..., None], np.float32(0.0), truth)
    found = rigid_flow(spoilt, ~unknown)
    assert found is not None
    error = np.linalg.norm(found.flow - truth, axis=2)
    # The road's flow grows beyond the gap's border, which a mean of what surrounds it cannot know.
    road = (y > 100) & (x < 165)
    meant = np.linalg.norm(filled(spoilt, ~unknown) - truth, axis=2)
    assert error[road].mean() < 0.3 * meant[road].mean()
    assert np.median(error[~unknown]) < 0.2
    assert found.support[60, 100] > 0.8 > 0.1 > found.support[118, 190]


def test_what_moves_by_itself_takes_no_part():
    truth = street()
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    mover = (abs(y - 80) < 12) & (abs(x - 60) < 15)
    flow = np.where(mover[..., None], np.array([-9.0, -14.0], np.float32), truth)
    found = rigid_flow(flow, np.ones(SIZE, bool))
    assert found is not None
    assert np.median(np.linalg.norm(found.flow - truth, axis=2)[mover]) < 1.0
    assert found.support[80, 60] < 0.85 < found.support[60, 150]


@pytest.mark.parametrize("sure", [0, 40])
def test_few_sure_pixels_say_nothing(sure):
    known = np.zeros(SIZE, bool)
    known.ravel()[: 40 * sure : 40] = True
    assert rigid_flow(street(), known) is None


def test_frames_of_a_few_pixels_and_no_motion_give_finite_numbers():
    still = np.zeros((64, 64, 2), np.float32)
    found = rigid_flow(still, np.ones((64, 64), bool))
    if found is not None:
        assert np.isfinite(found.flow).all()
    assert rigid_flow(still[:3, :3], np.ones((3, 3), bool)) is None
