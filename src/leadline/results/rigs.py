"""Rectified pairs with their cameras, from pairs as they were read and whatever is known of the rig."""

from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Final, final

import numpy as np
from jaxtyping import Bool, UInt8

from leadline.errors import CalibrationError, InputError
from leadline.geometry.check import PairCheck, check_pair
from leadline.geometry.rectify import Rectification, rectify
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io.calib_found import (
    LONGEST_BASELINE_M,
    METRES,
    SHORTEST_BASELINE_M,
    LengthUnit,
    check_baseline,
    named_unit,
    square_unit,
)
from leadline.io.exif import NARROWEST_DEG, WIDEST_DEG, doubtful_focal, field_of_view_deg
from leadline.io.pairs import ImagePair
from leadline.io.rigs import FittedRig, Size, fitted_rig

Image = UInt8[np.ndarray, "_ _ 3"]
Mask = Bool[np.ndarray, "_ _"]

EYES_M: Final = 0.065
"""Baseline that is assumed of a stereo photograph."""
_FINE_OFFSET_PX: Final = 0.5
_SPOILT_PX: Final = 1.0
_DOUBTFUL_PX: Final = 1.5


@dataclass(frozen=True)
class RigGiven:
    """Facts about the cameras from the user; nothing is known if all is absent.

    Args:
        calibration: A calibration file or folder.
        unit: Of the calibration's translation.
        focal_px: Focal length of rectified images, px.
        fov_deg: Field of view across the width of rectified images, degrees.
        baseline_m: Distance of the cameras, metres; needed with a focal length or a field of view.
        alpha: Of the rectification: 0 keeps only what both cameras saw, 1 keeps all.
        both_views: Whether one file holds both views, so that without a baseline that of human eyes is assumed.
    Raises:
        InputError: If these contradict each other or something is missing.
    """

    calibration: Path | None = None
    unit: LengthUnit | None = None
    focal_px: float | None = None
    fov_deg: float | None = None
    baseline_m: float | None = None
    alpha: float = 0.0
    both_views: bool = False

    def __post_init__(self) -> None:
        """Refuses contradictions before any image is read."""
        lens = [value for value in (self.focal_px, self.fov_deg) if value is not None]
        if self.calibration is not None and (lens or self.baseline_m is not None):
            raise InputError("expected a calibration, or a focal length and a baseline, got both; leave one out")
        if len(lens) > 1:
            raise InputError("expected a focal length in pixels or a field of view, got both; leave one out")
        needs_baseline = bool(lens) and not self.both_views
        if (needs_baseline and self.baseline_m is None) or (self.baseline_m is not None and not lens):
            raise InputError(
                "expected a baseline together with a focal length or field of view, got one alone; add both"
            )
        if self.baseline_m is not None:
            if not (np.isfinite(self.baseline_m) and self.baseline_m > 0):
                raise InputError(f"expected a baseline above 0 m, got {self.baseline_m}")
            _require_baseline(self.baseline_m)
        if self.unit is not None and self.calibration is None:
            raise InputError("expected a unit of the translation together with a calibration, got it alone")
        if self.fov_deg is not None and not NARROWEST_DEG <= self.fov_deg <= WIDEST_DEG:
            raise InputError(
                f"expected a field of view from {NARROWEST_DEG:g} to {WIDEST_DEG:g} degrees, got {self.fov_deg:g}"
            )


def _require_baseline(baseline_m: float) -> None:
    """Refuses a baseline that is no metres, and says in which unit it would be one of a camera."""
    if SHORTEST_BASELINE_M <= baseline_m <= LONGEST_BASELINE_M:
        return
    others = {unit: baseline_m * METRES[unit] for unit in ("mm", "cm")}
    fitting = {unit: m for unit, m in others.items() if SHORTEST_BASELINE_M <= m <= LONGEST_BASELINE_M}
    words = ", ".join(f"{baseline_m:g} {unit} would be {m:g} m" for unit, m in fitting.items()) or "measure it"
    raise InputError(
        f"expected a baseline in metres, from {SHORTEST_BASELINE_M:g} to {LONGEST_BASELINE_M:g}, got {baseline_m:g}; "
        f"{words}"
    )


def length_unit(name: str | None, square_mm: float | None) -> LengthUnit | None:
    """The unit of a translation as a user gives it.

    Args:
        name: m, cm or mm.
        square_mm: The side of a square of the board, where the translation is in squares.
    Raises:
        InputError: If both are given, or one is impossible.
    """
    if name is not None and square_mm is not None:
        raise InputError("expected the translation's unit or the side of a square, got both; leave one out")
    try:
        if square_mm is not None:
            return square_unit(square_mm)
        return None if name is None else named_unit(name)
    except CalibrationError as error:
        raise InputError(str(error)) from error


@dataclass(frozen=True, eq=False)
class ReadyPair:
    """A rectified pair and what is known of its cameras.

    Args:
        left: The left image.
        right: The right image.
        rig: The cameras, if known.
        notes: For the user.
        seen: Where each image shows what its camera saw, if it was rectified here.
        largest: The largest disparity to look for, where the calibration says so, px.
        smallest: The smallest disparity to look for, where the calibration says so, px.
    """

    left: Image
    right: Image
    rig: StereoRig | None
    notes: tuple[str, ...]
    seen: tuple[Mask, Mask] | None = None
    largest: int | None = None
    smallest: int | None = None

    @property
    def far_px(self) -> float:
        """Disparity of what is infinitely far away."""
        return 0.0 if self.rig is None else min(0.0, -self.rig.doffs_px)


@final
@dataclass(eq=False)
class RigMaker:
    """Makes pairs ready for matching; files are read and rectifying maps are made once for all pairs of one size.

    Args:
        given: What the user says of the cameras.
    Example:
        >>> image = np.zeros((480, 640, 3), np.uint8)
        >>> ready = RigMaker(RigGiven(fov_deg=90.0, baseline_m=0.12)).ready(ImagePair(image, image))
        >>> round(ready.rig.left.focal_x_px, 6), ready.rig.baseline_m
        (320.0, 0.12)
    """

    given: RigGiven
    _fitted: dict[tuple[Size, Size, bool], FittedRig] = field(default_factory=dict, init=False)
    _maps: dict[tuple[Size, Size, bool], Rectification | None] = field(default_factory=dict, init=False)
    _map_notes: dict[tuple[Size, Size, bool], tuple[str, ...]] = field(default_factory=dict, init=False)

    def ready(self, pair: ImagePair) -> ReadyPair:
        """A pair with its cameras, rectified if its calibration is one of images that are not.

        Raises:
            InputError: If the calibration is of other images.
            CalibrationError: If it is unusable.
        """
        size = pair.left.shape[:2]
        if self.given.calibration is None:
            rig, notes = self._plain_rig(size)
            return ReadyPair(pair.left, pair.right, rig, (*pair.notes, *notes))
        sizes = size, pair.right.shape[:2]
        key = (*sizes, _is_grey(pair.left))
        if key not in self._fitted:
            self._fitted[key] = fitted_rig(self.given.calibration, sizes, self.given.unit, key[2])
        found = self._fitted[key]
        if key not in self._maps:
            self._maps[key], self._map_notes[key] = self._choose(found, pair)
        notes = (*pair.notes, *found.notes, *self._map_notes[key])
        if pair.turned:
            notes += (
                "the images were turned upright by their orientation tag: the calibration must be of images so turned; "
                "remove the tag if it is of the sensor as it lies",
            )
        maps = self._maps[key]
        if maps is None:
            largest = None if found.disparities is None else max(1, found.disparities - 1)
            return ReadyPair(pair.left, pair.right, found.rectified, notes, None, largest, found.smallest)
        left, right = (np.asarray(view, dtype=np.uint8) for view in maps.apply(pair.left, pair.right))
        return ReadyPair(left, right, maps.rig, notes, maps.seen)

    def _plain_rig(self, size: Size) -> tuple[StereoRig | None, tuple[str, ...]]:
        given = self.given
        if given.focal_px is None and given.fov_deg is None:
            return None, ()
        doubts = tuple[str, ...]()
        baseline_m = EYES_M if given.baseline_m is None else given.baseline_m
        if given.fov_deg is not None:
            rig = StereoRig.from_fov(*size, given.fov_deg, baseline_m)
        else:
            angle = field_of_view_deg(given.focal_px or 0.0, float(np.hypot(*size))) if given.focal_px else 0.0
            if not NARROWEST_DEG <= angle <= WIDEST_DEG:
                raise InputError(
                    f"expected a focal length in pixels of the image, got {given.focal_px:g} px: a field of view of "
                    f"{angle:.1f} degrees in {size[1]}x{size[0]}; it is not in mm"
                )
            rig = StereoRig.from_focal(*size, given.focal_px or 0.0, baseline_m)
            doubts = doubtful_focal(given.focal_px or 0.0, angle)
        if given.baseline_m is None:
            doubts += (f"assumed: a baseline of {EYES_M:g} m, of human eyes; depth grows with it: give the baseline",)
        else:
            doubts += check_baseline(baseline_m, LengthUnit(1.0, "metres", stated=False))
        return rig, (
            *doubts,
            f"cameras as given: focal length {rig.left.focal_x_px:.1f} px, baseline {rig.baseline_m:g} m, both optical "
            "axes through the middle of the images",
        )

    def _choose(self, found: FittedRig, pair: ImagePair) -> tuple[Rectification | None, tuple[str, ...]]:
        """The maps that rectify the images, or None where they are rectified."""
        if found.raw is None:
            return None, ()
        check = check_pair(pair.left, pair.right) if pair.left.shape == pair.right.shape else None
        is_rectified = check is not None and _offset(check) <= _FINE_OFFSET_PX
        if found.rectified is not None and is_rectified:
            note = "the calibration has raw and rectified cameras; the images lie on common rows: rectified ones taken"
            return None, (f"{self.given.calibration}: {note}",)
        maps, notes = self._rectification(found.raw, pair, check)
        words = "raw cameras: images rectified here"
        if found.rectified is not None:
            words = "the calibration has raw and rectified cameras; the images are not on common rows: rectified here"
        return maps, (f"{self.given.calibration}: {words}", *notes)

    def _rectification(
        self, raw: UnrectifiedRig, pair: ImagePair, before: PairCheck | None
    ) -> tuple[Rectification, tuple[str, ...]]:
        raw, notes = in_order(raw, self.given.calibration)
        maps = rectify(raw, self.given.alpha)
        after = _offset(check_pair(*maps.apply(pair.left, pair.right)))
        if before is not None and _offset(before) <= _FINE_OFFSET_PX and after > _offset(before) + _SPOILT_PX:
            raise InputError(
                f"expected images as the calibration {self.given.calibration} was made from, got images that are "
                f"rectified "
                f"already (vertical offset {_offset(before):.2f} px, {after:.2f} px after rectifying them again); "
                f"give the "
                "calibration of the rectified images, or the raw images"
            )
        return maps, (*notes, *doubts(maps, pair, after))


def doubts(maps: Rectification, pair: ImagePair, after_px: float) -> tuple[str, ...]:
    """What is to be said of a rectification after which matches do not lie on common rows.

    Args:
        maps: The rectification.
        pair: Whose images were rectified.
        after_px: Their median vertical offset then, infinite where it is not known.
    """
    if after_px <= _DOUBTFUL_PX or not np.isfinite(after_px):
        return ()
    exchanged = np.inf
    if pair.left.shape == pair.right.shape and maps.left_size == maps.right_size:
        exchanged = _offset(check_pair(*maps.apply(pair.right, pair.left)))
    words = f"matches lie {after_px:.1f} px off their rows after rectification"
    if exchanged < after_px / 3.0:
        return (f"warning: {words}, {exchanged:.1f} px if the views are exchanged: exchange LEFT and RIGHT",)
    return (f"warning: {words}: the calibration is not of these images, or the cameras moved since",)


def in_order(raw: UnrectifiedRig, source: Path | None) -> tuple[UnrectifiedRig, tuple[str, ...]]:
    """The rig with its left camera first, and a note if it was the other way round."""
    if not raw.right_first:
        return raw, ()
    note = "its first camera stands on the right: taken as the right one, its second as the left one"
    return raw.exchanged(), (f"{source}: {note}",)


def search_range(
    ready: ReadyPair, largest: int | None, smallest: int | None
) -> tuple[int | None, int, tuple[str, ...]]:
    """Range of disparities to search: as asked, else as the calibration says.

    Args:
        ready: The pair.
        largest: As the user asks, px.
        smallest: As the user asks, px.
    Returns:
        The largest disparity (None for the method's own), the smallest, and notes.
    """
    notes = list[str]()
    if largest is None and ready.largest is not None:
        largest = ready.largest
        notes.append(f"disparities searched to {largest} px: the calibration's ndisp")
    width = ready.left.shape[1]
    if largest is not None and largest >= width:
        notes.append(f"a largest disparity of {largest} px lies beyond the images: searched to {width - 1} px")
        largest = max(1, width - 1)
    if smallest is None:
        smallest = ready.smallest or 0
        if smallest:
            notes.append(f"disparities searched from {smallest} px: the calibration's doffs")
    return largest, smallest, tuple(notes)


def _offset(check: PairCheck) -> float:
    """Median vertical offset in px; infinite where it is not known."""
    return np.inf if check.median_abs_offset_px is None else check.median_abs_offset_px


def _is_grey(image: Image) -> bool:
    sample = image[:: max(1, image.shape[0] // 64), :: max(1, image.shape[1] // 64)].astype(np.int16)
    return bool(ceil(float(np.ptp(sample, axis=2).max())) <= 1)
