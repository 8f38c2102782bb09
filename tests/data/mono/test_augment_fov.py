"""The field of view changes by numbers that can be derived by hand; what is not true has no weight."""

import numpy as np
import pytest

from leadline.data.mono.augment_fov import FovAugmentation, augment_fov, nearest_filled, tan_half_fov, through_window
from leadline.data.mono.shards import FARTHEST_M
from leadline.data.mono.stream import fov_stream
from leadline.data.stream import Stream
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.samples import DepthSample


def sample(height: int = 60, width: int = 80) -> DepthSample:
    rows, _ = np.mgrid[:height, :width]
    image = np.full((height, width, 3), 200, np.uint8)
    camera = Pinhole(60.0, 50.0, (width - 1) / 2, (height - 1) / 2, height, width)
    return DepthSample("s", image, DepthMap((1.0 + rows).astype(np.float32), rows >= 6, "metric"), camera)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_window_of_half_the_size_halves_the_tangent():
    whole = through_window(sample(), 1.0, (30, 40), "farthest", rng())
    assert tan_half_fov(whole.camera) == pytest.approx(60 / 2 / 50)
    assert (whole.camera.focal_x_px, whole.camera.focal_y_px) == (30.0, 25.0)
    half = through_window(sample(), 0.5, (30, 40), "farthest", rng())
    assert tan_half_fov(half.camera) == pytest.approx(0.5 * 60 / 2 / 50)
    assert half.camera == Pinhole(60.0, 50.0, 19.5, 14.5, 30, 40)
    # The image's rows 15 .. 44, whose depth stays 16 .. 45 m.
    np.testing.assert_array_equal(half.depth[:, 0], np.arange(16.0, 46.0))
    assert half.valid.all()
    assert half.inside.all()


def test_a_window_of_double_size_doubles_the_tangent_with_noise_around():
    seen = through_window(sample(), 2.0, (60, 80), "nearest", rng())
    assert tan_half_fov(seen.camera) == pytest.approx(2 * 60 / 2 / 50)
    assert seen.camera == Pinhole(30.0, 25.0, 39.5, 29.5, 60, 80)
    inside = np.zeros((60, 80), bool)
    inside[15:45, 20:60] = True
    np.testing.assert_array_equal(seen.inside, inside)
    assert (seen.image[inside] == 200).all()
    around = seen.image[~inside].astype(float)
    assert around.mean() == pytest.approx(127.5, abs=2)
    assert around.std() == pytest.approx(62, abs=4)
    # 6 of 60 rows have no truth: 3 of the 30 that they became, and none of the noise.
    assert seen.valid.sum() == 27 * 40
    assert not seen.valid[~inside].any()


def test_a_wide_image_is_uncropped_where_it_ends_only():
    # Largest 1:1 window: 60 px; the window of 1.5 times is 90 px wide, which the image's 80 columns do not fill.
    seen = through_window(sample(), 1.5, (30, 30), "nearest", rng())
    assert tan_half_fov(seen.camera) == pytest.approx(1.5 * 60 / 2 / 50)
    assert seen.inside.any(axis=1).sum() == 20
    assert seen.inside.any(axis=0).sum() == 27
    assert seen.camera.focal_x_px == pytest.approx(60 * 27 / 80)


def test_sky_is_farthest_and_noise_has_the_depth_beside_it():
    seen = through_window(sample(), 2.0, (60, 80), "farthest", rng())
    assert (seen.depth[:18] == FARTHEST_M).all()  # 15 rows of noise over 3 of sky
    assert (seen.depth[45:] == seen.depth[44, 40]).all()
    near = through_window(sample(), 2.0, (60, 80), "nearest", rng())
    assert (near.depth[:18, 20:60] == near.depth[18, 40]).all()


def test_nearest_depth():
    depth = np.array([[5.0, 0, 0, 0, 0, 9.0]], np.float32)
    known = depth > 0
    np.testing.assert_array_equal(nearest_filled(depth, known), [[5, 5, 5, 9, 9, 9]])
    assert (nearest_filled(depth, np.zeros_like(known)) == FARTHEST_M).all()


def test_the_mirror_moves_the_principal_point():
    seen = sample()
    camera = Pinhole(60.0, 50.0, 30.0, 29.5, 60, 80)
    seen = DepthSample("s", seen.image, DepthMap(seen.depth, seen.valid, "metric"), camera)
    mirrored = augment_fov(seen, FovAugmentation((60, 80), (1.0, 1.0), flip=1.0, tone=0.0), rng())
    assert mirrored.camera.center_x_px == 49.0
    np.testing.assert_array_equal(mirrored.image, seen.image)
    toned = augment_fov(seen, FovAugmentation((60, 80), (1.0, 1.0), flip=0.0, tone=1.0), rng())
    assert toned.camera == camera
    assert (toned.image != seen.image).any()


def test_without_a_camera_there_is_no_field_of_view():
    whole = sample()
    unknown = DepthSample("s7", whole.image, whole.truth)
    with pytest.raises(InputError, match="camera in sample s7, got no camera"):
        augment_fov(unknown, FovAugmentation(), rng())
    relative = DepthSample("s7", whole.image, DepthMap(whole.depth, whole.valid, "affine_inverse"), whole.camera)
    with pytest.raises(InputError, match=r"metric depth .* got affine_inverse"):
        augment_fov(relative, FovAugmentation(), rng())
    with pytest.raises(InputError, match="0 < least <= most"):
        FovAugmentation(window=(1.2, 0.8))


def test_a_sample_is_a_function_of_its_number():
    class Source:
        def __len__(self) -> int:
            return 3

        def key(self, index: int) -> str:
            return "s"

        def __getitem__(self, index: int) -> DepthSample:
            whole = sample()
            return DepthSample("s", whole.image, DepthMap(whole.depth + index, whole.valid, "metric"), whole.camera)

    def stream(start: int) -> Stream:
        return fov_stream(Source(), FovAugmentation((32, 40)), 1, start, 6)

    for name, value in stream(0)[4].items():
        assert (value == stream(4)[0][name]).all()
    assert len(stream(0)) == 6
    assert stream(0)[4]["tan_half_fov"] != stream(0)[3]["tan_half_fov"]
