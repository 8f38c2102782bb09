"""The camera through augmentation, and depth without its focal length."""

from dataclasses import replace

import numpy as np
import pytest

from leadline.data.mono.augment import MonoAugmentation, augment_mono
from leadline.data.mono.stream import to_canonical_tensors
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.samples import DepthSample

STILL = MonoAugmentation(
    crop=(48, 64),
    scale=(1.0, 1.0),
    log2_stretch=0.0,
    flip=0.0,
    tone=0.0,
    grey=0.0,
    saturation=0.0,
    blur=0.0,
    noise=0.0,
    jpeg=0.0,
)
CAMERA = Pinhole(80.0, 90.0, 30.0, 20.0, 48, 64)


def plane() -> DepthSample:
    """Red tells the column, green the row; every pixel is 6 m away."""
    rows, columns = np.mgrid[:48, :64]
    image = np.stack([columns, rows, np.zeros_like(rows)], axis=-1).astype(np.uint8)
    return DepthSample("plane", image, DepthMap(np.full((48, 64), 6.0, np.float32), rows >= 4, "metric"), CAMERA)


def test_relative_focal_is_1_at_60_degrees_and_unchanged_by_a_resize():
    # tan(30 degrees) = (w / 2) / f and f = sqrt(w h): w / h = 4 tan^2(30 degrees) = 4 / 3.
    wide = Pinhole(320.0 / np.tan(np.radians(30.0)), 320.0 / np.tan(np.radians(30.0)), 319.5, 239.5, 480, 640)
    assert wide.relative_focal == pytest.approx(1.0)
    assert CAMERA.relative_focal == pytest.approx(np.sqrt(80.0 * 90.0 / (48 * 64)))
    assert CAMERA.scaled(96, 32).relative_focal == pytest.approx(CAMERA.relative_focal)


def test_the_camera_sees_what_is_left_of_the_image():
    options = replace(STILL, scale=(0.5, 0.8), log2_stretch=0.3, crop=(96, 160), flip=0.5)
    mirrored = 0
    for seed in range(6):
        sample = augment_mono(plane(), options, np.random.default_rng(seed))
        camera, image = sample.camera, sample.image.astype(float)
        assert (camera.height, camera.width) == (96, 160)
        # A ray through the middle of the crop goes through the same point of the scene as before.
        column, row = image[40:56, 70:90, 0].mean(), image[40:56, 70:90, 1].mean()
        before = (column - CAMERA.center_x_px) / CAMERA.focal_x_px, (row - CAMERA.center_y_px) / CAMERA.focal_y_px
        after = (79.5 - camera.center_x_px) / camera.focal_x_px, (47.5 - camera.center_y_px) / camera.focal_y_px
        falls = bool(image[50, 140, 0] < image[50, 20, 0])
        mirrored += falls
        assert after == pytest.approx((-before[0] if falls else before[0], before[1]), abs=0.01)
    assert 0 < mirrored < 6


def test_canonical_depth_is_metres_over_the_relative_focal_length():
    tensors = to_canonical_tensors(plane())
    assert tensors["canonical_depth"][10, 10].item() == pytest.approx(6.0 / CAMERA.relative_focal)
    assert (tensors["canonical_depth"][:4] == 1.0).all()
    # A crop of half the sides looks as a camera with twice the focal length does: as if it were half as far.
    half = to_canonical_tensors(augment_mono(plane(), replace(STILL, scale=(0.5, 0.5)), np.random.default_rng(0)))
    known = half["valid"]
    assert half["canonical_depth"][known].unique().item() == pytest.approx(3.0 / CAMERA.relative_focal, rel=1e-5)


def test_metres_need_a_camera():
    with pytest.raises(InputError, match="samples with a camera for metric depth, got none of plane"):
        to_canonical_tensors(replace(plane(), camera=None))
