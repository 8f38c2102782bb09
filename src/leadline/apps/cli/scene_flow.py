"""`leadline scene-flow`: motion in space from a stereo pair at two times."""

import time
from pathlib import Path
from typing import Final, Literal

import numpy as np

from leadline.apps.cli.batch import say
from leadline.apps.cli.words import with_options
from leadline.classical import MATCHERS
from leadline.classical.flow import FLOW_NAMES
from leadline.errors import InputError
from leadline.io.pairs import ImagePair, read_pair
from leadline.loading import load_model
from leadline.maps import SceneFlowMap
from leadline.results.flow import describe_flow_method
from leadline.results.matching import refuse_hopeless
from leadline.results.request import describe_request
from leadline.results.rigs import ReadyPair, RigGiven, RigMaker, length_unit, search_range
from leadline.results.scene_flow import SCENE_FLOW_FILES, Motions, write_scene_flow_result
from leadline.results.stereo import describe_method, refuse_existing, versions
from leadline.runtime.flow import DEFAULT_FLOW_MODEL
from leadline.runtime.onnx_session import Provider
from leadline.runtime.scene_flow import SceneFlowMethod
from leadline.runtime.stereo import DEFAULT_MODEL

_SAID: Final = 5
"""Moving objects that are printed."""


def scene_flow(
    left0: Path,
    right0: Path,
    left1: Path,
    right1: Path,
    /,
    *,
    calibration: Path | None = None,
    translation_unit: Literal["m", "cm", "mm"] | None = None,
    focal_px: float | None = None,
    fov: float | None = None,
    baseline_m: float | None = None,
    model: str = DEFAULT_MODEL,
    flow_model: str = DEFAULT_FLOW_MODEL,
    max_disparity: int | None = None,
    fps: float | None = None,
    threads: int | None = None,
    provider: Provider = "cpu",
    max_pixels: int | None = None,
    output: Path = Path("leadline-output"),
    overwrite: bool = False,
) -> int:
    """Motion in space, of the camera and of all else, from two stereo pairs.

    Disparity at both times and the flow of the left image give the motion of each pixel in metres. The camera's own
    motion is that of most of what it sees; pixels that deviate from it by more than errors explain move by themselves,
    and become objects with size, distance and velocity. What stands still takes its flow and its disparity at the
    second time from its disparity at the first and the camera's motion, so that they are known where the second pair
    does not show it.

    Args:
        left0: Left image at the first time.
        right0: Right image at the first time.
        left1: Left image at the second time.
        right1: Right image at the second time.
        calibration: Calibration file, as for `leadline stereo`; raw images are rectified first.
        translation_unit: Unit of the calibration's translation, where the file states none or a wrong one.
        focal_px: Focal length of rectified images, px; instead of a calibration, with --baseline-m.
        fov: Field of view of rectified images across their width, degrees; instead of --focal-px.
        baseline_m: Distance between the cameras, metres.
        model: Stereo method, as for `leadline stereo`.
        flow_model: Flow method, as for `leadline flow`.
        max_disparity: Largest disparity to look for, px.
        fps: Pairs a second, for velocities in m/s.
        threads: Threads to use; all processors if absent.
        provider: Where networks run; never anywhere else than asked for.
        max_pixels: Largest image that is read.
        output: Output folder.
        overwrite: Replace results that exist.
    """
    if fps is not None and not fps > 0:
        raise InputError(f"expected pairs a second above 0, got {fps}")
    given = RigGiven(calibration, length_unit(translation_unit, None), focal_px, fov, baseline_m)
    if calibration is None and baseline_m is None:
        raise InputError("expected the cameras, got none; give --calibration FILE, or --focal-px and --baseline-m")
    refuse_existing(output, SCENE_FLOW_FILES, overwrite)
    maker = RigMaker(given)
    pairs = tuple(read_pair(*views, max_pixels=max_pixels) for views in ((left0, right0), (left1, right1)))
    _refuse_unlike(*pairs)
    ready = [maker.ready(pair) for pair in pairs]
    largest, smallest, range_notes = search_range(ready[0], max_disparity, None)
    stereo = load_model(
        model,
        "stereo",
        max_disparity=largest,
        min_disparity=smallest,
        threads=threads,
        provider=_provider(model, provider),
    )
    flow = load_model(flow_model, "flow", threads=threads, provider=_provider(flow_model, provider))
    method = SceneFlowMethod(stereo, flow)
    start = time.perf_counter()
    found = _run(method, ready)
    seconds = time.perf_counter() - start
    notes = tuple(dict.fromkeys((*ready[0].notes, *ready[1].notes, *range_notes)))
    asked = {
        "calibration": calibration, "translation_unit": translation_unit, "focal_px": focal_px, "fov": fov,
        "baseline_m": baseline_m, "model": model, "flow_model": flow_model, "max_disparity": max_disparity, "fps": fps,
    }  # fmt: skip
    summary = {
        "images": [str(path) for path in (left0, right0, left1, right1)],
        **describe_request([left0, right0, left1, right1], asked),
        "stereo": describe_method(stereo, model, ready[0].left.shape[1]),
        "flow": describe_flow_method(flow, flow_model),
        "seconds": seconds,
        "notes": list(notes),
        "versions": versions(),
    }
    assert ready[0].rig is not None, "the cameras are given"
    space = write_scene_flow_result(output, ready[0].left, found, ready[0].rig, summary, fps)
    say(with_options(f"note: {note}") for note in notes)
    _print(output, found, space, seconds, fps)
    return 0


def _provider(name: str, provider: Provider) -> Provider:
    """Where a method runs: classical ones know the cpu alone."""
    return "cpu" if name in (*MATCHERS, *FLOW_NAMES) else provider


def _refuse_unlike(first: ImagePair, second: ImagePair) -> None:
    for pair in (first, second):
        refuse_hopeless(pair.left, pair.right)
    if first.left.shape != second.left.shape:
        raise InputError(
            f"expected pairs of one size, got {first.left.shape[1]}x{first.left.shape[0]} and "
            f"{second.left.shape[1]}x{second.left.shape[0]}; crop or resize them alike"
        )
    if np.array_equal(first.left, second.left):
        raise InputError("expected two times, got one left image twice; give the pairs of two moments")


def _run(method: SceneFlowMethod, ready: list[ReadyPair]) -> SceneFlowMap:
    first, second = ready
    assert first.rig is not None, "the cameras are given"
    return method((first.left, first.right, second.left, second.right), first.rig, first.seen)


def _print(output: Path, found: SceneFlowMap, space: Motions, seconds: float, fps: float | None) -> None:
    height, width = found.valid.shape
    assert found.motion is not None, "it was estimated"
    print(f"{output}: {width}x{height} in {seconds:.2f} s, {100 * found.valid.mean():.0f} % valid")
    speed = "" if fps is None else f" ({found.motion.translation_m * fps:.2f} m/s)"
    print(
        f"camera: moved {found.motion.translation_m:.3f} m{speed}, turned {found.motion.rotation_deg:.3f} degrees; "
        f"{100 * found.motion.share:.0f} % of {found.motion.looked_at} sure pixels agree"
    )
    count = len(space.objects)
    print(f"moving by themselves: {count} object{'s' * (count != 1)}")
    for entry in space.objects[:_SAID]:
        pace = f"{entry.moved_m:.3f} m" if fps is None else f"{entry.moved_m * fps:.2f} m/s"
        print(f"  {entry.number}: {entry.distance_m:.1f} m away, {pace}, {entry.pixels} pixels at {entry.box_px[:2]}")
