import struct

import numpy as np
import pytest

from leadline.data.datasets.sintel_depth import SintelDepth
from leadline.errors import InputError

TAG = struct.pack("<f", 202021.25)
CAMERA = TAG + np.array([[1120.0, 0, 3.5], [0, 1120.0, 2.5], [0, 0, 1]]).tobytes() + np.eye(3, 4).tobytes()


def write(tree, name: str, depth: np.ndarray) -> None:
    height, width = depth.shape
    tree.data(f"training/depth/{name}.dpt", TAG + struct.pack("<ii", width, height) + depth.astype("<f4").tobytes())
    tree.data(f"training/camdata_left/{name}.cam", CAMERA)


def test_frames_of_either_pass(tree):
    depth = np.full((6, 8), 7.25)
    depth[0, :3] = 1e10, np.inf, 0.0
    for seed, name in enumerate(("bamboo_1/frame_0001", "alley_1/frame_0002")):
        write(tree, name, depth + seed)
        tree.image(f"training/final/{name}.png", seed)
        tree.image(f"training/clean/{name}.png", 5 + seed)
    frames = SintelDepth(tree.root)
    assert [frames.key(index) for index in range(len(frames))] == ["alley_1/frame_0002", "bamboo_1/frame_0001"]
    sample = frames[1]
    assert np.array_equal(sample.image, tree.image("unused.png", 0))
    assert np.array_equal(SintelDepth(tree.root, "clean")[1].image, tree.image("unused.png", 5))
    assert sample.depth[0, :4].tolist() == [np.float32(1e10), 0.0, 0.0, 7.25]
    assert sample.valid[0, :4].tolist() == [True, False, False, True]
    assert sample.annotation == "metric"
    assert sample.camera is not None
    assert (sample.camera.focal_x_px, sample.camera.center_x_px, sample.camera.height) == (1120.0, 3.5, 6)


def test_what_does_not_fit_is_refused(tree):
    write(tree, "alley_1/frame_0001", np.ones((5, 8)))
    frames = SintelDepth(tree.root)
    with pytest.raises(InputError, match=r"an image at .*final.*, got no such file"):
        frames[0]
    tree.image("training/final/alley_1/frame_0001.png")
    with pytest.raises(InputError, match=r"\(6, 8\), got \(5, 8\)"):
        frames[0]
    write(tree, "alley_1/frame_0001", np.ones((6, 8)))
    tree.data("training/camdata_left/alley_1/frame_0001.cam", CAMERA[:-1])
    with pytest.raises(InputError, match=r"a .cam file of 172 bytes"):
        frames[0]
    tree.data("training/depth/alley_1/frame_0001.dpt", b"PIEX" + bytes(20))
    with pytest.raises(InputError, match=r"begins with the tag 202021.25"):
        frames[0]
