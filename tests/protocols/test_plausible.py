"""Predictions of another unit or order are told of beside their scores."""

import numpy as np
import pytest

from leadline.protocols.plausible import ScaleWatch

TRUTH = np.linspace(5.0, 60.0, 400, dtype=np.float32).reshape(20, 20)
EVERYWHERE = np.ones(TRUTH.shape, bool)


def doubts(predicted, known=EVERYWHERE, scaled=True):
    watch = ScaleWatch("disparity in pixels")
    for _ in range(3):
        watch.add("mine", predicted.astype(np.float32), TRUTH, known, scaled)
    return watch.doubts()


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_scores_alone_tell_of_bad_predictions(factor):
    assert doubts(factor * TRUTH) == ()
    assert doubts(TRUTH + 30.0 * np.sin(TRUTH)) == ()


@pytest.mark.parametrize(("factor", "words"), [(16.0, "16 times"), (256.0, "256 times"), (0.2, "0.2 times")])
def test_another_unit(factor, words):
    (line,) = doubts(factor * TRUTH)
    assert words in line
    assert doubts(factor * TRUTH, scaled=False) == ()


def test_depth_for_disparity():
    (line,) = doubts(60.0 / TRUTH)
    assert "near and far are confused" in line


def test_too_little_to_tell():
    assert doubts(16.0 * TRUTH, np.arange(400).reshape(20, 20) < 10) == ()
    assert doubts(np.full(TRUTH.shape, 30.0)) == ()  # one distance has no order
