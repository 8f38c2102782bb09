"""Scene flow of a wall with a board before it that moves by itself, whose every number is known."""

import json
from importlib.resources import files

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.rig import StereoRig
from leadline.maps import DisparityMap, FlowMap, SceneFlowMap
from leadline.results.scene_flow import motions_in_space, write_scene_flow_result
from leadline.runtime.moving_mask import EVIDENCE, WEIGHTS_FILE
from leadline.runtime.scene_flow import SceneFlowMethod, carried_back, completed

HEIGHT, WIDTH, FOCAL_PX, BASELINE_M = 120, 200, 150.0, 0.4
RIG = StereoRig.from_focal(HEIGHT, WIDTH, FOCAL_PX, BASELINE_M)
FAR_M, NEAR_M = 6.0, 3.0
"""Disparities of 10 and 20 px."""
BOARD = np.s_[40:80, 60:110]
ACROSS_M, AHEAD_M = 0.2, 0.3


def scene():
    """The camera drives 0.3 m ahead; the board also goes 0.2 m to the right. Disparities, flow, images, the board."""
    board = np.zeros((HEIGHT, WIDTH), bool)
    board[BOARD] = True
    z = np.where(board, NEAR_M, FAR_M)
    y, x = np.indices(board.shape).astype(float)
    x_m, y_m = ((a - c) / FOCAL_PX * z for a, c in ((x, (WIDTH - 1) / 2), (y, (HEIGHT - 1) / 2)))
    x_m = x_m + np.where(board, ACROSS_M, 0.0)
    u = FOCAL_PX * x_m / (z - AHEAD_M) + (WIDTH - 1) / 2 - x
    v = FOCAL_PX * y_m / (z - AHEAD_M) + (HEIGHT - 1) / 2 - y
    flow = np.dstack([u, v]).astype(np.float32)
    rng = np.random.default_rng(0)
    noise = [cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), (0, 0), 1.5) for _ in range(2)]
    layers = [cv2.normalize(layer, None, 0, 255, cv2.NORM_MINMAX) for layer in noise]
    first = np.where(board[..., None], *layers)
    # The second image, fetched from the first: the board where it lands, the wall elsewhere.
    places = []
    for depth, across in ((NEAR_M, ACROSS_M), (FAR_M, 0.0)):
        from_x = ((x - (WIDTH - 1) / 2) * (depth - AHEAD_M) - FOCAL_PX * across) / depth + (WIDTH - 1) / 2
        from_y = (y - (HEIGHT - 1) / 2) * (depth - AHEAD_M) / depth + (HEIGHT - 1) / 2
        places.append((from_x.astype(np.float32), from_y.astype(np.float32)))
    landed = cv2.remap(board.astype(np.uint8), *places[0], cv2.INTER_NEAREST) > 0
    views = [cv2.remap(layer, *place, cv2.INTER_LINEAR) for layer, place in zip(layers, places, strict=True)]
    second = np.where(landed[..., None], *views)
    then = (FOCAL_PX * BASELINE_M / (np.where(landed, NEAR_M, FAR_M) - AHEAD_M)).astype(np.float32)
    disparity = (FOCAL_PX * BASELINE_M / z).astype(np.float32)
    return first, second, disparity, then, flow, board


def maps(disparity, then, flow, sure=0.95):
    known, confidence = np.ones(disparity.shape, bool), np.full(disparity.shape, np.float32(sure))
    layers = [DisparityMap(layer, known, confidence) for layer in (disparity, then)]
    return (layers[0], layers[1]), FlowMap(flow, known, confidence)


@pytest.fixture(scope="module")
def found():
    first, second, disparity, then, flow, _ = scene()
    return completed((first, second), *maps(disparity, then, flow), RIG)


def test_the_camera_and_the_board_move(found):
    board = scene()[-1]
    np.testing.assert_allclose(found.motion.second_from_first[:3, 3], [0.0, 0.0, -AHEAD_M], atol=0.02)
    assert found.motion.rotation_deg < 0.05
    overlap = (found.moving & board).sum() / (found.moving | board).sum()
    assert overlap > 0.8


def test_the_board_is_an_object_with_size_and_velocity(found, tmp_path):
    (board,) = motions_in_space(found, RIG).objects
    assert board.distance_m == pytest.approx(np.hypot(NEAR_M, 0.3), abs=0.2)
    np.testing.assert_allclose(board.motion_m, [ACROSS_M, 0.0, 0.0], atol=0.02)
    # 50 px at 3 m are 1 m, of which 90 % count.
    assert board.size_m[0] == pytest.approx(0.9, abs=0.12)
    space = write_scene_flow_result(tmp_path, scene()[0], found, RIG, {}, fps=5.0)
    assert space.known.mean() > 0.9
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["objects"][0]["speed_m_per_s"] == pytest.approx(5 * ACROSS_M, abs=0.1)
    assert summary["camera"]["speed_m_per_s"] == pytest.approx(5 * AHEAD_M, abs=0.05)


def test_what_stands_still_follows_the_camera():
    """The flow of a strip of the wall is wrong and known to be; its own disparity and the camera give the right one."""
    first, second, disparity, then, flow, board = scene()
    disparities, measured = maps(disparity, then, flow)
    wrong = measured.flow.copy()
    wrong[:30, 20:60] = 0.5
    doubtful = measured.valid.copy()
    doubtful[:30, 20:60] = False
    result = completed((first, second), disparities, FlowMap(wrong, doubtful, measured.confidence), RIG)
    strip = np.zeros_like(board)
    strip[:30, 20:60] = True
    strip &= ~result.moving
    assert strip.sum() > 600
    np.testing.assert_allclose(result.flow.flow[strip], flow[strip], atol=0.1)
    assert result.flow.valid[strip].all()
    np.testing.assert_array_equal(result.measured.flow, wrong)


def test_without_the_cameras_motion_there_are_no_metres(found):
    plain = SceneFlowMap(found.disparity, found.next_disparity, found.flow)
    with pytest.raises(InputError, match="with the camera's motion"):
        motions_in_space(plain, RIG)
    with pytest.raises(InputError, match="expected a flow of the disparity's"):
        SceneFlowMap(found.disparity, found.disparity, FlowMap(np.zeros((2, 2, 2), np.float32), np.ones((2, 2), bool)))


def test_methods_are_joined():
    first, second, disparity, then, flow, _ = scene()
    (now, later), motion = maps(disparity, then, flow)

    def stereo(left, _):
        return now if np.array_equal(left, first) else later

    images = (first, np.roll(first, -10, axis=1), second, np.roll(second, -10, axis=1))
    plain = SceneFlowMethod(stereo, lambda *_: motion, completes=False)(images, RIG)
    assert plain.motion is None
    np.testing.assert_array_equal(plain.flow.flow, flow)
    whole = SceneFlowMethod(stereo, lambda *_: motion)(images, RIG)
    assert whole.motion.translation_m == pytest.approx(AHEAD_M, abs=0.02)
    with pytest.raises(InputError, match="expected four images of one size, got 200x120 and a second right image"):
        SceneFlowMethod(stereo, lambda *_: motion)((*images[:3], second[:60]), RIG)


def test_disparity_is_read_where_the_flow_leads():
    _, _, _, then, flow, board = scene()
    (_, later), motion = maps(then, then, flow)
    following = carried_back(later, motion)
    inner = np.zeros_like(board)
    inner[45:75, 65:105] = True
    np.testing.assert_allclose(following.disparity[inner], FOCAL_PX * BASELINE_M / (NEAR_M - AHEAD_M), atol=0.01)


def test_weights_are_of_this_evidence():
    told = json.loads((files("leadline.runtime") / WEIGHTS_FILE).read_text())
    assert told["evidence"] == list(EVIDENCE)
    assert np.array(told["first"]).shape == (len(EVIDENCE), len(told["second"]))
