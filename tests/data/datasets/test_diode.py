import numpy as np
import pytest

from leadline.data.datasets.diode import Diode
from leadline.errors import InputError

NAME = "val/indoors/scene_00019/scan_00183/00019_00183_indoors_000_010"


def write(tree, name: str, depth: np.ndarray, mask: np.ndarray) -> None:
    np.save(tree.path(f"{name}_depth.npy"), depth)
    np.save(tree.path(f"{name}_depth_mask.npy"), mask)


def test_the_mask_says_what_is_known(tree):
    image = tree.image(f"{NAME}.png")
    depth, mask = np.full((6, 8, 1), 2.5, np.float32), np.zeros((6, 8))
    depth[0, 1], depth[0, 2] = 300.0, 0.0
    mask[0, :3] = 1
    write(tree, NAME, depth, mask)
    scans = Diode(tree.root)
    assert (len(scans), scans.key(0)) == (1, NAME)
    sample = scans[0]
    assert np.array_equal(sample.image, image)
    assert sample.depth[0, :4].tolist() == [2.5, 300.0, 0.0, 0.0]
    assert sample.valid[0, :4].tolist() == [True, True, False, False]
    assert sample.valid.sum() == 2
    assert (sample.annotation, sample.key, sample.camera) == ("metric", NAME, None)


def test_the_camera_belongs_to_whole_images(tree):
    tree.image("a.png", size=(768, 1024))
    write(tree, "a", np.ones((768, 1024, 1), np.float32), np.ones((768, 1024), np.float32))
    camera = Diode(tree.root)[0].camera
    assert camera is not None
    assert (camera.focal_x_px, camera.center_x_px) == (886.81, 512.0)


def test_what_does_not_fit_is_refused(tree):
    with pytest.raises(InputError, match=r"expected files \*\*/\*_depth\.npy"):
        Diode(tree.root)
    write(tree, "a", np.ones((6, 8, 1), np.float32), np.ones((6, 7)))
    scans = Diode(tree.root)
    with pytest.raises(InputError, match=r"an image at .*a\.png, got no such file"):
        scans[0]
    tree.image("a.png")
    with pytest.raises(InputError, match=r"\(6, 8\), got \(6, 7\) in .*a_depth_mask\.npy"):
        scans[0]
    write(tree, "a", np.ones((6, 8, 2), np.float32), np.ones((6, 8)))
    with pytest.raises(InputError, match=r"or \(height, width, 1\), got float32 of \(6, 8, 2\)"):
        scans[0]
    write(tree, "a", np.ones((5, 8, 1), np.float32), np.ones((5, 8)))
    with pytest.raises(InputError, match=r"\(6, 8\), got \(5, 8\)"):
        scans[0]
