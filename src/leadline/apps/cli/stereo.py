"""`leadline stereo`: disparity, depth and confidence of one pair or of many."""

from pathlib import Path
from typing import Literal

from leadline.apps.cli.batch import run_batch, say, told
from leadline.apps.cli.words import with_options
from leadline.errors import InputError
from leadline.io.atomic import make_output_folder
from leadline.io.pair_files import FoundPairs, is_many, search_pairs
from leadline.io.pairs import Layout
from leadline.loading import load_model
from leadline.results.methods import MethodsByRange
from leadline.results.request import unfinished
from leadline.results.rigs import RigGiven, RigMaker, length_unit
from leadline.results.sizes import require_fitting_sizes
from leadline.results.stereo import RESULT_FILES, CloudLimits, refuse_existing
from leadline.results.stereo_job import StereoJob
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
    job = StereoJob(model, methods, rigs, limits, swap, layout, max_pixels, asked)
    found = search_pairs(left, right)
    if is_many(left):
        return _batch(job, found, output, overwrite)
    refuse_existing(output, RESULT_FILES, overwrite)
    report, lines = told(job.run(found.pairs[0], output))
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


def _batch(job: StereoJob, found: FoundPairs, output: Path, overwrite: bool) -> int:
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
    return run_batch(todo, lambda name: told(job.run(by_name[name], output / name)), "matching", "pairs")
