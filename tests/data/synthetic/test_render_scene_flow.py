"""Rendered stereo pairs at two times: what must hold of any of them."""

import cv2
import numpy as np
import pytest

from leadline.data.synthetic.flow import render_flow
from leadline.data.synthetic.scene_flow import render_scene_flow
from leadline.geometry.camera_motion import rigid_prediction

SIZE = (96, 192)
SEEDS = range(100, 106)


@pytest.fixture(scope="module")
def pairs(bank, household):
    return {seed: render_scene_flow(seed, SIZE, sensor=False) for seed in SEEDS}


def test_what_stands_still_moves_as_the_camera_says(pairs):
    rows, columns = np.indices(SIZE).astype(float)
    for sample, truth in pairs.values():
        disparity = sample.disparity.disparity.astype(float)
        u, v, then, _ = rigid_prediction(columns, rows, disparity, truth.second_from_first, sample.rig)
        still = ~truth.moving & sample.flow.valid & (disparity > 0.1)
        for found, wanted in (
            (u, sample.flow.flow[..., 0]), (v, sample.flow.flow[..., 1]), (then, sample.next_disparity.disparity)
        ):  # fmt: skip
            np.testing.assert_allclose(found[still], wanted[still], atol=0.05)


def test_the_world_is_that_of_the_pair_of_frames(pairs):
    sample, truth = pairs[SEEDS[0]]
    flow, flow_truth, notes = render_flow(SEEDS[0], SIZE, sensor=False)
    np.testing.assert_array_equal(sample.flow.flow, flow.flow)
    np.testing.assert_array_equal(truth.moving, flow_truth.moving[0])
    assert (truth.world, truth.path) == (notes.world, notes.path)


def test_all_four_images_show_one_thing(pairs):
    """Fetched along the true disparity and flow, the other images look like the first; median over pixels and pairs."""
    rows, columns = np.indices(SIZE).astype(np.float32)
    better = 0
    for sample, _ in pairs.values():
        first, right, second, second_right = (image.astype(np.float32) for image in sample.images)
        u, v = sample.flow.flow[..., 0], sample.flow.flow[..., 1]
        seen = ~sample.occluded & sample.next_disparity.valid
        for image, shift, down in (
            (right, -sample.disparity.disparity, 0 * v),
            (second, u, v),
            (second_right, u - sample.next_disparity.disparity, v),
        ):
            fetched = cv2.remap(image, columns + shift, rows + down, cv2.INTER_LINEAR)
            off, plain = (np.median(np.abs(other - first).mean(axis=2)[seen]) for other in (fetched, image))
            better += off <= plain + 0.5
            assert off < 6.0
    assert better >= 3 * len(pairs) - 1


def test_a_seed_gives_the_same_pairs(pairs):
    again, _ = render_scene_flow(SEEDS[1], SIZE, sensor=False)
    for first, second in zip(again.images, pairs[SEEDS[1]][0].images, strict=True):
        np.testing.assert_array_equal(first, second)
