"""Identities over time: detections with a position are paired with moving points in metres."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, final

import numpy as np
from jaxtyping import Float64

from leadline.errors import InputError
from leadline.geometry.boxes import Box, box_overlaps
from leadline.geometry.camera import Pinhole
from leadline.metrics.assignment import best_pairs
from leadline.tracking.detection import BoxDepth, Detection, detection_in_space
from leadline.tracking.kalman import GATE, MovingPoint

_LEAST_OVERLAP: Final = 0.3
"""Of the expected box and one whose depth is not known, or whose score is low."""
_UNKNOWN_DEPTH: Final = 0.5
"""Share of the expected depth that is taken for its error where a box has none."""
_SIZE_MEMORY: Final = 0.8
_OVERLAP_WEIGHT: Final = 0.5
_ROUNDS: Final = ((False, 0.0, GATE), (False, _LEAST_OVERLAP, np.inf), (True, _LEAST_OVERLAP, GATE))
"""What is paired one after the other: whether scores are low, least overlap, and gate. In the second round overlap
alone counts: the depth of a box jumps where something passes before the thing."""


@dataclass(frozen=True)
class TrackerOptions:
    """How tracks begin and end, and how things move.

    Args:
        birth_score: Score from which a detection begins a track; a lower one only continues one.
        confirm: Frames with a detection after which a track is told of.
        patience_s: How long a track that is not seen is kept, seconds.
        acceleration: How much velocity changes: standard deviation after a second, m/s.
        speed_m_per_s: Standard deviation of a new track's velocity.
    Raises:
        InputError: If a number is out of range.
    """

    birth_score: float = 0.5
    confirm: int = 3
    patience_s: float = 2.0
    acceleration: float = 1.0
    speed_m_per_s: float = 2.0

    def __post_init__(self) -> None:
        """Refuses what cannot be."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not (np.isfinite(value) and value >= (1 if field.name == "confirm" else 0)):
                raise InputError(f"expected {field.name} of {1 if field.name == 'confirm' else 0} or more, got {value}")


@dataclass(frozen=True, eq=False)
class Track:
    """A thing in one frame.

    Args:
        identity: The same in all frames.
        label: What it is.
        score: Of its detection.
        box_px: Its detection's: left, top, right and bottom edge.
        position_m: In the frame of the tracker: the camera's, or the world's where poses are given.
        velocity_m_per_s: In the same frame.
        covariance: Of position and velocity, 6x6.
        size_m: Width and height.
        frames: In how many frames it was seen.
    """

    identity: int
    label: str
    score: float
    box_px: Box
    position_m: Float64[np.ndarray, "3"]
    velocity_m_per_s: Float64[np.ndarray, "3"]
    covariance: Float64[np.ndarray, "6 6"]
    size_m: tuple[float, float]
    frames: int

    @property
    def position_std_m(self) -> Float64[np.ndarray, "3"]:
        """Standard deviation of each coordinate."""
        return np.sqrt(np.diag(self.covariance)[:3])

    @property
    def velocity_std_m_per_s(self) -> Float64[np.ndarray, "3"]:
        """Standard deviation of each coordinate."""
        return np.sqrt(np.diag(self.covariance)[3:])


class _Followed:
    """A track with its filter."""

    def __init__(self, identity: int, found: Detection, point: MovingPoint, time_s: float) -> None:
        assert found.size_m is not None
        self.identity, self.label, self.point = identity, found.seen.label, point
        self.seen, self.size_m, self.seen_s, self.frames = found.seen, found.size_m, time_s, 1

    def take(self, found: Detection, time_s: float) -> None:
        """Notes a detection that is its own."""
        self.seen, self.seen_s, self.frames = found.seen, time_s, self.frames + 1
        if found.size_m is not None:
            keep = _SIZE_MEMORY
            self.size_m = (
                keep * self.size_m[0] + (1 - keep) * found.size_m[0],
                keep * self.size_m[1] + (1 - keep) * found.size_m[1],
            )

    def told(self) -> Track:
        """What the caller gets."""
        point = self.point
        return Track(
            self.identity, self.label, self.seen.score, self.seen.box_px, point.position_m.copy(),
            point.velocity_m_per_s.copy(), point.covariance.copy(), self.size_m, self.frames,
        )  # fmt: skip


@final
class Tracker:
    """Tracks of people and things in metres: a Kalman filter for each, paired with the detections of each frame.

    A detection fits a track if it has its label and lies within the gate of its filter; of all pairings the one with
    the least distances and the most overlap with the expected boxes is taken (the assignment problem). What is left is
    paired by overlap alone, since depth jumps where something passes before a thing, and last with low scores. A
    detection without depth fits by its box alone and tells only the direction.

    Args:
        camera: Camera of the images.
        options: How tracks begin and end.
    Example:
        >>> from leadline.geometry.boxes import LabelledBox
        >>> camera = Pinhole(100.0, 100.0, 50.0, 50.0, 101, 101)
        >>> tracker = Tracker(camera)
        >>> for frame in range(20):
        ...     x = 40.0 + frame
        ...     seen = LabelledBox((x, 30.0, x + 20.0, 70.0), 0.9, "person")
        ...     tracks = tracker.update([detection_in_space(seen, BoxDepth(5.0, 0.05, 99), camera)], frame * 0.1)
        >>> tracks[0].identity, tracks[0].velocity_m_per_s.round(2).tolist()
        (1, [0.5, 0.0, 0.0])

    Source: Bewley et al., Simple Online and Realtime Tracking, ICIP 2016, with positions in space instead of boxes;
        detections of low scores continue tracks as in Zhang et al., ByteTrack, ECCV 2022, section 3.
    """

    def __init__(self, camera: Pinhole, options: TrackerOptions | None = None) -> None:
        self._camera, self._options = camera, options or TrackerOptions()
        self._followed = list[_Followed]()
        self._time_s: float | None = None
        self._next = 1

    def update(
        self,
        detections: Sequence[Detection],
        time_s: float,
        world_from_camera: Float64[np.ndarray, "4 4"] | None = None,
    ) -> tuple[Track, ...]:
        """Takes in the detections of one frame.

        Args:
            detections: Of this frame, in the camera's frame.
            time_s: When it was taken, later than the frame before.
            world_from_camera: Pose of the camera; tracks are in the world's frame then. The camera stands still if
                absent.
        Returns:
            Confirmed tracks that are seen in this frame, by identity.
        Raises:
            InputError: If time does not go on, or the pose is no rigid motion.
        """
        self._advance(time_s)
        pose = np.eye(4) if world_from_camera is None else _require_pose(world_from_camera)
        left = list(detections)
        strong = self._options.birth_score
        free = list(self._followed)
        for is_weak, least_overlap, gate in _ROUNDS:
            part = [found for found in left if (found.seen.score < strong) == is_weak]
            for track, found in self._pairs(free, part, pose, least_overlap, gate):
                self._extend(track, found, pose, time_s)
                free.remove(track)
                left.remove(found)
        for found in left:
            if found.seen.score >= strong and found.position_m is not None:
                self._begin(found, pose, time_s)
        self._followed = [
            track
            for track in self._followed
            if time_s - track.seen_s <= (self._options.patience_s if track.frames >= self._options.confirm else 0.0)
        ]
        return tuple(
            track.told()
            for track in self._followed
            if track.seen_s == time_s and track.frames >= self._options.confirm
        )  # fmt: skip

    def _advance(self, time_s: float) -> None:
        if not np.isfinite(time_s) or (self._time_s is not None and time_s <= self._time_s):
            raise InputError(
                f"expected frames in the order of time, got {time_s:g} s after {self._time_s} s; sort the frames, or "
                "mend their time stamps"
            )
        if self._time_s is not None:
            for track in self._followed:
                track.point.predict(time_s - self._time_s)
        self._time_s = time_s

    def _pairs(
        self,
        tracks: Sequence[_Followed],
        detections: Sequence[Detection],
        pose: Float64[np.ndarray, "4 4"],
        least_overlap: float,
        gate: float,
    ) -> list[tuple[_Followed, Detection]]:
        """Tracks with the detections that are theirs, lie within the gate and overlap what is expected by so much."""
        if not tracks or not detections:
            return []
        expected = [self._expected_box(track, pose) for track in tracks]
        gain = np.zeros((len(tracks), len(detections)))
        for row, (track, box) in enumerate(zip(tracks, expected, strict=True)):
            for column, found in enumerate(detections):
                if found.seen.label == track.label:
                    overlap = 0.0 if box is None else float(box_overlaps([box], [found.seen.box_px])[0, 0])
                    if overlap >= least_overlap:
                        gain[row, column] = _gain(track, found, overlap, gate, pose)
        return [(tracks[row], detections[column]) for row, column in best_pairs(gain)]

    def _expected_box(self, track: _Followed, pose: Float64[np.ndarray, "4 4"]) -> Box | None:
        """Where a track should be in the image; None if behind the camera."""
        x, y, z = pose[:3, :3].T @ (track.point.position_m - pose[:3, 3])
        if z <= 1e-6:
            return None
        u = x / z * self._camera.focal_x_px + self._camera.center_x_px
        v = y / z * self._camera.focal_y_px + self._camera.center_y_px
        half_x = track.size_m[0] * self._camera.focal_x_px / z / 2.0
        half_y = track.size_m[1] * self._camera.focal_y_px / z / 2.0
        return float(u - half_x), float(v - half_y), float(u + half_x), float(v + half_y)

    def _extend(self, track: _Followed, found: Detection, pose: Float64[np.ndarray, "4 4"], time_s: float) -> None:
        if found.position_m is None:
            z = float((pose[:3, :3].T @ (track.point.position_m - pose[:3, 3]))[2])
            guessed = detection_in_space(found.seen, BoxDepth(z, _UNKNOWN_DEPTH * z, 0), self._camera)
            track.point.update(*_in_world(guessed, pose))
        elif track.point.distance(*_in_world(found, pose)) > GATE:  # its depth has jumped: speed cannot explain it
            assert found.size_m is not None
            track.point, track.size_m = self._point(found, pose), found.size_m
        else:
            track.point.update(*_in_world(found, pose), _turned(found.lasting_m2, pose))
        track.take(found, time_s)

    def _point(self, found: Detection, pose: Float64[np.ndarray, "4 4"]) -> MovingPoint:
        """A filter that begins at a detection."""
        options, lasting = self._options, _turned(found.lasting_m2, pose)
        return MovingPoint(*_in_world(found, pose), options.speed_m_per_s, options.acceleration, lasting)

    def _begin(self, found: Detection, pose: Float64[np.ndarray, "4 4"], time_s: float) -> None:
        self._followed.append(_Followed(self._next, found, self._point(found, pose), time_s))
        self._next += 1


def _gain(track: _Followed, found: Detection, overlap: float, gate: float, pose: Float64[np.ndarray, "4 4"]) -> float:
    """How well a detection fits a track; 0 if it does not."""
    if found.position_m is None:
        return _OVERLAP_WEIGHT * overlap if overlap >= _LEAST_OVERLAP else 0.0
    distance = track.point.distance(*_in_world(found, pose))
    if distance > gate:
        return 0.0
    return 1e-3 + (1.0 - _OVERLAP_WEIGHT) * max(0.0, 1.0 - distance / GATE) + _OVERLAP_WEIGHT * overlap


def _in_world(
    found: Detection, pose: Float64[np.ndarray, "4 4"]
) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3 3"]]:
    assert found.position_m is not None
    assert found.covariance_m2 is not None
    turn = pose[:3, :3]
    return turn @ found.position_m + pose[:3, 3], turn @ found.covariance_m2 @ turn.T


def _turned(
    covariance: Float64[np.ndarray, "3 3"] | None, pose: Float64[np.ndarray, "4 4"]
) -> Float64[np.ndarray, "3 3"] | None:
    return None if covariance is None else pose[:3, :3] @ covariance @ pose[:3, :3].T


def _require_pose(pose: Float64[np.ndarray, "4 4"]) -> Float64[np.ndarray, "4 4"]:
    turn = pose[:3, :3]
    if not np.isfinite(pose).all() or not np.allclose(turn @ turn.T, np.eye(3), atol=1e-4) or np.linalg.det(turn) < 0:
        raise InputError("expected a pose of a rotation and a shift, got another matrix; check the file of poses")
    return pose
