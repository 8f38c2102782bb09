"""The JSON form of tracks, which `leadline tracks` writes and `leadline view` draws.

::

    {
      "form": "leadline tracks 1",
      "metres": true,                      # false: depth has no scale, and no entry has a length
      "frames": [
        {
          "name": "000004",                # of the frame
          "time_s": 0.4,                   # when it was taken, of the recording's own clock
          "objects": [
            {
              "id": 1,                     # identity, from 1, the same in all frames
              "label": "person",
              "score": 0.87,               # of the detector, 0 to 1
              "box_px": [312.0, 80.5, 41.0, 120.0],         # left, top, width, height in the image
              "position_m": [0.2, -0.1, 6.3],               # of the middle of the box on the side that is seen, in the
                                           # camera's frame: x right, y down, z forward
              "position_error_m": 0.12,    # length of the standard deviation
              "position_std_m": [0.02, 0.03, 0.11],         # of each coordinate
              "velocity_m_per_s": [0.9, 0.0, -0.1],         # in the camera's frame
              "velocity_std_m_per_s": [0.1, 0.1, 0.2],
              "size_m": [0.5, 1.7, 0.5],   # width, height, and depth, which is taken for the width
              "world_position_m": [...],   # only where poses of the camera are given
              "world_velocity_m_per_s": [...]
            }
          ]
        }
      ]
    }

Without metres, the keys that end in _m and _m_per_s are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float64

from leadline.tracking.tracker import Track

FORM: Final = "leadline tracks 1"
_DIGITS: Final = 4


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """Tracks of one frame.

    Args:
        name: Of the frame.
        time_s: When it was taken.
        tracks: That are seen in it.
        world_from_camera: Pose of the camera, if the tracks are in the world's frame.
    """

    name: str
    time_s: float
    tracks: tuple[Track, ...]
    world_from_camera: Float64[np.ndarray, "4 4"] | None = None


def tracks_as_json(frames: Sequence[TrackedFrame], metres: bool) -> dict[str, Any]:
    """The form that this module's text describes.

    Args:
        frames: In the order of time.
        metres: Whether depth has a scale.
    Example:
        >>> tracks_as_json([TrackedFrame("000000", 0.0, ())], metres=True)["frames"]
        [{'name': '000000', 'time_s': 0.0, 'objects': []}]
    """
    return {"form": FORM, "metres": metres, "frames": [frame_as_json(frame, metres) for frame in frames]}


def frame_as_json(frame: TrackedFrame, metres: bool) -> dict[str, Any]:
    """One entry of "frames".

    Args:
        frame: The frame.
        metres: Whether depth has a scale.
    """
    objects = [_object(track, metres, frame.world_from_camera) for track in frame.tracks]
    return {"name": frame.name, "time_s": round(frame.time_s, 6), "objects": objects}


def _object(track: Track, metres: bool, pose: Float64[np.ndarray, "4 4"] | None) -> dict[str, Any]:
    left, top, right, bottom = track.box_px
    told: dict[str, Any] = {
        "id": track.identity,
        "label": track.label,
        "score": round(track.score, 3),
        "box_px": [round(value, 2) for value in (left, top, right - left, bottom - top)],
    }
    if not metres:
        return told
    turn, shift = (np.eye(3), np.zeros(3)) if pose is None else (pose[:3, :3], pose[:3, 3])
    width, height = track.size_m
    told |= {
        "position_m": _rounded(turn.T @ (track.position_m - shift)),
        "position_error_m": round(float(np.linalg.norm(track.position_std_m)), _DIGITS),
        "position_std_m": _rounded(_deviations(track.covariance[:3, :3], turn)),
        "velocity_m_per_s": _rounded(turn.T @ track.velocity_m_per_s),
        "velocity_std_m_per_s": _rounded(_deviations(track.covariance[3:, 3:], turn)),
        "size_m": _rounded(np.array([width, height, width])),
    }
    if pose is not None:
        told["world_position_m"] = _rounded(track.position_m)
        told["world_velocity_m_per_s"] = _rounded(track.velocity_m_per_s)
    return told


def _deviations(covariance: Float64[np.ndarray, "3 3"], turn: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3"]:
    return np.sqrt(np.diag(turn.T @ covariance @ turn))


def _rounded(values: Float64[np.ndarray, "3"]) -> list[float]:
    return [round(float(value), _DIGITS) for value in values]
