"""KITTI: split lists, the annotated depth and the projected scans."""

import numpy as np
import pytest

from leadline.data.datasets.kitti_depth import KittiDepth
from leadline.data.datasets.kitti_frames import KittiFrame, read_kitti_frames
from leadline.data.datasets.kitti_lidar import KittiLidar, project_velodyne
from leadline.errors import InputError

DATE, DRIVE = "2011_09_26", "2011_09_26_drive_0001_sync"
CAMERAS = """calib_time: 09-Jan-2012 13:57:47
R_rect_00: 1 0 0 0 1 0 0 0 1
S_rect_02: 8 6
P_rect_02: 4 0 3.5 0 0 4 2.5 0 0 0 1 0
S_rect_03: 8 6
P_rect_03: 4 0 3.5 -2 0 4 2.5 0 0 0 1 0
"""
# x forward, y left, z up to x right, y down, z forward, the scanner 0.5 m behind the camera.
SCANNER = "calib_time: 15-Mar-2012 11:37:16\nR: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 -0.5\ndelta_f: 0 0\n"


def raw(tree) -> None:
    tree.text(f"{DATE}/calib_cam_to_cam.txt", CAMERAS)
    tree.text(f"{DATE}/calib_velo_to_cam.txt", SCANNER)


def test_split_lists_of_all_forms(tree):
    lines = [
        f"{DATE}/{DRIVE}/image_02/data/0000000005.png",
        f"{DATE}/{DRIVE}/image_02/data/0000000006.jpg {DATE}/{DRIVE}/image_03/data/0000000006.jpg",
        f"{DATE}/{DRIVE}/image_03/data/0000000007.png {DRIVE}/proj_depth/groundtruth/image_03/0000000007.png 721.5377",
        f"{DATE}/{DRIVE} 8 r",
        f"{DATE}/{DRIVE} 0000000009",
    ]
    frames = read_kitti_frames(tree.text("split.txt", "\n".join(lines)))
    assert [(frame.camera, frame.number) for frame in frames] == [(2, 5), (2, 6), (3, 7), (3, 8), (2, 9)]
    assert frames[0] == KittiFrame(DATE, DRIVE, 2, 5)
    assert frames[3].key == f"{DATE}/{DRIVE}/image_03/0000000008"


def test_frames_without_annotated_depth_are_left_out_where_it_is_asked_for(tree):
    lines = [f"{DATE}/{DRIVE}/image_02/data/000000000{number}.png" for number in (5, 6)]
    split = tree.text("split.txt", f"{lines[0]} None 721.5\n{lines[1]} {DRIVE}/a.png 721.5\n")
    assert [frame.number for frame in read_kitti_frames(split)] == [5, 6]
    assert [frame.number for frame in read_kitti_frames(split, annotated=True)] == [6]
    assert len(KittiDepth(tree.root, tree.root, split)) == 1
    with pytest.raises(InputError, match="got None for all 1 in"):
        KittiDepth(tree.root, tree.root, tree.text("split.txt", f"{lines[0]} None 721.5\n"))


@pytest.mark.parametrize("line", ["a.png", f"{DATE}/2011_09_28_drive_0001_sync 1 l", f"{DATE}/{DRIVE} 1 x"])
def test_other_lines_are_refused(tree, line):
    with pytest.raises(InputError, match="DATE/DRIVE NUMBER l in each line"):
        read_kitti_frames(tree.text("split.txt", line))


def test_annotated_depth(tree, depth16):
    raw(tree)
    image = tree.image(f"{DATE}/{DRIVE}/image_02/data/0000000005.png")
    tree.image(f"{DATE}/{DRIVE}/image_03/data/0000000005.jpg")
    tree.grey(f"truth/val/{DRIVE}/proj_depth/groundtruth/image_02/0000000005.png", depth16(256, 0, 640))
    tree.grey(f"truth/{DRIVE}/proj_depth/groundtruth/image_03/0000000005.png", depth16(0, 512))
    split = tree.text("split.txt", f"{DATE}/{DRIVE} 5 l\n{DATE}/{DRIVE} 5 r\n{DATE}/{DRIVE} 6 l\n")
    frames = KittiDepth(tree.root, tree.root / "truth", split)
    assert len(frames) == 3
    left, right = frames[0], frames[1]
    assert np.array_equal(left.image, image)
    assert left.depth[0, :3].tolist() == [1.0, 0.0, 2.5]
    assert left.valid[0, :3].tolist() == [True, False, True]
    assert (left.annotation, left.key) == ("metric", frames.key(0))
    assert left.camera is not None
    assert (left.camera.focal_x_px, left.camera.center_x_px, left.camera.height) == (4.0, 3.5, 6)
    assert right.depth[0, 1] == 2.0
    with pytest.raises(InputError, match=r"KITTI's annotated depth at .*0000000006\.png, got no such file"):
        frames[2]


def test_images_that_are_missing_or_not_the_calibrations(tree, depth16):
    truth = f"truth/train/{DRIVE}/proj_depth/groundtruth/image_02/0000000005.png"
    tree.grey(truth, depth16(256))
    split = tree.text("split.txt", f"{DATE}/{DRIVE} 5 l\n")
    annotated, scanned = KittiDepth(tree.root, tree.root / "truth", split), KittiLidar(tree.root, split)
    for frames in (annotated, scanned):
        with pytest.raises(InputError, match=r"a KITTI image at .*0000000005\.png, got no such file"):
            frames[0]
    tree.image(f"{DATE}/{DRIVE}/image_02/data/0000000005.png")
    for frames in (annotated, scanned):
        with pytest.raises(InputError, match=r"a KITTI calibration at .*calib_cam_to_cam.txt, got no such file"):
            frames[0]
    raw(tree)
    tree.image(f"{DATE}/{DRIVE}/image_02/data/0000000005.png", size=(3, 4))
    tree.grey(truth, np.zeros((3, 4), np.uint16))
    with pytest.raises(InputError, match=r"\(6, 8\), got \(3, 4\)"):
        annotated[0]
    with pytest.raises(InputError, match=r"\(6, 8\), got \(3, 4\)"):
        scanned[0]


def test_projected_scan(tree):
    raw(tree)
    image = tree.image(f"{DATE}/{DRIVE}/image_02/data/0000000005.png")
    # Camera 2 sees (x, y, z) at depth Z = x - 0.5, u = 4 (-y) / Z + 3.5, v = 4 (-z) / Z + 2.5.
    points = [
        [4.5, -0.5, 0.5, 0.9],  # Z = 4, u = 4, v = 2: column 3, row 1
        [2.5, -0.25, 0.25, 0.1],  # Z = 2, in the same pixel and nearer
        [8.5, -1.0, 1.0, 0.5],  # Z = 8, in the same pixel and behind both
        [4.5, 2.0, -2.0, 0.0],  # u = 1.5, v = 4.5, both rounded to even: column 1, row 3
        [0.25, 0.0, 0.0, 0.0],  # in front of the scanner but behind the camera
        [-3.0, 0.0, 0.0, 0.0],  # behind both
        [4.5, 30.0, 0.0, 0.0],  # left of the image
    ]
    tree.data(f"{DATE}/{DRIVE}/velodyne_points/data/0000000005.bin", np.array(points, "<f4"))
    sample = KittiLidar(tree.root, tree.text("split.txt", f"{DATE}/{DRIVE} 5 l\n"), "camera")[0]
    assert np.array_equal(sample.image, image)
    assert np.argwhere(sample.valid).tolist() == [[1, 3], [3, 1]]
    assert sample.depth[1, 3] == 2.0
    assert sample.depth[3, 1] == 4.0
    assert not sample.depth[~sample.valid].any()
    assert sample.annotation == "metric"
    assert sample.camera is not None
    # The published truth is the scanner's forward distance x, half a metre more here.
    published = KittiLidar(tree.root, tree.text("split.txt", f"{DATE}/{DRIVE} 5 l\n"))[0]
    assert (published.depth[1, 3], published.depth[3, 1]) == (2.5, 4.5)
    assert np.array_equal(published.valid, sample.valid)


def test_the_nearest_point_of_a_pixel_stays_in_any_order():
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(1, 20, 500), rng.uniform(-9, 9, (500, 2)), np.zeros(500)]).astype(np.float32)
    image_from_velodyne = np.array([[3.5, -4.0, 0.0, 0.0], [2.5, 0.0, -4.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    depth, valid = project_velodyne(points, image_from_velodyne, 6, 8)
    again, _ = project_velodyne(points[::-1], image_from_velodyne, 6, 8)
    assert np.array_equal(depth, again)
    expected: dict[tuple[int, int], float] = {}
    for x, y, z, _ in points.astype(np.float64):
        place = round(2.5 - 4 * z / x) - 1, round(3.5 - 4 * y / x) - 1
        expected[place] = min(x, expected.get(place, np.inf))
    for row, column in np.ndindex(6, 8):
        assert depth[row, column] == np.float32(expected.get((row, column), 0.0))
    assert valid.sum() == sum(row in range(6) and column in range(8) for row, column in expected)


def test_scans_without_points_and_damaged_ones(tree):
    raw(tree)
    tree.image(f"{DATE}/{DRIVE}/image_02/data/0000000005.png")
    frames = KittiLidar(tree.root, tree.text("split.txt", f"{DATE}/{DRIVE} 5 l\n"))
    assert (len(frames), frames.key(0)) == (1, f"{DATE}/{DRIVE}/image_02/0000000005")
    tree.data(f"{DATE}/{DRIVE}/velodyne_points/data/0000000005.bin", bytes(20))
    with pytest.raises(InputError, match="points of 16 bytes"):
        frames[0]
    tree.data(f"{DATE}/{DRIVE}/velodyne_points/data/0000000005.bin", np.full((2, 4), np.nan, "<f4"))
    assert not frames[0].valid.any()
