"""`leadline scene-flow`: motion in space from a stereo pair at two times."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from leadline.apps.cli.batch import run_batch, say
from leadline.apps.cli.words import with_options
from leadline.classical import MATCHERS
from leadline.classical.flow import FLOW_NAMES
from leadline.errors import InputError
from leadline.io.atomic import make_output_folder
from leadline.io.pair_files import FoundPairs, is_many, search_pairs
from leadline.io.pairs import ImagePair, read_pair
from leadline.loading import load_model
from leadline.maps import SceneFlowMap
from leadline.results.flow import describe_flow_method
from leadline.results.matching import pair_warnings, refuse_hopeless
from leadline.results.request import describe_request, unfinished
from leadline.results.rigs import ReadyPair, RigGiven, RigMaker, length_unit, search_range
from leadline.results.scene_flow import SCENE_FLOW_FILES, Motions, write_scene_flow_result
from leadline.results.stereo import describe_method, refuse_existing, versions
from leadline.runtime.onnx_session import Provider
from leadline.runtime.scene_flow import FLOW_OF_SCENE_FLOW, SceneFlowMethod
from leadline.runtime.stereo import DEFAULT_MODEL

_LEAST_SHARE, _LEAST_VALID = 0.5, 0.1
"""Of the sure pixels that agree with the camera's motion, and of the valid ones, below which it is a guess."""
_SAID: Final = 5
"""Moving objects that are printed."""


def scene_flow(
    left0: str,
    right0: str | None = None,
    left1: str | None = None,
    right1: str | None = None,
    /,
    *,
    calibration: Path | None = None,
    translation_unit: Literal["m", "cm", "mm"] | None = None,
    focal_px: float | None = None,
    fov: float | None = None,
    baseline_m: float | None = None,
    model: str = DEFAULT_MODEL,
    flow_model: str = FLOW_OF_SCENE_FLOW,
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

    Two folders or quoted patterns, or one folder with left and right in it, are a stereo sequence: each two consecutive
    pairs give a result in a folder that has the name of the first of them. Pairs are taken in natural order (2 before
    10); finished ones are skipped, and one that fails does not stop the others.

    Args:
        left0: Left image at the first time; or the left images of a sequence, or its folder.
        right0: Right image at the first time; or the right images of a sequence.
        left1: Left image at the second time. Not for a sequence.
        right1: Right image at the second time. Not for a sequence.
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
        overwrite: Replace results that exist, and do finished pairs of a sequence again.
    """
    if fps is not None and not fps > 0:
        raise InputError(f"expected pairs a second above 0, got {fps}")
    given = RigGiven(calibration, length_unit(translation_unit, None), focal_px, fov, baseline_m)
    if calibration is None and baseline_m is None:
        raise InputError("expected the cameras, got none; give --calibration FILE, or --focal-px and --baseline-m")
    asked = {
        "calibration": calibration, "translation_unit": translation_unit, "focal_px": focal_px, "fov": fov,
        "baseline_m": baseline_m, "model": model, "flow_model": flow_model, "max_disparity": max_disparity, "fps": fps,
    }  # fmt: skip
    job = _Job(RigMaker(given), model, flow_model, max_disparity, fps, threads, provider, max_pixels, asked)
    if is_many(left0):
        if left1 is not None or right1 is not None:
            raise InputError(
                f"expected a sequence as one folder or as two, got {left1 or right1} too; leave out the last"
            )
        return _batch(job, search_pairs(left0, right0), output, overwrite)
    if right0 is None or left1 is None or right1 is None:
        raise InputError(
            "expected four images or the folder of a sequence, got fewer images; name LEFT0 RIGHT0 LEFT1 RIGHT1"
        )
    refuse_existing(output, SCENE_FLOW_FILES, overwrite)
    files = Path(left0), Path(right0), Path(left1), Path(right1)
    report, lines = job.run(files, output)
    say(lines)
    print(report)
    return 0


_Files = tuple[Path, Path, Path, Path]
"""Left and right at the first time, then at the second."""


def _batch(job: "_Job", found: FoundPairs, output: Path, overwrite: bool) -> int:
    pairs = found.pairs
    if len(pairs) < 2:
        raise InputError(f"expected at least two pairs in a sequence, got {len(pairs)}; motion is between two")
    moments: dict[str, _Files] = {}
    for before, after in pairwise(pairs):
        if before.right is None or after.right is None:
            raise InputError(f"expected a right image for {before.left}, got one file for both; split the views first")
        moments[before.name] = (before.left, before.right, after.left, after.right)
    say(f"note: {with_options(line)}" for line in found.notes)
    requests = {name: job.request(files) for name, files in moments.items()}
    todo, notes = unfinished(output, requests, overwrite, "pairs of moments")
    say(notes)
    if not todo:
        return 0
    make_output_folder(output)
    return run_batch(todo, lambda name: job.run(moments[name], output / name), "estimating", "pairs of moments")


@dataclass(eq=False)
class _Job:
    """Work on each two moments of a command; the methods are loaded once for a range of disparities."""

    rigs: RigMaker
    model: str
    flow_model: str
    max_disparity: int | None
    fps: float | None
    threads: int | None
    provider: Provider
    max_pixels: int | None
    asked: Mapping[str, object]
    methods: dict[tuple[int | None, int | None], SceneFlowMethod] = field(default_factory=dict)

    def request(self, files: _Files) -> dict[str, Any]:
        """Everything that decides the result of two moments."""
        return describe_request(list(files), self.asked)

    def run(self, files: _Files, folder: Path) -> tuple[str, tuple[str, ...]]:
        """Estimates and writes one result; returns lines about it, and what the user must know."""
        pairs = tuple(read_pair(*views, max_pixels=self.max_pixels) for views in (files[:2], files[2:]))
        _refuse_unlike(*pairs)
        ready = [self.rigs.ready(pair) for pair in pairs]
        largest, smallest, range_notes = search_range(ready[0], self.max_disparity, None)
        method = self._method(largest, smallest)
        start = time.perf_counter()
        doubts = _pair_doubts(ready)
        try:
            found = _run(method, ready)
        except InputError as error:
            raise InputError("; ".join((str(error), *doubts))) from error
        seconds = time.perf_counter() - start
        doubts += _motion_doubts(found)
        notes = tuple(dict.fromkeys((*ready[0].notes, *ready[1].notes, *range_notes)))
        summary = {
            "images": [str(path) for path in files],
            **self.request(files),
            "stereo": describe_method(method.stereo, self.model, ready[0].left.shape[1]),
            "flow": describe_flow_method(method.flow, self.flow_model),
            "seconds": seconds,
            "notes": [*notes, *doubts],
            "versions": versions(),
        }
        assert ready[0].rig is not None, "the cameras are given"
        space = write_scene_flow_result(folder, ready[0].left, found, ready[0].rig, summary, self.fps)
        lines = (*(f"note: {note}" for note in notes), *doubts)
        return _report(folder, found, space, seconds, self.fps), tuple(with_options(line) for line in lines)

    def _method(self, largest: int | None, smallest: int | None) -> SceneFlowMethod:
        if (largest, smallest) not in self.methods:
            stereo = load_model(
                self.model,
                "stereo",
                max_disparity=largest,
                min_disparity=smallest,
                threads=self.threads,
                provider=_provider(self.model, self.provider),
            )
            where = _provider(self.flow_model, self.provider)
            flow = load_model(self.flow_model, "flow", threads=self.threads, provider=where)
            self.methods[largest, smallest] = SceneFlowMethod(stereo, flow)
        return self.methods[largest, smallest]


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


def _pair_doubts(ready: list[ReadyPair]) -> tuple[str, ...]:
    """Warnings of pairs that are none: swapped, not rectified, of two moments."""
    found = list[str]()
    for number, pair in enumerate(ready):
        found += [f"{line} (pair {number})" for line in pair_warnings(pair.left, pair.right, pair.far_px)]
    return tuple(found)


def _motion_doubts(found: SceneFlowMap) -> tuple[str, ...]:
    """A warning of a motion that most of the scene contradicts, or that hardly anything tells."""
    valid = float(found.valid.mean())
    if found.motion is None or (found.motion.share >= _LEAST_SHARE and valid >= _LEAST_VALID):
        return ()
    return (
        f"warning: the motion is a guess: {100 * valid:.0f} % of the pixels are valid, {100 * found.motion.share:.0f} "
        "% of the sure ones agree; are these two pairs of one rig, left first?",
    )


def _run(method: SceneFlowMethod, ready: list[ReadyPair]) -> SceneFlowMap:
    first, second = ready
    assert first.rig is not None, "the cameras are given"
    return method((first.left, first.right, second.left, second.right), first.rig, first.seen)


def _report(output: Path, found: SceneFlowMap, space: Motions, seconds: float, fps: float | None) -> str:
    height, width = found.valid.shape
    assert found.motion is not None, "it was estimated"
    speed = "" if fps is None else f" ({found.motion.translation_m * fps:.2f} m/s)"
    count = len(space.objects)
    lines = [
        f"{output}: {width}x{height} in {seconds:.2f} s, {100 * found.valid.mean():.0f} % valid",
        f"camera: moved {found.motion.translation_m:.3f} m{speed}, turned {found.motion.rotation_deg:.3f} degrees; "
        f"{100 * found.motion.share:.0f} % of {found.motion.looked_at} sure pixels agree",
        f"moving by themselves: {count} object{'s' * (count != 1)}",
    ]
    for entry in space.objects[:_SAID]:
        pace = f"{entry.moved_m:.3f} m" if fps is None else f"{entry.moved_m * fps:.2f} m/s"
        lines.append(
            f"  {entry.number}: {entry.distance_m:.1f} m away, {pace}, {entry.pixels} pixels at {entry.box_px[:2]}"
        )
    return "\n".join(lines)
