import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from leadline.errors import InputError
from leadline.maps import DisparityMap
from leadline.protocols.stereo.scored import ScoredPixels, interpolate_background, score_pixels
from leadline.samples import StereoSample


def disparity_map(values: list[float], valid: list[bool] | None = None) -> DisparityMap:
    row = np.array([values], dtype=np.float32)
    return DisparityMap(row, np.ones(row.shape, dtype=bool) if valid is None else np.array([valid]))


def scene(truth: DisparityMap | None, seen_by_both: list[bool] | None = None, width: int = 4) -> StereoSample:
    image = np.zeros((1, width, 3), dtype=np.uint8)
    return StereoSample("s", image, image, truth, None if seen_by_both is None else ~np.array([seen_by_both]))


def devkit_loop(disparity: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The development kit's procedure pixel by pixel; -1 where it leaves a pixel invalid."""
    d = np.where(valid & (disparity >= 0), disparity, -1.0)
    height, width = d.shape
    for v in range(height):
        count = 0
        for u in range(width):
            if d[v, u] < 0:
                count += 1
                continue
            if 0 < count < u:
                d[v, u - count : u] = min(d[v, u - count - 1], d[v, u])
            count = 0
        known = [u for u in range(width) if d[v, u] >= 0]
        if known:
            d[v, : known[0]] = d[v, known[0]]
            d[v, known[-1] + 1 :] = d[v, known[-1]]
    for u in range(width):
        known = [v for v in range(height) if d[v, u] >= 0]
        if known:
            d[: known[0], u] = d[known[0], u]
            d[known[-1] + 1 :, u] = d[known[-1], u]
    return d


@given(
    npst.arrays(np.float32, (5, 6), elements=st.integers(-2, 9).map(float)),
    npst.arrays(np.bool_, (5, 6), elements=st.sampled_from([False, False, False, True])),
)
def test_interpolation_equals_the_devkit_loop(disparity: np.ndarray, valid: np.ndarray) -> None:
    filled, filled_valid = interpolate_background(disparity, valid)
    np.testing.assert_array_equal(np.where(filled_valid, filled, -1.0), devkit_loop(disparity, valid))


def test_gap_takes_the_background() -> None:
    filled, valid = interpolate_background(
        np.array([[0, 9, 0, 0, 4, 0]], dtype=np.float32), np.array([[False, True, False, False, True, False]])
    )
    np.testing.assert_array_equal(filled, [[9, 9, 4, 4, 4, 4]])
    assert valid.all()


def test_dense_rule_makes_missing_predictions_outliers() -> None:
    pixels = score_pixels(
        scene(disparity_map([10, 10, 10, 10], [True, True, True, False])),
        disparity_map([10, 11, 0, 99], [True, True, False, True]),
        "all",
        "dense",
    )
    assert isinstance(pixels, ScoredPixels)
    np.testing.assert_array_equal(pixels.mask, [[True, True, True, False]])
    # A missing prediction has the error of disparity 0, and is an outlier at any threshold.
    np.testing.assert_array_equal(pixels.error[pixels.mask], [0, 1, 10])
    np.testing.assert_array_equal(pixels.outlier_error[pixels.mask], [0, 1, np.inf])
    assert pixels.density == pytest.approx(2 / 3)


def test_invalid_guesses_count_under_the_dense_rule_only() -> None:
    truth = scene(disparity_map([10, 10, 10, 10]))
    guessed = disparity_map([10, 12, np.nan, 10], [True, False, False, True])
    dense = score_pixels(truth, guessed, "all", "dense")
    sparse = score_pixels(truth, guessed, "all", "sparse")
    assert isinstance(dense, ScoredPixels)
    assert isinstance(sparse, ScoredPixels)
    np.testing.assert_array_equal(dense.outlier_error, [[0, 2, np.inf, 0]])
    assert np.isfinite(dense.error).all()
    assert (dense.density, sparse.density) == (0.75, 0.5)
    interpolated = score_pixels(truth, guessed, "all", "background-interpolated")
    assert isinstance(interpolated, ScoredPixels)
    # The guess stays, and the gap takes the smaller of its two ends: 10, not 12.
    np.testing.assert_array_equal(interpolated.outlier_error, [[0, 2, 0, 0]])


def test_sparse_rule_scores_predicted_pixels_only() -> None:
    pixels = score_pixels(
        scene(disparity_map([10, 10, 10, 10], [True, True, True, False])),
        disparity_map([10, 11, 0, 99], [True, True, False, True]),
        "all",
        "sparse",
    )
    assert isinstance(pixels, ScoredPixels)
    np.testing.assert_array_equal(pixels.outlier_error[pixels.mask], [0, 1])
    assert pixels.density == pytest.approx(2 / 3)


def test_interpolated_rule_fills_before_scoring() -> None:
    pixels = score_pixels(
        scene(disparity_map([8, 8, 8, 8])),
        disparity_map([8, 0, 5, 8], [True, False, True, True]),
        "all",
        "background-interpolated",
    )
    assert isinstance(pixels, ScoredPixels)
    np.testing.assert_array_equal(pixels.outlier_error, [[0, 3, 3, 0]])
    assert pixels.density == 0.75


def test_nothing_predicted_is_all_outliers_after_interpolation() -> None:
    pixels = score_pixels(
        scene(disparity_map([8, 8, 8, 8])), disparity_map([0] * 4, [False] * 4), "all", "background-interpolated"
    )
    assert isinstance(pixels, ScoredPixels)
    assert np.isinf(pixels.outlier_error).all()


def test_noc_mask_drops_occluded_pixels() -> None:
    pixels = score_pixels(
        scene(disparity_map([8, 8, 8, 8], [True, True, False, True]), [True, False, True, True]),
        disparity_map([8, 0, 0, 9]),
        "noc",
        "dense",
    )
    assert isinstance(pixels, ScoredPixels)
    np.testing.assert_array_equal(pixels.mask, [[True, False, False, True]])


def test_reasons_to_leave_a_scene_out() -> None:
    prediction = disparity_map([1, 2, 3, 4])
    assert score_pixels(scene(None), prediction, "all", "dense") == "no truth"
    unknown = disparity_map([0] * 4, [False] * 4)
    assert score_pixels(scene(unknown), prediction, "all", "dense") == "no pixel with truth"
    assert score_pixels(scene(prediction), prediction, "noc", "dense") == "no occlusion mask"
    assert score_pixels(scene(prediction), unknown, "all", "sparse") == "nothing predicted where truth is known"


def test_prediction_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="resize it and scale its values"):
        score_pixels(scene(None), disparity_map([1, 2, 3]), "all", "dense")
