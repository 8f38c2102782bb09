"""Tracks of things whose motion is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.geometry.boxes import LabelledBox
from leadline.geometry.camera import Pinhole
from leadline.tracking.detection import BoxDepth, Detection, detection_in_space
from leadline.tracking.form import TrackedFrame, tracks_as_json
from leadline.tracking.kalman import MovingPoint
from leadline.tracking.tracker import Tracker, TrackerOptions

CAMERA = Pinhole(400.0, 400.0, 319.5, 239.5, 480, 640)


def _seen(x, z, label="person", score=0.9, error=0.05, known=True):
    """A thing of 0.5 x 1.7 m at (x, 0, z)."""
    u, f = 400.0 * x / z + 319.5, 400.0 / z
    box = LabelledBox((u - 0.25 * f, 239.5 - 0.85 * f, u + 0.25 * f, 239.5 + 0.85 * f), score, label)
    return detection_in_space(box, BoxDepth(z, error, 100), CAMERA) if known else Detection(box)


def _run(scenes, tracker=None, step=0.1):
    tracker = tracker or Tracker(CAMERA)
    return [tracker.update(scene, number * step) for number, scene in enumerate(scenes)]


def test_velocity_is_found():
    frames = _run([[_seen(-1.0 + 0.12 * n, 6.0 - 0.05 * n)] for n in range(25)])
    (track,) = frames[-1]
    assert track.velocity_m_per_s == pytest.approx([1.2, 0.0, -0.5], abs=0.02)
    assert track.position_m == pytest.approx([-1.0 + 0.12 * 24, 0.0, 6.0 - 0.05 * 24], abs=0.02)
    assert track.size_m == pytest.approx((0.5, 1.7))
    assert (track.position_std_m < 0.2).all()


def test_a_track_is_told_of_from_its_third_detection_on():
    frames = _run([[_seen(0.0, 5.0)]] * 4)
    assert [len(frame) for frame in frames] == [0, 0, 1, 1]


def test_people_who_cross_in_the_image_keep_their_identities():
    """One walks 3 m behind the other: the boxes cross, the positions in space do not."""
    frames = _run([[_seen(-1.5 + 0.1 * n, 4.0), _seen(1.5 - 0.1 * n, 7.0)] for n in range(30)])
    for frame in frames[2:]:
        assert [(track.identity, track.position_m[2] < 5.5) for track in frame] == [(1, True), (2, False)]


def test_a_thing_that_is_hidden_for_a_while_keeps_its_identity():
    scenes = [[_seen(-1.0 + 0.1 * n, 6.0)] if not 8 <= n < 14 else [] for n in range(22)]
    frames = _run(scenes)
    assert {track.identity for frame in frames for track in frame} == {1}
    assert not any(frames[8:14])


def test_after_its_patience_it_is_another_one():
    scenes = [[_seen(0.0, 6.0)] if not 8 <= n < 20 else [] for n in range(30)]
    frames = _run(scenes, Tracker(CAMERA, TrackerOptions(patience_s=1.0)))
    assert [frame[0].identity for frame in (frames[7], frames[29])] == [1, 2]


def test_weak_detections_continue_tracks_and_begin_none():
    frames = _run([[_seen(0.0, 6.0, score=0.9 if n < 5 else 0.2), _seen(2.0, 6.0, score=0.2)] for n in range(10)])
    assert {track.identity for frame in frames for track in frame} == {1}
    assert frames[-1][0].score == 0.2


def test_weak_detections_beside_a_track_are_not_its_own():
    """A person who leaves does not become the cone 0.7 m away that looks a little like one."""
    frames = _run([[_seen(0.0, 6.0)] if n < 6 else [_seen(0.7, 6.0, score=0.25)] for n in range(12)])
    assert len(frames[5]) == 1
    assert not any(frames[6:])


def test_labels_are_not_mixed():
    frames = _run([[_seen(0.0, 6.0, label="person" if n < 10 else "dog")] for n in range(20)])
    assert [frames[9][0].label, frames[-1][0].label] == ["person", "dog"]
    assert frames[9][0].identity != frames[-1][0].identity


def test_without_depth_a_track_goes_on_by_its_box():
    frames = _run([[_seen(0.05 * n, 6.0, known=n < 10)] for n in range(15)])
    assert {track.identity for frame in frames for track in frame} == {1}
    assert frames[-1][0].position_m[0] == pytest.approx(0.05 * 14, abs=0.1)


def test_without_depth_nothing_begins():
    assert not any(_run([[_seen(0.0, 6.0, known=False)]] * 5))


def test_a_moving_camera_with_poses_sees_still_things_stand_still():
    tracker = Tracker(CAMERA)
    for n in range(25):
        pose = np.eye(4)
        pose[0, 3] = 0.1 * n
        tracks = tracker.update([_seen(1.0 - 0.1 * n, 6.0)], n * 0.1, pose)
    assert tracks[0].position_m == pytest.approx([1.0, 0.0, 6.0], abs=0.01)
    assert np.linalg.norm(tracks[0].velocity_m_per_s) < 0.02
    told = tracks_as_json([TrackedFrame("24", 2.4, tracks, pose)], metres=True)
    (entry,) = told["frames"][0]["objects"]
    assert entry["position_m"] == pytest.approx([1.0 - 2.4, 0.0, 6.0], abs=0.02)
    assert entry["world_position_m"] == pytest.approx([1.0, 0.0, 6.0], abs=0.02)


def test_time_that_goes_backwards_is_refused():
    tracker = Tracker(CAMERA)
    tracker.update([], 1.0)
    for late in (0.5, 1.0, float("nan")):
        with pytest.raises(InputError, match="order of time"):
            tracker.update([], late)


def test_a_pose_that_is_none_is_refused():
    with pytest.raises(InputError, match="rotation and a shift"):
        Tracker(CAMERA).update([], 0.0, 2.0 * np.eye(4))


@pytest.mark.parametrize("wrong", [{"confirm": 0}, {"patience_s": -1.0}, {"acceleration": float("nan")}])
def test_impossible_options_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        replace(TrackerOptions(), **wrong)


def test_the_filter_weighs_two_measurements_by_their_errors():
    """Without velocity and motion: variances 1 and 4 at 0 and 5 m give 1 m with variance 0.8."""
    point = MovingPoint(np.zeros(3), np.eye(3), speed_m_per_s=0.0, acceleration=0.0)
    point.predict(1.0)
    point.update(np.array([5.0, 0.0, 0.0]), 4.0 * np.eye(3))
    assert point.position_m.tolist() == pytest.approx([1.0, 0.0, 0.0])
    assert point.covariance[0, 0] == pytest.approx(0.8)


def test_an_error_that_lasts_is_not_averaged_out():
    """Five measurements of variance 1 that share 0.75 of it: 0.75 + 0.25 / 5."""
    total, lasting = np.eye(3), 0.75 * np.eye(3)
    point = MovingPoint(np.zeros(3), total, 0.0, 0.0, lasting)
    for _ in range(4):
        point.predict(0.1)
        point.update(np.full(3, 0.1), total, lasting)
    assert np.diag(point.covariance)[:3] == pytest.approx(0.8)
    assert point.position_m == pytest.approx(0.08)  # the mean of 0 and four times 0.1


def test_a_measurement_of_another_surface_shares_no_error():
    """Variance 1 at 0 and at 10, far beyond what is new in them: both count alike."""
    point = MovingPoint(np.zeros(3), np.eye(3), 0.0, 0.0, 0.75 * np.eye(3))
    point.update(np.array([10.0, 0.0, 0.0]), 0.25 * 3.0 * np.eye(3), 0.25 * np.eye(3))
    assert point.position_m[0] == pytest.approx(10.0 * 0.25 / (0.25 + 0.75))


def test_something_that_passes_before_a_thing_does_not_take_its_identity():
    """For three frames the box is where it was, and its depth is that of what stands before."""
    box = _seen(0.0, 6.0).seen
    scenes = [[detection_in_space(box, BoxDepth(3.0 if 6 <= n < 9 else 6.0, 0.05, 99), CAMERA)] for n in range(14)]
    frames = _run(scenes)
    assert [[track.identity for track in frame] for frame in frames[2:]] == [[1]] * 12


def test_the_json_form_leaves_lengths_out_where_depth_has_no_scale():
    frames = _run([[_seen(0.0, 5.0)]] * 4)
    told = [TrackedFrame(f"{n:06d}", 0.1 * n, tracks) for n, tracks in enumerate(frames)]
    with_metres, without = (json.loads(json.dumps(tracks_as_json(told, metres))) for metres in (True, False))
    (entry,), (bare,) = (content["frames"][3]["objects"] for content in (with_metres, without))
    assert set(bare) == {"id", "label", "score", "box_px"}
    assert entry["box_px"] == [299.5, 171.5, 40.0, 136.0]
    assert entry["position_m"] == pytest.approx([0.0, 0.0, 5.0], abs=1e-3)
    assert len(entry["size_m"]) == len(entry["velocity_m_per_s"]) == 3
    assert with_metres["frames"][3]["time_s"] == 0.3
