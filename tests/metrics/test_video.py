"""Steadiness: values derived by hand, and a scene whose motion is known."""

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.metrics.video import clip_depth_m, temporal_alignment_error, warping_error

CAMERA = Pinhole(40.0, 40.0, 19.5, 14.5, 30, 40)
ALL = np.ones((30, 40), bool)


def forward(*z: float) -> np.ndarray:
    poses = np.tile(np.eye(4), (len(z), 1, 1))
    poses[:, 2, 3] = z
    return poses


def test_one_scale_and_shift_for_the_clip():
    rng = np.random.default_rng(0)
    truths = [rng.uniform(1, 5, (30, 40)).astype(np.float32) for _ in range(3)]
    predictions = [DepthMap((2.0 / truth + 3.0).astype(np.float32), ALL, "affine_inverse") for truth in truths]
    for depth, truth in zip(clip_depth_m(predictions, truths, [ALL] * 3, 100.0), truths, strict=True):
        np.testing.assert_allclose(depth, truth, rtol=1e-4)
    # A frame with a scale of its own cannot be right any more.
    predictions[2] = DepthMap(2.0 * predictions[2].depth, ALL, "affine_inverse")
    assert np.abs(clip_depth_m(predictions, truths, [ALL] * 3, 100.0)[2] - truths[2]).mean() > 0.1


def test_kinds_may_not_be_mixed():
    one = np.ones((30, 40), np.float32)
    mixed = [DepthMap(one, ALL, "metric"), DepthMap(one, ALL, "affine_inverse")]
    with pytest.raises(InputError, match="one kind for a clip, got affine_inverse, metric"):
        clip_depth_m(mixed, [one, one], [ALL, ALL], 10.0)


def test_a_wall_that_comes_nearer_is_steady_and_one_that_does_not_is_off_by_its_share():
    walls = [np.full((30, 40), z) for z in (5.0, 4.0)]
    assert temporal_alignment_error(walls, [ALL, ALL], CAMERA, forward(0.0, 1.0)) < 1e-12
    still = [walls[0], walls[0]]
    # 1 m too far of 5 m, and 1 m too near of 5 m on the way back.
    assert temporal_alignment_error(still, [ALL, ALL], CAMERA, forward(0.0, 1.0)) == pytest.approx(0.2)
    with pytest.raises(InputError, match="a pose for each of at least two frames"):
        temporal_alignment_error(walls, [ALL, ALL], CAMERA, forward(0.0))


def test_the_camera_may_turn():
    pose = np.eye(4)
    pose[:3, :3] = [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]
    away = np.stack([np.eye(4), pose])
    with pytest.raises(InputError):
        temporal_alignment_error([np.full((30, 40), 5.0)] * 2, [ALL, ALL], CAMERA, away)


def test_nothing_in_common_has_no_warping_error():
    assert np.isnan(warping_error(*(np.zeros((2, 2), np.float32),) * 3))
