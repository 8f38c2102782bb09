"""Predictions of another unit or order are told of beside their scores."""

import numpy as np
import pytest

from leadline.protocols.plausible import FlowWatch, ScaleWatch

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


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda flow: flow, None),
        (lambda flow: 1.3 * flow, None),
        (lambda flow: flow[..., ::-1], "x and y exchanged"),
        (lambda flow: -flow, "from the second frame back"),
        (lambda flow: flow * (1, -1), "y points up"),
        (lambda flow: flow / (20, 15), "shares of half the width and height"),
        (lambda flow: flow / (40, 30), "shares of the width and height"),
        (lambda flow: 64 * flow, "divided by 64"),
        (lambda flow: flow / 20, "times 20"),
        (lambda flow: flow / 2, None),  # half a flow may be a poor method's
        (lambda flow: 0 * flow, None),
    ],
)
def test_flows_that_mean_something_else_are_told_of(read, words):
    truth = np.random.default_rng(0).normal((5.0, -2.0), 1.0, (30, 40, 2))
    watch = FlowWatch()
    watch.add("mine", read(truth), truth, np.ones((30, 40), bool))
    if words is None:
        assert watch.doubts() == () or "times 2" in watch.doubts()[0]
    else:
        assert len(watch.doubts()) == 1
        assert words in watch.doubts()[0]


def test_a_flow_of_another_method_is_no_other_reading():
    rng = np.random.default_rng(0)
    truth = rng.normal((5.0, -2.0), 1.0, (30, 40, 2))
    watch = FlowWatch()
    watch.add("noisy", truth + rng.normal(0, 4.0, truth.shape), truth, np.ones((30, 40), bool))
    watch.add("few", truth, truth, np.zeros((30, 40), bool))
    assert watch.doubts() == ()
