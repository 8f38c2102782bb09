import numpy as np
import pytest

from leadline.data.datasets.diml_indoor import DimlIndoor
from leadline.errors import InputError


def test_colour_with_filled_depth(tree, depth16):
    images = [tree.image(f"train/HR/{place}/color/{name}_c.png", 1) for place, name in (("Cafe", "a"), ("Attic", "b"))]
    tree.grey("train/HR/Cafe/depth_filled/a_depth_filled.png", depth16(1250, 0))
    rooms = DimlIndoor(tree.root)
    assert [rooms.key(index) for index in range(len(rooms))] == ["train/HR/Attic/color/b_c", "train/HR/Cafe/color/a_c"]
    sample = rooms[1]
    assert np.array_equal(sample.image, images[0])
    assert sample.depth[0, :2].tolist() == [1.25, 0.0]
    assert sample.valid[0, :2].tolist() == [True, False]
    assert (sample.annotation, sample.camera) == ("metric", None)


def test_what_does_not_fit_is_refused(tree, depth16):
    tree.image("a/color/1_c.png")
    rooms = DimlIndoor(tree.root)
    with pytest.raises(InputError, match=r"depth in 1/1000 m at .*1_depth_filled\.png, got no such file"):
        rooms[0]
    tree.grey("a/depth_filled/1_depth_filled.png", depth16(1).astype(np.uint8))
    with pytest.raises(InputError, match="grey 16-bit PNG"):
        rooms[0]
    tree.grey("a/depth_filled/1_depth_filled.png", depth16(1)[:3])
    with pytest.raises(InputError, match=r"\(6, 8\), got \(3, 8\)"):
        rooms[0]
