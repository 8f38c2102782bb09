import numpy as np
import pytest

from leadline.data.datasets.cityscapes import Cityscapes
from leadline.errors import InputError

FRAME = "val/lindau/lindau_000000_000019"


def test_disparity_counts_from_one(tree, depth16):
    left = tree.image(f"leftImg8bit/{FRAME}_leftImg8bit.png", 1)
    right = tree.image(f"rightImg8bit/{FRAME}_rightImg8bit.png", 2)
    tree.grey(f"disparity/{FRAME}_disparity.png", depth16(257, 0, 1, 129))
    pairs = Cityscapes(tree.root, "val")
    assert (len(pairs), pairs.key(0)) == (1, FRAME)
    sample = pairs[0]
    assert np.array_equal(sample.left, left)
    assert np.array_equal(sample.right, right)
    assert sample.disparity[0, :4].tolist() == [1.0, 0.0, 0.0, 0.5]
    assert sample.valid[0, :4].tolist() == [True, False, True, True]
    assert np.argwhere(sample.occluded).tolist() == [[0, 0]]  # 0 - 1 lies outside


def test_what_does_not_fit_is_refused(tree, depth16):
    tree.grey(f"disparity/{FRAME}_disparity.png", np.zeros((6, 8), np.uint8))
    with pytest.raises(InputError, match=r"expected files train/\*/\*_disparity\.png"):
        Cityscapes(tree.root)
    pairs = Cityscapes(tree.root, "val")
    with pytest.raises(InputError, match=r"an image at .*leftImg8bit.*, got no such file"):
        pairs[0]
    tree.image(f"leftImg8bit/{FRAME}_leftImg8bit.png")
    tree.image(f"rightImg8bit/{FRAME}_rightImg8bit.png", size=(5, 8))
    with pytest.raises(InputError, match="grey 16-bit PNG"):
        pairs[0]
    tree.grey(f"disparity/{FRAME}_disparity.png", depth16(1)[:4])
    with pytest.raises(InputError, match=r"\(6, 8\), got \(5, 8\) in .*rightImg8bit"):
        pairs[0]
    tree.image(f"rightImg8bit/{FRAME}_rightImg8bit.png")
    with pytest.raises(InputError, match=r"\(6, 8\), got \(4, 8\) in .*disparity"):
        pairs[0]
