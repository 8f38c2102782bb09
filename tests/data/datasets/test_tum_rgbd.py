import numpy as np
import pytest

from leadline.data.datasets.tum_rgbd import TumRgbd, associate
from leadline.errors import InputError


def test_the_closest_moments_are_paired_first():
    # 1.00 is nearest to 1.01, although 0.99 comes first and is as free; 2.00 finds nothing near.
    pairs = associate(np.array([0.99, 1.00, 2.00]), np.array([0.975, 1.005, 2.5]), 0.02)
    assert pairs == [(0, 0), (1, 1)]
    assert associate(np.array([1.0, 1.004]), np.array([1.005]), 0.02) == [(1, 0)]
    assert associate(np.array([1.0]), np.array([1.5]), 0.5) == []  # closer than, not as close as
    assert associate(np.array([1.0]), np.array([1.5]), 0.51) == [(0, 0)]


def test_a_sequence(tree, depth16):
    tree.text(
        "fr1/rgb.txt", "# color images\n# timestamp filename\n2.0 rgb/2.0.png\n1.0 rgb/1.0.png\n3.0 rgb/3.0.png\n"
    )
    tree.text("fr1/depth.txt", "# depth maps\n1.01 depth/1.01.png\n2.015 depth/2.015.png\n3.5 depth/3.5.png\n")
    images = [tree.image(f"fr1/rgb/{name}.png", seed) for seed, name in enumerate(("1.0", "2.0"))]
    tree.grey("fr1/depth/1.01.png", depth16(5000, 0, 2500))
    tree.grey("fr1/depth/2.015.png", depth16(65535))
    frames = TumRgbd(tree.root / "fr1")
    assert [frames.key(index) for index in range(len(frames))] == ["fr1/rgb/1.0", "fr1/rgb/2.0"]
    first, second = frames[0], frames[1]
    assert np.array_equal(first.image, images[0])
    assert first.depth[0, :3].tolist() == [1.0, 0.0, 0.5]
    assert first.valid[0, :3].tolist() == [True, False, True]
    assert (first.annotation, first.key, first.camera) == ("metric", "fr1/rgb/1.0", None)
    assert np.array_equal(second.image, images[1])
    assert second.depth[0, 0] == pytest.approx(13.107)


def test_the_default_camera_belongs_to_whole_images(tree):
    tree.text("rgb.txt", "1.0 a.png")
    tree.text("depth.txt", "1.0 b.png")
    tree.image("a.png", size=(480, 640))
    tree.grey("b.png", np.full((480, 640), 5000, np.uint16))
    camera = TumRgbd(tree.root)[0].camera
    assert camera is not None
    assert (camera.focal_x_px, camera.center_x_px, camera.center_y_px) == (525.0, 319.5, 239.5)


def test_what_does_not_fit_is_refused(tree, depth16):
    tree.text("rgb.txt", "1.0 a.png")
    with pytest.raises(InputError, match=r"a list of times and files at .*depth.txt, got no such file"):
        TumRgbd(tree.root)
    tree.text("depth.txt", "1.1 b.png")
    with pytest.raises(InputError, match=r"within 0.02 s of each other"):
        TumRgbd(tree.root)
    for line in ("soon b.png", "1.0", "nan b.png"):
        tree.text("depth.txt", line)
        with pytest.raises(InputError, match="a time in seconds and a file in each line"):
            TumRgbd(tree.root)
    tree.text("depth.txt", "1.0 b.png")
    tree.image("a.png")
    with pytest.raises(InputError, match=r"depth in 1/5000 m at .*b\.png, got no such file"):
        TumRgbd(tree.root)[0]
    tree.grey("b.png", depth16(1)[:, :4])
    with pytest.raises(InputError, match=r"\(6, 8\), got \(6, 4\)"):
        TumRgbd(tree.root)[0]
