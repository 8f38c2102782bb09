import numpy as np
import pytest

from leadline.data.datasets.scannet import ScanNet
from leadline.errors import CalibrationError, InputError

INTRINSICS = "5.5 0 3.5 0\n0 5.25 2.5 0\n0 0 1 0\n0 0 0 1\n"


def frame(tree, number: int, depth: np.ndarray, size: tuple[int, int] = (12, 16)) -> np.ndarray:
    tree.text("scene0000_00/intrinsic/intrinsic_depth.txt", INTRINSICS)
    tree.grey(f"scene0000_00/depth/{number}.png", depth)
    return tree.image(f"scene0000_00/color/{number}.jpg", number, size)


def test_images_shrink_to_their_depth(tree, depth16):
    colors = {number: frame(tree, number, depth16(1000 * number, 0)) for number in (10, 2)}
    frames = ScanNet(tree.root)
    assert [frames.key(index) for index in range(len(frames))] == ["scene0000_00/color/2", "scene0000_00/color/10"]
    sample = frames[0]
    assert sample.image.shape == (6, 8, 3)
    assert np.abs(sample.image.astype(int) - colors[2][:6, :8]).max() < 4
    assert sample.depth[0, :2].tolist() == [2.0, 0.0]
    assert sample.valid[0, :2].tolist() == [True, False]
    assert (sample.annotation, sample.key) == ("metric", "scene0000_00/color/2")
    camera = sample.camera
    assert camera is not None
    assert (camera.focal_x_px, camera.focal_y_px, camera.center_x_px, camera.height) == (5.5, 5.25, 3.5, 6)
    assert frames[1].depth[0, 0] == 10.0


@pytest.mark.parametrize("size", [(12, 20), (3, 4)])
def test_images_of_another_shape_or_coarser_than_depth_are_refused(tree, depth16, size):
    frame(tree, 1, depth16(1), size)
    with pytest.raises(InputError, match=r"at least as fine as its depth \(6, 8\)"):
        ScanNet(tree.root)[0]


def test_damaged_files_are_refused(tree, depth16):
    frame(tree, 1, depth16(1))
    frames = ScanNet(tree.root)
    tree.text("scene0000_00/intrinsic/intrinsic_depth.txt", "1 2 3")
    with pytest.raises(CalibrationError, match=r"expected 16 numbers for the matrix in .*intrinsic_depth.txt, got 3"):
        frames[0]
    (tree.root / "scene0000_00/depth/1.png").unlink()
    with pytest.raises(InputError, match=r"depth in 1/1000 m at .*, got no such file"):
        frames[0]
