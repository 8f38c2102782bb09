"""Errors of estimated trajectories: absolute, relative, and over short snippets.

Poses are camera to world, in metres. A trajectory from one camera alone is known up to a scale: align it by "sim3", or
its scores mean nothing.

>>> poses = np.tile(np.eye(4), (4, 1, 1))
>>> poses[:, 0, 3] = [0.0, 1.0, 2.0, 3.0]
>>> poses[:, 1, 3] = [0.0, 0.0, 1.0, 1.0]
>>> twice = poses.copy()
>>> twice[:, :3, 3] *= 2.0
>>> round(align_poses(twice, poses, "sim3").scale, 9)
0.5
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from leadline.errors import InputError
from leadline.geometry.trajectory import (
    Trajectory,
    inverse_poses,
    quaternion_of_rotation,
    rotation_angles_deg,
    rotation_of_quaternion,
)

PoseAlignmentKind = Literal["none", "scale", "se3", "sim3"]

_Poses = Float64[np.ndarray, "n 4 4"]

_SURE_DEG = 0.5
"""Median error of the turn from frame to frame below which the poses are read rightly."""
_FAR_BETTER = 0.3
_STILL = 1e-9
"""Spread of positions, relative to their size or 1 m, below which a camera stands still."""


@dataclass(frozen=True, eq=False)
class PoseAlignment:
    """A similarity that brings a trajectory into the world of another.

    Args:
        scale: What positions are multiplied by.
        rotation: What they are turned by then.
        translation: What is added then, metres.
    """

    scale: float
    rotation: Float64[np.ndarray, "3 3"]
    translation: Float64[np.ndarray, " 3"]

    def apply(self, poses: _Poses) -> _Poses:
        """Poses in the other world."""
        moved = poses.copy()
        moved[:, :3, :3] = self.rotation @ poses[:, :3, :3]
        moved[:, :3, 3] = self.scale * poses[:, :3, 3] @ self.rotation.T + self.translation
        return moved


def align_poses(poses: _Poses, truth: _Poses, kind: PoseAlignmentKind) -> PoseAlignment:
    """The alignment of positions with the least sum of squared distances.

    No alignment mirrors a path, and no scale is negative. The turn about a straight path is arbitrary; positions and
    relative motions do not depend on it. A straight path that runs backwards is turned round by sim3 and se3, and only
    its relative motions are wrong.

    Args:
        poses: Estimate.
        truth: As many true poses.
        kind: sim3 (rotation, translation and scale), se3 (rotation and translation), scale (about the first pose,
            which is laid upon the true one; 0 for a path that runs backwards), or none.
    Raises:
        InputError: If there are fewer than 3 poses, or a camera stands still and a scale is asked for.
    Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns", TPAMI 1991.
    """
    _require_alike(poses, truth)
    found, wanted = poses[:, :3, 3], truth[:, :3, 3]
    if kind == "none":
        return PoseAlignment(1.0, np.eye(3), np.zeros(3))
    if kind == "scale":
        turn = truth[0, :3, :3] @ poses[0, :3, :3].T
        steps, true_steps = (found - found[0]) @ turn.T, wanted - wanted[0]
        scale = max(0.0, float((steps * true_steps).sum())) / _spreads(steps, true_steps)
        return PoseAlignment(scale, turn, wanted[0] - scale * turn @ found[0])
    if len(poses) < 3:
        raise InputError(f"expected at least 3 poses to align by {kind}, got {len(poses)}; use more frames")
    centre, true_centre = found.mean(axis=0), wanted.mean(axis=0)
    steps, true_steps = found - centre, wanted - true_centre
    left, stretch, right = np.linalg.svd(true_steps.T @ steps)
    proper = np.diag([1.0, 1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    rotation = left @ proper @ right
    scale = 1.0
    if kind == "sim3":
        scale = float((stretch * np.diag(proper)).sum()) / _spreads(steps, true_steps)
    return PoseAlignment(scale, rotation, true_centre - scale * rotation @ centre)


def _spreads(found: Float64[np.ndarray, "n 3"], wanted: Float64[np.ndarray, "n 3"]) -> float:
    """Sum of the estimate's squared distances; both cameras have to move."""
    for steps, whose in ((found, "the estimate"), (wanted, "the truth")):
        if float((steps**2).sum()) <= (_STILL * max(1.0, float(np.abs(steps).max()))) ** 2:
            raise InputError(f"expected a camera that moves, got {whose} standing still; its scale cannot be found")
    return float((found**2).sum())


def absolute_errors_m(poses: _Poses, truth: _Poses) -> Float64[np.ndarray, " n"]:
    """Distances between estimated and true positions, metres: ATE is their root mean square.

    Args:
        poses: Estimate, aligned.
        truth: As many true poses.
    Source: Sturm et al., "A Benchmark for the Evaluation of RGB-D SLAM Systems", IROS 2012.
    """
    _require_alike(poses, truth)
    return np.linalg.norm(poses[:, :3, 3] - truth[:, :3, 3], axis=1)


@dataclass(frozen=True, eq=False)
class RelativeErrors:
    """Errors of the motion over a fixed number of frames.

    Attributes:
        translation_m: Length of the error of each motion, metres.
        rotation_deg: Angle of the error of each motion, degrees.
    """

    translation_m: Float64[np.ndarray, " pairs"]
    rotation_deg: Float64[np.ndarray, " pairs"]


def relative_errors(poses: _Poses, truth: _Poses, frames: int = 1) -> RelativeErrors:
    """Errors of the motions from each pose to the one `frames` later.

    Args:
        poses: Estimate, scaled to metres; where its world lies does not matter.
        truth: As many true poses.
        frames: Distance of the two poses.
    Raises:
        InputError: If there are too few poses.
    Source: RPE of Sturm et al. 2012.
    """
    _require_alike(poses, truth)
    if not 1 <= frames < len(poses):
        raise InputError(f"expected a distance from 1 to {len(poses) - 1} frames, got {frames}; use more poses")
    found, wanted = (inverse_poses(world[:-frames]) @ world[frames:] for world in (poses, truth))
    error = inverse_poses(wanted) @ found
    return RelativeErrors(np.linalg.norm(error[:, :3, 3], axis=1), rotation_angles_deg(error[:, :3, :3]))


def snippet_errors_m(poses: _Poses, truth: _Poses, frames: int = 5) -> Float64[np.ndarray, " snippets"]:
    """SfMLearner's error of every snippet of consecutive frames, metres; its table has their mean and deviation.

    Each snippet is taken relative to its first frame, and the estimate's scale is chosen for each by least squares. The
    published code divides the root of the summed squares by the number of frames, not by its root; so does this, so
    that numbers compare: the root mean square is sqrt(frames) times as large. As there, the scale may be negative: a
    snippet that runs backwards has no error.

    Args:
        poses: Estimate, of any scale.
        truth: As many true poses.
        frames: Frames of a snippet.
    Raises:
        InputError: If there are too few poses.
    Source: Zhou et al., "Unsupervised Learning of Depth and Ego-Motion from Video", CVPR 2017, and its evaluation code.
    """
    _require_alike(poses, truth)
    if not 2 <= frames <= len(poses):
        raise InputError(f"expected snippets of 2 to {len(poses)} frames, got {frames}; use more poses")
    errors = list[float]()
    for first in range(len(poses) - frames + 1):
        found, wanted = (
            (inverse_poses(world[first]) @ world[first : first + frames])[:, :3, 3] for world in (poses, truth)
        )
        size = float((found**2).sum())
        scale = float((found * wanted).sum()) / size if size > 0 else 0.0
        errors.append(float(np.sqrt(((scale * found - wanted) ** 2).sum())) / frames)
    return np.array(errors)


def constant_velocity(truth: _Poses) -> _Poses:
    """The best guess that knows the first two true poses only: every motion is the first one again."""
    _require_alike(truth, truth)
    step = inverse_poses(truth[0]) @ truth[1] if len(truth) > 1 else np.eye(4)
    guess = [truth[0]]
    for _ in range(len(truth) - 1):
        guess.append(guess[-1] @ step)
    return np.stack(guess)


def doubtful_forms(poses: _Poses, truth: _Poses) -> tuple[str, ...]:
    """A line for each other reading of the poses under which the estimate fits the truth far better.

    A quaternion in another order, or a camera that is the world's inverse, turns by the same angles, but about other
    axes: positions alone do not tell.

    Args:
        poses: Estimate, as it was read.
        truth: As many true poses.
    Example:
        >>> turn = lambda angle: np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        >>> truth = np.tile(np.eye(4), (9, 1, 1))
        >>> truth[:, :3, :3] = [turn(0.1 * n) for n in range(9)]
        >>> truth[:, 2, 3] = range(9)
        >>> doubtful_forms(truth, truth), len(doubtful_forms(inverse_poses(truth), truth))
        ((), 1)
    """  # noqa: E501 - the rotation is one line
    if len(poses) < 3:
        return ()
    now = _median_turn_deg(poses, truth)
    if now < _SURE_DEG:
        return ()
    order = "had quaternions w x y z: put w last"
    found = {
        "if one of the two were world to camera: invert it": _median_turn_deg(inverse_poses(poses), truth),
        f"if the estimate {order}": _median_turn_deg(_reordered(poses), truth),
        f"if the true poses {order}": _median_turn_deg(poses, _reordered(truth)),
    }
    likely = min(found, key=lambda words: found[words])
    if found[likely] > _FAR_BETTER * now:
        return ()
    return (f"the rotations would fit far better {likely} (off by {found[likely]:.2g} degrees a frame, now {now:.2g})",)


def _median_turn_deg(poses: _Poses, truth: _Poses) -> float:
    return float(np.median(relative_errors(poses, truth).rotation_deg))


def _reordered(poses: _Poses) -> _Poses:
    """The poses if their quaternions, which were read as x y z w, are w x y z."""
    turned = poses.copy()
    turned[:, :3, :3] = [rotation_of_quaternion(np.roll(quaternion_of_rotation(pose[:3, :3]), -1)) for pose in poses]
    return turned


def match_trajectories(
    estimate: Trajectory, truth: Trajectory, tolerance_s: float = 0.02
) -> tuple[_Poses, _Poses, tuple[str, ...]]:
    """Poses of two trajectories that belong together: by time if both have times, else by order.

    Args:
        estimate: May have fewer poses, if both have times.
        truth: May have more.
        tolerance_s: Largest difference of two times, seconds.
    Returns:
        As many estimated as true poses, and notes on what has no partner.
    Raises:
        InputError: If no times match, or without times the numbers of poses differ.
    Example:
        >>> poses = np.tile(np.eye(4), (3, 1, 1))
        >>> times = np.array([0.0, 0.1, 0.2])
        >>> estimate, truth = Trajectory(poses[:2], times[1:]), Trajectory(poses, times + 0.001)
        >>> found, wanted, notes = match_trajectories(estimate, truth)
        >>> len(found), notes
        (2, ('1 of 3 true poses have no estimate within 0.02 s',))
    """
    if estimate.times_s is None or truth.times_s is None:
        if len(estimate) != len(truth):
            raise InputError(
                f"expected as many estimated as true poses, or times in both files, got {len(estimate)} and "
                f"{len(truth)}; give the poses of the same frames"
            )
        return estimate.poses, truth.poses, ()
    nearest = np.abs(truth.times_s[:, None] - estimate.times_s[None, :]).argmin(axis=1)
    gaps = np.abs(estimate.times_s[nearest] - truth.times_s)
    chosen = dict[int, int]()
    for index in np.flatnonzero(gaps <= tolerance_s):
        partner = int(nearest[index])
        if partner not in chosen or gaps[index] < gaps[chosen[partner]]:
            chosen[partner] = int(index)
    if not chosen:
        raise InputError(
            f"expected poses of the same times, got none within {tolerance_s:g} s: the estimate runs from "
            f"{estimate.times_s[0]:.3f} to {estimate.times_s[-1]:.3f} s, the truth from {truth.times_s[0]:.3f} to "
            f"{truth.times_s[-1]:.3f} s; check both clocks"
        )
    partners = sorted(chosen)
    absent = len(truth) - len(partners)
    notes = (f"{absent} of {len(truth)} true poses have no estimate within {tolerance_s:g} s",) if absent else ()
    return estimate.poses[partners], truth.poses[[chosen[partner] for partner in partners]], notes


def _require_alike(poses: _Poses, truth: _Poses) -> None:
    if len(poses) != len(truth) or len(poses) == 0:
        raise InputError(f"expected as many estimated as true poses, and some, got {len(poses)} and {len(truth)}")
