"""`leadline stereo`: disparity, depth and confidence of one pair or of many."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from leadline.apps.cli.batch import run_batch, say
from leadline.apps.cli.words import with_options
from leadline.errors import InputError
from leadline.geometry.check import PairCheck
from leadline.io.atomic import make_output_folder
from leadline.io.pair_files import FoundPairs, PairFiles, is_many, search_pairs
from leadline.io.pairs import ImagePair, Layout, read_pair
from leadline.loading import load_model
from leadline.results.matching import match_pair, summarize, warnings
from leadline.results.methods import MethodsByRange
from leadline.results.request import describe_request, unfinished
from leadline.results.rigs import RigGiven, RigMaker, length_unit
from leadline.results.sizes import require_fitting_sizes
from leadline.results.stereo import RESULT_FILES, CloudLimits, refuse_existing, write_result
from leadline.runtime.onnx_session import Provider
from leadline.runtime.stereo import DEFAULT_MODEL, StereoMethod


def stereo(
    left: str,
    right: str | None = None,
    /,
    *,
    calibration: Path | None = None,
    translation_unit: Literal["m", "cm", "mm"] | None = None,
    square_mm: float | None = None,
    focal_px: float | None = None,
    fov: float | None = None,
    baseline_m: float | None = None,
    model: str = DEFAULT_MODEL,
    card: str | None = None,
    max_disparity: int | None = None,
    min_disparity: int | None = None,
    min_confidence: float = CloudLimits.min_confidence,
    max_depth: float | None = None,
    threads: int | None = None,
    provider: Provider = "cpu",
    output: Path = Path("leadline-output"),
    overwrite: bool = False,
    swap: bool = False,
    layout: Layout | None = None,
    max_pixels: int | None = None,
) -> int:
    """Disparity, metric depth and confidence of stereo pairs.

    One pair is written straight into the output folder. Two folders, or two quoted patterns, are a batch: each pair
    goes into a folder of its own, finished pairs are skipped, and a pair that fails does not stop the others. Pairs
    whose calibration is one of raw cameras are rectified first. With a calibration, pairs are checked for faults until
    one is fine: one camera took all of them.

    Args:
        left: Left image; or a folder or quoted pattern of left images.
        right: Right image, folder or pattern. Not needed where LEFT holds both views (.mpo, .jps, side by side).
        calibration: Calibration file: adds depth and points. Of rectified images (Middlebury or KITTI calib.txt, P1 and
            P2 of OpenCV and ROS, ...) or of raw ones (OpenCV, Kalibr, EuRoC, ROS, ZED, OAK-D, ...).
        translation_unit: Unit of the calibration's translation, where the file states none or a wrong one.
        square_mm: Side of a square of the calibration board, mm, where the translation is in squares.
        focal_px: Focal length of rectified images, px; instead of a calibration, with --baseline-m.
        fov: Field of view of rectified images across their width, degrees; instead of --focal-px.
        baseline_m: Distance between the cameras, metres. If absent, 0.065 is assumed where one file holds both views.
        model: Bundled network, ONNX file of ours or, with a card, of other people, or bm, sgbm, sgbm-3way, sgbm-hh;
            leadline-refine mends sgbm-3way.
        card: What the ONNX file of other people in --model takes and gives: a card's name out of `leadline models`, or
            a file (.yaml). Not needed where the file lies beside a card of its name.
        max_disparity: Largest disparity to look for, px. If absent, the calibration's ndisp; else networks choose it
            from the width, matchers take 192.
        min_disparity: Smallest disparity to look for, px: below 0 where the cameras toe in or the images are cropped;
            `leadline check` finds it. If absent, the calibration's doffs says it.
        min_confidence: Least confidence of a pixel that becomes a point of the cloud.
        max_depth: Points of the cloud that are farther away are left out, metres.
        threads: Threads to use; all processors if absent.
        provider: Where a network runs; never anywhere else than asked for.
        output: Output folder.
        overwrite: Replace results that exist, and do finished pairs of a batch again.
        swap: Exchange the views.
        layout: How two views lie in one image.
        max_pixels: Largest image that is read.
    """
    model = with_card(model, card)
    unit = length_unit(translation_unit, square_mm)
    rigs = RigMaker(RigGiven(calibration, unit, focal_px, fov, baseline_m, both_views=right is None))
    limits = CloudLimits(min_confidence, max_depth)
    methods = ranged_methods(model, max_disparity, min_disparity, threads, provider)
    asked = {
        "calibration": calibration, "translation_unit": translation_unit, "square_mm": square_mm, "focal_px": focal_px,
        "fov": fov, "baseline_m": baseline_m, "model": model, "max_disparity": max_disparity,
        "min_disparity": min_disparity, "min_confidence": min_confidence, "max_depth": max_depth, "swap": swap,
        "layout": layout,
    }  # fmt: skip
    job = _Job(model, methods, rigs, limits, swap, layout, max_pixels, asked)
    found = search_pairs(left, right)
    if is_many(left):
        return _batch(job, found, output, overwrite)
    refuse_existing(output, RESULT_FILES, overwrite)
    report, lines = job.run(found.pairs[0], output)
    say(lines)
    print(report)
    return 0


def with_card(model: str, card: str | None) -> str:
    """The name of a network with its card, as `load_model` takes it.

    Raises:
        InputError: If there is a card for something else than an ONNX file.
    """
    if card is None:
        return model
    if not model.endswith(".onnx"):
        raise InputError(f"expected an ONNX file as --model for --card {card}, got {model!r}; leave the card out")
    return f"{model}@{card}"


def ranged_methods(
    model: str, largest: int | None, smallest: int | None, threads: int | None, provider: Provider
) -> MethodsByRange:
    """Loads a model for each range of disparities; an unknown model or range is refused before any image is read."""

    def load(largest: int | None, smallest: int) -> StereoMethod:
        return load_model(
            model, "stereo", max_disparity=largest, min_disparity=smallest, threads=threads, provider=provider
        )

    methods = MethodsByRange(load, largest, smallest)
    if largest is not None or smallest is not None:
        methods.prepare()
    return methods


def _batch(job: "_Job", found: FoundPairs, output: Path, overwrite: bool) -> int:
    pairs, given = found.pairs, job.rigs.given
    require_fitting_sizes([pair.left for pair in pairs], given.focal_px, given.fov_deg, given.calibration)
    by_name = {pair.name: pair for pair in pairs}
    say(f"note: {with_options(line)}" for line in found.notes)
    todo, notes = unfinished(output, {pair.name: job.request(pair) for pair in pairs}, overwrite, "pairs")
    say(notes)
    if not todo:
        return 0
    job.methods.prepare()
    make_output_folder(output)
    return run_batch(todo, lambda name: job.run(by_name[name], output / name), "matching", "pairs")


@dataclass(frozen=True, eq=False)
class _Job:
    """Work on each pair of a command."""

    model: str
    methods: MethodsByRange
    rigs: RigMaker
    limits: CloudLimits
    swap: bool
    layout: Layout | None
    max_pixels: int | None
    asked: Mapping[str, object]
    said: set[str] = field(default_factory=set)
    checked: dict[tuple[int, ...], tuple[str, PairCheck]] = field(default_factory=dict)

    def request(self, files: PairFiles) -> dict[str, Any]:
        """Request that decides the result of a pair."""
        return describe_request([files.left, files.right], self.asked)

    def read(self, files: PairFiles) -> ImagePair:
        return read_pair(files.left, files.right, self.swap, self.layout, self.max_pixels)

    def run(self, files: PairFiles, folder: Path) -> tuple[str, tuple[str, ...]]:
        """Reads, matches and writes one pair; returns a line about the result, and what the user must know."""
        ready = self.rigs.ready(self.read(files))
        height, width = ready.left.shape[:2]
        method, range_notes = self.methods.fitting(ready)
        name, notes = self.model, (*ready.notes, *range_notes)
        check_of, check = self.checked.get(ready.left.shape, (files.name, None))
        matched = match_pair(method, ready.left, ready.right, ready.seen, ready.far_px, check)
        calibration, given = self.rigs.given.calibration, self.rigs.given
        if matched.check.fine and (calibration is not None or given.baseline_m is not None):
            # One camera took all pairs: what is fine in one is so in all.
            self.checked.setdefault(ready.left.shape, (files.name, matched.check))
        origin = {
            "left": str(files.left),
            "right": None if files.right is None else str(files.right),
            "swapped_as_asked": self.swap,
            "calibration": None if calibration is None else str(calibration),
            "rectified_here": ready.seen is not None,
            "check_of": check_of,
            **self.request(files),
        }
        summary = summarize(matched, method, name, ready.rig, notes, self.limits)
        write_result(folder, ready.left, matched.disparity, ready.rig, {**origin, **summary}, self.limits)
        report = f"{folder}: {name} on {width}x{height} in {matched.seconds:.2f} s"
        if matched.disparity.confidence is None:
            report += "; no confidence from this method"
        # Of many pairs, what holds for all is said with the first.
        fresh = tuple(note for note in notes if note not in self.said)
        self.said.update(notes)
        lines = *(f"note: {note}" for note in fresh), *warnings(matched.check)
        return report, tuple(with_options(line) for line in lines)
