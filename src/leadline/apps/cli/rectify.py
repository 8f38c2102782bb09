"""`leadline rectify`: matches onto common rows."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np
from jaxtyping import UInt8

from leadline.apps.cli.batch import run_batch, say
from leadline.apps.cli.words import with_options
from leadline.errors import InputError
from leadline.geometry.check import PairCheck, check_pair
from leadline.geometry.rectify import Rectification
from leadline.geometry.rectify import rectify as rectify_calibrated
from leadline.geometry.rig import StereoRig
from leadline.geometry.uncalibrated import rectify_uncalibrated
from leadline.io.atomic import make_output_folder
from leadline.io.calib_found import LengthUnit
from leadline.io.calib_middlebury import write_middlebury_calibration
from leadline.io.images import write_image
from leadline.io.pair_files import PairFiles, is_many, search_pairs
from leadline.io.pairs import ImagePair, Layout, read_pair
from leadline.io.rigs import unrectified_rig
from leadline.results.rigs import doubts, in_order, length_unit
from leadline.results.stereo import refuse_existing, whole_result

_FILES: Final = ("im0.png", "im1.png", "calib.txt")
_BATCH_FILES: Final = ("left", "right", "calib.txt")

Views = tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]]


def rectify(
    left: str,
    right: str | None = None,
    /,
    *,
    calibration: Path | None = None,
    translation_unit: Literal["m", "cm", "mm"] | None = None,
    square_mm: float | None = None,
    uncalibrated: bool = False,
    alpha: float = 0.0,
    output: Path = Path("leadline-rectified"),
    overwrite: bool = False,
    swap: bool = False,
    layout: Layout | None = None,
    max_pixels: int | None = None,
) -> int:
    """Bring the matches of a pair onto common rows: writes im0.png, im1.png and, if calibrated, calib.txt.

    `leadline stereo` takes all three. Without a calibration the turn of the cameras is found from matched features,
    and depth will only be up to scale. Two folders, or two quoted patterns, become folders left and right with one
    calib.txt.

    Args:
        left: Left image; or a folder or quoted pattern of left images.
        right: Right image, folder or pattern. Not needed where LEFT holds both views (.mpo, .jps, side by side).
        calibration: OpenCV YAML, XML or JSON of stereoCalibrate, Kalibr camchain.yaml, EuRoC's folder with cam0 and
            cam1 (or cam0's sensor.yaml), ROS camera_info (left.yaml beside right.yaml), ZED .conf, or OAK-D JSON.
        translation_unit: Unit of the calibration's translation, where the file states none or a wrong one.
        square_mm: Side of a square of the calibration board, mm, where the translation is in squares.
        uncalibrated: Use matched features instead of a calibration.
        alpha: With a calibration: 0 keeps only pixels that both cameras saw, 1 keeps all, with black borders.
        output: Output folder.
        overwrite: Replace files that exist.
        swap: Exchange the views.
        layout: How two views lie in one image.
        max_pixels: Largest image that is read.
    """
    if (calibration is None) != uncalibrated:
        raise InputError("expected either --calibration FILE or --uncalibrated, got both or neither; give one of them")
    unit = length_unit(translation_unit, square_mm)
    if is_many(left):
        files = search_pairs(left, right)
        if calibration is None:
            raise InputError("expected --calibration FILE for many pairs, got --uncalibrated; rectify them one by one")
        refuse_existing(output, _BATCH_FILES, overwrite)
        say(f"note: {line}" for line in files.notes)
        read = partial(read_pair, swap=swap, layout=layout, max_pixels=max_pixels)
        return _Batch(output, partial(_rectification, calibration=calibration, unit=unit, alpha=alpha), read).run(
            files.pairs
        )
    refuse_existing(output, _FILES, overwrite)
    pair = read_pair(left, right, swap, layout, max_pixels)
    found, notes = _rectification(pair, calibration, unit, alpha)
    say(f"note: {with_options(note)}" for note in (*pair.notes, *notes))
    views = _applied(found, pair)
    _write(output, views, found.rig)
    after = check_pair(*views)
    if calibration is not None:
        say(with_options(doubt) for doubt in doubts(found, pair, after.median_abs_offset_px or 0.0))
    print(f"vertical offset before: {_offsets_of(pair)}")
    print(f"vertical offset after:  {_offsets(after)}")
    if after.swapped:
        say((f"WARNING: {with_options(f'{after.verdict}; {after.mend}')}",))
    _describe(found)
    height, width = views[0].shape[:2]
    print(f"{output}: {', '.join(_FILES if found.rig else _FILES[:2])}, {width}x{height}")
    return 0


class _Batch:
    """Rectifies many pairs by one calibration; maps are made once for each size."""

    def __init__(
        self,
        output: Path,
        rectification: Callable[[ImagePair], tuple[Rectification, tuple[str, ...]]],
        read: Callable[[Path, Path | None], ImagePair],
    ) -> None:
        self._output, self._rectification, self._read = output, rectification, read
        self._found: tuple[tuple[int, ...], Rectification] | None = None

    def run(self, pairs: Sequence[PairFiles]) -> int:
        """Rectifies all; returns the exit code."""
        for side in ("left", "right"):
            make_output_folder(self._output / side)
        by_name = {pair.name: pair for pair in pairs}
        code = run_batch([*by_name], lambda name: self._one(by_name[name]), "rectifying", "pairs")
        if self._found is not None:
            _describe(self._found[1])
            print(f"{self._output}: {', '.join(_BATCH_FILES)}")
        return code

    def _one(self, files: PairFiles) -> tuple[str, tuple[str, ...]]:
        pair = self._read(files.left, files.right)
        sizes, notes = (*pair.left.shape[:2], *pair.right.shape[:2]), pair.notes
        if self._found is None:
            found, rig_notes = self._rectification(pair)
            self._found, notes = (sizes, found), (*notes, *rig_notes)
            if found.rig is not None:
                write_middlebury_calibration(self._output / "calib.txt", found.rig)
        if sizes != self._found[0]:
            raise InputError(
                f"expected images of one size, got {sizes[1]}x{sizes[0]} after "
                f"{self._found[0][1]}x{self._found[0][0]}; "
                "rectify recordings of different cameras one by one"
            )
        views = _applied(self._found[1], pair)
        for side, view in zip(("left", "right"), views, strict=True):
            write_image(self._output / side / f"{files.name}.png", view)
        return f"{files.name}: vertical offset {_offsets(check_pair(*views))}", tuple(
            f"note: {with_options(note)}" for note in notes
        )


def _rectification(
    pair: ImagePair, calibration: Path | None, unit: LengthUnit | None, alpha: float
) -> tuple[Rectification, tuple[str, ...]]:
    if calibration is None:
        return rectify_uncalibrated(pair.left, pair.right), ()
    left_size, right_size = pair.left.shape[:2], pair.right.shape[:2]
    rig, notes = unrectified_rig(calibration, (left_size, right_size), unit)
    rig, order_notes = in_order(rig, calibration)
    return rectify_calibrated(rig, alpha), (*notes, *order_notes)


def _applied(found: Rectification, pair: ImagePair) -> Views:
    views = found.apply(pair.left, pair.right)
    return np.asarray(views[0], dtype=np.uint8), np.asarray(views[1], dtype=np.uint8)


def _write(output: Path, views: Views, rig: StereoRig | None) -> None:
    with whole_result(output, _FILES) as place:
        for name, view in zip(_FILES, views, strict=False):
            write_image(place / name, view)
        if rig is not None:
            write_middlebury_calibration(place / "calib.txt", rig)


def _describe(found: Rectification) -> None:
    if found.rig is None:
        print("depth will only be up to scale: without a calibration, focal length and baseline are not known")
    else:
        print(f"focal length {found.rig.left.focal_x_px:.2f} px, baseline {found.rig.baseline_m:.4f} m")


def _offsets_of(pair: ImagePair) -> str:
    if pair.left.shape != pair.right.shape:
        return "not known, the images differ in size"
    return _offsets(check_pair(pair.left, pair.right))


def _offsets(check: PairCheck) -> str:
    """Median and 95th percentile, or why they are not known."""
    if check.median_abs_offset_px is None or check.p95_abs_offset_px is None:
        return f"not known, {check.verdict}"
    return (
        f"median {check.median_abs_offset_px:.2f} px, 95 % {check.p95_abs_offset_px:.2f} px "
        f"({check.matches} matched features)"
    )
