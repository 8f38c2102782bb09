import numpy as np
import pytest

from leadline.data.datasets.flying_things import FlyingThings3D, FlyingThings3DSubset
from leadline.errors import InputError
from leadline.io import write_pfm


def disparity(value: float) -> np.ndarray:
    return np.full((6, 8), value, np.float32)


def test_the_full_set(tree):
    left = tree.image("frames_cleanpass/TRAIN/A/0000/left/0006.png", 1)
    right = tree.image("frames_cleanpass/TRAIN/A/0000/right/0006.png", 2)
    values = disparity(2.0)
    values[3, 4] = np.nan
    write_pfm(tree.path("disparity/TRAIN/A/0000/left/0006.pfm"), values)
    write_pfm(tree.path("disparity/TRAIN/A/0000/right/0006.pfm"), disparity(2.0))
    pairs = FlyingThings3D(tree.root)
    assert (len(pairs), pairs.key(0)) == (1, "TRAIN/A/0000/left/0006")
    sample = pairs[0]
    assert np.array_equal(sample.left, left)
    assert np.array_equal(sample.right, right)
    assert np.argwhere(~sample.valid).tolist() == [[3, 4]]
    assert sample.disparity[3, 4] == 0.0
    assert (sample.disparity[sample.valid] == 2.0).all()
    assert sample.occluded[:, :2].all()  # x - 2 < 0
    assert not sample.occluded[:, 2:].any()
    assert sample.right_occluded is not None
    assert sample.right_occluded[:, 6:].all()
    assert not sample.right_occluded[:, :6].any()


def test_the_subset_has_a_minus_in_one_view(tree):
    for side, sign in (("left", -1.0), ("right", 1.0)):
        tree.image(f"train/image_clean/{side}/0000003.png", 3)
        write_pfm(tree.path(f"train/disparity/{side}/0000003.pfm"), disparity(sign * 1.5))
        mask = np.zeros((6, 8), np.uint8)
        mask[0, 1 if side == "left" else 2] = 255
        tree.grey(f"train/disparity_occlusions/{side}/0000003.png", mask)
    pairs = FlyingThings3DSubset(tree.root)
    assert (len(pairs), pairs.key(0)) == (1, "train/0000003")
    sample = pairs[0]
    assert (sample.disparity == 1.5).all()
    assert sample.right_truth is not None
    assert (sample.right_truth.disparity == 1.5).all()
    assert np.argwhere(sample.occluded).tolist() == [[0, 1]]
    assert np.argwhere(sample.right_occluded).tolist() == [[0, 2]]


def test_what_does_not_fit_is_refused(tree):
    with pytest.raises(InputError, match="got no folder"):
        FlyingThings3D(tree.root)
    mixed = disparity(1.0)
    mixed[0, 0] = -1.0
    write_pfm(tree.path("disparity/TEST/A/0000/left/0006.pfm"), mixed)
    pairs = FlyingThings3D(tree.root, "TEST", "final")
    tree.image("frames_finalpass/TEST/A/0000/left/0006.png")
    with pytest.raises(InputError, match=r"an image at .*right/0006\.png, got no such file"):
        pairs[0]
    tree.image("frames_finalpass/TEST/A/0000/right/0006.png", size=(5, 8))
    with pytest.raises(InputError, match="disparities of one sign, got both"):
        pairs[0]
    write_pfm(tree.path("disparity/TEST/A/0000/left/0006.pfm"), disparity(1.0))
    write_pfm(tree.path("disparity/TEST/A/0000/right/0006.pfm"), disparity(1.0))
    with pytest.raises(InputError, match=r"\(6, 8\), got \(5, 8\) in .*right/0006\.png"):
        pairs[0]
    write_pfm(tree.path("disparity/TEST/A/0000/right/0006.pfm"), disparity(1.0)[:4])
    with pytest.raises(InputError, match=r"\(6, 8\), got \(4, 8\) in .*right/0006\.pfm"):
        pairs[0]
