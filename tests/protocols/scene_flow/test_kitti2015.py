"""Scores of scene flow, each of which can be worked out by hand."""

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io.kitti_flow_png import write_kitti_flow
from leadline.io.kitti_png import write_kitti_disparity
from leadline.maps import DisparityMap, FlowMap, SceneFlowMap
from leadline.protocols.scene_flow.kitti2015 import SCENE_FLOW
from leadline.protocols.scene_flow.scenes import find_scene_flow_scenes
from leadline.protocols.scene_flow.scored import score_scene_flow
from leadline.protocols.scoring import evaluate_samples
from leadline.samples import SceneFlowSample

ALL = np.ones((1, 10), bool)
IMAGE = np.zeros((1, 10, 3), np.uint8)


def disparity(value, valid=ALL) -> DisparityMap:
    return DisparityMap(np.broadcast_to(np.float32(value), (1, 10)).copy(), valid)


def flow(u, valid=ALL) -> FlowMap:
    values = np.zeros((1, 10, 2), np.float32)
    values[..., 0] = u
    return FlowMap(values, valid)


def sample(key="a", **layers) -> SceneFlowSample:
    known = {"disparity": disparity(10.0), "next_disparity": disparity(10.0), "flow": flow(10.0), **layers}
    return SceneFlowSample(key, (IMAGE,) * 4, None, **known)


def found() -> SceneFlowMap:
    """Wrong by 4 px: pixel 0 in the first disparity, 1 and 2 in the second, 2 to 5 in the flow."""
    at = np.arange(10)
    return SceneFlowMap(
        disparity(10.0 + 4.0 * (at == 0)),
        disparity(10.0 + 4.0 * ((at == 1) | (at == 2))),
        flow(10.0 + 4.0 * ((at >= 2) & (at < 6))),
    )


def values(report, mask="all", rule="sparse", scene=None):
    return {row.metric: row.value for row in report.rows if (row.mask, row.rule, row.scene) == (mask, rule, scene)}


def test_scene_flow_is_wrong_where_any_part_is():
    report = evaluate_samples([sample()], {"m": lambda _: found()}, SCENE_FLOW)
    assert values(report) == pytest.approx({"D1": 10.0, "D2": 20.0, "Fl": 40.0, "SF": 60.0, "D1+Fl": 50.0})


def test_five_per_cent_are_allowed():
    truth = sample(disparity=disparity(100.0), next_disparity=disparity(100.0), flow=flow(100.0))
    report = evaluate_samples(
        [truth], {"m": lambda _: SceneFlowMap(disparity(104.0), disparity(106.0), flow(104.0))}, SCENE_FLOW
    )
    assert values(report) == pytest.approx({"D1": 0.0, "D2": 100.0, "Fl": 0.0, "SF": 100.0, "D1+Fl": 0.0})


def test_each_part_is_pooled_over_its_own_truth():
    """Flow is known of 2 pixels in one scene, both wrong, and of 10 in the other, all right."""
    few = np.arange(10)[None] < 2
    scenes = [sample("a", flow=flow(0.0, few)), sample("b")]
    right = SceneFlowMap(disparity(10.0), disparity(10.0), flow(10.0))
    report = evaluate_samples(scenes, {"m": lambda _: right}, SCENE_FLOW)
    assert values(report)["Fl"] == pytest.approx(100.0 * 2 / 12)
    assert values(report)["D1"] == 0.0


def test_without_a_second_disparity_the_rest_is_scored():
    report = evaluate_samples([sample(next_disparity=None)], {"m": lambda _: found()}, SCENE_FLOW)
    assert values(report) == pytest.approx({"D1": 10.0, "Fl": 40.0, "D1+Fl": 50.0})
    reasons = {e.metric: e.reason for e in report.exclusions if (e.mask, e.rule) == ("all", "sparse")}
    assert reasons == {"D2": "no truth", "SF": "no truth"}


def test_regions_and_missing_predictions():
    moving = np.arange(10)[None] < 5
    scene = sample(foreground=moving, occluded=~moving)
    report = evaluate_samples([scene], {"m": lambda _: found()}, SCENE_FLOW)
    assert values(report, "fg")["SF"] == values(report, "noc")["SF"] == 100.0
    assert values(report, "bg")["SF"] == 20.0
    unknown = SceneFlowMap(disparity(0.0, ~ALL), disparity(0.0, ~ALL), flow(np.nan, ~ALL))
    assert score_scene_flow(scene, unknown, "all", "sparse") == "no pixel with truth"
    assert score_scene_flow(sample(disparity=None), found(), "all", "dense") == "no truth"
    assert score_scene_flow(sample(), found(), "fg", "dense") == "no object map"
    assert score_scene_flow(sample(), found(), "noc", "dense") == "no occlusion mask"
    other = SceneFlowMap(
        DisparityMap(np.zeros((2, 10), np.float32), np.ones((2, 10), bool)),
        DisparityMap(np.zeros((2, 10), np.float32), np.ones((2, 10), bool)),
        FlowMap(np.zeros((2, 10, 2), np.float32), np.ones((2, 10), bool)),
    )
    with pytest.raises(InputError, match="expected scene flow of the images'"):
        score_scene_flow(scene, other, "all", "dense")


def test_scenes_of_the_development_kit(tmp_path):
    root = tmp_path / "training"
    for side in (2, 3):
        for time in (10, 11):
            path = root / f"image_{side}" / f"000000_{time}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((4, 6, 3), 10 * side + time - 10, np.uint8))
    known = np.ones((4, 6), bool)
    for name, value in (("disp_occ_0", 3.0), ("disp_occ_1", 4.0)):
        (root / name).mkdir()
        write_kitti_disparity(root / name / "000000_10.png", np.full((4, 6), value, np.float32), known)
    seen = known.copy()
    seen[:, 0] = False
    for name, mask in (("flow_occ", known), ("flow_noc", seen)):
        (root / name).mkdir()
        write_kitti_flow(root / name / "000000_10.png", np.full((4, 6, 2), 2.0, np.float32), mask)
    (root / "obj_map").mkdir()
    cv2.imwrite(str(root / "obj_map" / "000000_10.png"), np.eye(4, 6, dtype=np.uint8) * 3)
    (root / "calib_cam_to_cam").mkdir()
    (root / "calib_cam_to_cam" / "000000.txt").write_text(
        "S_rect_02: 6 4\nP_rect_02: 5 0 2.5 0 0 5 1.5 0 0 0 1 0\n"
        "S_rect_03: 6 4\nP_rect_03: 5 0 2.5 -2.5 0 5 1.5 0 0 0 1 0\n"
    )
    (files,) = find_scene_flow_scenes(tmp_path)
    scene = files.load()
    assert [int(image[0, 0, 0]) for image in scene.images] == [20, 30, 21, 31]
    assert scene.rig.baseline_m == pytest.approx(0.5)
    assert (scene.disparity.disparity[0, 0], scene.next_disparity.disparity[0, 0]) == (3.0, 4.0)
    np.testing.assert_array_equal(scene.occluded, ~seen)
    np.testing.assert_array_equal(scene.foreground, np.eye(4, 6) > 0)
    with pytest.raises(InputError, match="expected KITTI's image_2 and image_3"):
        find_scene_flow_scenes(root / "image_2")


def test_the_shared_streets_are_found(real_dir):
    scenes = find_scene_flow_scenes(real_dir / "kitti2012")
    assert [files.name for files in scenes] == ["000027", "000138"]
    scene = scenes[0].load()
    assert scene.rig.baseline_m == pytest.approx(0.54, abs=0.01)
    assert scene.next_disparity is None
