"""MOTA, IDF1 and HOTA against values that are derived by hand."""

import sys
from math import sqrt

import numpy as np
import pytest

from leadline.errors import InputError, MissingExtraError
from leadline.geometry.boxes import LabelledBox, best_boxes, box_overlaps
from leadline.metrics.tracking import TrackingFrame, frame_of_boxes, score_tracking

A, B, FAR = (0.0, 0.0, 10.0, 20.0), (50.0, 0.0, 60.0, 20.0), (200.0, 0.0, 210.0, 20.0)


def test_perfect_tracks_score_one():
    scores = score_tracking([frame_of_boxes({1: A, 2: B}, {8: A, 9: B})] * 4)
    assert (scores.mota, scores.motp, scores.idf1) == (1.0, 1.0, 1.0)
    assert scores.hota == pytest.approx(1.0)
    assert (scores.truths, scores.misses, scores.false_alarms, scores.switches) == (8, 0, 0, 0)


def test_a_miss_an_alarm_and_a_switch_each_cost_one_box():
    frames = [
        frame_of_boxes({1: A, 2: B}, {8: A, 9: B}),
        frame_of_boxes({1: A, 2: B}, {8: A}),  # a miss
        frame_of_boxes({1: A, 2: B}, {8: A, 9: B, 7: FAR}),  # an alarm
        frame_of_boxes({1: A, 2: B}, {8: A, 6: B}),  # a switch from 9 to 6
    ]
    scores = score_tracking(frames)
    assert (scores.misses, scores.false_alarms, scores.switches) == (1, 1, 1)
    assert scores.mota == 1.0 - 3 / 8
    # Right identities: 1 in four frames, 2 as 9 in two. Boxes: 8 true, 8 found.
    assert scores.idf1 == 2 * 6 / 16


def test_hota_of_an_identity_that_breaks_in_the_middle():
    """DetA 1; each of the 4 boxes has 2 right, 2 of truth elsewhere: AssA 1/2 (Luiten et al., figure 2's principle)."""
    scores = score_tracking([frame_of_boxes({1: A}, {track: A}) for track in (5, 5, 6, 6)])
    assert scores.deta == pytest.approx(1.0)
    assert scores.assa == pytest.approx(0.5)
    assert scores.hota == pytest.approx(sqrt(0.5))


def test_hota_counts_the_levels_that_the_overlap_reaches():
    """An overlap of 1/2 is a pair at 0.05 to 0.50: ten of nineteen levels, whose score is one."""
    scores = score_tracking([frame_of_boxes({1: (0.0, 0.0, 2.0, 2.0)}, {1: (0.0, 0.0, 2.0, 1.0)})])
    assert scores.hota == pytest.approx(10 / 19)
    assert scores.mota == 1.0  # at 0.5


def test_pairs_of_the_frame_before_are_kept():
    """The track that follows keeps its thing though another one overlaps it more."""
    frames = [
        TrackingFrame((1,), (5,), np.array([[0.9]])),
        TrackingFrame((1,), (5, 6), np.array([[0.6, 0.95]])),
    ]
    scores = score_tracking(frames)
    assert (scores.switches, scores.false_alarms) == (0, 1)
    assert scores.motp == pytest.approx((0.9 + 0.6) / 2)


def test_mota_is_negative_where_alarms_are_many():
    scores = score_tracking([frame_of_boxes({1: A}, {3: B, 4: FAR})])
    assert scores.mota == -2.0
    assert (scores.idf1, scores.hota) == (0.0, 0.0)
    assert np.isnan(scores.motp)


def test_frames_without_tracks_are_misses():
    scores = score_tracking([frame_of_boxes({1: A}, {}), frame_of_boxes({}, {})])
    assert (scores.mota, scores.idf1, scores.hota) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("truth", "found", "likeness", "words"),
    [
        ((1, 1), (2,), np.zeros((2, 1)), "each identity once"),
        ((1,), (2,), np.zeros((2, 1)), "a likeness of 1x1"),
        ((1,), (2,), np.array([[1.5]]), "from 0 to 1"),
    ],
)
def test_frames_that_contradict_themselves_are_refused(truth, found, likeness, words):
    with pytest.raises(InputError, match=words):
        TrackingFrame(truth, found, likeness)


def test_a_clip_without_truth_is_refused():
    with pytest.raises(InputError, match="true boxes"):
        score_tracking([frame_of_boxes({}, {1: A})])


def test_scipy_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtraError, match=r"leadline\[tracks\]"):
        score_tracking([frame_of_boxes({1: A}, {1: A})])


def test_overlaps():
    assert box_overlaps([A], [(5.0, 0.0, 15.0, 20.0)])[0, 0] == pytest.approx(100 / 300)
    assert box_overlaps([], [A]).shape == (0, 1)


def test_suppression_keeps_labels_and_strangers_apart():
    near = (1.0, 0.0, 11.0, 20.0)
    boxes = [
        LabelledBox(A, 0.5, "person"), LabelledBox(near, 0.9, "person"), LabelledBox(A, 0.4, "dog"),
        LabelledBox(B, 0.3, "person"),
    ]  # fmt: skip
    assert [(box.score, box.label) for box in best_boxes(boxes)] == [(0.9, "person"), (0.4, "dog"), (0.3, "person")]


def test_impossible_boxes_are_refused():
    with pytest.raises(InputError, match="left, top, right, bottom"):
        LabelledBox((0.0, 0.0, float("nan"), 1.0), 0.5, "person")
    with pytest.raises(InputError, match="score from 0 to 1"):
        LabelledBox(A, 1.5, "person")
