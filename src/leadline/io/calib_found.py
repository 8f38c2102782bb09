"""Content of a calibration file, in metres: the one place that judges units of length."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from jaxtyping import Float64

from leadline.errors import CalibrationError
from leadline.geometry.rig import StereoRig, UnrectifiedRig

METRES: Final = {"m": 1.0, "cm": 0.01, "mm": 0.001}
"""Metres in each unit of length that a calibration may state."""

SHORTEST_BASELINE_M: Final = 0.005
LONGEST_BASELINE_M: Final = 5.0
"""Between them lie the baselines of stereo cameras: endoscopes reach 4 mm, cars and ships 2 m."""
_USUAL_M: Final = (0.03, 1.5)
_SHORT_M: Final = 0.1
"""Usual baselines below which one ten times as long is as usual."""
_POSSIBLE_M: Final = (0.0005, 100.0)


@dataclass(frozen=True)
class LengthUnit:
    """The unit of a calibration's translation, and who says so.

    Args:
        metres: Metres in one unit.
        name: In words: "mm", "squares of 25 mm".
        stated: Whether the file or the user names it, so that unlikely baselines are believed.
    Raises:
        CalibrationError: If it is not a positive length.
    """

    metres: float
    name: str
    stated: bool

    def __post_init__(self) -> None:
        """Refuses what is no length."""
        if not (np.isfinite(self.metres) and self.metres > 0):
            raise CalibrationError(f"expected a positive unit of length, got {self.metres} m; give m, cm or mm")


def named_unit(name: str) -> LengthUnit:
    """A unit of length as a file or a user states it.

    Raises:
        CalibrationError: If it is not m, cm or mm.
    Example:
        >>> named_unit("mm").metres
        0.001
    """
    if name not in METRES:
        raise CalibrationError(f"expected translation_unit m, cm or mm, got {name[:40]!r}; correct the unit")
    return LengthUnit(METRES[name], name, stated=True)


def square_unit(side_mm: float) -> LengthUnit:
    """The unit of a calibration that was made with squares of side 1: the true side of a square.

    Raises:
        CalibrationError: If it is not a positive length.
    """
    return LengthUnit(side_mm / 1000.0, f"squares of {side_mm:g} mm", stated=True)


def check_baseline(length: float, unit: LengthUnit) -> tuple[str, ...]:
    """Judges a baseline by one rule for all forms.

    Args:
        length: As the file has it, in the unit.
        unit: What it is taken as.
    Returns:
        A note if the baseline is unusual and its unit is only what the form usually has.
    Raises:
        CalibrationError: If no stereo camera has such a baseline; names the units in which one would.
    Example:
        >>> check_baseline(120.0, LengthUnit(1.0, "metres", stated=False))
        Traceback (most recent call last):
        leadline.errors.CalibrationError: expected a baseline from 0.005 to 5 m, got 120 m ...; it would be 0.12 m ...
    """
    metres = length * unit.metres
    least, most = _POSSIBLE_M if unit.stated else (SHORTEST_BASELINE_M, LONGEST_BASELINE_M)
    if metres == 0 or not np.isfinite(metres):
        return ()  # the rig itself refuses it
    others = {name: length * scale for name, scale in METRES.items() if scale != unit.metres}
    likely = {name: m for name, m in others.items() if SHORTEST_BASELINE_M <= m <= LONGEST_BASELINE_M}
    words = ", ".join(f"{m:.4g} m if it is in {name}" for name, m in sorted(likely.items(), key=lambda at: at[1]))
    if not least <= metres <= most:
        mend = f"it would be {words}: state 'translation_unit: {next(iter(likely), 'm')}'" if likely else "check it"
        if len(likely) > 1:
            mend = f"it would be {words}: state the right one, such as 'translation_unit: {_likeliest(likely)}'"
        raise CalibrationError(
            f"expected a baseline from {least:g} to {most:g} m, got {metres:.4g} m ({length:.4g} taken as "
            f"{unit.name}); "
            f"{mend}"
        )
    if unit.stated:
        return ()
    told = f"baseline of {metres:.4g} m ({length:.4g} taken as {unit.name})" + (f"; {words}" if words else "")
    if not _USUAL_M[0] <= metres <= _USUAL_M[1]:
        return (f"unusual {told}",)
    other = any(_USUAL_M[0] <= m <= _USUAL_M[1] for m in others.values())
    return (told,) if metres < _SHORT_M and other and ", as " in unit.name and _is_typed(length) else ()


def _is_typed(length: float) -> bool:
    """Whether someone wrote it by hand: what a calibration finds has more digits."""
    return abs(10.0 * length - round(10.0 * length)) < 1e-9


def _likeliest(metres: dict[str, float]) -> str:
    """The unit whose baseline is nearest to 0.1 m, by ratio."""
    return min(metres, key=lambda name: abs(float(np.log(metres[name] / 0.1))))


@dataclass(frozen=True, eq=False)
class Calibration:
    """The cameras that a file describes.

    Args:
        form: Which form it has, in words.
        rectified: The cameras of rectified images, where the file has them.
        raw: The cameras as they were built, where the file has them.
        notes: What was assumed, one line each.
        disparities: How many disparities the file says to search (Middlebury's ndisp), px of its own images.
        smallest: The smallest disparity that the file says to expect, px of its own images.
    """

    form: str
    rectified: StereoRig | None = None
    raw: UnrectifiedRig | None = None
    notes: tuple[str, ...] = field(default=())
    disparities: int | None = None
    smallest: int | None = None

    def noted(self, notes: Sequence[str]) -> "Calibration":
        """The same with further notes."""
        return replace(self, notes=(*self.notes, *notes))

    @property
    def rig(self) -> StereoRig | UnrectifiedRig:
        """The cameras as they were built if the file has them, else those of rectified images.

        Raises:
            CalibrationError: If the file has neither.
        """
        found = self.raw if self.raw is not None else self.rectified
        if found is None:
            raise CalibrationError(f"expected two cameras, got a {self.form} without; add the second camera's file")
        return found


def scaled_translation(
    translation: Float64[np.ndarray, "3"], unit: LengthUnit
) -> tuple[Float64[np.ndarray, "3"], tuple[str, ...]]:
    """A translation in metres, its length judged by `check_baseline`.

    Raises:
        CalibrationError: As `check_baseline`.
    """
    return translation * unit.metres, check_baseline(float(np.linalg.norm(translation)), unit)
