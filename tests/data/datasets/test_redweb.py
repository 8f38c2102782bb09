import numpy as np
import pytest

from leadline.data.datasets.redweb import ReDWeb
from leadline.errors import InputError


def test_inverse_depth_is_turned_round_and_sky_is_unknown(tree):
    color = tree.image("Imgs/b.jpg", 1)
    tree.image("Imgs/a.jpg", 2)
    coded = np.full((6, 8), 51, np.uint8)
    coded[0, :3] = 0, 254, 255
    tree.grey("RDs/b.png", coded)
    tree.grey("RDs/a.png", np.dstack([coded] * 3))  # grey stored in three channels
    pairs = ReDWeb(tree.root)
    assert [pairs.key(index) for index in range(len(pairs))] == ["a", "b"]
    for sample in (pairs[0], pairs[1]):
        assert sample.depth[0, :4] == pytest.approx([1.0, 1 / 255, 0.0, 0.8])  # larger is nearer
        assert sample.valid[0, :4].tolist() == [True, True, False, True]
        assert sample.annotation == "affine_inverse"
        assert sample.camera is None
    assert np.abs(pairs[1].image.astype(int) - color).max() < 4


def test_what_does_not_fit_is_refused(tree):
    tree.grey("RDs/a.png", np.zeros((5, 8), np.uint8))
    pairs = ReDWeb(tree.root)
    with pytest.raises(InputError, match=r"an image at .*a\.jpg, got no such file"):
        pairs[0]
    tree.image("Imgs/a.jpg")
    with pytest.raises(InputError, match=r"\(6, 8\), got \(5, 8\)"):
        pairs[0]
    for wrong in (np.zeros((6, 8), np.uint16), np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)):
        tree.grey("RDs/a.png", wrong)
        with pytest.raises(InputError, match="grey 8-bit image with relative depth, got colours or 16 bits"):
            pairs[0]
