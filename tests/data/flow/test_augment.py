"""Augmentation of flow: what happens to the frames happens to their truth."""

import cv2
import numpy as np
import pytest

from leadline.data.flow.augment import FlowAugmentation, augment_flow, mirrored, reversed_in_time
from leadline.errors import InputError
from leadline.maps import FlowMap
from leadline.samples import FlowSample

PLAIN = FlowAugmentation(
    crop=(48, 64),
    log2_scale=(0.0, 0.0),
    log2_stretch=0.0,
    reverse=0.0,
    flip_columns=0.0,
    flip_rows=0.0,
    photometric=0.0,
    asymmetric=0.0,
    erase=0.0,
)
SHIFT = np.array([6.0, -4.0], np.float32)


def sample(backward: bool = True) -> FlowSample:
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.random((104, 136, 3), dtype=np.float32), (0, 0), 4.0)
    texture = (255 * (texture - texture.min()) / np.ptp(texture)).astype(np.uint8)
    flow = np.broadcast_to(SHIFT, (96, 128, 2)).copy()
    known, hidden = np.ones((96, 128), bool), np.zeros((96, 128), bool)
    back = (FlowMap(-flow, known), hidden) if backward else ()
    frames = texture[4:100, 6:134].copy(), texture[8:104, :128].copy()
    return FlowSample("a", *frames, FlowMap(flow, known), hidden, *back)


def mismatch(pair: FlowSample) -> float:
    """Mean grey difference between the first frame and the second one read where the flow leads, if it is seen."""
    y, x = np.indices(pair.valid.shape, np.float32)
    moved = cv2.remap(pair.second, x + pair.flow[..., 0], y + pair.flow[..., 1], cv2.INTER_LINEAR)
    return float(np.abs(moved.astype(float) - pair.first)[~pair.occluded].mean())


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"reverse": 1.0},
        {"flip_columns": 1.0},
        {"flip_rows": 1.0},
        {"log2_scale": (0.5, 0.8), "log2_stretch": 0.2},
        {"crop": (96, 128), "log2_scale": (-0.5, -0.2)},
    ],
)
def test_flow_still_leads_to_what_looks_alike(change):
    options = FlowAugmentation(**{**PLAIN.__dict__, **change})
    for seed in range(4):
        changed = augment_flow(sample(), options, np.random.default_rng(seed))
        assert changed.first.shape == (*options.crop, 3)
        assert mismatch(changed) < 1.5
        backwards = FlowMap(-changed.flow, changed.valid)
        wrong = FlowSample("a", changed.first, changed.second, backwards, changed.occluded)
        assert mismatch(wrong) > 8.0


def test_enlarging_by_two_doubles_the_motion():
    options = FlowAugmentation(**{**PLAIN.__dict__, "log2_scale": (1.0, 1.0)})
    changed = augment_flow(sample(), options, np.random.default_rng(0))
    np.testing.assert_array_equal(changed.flow, np.broadcast_to(2 * SHIFT, (48, 64, 2)))


def test_what_moves_out_of_the_crop_becomes_occluded():
    changed = augment_flow(sample(), PLAIN, np.random.default_rng(0))
    # 6 px to the right and 4 px up: the last six columns and the first four rows leave.
    expected = np.zeros((48, 64), bool)
    expected[:, 58:], expected[:4] = True, True
    np.testing.assert_array_equal(changed.occluded, expected)


def test_mirrors_turn_the_sign_along_their_axis():
    np.testing.assert_array_equal(mirrored(sample(), 1).flow[0, 0], SHIFT * [-1, 1])
    np.testing.assert_array_equal(mirrored(sample(), 0).flow[0, 0], SHIFT * [1, -1])


def test_time_cannot_be_reversed_without_the_backward_motion():
    np.testing.assert_array_equal(reversed_in_time(sample()).flow[0, 0], -SHIFT)
    with pytest.raises(InputError, match="backward motion"):
        reversed_in_time(sample(backward=False))
    options = FlowAugmentation(**{**PLAIN.__dict__, "reverse": 1.0})
    kept = augment_flow(sample(backward=False), options, np.random.default_rng(0))
    np.testing.assert_array_equal(kept.flow[0, 0], SHIFT)


def test_light_may_change_and_truth_may_not():
    options = FlowAugmentation(**{**PLAIN.__dict__, "photometric": 1.0, "asymmetric": 1.0, "erase": 1.0})
    plain, changed = (augment_flow(sample(), o, np.random.default_rng(3)) for o in (PLAIN, options))
    np.testing.assert_array_equal(plain.flow, changed.flow)
    assert np.abs(plain.first.astype(int) - changed.first).mean() > 1.0
    assert np.abs(plain.second.astype(int) - changed.second).mean() > 1.0
