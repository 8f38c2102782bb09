"""Frames of time-of-flight sensors: which zones are valid, how far they are trusted, and how they are turned."""

from dataclasses import replace

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.robotics.tof_frame import STATUS_WORDS, TofFrame


def _frame(status=5, **layers):
    return TofFrame.from_status(np.full((8, 8), 1.5), np.full((8, 8), status), **layers)


def test_a_distance_counts_as_its_status_says():
    states = np.full((4, 4), 255)
    states[0] = [5, 6, 9, 4]
    frame = TofFrame.from_status(np.full((4, 4), 2.0), states)
    assert frame.valid[0].tolist() == [True, True, True, False]
    assert frame.confidence[0].tolist() == [1.0, 0.5, 0.5, 0.0]
    assert not frame.valid[1:].any()
    assert frame.targets[0].tolist() == [1, 1, 1, 1]
    assert int(frame.targets.sum()) == 4


def test_another_status_is_accepted_when_asked_for_with_less_trust():
    frame = _frame(10, accepted=(5, 10))
    assert frame.valid.all()
    assert float(frame.confidence.max()) == 0.5


def test_zero_and_unknown_distances_are_invalid_whatever_the_status_says():
    metres = np.full((4, 4), 1.0)
    metres[0, :2] = 0.0, np.nan
    assert TofFrame.from_status(metres, np.full((4, 4), 5)).valid.sum() == 14


def test_a_frame_without_any_distance_is_blind():
    assert _frame(255).blind
    assert not _frame(5).blind


def test_a_turned_frame_moves_all_layers_alike():
    metres = np.arange(1, 17).reshape(4, 4) / 10.0
    frame = TofFrame.from_status(metres, np.full((4, 4), 5), reflectance=metres)
    turned = frame.turned(1)
    assert turned.distances_m[0].tolist() == pytest.approx([1.3, 0.9, 0.5, 0.1])  # the left column, from below
    assert (turned.reflectance == turned.distances_m).all()
    assert frame.turned(0, flip=True).distances_m[0].tolist() == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert (frame.turned(4).distances_m == frame.distances_m).all()


def test_every_status_of_the_manual_has_words():
    assert {0, *range(1, 14), 255} == set(STATUS_WORDS)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: TofFrame.from_status(np.ones((5, 5)), np.full((5, 5), 5)), "expected distances_m of 4x4 or 8x8"),
        (lambda: TofFrame.from_status(np.ones((8, 8)), np.full((8, 8), 300)), "status from 0 to 255"),
        (lambda: TofFrame.from_status(np.full((8, 8), 1500.0), np.full((8, 8), 5)), "give metres"),
        (lambda: _frame(time_s=float("nan")), "finite time_s"),
        (lambda: replace(_frame(), targets=np.zeros((4, 4), np.uint8)), r"expected uint8 of \(8, 8\) as targets"),
    ],
)
def test_what_is_no_frame_is_refused(make, match):
    with pytest.raises(InputError, match=match):
        make()


def test_second_targets_count_where_they_are_distances():
    second = np.array([[3.0, 0.0, np.nan, 0.5]] * 4)
    states = np.array([[5, 5, 5, 255]] * 4)
    frame = TofFrame.from_status(np.full((4, 4), 1.0), states, second_m=second)
    np.testing.assert_array_equal(frame.second_m[0], [3.0, np.nan, np.nan, np.nan])
    nearer = TofFrame.from_status(np.full((4, 4), 2.0), np.full((4, 4), 5), second_m=np.full((4, 4), 0.5))
    assert float(nearer.nearest_m.max()) == 0.5
    assert float(frame.nearest_m.max()) == 1.0


@pytest.mark.parametrize("layer", [{"sigma_m": np.full((4, 4), -0.1)}, {"sigma_m": np.full((4, 4), np.nan)}])
def test_an_impossible_sigma_is_refused(layer):
    with pytest.raises(InputError, match="expected sigma_m of 0 or more"):
        TofFrame.from_status(np.full((4, 4), 1.0), np.full((4, 4), 5), **layer)


def test_a_second_target_in_millimetres_is_refused():
    with pytest.raises(InputError, match="give metres"):
        TofFrame.from_status(np.full((4, 4), 1.0), np.full((4, 4), 5), second_m=np.full((4, 4), 2500.0))
