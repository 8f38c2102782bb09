"""Raw pairs made ready for matching: views in order, rectified by maps that are computed once, and checked at first."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from leadline.cameras.frame import StereoFrame
from leadline.errors import InputError
from leadline.geometry.check import PairCheck, check_pair
from leadline.geometry.rectify import Rectification, rectify
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io.pairs import ImagePair
from leadline.results.rigs import ReadyPair, RigGiven, RigMaker, in_order

_CHECKED: Final = 3
"""Pairs that are checked before one is refused: the first may be dark, or of a plane."""
_MOST_WAITED: Final = 60
"""Blank pairs that are passed by while a camera sets its exposure: two seconds."""
_LEAST_RANGE: Final = 8
"""Grey levels between which an image shows nothing: a covered lens, or a camera that still sets its exposure."""


@dataclass(frozen=True, eq=False)
class ReadyFrame:
    """A rectified pair and what is known of it.

    Args:
        frame: The pair; its rig is the rectified one, or None.
        pair: The same as `leadline.results` takes it.
    """

    frame: StereoFrame
    pair: ReadyPair


@final
class FrameMaker:
    """Makes pairs ready; calibrations are read, and maps are made, once for each size and camera.

    Args:
        given: What the user says of the cameras; it goes before what the source says.
        swap: Exchange the views.
        on_event: Told of notes and doubts, one line each.
    Example:
        >>> from leadline.cameras import FrameMeta
        >>> image = np.zeros((48, 64, 3), np.uint8)
        >>> maker = FrameMaker(RigGiven(fov_deg=90.0, baseline_m=0.1))
        >>> ready = maker.ready(StereoFrame(image, image, 0.0, None, FrameMeta(0, 0.0, "unix")))
        >>> round(ready.frame.rig.left.focal_x_px, 6)
        32.0
    """

    def __init__(
        self, given: RigGiven | None = None, swap: bool = False, on_event: Callable[[str], None] | None = None
    ) -> None:
        self._given, self._swap, self._tell = given or RigGiven(), swap, on_event or _ignore
        self._maker = RigMaker(self._given)
        self._is_given = any(
            value is not None for value in (self._given.calibration, self._given.focal_px, self._given.fov_deg)
        )
        self._maps: tuple[UnrectifiedRig, Rectification] | None = None
        self._said = set[str]()
        self._faults = list[PairCheck]()
        self._to_check = _CHECKED
        self._waited, self._is_begun = 0, False

    def waits(self) -> bool:
        """Whether a blank pair is better passed by: the first pair says whether the images of a calibration are raw."""
        self._waited += 1
        return self._given.calibration is not None and not self._is_begun and self._waited <= _MOST_WAITED

    def ready(self, frame: StereoFrame) -> ReadyFrame:
        """The pair, rectified if its cameras are raw.

        Raises:
            InputError: If three of the first pairs in a row have their views exchanged or are one image twice, or a
                calibration does not fit.
            CalibrationError: If a calibration is unusable.
        """
        if self._swap:
            if frame.rig is not None and not self._is_given:
                raise InputError(
                    "expected a source that does not know its cameras to exchange the views of, got one that does; do "
                    "not swap them"
                )
            frame = replace(frame, left=frame.right, right=frame.left, rig=None)
        self._is_begun = True
        made = self._given_rig(frame) if self._is_given or frame.rig is None else self._own_rig(frame)
        if self._to_check:
            self._check(made)
        if made.pair.rig is None:
            self._note(
                (
                    "the cameras are unknown: disparity without depth; give a calibration, or a field of view and a "
                    "baseline",
                )
            )
        return made

    def _given_rig(self, frame: StereoFrame) -> ReadyFrame:
        found: ReadyPair = self._maker.ready(ImagePair(frame.left, frame.right))
        self._note(found.notes)
        return ReadyFrame(replace(frame, left=found.left, right=found.right, rig=found.rig), found)

    def _own_rig(self, frame: StereoFrame) -> ReadyFrame:
        rig = frame.rig
        if not isinstance(rig, UnrectifiedRig):
            _require_size(rig, frame)
            return ReadyFrame(frame, ReadyPair(frame.left, frame.right, rig, ()))
        if self._maps is None or self._maps[0] is not rig:
            ordered, notes = in_order(rig, None)
            if notes:
                raise InputError(
                    "expected a source whose first camera is the left one, got its cameras exchanged; name the topics "
                    "left and right the other way round"
                )
            self._maps = rig, rectify(ordered)
        maps = self._maps[1]
        left, right = (np.asarray(view, np.uint8) for view in maps.apply(frame.left, frame.right))
        pair = ReadyPair(left, right, maps.rig, (), maps.seen)
        return ReadyFrame(replace(frame, left=left, right=right, rig=maps.rig), pair)

    def _note(self, notes: tuple[str, ...]) -> None:
        for note in notes:
            if note not in self._said:
                self._said.add(note)
                self._tell(f"note: {note}")

    def _check(self, made: ReadyFrame) -> None:
        """Checks a pair; a fine one ends checking, and three faulty ones in a row end the stream."""
        if is_blank(made.frame):
            return
        check = check_pair(made.pair.left, made.pair.right, made.pair.far_px)
        if check.fine:
            self._to_check, self._faults = 0, []
            return
        self._to_check -= 1
        self._faults.append(check)
        if self._to_check:
            return
        for worthless in (_swapped, _one_image):
            if all(worthless(found) for found in self._faults):
                raise InputError(
                    f"expected the left and the right view of a stereo camera, got a source of which {check.verdict}; "
                    f"{check.mend}"
                )
        self._tell(f"warning: {check.verdict}; {check.mend}")


def is_blank(frame: StereoFrame) -> bool:
    """Whether one of the images shows nothing: a covered lens, or a camera that still sets its exposure."""
    return any(int(np.ptp(view[::8, ::8])) <= _LEAST_RANGE for view in (frame.left, frame.right))


def _swapped(check: PairCheck) -> bool:
    return bool(check.swapped)


def _one_image(check: PairCheck) -> bool:
    return bool(check.same_image)


def _ignore(_: str) -> None:
    """Tells nobody."""


def _require_size(rig: StereoRig | None, frame: StereoFrame) -> None:
    """Refuses a source's rig of another size than its images."""
    if rig is not None and (rig.left.height, rig.left.width) != frame.size:
        raise InputError(
            f"expected images of {rig.left.width}x{rig.left.height} as the source's calibration is of, got "
            f"{frame.size[1]}x{frame.size[0]}; give the calibration of these images"
        )
