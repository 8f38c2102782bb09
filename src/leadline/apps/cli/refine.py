"""`leadline refine`: mends the disparity of any matcher or sensor."""

import sys
import time
from pathlib import Path
from typing import Literal

from leadline.apps.cli.words import with_options
from leadline.io.disparities import read_disparity
from leadline.io.pairs import read_pair
from leadline.io.rigs import rectified_rig
from leadline.maps import DisparityMap
from leadline.results.known_disparity import in_pixels
from leadline.results.matching import refuse_hopeless
from leadline.results.rigs import length_unit
from leadline.results.stereo import RESULT_FILES, CloudLimits, describe_rig, refuse_existing, versions, write_result
from leadline.runtime.onnx_session import Provider
from leadline.runtime.refine import REFINE_MODEL, RefineSession
from leadline.runtime.validity import judged


def refine(
    left: Path,
    right: Path,
    disparity: Path,
    /,
    *,
    calibration: Path | None = None,
    translation_unit: Literal["m", "cm", "mm"] | None = None,
    min_confidence: float = CloudLimits.min_confidence,
    max_depth: float | None = None,
    max_pixels: int | None = None,
    model: str = REFINE_MODEL,
    threads: int | None = None,
    provider: Provider = "cpu",
    output: Path = Path("leadline-output"),
    overwrite: bool = False,
) -> None:
    """Mend the disparity that another matcher or a sensor measured: fill it, sharpen it, and rate every pixel.

    `leadline stereo --model leadline-refine` does this with the disparity of SGBM-3WAY.

    Args:
        left: Left image of a rectified pair.
        right: Right image.
        disparity: Disparity of the left image in px: .pfm or .npy (unknown is not finite, below 0, or beyond the
            image; int16 is OpenCV's sixteenths); 256 times it in a 16-bit .png (unknown is 0, as KITTI has it).
        calibration: Calibration of the rectified images (Middlebury or KITTI calib.txt): adds depth and points.
        translation_unit: Unit of the calibration's translation, where the file states none or a wrong one.
        min_confidence: Least confidence of a pixel that becomes a point of the cloud.
        max_depth: Points of the cloud that are farther away are left out, metres.
        max_pixels: Largest image that is read.
        model: Bundled network, or an ONNX file of ours.
        threads: Threads to use; all processors if absent.
        provider: Where the network runs; never anywhere else than asked for.
        output: Output folder.
        overwrite: Replace results that exist.
    """
    limits, unit = CloudLimits(min_confidence, max_depth), length_unit(translation_unit, None)
    refuse_existing(output, RESULT_FILES, overwrite)
    pair = read_pair(left, right, max_pixels=max_pixels)
    refuse_hopeless(pair.left, pair.right)
    rig, notes = None, pair.notes
    if calibration is not None:
        rig, rig_notes = rectified_rig(calibration, pair.left.shape[:2], unit)
        notes = (*notes, *rig_notes)
    known = read_disparity(disparity)
    found, given_notes = in_pixels(DisparityMap(known.disparity, known.valid), pair.left, pair.right)
    notes = (*notes, *known.notes, *given_notes)
    session = RefineSession(model, threads, provider)
    start = time.perf_counter()
    mended = session(pair.left, pair.right, found)
    seconds = time.perf_counter() - start
    mended = judged(mended, pair.left, pair.right)
    height, width = mended.disparity.shape
    summary = {
        "left": str(left),
        "right": str(right),
        "found": str(disparity),
        "found_share": float(found.valid.mean()),
        "calibration": None if calibration is None else str(calibration),
        **session.description,
        "height": height,
        "width": width,
        "seconds": seconds,
        "rig": None if rig is None else describe_rig(rig),
        "notes": list(notes),
        "versions": versions(),
    }
    write_result(output, pair.left, mended, rig, summary, limits)
    for note in notes:
        print(f"note: {with_options(note)}", file=sys.stderr)
    print(f"{output}: {model} on {width}x{height} in {seconds:.2f} s")
