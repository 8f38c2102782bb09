"""Objects from masks and points that are made up."""

import numpy as np
import pytest

from leadline.geometry.moving_objects import moving_objects


def scene():
    """A 20x10 px thing at 5 m that covers part of one at 8 m; each px is a centimetre."""
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:20] = True
    mask[10:30, 20:40] = True
    y, x = np.indices(mask.shape).astype(float)
    depth = np.where(x < 20, 5.0, 8.0)
    points = np.dstack([0.01 * x, 0.01 * y, depth])
    motion = np.where((x < 20)[..., None], [0.5, 0.0, 0.0], [0.0, 0.0, -2.0])
    return mask, points, motion


def test_things_part_where_depth_jumps():
    mask, points, motion = scene()
    labels, objects = moving_objects(mask, points, motion, mask)
    assert [entry.number for entry in objects] == [1, 2]
    assert labels[20, 30] == 1
    assert labels[20, 12] == 2
    assert (labels > 0).sum() == mask.sum()
    far, near = objects
    assert abs(far.pixels - 400) <= 20
    assert far.motion_m == (0.0, 0.0, -2.0)
    assert near.motion_m == (0.5, 0.0, 0.0)
    assert near.moved_m == 0.5
    assert near.centre_m[2] == 5.0
    assert far.distance_m == pytest.approx(np.linalg.norm([0.295, 0.195, 8.0]), abs=0.01)
    # 90 % of 20 rows.
    assert far.size_m[1] == pytest.approx(0.01 * 19 * 0.9, abs=0.01)
    assert near.box_px[1::2] == (10, 20)


def test_what_is_small_or_unsure_is_no_object():
    mask, points, motion = scene()
    small = np.zeros_like(mask)
    small[0:5, 0:5] = True
    assert moving_objects(small, points, motion, small)[1] == ()
    labels, objects = moving_objects(mask, points, motion, np.zeros_like(mask))
    assert objects == ()
    assert not labels.any()
    assert moving_objects(np.zeros_like(mask), points, motion, mask)[1] == ()
