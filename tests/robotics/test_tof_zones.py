"""Directions of the zones of a time-of-flight sensor."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_zones import TofZones


def test_zones_are_equal_squares_of_a_plane():
    zones = TofZones()
    assert zones.edges[[0, 4, 8]].tolist() == pytest.approx([-0.41421, 0.0, 0.41421], abs=1e-5)
    assert zones.centers[0, 7].tolist() == pytest.approx([0.36244, -0.36244], abs=1e-5)  # right, up
    assert zones.bounds[0, 0].tolist() == pytest.approx([-0.41421, -0.41421, -0.31066, -0.31066], abs=1e-5)
    assert np.linalg.norm(zones.rays, axis=-1) == pytest.approx(1.0)
    assert zones.diagonal_deg == pytest.approx(60.72, abs=0.01)
    assert zones.zone_deg == 5.625
    assert np.degrees(zones.azimuths_rad[[0, 7]]).tolist() == pytest.approx([-19.92, 19.92], abs=0.01)


def test_the_middle_row_agrees_with_the_vendors_table_of_directions():
    # ST: angle to the sensor's plane of row 3 of 8x8: 70, 74.9, 80.5, 85.75 degrees.
    from_axis = 90.0 - np.degrees(np.arccos(TofZones().rays[3, :4, 2]))
    assert from_axis.tolist() == pytest.approx([70.0, 74.9, 80.5, 85.75], abs=0.5)


def test_a_wall_straight_ahead_has_one_distance_and_longer_ranges_at_the_corners():
    frame = TofFrame.from_status(np.full((8, 8), 2.0), np.full((8, 8), 5))
    zones = TofZones()
    assert (zones.points(frame)[..., 2] == 2.0).all()
    assert zones.points(frame)[0, 7].tolist() == pytest.approx([0.72487, -0.72487, 2.0], abs=1e-5)
    assert float(zones.ranges_m(frame)[0, 0]) == pytest.approx(2.0 * (1 + 2 * 0.36244**2) ** 0.5, abs=1e-4)


def test_a_zone_without_a_distance_has_no_point():
    frame = TofFrame.from_status(np.full((4, 4), 2.0), np.full((4, 4), 255))
    assert np.isnan(TofZones(4).points(frame)).all()


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: TofZones(5), "expected 4 or 8 zones"),
        (lambda: TofZones(8, 0.0), "field of view from 1 to 170"),
        (
            lambda: TofZones(8).points(TofFrame.from_status(np.ones((4, 4)), np.full((4, 4), 5))),
            r"got 4x4; use TofZones\(4\)",
        ),
    ],
)
def test_impossible_zones_are_refused(make, match):
    with pytest.raises(InputError, match=match):
        make()
