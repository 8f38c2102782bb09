import numpy as np
import pytest

from leadline.data.datasets.nyu_v2 import NyuV2
from leadline.errors import InputError

BTS = (
    "/kitchen_0028b/rgb_00045.jpg /kitchen_0028b/sync_depth_00045.png 518.8579\nbath/rgb_1.png bath/d_1.png 518.8579\n"
)


def test_bts_lists(tree, depth16):
    color = tree.image("kitchen_0028b/rgb_00045.jpg", 1)
    tree.grey("kitchen_0028b/sync_depth_00045.png", depth16(2500, 1))
    noise = tree.image("bath/rgb_1.png", 2)
    tree.grey("bath/d_1.png", depth16(10000))
    rooms = NyuV2(tree.root, tree.text("train.txt", BTS))
    assert [rooms.key(index) for index in range(len(rooms))] == ["kitchen_0028b/rgb_00045", "bath/rgb_1"]
    kitchen, bath = rooms[0], rooms[1]
    assert np.abs(kitchen.image.astype(int) - color).max() < 4
    assert kitchen.depth[0, :3].tolist() == [2.5, np.float32(0.001), 0.0]
    assert kitchen.valid[0, :3].tolist() == [True, True, False]
    assert kitchen.valid.sum() == 2
    assert (kitchen.annotation, kitchen.key, kitchen.camera) == ("metric", "kitchen_0028b/rgb_00045", None)
    assert np.array_equal(bath.image, noise)
    assert bath.depth[0, 0] == 10.0


def test_densedepth_lists_and_the_camera_of_whole_images(tree):
    tree.image("data/nyu2_test/00000_colors.png", size=(480, 640))
    tree.grey("data/nyu2_test/00000_depth.png", np.full((480, 640), 1500, np.uint16))
    split = tree.text("test.csv", "data/nyu2_test/00000_colors.png,data/nyu2_test/00000_depth.png\n")
    sample = NyuV2(tree.root, split)[0]
    assert (sample.depth == 1.5).all()
    assert sample.camera is not None
    assert sample.camera.focal_x_px == pytest.approx(518.857901)


def test_what_does_not_fit_is_refused(tree, depth16):
    rooms = NyuV2(tree.root, tree.text("train.txt", BTS))
    with pytest.raises(InputError, match=r"an image at .*rgb_00045\.jpg, got no such file"):
        rooms[0]
    tree.image("kitchen_0028b/rgb_00045.jpg")
    tree.grey("kitchen_0028b/sync_depth_00045.png", np.zeros((6, 8), np.uint8))
    with pytest.raises(InputError, match="grey 16-bit PNG with depth in 1/1000 m"):
        rooms[0]
    tree.grey("kitchen_0028b/sync_depth_00045.png", depth16(1)[:5])
    with pytest.raises(InputError, match=r"\(6, 8\), got \(5, 8\)"):
        rooms[0]
    with pytest.raises(InputError, match=r"an image and its depth in each line, got 'lonely.png'"):
        NyuV2(tree.root, tree.text("bad.txt", "lonely.png\n"))
