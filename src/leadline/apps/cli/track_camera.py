"""`leadline track-camera`: the path of a moving camera, from one view or from two."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import cv2
import numpy as np
from jaxtyping import UInt8

from leadline.apps.cli.batch import noted, say
from leadline.apps.cli.eval import scene_progress
from leadline.apps.cli.words import with_options
from leadline.classical.flow import FLOW_NAMES, ClassicalFlow
from leadline.errors import InputError
from leadline.geometry.odometry import Odometry
from leadline.geometry.trajectory import Trajectory
from leadline.io.pairs import ImagePair
from leadline.io.trajectories import write_kitti, write_tum
from leadline.io.two_views import open_views
from leadline.io.video import FrameSequence, open_frames
from leadline.loading import load_model
from leadline.results.matching import pair_warnings
from leadline.results.monocular import CameraSource
from leadline.results.request import SUMMARY_FILE
from leadline.results.rigs import ReadyPair, RigGiven, RigMaker, length_unit
from leadline.results.stereo import refuse_existing, versions, whole_result, write_json
from leadline.runtime.scene_flow import SceneFlowMethod
from leadline.runtime.stereo import DEFAULT_MODEL

_TUM: Final = "trajectory_tum.txt"
_KITTI: Final = "trajectory_kitti.txt"
_FILES: Final = (_TUM, _KITTI, SUMMARY_FILE)
_USUAL_FOV_DEG: Final = 60.0
_LEAST_SHARE: Final = 0.5
"""Share of the points that agree, in the median step, below which a path is a guess."""


def track_camera(
    frames: str,
    right: str | None = None,
    /,
    *,
    calibration: Path | None = None,
    translation_unit: Literal["m", "cm", "mm"] | None = None,
    focal_px: float | None = None,
    fov: float | None = None,
    baseline_m: float | None = None,
    model: str | None = None,
    flow_model: str = "dis",
    fps: float | None = None,
    threads: int | None = None,
    max_pixels: int | None = None,
    output: Path = Path("leadline-output"),
    overwrite: bool = False,
) -> None:
    """The path of a moving camera.

    One view: optical flow gives the turn and the direction of each step, and points that three frames share give its
    length, in units of the first step: the scale of the path stays unknown. Two views: disparity and flow give each
    step in metres.

    The output folder gets trajectory_tum.txt (time, position, quaternion x y z w), trajectory_kitti.txt (rows of a 3x4
    matrix), both camera to world in the first camera's frame, and summary.json. `leadline eval pose` scores them.

    Args:
        frames: A film (leadline[video]), a folder or a quoted pattern of frames; with RIGHT, of the left view.
        right: The same of the right view.
        calibration: Calibration file, as for `leadline mono` or, with two views, for `leadline stereo`.
        translation_unit: Unit of the calibration's translation, where the file states none or a wrong one.
        focal_px: Focal length in pixels, instead of a calibration.
        fov: Field of view across the width, degrees, instead; 60 is taken if nothing is given for one view.
        baseline_m: Distance between the two cameras, metres, with a focal length or field of view.
        model: Stereo method for two views; leadline-fast if absent.
        flow_model: dis, dis-fast, dis-ultrafast or farneback; for two views any model that `leadline flow` takes.
        fps: Frames a second of images, for the times. Films have times of their own.
        threads: Threads to use; all processors if absent.
        max_pixels: Largest frame that is read.
        output: Output folder.
        overwrite: Replace results that exist.
    """
    refuse_existing(output, _FILES, overwrite)
    left, rights, notes = _opened(frames, right, fps, max_pixels)
    if len(left) < 2:
        raise InputError(f"expected at least two frames in {frames}, got one; a path is between frames")
    if rights is None:
        if baseline_m is not None:
            raise InputError("expected no baseline for one view, got one; leave it out or name the right view's frames")
        if model is not None:
            raise InputError(f"expected no stereo model for one view, got {model}; leave it out or name the right view")
        if flow_model not in FLOW_NAMES:
            raise InputError(f"expected one of {', '.join(FLOW_NAMES)} as the flow of one view, got {flow_model!r}")
        flow = cast("ClassicalFlow", load_model(flow_model, "flow", threads=threads))
        found = _one_view(left, CameraSource(focal_px, fov, calibration), flow)
    else:
        given = RigGiven(calibration, length_unit(translation_unit, None), focal_px, fov, baseline_m)
        if calibration is None and baseline_m is None:
            raise InputError("expected the cameras, got none; give --calibration FILE, or --focal-px and --baseline-m")
        method = SceneFlowMethod(
            load_model(model or DEFAULT_MODEL, "stereo", threads=threads),
            load_model(flow_model, "flow", threads=threads),
        )
        found = _two_views(left, rights, RigMaker(given), method)
    notes = tuple(dict.fromkeys((*notes, *found.notes)))
    if float(np.median(found.shares)) < _LEAST_SHARE:
        notes += ("warning: in most steps most points contradict the camera's motion: the path is a guess",)
    say(with_options(noted(note)) for note in notes)
    with whole_result(output, _FILES) as place:
        write_tum(place / _TUM, found.trajectory)
        write_kitti(place / _KITTI, found.trajectory)
        write_json(
            place / SUMMARY_FILE,
            {
                "frames": len(found.trajectory),
                "scale": "metres" if right is not None else "unknown: positions are in units of the first step",
                "length": found.trajectory.length_m,
                "agreeing_share": {"median": float(np.median(found.shares)), "least": min(found.shares)},
                "camera": found.camera,
                "notes": list(notes),
                "versions": versions(),
            },
        )
    unit = "m" if right is not None else "steps"
    print(
        f"{output}: {len(found.trajectory)} poses, {found.trajectory.length_m:.2f} {unit}; "
        f"{100 * float(np.median(found.shares)):.0f} % of the points agree (median), "
        f"{100 * min(found.shares):.0f} % at least"
    )


@dataclass(frozen=True, eq=False)
class _Path:
    """A trajectory and how sure it is: for each step, the share of the points that agree with it."""

    trajectory: Trajectory
    shares: list[float]
    camera: Any
    notes: tuple[str, ...]


def _opened(
    frames: str, right: str | None, fps: float | None, max_pixels: int | None
) -> tuple[FrameSequence, FrameSequence | None, tuple[str, ...]]:
    """The frames of one view or of both, and notes on them."""
    if right is None:
        left = open_frames(frames, fps, max_pixels)
        return left, None, left.notes
    left, rights, matched = open_views(frames, right, fps, max_pixels)
    return left, rights, (*left.notes, *rights.notes, *matched)


def _one_view(frames: FrameSequence, source: CameraSource, flow: ClassicalFlow) -> _Path:
    first = frames.load(0)[0].pixels
    height, width = first.shape[:2]
    camera = source.camera(frames.files(0)[0], height, width)
    notes = camera.notes
    if camera.camera is None:
        camera = CameraSource(fov_deg=_USUAL_FOV_DEG).camera(frames.files(0)[0], height, width)
        notes += (f"no focal length is known: {camera.source} is taken; give focal_px, fov_deg or a calibration",)
    assert camera.camera is not None, "a field of view gives a camera"
    odometry = Odometry(camera.camera)
    before: UInt8[np.ndarray, "h w"] | None = None
    for number, pixels in enumerate(_watched(frames)):
        grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
        if before is not None:
            if grey.shape != before.shape:
                raise InputError(f"expected frames of one size, got another at {frames.names[number]}; resize it")
            try:
                odometry.add(before, grey, flow.one_way(before, grey), flow.one_way(grey, before))
            except InputError as error:
                raise InputError(f"{error} ({frames.names[number - 1]} and {frames.names[number]})") from error
        before = grey
    if odometry.still:
        notes += (f"the camera stayed in its place in {odometry.still} of {len(odometry.shares)} steps",)
    if odometry.still == len(odometry.shares):
        notes += ("it never moved: there is no path, and no scale can be learned from these frames",)
    return _Path(odometry.trajectory(_times(frames)), odometry.shares, camera.source, notes)


def _two_views(left: FrameSequence, right: FrameSequence, maker: RigMaker, method: SceneFlowMethod) -> _Path:
    poses, shares, before = [np.eye(4)], list[float](), None
    doubts = tuple[str, ...]()
    rights = iter(right)
    notes = tuple[str, ...]()
    for pixels in _watched(left):
        ready: ReadyPair = maker.ready(ImagePair(pixels, next(rights).pixels))
        notes += ready.notes
        if before is None:
            doubts = pair_warnings(ready.left, ready.right, ready.far_px)
        if before is not None:
            assert before.rig is not None, "the cameras are given"
            views = before.left, before.right, ready.left, ready.right
            try:
                motion = method(views, before.rig, before.seen).motion
            except InputError as error:
                raise InputError("; ".join((str(error), *doubts))) from error
            assert motion is not None, "it was estimated"
            poses.append(poses[-1] @ motion.first_from_second)
            shares.append(motion.share)
        before = ready
    rig = None if before is None or before.rig is None else before.rig
    told = None if rig is None else {"focal_px": rig.left.focal_x_px, "baseline_m": rig.baseline_m}
    return _Path(Trajectory(np.stack(poses), _times(left)), shares, told, (*notes, *doubts))


def _watched(frames: FrameSequence) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The frames, with a bar."""
    with scene_progress() as progress:
        for frame in progress.track(frames, len(frames), description="tracking"):
            yield frame.pixels


def _times(frames: FrameSequence) -> np.ndarray | None:
    return None if frames.times_s is None else np.array(frames.times_s)
