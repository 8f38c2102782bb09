import numpy as np
import pytest

from leadline.classical import MATCHERS, ClassicalStereo
from leadline.errors import InputError


def shifted_pair(disparity, height=48, width=120, channels=3):
    """A textured plane that faces the cameras: every pixel has the same disparity."""
    texture = np.random.default_rng(3).integers(0, 256, (height, width + disparity, channels), dtype=np.uint8)
    return texture[:, :width], texture[:, disparity:]


@pytest.mark.parametrize("name", MATCHERS)
@pytest.mark.parametrize("max_disparity", [20, 31, 32])
def test_shift_by_7_px_gives_disparity_7(name, max_disparity):
    found = ClassicalStereo(name, max_disparity)(*shifted_pair(7))
    assert np.median(found.disparity) == 7
    assert np.abs(found.disparity - 7).mean() < 0.1
    assert found.valid[:, 8:].mean() > 0.9
    # The first 7 columns are outside of the right image: filled, but not vouched for.
    assert found.valid[:, :7].mean() < 0.05
    assert found.confidence is None


@pytest.mark.parametrize("name", MATCHERS)
@pytest.mark.parametrize(("disparity", "max_disparity"), [(20, 20), (16, 16), (31, 31)])
def test_the_largest_disparity_itself_is_found(name, disparity, max_disparity):
    found = ClassicalStereo(name, max_disparity)(*shifted_pair(disparity))
    assert np.median(found.disparity) == disparity


@pytest.mark.parametrize("name", MATCHERS)
def test_occluded_background_is_filled_with_the_background(name):
    rng = np.random.default_rng(4)
    left = rng.integers(0, 256, (60, 160), dtype=np.uint8)
    right = np.roll(left, -4, axis=1)
    right[15:45, 80 - 20 : 120 - 20] = left[15:45, 80:120]
    found = ClassicalStereo(name, 31)(left, right)
    # The square, 20 px near, hides the 16 px of the background (4 px) to its left.
    assert np.median(found.disparity[20:40, 85:115]) == 20
    occluded = found.disparity[20:40, 66:78]
    assert np.median(occluded) == pytest.approx(4, abs=0.2)
    assert found.valid[20:40, 66:78].mean() < 0.5


@pytest.mark.parametrize("name", MATCHERS)
@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (3, 5), (17, 18)])
def test_tiny_images_and_a_range_wider_than_the_image(name, size):
    image = np.random.default_rng(5).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = ClassicalStereo(name, 2047)(image, image)
    assert found.disparity.shape == size
    assert np.isfinite(found.disparity).all()


@pytest.mark.parametrize("name", MATCHERS)
def test_grey_and_rgb_may_be_mixed(name):
    left, right = shifted_pair(7, channels=1)
    left_rgb = np.repeat(left, 3, axis=2)
    mixed, grey = (
        ClassicalStereo(name, 31)(left_rgb, right[..., 0]),
        ClassicalStereo(name, 31)(left[..., 0], right[..., 0]),
    )
    np.testing.assert_array_equal(mixed.disparity, grey.disparity)


def test_inputs_are_left_as_they_were():
    left, right = shifted_pair(7)
    before = left.copy(), right.copy()
    ClassicalStereo("sgbm", 31)(left, right)
    np.testing.assert_array_equal(left, before[0])
    np.testing.assert_array_equal(right, before[1])


def test_images_without_texture_stay_dense_and_finite():
    flat = np.zeros((40, 60, 3), np.uint8)
    found = ClassicalStereo("bm", 31)(flat, flat)
    assert not found.valid.any()
    np.testing.assert_array_equal(found.disparity, 0)


def test_unknown_name_is_refused():
    with pytest.raises(InputError, match="one of bm, sgbm, sgbm-3way, sgbm-hh"):
        ClassicalStereo("census")


@pytest.mark.parametrize("max_disparity", [0, -16, 2048])
def test_impossible_range_is_refused(max_disparity):
    with pytest.raises(InputError, match="1 to 2047"):
        ClassicalStereo("sgbm", max_disparity)


def test_different_sizes_are_refused():
    with pytest.raises(InputError, match="one size"):
        ClassicalStereo("sgbm")(np.zeros((4, 5, 3), np.uint8), np.zeros((4, 6, 3), np.uint8))


def test_empty_images_are_refused():
    with pytest.raises(InputError, match="at least one pixel"):
        ClassicalStereo("sgbm")(np.zeros((0, 5, 3), np.uint8), np.zeros((0, 5, 3), np.uint8))


# All pixels with truth, dense rule. The bars leave a little room for other versions of OpenCV.
@pytest.mark.parametrize(
    ("name", "bad2", "epe"), [("bm", 0.09, 1.5), ("sgbm-3way", 0.07, 1.25), ("sgbm-hh", 0.07, 1.25)]
)
def test_is_a_strong_baseline_on_motorcycle(motorcycle, name, bad2, epe):
    left, right, truth = motorcycle
    found = ClassicalStereo(name, 95)(left, right)
    known = np.isfinite(truth)
    error = np.abs(found.disparity - truth)[known]
    assert (error > 2).mean() < bad2
    assert error.mean() < epe
    # What it stands by is better than what it fills in.
    stands_by = found.valid[known]
    assert (error[stands_by] > 2).mean() < 0.6 * (error > 2).mean()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((40, 60), np.float32),
        np.zeros((40, 60, 3), np.float64),
        np.zeros((40, 60), np.uint16),
        np.zeros((40, 60), np.int8),
        np.zeros((40, 60), bool),
        np.zeros((40, 60, 4), np.uint8),
        np.zeros((40, 60, 1), np.uint8),
        np.zeros((2, 40, 60, 3), np.uint8),
        np.zeros(40, np.uint8),
    ],
)
@pytest.mark.parametrize("name", ["bm", "sgbm"])
def test_other_images_are_refused_in_one_line(image, name):
    fine = np.zeros((40, 60), np.uint8)
    for pair in ((image, fine), (fine, image)):
        with pytest.raises(InputError, match=r"expected (an )?8-bit"):
            ClassicalStereo(name)(*pair)
