"""Rendered pairs of frames: what must hold of any of them."""

import cv2
import numpy as np
import pytest

from leadline.data.flow.shards import FlowShards
from leadline.data.synthetic.flow import draw_pair, motion_blur, render_flow
from leadline.data.synthetic.generate import generate_flow
from leadline.data.synthetic.motion import HingedMotion

SIZE = (96, 192)
SEEDS = range(100, 108)


@pytest.fixture(scope="module", params=["first", "further"])
def worlds(request):
    return request.param


@pytest.fixture(scope="module")
def pairs(bank, household, worlds):
    return {seed: render_flow(seed, SIZE, sensor=False, worlds=worlds) for seed in SEEDS}


def at(layer: np.ndarray, flow: np.ndarray) -> np.ndarray:
    y, x = np.indices(flow.shape[:2], np.float32)
    return cv2.remap(layer, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def test_there_and_back_is_no_motion(pairs):
    for sample, _, _ in pairs.values():
        returned = np.linalg.norm(sample.flow + at(sample.backward.flow, sample.flow), axis=2)[~sample.occluded]
        # But for pixels beside an edge, where the backward flow is a mixture of two.
        assert np.median(returned) < 0.01
        assert np.mean(returned > 0.5) < 0.1


def test_what_is_seen_twice_looks_alike(pairs):
    for seed, (sample, _, _) in pairs.items():
        seen = ~sample.occluded
        moved = np.abs(at(sample.second, sample.flow).astype(float) - sample.first).mean(axis=2)[seen].mean()
        assert moved < 12.0, seed
        still = np.abs(sample.second.astype(float) - sample.first).mean(axis=2)[seen].mean()
        assert moved <= still + 1.0


def test_what_leaves_the_frame_is_occluded(pairs):
    for sample, _, _ in pairs.values():
        y, x = np.indices(SIZE)
        target = sample.flow + np.stack([x, y], axis=2)
        outside = (target < -0.5).any(axis=2) | (target > np.array(SIZE[::-1]) - 0.5).any(axis=2)
        assert sample.occluded[outside].all()


def test_depth_and_flow_agree_with_the_noted_pose(pairs):
    """Where no body moves, the flow is K (R Z K^-1 p + t) - p."""
    checked = 0
    for sample, truth, notes in pairs.values():
        # With a rolling shutter each row has a pose of its own.
        still = np.isfinite(truth.depth[0]) & ~truth.moving[0] & sample.valid & (notes.readout == 0)
        y, x = np.indices(SIZE)
        rays = np.stack(
            [(x - notes.centre_px[0]) / notes.focal_px, (y - notes.centre_px[1]) / notes.focal_px, x * 0 + 1]
        )
        pose = np.array(notes.second_from_first)
        points = rays[:, still] * truth.depth[0][still]
        moved = pose[:, :3] @ points + pose[:, 3:]
        expected = moved[:2] / moved[2] * notes.focal_px + np.array(notes.centre_px)[:, None]
        flow = expected - np.stack([x, y])[:, still]
        near = np.abs(flow).max(axis=0) < 200
        np.testing.assert_allclose(sample.flow[still][near], flow.T[near], atol=0.02)
        checked += int(still.sum())
    assert checked > 10_000


def test_seeds_repeat_and_differ(pairs, worlds):
    sample, _, notes = render_flow(SEEDS[0], SIZE, sensor=False, worlds=worlds)
    np.testing.assert_array_equal(sample.first, pairs[SEEDS[0]][0].first)
    np.testing.assert_array_equal(sample.flow, pairs[SEEDS[0]][0].flow)
    assert notes == pairs[SEEDS[0]][2]
    assert not np.array_equal(sample.first, pairs[SEEDS[1]][0].first)
    assert len({notes.path for _, _, notes in pairs.values()}) > 1


def test_further_worlds_have_all_kinds_of_motion(bank, household):
    notes = [render_flow(seed, SIZE, sensor=False, worlds="further")[2] for seed in (101, 103, 111)]
    assert notes[0].bending_bodies > 0
    assert notes[1].readout > 0
    assert notes[2].moving_lights > 0
    limbs = draw_pair(101, SIZE, "further").pair.moving.bodies.values()
    assert any(isinstance(motion, HingedMotion) for motion in limbs)


def test_motion_blur_smears_along_the_motion():
    dot = np.zeros((9, 41, 3), np.float32)
    dot[4, 20] = 1.0
    flow = np.zeros((9, 41, 2), np.float32)
    flow[..., 0] = 12.0
    smeared = motion_blur(dot, flow, 0.5)
    assert smeared.sum() == pytest.approx(3.0, rel=0.02)
    columns = np.flatnonzero(smeared[4, :, 0] > 1e-4)
    # Half of 12 px, centred.
    assert (columns.min(), columns.max()) == (17, 23)
    assert not smeared[[3, 5]].any()
    np.testing.assert_allclose(motion_blur(dot, 0 * flow, 0.5), dot, atol=1e-6)


def test_shards_hold_what_was_rendered(tmp_path, bank, household):
    (path,) = generate_flow(2, 100, tmp_path, workers=0, size=SIZE, shard_size=2)
    written = path.stat().st_mtime_ns
    assert generate_flow(2, 100, tmp_path, workers=0, size=SIZE, shard_size=2) == [path]
    assert path.stat().st_mtime_ns == written
    shards = FlowShards(tmp_path)
    sample, _, notes = render_flow(101, SIZE)
    assert [shards.key(i) for i in range(len(shards))] == ["00000100", "00000101"]
    np.testing.assert_array_equal(shards[1].first, sample.first)
    np.testing.assert_allclose(shards[1].flow, sample.flow, atol=1 / 128 + 1e-6)
    np.testing.assert_allclose(shards[1].backward.flow, sample.backward.flow, atol=1 / 128 + 1e-6)
    np.testing.assert_array_equal(shards[1].occluded, sample.occluded)
    np.testing.assert_array_equal(shards[1].backward_occluded, sample.backward_occluded)
    assert shards.notes(1)["path"] == notes.path
