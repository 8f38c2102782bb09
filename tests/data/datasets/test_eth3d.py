import numpy as np
import pytest

from leadline.data.datasets.eth3d import Eth3d
from leadline.errors import InputError

CAMERAS = """# Camera list with one line of data per camera:
#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]
0 THIN_PRISM_FISHEYE 8 6 4 4 4 3 0 0 0 0 0 0 0 0
3 PINHOLE 8 6 4 5 4 3
"""
IMAGES = """# Image list with two lines of data per image
1 1 0 0 0 0 0 0 0 dslr_images/DSC_2.JPG
1.5 2.5 -1 3.5 4.5 7
2 1 0 0 0 0 0 0 3 dslr_images/DSC_10.JPG

"""


def scene(tree, name: str = "pipes") -> None:
    tree.text(f"{name}/dslr_calibration_jpg/cameras.txt", CAMERAS)
    tree.text(f"{name}/dslr_calibration_jpg/images.txt", IMAGES)
    for number in (2, 10):
        tree.image(f"{name}/images/dslr_images/DSC_{number}.JPG", number)
        depth = np.full((6, 8), np.inf, "<f4")
        depth[1, 2] = number / 4
        tree.data(f"{name}/ground_truth_depth/dslr_images/DSC_{number}.JPG", depth)


def test_bare_floats_with_inf_for_unknown(tree):
    scene(tree)
    scene(tree, "office")
    frames = Eth3d(tree.root)
    names = [f"{name}/dslr_images/DSC_{number}" for name in ("office", "pipes") for number in (2, 10)]
    assert [frames.key(index) for index in range(len(frames))] == names
    sample = frames[2]
    assert np.argwhere(sample.valid).tolist() == [[1, 2]]
    assert sample.depth[1, 2] == 0.5
    assert not sample.depth[~sample.valid].any()  # inf stays behind
    assert (sample.annotation, sample.key) == ("metric", "pipes/dslr_images/DSC_2")


def test_only_pinhole_cameras_are_read_with_centres_at_integers(tree):
    scene(tree)
    frames = Eth3d(tree.root)
    assert frames[0].camera is None
    camera = frames[1].camera
    assert camera is not None
    assert (camera.focal_x_px, camera.focal_y_px, camera.center_x_px, camera.center_y_px) == (4.0, 5.0, 3.5, 2.5)


def test_what_does_not_fit_is_refused(tree):
    scene(tree)
    frames = Eth3d(tree.root)
    tree.data("pipes/ground_truth_depth/dslr_images/DSC_2.JPG", bytes(4 * 6 * 8 - 4))
    with pytest.raises(InputError, match="expected 192 bytes for 8x6 float32 numbers, got 188"):
        frames[0]
    tree.image("pipes/images/dslr_images/DSC_2.JPG", size=(3, 4))
    with pytest.raises(InputError, match=r"\(6, 8\), got \(3, 4\)"):
        frames[0]
    (tree.root / "pipes/images/dslr_images/DSC_2.JPG").unlink()
    with pytest.raises(InputError, match=r"an image at .*, got no such file"):
        frames[0]
    tree.data("pipes/ground_truth_depth/dslr_images/DSC_3.JPG", bytes(4))
    with pytest.raises(InputError, match=r"expected dslr_images/DSC_3\.JPG in .*images\.txt, got no such image"):
        Eth3d(tree.root)
    tree.text("pipes/dslr_calibration_jpg/cameras.txt", CAMERAS.replace("3 PINHOLE", "4 PINHOLE"))
    with pytest.raises(InputError, match=r"expected cameras \[3\]"):
        Eth3d(tree.root)
    with pytest.raises(InputError, match=r"cameras.txt at .*rig_calibration.*, got no such file"):
        Eth3d(tree.root, "rig_calibration")
