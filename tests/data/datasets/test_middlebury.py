import numpy as np
import pytest

from leadline.data.datasets.middlebury import Middlebury
from leadline.errors import InputError
from leadline.io import write_pfm

SIZE = (6, 8)


def test_floats_of_2014_and_2021(tree):
    left = tree.image("artroom1/im0.png", 1, SIZE)
    tree.image("artroom1/im1.png", 2, SIZE)
    truth = np.full(SIZE, 2.5, np.float32)
    truth[0, 0] = np.inf
    write_pfm(tree.path("artroom1/disp0.pfm"), truth)
    write_pfm(tree.path("artroom1/disp1.pfm"), np.full(SIZE, 2.5, np.float32))
    sample = Middlebury(tree.root)[0]
    assert sample.key == "artroom1"
    assert np.array_equal(sample.left, left)
    assert not sample.valid[0, 0]
    assert (sample.disparity[sample.valid] == 2.5).all()
    # x - 2.5 lies left of the right image up to column 1; column 2 lands at -0.5, its edge.
    assert sample.occluded[3].tolist() == [True, True, False, False, False, False, False, False]
    assert sample.right_occluded[3].tolist() == [False] * 6 + [True, True]


def test_8_bits_of_2005_and_2006_are_divided_by_the_factor(tree):
    for name in ("view1.png", "view5.png"):
        tree.image(f"ThirdSize/Aloe/{name}", 1, SIZE)
    coded = np.full(SIZE, 85, np.uint8)
    coded[2, 3] = 0
    tree.grey("ThirdSize/Aloe/disp1.png", coded)
    with pytest.raises(InputError, match=r"expected the factor of the 8-bit truth in .*Aloe: 8 for 2001, 4 for 2003"):
        Middlebury(tree.root)
    sample = Middlebury(tree.root, factor=3)[0]
    assert sample.key == "ThirdSize/Aloe"
    assert sample.disparity[0, 0] == pytest.approx(85 / 3)
    assert not sample.valid[2, 3]
    assert sample.occluded is None
    assert sample.right_truth is None


def test_published_mask_tells_what_is_hidden(tree):
    for name in ("im2.png", "im6.png"):
        tree.image(f"cones/{name}", 1, SIZE)
    tree.grey("cones/disp2.png", np.full(SIZE, 8, np.uint8))
    mask = np.full(SIZE, 255, np.uint8)
    mask[1, 1] = 128
    tree.grey("cones/mask0nocc.png", mask)
    sample = Middlebury(tree.root, factor=4)[0]
    assert np.argwhere(sample.occluded).tolist() == [[1, 1]]
    assert (sample.disparity == 2.0).all()


def test_what_is_no_scene_is_refused(tree):
    with pytest.raises(InputError, match="expected files"):
        Middlebury(tree.root)
    with pytest.raises(InputError, match=r"factor of at least 1 .* got 0"):
        Middlebury(tree.root, factor=0)
    write_pfm(tree.path("a/disp0.pfm"), np.zeros(SIZE, np.float32))
    with pytest.raises(InputError, match="expected scenes with both views and truth"):
        Middlebury(tree.root)
