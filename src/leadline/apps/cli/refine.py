"""`leadline refine`: mends the disparity of any matcher or sensor."""

import sys
import time
from pathlib import Path

import numpy as np

from leadline.errors import InputError
from leadline.io.kitti_png import read_kitti_disparity
from leadline.io.npy import read_npy_plane
from leadline.io.pairs import read_pair
from leadline.io.pfm import read_pfm
from leadline.io.rigs import rectified_rig
from leadline.maps import DisparityMap
from leadline.results.matching import refuse_hopeless
from leadline.results.stereo import RESULT_FILES, describe_rig, refuse_existing, versions, write_result
from leadline.runtime.onnx_session import Provider
from leadline.runtime.refine import REFINE_MODEL, RefineSession


def refine(
    left: Path,
    right: Path,
    disparity: Path,
    /,
    *,
    calibration: Path | None = None,
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
        disparity: Disparity of the left image in px: .pfm or .npy (unknown is not finite, or below 0); 256 times it
            in a 16-bit .png (unknown is 0, as KITTI has it).
        calibration: Calibration of the rectified images (Middlebury or KITTI calib.txt): adds depth and points.
        model: Bundled network, or an ONNX file of ours.
        threads: Threads to use; all processors if absent.
        provider: Where the network runs; never anywhere else than asked for.
        output: Output folder.
        overwrite: Replace results that exist.
    """
    refuse_existing(output, RESULT_FILES, overwrite)
    pair = read_pair(left, right)
    refuse_hopeless(pair.left, pair.right)
    rig, notes = None, pair.notes
    if calibration is not None:
        rig, rig_notes = rectified_rig(calibration, pair.left.shape[:2])
        notes = (*notes, *rig_notes)
    found = _read_disparity(disparity)
    session = RefineSession(model, threads, provider)
    start = time.perf_counter()
    mended = session(pair.left, pair.right, found)
    seconds = time.perf_counter() - start
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
    write_result(output, pair.left, mended, rig, summary)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print(f"{output}: {model} on {width}x{height} in {seconds:.2f} s")


def _read_disparity(path: Path) -> DisparityMap:
    """A disparity file by its suffix.

    Raises:
        InputError: If it is of another kind, cannot be read, or nothing in it is known.
    """
    readers = {".pfm": read_pfm, ".npy": read_npy_plane}
    suffix = path.suffix.lower()
    if suffix == ".png":
        values, valid = read_kitti_disparity(path)
    elif suffix in readers:
        values = readers[suffix](path)
        valid = np.isfinite(values) & (values >= 0)
    else:
        raise InputError(
            f"expected a disparity in .pfm, .npy or 16-bit .png, got {path.name}; convert it to one of them"
        )
    if not valid.any():
        raise InputError(f"expected a disparity with known pixels, got none in {path}; check what measured it")
    return DisparityMap(np.where(valid, values, np.float32(-1.0)), valid)
