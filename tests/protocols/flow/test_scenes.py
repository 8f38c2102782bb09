"""Pairs with true flow in the published layouts."""

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io.flo import write_flo
from leadline.io.kitti_flow_png import write_kitti_flow
from leadline.protocols.flow.scenes import find_flow_scenes

KNOWN = np.array([[True, True, False]])
FLOW = np.array([[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]], np.float32)


def frame(path, value: int, size=(1, 3)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*size, 3), value, np.uint8))


def test_middlebury_and_sintel_pairs(tmp_path):
    for name in ("b", "a"):
        frame(tmp_path / name / "frame10.png", 10)
        frame(tmp_path / name / "frame11.png", 20)
        write_flo(tmp_path / name / "flow10.flo", FLOW, KNOWN)
    cv2.imwrite(str(tmp_path / "b" / "occlusions.png"), np.array([[0, 255, 0]], np.uint8))
    cv2.imwrite(str(tmp_path / "b" / "invalid.png"), np.array([[255, 0, 0]], np.uint8))
    one, other = find_flow_scenes(tmp_path)
    assert (one.group, one.name, other.group, other.name) == ("middlebury", "a", "sintel", "b")
    scene = one.load()
    assert (scene.first[0, 0, 0], scene.second[0, 0, 0], scene.occluded) == (10, 20, None)
    np.testing.assert_array_equal(scene.flow, FLOW)
    np.testing.assert_array_equal(scene.valid, KNOWN)
    np.testing.assert_array_equal(other.load().occluded, [[True, True, False]])


def test_kitti_pairs_are_occluded_where_only_flow_occ_knows(tmp_path):
    frame(tmp_path / "image_0" / "000007_10.png", 10)
    frame(tmp_path / "image_0" / "000007_11.png", 20)
    for folder, known in (("flow_occ", KNOWN), ("flow_noc", np.array([[True, False, False]]))):
        (tmp_path / folder).mkdir()
        write_kitti_flow(tmp_path / folder / "000007_10.png", FLOW, known)
    (files,) = find_flow_scenes(tmp_path)
    scene = files.load()
    assert (files.group, scene.key) == ("kitti", "000007")
    np.testing.assert_array_equal(scene.flow, FLOW)
    np.testing.assert_array_equal(scene.occluded, [[False, True, False]])
    (tmp_path / "image_0").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="expected frames in one of"):
        find_flow_scenes(tmp_path)


def test_sizes_must_agree(tmp_path):
    frame(tmp_path / "a" / "frame10.png", 10)
    frame(tmp_path / "a" / "frame11.png", 20, size=(1, 4))
    write_flo(tmp_path / "a" / "flow10.flo", FLOW, KNOWN)
    with pytest.raises(InputError, match="expected a second frame of the first frame's"):
        find_flow_scenes(tmp_path)[0].load()


def test_the_shared_pairs_are_found(real_dir):
    scenes = find_flow_scenes(real_dir / "flow") + find_flow_scenes(real_dir / "kitti2012")
    assert [s.group for s in scenes] == ["middlebury"] * 4 + ["sintel"] * 2 + ["kitti"] * 2
    urban = next(s for s in scenes if s.name == "Urban3").load()
    assert urban.first.shape == (480, 640, 3)
    assert 15.0 < np.abs(urban.flow).max() < 18.0
    street = scenes[-1].load()
    assert street.occluded is not None
    assert 0 < street.occluded.sum() < street.valid.sum()


def test_the_layouts_as_they_are_downloaded(tmp_path):
    for place in ("other-data/Dimetrodon", "other-data/Beanbags"):
        frame(tmp_path / place / "frame10.png", 10)
        frame(tmp_path / place / "frame11.png", 20)
    truth = tmp_path / "other-gt-flow" / "Dimetrodon" / "flow10.flo"
    truth.parent.mkdir(parents=True)
    write_flo(truth, FLOW, KNOWN)
    # Beanbags has no published truth.
    (found,) = find_flow_scenes(tmp_path / "other-data")
    assert (found.group, found.name) == ("middlebury", "Dimetrodon")
    np.testing.assert_array_equal(found.load().flow, FLOW)
    for number in (1, 2, 3):
        for kind in ("final", "clean"):
            frame(tmp_path / "training" / kind / "alley_1" / f"frame_{number:04d}.png", number)
        frame(tmp_path / "training" / "occlusions" / "alley_1" / f"frame_{number:04d}.png", 0)
    for number in (1, 2):
        (tmp_path / "training" / "flow" / "alley_1").mkdir(parents=True, exist_ok=True)
        write_flo(tmp_path / "training" / "flow" / "alley_1" / f"frame_{number:04d}.flo", FLOW, KNOWN)
    pairs = find_flow_scenes(tmp_path / "training" / "final")
    assert [(pair.group, pair.name) for pair in pairs] == [("sintel", "alley_1_0001"), ("sintel", "alley_1_0002")]
    sample = pairs[1].load()
    assert (sample.first[0, 0, 0], sample.second[0, 0, 0]) == (2, 3)
    assert not sample.occluded.any()


def test_kitti_2015_says_what_moves(tmp_path):
    root = tmp_path / "training"
    frame(root / "image_2" / "000007_10.png", 10)
    frame(root / "image_2" / "000007_11.png", 20)
    for folder in ("flow_occ", "obj_map"):
        (root / folder).mkdir()
    write_kitti_flow(root / "flow_occ" / "000007_10.png", FLOW, KNOWN)
    cv2.imwrite(str(root / "obj_map" / "000007_10.png"), np.array([[0, 3, 1]], np.uint8))
    np.testing.assert_array_equal(find_flow_scenes(tmp_path)[0].load().foreground, [[False, True, True]])


def test_a_folder_without_pairs_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected folders with frame10\.png"):
        find_flow_scenes(tmp_path)
    with pytest.raises(InputError, match="which is no folder"):
        find_flow_scenes(tmp_path / "none")
