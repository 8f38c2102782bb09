import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from leadline.errors import InputError
from leadline.metrics.uncertainty import (
    ReliabilityBin,
    expected_calibration_error,
    reliability,
    roc_auc,
    sparsification,
    sparsification_rms,
)


def mask(n: int) -> np.ndarray:
    return np.ones(n, dtype=bool)


def poggi_areas(error: np.ndarray, confidence: np.ndarray) -> tuple[float, float]:
    """AUSE and AURG by loops, for distinct confidences and errors."""

    def curve(order: np.ndarray) -> np.ndarray:
        n = len(error)
        return np.array([np.mean(error[order[: round(n * (1 - step / 50))]]) for step in range(50)] + [0.0])

    x = np.linspace(0, 1, 51)
    by_confidence, oracle = curve(np.argsort(-confidence)), curve(np.argsort(error))

    def area(y: np.ndarray) -> float:
        return float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)))

    return area(by_confidence) - area(oracle), float(error.mean()) - area(by_confidence)


def test_sparsification_equals_a_loop() -> None:
    rng = np.random.default_rng(1)
    error = rng.exponential(size=500)
    confidence = -error + rng.normal(size=500)
    got = sparsification(error, confidence, mask(500))
    assert (got.ause, got.aurg) == pytest.approx(poggi_areas(error, confidence), rel=1e-12)
    assert got.ause > 0
    assert got.aurg > 0


def test_sparsification_of_the_rms_equals_a_loop() -> None:
    rng = np.random.default_rng(4)
    error = rng.exponential(size=500)
    confidence = -error + rng.normal(size=500)
    x = np.linspace(0, 1, 51)

    def area(order: np.ndarray) -> float:
        y = np.array([np.sqrt(np.mean(error[order[: round(500 * (1 - k / 50))]] ** 2)) for k in range(50)] + [0.0])
        return float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)))

    by_confidence, oracle = area(np.argsort(-confidence)), area(np.argsort(error))
    got = sparsification_rms(error, confidence, mask(500))
    expected = (by_confidence - oracle, np.sqrt(np.mean(error**2)) - by_confidence)
    assert (got.ause, got.aurg) == pytest.approx(expected, rel=1e-12)
    assert sparsification(error, confidence, mask(500)).ause != pytest.approx(got.ause, rel=1e-3)


def test_rms_of_one_large_error_among_four() -> None:
    # Errors 4, 0, 0, 0 and no knowledge: the curve stays at 2 and falls to 0 over the last 2 %.
    error = np.array([4.0, 0.0, 0.0, 0.0])
    assert sparsification_rms(error, np.full(4, 0.3), mask(4)).aurg == pytest.approx(0.01 * 2)
    assert sparsification_rms(error, -error, mask(4)).ause == pytest.approx(0.0, abs=1e-15)


def test_perfect_confidence_has_no_ause() -> None:
    error = np.array([3.0, 0.0, 1.0, 2.0])
    assert sparsification(error, np.exp(-error), mask(4)).ause == pytest.approx(0.0, abs=1e-15)


def test_constant_confidence_gains_only_the_last_step() -> None:
    # The curve stays at the mean and falls to 0 over the last 2 %: an area of 0.99 of the mean, in any pixel order.
    error = np.array([4.0, 0.0, 0.0, 0.0])
    for permuted in (error, error[::-1]):
        assert sparsification(permuted.copy(), np.full(4, 0.3), mask(4)).aurg == pytest.approx(0.01)


def test_inverted_confidence_is_worse_than_chance() -> None:
    error = np.linspace(0, 1, 100)
    assert sparsification(error, error, mask(100)).aurg < 0


def test_roc_auc_of_four_pixels() -> None:
    # Pairs (inlier, outlier): (.9, .5) right, (.9, .9) tie, (.2, .5) wrong, (.2, .9) wrong: 1.5 of 4.
    confidence = np.array([0.9, 0.2, 0.5, 0.9])
    outlier = np.array([False, False, True, True])
    assert roc_auc(outlier, confidence, mask(4)) == pytest.approx(1.5 / 4)


def test_roc_auc_equals_scipy() -> None:
    rng = np.random.default_rng(2)
    outlier = rng.random(300) < 0.2
    confidence = np.round(rng.random(300) - 0.3 * outlier, 1)
    statistic = mannwhitneyu(confidence[~outlier], confidence[outlier]).statistic
    expected = statistic / (outlier.sum() * (~outlier).sum())
    assert roc_auc(outlier, confidence, mask(300)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("value", [True, False])
def test_roc_auc_needs_both_kinds(value: bool) -> None:
    with pytest.raises(InputError, match="both outliers and inliers"):
        roc_auc(np.full(3, value), np.array([0.1, 0.2, 0.3]), mask(3))


def test_reliability_of_four_pixels() -> None:
    error = np.array([0.5, 1.0, 0.1, np.inf])
    confidence = np.array([0.95, 1.0, 0.15, 0.05])
    bins = reliability(error, confidence, mask(4))
    assert [b.count for b in bins] == [1, 1, 2]
    assert bins[0] == ReliabilityBin(lower=0.0, upper=0.1, count=1, confidence=0.05, correct=0.0)
    # An error of exactly 1 px is not below 1 px, so one of the two confident ones is right.
    assert (bins[2].confidence, bins[2].correct) == pytest.approx((0.975, 0.5))
    assert expected_calibration_error(bins) == pytest.approx((0.05 + 0.85 + 2 * 0.475) / 4)


def test_calibrated_confidence_has_little_ece() -> None:
    rng = np.random.default_rng(3)
    confidence = rng.random(200_000)
    error = np.where(rng.random(200_000) < confidence, 0.0, 5.0)
    assert expected_calibration_error(reliability(error, confidence, mask(200_000))) < 0.01


def test_confidence_must_be_a_probability() -> None:
    with pytest.raises(InputError, match="probability"):
        reliability(np.zeros(2), np.array([0.5, 1.5]), mask(2))


def test_nan_error_has_no_reliability() -> None:
    with pytest.raises(InputError, match="NaN"):
        reliability(np.array([0.0, np.nan]), np.array([0.5, 0.5]), mask(2))


def test_no_bins_no_ece() -> None:
    with pytest.raises(InputError, match="at least one"):
        expected_calibration_error(())
