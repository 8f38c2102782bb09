"""Augmentation keeps x_right = x_left - d, and depends on nothing but its generator."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from leadline.data.stereo.augment import StereoAugmentation, augment_stereo, mirror
from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.samples import StereoSample

GEOMETRY_ONLY = StereoAugmentation(crop=(48, 80), flip_rows=0.5, photometric=0.0, asymmetric=0.0, erase=0.0)


def smooth_pair(shift: int = 6) -> StereoSample:
    """A smooth texture on a plane: left pixel x lies at x - shift in the right image."""
    height, width = 96, 160
    texture = np.random.default_rng(0).integers(0, 256, (height, width + shift, 3), dtype=np.uint8)
    texture = np.asarray(cv2.GaussianBlur(texture, (0, 0), 3.0))
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
    left, right = texture[:, :width], texture[:, shift:]
    disparity = np.full((height, width), float(shift), np.float32)
    truth = DisparityMap(disparity, np.ones((height, width), bool))
    hidden = np.zeros((height, width), bool)
    hidden[:, :shift] = True
    return StereoSample("s", left, right, truth, hidden, truth, hidden[:, ::-1])


def layers(sample: StereoSample) -> list[np.ndarray | None]:
    maps = [
        (None, None) if known is None else (known.disparity, known.valid)
        for known in (sample.truth, sample.right_truth)
    ]
    return [sample.left, sample.right, *maps[0], sample.occluded, *maps[1], sample.right_occluded]


def require_alike(found: StereoSample, expected: StereoSample) -> None:
    assert found.key == expected.key
    for got, wanted in zip(layers(found), layers(expected), strict=True):
        np.testing.assert_array_equal(got, wanted)


def misfit(sample: StereoSample, offset: float = 0.0) -> float:
    """Mean difference of the left image and the right one seen through the disparity."""
    y, x = np.indices(sample.disparity.shape, np.float32)
    shown = cv2.remap(sample.right, x - sample.disparity + np.float32(offset), y, cv2.INTER_LINEAR)
    difference = np.abs(shown.astype(np.float32) - sample.left).mean(-1)
    return float(difference[:, 16:-16].mean())


def test_mirror_keeps_the_relation_and_mirrors_twice_to_itself():
    sample = smooth_pair()
    flipped = mirror(sample)
    np.testing.assert_array_equal(flipped.left, sample.right[:, ::-1])
    assert misfit(flipped) < 0.01 < misfit(flipped, 1.0)
    require_alike(mirror(flipped), sample)


def test_mirror_needs_the_right_truth():
    with pytest.raises(InputError, match="right view's truth"):
        mirror(replace(smooth_pair(), right_truth=None))


def test_crop_and_scale_keep_the_relation():
    for seed in range(8):
        sample = augment_stereo(smooth_pair(), GEOMETRY_ONLY, np.random.default_rng(seed))
        assert sample.left.shape == (48, 80, 3)
        fit = misfit(sample)
        # Half a pixel beside the truth on either side fits worse: the scaled disparity has no bias.
        assert fit < 2.0
        assert fit < min(misfit(sample, 0.5), misfit(sample, -0.5))


def test_disparity_scales_with_the_width_of_the_crop():
    options = replace(GEOMETRY_ONLY, crop=(96, 160), log2_scale=(1.0, 1.0), log2_stretch=0.0, flip_views=0.0)
    sample = augment_stereo(smooth_pair(), options, np.random.default_rng(0))
    np.testing.assert_allclose(sample.disparity, 12.0)


def test_a_small_image_is_enlarged_to_the_crop():
    options = replace(GEOMETRY_ONLY, crop=(192, 320), log2_scale=(-1.0, -1.0), log2_stretch=0.0)
    sample = augment_stereo(smooth_pair(), options, np.random.default_rng(0))
    assert sample.left.shape == (192, 320, 3)
    np.testing.assert_allclose(sample.disparity, 12.0)


def test_the_same_generator_gives_the_same_sample():
    options = StereoAugmentation(crop=(48, 80), photometric=1.0, asymmetric=1.0, erase=1.0)
    first, second, other = (augment_stereo(smooth_pair(), options, np.random.default_rng(s)) for s in (3, 3, 4))
    require_alike(first, second)
    assert not np.array_equal(first.left, other.left)


def test_light_changes_alike_in_both_views():
    options = replace(GEOMETRY_ONLY, photometric=1.0)
    for seed in range(4):
        sample = augment_stereo(smooth_pair(), options, np.random.default_rng(seed))
        assert misfit(sample) < 4.0


def test_erased_patches_are_in_the_right_view_alone():
    options = replace(GEOMETRY_ONLY, crop=(96, 160), log2_scale=(0.0, 0.0), log2_stretch=0.0, flip_views=0.0)
    options = replace(options, flip_rows=0.0, erase=1.0)
    original = smooth_pair()
    sample = augment_stereo(original, options, np.random.default_rng(1))
    np.testing.assert_array_equal(sample.left, original.left)
    assert (sample.right != original.right).any()


def test_blur_is_of_both_views_alike_and_leaves_the_truth():
    sharp = smooth_pair()
    noise = np.random.default_rng(1).integers(0, 256, sharp.left.shape, dtype=np.uint8)
    pair = replace(sharp, left=noise, right=noise)
    options = replace(GEOMETRY_ONLY, flip_views=0.0, log2_scale=(0.0, 0.0), log2_stretch=0.0, flip_rows=0.0)
    plain = augment_stereo(pair, options, np.random.default_rng(3))
    blurred = augment_stereo(pair, replace(options, blur=1.0), np.random.default_rng(3))
    assert np.array_equal(plain.disparity, blurred.disparity)
    assert np.array_equal(blurred.left, blurred.right)
    # A Gaussian of at least 0.6 px leaves at most (4 pi 0.36)^-1/2 of white noise's spread along each axis.
    assert blurred.left.std() < 0.5 * plain.left.std()
    assert blurred.left.mean() == pytest.approx(plain.left.mean(), abs=2.0)
