import numpy as np
import pytest

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.protocols.stereo.perturbed import PERTURBATIONS, perturb
from leadline.samples import StereoSample

RIGHT_ONLY = (
    "exposure-0.5",
    "exposure-2",
    "gamma-1.5",
    "vertical-1px",
    "vertical-2px",
    "rotation-0.2deg",
    "blur-1px",
)


def scene(right: np.ndarray, name: str = "s") -> StereoSample:
    shape = right.shape[:2]
    truth = DisparityMap(np.full(shape, 5, dtype=np.float32), np.ones(shape, dtype=bool))
    left = np.random.default_rng(1).integers(0, 256, right.shape, dtype=np.uint8)
    return StereoSample(name, left, right, truth, np.zeros(shape, dtype=bool))


def textured(height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def levels(*values: int) -> np.ndarray:
    """An image of one row with these grey levels."""
    return np.repeat(np.array([values], dtype=np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_truth_and_name_stay_and_the_images_change(name: str) -> None:
    before = scene(textured())
    after = perturb(before, name)
    assert after.truth is before.truth
    assert after.occluded is before.occluded
    assert after.key == before.key
    assert not np.array_equal(after.right, before.right)
    assert np.array_equal(after.left, before.left) == (name in RIGHT_ONLY)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_same_at_every_call(name: str) -> None:
    first, second = (perturb(scene(textured()), name) for _ in range(2))
    np.testing.assert_array_equal(first.left, second.left)
    np.testing.assert_array_equal(first.right, second.right)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("exposure-0.5", (0, 20, 50, 100)),
        ("exposure-2", (0, 80, 200, 255)),  # 400 is cut at white
        ("gamma-1.5", (0, 16, 63, 177)),  # 255 (40 / 255)^1.5 = 15.8, likewise 62.6 and 177.1
    ],
)
def test_exposure_of_known_levels(name: str, expected: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(perturb(scene(levels(0, 40, 100, 200)), name).right, levels(*expected))


@pytest.mark.parametrize("offset", [1, 2])
def test_vertical_offset_moves_rows_down_and_repeats_the_first(offset: int) -> None:
    right = textured()
    after = perturb(scene(right), f"vertical-{offset}px").right
    np.testing.assert_array_equal(after[offset:], right[:-offset])
    np.testing.assert_array_equal(after[:offset], np.repeat(right[:1], offset, axis=0))


def test_rotation_keeps_the_centre_and_lifts_the_right_edge() -> None:
    # Bright below row 50; 250 px right of the centre 0.2 degrees are 0.87 px, left of it as much the other way.
    right = np.zeros((101, 501, 3), dtype=np.uint8)
    right[51:] = 200
    right[50] = 100
    after = perturb(scene(right), "rotation-0.2deg").right.astype(float)
    np.testing.assert_array_equal(after[50, 250], right[50, 250])
    edge_rows = 101 - (after[..., 0] / 200).sum(axis=0)  # the height of the edge, to a fraction of a row
    assert edge_rows[0] - edge_rows[250] == pytest.approx(250 * np.tan(np.radians(0.2)), abs=0.1)
    assert edge_rows[500] - edge_rows[250] == pytest.approx(-250 * np.tan(np.radians(0.2)), abs=0.1)


def test_noise_has_its_strength_and_differs_between_views_and_scenes() -> None:
    grey = np.full((100, 100, 3), 128, dtype=np.uint8)
    before = StereoSample("a", grey, grey)
    after = perturb(before, "noise-8")
    added = [view.astype(float) - 128 for view in (after.left, after.right)]
    for noise in added:
        assert noise.mean() == pytest.approx(0.0, abs=0.25)  # 5 standard errors
        assert noise.std() == pytest.approx(8.0, abs=0.2)
    assert abs(np.corrcoef(added[0].ravel(), added[1].ravel())[0, 1]) < 0.03
    assert not np.array_equal(after.left, perturb(StereoSample("b", grey, grey), "noise-8").left)


def test_blur_spreads_a_point_as_a_gaussian_of_one_pixel() -> None:
    right = np.zeros((21, 21, 3), dtype=np.uint8)
    right[10, 10] = 255
    after = perturb(scene(right), "blur-1px").right
    # 255 / (2 pi) = 40.6 at the centre, times exp(-1/2) one pixel beside it.
    assert after[10, 10, 0] == pytest.approx(40.6, abs=1.0)
    assert after[10, 11, 0] == pytest.approx(40.6 * np.exp(-0.5), abs=1.0)


def test_jpeg_keeps_the_colours_in_their_order() -> None:
    red = np.zeros((32, 32, 3), dtype=np.uint8)
    red[..., 0] = 200
    after = perturb(scene(red), "jpeg-40").right
    assert np.abs(after.astype(int) - red).max() < 12
    assert not np.array_equal(perturb(scene(textured()), "jpeg-40").right, textured())


def test_grey_has_the_luminance_in_all_channels() -> None:
    green = np.zeros((4, 4, 3), dtype=np.uint8)
    green[..., 1] = 100
    after = perturb(scene(green), "grey")
    np.testing.assert_array_equal(after.right, np.full((4, 4, 3), 59))  # 0.587 of it
    assert (np.ptp(after.left, axis=2) == 0).all()


def test_an_unknown_perturbation_is_refused() -> None:
    with pytest.raises(InputError, match=r"out of exposure-0\.5.*got 'fog'"):
        perturb(scene(textured()), "fog")
