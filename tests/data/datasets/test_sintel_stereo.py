import cv2
import numpy as np
import pytest

from leadline.data.datasets.sintel_stereo import SintelStereo, decode_sintel_disparity
from leadline.errors import InputError

NAME = "alley_1/frame_0001.png"


def write(tree) -> None:
    coded = np.zeros((6, 8, 3), np.uint8)
    coded[...] = 3, 64, 0  # RGB: 4 * 3 + 64 / 64 = 13 px
    cv2.imwrite(str(tree.path(f"training/disparities/{NAME}")), coded[..., ::-1])
    hidden, outside = np.zeros((2, 6, 8), np.uint8)
    hidden[1, 2], outside[0, 0] = 255, 1
    tree.grey(f"training/occlusions/{NAME}", hidden)
    tree.grey(f"training/outofframe/{NAME}", outside)


def test_disparity_is_coded_in_three_bytes():
    coded = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [255, 255, 0]]], np.uint8)
    assert decode_sintel_disparity(coded)[0].tolist() == [4.0, 1 / 64, 1 / 16384, 1020 + 255 / 64]


def test_a_pair(tree):
    write(tree)
    left, right = tree.image(f"training/final_left/{NAME}", 1), tree.image(f"training/final_right/{NAME}", 2)
    pairs = SintelStereo(tree.root)
    assert (len(pairs), pairs.key(0)) == (1, "alley_1/frame_0001")
    sample = pairs[0]
    assert np.array_equal(sample.left, left)
    assert np.array_equal(sample.right, right)
    assert (sample.disparity == 13.0).all()
    assert sample.valid.all()
    assert np.argwhere(sample.occluded).tolist() == [[0, 0], [1, 2]]
    assert sample.right_truth is None


def test_what_does_not_fit_is_refused(tree):
    write(tree)
    pairs = SintelStereo(tree.root, "clean")
    with pytest.raises(InputError, match=r"an image at .*clean_left.*, got no such file"):
        pairs[0]
    for name in ("clean_left", "clean_right"):
        tree.image(f"training/{name}/{NAME}")
    tree.grey(f"training/occlusions/{NAME}", np.zeros((6, 7), np.uint8))
    with pytest.raises(InputError, match=r"\(6, 8\), got \(6, 7\) in .*occlusions"):
        pairs[0]
    tree.image(f"training/disparities/{NAME}", size=(6, 9))
    with pytest.raises(InputError, match=r"\(6, 8\), got \(6, 9\) in .*disparities"):
        pairs[0]
    tree.image(f"training/clean_right/{NAME}", size=(5, 8))
    with pytest.raises(InputError, match=r"\(6, 8\), got \(5, 8\) in .*clean_right"):
        pairs[0]
