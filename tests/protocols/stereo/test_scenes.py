from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io.pfm import write_pfm
from leadline.maps import DisparityMap
from leadline.protocols.stereo.scenes import find_scenes, load_scenes
from leadline.samples import StereoSample

LEFT = np.full((2, 3, 3), 50, dtype=np.uint8)
RIGHT = np.full((2, 3, 3), 90, dtype=np.uint8)


def write_middlebury(folder: Path, truth: str | None = "disp0.pfm", mask: bool = False, right: bool = True) -> None:
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "im0.png"), LEFT)
    if right:
        cv2.imwrite(str(folder / "im1.png"), RIGHT)
    if truth:
        write_pfm(folder / truth, np.array([[1, 2, np.inf], [4, np.nan, 6]], dtype=np.float32))
    if mask:
        cv2.imwrite(str(folder / "mask0nocc.png"), np.array([[255, 128, 0], [255, 255, 128]], dtype=np.uint8))


def write_kitti(root: Path, left: str, right: str, truth: str, noc: str) -> None:
    for folder, image in ((left, LEFT), (right, RIGHT)):
        (root / folder).mkdir(parents=True)
        for frame in ("000001_10.png", "000001_11.png", "000002_10.png"):
            cv2.imwrite(str(root / folder / frame), image)
    for folder, values in ((truth, [[256, 512, 0], [0, 0, 640]]), (noc, [[256, 0, 0], [0, 0, 640]])):
        (root / folder).mkdir(parents=True)
        cv2.imwrite(str(root / folder / "000001_10.png"), np.array(values, dtype=np.uint16))


def test_middlebury_folder_of_scenes(tmp_path: Path) -> None:
    write_middlebury(tmp_path / "b", "disp0GT.pfm")
    write_middlebury(tmp_path / "a", mask=True)
    write_middlebury(tmp_path / "c", truth=None)
    (tmp_path / "not a scene").mkdir()
    a, b, c = load_scenes(tmp_path)
    assert [scene.key for scene in (a, b, c)] == ["a", "b", "c"]
    assert a.left[0, 0, 0] == 50
    assert a.right[0, 0, 0] == 90
    assert a.truth is not None
    np.testing.assert_array_equal(a.truth.disparity, [[1, 2, 0], [4, 0, 6]])
    np.testing.assert_array_equal(a.truth.valid, [[True, True, False], [True, False, True]])
    np.testing.assert_array_equal(~a.occluded, [[True, False, False], [True, True, False]])
    assert b.truth is not None
    assert b.occluded is None
    assert c.truth is None


def test_single_scene_folder(tmp_path: Path) -> None:
    write_middlebury(tmp_path / "only")
    assert [files.name for files in find_scenes(tmp_path / "only")] == ["only"]


@pytest.mark.parametrize(
    "folders",
    [
        ("image_0", "image_1", "disp_occ", "disp_noc"),
        ("colored_0", "colored_1", "disp_occ", "disp_noc"),
        ("image_2", "image_3", "disp_occ_0", "disp_noc_0"),
    ],
)
@pytest.mark.parametrize("under", ["", "training"])
def test_kitti_layouts(tmp_path: Path, folders: tuple[str, str, str, str], under: str) -> None:
    write_kitti(tmp_path / under, *folders)
    first, second = load_scenes(tmp_path)
    assert [first.key, second.key] == ["000001_10", "000002_10"]
    assert first.truth is not None
    np.testing.assert_array_equal(first.truth.disparity, [[1, 2, 0], [0, 0, 2.5]])
    np.testing.assert_array_equal(first.truth.valid, [[True, True, False], [False, False, True]])
    np.testing.assert_array_equal(~first.occluded, [[True, False, False], [False, False, True]])
    assert second.truth is None
    assert second.occluded is None


def test_colour_comes_before_grey(tmp_path: Path) -> None:
    write_kitti(tmp_path, "image_0", "image_1", "disp_occ", "disp_noc")
    for name in ("colored_0", "colored_1"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "000001_10.png"), LEFT)
    assert [files.left.parent.name for files in find_scenes(tmp_path)] == ["colored_0"]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        find_scenes(tmp_path / "absent")


def test_no_scenes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none"):
        load_scenes(tmp_path)


def test_missing_right_image(tmp_path: Path) -> None:
    write_middlebury(tmp_path / "a", right=False)
    with pytest.raises(InputError, match=r"im1\.png"):
        find_scenes(tmp_path)


@pytest.mark.parametrize("layer", ["right image", "truth", "occlusion mask"])
def test_layers_of_other_sizes(layer: str) -> None:
    wide = np.zeros((2, 4, 3), dtype=np.uint8)
    truth = DisparityMap(np.zeros((2, 4), dtype=np.float32), np.ones((2, 4), dtype=bool))
    with pytest.raises(InputError, match=layer):
        StereoSample(
            "s",
            LEFT,
            wide if layer == "right image" else RIGHT,
            truth if layer == "truth" else None,
            truth.valid if layer == "occlusion mask" else None,
        )


def test_real_scenes(real_dir: Path) -> None:
    names = [files.name for files in find_scenes(real_dir / "stereo")]
    assert names == sorted(names)
    assert {"cones", "teddy", "tsukuba"} <= set(names)
    frames = list(load_scenes(real_dir / "kitti2012"))
    assert [frame.key for frame in frames] == ["000027_10", "000138_10"]
    for frame in frames:
        assert frame.truth is not None
        assert frame.occluded is not None
        # What both cameras see is part of what has truth.
        assert not (~frame.occluded & ~frame.truth.valid).any()
